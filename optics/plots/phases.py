"""Pictures of phases and of complex fields, on a colour map that comes round as a phase does."""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike, NDArray

from optics.plots.arguments import picture
from optics.plots.colours import PHASE_MAP
from optics.plots.images import bar, show_pixels
from optics.plots.labels import axis_label
from optics.validation import check_number

PHASE_TICKS = ((-math.pi, -math.pi / 2, 0.0, math.pi / 2, math.pi), ("−π", "−π/2", "0", "π/2", "π"))
"""Ticks of a colour bar of phases, in radians, and how they are written."""

NO_AMPLITUDE = (0.5, 0.5, 0.5)
"""What a field of no amplitude is drawn in: a grey that no phase has."""


def draw_phase(
    axis: Axes,
    field: ArrayLike,
    *,
    pitch: float | tuple[float, float] | None = None,
    colour_bar: bool = True,
) -> AxesImage:
    """Draw phases between -pi and pi on a cyclic colour map.

    Parameters
    ----------
    axis : Axes
        Axes to draw on.
    field : array_like, shape (y, x)
        A complex field, or real phases in radians, which are taken modulo a turn; NaN is grey.
    pitch : float, tuple of float or None, optional
        Spacing (dy, dx) of pixels in metres; None counts pixels.
    colour_bar : bool, optional
        Whether a colour bar says what colours mean.

    Returns
    -------
    AxesImage
        The picture.

    Raises
    ------
    ValueError
        If the field has not two axes, or the pitch is not positive.
    """
    phase = wrapped(picture("field", field))
    image = show_pixels(axis, phase, pitch=pitch, cmap=PHASE_MAP, limits=(-math.pi, math.pi))
    if colour_bar:
        made = bar(axis, image, axis_label("phase", "rad"))
        made.set_ticks(PHASE_TICKS[0], labels=PHASE_TICKS[1])
    return image


def draw_field(
    axis: Axes,
    field: ArrayLike,
    *,
    unit: str,
    quantity: str = "amplitude",
    pitch: float | tuple[float, float] | None = None,
    largest: float | None = None,
    colour_bar: bool = True,
) -> AxesImage:
    """Draw a complex field in one picture: the colour is its phase, and it fades into grey as its amplitude falls.

    Parameters
    ----------
    axis : Axes
        Axes to draw on.
    field : array_like of complex, shape (y, x)
        The field.
    unit : str
        Unit of its amplitude; an empty one for a number without any.
    quantity : str, optional
        What the amplitude is.
    pitch : float, tuple of float or None, optional
        Spacing (dy, dx) of pixels in metres; None counts pixels.
    largest : float or None, optional
        Amplitude from which on colours are full; None takes the largest.
    colour_bar : bool, optional
        Whether a key beside the picture says what colours mean: amplitude to the right, phase upwards.

    Returns
    -------
    AxesImage
        The picture.

    Raises
    ------
    ValueError
        If the field has not two axes, the pitch is not positive, or ``largest`` is not.
    """
    array = picture("field", field)
    top = float(np.nanmax(np.abs(array))) if largest is None else largest
    if largest is None and top == 0:
        top = 1.0
    check_number("largest", top, above=0)
    image = show_pixels(axis, field_colours(array, largest=top), pitch=pitch, cmap=None, limits=None)
    if colour_bar:
        _draw_key(axis, top, label=axis_label(quantity, unit))
    return image


def field_colours(field: ArrayLike, *, largest: float) -> NDArray[np.float64]:
    """Return the colours of a complex field.

    .. math:: c = g + \\min(|S| / S_0, 1) (c(\\arg S) - g)

    Parameters
    ----------
    field : array_like of complex, shape (y, x)
        The field S.
    largest : float
        Amplitude S_0 from which on colours are full.

    Returns
    -------
    ndarray of float64, shape (y, x, 3)
        Red, green and blue between 0 and 1; g is a grey.

    Raises
    ------
    ValueError
        If the field has not two axes or ``largest`` is not positive.
    """
    check_number("largest", largest, above=0)
    array = picture("field", field)
    full = np.asarray(colormaps[PHASE_MAP](wrapped(array) / (2 * math.pi) + 0.5), np.float64)[..., :3]
    share = np.nan_to_num(np.minimum(np.abs(array) / largest, 1.0))[..., np.newaxis]
    grey = np.array(NO_AMPLITUDE)
    return np.asarray(grey + share * (full - grey), np.float64)


def wrapped(field: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the phase of a field, or phases modulo a turn.

    Parameters
    ----------
    field : ndarray
        Complex field, or real phases in radians.

    Returns
    -------
    ndarray of float64
        Phases between -pi and pi, in radians.
    """
    if field.dtype.kind == "c":
        return np.asarray(np.angle(field.astype(np.complex128)), np.float64)
    phase = np.asarray(field, np.float64)
    return np.asarray(np.remainder(phase + math.pi, 2 * math.pi) - math.pi, np.float64)


def _draw_key(axis: Axes, largest: float, *, label: str) -> None:
    """Draw what colours mean beside a picture of a field."""
    key = axis.inset_axes((1.04, 0.0, 0.16, 1.0))
    phase, share = np.meshgrid(np.linspace(-math.pi, math.pi, 129), np.linspace(0, 1, 33), indexing="ij")
    colours = field_colours(share * np.exp(1j * phase), largest=1.0)
    key.imshow(colours, extent=(0.0, largest, -math.pi, math.pi), origin="lower", aspect="auto")
    key.yaxis.tick_right()
    key.yaxis.set_label_position("right")
    key.set_yticks(*PHASE_TICKS)
    key.set_xticks([0.0, largest], ["0", f"{largest:.3g}"])
    key.xaxis.tick_top()
    key.xaxis.set_label_position("top")
    key.set_xlabel(label, fontsize="small", loc="left")
    key.set_ylabel(axis_label("phase", "rad"))
    key.spines[:].set(visible=True, linewidth=0.5)
