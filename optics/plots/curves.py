"""Curves with bands and error bars, laws beside them, and levels that lead the eye."""

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from optics.plots.arguments import series
from optics.plots.colours import BLACK, GREY, LINE_STYLES, MARKERS, colour_of
from optics.plots.labels import label_axes
from optics.validation import check_choice

Kind = Literal["line", "points", "both"]


def draw_curve(
    axis: Axes,
    x: ArrayLike,
    y: ArrayLike,
    *,
    index: int = 0,
    label: str | None = None,
    band: ArrayLike | None = None,
    bars: ArrayLike | None = None,
    kind: Kind = "line",
    colour: Any = None,
    line_style: Any = None,
    x_label: str | None = None,
    y_label: str | None = None,
) -> Line2D:
    """Draw a series: its number picks colour, line style and marker together, so that colour is never alone.

    Parameters
    ----------
    axis : Axes
        Axes to draw on.
    x : array_like, shape (n,)
        Where the points lie.
    y : array_like, shape (n,)
        Their values; NaN leaves a gap.
    index : int, optional
        Number of the series among those of the panel, from 0.
    label : str or None, optional
        Name in the legend.
    band : array_like, shape (n,) or (2, n), or None, optional
        Half-width of a band about the curve, or those below and above.
    bars : array_like, shape (n,) or (2, n), or None, optional
        Half-length of error bars, or those below and above.
    kind : {"line", "points", "both"}, optional
        Whether a line, markers, or both are drawn.
    colour : colour or None, optional
        Colour other than that of the number, as of a method, or of series that have an order.
    line_style : str or tuple or None, optional
        Line style other than that of the number.
    x_label : str or None, optional
        Label of the horizontal axis, with its unit; None leaves it.
    y_label : str or None, optional
        Label of the vertical axis, with its unit; None leaves it.

    Returns
    -------
    Line2D
        The curve.

    Raises
    ------
    ValueError
        If shapes do not fit, the number is negative, or the kind is unknown.
    """
    check_choice("kind", kind, ("line", "points", "both"))
    across = series("x", x)
    up = series("y", y, length=across.size)
    chosen = colour_of(index) if colour is None else colour
    dashes = LINE_STYLES[index % len(LINE_STYLES)] if line_style is None else line_style
    style = "none" if kind == "points" else dashes
    marker = "none" if kind == "line" else MARKERS[index % len(MARKERS)]
    (curve,) = axis.plot(across, up, color=chosen, linestyle=style, marker=marker, label=label)
    if band is not None:
        below, above = _two_sided("band", band, across.size)
        axis.fill_between(across, up - below, up + above, color=chosen, alpha=0.18, linewidth=0)
    if bars is not None:
        lengths = _two_sided("bars", bars, across.size)
        axis.errorbar(across, up, yerr=lengths, fmt="none", ecolor=chosen, elinewidth=0.8)
    label_axes(axis, x=x_label, y=y_label)
    return curve


def draw_law(
    axis: Axes, x: ArrayLike, y: ArrayLike, *, label: str | None = "law", colour: Any = BLACK, index: int = 1
) -> Line2D:
    """Draw what a law says beside what was measured: a thin black line, dashed unless another number is asked for.

    Parameters
    ----------
    axis : Axes
        Axes to draw on.
    x : array_like, shape (n,)
        Where it is drawn.
    y : array_like, shape (n,)
        What it says.
    label : str or None, optional
        Name in the legend.
    colour : colour, optional
        That of the points that it belongs to, where there are several laws.
    index : int, optional
        Number of the line style.

    Returns
    -------
    Line2D
        The line.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    across = series("x", x)
    up = series("y", y, length=across.size)
    style = LINE_STYLES[index % len(LINE_STYLES)]
    (line,) = axis.plot(across, up, color=colour, linestyle=style, linewidth=1.1, label=label)
    return line


def draw_level(axis: Axes, value: float, *, label: str | None = None, vertical: bool = False) -> Line2D:
    """Draw a thin grey line right across: a zero, a limit, what is expected.

    Parameters
    ----------
    axis : Axes
        Axes to draw on.
    value : float
        Where it lies.
    label : str or None, optional
        Name in the legend.
    vertical : bool, optional
        Whether it stands at a place of the horizontal axis.

    Returns
    -------
    Line2D
        The line.
    """
    draw = axis.axvline if vertical else axis.axhline
    return draw(value, color=GREY, linewidth=0.8, linestyle="-" if label is None else ":", label=label, zorder=0.5)


def _two_sided(name: str, widths: ArrayLike, length: int) -> NDArray[np.float64]:
    """Return widths below and above, shape (2, n)."""
    array = np.asarray(widths, np.float64)
    if array.shape not in ((length,), (2, length)):
        raise ValueError(
            f"{name} has shape {array.shape}: give ({length},) for a half-width, or (2, {length}) for those below "
            "and above"
        )
    if (array < 0).any():
        raise ValueError(f"{name} holds {np.nanmin(array):g}: widths are distances from the curve, at least 0")
    return np.broadcast_to(array, (2, length))
