"""What stands on axes: quantities over their units, lengths in the unit that reads best."""

from matplotlib.axes import Axes

from optics.validation import check_number

LENGTHS = ((1e-3, "mm"), (1e-6, "µm"), (1e-9, "nm"))
"""Units of length that axes are labelled in."""


def axis_label(quantity: str, unit: str = "") -> str:
    """Return the label of an axis: the quantity over its unit, as in a table of numbers.

    Parameters
    ----------
    quantity : str
        What is drawn.
    unit : str, optional
        Its unit; none for a number without one.

    Returns
    -------
    str
        Label.

    Raises
    ------
    ValueError
        If the quantity is empty.
    """
    if not quantity.strip():
        raise ValueError(f"quantity = {quantity!r}: name what is drawn, e.g. 'counts'")
    return f"{quantity} / {unit}" if unit else quantity


def length_unit(length: float) -> tuple[float, str]:
    """Return the unit in which a length reads best.

    Parameters
    ----------
    length : float
        Largest length that is drawn, in metres.

    Returns
    -------
    factor : float
        The unit, in metres.
    name : str
        Its name.

    Raises
    ------
    ValueError
        If the length is not positive.
    """
    check_number("length", length, unit="m", above=0)
    for factor, name in LENGTHS:
        if length >= 2 * factor:
            return factor, name
    return LENGTHS[-1]


def label_axes(axis: Axes, *, x: str | None, y: str | None) -> None:
    """Write what is given on the axes, and leave the rest as it is.

    Parameters
    ----------
    axis : Axes
        Axes.
    x : str or None
        Label of the horizontal axis.
    y : str or None
        Label of the vertical axis.
    """
    if x is not None:
        axis.set_xlabel(x)
    if y is not None:
        axis.set_ylabel(y)
