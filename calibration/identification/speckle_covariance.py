"""Covariance of the intensities of neighbouring pixels, from frames of several speckle patterns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.identification.light_frames import FilledLight

LAGS = 7
"""Distances of pixels, 0 to 6, at which the covariance is taken."""

SHARED_BREADTH = 1.5
"""What frames share of a covariance varies more slowly over the pixels than what each adds: variance over that."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SpeckleCovariance:
    """Covariance of intensities over the mean squared, at distances of 0 to 6 pixels along y or x.

    Parameters
    ----------
    values : ndarray, shape (lag,)
        One plus the covariance, as `speckle_covariance` says; a frame's own mean is still in the denominator.
    errors : ndarray, shape (lag, lag)
        Covariance of the values' errors.
    shared : ndarray, shape (lag,)
        Correlation between frames of what pixels add to the covariance: 0 where all patterns are independent.
    intensity_correlation : float
        Mean correlation of the intensity patterns of two frames.
    """

    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    shared: NDArray[np.float64]
    intensity_correlation: float


def speckle_covariance(light: FilledLight, *, correlation: NDArray[np.float64], grains: float) -> SpeckleCovariance:
    """Return the covariance that frames of one set show.

    .. math:: 1 + c(\\Delta) = \\frac{\\sum_f \\langle I_p I_{p+\\Delta} \\rangle_f - n(\\Delta)}{\\sum_f
              \\langle I_p \\rangle_f \\langle I_{p+\\Delta} \\rangle_f}

    Parameters
    ----------
    light : FilledLight
        Frames in electrons; their powers may differ.
    correlation : ndarray, shape (lag,)
        Covariance over variance that is expected at each distance, for pairs of which both are clipped.
    grains : float
        Number of independent samples of the variance that a frame holds.

    Returns
    -------
    SpeckleCovariance
        Values and errors.

    Notes
    -----
    Noise n (shot noise and dark noise at distance zero, that of rows and columns elsewhere) is taken off the
    products, and the product of means, over the same pairs, loses the variance that noise gives it. The power of a
    frame cancels. Errors come from the scatter over frames, and from what the frames have in common: halves of the
    same macropixels share half of their field, and then count as some fifteen independent patterns, however many
    there are (the variance of the second moment goes with the fourth power of the field correlation).
    """
    moments = [_moments(light, lag, correlation) for lag in range(LAGS)]
    products, squares = (np.stack(part, axis=1) for part in zip(*moments, strict=True))
    total = squares.sum(axis=0)
    values = products.sum(axis=0) / total
    frames = len(products)
    own = (products - values * squares) / total
    scatter = own.T @ own * (frames / max(frames - 1, 1))
    shared = np.array([_shared(light, lag, value) for lag, value in enumerate(values)])
    gain = np.sqrt(1 + _variance_gain(shared, squares=squares[:, 0]))
    scatter *= np.outer(gain, gain)
    floor = np.diag(np.full(LAGS, 1e-4 / max(frames * grains, 1)))
    floor[0, 0] += (frames * light.noise_doubt / total[0]) ** 2
    # A dark level that is off changes all frames alike, and the covariance by twice its part of their mean.
    level = 2 * (values - 1) * light.level_doubt * float(np.sum(light.mean)) / total[0]
    deviation = light.electrons - light.mean[:, np.newaxis, np.newaxis] * light.good
    variance = max(values[0] - 1, 1e-6) * total[0] / frames
    return SpeckleCovariance(
        values=values,
        errors=scatter + floor + np.outer(level, level),
        shared=shared,
        intensity_correlation=_cross_frames(deviation[:, light.good]) / variance,
    )


