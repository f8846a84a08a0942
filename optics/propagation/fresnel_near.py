"""Paraxial diffraction over short distances: Fresnel by its transfer function, with its adjoint."""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from optics.propagation.approximation import check_paraxial
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
from optics.propagation.validity import check_beam, check_periodic, check_transfer_sampling


def fresnel_transfer_function(
    shape: Shape, *, spacing: Pair, wavelength: float, distance: float, dtype: DTypeLike = np.complex128
) -> Field:
    """Return the paraxial factor by which free space multiplies each plane wave.

    .. math:: H(f) = e^{i k z} \\, e^{-i \\pi \\lambda z |f|^2}

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
    dtype : dtype_like, optional
        complex128 or complex64; the phase is computed in double precision and rounded once.

    Returns
    -------
    ndarray of ``dtype``, shape (y, x)
        Kernel, in the order of the discrete Fourier transform.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 4.2.
    """
    check_beam(shape, spacing=spacing, wavelength=wavelength, distance=distance)
    f_y, f_x = frequencies(shape, spacing=spacing)
    carrier = np.fmod(distance / wavelength, 1)
    y, x = (np.exp(-1j * np.pi * (wavelength * distance * f**2)) for f in (f_y, f_x))
    return np.asarray(np.exp(2j * np.pi * carrier) * y * x).astype(complex_dtype(dtype), copy=False)


def fresnel_by_transfer_function(
    field: ArrayLike,
    *,
    spacing: Pair,
    wavelength: float,
    distance: float,
    pad: int,
    periodic: bool = False,
    highest_frequency: float | None = None,
    workers: int | None = None,
) -> Field:
    """Return the field at a short distance in the paraxial approximation.

    .. math:: u_z = e^{i k z} F^{-1} \\{ e^{-i \\pi \\lambda z |f|^2} F u_0 \\}

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
        Width of the window of the transforms over that of the field.
    periodic : bool, optional
        Whether the window is one period of the field: then every distance is sampled.
    highest_frequency : float or None, optional
        Highest frequency that the field holds, in cycles per metre; by default what the grid holds. Sampling and
        paraxiality are judged by it.
    workers : int or None, optional
        Threads of the transforms.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field in the far plane.

    Raises
    ------
    ValueError
        If the kernel is undersampled, or the approximation misses more than 0.1 rad.
    TypeError
        If the field is in another precision.

    Notes
    -----
    The kernel is sampled up to z = n d^2 / wavelength; beyond, take `fresnel_by_impulse_response`. The tests compare
    it with a Gaussian beam (law L3) and the Talbot effect (law L5).

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 4.2.
    .. [2] D. G. Voelz and M. C. Roggemann, Appl. Opt. 48, 6132 (2009). doi:10.1364/AO.48.006132
    """
    array = as_field(field, spacing=spacing)
    kernel = _near_kernel(
        array, spacing=spacing, wavelength=wavelength, distance=distance, pad=pad, periodic=periodic,
        highest_frequency=highest_frequency,
    )  # fmt: skip
    return convolve(array, kernel, pad=pad, workers=workers)


def fresnel_by_transfer_function_adjoint(
    field: ArrayLike,
    *,
    spacing: Pair,
    wavelength: float,
    distance: float,
    pad: int,
    periodic: bool = False,
    highest_frequency: float | None = None,
    workers: int | None = None,
) -> Field:
    """Return the adjoint of `fresnel_by_transfer_function`: from the far plane to the near one.

    .. math:: A^H v = F^{-1} \\{ \\bar H \\, F v \\}

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
    periodic : bool, optional
        Whether the window is one period of the field.
    highest_frequency : float or None, optional
        Highest frequency that the field holds, in cycles per metre.
    workers : int or None, optional
        Threads of the transforms.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field in the near plane.

    Raises
    ------
    ValueError
        As the forward map does.
    """
    array = as_field(field, spacing=spacing)
    kernel = _near_kernel(
        array, spacing=spacing, wavelength=wavelength, distance=distance, pad=pad, periodic=periodic,
        highest_frequency=highest_frequency,
    )  # fmt: skip
    return convolve(array, kernel.conj(), pad=pad, workers=workers)


def _near_kernel(
    field: Field,
    *,
    spacing: Pair,
    wavelength: float,
    distance: float,
    pad: int,
    periodic: bool,
    highest_frequency: float | None,
) -> Field:
    """Return the transfer function of both directions, once the limits have been consulted."""
    shape = grid_of(field)
    wide = padded_shape(shape, pad=pad)
    check_beam(shape, spacing=spacing, wavelength=wavelength, distance=distance)
    check_paraxial(
        shape, spacing=spacing, wavelength=wavelength, distance=distance, highest_frequency=highest_frequency
    )
    if periodic:
        check_periodic(pad=pad)
    else:
        check_transfer_sampling(
            shape, spacing=spacing, wavelength=wavelength, distance=distance, pad=pad,
            highest_frequency=highest_frequency,
        )  # fmt: skip
    return fresnel_transfer_function(wide, spacing=spacing, wavelength=wavelength, distance=distance, dtype=field.dtype)
