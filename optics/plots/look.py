"""The one look of all figures: in reports for the time of drawing, in notebooks once at the top."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cycler import cycler
from matplotlib import rc_context, rcParams
from matplotlib.figure import Figure

from optics.plots.colours import COLOURS, LEVEL_MAP, LINE_STYLES
from optics.validation import check_number

LOOK: Mapping[str, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "normal",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINE_STYLES),
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.0,
    "errorbar.capsize": 0.0,
    "image.cmap": LEVEL_MAP,
    "image.interpolation": "nearest",
    "hatch.linewidth": 0.6,
    "figure.dpi": 110.0,
    "savefig.facecolor": "white",
}
"""Settings of matplotlib that every figure is drawn in."""


@contextmanager
def look() -> Iterator[None]:
    """Draw in the one look inside a ``with``, and leave the settings of the user as they were.

    Yields
    ------
    None
        Nothing.
    """
    settings: Any = dict(LOOK)
    with rc_context(settings):
        yield


def use_look(*, dpi: float | None = None) -> None:
    """Take the one look for all figures from here on: for notebooks and scripts, not for a library.

    Parameters
    ----------
    dpi : float or None, optional
        Dots per inch of figures that are shown; None takes that of the look.

    Raises
    ------
    ValueError
        If the dots per inch are not positive.
    """
    chosen: Any = dict(LOOK)
    if dpi is not None:
        check_number("dpi", dpi, above=0)
        chosen["figure.dpi"] = float(dpi)
    rcParams.update(chosen)


@contextmanager
def canvas(width: float, height: float) -> Iterator[Figure]:
    """Give an empty figure to draw on in the one look.

    Parameters
    ----------
    width : float
        Width, in inches.
    height : float
        Height, in inches.

    Yields
    ------
    Figure
        A figure that pyplot does not know of, whose panels make room for their labels.

    Raises
    ------
    ValueError
        If a length is not positive.
    """
    check_number("width", width, unit="inch", above=0)
    check_number("height", height, unit="inch", above=0)
    with look():
        yield Figure(figsize=(width, height), layout="constrained")