def _moments(
    light: FilledLight, lag: int, correlation: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean product of pixels at a distance in each frame, and the product of the means of both.

    The means are over just these pairs: what the borders hold would count otherwise as covariance.
    """
    if not lag:
        return _square(light), light.mean**2 - light.mean_variance
    total, means, pairs = np.zeros(len(light.mean)), np.zeros(len(light.mean)), 0
    for axis, noise in ((1, light.column_covariance), (2, light.row_covariance)):
        if light.electrons.shape[axis] <= lag:
            continue
        first, second = _apart(light.electrons, lag, axis)
        known = np.logical_and(*_apart(light.good, lag, axis - 1))
        both = np.logical_and(*_apart(light.clipped, lag, axis)).sum(axis=(1, 2))
        count = int(known.sum())
        product = np.einsum("fyx,fyx->f", first, second) - count * noise
        total += product + correlation[lag] * light.filled_variance * both
        sums = [np.einsum("fyx,yx->f", part, known.astype(float)) for part in (first, second)]
        means += sums[0] * sums[1] / max(count, 1) - count * light.mean_variance
        pairs += count
    return total / max(pairs, 1), means / max(pairs, 1)


def _square(light: FilledLight) -> NDArray[np.float64]:
    """Return the mean square of the light of each frame; clipped pixels have no shot noise, but their own scatter."""
    filled = light.clipped.sum(axis=(1, 2)) / light.pixels
    shot = (light.electrons * ~light.clipped).sum(axis=(1, 2)) / light.pixels
    square = np.einsum("fyx,fyx->f", light.electrons, light.electrons) / light.pixels
    return np.asarray(square - shot - (1 - filled) * light.noise_variance + filled * light.filled_variance)


def _apart(array: NDArray[Any], lag: int, axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return views of the two pixels of all pairs at a distance along an axis."""
    size = array.shape[axis]
    before: list[slice] = [slice(None)] * array.ndim
    after = list(before)
    before[axis], after[axis] = slice(0, size - lag), slice(lag, size)
    return array[tuple(after)], array[tuple(before)]


def _shared(light: FilledLight, lag: int, value: float) -> float:
    """Return the mean correlation between frames of what pixels add to a lag's covariance, at least zero.

    What a pixel adds is taken without its part linear in the light, which the product of means takes off.
    """
    own = together = 0.0
    mean = light.mean[:, np.newaxis]
    for axis in (1, 2):
        if light.electrons.shape[axis] > lag:
            known = np.logical_and(*_apart(light.good, lag, axis - 1))
            first, second = (part[:, known] for part in _apart(light.electrons, lag, axis))
            maps = first * second - value * mean * (first + second)
            own += float(np.mean(maps.var(axis=1)))
            together += _cross_frames(maps)
    return min(max(together / own, 0.0), 1.0) if own > 0 else 0.0


def _cross_frames(maps: NDArray[np.float64]) -> float:
    """Return the mean over pairs of different frames of the spatial covariance of their maps."""
    frames = len(maps)
    if frames < 2:
        return 0.0
    centred = maps - maps.mean(axis=1, keepdims=True)
    together = np.mean(centred.sum(axis=0) ** 2)
    return float((together - np.sum(np.mean(centred**2, axis=1))) / (frames * (frames - 1)))


def _variance_gain(shared: NDArray[np.float64], *, squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much what frames share adds to the variance that their scatter shows, for each lag."""
    effective = float(squares.sum() ** 2 / np.sum(squares**2))
    return np.asarray(SHARED_BREADTH * effective * shared / np.maximum(1 - shared, 1e-3))


def combine(sets: Sequence[SpeckleCovariance]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of the covariances of several sets, each weighted by what it knows of the contrast.

    Parameters
    ----------
    sets : sequence of SpeckleCovariance
        Independent sets.

    Returns
    -------
    tuple of ndarray, shape (lag,) and (lag, lag)
        Values and the covariance of their errors.
    """
    weights = np.array([1 / one.errors[0, 0] for one in sets])
    weights /= weights.sum()
    values = sum((w * one.values for w, one in zip(weights, sets, strict=True)), np.zeros(LAGS))
    errors = sum((w**2 * one.errors for w, one in zip(weights, sets, strict=True)), np.zeros((LAGS, LAGS)))
    return values, errors
