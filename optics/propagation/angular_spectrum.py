"""Exact scalar diffraction between parallel planes: the band-limited angular spectrum and its adjoint.

Evanescent waves: the band limit drops them. Without it they decay with the distance, as they do; going backward, where
they would grow without bound, they are dropped.
"""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from optics.propagation.grid import (
    Field,
    Pair,
    Shape,
    as_field,
    complex_dtype,
    convolve,
    frequencies,
    grid_of,
    padded_shape,
)
from optics.propagation.validity import check_angular_spectrum_sampling, check_beam, check_periodic, check_window
from optics.validation import check_number

CENTRED: Pair = (0.0, 0.0)


STRIP_ROWS = 64
"""Rows of a kernel that are worked out at a time, in double precision, so that temporaries stay small."""


def transfer_function(
    shape: Shape,
    *,
    spacing: Pair,
    wavelength: float,
    distance: float,
    band_limited: bool = True,
    shift: Pair = CENTRED,
    dtype: DTypeLike = np.complex128,
) -> Field:
    """Return the factor by which free space multiplies each plane wave.

    .. math:: H(f) = \\exp\\left(2 \\pi i z \\sqrt{\\lambda^{-2} - |f|^2} + 2 \\pi i f \\cdot s\\right)

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the window, margin included.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance z, in metres; negative goes back.
    band_limited : bool, optional
        Whether to drop the light that would leave the window sideways, and evanescent waves. Without, the kernel is
        that of a periodic field, exact at any distance, or of a window that `sampled_distance` allows.
    shift : tuple of float, optional
        Centre s = (s_y, s_x) of the far window, in metres, seen from that of the near one.
    dtype : dtype_like, optional
        complex128 or complex64; the phase is computed in double precision and rounded once.

    Returns
    -------
    ndarray of ``dtype``, shape (y, x)
        Kernel, in the order of the discrete Fourier transform.

    Raises
    ------
    ValueError
        If a number is not finite or out of its range.
    TypeError
        If ``dtype`` is neither of the two.

    Notes
    -----
    Light at f arrives z f / sqrt(1/wavelength^2 - f^2) further on. The band limit keeps what arrives within half a
    window of s along y and along x: for s = 0 what two ellipses share, sec. 3 of [1]_, not the rectangle around it that
    often replaces it, whose corners are aliased; for other s as in [2]_. Without it evanescent waves decay as
    exp(-2 pi z sqrt(f^2 - 1/wavelength^2)), and are dropped where z < 0.

    References
    ----------
    .. [1] K. Matsushima and T. Shimobaba, Opt. Express 17, 19662 (2009). doi:10.1364/OE.17.019662
    .. [2] K. Matsushima, Opt. Express 18, 18453 (2010). doi:10.1364/OE.18.018453
    """
    check_beam(shape, spacing=spacing, wavelength=wavelength, distance=distance)
    for axis, value in zip("yx", shift, strict=True):
        check_number(f"shift along {axis}", value, unit="m")
    wanted = complex_dtype(dtype)
    f_y, f_x = frequencies(shape, spacing=spacing)
    kernel = np.empty(shape, wanted)
    for first in range(0, shape[0], STRIP_ROWS):
        rows = slice(first, first + STRIP_ROWS)
        kernel[rows] = _factor(
            f_y[rows], f_x, wavelength=wavelength, distance=distance, shift=shift,
            half_widths=(shape[0] * spacing[0] / 2, shape[1] * spacing[1] / 2) if band_limited else None,
        )  # fmt: skip
    return kernel


def _factor(
    f_y: NDArray[np.float64],
    f_x: NDArray[np.float64],
    *,
    wavelength: float,
    distance: float,
    shift: Pair,
    half_widths: Pair | None,
) -> NDArray[np.complex128]:
    """Return the factor of plane waves; what leaves a window of the given half widths is dropped."""
    square = f_y**2 + f_x**2
    propagating = square <= wavelength**-2
    root = np.sqrt(np.abs(wavelength**-2 - square))
    # The carrier apart, its whole turns removed: k z is often 1e5 and more, and the rest is small where light is.
    turns = np.fmod(distance / wavelength, 1) - distance * (square / (1 / wavelength + root))
    turns[~propagating] = 0
    kernel = np.exp(2j * np.pi * (turns + (f_y * shift[0] + f_x * shift[1])))
    if half_widths is not None:
        for f, offset, half_width in zip((f_y, f_x), shift, half_widths, strict=True):
            kernel[np.abs(distance * f - offset * root) > half_width * root] = 0
    if not propagating.all():
        dropped = half_widths is not None
        kernel[~propagating] *= _evanescent(root[~propagating], distance=distance, dropped=dropped)
    return np.asarray(kernel)


