"""Power of the laser from frame to frame and over the protocol, told from the speckle that moves."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag
from scipy.optimize import brentq

from calibration.cameras.uncertainty import SIGNIFICANT, Measured
from calibration.identification.burst_light import BurstLight
from calibration.identification.speckle_area import correlated_pixels

SLOW_TERMS = 3
"""Polynomials of time (up to the square) that are taken off the powers of a burst: slow drift."""

AREA_UNCERTAINTY = 0.25
"""Relative standard uncertainty of the number of pixels that share a grain."""

BOUND_SIGMAS = 3.3
"""Standard deviations at which bounds stand: one side beyond has a probability of 5e-4."""

ROUNDS = 60


@dataclass(frozen=True, kw_only=True, eq=False)
class PowerSpread:
    """Independent combinations of powers, each with the variance that it would have without the laser's noise.

    Parameters
    ----------
    squares : ndarray, shape (combination,)
        Squares of the combinations.
    camera : ndarray, shape (combination,)
        Variance of shot and read noise in each.
    speckle : ndarray, shape (combination,)
        Variance by speckle that moves in each.
    """

    squares: NDArray[np.float64]
    camera: NDArray[np.float64]
    speckle: NDArray[np.float64]


def laser_noise(light: BurstLight) -> Measured:
    """Return the relative rms of the power from one exposure to the next.

    .. math:: z_k = \\varphi_k^T p, \\qquad
              \\langle z_k^2 \\rangle = \\sigma^2 + \\frac{n_c}{N} \\lambda_k + u^2

    Parameters
    ----------
    light : BurstLight
        The light of repeated frames.

    Returns
    -------
    Measured
        The rms sigma; an upper bound where it is hidden.

    Notes
    -----
    The mean p of a frame over N pixels moves with the laser, and with speckle that decorrelates. The vectors phi_k are
    those along which the patterns of a burst decorrelate, lambda_k how much, both from the patterns themselves; a grain
    covers n_c pixels; light of different parts moves independently. Vibration by two angles lives in few of them, which
    then get little weight: sigma is the most likely one. The mean of each part in a burst, slope and curvature of the
    burst are left out. u is what shot, read, row and column noise do to the mean. Projection on the mean pattern
    instead of the mean over pixels would weight bright grains, which move most: for a field that decorrelates its
    variance is 1.5 times larger.
    """
    _, shared = correlated_pixels(light)
    return spread_rms(_within_bursts(light, shared))


def power_change(light: BurstLight, *, noise: Measured) -> Measured:
    """Return the relative rms of the power from one burst to another, beyond that from frame to frame.

    Parameters
    ----------
    light : BurstLight
        The light of repeated frames.
    noise : Measured
        Relative rms of the power from frame to frame.

    Returns
    -------
    Measured
        The rms, an upper bound where it is hidden. With some ten bursts it says that there is a change, and how large
        to a third of itself.
    """
    _, shared = correlated_pixels(light)
    count = int(light.bursts[-1]) + 1
    members = (light.bursts == np.arange(count)[:, np.newaxis]).astype(np.float64)
    averages = members / members.sum(axis=1, keepdims=True)
    shared_noise = averages @ (light.noise.mean(axis=0)[:, np.newaxis] * averages.T)
    covariance = averages @ light.gram.mean(axis=0) @ averages.T - shared_noise
    white = (light.power_noise.mean() + noise.value**2) * np.diag(averages @ averages.T) / len(light.power)
    spread = _spread(
        averages @ light.power.mean(axis=0), covariance, white, slow=np.ones((count, 1)), shared=shared / light.pixels
    )
    return spread_rms(spread)


def spread_rms(spread: PowerSpread) -> Measured:
    """Return the most likely rms of what combinations have in common beyond their known variances.

    Parameters
    ----------
    spread : PowerSpread
        The combinations.

    Returns
    -------
    Measured
        The rms; an upper bound where its square is within four of the standard deviations that it has by chance alone.
    """
    known = spread.camera + spread.speckle
    variance, weights = _likeliest(spread.squares, known)
    chance = 2 / float(np.sum((max(variance, 0.0) + known) ** -2))
    area = AREA_UNCERTAINTY * float(weights @ spread.speckle / weights.sum())
    error = math.hypot(math.sqrt(chance), area)
    alone = math.hypot(math.sqrt(2 / float(np.sum(known**-2.0))), area)
    if variance > SIGNIFICANT * alone:
        value = math.sqrt(variance)
        return Measured(value=value, uncertainty=error / (2 * value))
    return Measured(value=math.sqrt(_largest(spread, variance)), uncertainty=0.0, bound="upper")


def _likeliest(squares: NDArray[np.float64], known: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return the variance of the largest likelihood, and the weights of the combinations there."""
    variance = max(float(np.median(squares) / 0.455 - np.median(known)), 0.0)
    for _ in range(ROUNDS):
        weights = (max(variance, 0.0) + known) ** -2
        variance = float(np.sum(weights * (squares - known)) / np.sum(weights))
    return variance, weights


