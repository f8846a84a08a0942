"""Curves of methods: each has its colour, line style and marker in every figure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from dfa.experiment import METHODS
from optics.plots import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    axis_label,
    draw_curve,
)


class Style(NamedTuple):
    """How a method is drawn.

    Parameters
    ----------
    colour : str
        Colour.
    line : str
        Line style; methods of one colour have different ones.
    """

    colour: str
    line: str


STYLES = {
    "bp": Style(BLACK, "-"),
    "fa": Style(SKY, "-"),
    "dfa": Style(BLUE, "--"),
    "ifa": Style(GREEN, "-."),
    "ternary": Style(ORANGE, "-."),
    "optical": Style(VERMILLION, "-"),
    "drtp": Style(PURPLE, "-"),
    "shallow": Style(GREY, ":"),
    "noisy": Style(GREEN, "--"),
    "photonic": Style(VERMILLION, ":"),
    "intensity": Style(PURPLE, ":"),
}
"""Style of each method, so that a grey copy and a colour-blind reader can tell them apart."""


def draw_method(
    axis: Axes,
    name: str,
    curves: ArrayLike,
    *,
    quantity: str | None = None,
    unit: str = "",
    label: str | None = "",
) -> None:
    """Draw the mean of a method over its seeds against epochs, and the band of its standard error.

    Parameters
    ----------
    axis : Axes
        Axes to draw on.
    name : str
        Short name of the method.
    curves : array_like, shape (seed, epoch)
        A curve for each seed; nothing is drawn where all is NaN.
    quantity : str or None, optional
        What the curves show; None leaves the label of the axis as it is.
    unit : str, optional
        Its unit.
    label : str or None, optional
        Name in the legend; an empty one takes the full name of the method, None leaves the curve out.
    """
    values = np.asarray(curves, np.float64)
    if np.isnan(values).all():
        return
    epochs, mean = np.arange(1, values.shape[1] + 1), values.mean(axis=0)
    band = values.std(axis=0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
    style = STYLES[name]
    text = METHODS[name] if label == "" else label
    draw_curve(
        axis, epochs, mean, colour=style.colour, line_style=style.line, label=text, band=band, x_label="epoch",
        kind="line" if len(epochs) > 1 else "points",
    )  # fmt: skip
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if quantity is not None:
        axis.set_ylabel(axis_label(quantity, unit))
