"""Paraxial diffraction over long distances: Fresnel by its impulse response, with its adjoint."""

import math

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, DTypeLike

from optics.propagation.approximation import check_paraxial
from optics.propagation.grid import (
    Field,
    Pair,
    Shape,
    as_field,
    complex_dtype,
    convolve,
    grid_of,
    padded_shape,
    positions,
)
from optics.propagation.validity import check_beam, check_impulse_sampling


def fresnel_impulse_response(
    shape: Shape, *, spacing: Pair, wavelength: float, distance: float, dtype: DTypeLike = np.complex128
) -> Field:
    """Return the transform of the field of a point, the kernel for long distances.

    .. math:: H = F \\left\\{ \\frac{e^{i k z}}{i \\lambda z} \\, e^{i \\pi |r|^2 / \\lambda z} \\right\\} dy \\, dx

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the window, margin included.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance z, in metres, not zero; negative goes back.
    dtype : dtype_like, optional
        complex128 or complex64; computed in double precision and rounded once.

    Returns
    -------
    ndarray of ``dtype``, shape (y, x)
        Kernel, in the order of the discrete Fourier transform.

    Raises
    ------
    ValueError
        If the distance is zero.

    References
    ----------
    .. [1] D. G. Voelz and M. C. Roggemann, Appl. Opt. 48, 6132 (2009). doi:10.1364/AO.48.006132
    """
    check_beam(shape, spacing=spacing, wavelength=wavelength, distance=distance)
    _check_apart(distance)
    axes = []
    for count, step in zip(shape, spacing, strict=True):
        if count == 1:  # nothing varies along this axis: the integral over it, not one sample of it
            axes.append(np.sqrt([1j * wavelength * distance]))
            continue
        along = scipy.fft.ifftshift(positions(count, spacing=step))
        axes.append(scipy.fft.fft(step * np.exp(1j * np.pi * (along**2 / (wavelength * distance)))))
    front = np.exp(2j * np.pi * np.fmod(distance / wavelength, 1)) / (1j * wavelength * distance)
    return np.asarray(front * axes[0][:, np.newaxis] * axes[1]).astype(complex_dtype(dtype), copy=False)


def fresnel_by_impulse_response(
    field: ArrayLike,
    *,
    spacing: Pair,
    wavelength: float,
    distance: float,
    pad: int,
    highest_frequency: float | None = None,
    workers: int | None = None,
) -> Field:
    """Return the field at a long distance in the paraxial approximation.

    .. math:: u_z(r) = \\frac{e^{i k z}}{i \\lambda z} \\int u_0(r') \\, e^{i \\pi |r - r'|^2 / \\lambda z} \\, dr'

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
        Width of the window of the transforms over that of the field; 2 makes the convolution free of wrapping.
    highest_frequency : float or None, optional
        Highest frequency that the field holds, in cycles per metre; by default what reaches the window.
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
    The kernel is sampled from z = n d^2 / wavelength on, n with the margin; nearer, take
    `fresnel_by_transfer_function`. At equality both agree to rounding (law L8). Light that leaves the window is lost.

    References
    ----------
    .. [1] D. G. Voelz and M. C. Roggemann, Appl. Opt. 48, 6132 (2009). doi:10.1364/AO.48.006132
    """
    array = as_field(field, spacing=spacing)
    kernel = _far_kernel(
        array, spacing=spacing, wavelength=wavelength, distance=distance, pad=pad, highest_frequency=highest_frequency
    )
    return convolve(array, kernel, pad=pad, workers=workers)


def fresnel_by_impulse_response_adjoint(
    field: ArrayLike,
    *,
    spacing: Pair,
    wavelength: float,
    distance: float,
    pad: int,
    highest_frequency: float | None = None,
    workers: int | None = None,
) -> Field:
    """Return the adjoint of `fresnel_by_impulse_response`: from the far plane to the near one.

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
    kernel = _far_kernel(
        array, spacing=spacing, wavelength=wavelength, distance=distance, pad=pad, highest_frequency=highest_frequency
    )
    return convolve(array, kernel.conj(), pad=pad, workers=workers)


def _far_kernel(
    field: Field, *, spacing: Pair, wavelength: float, distance: float, pad: int, highest_frequency: float | None
) -> Field:
    """Return the impulse response's transform for both directions, once the limits have been consulted."""
    shape = grid_of(field)
    wide = padded_shape(shape, pad=pad)
    check_beam(shape, spacing=spacing, wavelength=wavelength, distance=distance)
    _check_apart(distance)
    check_impulse_sampling(shape, spacing=spacing, wavelength=wavelength, distance=distance, pad=pad)
    corner = math.hypot(*(n * d / 2 for n, d in zip(wide, spacing, strict=True) if n > 1))
    reaching = corner / (wavelength * abs(distance))  # the kernel holds x / (wavelength z), up to the corner
    used = reaching if highest_frequency is None else min(reaching, highest_frequency)
    check_paraxial(shape, spacing=spacing, wavelength=wavelength, distance=distance, highest_frequency=used)
    return fresnel_impulse_response(wide, spacing=spacing, wavelength=wavelength, distance=distance, dtype=field.dtype)


def _check_apart(distance: float) -> None:
    """Refuse planes that coincide."""
    if distance == 0:
        raise ValueError("distance = 0 m has no impulse response on a grid; take fresnel_by_transfer_function")
