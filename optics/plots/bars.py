"""Bars, each with its name, hatched where there are several to a name."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from numpy.typing import ArrayLike

from optics.plots.arguments import series
from optics.plots.colours import BLACK, HATCHES, colour_of
from optics.plots.labels import axis_label
from optics.validation import check_count


def draw_bars(
    axis: Axes,
    names: Sequence[str],
    values: ArrayLike,
    *,
    quantity: str,
    unit: str = "",
    errors: ArrayLike | None = None,
    index: int = 0,
    groups: int = 1,
    label: str | None = None,
    horizontal: bool = True,
    colour: Any = None,
) -> BarContainer:
    """Draw a bar for each name, the first on top or at the left.

    Parameters
    ----------
    axis : Axes
        Axes to draw on.
    names : sequence of str
        Names of the bars.
    values : array_like, shape (n,)
        Their lengths.
    quantity : str
        What the length is.
    unit : str, optional
        Its unit.
    errors : array_like, shape (n,), or None, optional
        Half-length of error bars.
    index : int, optional
        Number of the series, which picks colour and hatch, and with ``groups`` the place beside the others.
    groups : int, optional
        Number of series that share the names, each drawn by a call of its own.
    label : str or None, optional
        Name of the series in the legend.
    horizontal : bool, optional
        Whether bars lie, which leaves room for names.
    colour : colour, sequence of colour or None, optional
        Colour other than that of the number, or one a bar.

    Returns
    -------
    BarContainer
        The bars.

    Raises
    ------
    ValueError
        If shapes do not fit, or there are fewer groups than the number needs.
    """
    lengths = series("values", values, length=len(names))
    spread = None if errors is None else series("errors", errors, length=len(names))
    check_count("groups", groups)
    check_count("index", index, at_least=0)
    thick = 0.8 / groups
    places = np.arange(len(names)) + (index % groups - (groups - 1) / 2) * thick
    chosen = colour_of(index) if colour is None else colour
    hatch = HATCHES[index % len(HATCHES)] if groups > 1 else ""
    looks: dict[str, Any] = {"color": chosen, "hatch": hatch, "edgecolor": "white", "linewidth": 0.0, "label": label}
    looks["error_kw"] = {"ecolor": BLACK, "elinewidth": 0.8, "capsize": 2.0}
    drawn: BarContainer
    if horizontal:
        drawn = axis.barh(places, lengths, height=thick, xerr=spread, **looks)
        axis.set_yticks(range(len(names)), list(names))
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.set_xlabel(axis_label(quantity, unit))
    else:
        drawn = axis.bar(places, lengths, width=thick, yerr=spread, **looks)
        axis.set_xticks(range(len(names)), list(names))
        axis.set_xlim(-0.5, len(names) - 0.5)
        axis.set_ylabel(axis_label(quantity, unit))
    return drawn
