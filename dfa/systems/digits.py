"""The smallest system: a fully connected network tells the 8 x 8 digits that ship with scikit-learn apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from dfa.data.images import load_digits_dataset
from dfa.experiment import METHODS
from dfa.networks.fully_connected import Activation, fully_connected
from dfa.networks.network import Network
from dfa.systems.settings import build_from, check_tables
from dfa.systems.system import Criterion, Exhibit, Plate
from dfa.tasks.classification import Classification
from optics.plots import BLACK, VERMILLION, canvas, draw_thumbnail

SHOWN = 10
"""Test images that are shown."""


@final
@dataclass(frozen=True, kw_only=True)
class DigitsSystem:
    """A classifier of digits.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    activation : {"tanh", "relu"}, optional
        Activation of the hidden layers.
    """

    hidden: tuple[int, ...]
    activation: Activation = "tanh"

    @property
    def title(self) -> str:
        """What is trained, in a line."""
        return "handwritten digits"

    @property
    def summary(self) -> str:
        """What the network learns from what."""
        layers = " and ".join(str(width) for width in self.hidden)
        return (
            f"A fully connected network (hidden layers of {layers} units, {self.activation}) learns to tell "
            "handwritten digits of 8 x 8 pixels apart: 1797 images that ship with scikit-learn, 360 for the test."
        )

    @property
    def criterion(self) -> Criterion:
        """Accuracy in per cent."""
        return Criterion(curve="accuracy", name="accuracy", unit="%", scale=100.0)

    def task(self, *, seed: int, folder: Path | None) -> Classification:
        """Return the digits as a seed splits them.

        Parameters
        ----------
        seed : int
            Draws the split.
        folder : Path or None
            Not used: the images ship with scikit-learn.

        Returns
        -------
        Classification
            The task.
        """
        return Classification(load_digits_dataset(rng=np.random.default_rng([seed, 0])))

    def network(self, task: Classification, *, rng: np.random.Generator) -> Network:
        """Return a fresh network.

        Parameters
        ----------
        task : Classification
            The task.
        rng : numpy.random.Generator
            Source of the weights.

        Returns
        -------
        Network
            The network.
        """
        sizes = (task.dataset.inputs, *self.hidden, task.dataset.classes)
        return fully_connected(sizes, activation=self.activation, rng=rng)

    def source(self, network: Network) -> int | None:
        """Return the stage whose gradient is projected.

        Parameters
        ----------
        network : Network
            The network.

        Returns
        -------
        int or None
            None: the error at the logits.
        """
        return None

    def show(self, network: Network, task: Classification, *, rng: np.random.Generator) -> Exhibit:
        """Return test images with what the network takes them for.

        Parameters
        ----------
        network : Network
            The trained network.
        task : Classification
            The task.
        rng : numpy.random.Generator
            Not used: every method shows the first test images.

        Returns
        -------
        Exhibit
            Images, their classes, and the classes that are predicted.
        """
        inputs, labels = task.dataset.test_inputs[:SHOWN], task.dataset.test_labels[:SHOWN]
        return Exhibit(
            arrays={"images": inputs.reshape(-1, 8, 8), "classes": labels, "predicted": network.predict(inputs)}
        )

    def draw(self, exhibits: Mapping[str, Exhibit]) -> dict[str, Plate]:
        """Return the images, a line for each method.

        Parameters
        ----------
        exhibits : mapping of str to Exhibit
            Exhibit of each method.

        Returns
        -------
        dict of str to Plate
            One figure.
        """
        with canvas(9.6, 0.95 * len(exhibits) + 0.5) as figure:
            panels = figure.subplots(len(exhibits), SHOWN, squeeze=False)
            for line, (name, exhibit) in zip(panels, exhibits.items(), strict=True):
                shown = zip(line, *(exhibit.arrays[key] for key in ("images", "classes", "predicted")), strict=True)
                for axes, image, label, predicted in shown:
                    draw_thumbnail(axes, image, inverted=True)
                    right = predicted == label
                    text = str(predicted) if right else f"{predicted} (is {label})"
                    axes.set_title(text, color=BLACK if right else VERMILLION, fontsize=8)
                line[0].set_ylabel(METHODS[name].replace(" (", "\n("), rotation=0, ha="right", va="center", fontsize=7)
        caption = "The first test images of one seed, and what each network takes them for; mistakes name the class."
        return {"examples": Plate(figure=figure, caption=caption)}


def make_system(tables: Mapping[str, Any]) -> DigitsSystem:
    """Build the system from its settings.

    Parameters
    ----------
    tables : mapping
        ``layers``: fields of `DigitsSystem`.

    Returns
    -------
    DigitsSystem
        The system.

    Raises
    ------
    ValueError
        If a setting is unknown or missing.
    """
    check_tables(tables, known=("layers",))
    return build_from(DigitsSystem, tables.get("layers", {}), where="[layers]")
