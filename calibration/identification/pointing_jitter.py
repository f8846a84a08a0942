"""Pointing that is faster than the frames: from the part of the speckle that changes to the angle, and back."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from calibration.cameras.uncertainty import SIGNIFICANT, Measured
from optics.validation import check_number

BOUND_SIGMAS = 3.3
"""Standard deviations at which bounds stand."""


def pointing_vibration(
    rms: float, *, positions: NDArray[np.float64], weights: NDArray[np.float64], wavelength: float
) -> float:
    """Return the part of the speckle that two frames do not share where the beam points at random in each.

    .. math:: v = 1 - \\frac{\\sum_{nm} w_n w_m e^{-k^2 \\sigma^2 |r_n - r_m|^2}}{(\\sum_n w_n)^2}

    Parameters
    ----------
    rms : float
        Rms sigma of the angle along y and along x, in radians, normal.
    positions : ndarray, shape (input, 2)
        Places r_n of the macropixels, (y, x) in metres.
    weights : ndarray, shape (..., input)
        Light w_n that each sends, in any unit; zero for those that are off. Of several patterns v is the mean.
    wavelength : float
        Wavelength 2 pi / k, in metres.

    Returns
    -------
    float
        The part v, from 0 to 1 less the inverse effective number of macropixels.

    Raises
    ------
    ValueError
        If the rms is negative, shapes do not fit, or a pattern lights fewer than two macropixels.

    Notes
    -----
    A tilt turns phases by k theta . r_n; behind a medium of independent Gaussian columns the correlation of intensities
    is the square of the mean phasor, weighted by light, and the difference of two angles is normal with twice the
    variance. Exact for any angle; for small ones v = 2 k^2 sigma^2 tr Q, with Q the covariance of the places.
    """
    check_number("rms", rms, unit="rad", at_least=0)
    squares, products = _pairs(positions, weights)
    return 1 - float(np.sum(products * np.exp(-((2 * math.pi / wavelength * rms) ** 2) * squares)))


def pointing_rms(
    vibration: Measured, *, positions: NDArray[np.float64], weights: NDArray[np.float64], wavelength: float
) -> Measured:
    """Return the rms angle of a beam whose pointing is all that changes the speckle from frame to frame.

    Parameters
    ----------
    vibration : Measured
        The part of the speckle that changes, see `pointing_vibration`.
    positions : ndarray, shape (input, 2)
        Places of the macropixels, (y, x) in metres.
    weights : ndarray, shape (..., input)
        Light that each sends.
    wavelength : float
        Wavelength, in metres.

    Returns
    -------
    Measured
        The rms along y and along x, in radians; an upper bound where the part is one.

    Raises
    ------
    ValueError
        If shapes do not fit or a pattern lights fewer than two macropixels, or more changes than pointing can.

    Notes
    -----
    The choice: frames cannot tell a beam that jitters from a mount that shakes behind the mirrors. All is named
    pointing, alike along y and x.
    """
    squares, products = _pairs(positions, weights)
    wavenumber = 2 * math.pi / wavelength
    most = 1 - float(np.sum(products[squares == 0]))
    part = max(vibration.value, 0.0)
    if part >= most:
        raise ValueError(
            f"vibration = {part:.3g} is more than pointing can change, {most:.3g} with these macropixels: is the light "
            "that the camera sees that of the pattern?"
        )

    def changed(phase: float) -> float:
        return 1 - float(np.sum(products * np.exp(-(phase**2) * squares))) - part

    largest = 1 / math.sqrt(float(np.sum(products * squares)))
    while changed(largest) < 0:
        largest *= 2
    phase = float(brentq(changed, 0, largest, xtol=1e-12 * largest)) if part else 0.0
    slope = 2 * phase * float(np.sum(products * squares * np.exp(-(phase**2) * squares)))
    if vibration.bound:
        return Measured(value=phase / wavenumber, uncertainty=0.0, bound=vibration.bound)
    return Measured(value=phase / wavenumber, uncertainty=vibration.uncertainty / slope / wavenumber)


def shown_or_bound(part: float, uncertainty: float) -> Measured:
    """Return a part that chance can make negative, or an upper bound where it is within its uncertainty.

    Parameters
    ----------
    part : float
        Estimate, without bias.
    uncertainty : float
        Its standard uncertainty.

    Returns
    -------
    Measured
        The part if it is four standard uncertainties from zero, otherwise its upper bound at 3.3 of them.
    """
    if part > SIGNIFICANT * uncertainty:
        return Measured(value=part, uncertainty=uncertainty)
    return Measured(value=max(part, 0.0) + BOUND_SIGMAS * uncertainty, uncertainty=0.0, bound="upper")


def axis_share(positions: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return how unlike the two angles are in what they change: one half where alike, one where one does it all.

    .. math:: \\frac{\\mathrm{tr}\\, Q^2}{(\\mathrm{tr}\\, Q)^2}

    Parameters
    ----------
    positions : ndarray, shape (input, 2)
        Places of the macropixels, in metres.
    weights : ndarray, shape (input,)
        Light that each sends.

    Returns
    -------
    float
        The share; Q is the covariance of the places, weighted by light.
    """
    covariance = np.cov(positions.T, aweights=weights, bias=True)
    return float(np.sum(covariance**2) / np.trace(covariance) ** 2)


def _pairs(positions: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return squared distances between lit macropixels and products of their parts of the light."""
    inputs = weights.shape[-1]
    if positions.shape != (inputs, 2):
        raise ValueError(f"positions have shape {positions.shape}, {inputs} weights need ({inputs}, 2)")
    patterns = weights.reshape(-1, inputs)
    fewest = int(np.count_nonzero(patterns > 0, axis=1).min())
    if fewest < 2:
        raise ValueError(f"{fewest} macropixels are lit, two are the least that a tilt moves apart")
    lit = (patterns > 0).any(axis=0)
    places, parts = positions[lit], patterns[:, lit] / patterns.sum(axis=1, keepdims=True)
    squares = np.sum((places[:, np.newaxis] - places) ** 2, axis=-1)
    return squares, parts.T @ parts / len(parts)
