"""Pictures of arrays: frames, intensities, maps of a quantity, each with a colour bar that names its unit."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike, NDArray

from optics.plots.arguments import real_picture, series
from optics.plots.colours import FRAME_MAP, LEVEL_MAP, SIGNED_MAP
from optics.plots.labels import axis_label, label_axes, length_unit
from optics.validation import check_number

BAD = "0.5"
"""Grey of pixels that have no value."""


def draw_frame(
    axis: Axes,
    counts: ArrayLike,
    *,
    quantity: str = "counts",
    unit: str = "DN",
    pitch: float | tuple[float, float] | None = None,
    limits: tuple[float, float] | None = None,
    colour_bar: bool = True,
) -> AxesImage:
    """Draw a frame or an intensity in grey.

    Parameters
    ----------
    axis : Axes
        Axes to draw on.
    counts : array_like, shape (y, x)
        The frame.
    quantity : str, optional
        What a pixel holds.
    unit : str, optional
        Its unit.
    pitch : float, tuple of float or None, optional
        Spacing (dy, dx) of pixels in metres; None counts pixels.
    limits : tuple of float or None, optional
        Values that are drawn black and white; None takes the smallest and the largest.
    colour_bar : bool, optional
        Whether a colour bar says what grey means.

    Returns
    -------
    AxesImage
        The picture.

    Raises
    ------
    TypeError
        If the frame is complex.
    ValueError
        If it has not two axes, or the pitch is not positive.
    """
    frame = real_picture("counts", counts)
    image = show_pixels(axis, frame, pitch=pitch, cmap=FRAME_MAP, limits=limits)
    if colour_bar:
        bar(axis, image, axis_label(quantity, unit))
    return image


def draw_map(
    axis: Axes,
    values: ArrayLike,
    *,
    quantity: str,
    unit: str = "",
    signed: bool = False,
    pitch: float | tuple[float, float] | None = None,
    limits: tuple[float, float] | None = None,
    colour_bar: bool = True,
) -> AxesImage:
    """Draw a map of a quantity over pixels in colours that have an order.

    Parameters
    ----------
    axis : Axes
        Axes to draw on.
    values : array_like, shape (y, x)
        The quantity; NaN is grey.
    quantity : str
        What it is.
    unit : str, optional
        Its unit.
    signed : bool, optional
        Whether zero is the middle of the colours: blue below, red above.
    pitch : float, tuple of float or None, optional
        Spacing (dy, dx) of pixels in metres; None counts pixels.
    limits : tuple of float or None, optional
        Values at the ends of the colours; None takes the smallest and the largest, or of signed ones the largest
        modulus.
    colour_bar : bool, optional
        Whether a colour bar says what colours mean.

    Returns
    -------
    AxesImage
        The picture.

    Raises
    ------
    TypeError
        If the values are complex.
    ValueError
        If they have not two axes, or the pitch is not positive.
    """
    array = real_picture("values", values)
    chosen = _balanced(array) if signed and limits is None else limits
    image = show_pixels(axis, array, pitch=pitch, cmap=SIGNED_MAP if signed else LEVEL_MAP, limits=chosen)
    if colour_bar:
        bar(axis, image, axis_label(quantity, unit))
    return image


def draw_surface(
    axis: Axes,
    values: ArrayLike,
    *,
    x: ArrayLike,
    y: ArrayLike,
    x_label: str,
    y_label: str,
    quantity: str,
    unit: str = "",
    signed: bool = False,
    limits: tuple[float, float] | None = None,
    colour_bar: bool = True,
) -> QuadMesh:
    """Draw a quantity over two others as a field of coloured tiles.

    Parameters
    ----------
    axis : Axes
        Axes to draw on.
    values : array_like, shape (y, x)
        The quantity; NaN is left white.
    x : array_like, shape (x,)
        Where the columns lie.
    y : array_like, shape (y,)
        Where the rows lie.
    x_label : str
        Label of the horizontal axis, with its unit.
    y_label : str
        Label of the vertical axis, with its unit.
    quantity : str
        What the colours are.
    unit : str, optional
        Its unit.
    signed : bool, optional
        Whether zero is the middle of the colours.
    limits : tuple of float or None, optional
        Values at the ends of the colours.
    colour_bar : bool, optional
        Whether a colour bar says what colours mean.

    Returns
    -------
    QuadMesh
        The tiles.

    Raises
    ------
    TypeError
        If the values are complex.
    ValueError
        If shapes do not fit.
    """
    array = real_picture("values", values)
    across, down = series("x", x, length=array.shape[1]), series("y", y, length=array.shape[0])
    low, high = limits if limits is not None else _balanced(array) if signed else (None, None)
    colours = SIGNED_MAP if signed else LEVEL_MAP
    tiles = axis.pcolormesh(across, down, array, shading="nearest", cmap=colours, vmin=low, vmax=high, rasterized=True)
    label_axes(axis, x=x_label, y=y_label)
    axis.spines[:].set(visible=True, linewidth=0.5)
    if colour_bar:
        bar(axis, tiles, axis_label(quantity, unit))
    return tiles


def draw_thumbnail(
    axis: Axes, values: ArrayLike, *, limits: tuple[float, float] | None = None, inverted: bool = False
) -> AxesImage:
    """Draw a small picture that needs no scale, such as a digit, without ticks.

    Parameters
    ----------
    axis : Axes
        Axes to draw on.
    values : array_like, shape (y, x)
        The picture.
    limits : tuple of float or None, optional
        Values that are drawn black and white; None takes the smallest and the largest.
    inverted : bool, optional
        Whether large values are dark, as ink is.

    Returns
    -------
    AxesImage
        The picture.

    Raises
    ------
    TypeError
        If the values are complex.
    ValueError
        If they have not two axes.
    """
    colours = f"{FRAME_MAP}_r" if inverted else FRAME_MAP
    image = show_pixels(axis, real_picture("values", values), pitch=None, cmap=colours, limits=limits)
    axis.set(xticks=[], yticks=[], xlabel="", ylabel="")
    axis.spines[:].set_visible(False)
    return image


def show_pixels(
    axis: Axes,
    values: NDArray[Any],
    *,
    cmap: str | None,
    pitch: float | tuple[float, float] | None,
    limits: tuple[float, float] | None,
) -> AxesImage:
    """Draw pixels with rows downwards and label the axes: the middle of the first pixel lies at zero.

    Parameters
    ----------
    axis : Axes
        Axes to draw on.
    values : ndarray, shape (y, x) or (y, x, 3)
        Values, or colours.
    cmap : str or None
        Colour map; None for colours.
    pitch : float, tuple of float or None
        Spacing (dy, dx) of pixels in metres; None counts pixels.
    limits : tuple of float or None
        Values at the ends of the colour map.

    Returns
    -------
    AxesImage
        The picture.

    Raises
    ------
    ValueError
        If the pitch is not positive.
    """
    (step_y, step_x), unit = _steps(pitch, values.shape[:2])
    rows, columns = values.shape[:2]
    extent = (-0.5 * step_x, (columns - 0.5) * step_x, (rows - 0.5) * step_y, -0.5 * step_y)
    low, high = limits if limits is not None else (None, None)
    shown = values.astype(np.float64) if values.dtype.kind == "b" else values
    image = axis.imshow(
        shown, cmap=cmap, vmin=low, vmax=high, extent=extent, interpolation="nearest", origin="upper", aspect="equal"
    )
    if cmap is not None:
        image.set_cmap(image.get_cmap().with_extremes(bad=BAD))
    axis.spines[:].set(visible=True, linewidth=0.5)
    names = ("column", "row") if pitch is None else ("x", "y")
    label_axes(axis, x=axis_label(names[0], unit), y=axis_label(names[1], unit))
    return image


def bar(axis: Axes, drawn: Any, label: str) -> Any:
    """Set a colour bar beside what was drawn.

    Parameters
    ----------
    axis : Axes
        Axes that the bar belongs to.
    drawn : ScalarMappable
        What was drawn.
    label : str
        What the colours mean, with the unit.

    Returns
    -------
    Colorbar
        The bar.
    """
    place = axis.inset_axes((1.03, 0.0, 0.05, 1.0))  # as high as the picture, whatever its shape
    made = axis.figure.colorbar(drawn, cax=place, label=label)
    made.outline.set_linewidth(0.5)
    return made


def _steps(pitch: float | tuple[float, float] | None, shape: tuple[int, ...]) -> tuple[tuple[float, float], str]:
    """Return the spacing of pixels in the unit of the axes, and that unit."""
    if pitch is None:
        return (1.0, 1.0), "pixel"
    dy, dx = pitch if isinstance(pitch, tuple) else (pitch, pitch)
    for name, step in (("pitch dy", dy), ("pitch dx", dx)):
        check_number(name, step, unit="m", above=0)
    factor, unit = length_unit(max(dy * shape[0], dx * shape[1]))
    return (dy / factor, dx / factor), unit


def _balanced(values: NDArray[Any]) -> tuple[float, float]:
    """Return limits about zero that hold all values."""
    known = np.abs(values[np.isfinite(values)])
    largest = float(known.max()) if known.size and known.max() > 0 else 1.0
    return -largest, largest
