"""What a regression from maps to a map shows: one truth, what each method predicts, and where it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from numpy.typing import NDArray

from dfa.experiment import METHODS
from dfa.method_curves import draw_method
from dfa.stages.layers import Floats
from optics.plots import canvas, draw_surface

MAP_WIDTH = 2.6
"""Width of a map in a figure, in inches."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FieldExample:
    """One map and its predictions.

    Parameters
    ----------
    truth : ndarray, shape (y, x)
        The true map.
    predictions : mapping of str to ndarray
        For each method, by its short name, the predicted map.
    latitude, longitude : ndarray
        Places of the points along y and x, in degrees.
    unit : str
        Unit of the maps.

    Raises
    ------
    ValueError
        If a map has not the shape of the truth, or the places do not fit it.
    """

    truth: Floats
    predictions: Mapping[str, Floats]
    latitude: Floats
    longitude: Floats
    unit: str

    def __post_init__(self) -> None:
        """Check the shapes."""
        wanted = (len(self.latitude), len(self.longitude))
        for name, values in {"truth": self.truth, **self.predictions}.items():
            if values.shape != wanted:
                raise ValueError(f"FieldExample: {name} has shape {values.shape}; the places ask for {wanted}")


def typical_map(truth: Floats, predictions: Mapping[str, Floats], *, latitude: Floats) -> int:
    """Return which of several maps every method predicts neither well nor badly.

    Parameters
    ----------
    truth : ndarray, shape (sample, y, x)
        The true maps.
    predictions : mapping of str to ndarray, shape (sample, y, x)
        For each method the predicted maps.
    latitude : ndarray, shape (y,)
        Places of the points along y, in degrees.

    Returns
    -------
    int
        Index of the map. A method ranks the maps by their root mean square error over the area; at this map the rank
        that is farthest from the median is nearer to it than at every other map. For one method it is the median.

    Raises
    ------
    ValueError
        If there is no map or no method, or the shapes differ.
    """
    if not predictions or len(truth) == 0:
        raise ValueError("typical_map: no map or no method to choose by; give at least one of each")
    farthest = np.zeros(len(truth))
    for name, predicted in predictions.items():
        if predicted.shape != truth.shape:
            raise ValueError(
                f"typical_map: {name} has shape {predicted.shape}, the truth {truth.shape}; give it the same"
            )
        order = np.argsort(rms_over_area(predicted - truth, latitude=latitude), kind="stable")
        farthest[order] = np.maximum(farthest[order], np.abs(np.arange(len(truth)) - len(truth) // 2))
    return int(np.argmin(farthest))


def rms_over_area(maps: Floats, *, latitude: Floats) -> NDArray[np.float64]:
    r"""Return root mean squares over the area of the globe.

    .. math:: \sqrt{\sum m^2 \cos\theta / \sum \cos\theta}

    Parameters
    ----------
    maps : ndarray, shape (..., y, x)
        The maps m.
    latitude : ndarray, shape (y,)
        Latitude theta of the points along y, in degrees.

    Returns
    -------
    ndarray, shape (...)
        One number a map.
    """
    area = np.cos(np.radians(latitude.astype(np.float64)))
    squares = np.square(maps, dtype=np.float64).mean(axis=-1) @ (area / area.sum())
    return np.asarray(np.sqrt(squares))


def draw_example(example: FieldExample) -> Figure:
    """Draw the truth, every prediction and its error.

    Parameters
    ----------
    example : FieldExample
        The maps.

    Returns
    -------
    Figure
        Two lines of maps: values, and predictions less the truth; each line in one scale.
    """
    with canvas(MAP_WIDTH * (1 + len(example.predictions)), 4.4) as figure:
        _draw_maps(figure, example)
    return figure


def draw_losses(curves: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw the loss of each method against epochs, with the band of the standard error over the seeds.

    Parameters
    ----------
    curves : mapping of str to ndarray, shape (seed, epoch)
        For each method, by its short name, the mean squared error after each epoch.

    Returns
    -------
    Figure
        One set of axes, logarithmic.
    """
    with canvas(5.6, 3.8) as figure:
        _draw_curves(figure.add_subplot(), curves)
    return figure


def draw_comparison(example: FieldExample, curves: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw the losses beside the example: one figure of a comparison of methods.

    Parameters
    ----------
    example : FieldExample
        The maps.
    curves : mapping of str to ndarray, shape (seed, epoch)
        For each method, by its short name, the mean squared error after each epoch.

    Returns
    -------
    Figure
        What `draw_losses` draws on the left, what `draw_example` draws on the right.
    """
    widths = [4.4, MAP_WIDTH * (1 + len(example.predictions))]
    with canvas(sum(widths), 4.4) as figure:
        parts: Any = figure.subfigures(1, 2, width_ratios=widths)
        _draw_curves(parts[0].add_subplot(), curves)
        _draw_maps(parts[1], example)
    return figure


def _draw_maps(figure: FigureBase, example: FieldExample) -> None:
    """Draw the two lines of maps."""
    errors = {name: predicted - example.truth for name, predicted in example.predictions.items()}
    axes = figure.subplots(2, 1 + len(errors), sharex=True, sharey=True, squeeze=False)
    top = _draw_line(axes[0], {"truth": example.truth, **example.predictions}, example)
    bottom = _draw_line(axes[1, 1:], errors, example)
    axes[1, 0].set_axis_off()
    figure.colorbar(top, ax=list(axes[0]), label=f"value / {example.unit}")
    figure.colorbar(bottom, ax=list(axes[1]), label=f"error / {example.unit}")
    for name, plot in zip(errors, axes[1, 1:], strict=True):
        rms = rms_over_area(errors[name], latitude=example.latitude)
        plot.set(title=f"rms error {rms:.2g} {example.unit}", xlabel="longitude / °")
        plot.title.set_size(9)
        plot.tick_params(labelleft=plot is axes[1, 1], labelbottom=True)
    for plot in (axes[0, 0], axes[1, 1]):
        plot.set_ylabel("latitude / °")


def _draw_curves(axes: Axes, curves: Mapping[str, NDArray[np.float64]]) -> None:
    """Draw a curve and its band for each method."""
    for name, losses in curves.items():
        draw_method(axes, name, losses, quantity="validation mean squared error", unit="variance")
    seeds = max((len(losses) for losses in curves.values()), default=1)
    axes.set(yscale="log", title="one seed" if seeds == 1 else "mean over seeds ± standard error")
    axes.legend()


def _draw_line(axes: NDArray[Any], maps: Mapping[str, Floats], example: FieldExample) -> Any:
    """Draw maps side by side in one scale that is symmetric about zero."""
    largest = max(float(np.abs(values).max()) for values in maps.values())
    image = None
    for plot, (name, values) in zip(axes, maps.items(), strict=True):
        image = draw_surface(
            plot, values, x=example.longitude, y=example.latitude, x_label="", y_label="", quantity="value",
            unit=example.unit, signed=True, limits=(-largest, largest), colour_bar=False,
        )  # fmt: skip
        plot.set_title(METHODS.get(name, name), fontsize=9)
    return image
