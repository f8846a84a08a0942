"""How well decorrelation is known: by the grains, by the angles that were drawn, by the channels of the medium."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtri

from calibration.identification.burst_light import BurstLight
from calibration.identification.decorrelation import DecorrelationFit
from calibration.identification.speckle_area import correlated_pixels, mean_covariance

Matrix = NDArray[np.float64]
MODEL_ERROR = 0.01
"""Relative standard uncertainty of a rate by light that is clipped: one of 1e-3 of the pixels changes it by 0.006."""

BOUND_CHANCE = 5e-4
"""Probability that chance alone takes an estimate so far below the truth as a bound allows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DecorrelationErrors:
    """Uncertainty of a fit of decorrelation.

    Parameters
    ----------
    grains, angles, channels, camera : ndarray, shape (3, 3)
        Covariances of the parameters (b, rho, w): by finite pixels and their noise, by the angles that were drawn, by
        the finite number of channels, by the figures of the camera and by what it clips.
    independent : float
        Number of independent pixels that the likelihood of drift is worth.
    """

    grains: Matrix
    angles: Matrix
    channels: Matrix
    camera: Matrix
    independent: float

    @property
    def total(self) -> Matrix:
        """Return the covariance of the parameters, shape (3, 3)."""
        return self.grains + self.angles + self.channels + self.camera


def decorrelation_errors(fit: DecorrelationFit, light: BurstLight, *, share: float) -> DecorrelationErrors:
    """Return the uncertainty of a fit.

    .. math:: C = F^{-1} \\, \\mathrm{cov}(s) \\, F^{-1}, \\qquad s_j = \\tfrac{1}{2} z^T K_j z

    Parameters
    ----------
    fit : DecorrelationFit
        The fit, with the information F and the kernels K_j.
    light : BurstLight
        The light z of which it is.
    share : float
        How unlike the two angles of a beam are in what they change, from 0.5 to 1, mean over the parts
        (`calibration.identification.pointing_jitter.axis_share`).

    Returns
    -------
    DecorrelationErrors
        Covariances by cause.

    Notes
    -----
    Grains: the scores s of the pixels scatter, and correlate over a grain; drift of one realisation and camera noise
    are in them. Angles: a frame has one tilt for all pixels, so that F frames are no more than 2 F draws, however many
    grains. With P the kernel times b |g_1|^2, and L = 2 [diag(P 1) - P] its Laplacian, the variance of a score is
    2 share (v / 2)^2 tr L^2. Channels: what drifts is a sum over N channels of weight p_n, exponentially distributed,
    at frequencies that are quantiles of the spectrum; the realised g_1 is that of the law to 1 / sqrt(N). Each part of
    the macropixels has its own frames, thus angles, and its own weights of the channels.
    """
    inverse = np.linalg.inv(fit.information)
    reach, _ = correlated_pixels(light)
    pixels = mean_covariance(_pixel_scores(fit, light), light, reach=max(reach, 1))
    angles, channels = _angle_covariance(fit, light, share=share), _channel_covariance(fit, light)
    changing = np.zeros((3, 3))
    changing[1, 1] = (MODEL_ERROR * fit.parameters[1]) ** 2
    changing[2, 2] = light.noise_uncertainty**2
    return DecorrelationErrors(
        grains=inverse @ pixels @ inverse,
        angles=inverse @ angles @ inverse,
        channels=inverse @ channels @ inverse,
        camera=changing,
        independent=float(fit.information[1, 1] / (pixels + angles + channels)[1, 1]),
    )


def largest_rate(fit: DecorrelationFit, errors: DecorrelationErrors) -> float:
    """Return the rate that drift does not exceed.

    Parameters
    ----------
    fit : DecorrelationFit
        The fit.
    errors : DecorrelationErrors
        Its uncertainty.

    Returns
    -------
    float
        Upper bound of rho, 1 / s or 1 / s^2: with few channels that happen to be slow the estimate is a gamma variate,
        far below the truth more often than a normal one.
    """
    rate = float(fit.parameters[1])
    channels = float(errors.channels[1, 1])
    other = max(float(errors.total[1, 1]) - channels, 0.0)
    bound = rate - float(ndtri(BOUND_CHANCE)) * math.sqrt(other)
    if not channels or not rate:
        return bound
    shape = rate**2 / channels
    return bound * shape / max(float(gammaincinv(shape, BOUND_CHANCE)), 1e-12)


def correlation(fit: DecorrelationFit, light: BurstLight) -> Matrix:
    """Return |g_1| between frames by a fit.

    Parameters
    ----------
    fit : DecorrelationFit
        The fit.
    light : BurstLight
        The frames.

    Returns
    -------
    ndarray, shape (frame, frame)
        Field correlation.
    """
    return fit.law.correlation(light.times, rate=float(fit.parameters[1]))[0]


def _pixel_scores(fit: DecorrelationFit, light: BurstLight) -> Matrix:
    """Return what each pixel adds to the slopes of the likelihood, shape (3, part, pixel).

    The mean light by which patterns are divided, and the noise that is taken off, are found from the same pixels: what
    a bright pixel adds to them is taken off its own.
    """
    drifting, _, changing = fit.parameters
    covariance = drifting * correlation(fit, light) ** 2 + changing * np.eye(len(light.times))
    scores = []
    for kernel in fit.kernels:
        own = np.sum((kernel @ light.patterns) * light.patterns, axis=1) / 2
        own -= np.sum(kernel * covariance, axis=1) @ light.patterns
        scores.append(own - (light.noise @ np.diag(kernel))[:, np.newaxis] / 2 * light.noise_share)
    return np.array(scores)


def _angle_covariance(fit: DecorrelationFit, light: BurstLight, *, share: float) -> Matrix:
    """Return the covariance of the scores by the angles that happened to be drawn."""
    weights = fit.kernels / 2 * (fit.parameters[0] * correlation(fit, light) ** 2)
    laplacians = []
    for weight in weights:
        off = weight - np.diag(np.diag(weight))
        laplacians.append(2 * (np.diag(off.sum(axis=1)) - off))
    products = np.array([[float(np.sum(a * b)) for b in laplacians] for a in laplacians])
    return np.asarray(2 * share * (max(fit.vibration, 0.0) / 2) ** 2 * products / len(light.patterns))


def _channel_covariance(fit: DecorrelationFit, light: BurstLight) -> Matrix:
    """Return the covariance of the scores by the weights that the channels happen to have."""
    channels, rate = fit.law.channels, float(fit.parameters[1])
    if math.isinf(channels) or not rate:
        return np.zeros((3, 3))
    frequencies = fit.law.frequencies / fit.law.time(rate)
    turns = np.exp(1j * np.outer(light.times - light.times.mean(), frequencies))
    field = correlation(fit, light)
    moves = []
    for kernel in fit.kernels:
        weight = kernel * fit.parameters[0] * field
        own = np.sum((weight @ turns) * turns.conj(), axis=0).real
        moves.append(own - float(np.sum(weight * field)))
    stacked = np.array(moves)
    return np.asarray(stacked @ stacked.T / int(channels) ** 2 / len(light.patterns))
