"""A lens as a Fourier transformer, and the far field; each with its adjoint."""

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from optics.propagation.approximation import check_angles, check_fraunhofer
from optics.propagation.grid import Field, Pair, Shape, as_field, grid_of, positions
from optics.propagation.validity import check_beam
from optics.validation import check_number


def focal_spacing(shape: Shape, *, spacing: Pair, wavelength: float, focal_length: float) -> Pair:
    """Return the spacing of the samples in the back focal plane of a lens.

    .. math:: \\Delta' = \\frac{\\lambda f}{n \\Delta}

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    spacing : tuple of float
        Distance (dy, dx) between samples of the front focal plane, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    focal_length : float
        Focal length f, or the distance of a Fraunhofer pattern, in metres.

    Returns
    -------
    tuple of float
        Distance between samples along y and x, in metres; pad the field for a finer one.
    """
    check_beam(shape, spacing=spacing, wavelength=wavelength, distance=focal_length)
    check_number("focal_length", focal_length, unit="m", above=0)
    y, x = (wavelength * focal_length / (n * d) for n, d in zip(shape, spacing, strict=True))
    return y, x


def lens_transform(
    field: ArrayLike,
    *,
    spacing: Pair,
    wavelength: float,
    focal_length: float,
    highest_frequency: float | None = None,
    workers: int | None = None,
) -> Field:
    """Return the field in the back focal plane of a lens, from that in the front focal plane ("2f").

    .. math:: U(r') = \\frac{1}{i \\lambda f} \\int u(r) \\, e^{-2 \\pi i \\, r \\cdot r' / \\lambda f} \\, dr

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field in the front focal plane, in float32, float64, complex64 or complex128; the precision is kept.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    focal_length : float
        Focal length f, in metres.
    highest_frequency : float or None, optional
        Highest frequency that the field holds, in cycles per metre; by default what the grid holds.
    workers : int or None, optional
        Threads of the transforms.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field in the back focal plane, on the grid of `focal_spacing`, origin at [n_y // 2, n_x // 2].

    Raises
    ------
    ValueError
        If the grid holds angles whose sine along an axis is above 1/2.
    TypeError
        If the field is in another precision.

    Notes
    -----
    The constant phase of the way, exp(2 i k f), is left out. Power is conserved (law L7). The lens has no aberration
    and obeys the sine condition: light of frequency f_x arrives at wavelength times focal length times f_x.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 5.2.
    """
    array = as_field(field, spacing=spacing)
    scale = _lens_scale(array, spacing=spacing, wavelength=wavelength, focal_length=focal_length)
    check_angles(grid_of(array), spacing=spacing, wavelength=wavelength, highest_frequency=highest_frequency)
    return _centred_transform(array, scale=scale, inverse=False, workers=workers)


def lens_transform_adjoint(
    field: ArrayLike, *, spacing: Pair, wavelength: float, focal_length: float, workers: int | None = None
) -> Field:
    """Return the adjoint of `lens_transform`: from the back focal plane to the front one.

    .. math:: u(r) = \\frac{-1}{i \\lambda f} \\sum_{r'} U(r') \\, e^{2 \\pi i r \\cdot r' / \\lambda f} dy \\, dx

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field in the back focal plane.
    spacing : tuple of float
        Distance (dy, dx) between samples of the front focal plane, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    focal_length : float
        Focal length, in metres.
    workers : int or None, optional
        Threads of the transforms.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field in the front focal plane; the inverse is this times dy' dx' / (dy dx).
    """
    array = as_field(field, spacing=spacing)
    scale = _lens_scale(array, spacing=spacing, wavelength=wavelength, focal_length=focal_length)
    return _centred_transform(array, scale=scale.conjugate(), inverse=True, workers=workers)


