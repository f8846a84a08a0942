"""How well a matrix predicts frames that it was not made from."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.light import Light

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """Agreement of predicted and measured light on patterns that were held out.

    Parameters
    ----------
    correlation : ndarray, shape (pattern,)
        Pearson's correlation of predicted and measured light over the pixels, as it is in the frames.
    without_noise : ndarray, shape (pattern,)
        The same with the noise of the measured frame taken off: what the matrix itself explains. NaN where the noise is
        all that is seen.
    gain : ndarray, shape (pattern,)
        Mean measured light over mean predicted light, to which correlations are blind.
    """

    correlation: Values
    without_noise: Values
    gain: Values

    @property
    def mean(self) -> float:
        """Return the mean correlation over the patterns, noise of the measured frames taken off."""
        return float(np.nanmean(self.without_noise)) if np.isfinite(self.without_noise).any() else math.nan

    @property
    def standard_error(self) -> float:
        """Return the standard error of that mean over patterns; NaN for a single one."""
        known = self.without_noise[np.isfinite(self.without_noise)]
        return float(known.std(ddof=1)) / math.sqrt(len(known)) if len(known) > 1 else math.nan


def predicted_light(
    matrix: NDArray[np.complex64], static: NDArray[np.complex64], patterns: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the light that a matrix predicts behind patterns.

    .. math:: I = |e + T b|^2

    Parameters
    ----------
    matrix : ndarray of complex64, shape (output, input)
        Transmission matrix T.
    static : ndarray of complex64, shape (output,)
        Field e with everything off, in the phase of the row.
    patterns : ndarray of bool, shape (pattern, input)
        Macropixel states b.

    Returns
    -------
    ndarray of float32, shape (pattern, output)
        Photons per pixel per second where fields are in their square root.
    """
    states = patterns.astype(np.float32)
    real = states @ matrix.real.T + static.real
    imaginary = states @ matrix.imag.T + static.imag
    return np.asarray(real**2 + imaginary**2, np.float32)


def judge_prediction(predicted: NDArray[np.floating], measured: Light) -> Prediction:
    """Return how well predicted light agrees with measured light.

    .. math:: c = \\frac{\\mathrm{cov}(P, I)}{\\sigma_P \\sigma_I}, \\qquad
              c_0 = \\frac{\\mathrm{cov}(P, I)}{\\sigma_P \\sqrt{\\sigma_I^2 - \\langle \\epsilon^2 \\rangle}}

    Parameters
    ----------
    predicted : ndarray, shape (pattern, output)
        Predicted light.
    measured : Light, shape (pattern, output)
        Measured light with its variance; pixels that saturate are left out, pattern by pattern.

    Returns
    -------
    Prediction
        Correlations.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Two speckles whose fields correlate with rho have c_0 = rho^2 (law L66). Blind to gain and offset of all light. NaN
    for a pattern with fewer than three good pixels.
    """
    if predicted.shape != measured.value.shape:
        raise ValueError(f"predicted light has shape {predicted.shape}, measured light {measured.value.shape}")
    found = [
        _correlations(predicted[index][good], measured.value[index][good], measured.variance[index][good])
        for index, good in enumerate(measured.valid)
    ]
    as_it_is, without_noise, gain = np.array(found, np.float64).reshape(-1, 3).T
    return Prediction(correlation=as_it_is, without_noise=without_noise, gain=gain)


def _correlations(
    predicted: NDArray[np.floating], measured: NDArray[np.floating], variance: NDArray[np.floating]
) -> tuple[float, float, float]:
    """Return the correlation over pixels, as it is and without the noise of what is measured, and the gain."""
    if len(predicted) < 3:
        return math.nan, math.nan, math.nan
    a = predicted - predicted.mean(dtype=np.float64)
    b = measured - measured.mean(dtype=np.float64)
    product, first, second = float(np.mean(a * b)), float(np.mean(a * a)), float(np.mean(b * b))
    noise = float(np.mean(variance, dtype=np.float64))
    mean = float(predicted.mean(dtype=np.float64))
    gain = float(measured.mean(dtype=np.float64)) / mean if mean > 0 else math.nan
    clean = second - noise
    as_it_is = product / math.sqrt(first * second) if first * second > 0 else math.nan
    return as_it_is, product / math.sqrt(first * clean) if first > 0 and clean > 0 else math.nan, gain
