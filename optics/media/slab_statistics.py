"""Where light leaves a diffusive slab, and how that depends on its frequency."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import kv

NEAR = 0.2
"""Transverse distance, in thicknesses, below which sources are summed instead of modes."""

SOURCES = 400
MODES = 48


def diffusive_field_correlation(
    tilt: ArrayLike, *, thickness: float, detuning: ArrayLike = 0.0, diffusion: float = 1.0
) -> NDArray[np.complex128]:
    """Return the field correlation behind a diffusive slab, for a tilt and a change of frequency.

    .. math:: C = \\frac{x}{\\sinh x}, \\qquad x^2 = L^2 \\left( q^2 - \\frac{i \\Delta\\omega}{D} \\right)

    Parameters
    ----------
    tilt : array_like
        Transverse wavevector q outside the slab, in radians per metre.
    thickness : float
        Thickness L, in metres.
    detuning : array_like, optional
        Change of the angular frequency Delta omega, in radians per second.
    diffusion : float, optional
        Diffusion constant D of the light, in square metres per second.

    Returns
    -------
    ndarray of complex128
        Correlation; intensities correlate by its square modulus: laws L17 (detuning 0) and L18 (tilt 0).

    Notes
    -----
    Valid for slabs much thicker than the transport mean free path.
    """
    squared = thickness**2 * (np.asarray(tilt) ** 2 - 1j * np.asarray(detuning) / diffusion)
    x = np.sqrt(squared.astype(np.complex128))
    # x / sinh x = 2 x e^-x / (1 - e^-2x) does not overflow.
    small = np.abs(x) < 1e-4
    safe = np.where(small, 1.0, x)
    return np.asarray(np.where(small, 1 - squared / 6, 2 * safe * np.exp(-safe) / -np.expm1(-2 * safe)))


def exit_density(
    distance: ArrayLike, *, thickness: float, detuning: float = 0.0, diffusion: float = 1.0
) -> NDArray[np.complex128]:
    """Return the density of the transverse displacement of diffuse light.

    .. math:: P(\\rho) = \\frac{\\pi}{L^2} \\sum_{n \\ge 1} (-1)^{n+1} n^2 K_0(\\kappa_n \\rho), \\qquad
              \\kappa_n^2 = \\frac{n^2 \\pi^2}{L^2} - \\frac{i \\Delta\\omega}{D}

    Parameters
    ----------
    distance : array_like
        Transverse distance rho, in metres.
    thickness : float
        Thickness L, in metres.
    detuning : float, optional
        Change of the angular frequency, in radians per second.
    diffusion : float, optional
        Diffusion constant D, in square metres per second.

    Returns
    -------
    ndarray of complex128
        Density per square metre: the two-dimensional Fourier transform of `diffusive_field_correlation`.

    Notes
    -----
    Near the axis the same function is a sum over mirrored sources at depths a_m = (2m + 1) L,

    .. math:: P = \\frac{L}{\\pi} \\sum_m \\frac{e^{-s r}}{r^3} \\left[
              a_m^2 \\left( s^2 + \\frac{3 s}{r} + \\frac{3}{r^2} \\right) - (1 + s r) \\right], \\quad
              r^2 = a_m^2 + \\rho^2, \\quad s^2 = -\\frac{i \\Delta\\omega}{D}
    """
    rho = np.asarray(distance, np.float64)
    result = np.empty(rho.shape, np.complex128)
    near = rho < NEAR * thickness
    result[near] = _from_sources(rho[near], thickness, -1j * detuning / diffusion)
    result[~near] = _from_modes(rho[~near], thickness, -1j * detuning / diffusion)
    return result


def _from_modes(rho: NDArray[np.float64], thickness: float, squared: complex) -> NDArray[np.complex128]:
    """Return the density as a sum over the modes of the slab."""
    total = np.zeros(rho.shape, np.complex128)
    for n in range(1, MODES):
        kappa = np.sqrt(complex((n * math.pi / thickness) ** 2 + squared))
        total += (-1) ** (n + 1) * n**2 * kv(0, kappa * rho)
    return np.asarray(math.pi / thickness**2 * total)


def _from_sources(rho: NDArray[np.float64], thickness: float, squared: complex) -> NDArray[np.complex128]:
    """Return the density as a sum over mirrored sources, the rest of the sum as an integral where nothing decays."""
    s = np.sqrt(complex(squared))
    total = np.zeros(rho.shape, np.complex128)
    for m in range(SOURCES):
        depth = (2 * m + 1) * thickness
        r = np.sqrt(depth**2 + rho**2)
        total += np.exp(-s * r) / r**3 * (depth**2 * (s**2 + 3 * s / r + 3 / r**2) - (1 + s * r))
    if not squared:
        total += 1 / (2 * thickness * (2 * SOURCES * thickness) ** 2)
    return np.asarray(thickness / math.pi * total)