def fraunhofer(
    field: ArrayLike,
    *,
    spacing: Pair,
    wavelength: float,
    distance: float,
    aperture: float | None = None,
    highest_frequency: float | None = None,
    workers: int | None = None,
) -> Field:
    """Return the field far behind an aperture.

    .. math:: U(r') = \\frac{e^{i k z} e^{i \\pi |r'|^2 / \\lambda z}}{i \\lambda z}
        \\int u(r) \\, e^{-2 \\pi i \\, r \\cdot r' / \\lambda z} \\, dr

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field in the aperture, in float32, float64, complex64 or complex128; the precision is kept.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance z, in metres.
    aperture : float or None, optional
        Full width of what is lit, in metres; by default the diagonal of the window.
    highest_frequency : float or None, optional
        Highest frequency that the field holds, in cycles per metre; by default what the grid holds.
    workers : int or None, optional
        Threads of the transforms.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field on the grid of `focal_spacing` with ``focal_length=distance``. Its phase is right at each sample, but
        turns by many cycles between samples far from the axis.

    Raises
    ------
    ValueError
        If the distance is below 2 D^2 / wavelength, or the grid holds angles whose sine is above 1/2.
    TypeError
        If the field is in another precision.

    Notes
    -----
    At the shortest distance allowed a phase of pi / 8 at the rim is left out (law L8). The phase over the far plane
    is paraxial.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 4.3.
    """
    array = as_field(field, spacing=spacing)
    shape = grid_of(array)
    check_beam(shape, spacing=spacing, wavelength=wavelength, distance=distance)
    check_number("distance", distance, unit="m", above=0)
    check_fraunhofer(shape, spacing=spacing, wavelength=wavelength, distance=distance, aperture=aperture)
    pattern = lens_transform(
        array, spacing=spacing, wavelength=wavelength, focal_length=distance, highest_frequency=highest_frequency,
        workers=workers,
    )  # fmt: skip
    pattern *= _far_phase(pattern, spacing=spacing, wavelength=wavelength, distance=distance)
    return pattern


def fraunhofer_adjoint(
    field: ArrayLike, *, spacing: Pair, wavelength: float, distance: float, workers: int | None = None
) -> Field:
    """Return the adjoint of `fraunhofer`: from the far plane to the aperture.

    .. math:: \\langle v, \\mathrm{fraunhofer}(u) \\rangle = \\langle \\mathrm{adjoint}(v), u \\rangle

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field in the far plane.
    spacing : tuple of float
        Distance (dy, dx) between samples of the aperture, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance, in metres.
    workers : int or None, optional
        Threads of the transforms.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field in the aperture.
    """
    array = as_field(field, spacing=spacing)
    phase = _far_phase(array, spacing=spacing, wavelength=wavelength, distance=distance)
    return lens_transform_adjoint(
        array * phase.conj(), spacing=spacing, wavelength=wavelength, focal_length=distance, workers=workers
    )


def _far_phase(field: Field, *, spacing: Pair, wavelength: float, distance: float) -> Field:
    """Return exp(ikz) exp(i pi r'^2 / (wavelength z)) at the samples of the far plane."""
    far = focal_spacing(grid_of(field), spacing=spacing, wavelength=wavelength, focal_length=distance)
    y, x = (
        positions(n, spacing=d) ** 2 / (2 * wavelength * distance) for n, d in zip(grid_of(field), far, strict=True)
    )
    carrier = np.exp(2j * np.pi * (np.fmod(distance / wavelength, 1) + y))
    return np.asarray(carrier[:, np.newaxis] * np.exp(2j * np.pi * x)).astype(field.dtype)


def _lens_scale(field: Field, *, spacing: Pair, wavelength: float, focal_length: float) -> complex:
    """Return dy dx / (i wavelength f), for sums without a factor of their own."""
    focal_spacing(grid_of(field), spacing=spacing, wavelength=wavelength, focal_length=focal_length)
    return spacing[0] * spacing[1] / (1j * wavelength * focal_length)


def _centred_transform(field: Field, *, scale: complex, inverse: bool, workers: int | None) -> Field:
    """Return scale times the sum over the grid with kernel exp(-2 pi i f . r), or its conjugate, origins centred."""
    axes = (-2, -1)
    start = scipy.fft.ifftshift(field, axes=axes)
    if inverse:
        spectrum = scipy.fft.ifft2(start, norm="forward", workers=workers, overwrite_x=True)
    else:
        spectrum = scipy.fft.fft2(start, workers=workers, overwrite_x=True)
    spectrum *= scale
    return np.asarray(scipy.fft.fftshift(spectrum, axes=axes))