def _evanescent(decay: NDArray[np.float64], *, distance: float, dropped: bool) -> NDArray[np.float64] | float:
    """Return what is left of evanescent waves after a distance."""
    return 0.0 if dropped or distance < 0 else np.exp(-2 * np.pi * distance * decay)


def angular_spectrum(
    field: ArrayLike,
    *,
    spacing: Pair,
    wavelength: float,
    distance: float,
    pad: int,
    band_limited: bool = True,
    periodic: bool = False,
    shift: Pair = CENTRED,
    highest_frequency: float | None = None,
    workers: int | None = None,
) -> Field:
    """Return the field at a distance, exact within scalar diffraction.

    .. math:: u_z(r) = F^{-1} \\{ H(f) \\, F u_0 \\}(r + s)

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field in the near plane, in float32, float64, complex64 or complex128; the precision is kept.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance z, in metres; negative goes back.
    pad : int
        Width of the window of the transforms over that of the field. From 2 on, light that leaves the field's window
        does not come back from the other side, but for grazing its edge; with 1 it does.
    band_limited : bool, optional
        Whether to drop the light that would leave the padded window sideways, and evanescent waves.
    periodic : bool, optional
        Whether the window is one period of the field: then nothing leaves it, every distance is sampled, and no
        band limit is applied.
    shift : tuple of float, optional
        Centre s = (s_y, s_x) of the far window, in metres, seen from that of the near one.
    highest_frequency : float or None, optional
        Highest frequency that the field holds, in cycles per metre, for the check of sampling without a band limit.
    workers : int or None, optional
        Threads of the transforms.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field in the far plane.

    Raises
    ------
    ValueError
        If half the window holds less than one Fresnel zone, or the kernel without a band limit is undersampled.
    TypeError
        If the field is in another precision.

    Notes
    -----
    Power is conserved where all light propagates and stays in the window (law L1).

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 3.10.
    .. [2] K. Matsushima and T. Shimobaba, Opt. Express 17, 19662 (2009). doi:10.1364/OE.17.019662
    """
    array = as_field(field, spacing=spacing)
    kernel = _checked_kernel(
        array, spacing=spacing, wavelength=wavelength, distance=distance, pad=pad, band_limited=band_limited,
        periodic=periodic, shift=shift, highest_frequency=highest_frequency,
    )  # fmt: skip
    return convolve(array, kernel, pad=pad, workers=workers)


def angular_spectrum_adjoint(
    field: ArrayLike,
    *,
    spacing: Pair,
    wavelength: float,
    distance: float,
    pad: int,
    band_limited: bool = True,
    periodic: bool = False,
    shift: Pair = CENTRED,
    highest_frequency: float | None = None,
    workers: int | None = None,
) -> Field:
    """Return the adjoint of `angular_spectrum`: from the far plane to the near one.

    .. math:: A^H v = F^{-1} \\{ \\bar H(f) \\, F v \\}

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field in the far plane.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance z of the forward map, in metres.
    pad : int
        Width of the window of the transforms over that of the field.
    band_limited : bool, optional
        Whether the forward map drops the light that would leave the padded window.
    periodic : bool, optional
        Whether the window is one period of the field.
    shift : tuple of float, optional
        Centre of the far window, in metres, seen from that of the near one.
    highest_frequency : float or None, optional
        Highest frequency that the field holds, in cycles per metre.
    workers : int or None, optional
        Threads of the transforms.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field in the near plane; for propagating light in its window it undoes the forward map.

    Raises
    ------
    ValueError
        As the forward map does.
    """
    array = as_field(field, spacing=spacing)
    kernel = _checked_kernel(
        array, spacing=spacing, wavelength=wavelength, distance=distance, pad=pad, band_limited=band_limited,
        periodic=periodic, shift=shift, highest_frequency=highest_frequency,
    )  # fmt: skip
    return convolve(array, kernel.conj(), pad=pad, workers=workers)


def _checked_kernel(
    field: Field,
    *,
    spacing: Pair,
    wavelength: float,
    distance: float,
    pad: int,
    band_limited: bool,
    periodic: bool,
    shift: Pair,
    highest_frequency: float | None,
) -> Field:
    """Return the kernel of both directions, once the limits have been consulted."""
    shape = grid_of(field)
    wide = padded_shape(shape, pad=pad)
    check_beam(shape, spacing=spacing, wavelength=wavelength, distance=distance)
    if periodic:
        check_periodic(pad=pad)
    elif band_limited:
        check_window(shape, spacing=spacing, wavelength=wavelength, distance=distance, pad=pad)
    else:
        check_angular_spectrum_sampling(
            shape, spacing=spacing, wavelength=wavelength, distance=distance, pad=pad,
            highest_frequency=highest_frequency,
        )  # fmt: skip
    return transfer_function(
        wide, spacing=spacing, wavelength=wavelength, distance=distance, band_limited=band_limited and not periodic,
        shift=shift, dtype=field.dtype,
    )  # fmt: skip
