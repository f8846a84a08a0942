"""What multiplies a field by a phase, or its spectrum: thin lens, tilt, shift; each with its adjoint."""

import numpy as np
from numpy.typing import ArrayLike

from optics.propagation.grid import Field, Pair, as_field, convolve, frequencies, grid_of, padded_shape, positions
from optics.propagation.validity import check_beam, check_lens_sampling, check_tilt
from optics.validation import check_number


def thin_lens(field: ArrayLike, *, spacing: Pair, wavelength: float, focal_length: float) -> Field:
    """Return the field behind a thin lens.

    .. math:: u'(r) = e^{-i k |r|^2 / 2 f} \\, u(r)

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field, in float32, float64, complex64 or complex128; the precision is kept.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    focal_length : float
        Focal length f, in metres; negative diverges.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field; the adjoint, and the inverse, is the lens of ``-focal_length``, `thin_lens_adjoint`.

    Raises
    ------
    ValueError
        If the phase turns by more than half a cycle between samples at the edge of the window.

    Notes
    -----
    Paraxial, without thickness and aberration.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 5.1.
    """
    array = as_field(field, spacing=spacing)
    shape = grid_of(array)
    check_beam(shape, spacing=spacing, wavelength=wavelength, distance=focal_length)
    check_lens_sampling(shape, spacing=spacing, wavelength=wavelength, focal_length=focal_length)
    y, x = (
        np.exp(-1j * np.pi * (positions(n, spacing=d) ** 2 / (wavelength * focal_length)))
        for n, d in zip(shape, spacing, strict=True)
    )
    return np.asarray(array * (y[:, np.newaxis] * x).astype(array.dtype))


def thin_lens_adjoint(field: ArrayLike, *, spacing: Pair, wavelength: float, focal_length: float) -> Field:
    """Return the adjoint of `thin_lens`, which undoes it.

    .. math:: u(r) = e^{+i k |r|^2 / 2 f} \\, u'(r)

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field behind the lens.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    focal_length : float
        Focal length f of the forward map, in metres.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field before the lens.
    """
    return thin_lens(field, spacing=spacing, wavelength=wavelength, focal_length=-focal_length)


def tilt(field: ArrayLike, *, spacing: Pair, wavelength: float, direction: Pair) -> Field:
    """Return a field that leaves in another direction.

    .. math:: u'(r) = e^{2 \\pi i \\, s \\cdot r / \\lambda} \\, u(r)

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field, in float32, float64, complex64 or complex128; the precision is kept.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    direction : tuple of float
        Sines (s_y, s_x) of the direction that light along z is sent to: its direction cosines along y and x.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field; nothing is shifted at the origin.

    Raises
    ------
    ValueError
        If the direction is evanescent, or a cycle of the phase has less than two samples.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 3.10.
    """
    array = as_field(field, spacing=spacing)
    shape = grid_of(array)
    check_beam(shape, spacing=spacing, wavelength=wavelength, distance=0.0)
    check_tilt(direction, shape=shape, spacing=spacing, wavelength=wavelength)
    y, x = (
        np.exp(2j * np.pi * (s / wavelength * positions(n, spacing=d)))
        for s, n, d in zip(direction, shape, spacing, strict=True)
    )
    return np.asarray(array * (y[:, np.newaxis] * x).astype(array.dtype))


def tilt_adjoint(field: ArrayLike, *, spacing: Pair, wavelength: float, direction: Pair) -> Field:
    """Return the adjoint of `tilt`, which undoes it.

    .. math:: u(r) = e^{-2 \\pi i \\, s \\cdot r / \\lambda} \\, u'(r)

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Tilted field.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    direction : tuple of float
        Sines (s_y, s_x) of the forward map.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field.
    """
    return tilt(field, spacing=spacing, wavelength=wavelength, direction=(-direction[0], -direction[1]))


def translate(field: ArrayLike, *, spacing: Pair, shift: Pair, pad: int, workers: int | None = None) -> Field:
    """Return a field moved sideways, by any fraction of a sample.

    .. math:: u'(r) = u(r - s) = F^{-1} \\{ e^{-2 \\pi i f \\cdot s} F u \\}

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field, in float32, float64, complex64 or complex128; the precision is kept.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    shift : tuple of float
        Way s = (s_y, s_x), in metres.
    pad : int
        Width of the window of the transforms over that of the field: 1 brings back at one edge what leaves at the
        other, 2 loses it.
    workers : int or None, optional
        Threads of the transforms.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field.

    Raises
    ------
    ValueError
        If the way is longer than the margin allows.

    Notes
    -----
    Exact for what is sampled well. To look at a window off the axis at a distance, give ``shift`` to
    `angular_spectrum`, whose band limit then follows the window.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 2.1: shift theorem.
    """
    array = as_field(field, spacing=spacing)
    shape = grid_of(array)
    for axis, way, count, step in zip("yx", shift, shape, spacing, strict=True):
        check_number(f"shift along {axis}", abs(way), unit="m", at_most=max(pad - 1, 1) * count * step)
    f_y, f_x = frequencies(padded_shape(shape, pad=pad), spacing=spacing)
    kernel = np.exp(-2j * np.pi * (f_y * shift[0])) * np.exp(-2j * np.pi * (f_x * shift[1]))
    return convolve(array, kernel.astype(array.dtype), pad=pad, workers=workers)


def translate_adjoint(field: ArrayLike, *, spacing: Pair, shift: Pair, pad: int, workers: int | None = None) -> Field:
    """Return the adjoint of `translate`: the way back.

    .. math:: A^H v = F^{-1} \\{ e^{2 \\pi i f \\cdot s} F v \\}

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Moved field.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    shift : tuple of float
        Way (s_y, s_x) of the forward map, in metres.
    pad : int
        Width of the window of the transforms over that of the field.
    workers : int or None, optional
        Threads of the transforms.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field.
    """
    return translate(field, spacing=spacing, shift=(-shift[0], -shift[1]), pad=pad, workers=workers)
