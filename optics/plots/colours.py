"""The colours of all figures, told apart by every kind of eye, and the markers and line styles that go with them."""

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from optics.validation import check_count

BLUE, VERMILLION, SKY, ORANGE = "#0072B2", "#D55E00", "#56B4E9", "#E69F00"
GREEN, BLACK, PURPLE, YELLOW = "#009E73", "#000000", "#CC79A7", "#F0E442"
GREY = "#777777"
"""Lines that lead the eye: a zero, a diagonal, a level."""

COLOURS = (BLUE, VERMILLION, SKY, ORANGE, GREEN, BLACK, PURPLE, YELLOW)
"""Palette of M. Okabe and K. Ito, Color Universal Design (2008), https://jfly.uni-koeln.de/color/.

It stands in the order in which neighbours differ most for every kind of eye.
"""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Markers, one for each colour."""

LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 3)), (0, (3, 1, 1, 1)))
"""Line styles, one for each colour."""

HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---", "++", "oo")
"""Hatches of bars, one for each colour."""

FRAME_MAP = "gray"
"""Colour map of frames and of light: dark is dark."""

LEVEL_MAP = "viridis"
"""Colour map of quantities that have an order."""

SIGNED_MAP = "RdBu_r"
"""Colour map of quantities with a sign; the middle is zero."""

PHASE_MAP = "twilight"
"""Colour map of phases: its two ends are one colour, as -pi and pi are one phase."""


def colour_of(index: int) -> str:
    """Return the colour of a series, which come round again.

    Parameters
    ----------
    index : int
        Number of the series, from 0.

    Returns
    -------
    str
        Colour.

    Raises
    ------
    ValueError
        If the number is negative.
    """
    check_count("index", index, at_least=0)
    return COLOURS[index % len(COLOURS)]


def shades(count: int) -> list[tuple[float, float, float]]:
    """Return colours of series that have an order, from dark to light.

    Parameters
    ----------
    count : int
        Number of series.

    Returns
    -------
    list of tuple of float
        Red, green and blue of each, between 0 and 1; the lightest still shows on white.

    Raises
    ------
    ValueError
        If the number is below 1.
    """
    check_count("count", count)
    rows: NDArray[np.float64] = np.asarray(colormaps[LEVEL_MAP](np.linspace(0.0, 0.85, count)), np.float64)
    return [(float(row[0]), float(row[1]), float(row[2])) for row in rows]
