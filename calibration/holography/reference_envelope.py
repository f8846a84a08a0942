"""The reference of an off-axis hologram: its amplitude over the frame, and the light that it adds by itself."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.holography.aberration import polynomials
from calibration.holography.holograms import check_holograms
from calibration.light import Light
from optics.validation import check_count, check_number

Real = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ReferenceEnvelope:
    """Reference beam over the pixels.

    Parameters
    ----------
    amplitude : ndarray, shape (y, x)
        |R|, smooth, in square roots of photons per pixel per second.
    bias : ndarray, shape (y, x)
        Light to subtract from a hologram: |R|^2 as measured, or a smooth fit, in photons per pixel per second.
    variance : ndarray, shape (y, x)
        Variance of the bias, zero where it is a fit.
    """

    amplitude: Real
    bias: Real
    variance: Real


def measured_envelope(light: Light, *, degree: int = 4) -> ReferenceEnvelope:
    """Return the reference from frames with the signal arm blocked.

    Parameters
    ----------
    light : Light
        Frames of the reference alone.
    degree : int, optional
        Degree of the polynomial that smooths the amplitude.

    Returns
    -------
    ReferenceEnvelope
        The smoothed amplitude; the mean frame as the bias, with its variance.

    Raises
    ------
    ValueError
        If the fit is not positive everywhere, a pixel saturated, or frames or the degree are not what they should be.
    """
    frames = check_holograms(light.value, name="reference frames")
    if not light.valid.all():
        raise ValueError(
            f"reference frames have {int((~light.valid).sum())} saturated pixels, which would be a wrong bias: expose "
            "shorter"
        )
    bias = frames.mean(axis=0)
    variance = np.asarray(light.variance, float).mean(axis=0) / len(frames)
    return ReferenceEnvelope(amplitude=_amplitude(bias, degree=degree), bias=bias, variance=variance)


def fitted_envelope(light: Light, *, degree: int = 4, signal_share: float = 0.0) -> ReferenceEnvelope:
    """Return the reference from holograms themselves, as a smooth fit.

    .. math:: |R|^2 = \\frac{P(y, x)}{1 + \\beta}, \\qquad P \\approx \\langle |R|^2 + |S|^2 \\rangle

    Parameters
    ----------
    light : Light
        Holograms.
    degree : int, optional
        Degree of the polynomial P.
    signal_share : float, optional
        Mean light of the signal over that of the reference, beta; `signal_share_of` gives it for two plain beams.

    Returns
    -------
    ReferenceEnvelope
        The amplitude; the polynomial as the bias, with no variance.

    Raises
    ------
    ValueError
        If the fit is not positive everywhere, or frames or numbers are not what they should be.

    Notes
    -----
    Holds where light and fringes vary faster than the polynomial: several cycles across the frame. A wrong share
    scales the field by sqrt(1 + beta).
    """
    check_number("signal_share", signal_share, at_least=0)
    frames = check_holograms(light.value)
    bias = _smooth(frames.mean(axis=0), degree=degree)
    amplitude = _amplitude(bias / (1 + signal_share), degree=degree)
    return ReferenceEnvelope(amplitude=amplitude, bias=bias, variance=np.zeros_like(bias))


def signal_share_of(visibility: float) -> float:
    """Return the light of the weaker of two coherent plain beams over that of the stronger.

    .. math:: \\beta = \\left(\\frac{1 - \\sqrt{1 - V^2}}{V}\\right)^2, \\qquad V = \\frac{2 \\sqrt\\beta}{1 + \\beta}

    Parameters
    ----------
    visibility : float
        Visibility V of the fringes.

    Returns
    -------
    float
        The share beta; no light but that of the two beams is supposed.

    Raises
    ------
    ValueError
        If the visibility is not above 0 and at most 1.
    """
    check_number("visibility", visibility, above=0, at_most=1)
    return ((1 - math.sqrt(1 - visibility**2)) / visibility) ** 2


def _smooth(frame: Real, *, degree: int) -> Real:
    """Return the polynomial of a degree that fits a frame best."""
    check_count("degree", degree, at_least=0, at_most=12)
    basis = polynomials((frame.shape[0], frame.shape[1]), degree=degree)
    coefficients = np.linalg.lstsq(basis, frame.ravel(), rcond=None)[0]
    return np.asarray((basis @ coefficients).reshape(frame.shape))


def _amplitude(light: Real, *, degree: int) -> Real:
    """Return the square root of a smooth fit."""
    smooth = _smooth(light, degree=degree)
    least = float(smooth.min())
    if least <= 0:
        raise ValueError(
            f"the reference falls to {least:.3g} photons per pixel per second: a field cannot be told where there is "
            "no reference; crop the frame to the lit part, or take another degree"
        )
    return np.sqrt(smooth)
