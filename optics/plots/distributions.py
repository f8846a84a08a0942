"""How values are distributed beside the law that they should follow, and estimates against the truth."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from optics.plots.arguments import series
from optics.plots.colours import GREY, HATCHES, MARKERS, colour_of
from optics.plots.curves import draw_law
from optics.plots.labels import axis_label
from optics.validation import check_choice, check_count

Law = Callable[[NDArray[np.float64]], ArrayLike]
"""Density of a law at values, in one over their unit."""


def draw_histogram(
    axis: Axes,
    values: ArrayLike,
    *,
    quantity: str,
    unit: str = "",
    bins: int | ArrayLike = 60,
    limits: tuple[float, float] | None = None,
    share: Literal["density", "number"] = "density",
    index: int = 0,
    label: str | None = None,
    law: Law | None = None,
    law_label: str | None = "law",
) -> None:
    """Draw how values are distributed, and the law that they should follow.

    Parameters
    ----------
    axis : Axes
        Axes to draw on.
    values : array_like
        Real values of any shape; those that are not finite are left out.
    quantity : str
        What they are.
    unit : str, optional
        Their unit.
    bins : int or array_like, optional
        Number of bins, or their edges.
    limits : tuple of float or None, optional
        Smallest and largest value of bins that are counted; None takes those of the values.
    share : {"density", "number"}, optional
        Whether the area is one, or bins hold numbers of values.
    index : int, optional
        Number of the series among those of the panel.
    label : str or None, optional
        Name in the legend.
    law : callable or None, optional
        Density of the law at values; with numbers it is scaled to theirs.
    law_label : str or None, optional
        Name of the law in the legend.

    Raises
    ------
    TypeError
        If values are complex.
    ValueError
        If there are none, or ``share`` is unknown.
    """
    check_choice("share", share, ("density", "number"))
    flat = series("values", np.asarray(values).ravel())
    known = flat[np.isfinite(flat)]
    if not known.size:
        raise ValueError(f"values: none of {flat.size} is finite; give at least one that is")
    cells: Any = bins
    if isinstance(cells, int):
        check_count("bins", cells)
    number, edges = np.histogram(known, bins=cells, range=limits)
    per_value = 1.0 if share == "number" else 1.0 / (known.size * np.diff(edges))
    colour, hatch = colour_of(index), HATCHES[index % len(HATCHES)]
    axis.stairs(number * per_value, edges, fill=True, facecolor=colour, alpha=0.35, hatch=hatch, edgecolor=colour, lw=0)
    axis.stairs(number * per_value, edges, color=colour, label=label, linewidth=1.0)
    if law is not None:
        fine = np.linspace(edges[0], edges[-1], 400)
        scale = 1.0 if share == "density" else known.size * float(np.diff(edges).mean())
        draw_law(axis, fine, scale * np.asarray(law(fine), np.float64), label=law_label)
    axis.set_xlabel(axis_label(quantity, unit))
    axis.set_ylabel("number of values" if share == "number" else axis_label("density", f"(1/{unit})" if unit else ""))


def draw_scatter(
    axis: Axes,
    truth: ArrayLike,
    estimate: ArrayLike,
    *,
    quantity: str,
    unit: str = "",
    bars: ArrayLike | None = None,
    index: int = 0,
    label: str | None = None,
    names: tuple[str, str] = ("true", "estimated"),
) -> None:
    """Draw estimates against the truth, with the diagonal on which they should lie.

    Parameters
    ----------
    axis : Axes
        Axes to draw on, made square.
    truth : array_like
        True values of any shape.
    estimate : array_like, the shape of ``truth``
        Estimated ones.
    quantity : str
        What they are.
    unit : str, optional
        Their unit.
    bars : array_like, the shape of ``truth``, or None, optional
        Standard errors of the estimates.
    index : int, optional
        Number of the series among those of the panel.
    label : str or None, optional
        Name in the legend.
    names : tuple of str, optional
        What is said before the quantity on the two axes.

    Raises
    ------
    TypeError
        If values are complex.
    ValueError
        If shapes do not fit.
    """
    across = series("truth", np.asarray(truth).ravel())
    up = series("estimate", np.asarray(estimate).ravel(), length=across.size)
    spread = None if bars is None else series("bars", np.asarray(bars).ravel(), length=across.size)
    if not np.isfinite(across + up).any():
        raise ValueError(f"truth and estimate: none of {across.size} pairs is finite; give at least one that is")
    low = float(min(np.nanmin(across), np.nanmin(up)))
    high = float(max(np.nanmax(across), np.nanmax(up)))
    room = 0.05 * (high - low) or 1.0
    span = (low - room, high + room)
    axis.plot(span, span, color=GREY, linewidth=0.8, linestyle="-", zorder=0.5)
    axis.errorbar(
        across, up, yerr=spread, fmt=MARKERS[index % len(MARKERS)], color=colour_of(index), markersize=2.5,
        elinewidth=0.6, alpha=0.6, label=label, linestyle="none",
    )  # fmt: skip
    axis.set(xlim=span, ylim=span, aspect="equal")
    axis.set_xlabel(axis_label(f"{names[0]} {quantity}", unit))
    axis.set_ylabel(axis_label(f"{names[1]} {quantity}", unit))