def _largest(spread: PowerSpread, variance: float) -> float:
    """Return the variance at which the likelihood has fallen by the square of 3.3 over two."""
    known = spread.camera + spread.speckle * max(1 - BOUND_SIGMAS * AREA_UNCERTAINTY, 0.0)

    def fall(candidate: float) -> float:
        total = candidate + known
        return float(np.sum(np.log(total) + spread.squares / total)) / 2

    start, _ = _likeliest(spread.squares, known)
    start = max(start, variance, 0.0)
    least = fall(start) + BOUND_SIGMAS**2 / 2
    end = start + float(known.min()) + 1e-18
    while fall(end) < least:
        end *= 2
    return float(brentq(lambda candidate: fall(candidate) - least, start, end))


def _within_bursts(light: BurstLight, shared: float) -> PowerSpread:
    """Return the combinations of powers within bursts: what parts have in common and what is slow is left out."""
    gram = light.gram
    spreads = []
    for burst in range(int(light.bursts[-1]) + 1):
        own = np.flatnonzero(light.bursts == burst)
        powers = light.power[:, own] / light.power[:, own].mean(axis=1, keepdims=True)
        covariance = block_diag(
            *(one[np.ix_(own, own)] - np.diag(noise[own]) for one, noise in zip(gram, light.noise, strict=True))
        )
        white = np.repeat(light.power_noise, len(own))
        spreads.append(
            _spread(
                powers.ravel(),
                covariance,
                white,
                slow=_slow_terms(*powers.shape),
                shared=shared / light.patterns.shape[2],
            )
        )
    return PowerSpread(
        squares=np.concatenate([one.squares for one in spreads]),
        camera=np.concatenate([one.camera for one in spreads]),
        speckle=np.concatenate([one.speckle for one in spreads]),
    )


def _slow_terms(parts: int, frames: int) -> NDArray[np.float64]:
    """Return what is left out of the powers of a burst: the mean of each part, and what is slow over the burst."""
    means = np.repeat(np.eye(parts), frames, axis=0)
    slow = np.vander(np.linspace(-1, 1, parts * frames), SLOW_TERMS, increasing=True)[:, 1:]
    return np.concatenate([means, slow], axis=1)


def _spread(
    power: NDArray[np.float64],
    covariance: NDArray[np.float64],
    white: NDArray[np.float64],
    *,
    slow: NDArray[np.float64],
    shared: float,
) -> PowerSpread:
    """Return the combinations of powers along which the patterns decorrelate, without what is slow."""
    whole, _ = np.linalg.qr(slow, mode="complete")
    basis = whole[:, slow.shape[1] :]
    moved, turns = np.linalg.eigh(basis.T @ covariance @ basis)
    vectors = basis @ turns
    return PowerSpread(
        squares=(vectors.T @ power) ** 2,
        camera=np.asarray((vectors**2).T @ white),
        speckle=np.maximum(moved, 0) * shared,
    )
