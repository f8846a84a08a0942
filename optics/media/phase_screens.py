"""Random phase screens, and the memory effect of a stack of them."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import fft2, fftfreq, ifft, ifft2

from optics.validation import check_number

LEAST_SAMPLES = 2.0
"""Samples that a correlation length must have."""

LARGEST_PART = 0.25
"""Largest correlation length, as a part of the window: a screen needs several patches to be random."""


def check_screens(
    *, shape: tuple[int, int], spacing: tuple[float, float], screens: int, strength: float, correlation_length: float
) -> None:
    """Refuse phase screens that their grid cannot hold.

    .. math:: 3 \\sqrt{2 S} \\, \\frac{\\sigma}{\\ell} \\le \\frac{\\pi}{\\Delta}, \\qquad
              2 \\Delta \\le \\ell \\le \\tfrac14 n \\Delta

    Parameters
    ----------
    shape : tuple of int
        Samples along (y, x), n each.
    spacing : tuple of float
        Distance Delta between samples along (y, x), in metres.
    screens : int
        Number S of screens.
    strength : float
        Rms phase sigma of a screen, in radians.
    correlation_length : float
        Length ell at which the correlation of the phase has fallen to 1/e, in metres.

    Raises
    ------
    ValueError
        If the correlation length is finer than the grid or too long for the window, or the light that the screens
        scatter together would reach angles that the grid does not hold.

    Notes
    -----
    The left side of the first condition is three times the rms transverse wavevector behind all screens, along one
    axis: 0.3 % of the light reaches further where the law of angles is normal, and would turn up at wrong angles.
    """
    step = max(spacing)
    window = min(size * part for size, part in zip(shape, spacing, strict=True))
    if not LEAST_SAMPLES * step <= correlation_length <= LARGEST_PART * window:
        raise ValueError(
            f"correlation_length = {correlation_length:g} m does not fit the grid: it must be at least "
            f"{LEAST_SAMPLES * step:g} m (two samples) and at most {LARGEST_PART * window:g} m (window / 4)"
        )
    spread = 3 * math.sqrt(2 * screens) * strength / correlation_length
    limit = math.pi / step
    if spread > limit:
        raise ValueError(
            f"{screens} screens of {strength:g} rad rms scatter to {spread:.3g} rad/m (three times the rms), the grid "
            f"holds {limit:.3g} rad/m: take a spacing of at most {math.pi / spread:.3g} m, a strength of at most "
            f"{strength * limit / spread:.3g} rad, or a correlation_length of at least "
            f"{correlation_length * spread / limit:.3g} m"
        )


def draw_phase_screen(
    shape: tuple[int, int],
    *,
    spacing: tuple[float, float],
    strength: float,
    correlation_length: float,
    rng: np.random.Generator,
) -> NDArray[np.complex64]:
    """Return what a thin random screen does to a field.

    .. math:: t = e^{i \\varphi}, \\qquad \\langle \\varphi(r) \\varphi(r + \\delta) \\rangle =
              \\sigma^2 e^{-\\delta^2 / \\ell^2}

    Parameters
    ----------
    shape : tuple of int
        Samples along (y, x).
    spacing : tuple of float
        Distance between samples along (y, x), in metres.
    strength : float
        Rms phase sigma, in radians; the phase is normal.
    correlation_length : float
        Correlation length ell, in metres.
    rng : numpy.random.Generator
        Source of the phase.

    Returns
    -------
    ndarray of complex64, shape (y, x)
        Factors of modulus one; the screen repeats itself beyond the window.

    Notes
    -----
    Single precision: phases of tens of radians are off by some 1e-6 rad.
    """
    filters = [part.astype(np.float32) for part in _filters(shape, spacing, correlation_length)]
    waves = fft2(rng.standard_normal(shape, dtype=np.float32), overwrite_x=True)
    waves *= filters[0][:, np.newaxis]
    waves *= filters[1]
    phase = ifft2(waves, overwrite_x=True).real
    phase *= np.float32(strength)
    screen = np.empty(shape, np.complex64)
    np.cos(phase, out=screen.real)
    np.sin(phase, out=screen.imag)
    return screen


def _filters(
    shape: tuple[int, int], spacing: tuple[float, float], correlation_length: float
) -> list[NDArray[np.float64]]:
    """Return the factors along y and x that turn white noise of unit variance into a phase of unit variance."""
    filters = []
    for size, step in zip(shape, spacing, strict=True):
        part = np.exp(-((math.pi * correlation_length * fftfreq(size, step)) ** 2) / 2)
        filters.append(part / math.sqrt(np.mean(part**2)))
    return filters


def screen_coherence(
    shape: tuple[int, int], *, spacing: tuple[float, float], strength: float, correlation_length: float
) -> NDArray[np.float64]:
    """Return what a phase screen does to the coherence of light, on average.

    .. math:: \\langle t(r) t^*(r + \\delta) \\rangle = e^{-\\sigma^2 [1 - \\rho(\\delta)]}

    Parameters
    ----------
    shape : tuple of int
        Samples along (y, x).
    spacing : tuple of float
        Distance between samples along (y, x), in metres.
    strength : float
        Rms phase sigma, in radians.
    correlation_length : float
        Correlation length ell, in metres.

    Returns
    -------
    ndarray, shape (y, x)
        Factor by shift delta, in the order of the DFT: no shift at index (0, 0).

    Notes
    -----
    rho is the correlation of the phase that `draw_phase_screen` draws, periodic over the window: exp(-delta^2 / ell^2)
    and its images.
    """
    rows, columns = (ifft(part**2).real for part in _filters(shape, spacing, correlation_length))
    return np.asarray(np.exp(strength**2 * (np.outer(rows, columns) - 1)))


def forward_memory(
    tilt: ArrayLike, *, planes: ArrayLike, pivot: float, wavelength: float, strength: float, correlation_length: float
) -> NDArray[np.float64]:
    """Return how far the field behind a stack of screens follows a tilt of the light before it.

    .. math:: C(q) = \\exp\\Big( -\\sigma^2 \\sum_s \\big[ 1 - e^{-\\delta_s^2 / \\ell^2} \\big] \\Big), \\qquad
              \\delta_s = (z_s - z_p) \\frac{q}{k}

    Parameters
    ----------
    tilt : array_like
        Transverse wavevector q that is added to the light, in radians per metre.
    planes : array_like, shape (screen,)
        Positions z_s of the screens along the axis, in metres.
    pivot : float
        Position z_p of the plane in which the two fields are compared point by point, the tilt taken off, in metres.
    wavelength : float
        Wavelength, in metres.
    strength : float
        Rms phase sigma of a screen, in radians.
    correlation_length : float
        Correlation length ell, in metres.

    Returns
    -------
    ndarray, same shape as ``tilt``
        Modulus of the field correlation <E_q e^{-iqr} E_0*> / <|E|^2>; that of intensities is its square.

    Notes
    -----
    A tilted wave is, seen along its own axis, the same wave before screens that are shifted sideways by delta_s. The
    coherence of a homogeneous field is unchanged by free space, and a screen of normal phase multiplies it by
    exp(-sigma^2 (1 - rho)), rho the correlation of the phase: the product over the screens is the law. Each factor is
    the characteristic function of the deflection q_s that the screen gives, at the lever arm (z_p - z_s) / k, so C is
    the characteristic function of the transverse displacement sum_s q_s (z_p - z_s) / k, collected up to the pivot.
    Compared behind the last screen, z_p is its position; a pivot in the middle of the stack (tilt and shift together)
    has the longest range. Paraxial: beyond q z k^-3 q'^3 of a radian the angles of the two waves shear. Exact there for
    screens of any strength.

    References
    ----------
    .. [1] S. Feng, C. Kane, P. A. Lee and A. D. Stone, Phys. Rev. Lett. 61, 834 (1988).
       doi:10.1103/PhysRevLett.61.834
    .. [2] G. Osnabrugge, R. Horstmeyer, I. N. Papadopoulos, B. Judkewitz and I. M. Vellekoop, Optica 4, 886 (2017).
       doi:10.1364/OPTICA.4.000886
    """
    check_number("wavelength", wavelength, unit="m", above=0)
    lever = (np.asarray(planes, np.float64) - pivot) * wavelength / (2 * math.pi)
    shift = np.asarray(tilt, np.float64)[..., np.newaxis] * lever
    return np.asarray(np.exp(strength**2 * np.expm1(-((shift / correlation_length) ** 2)).sum(axis=-1)))
