"""Covariance of the intensities of neighbouring pixels, from frames of several speckle patterns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.identification.light_frames import FilledLight

LAGS = 7
"""Distances of pixels, 0 to 6, at which the covariance is taken."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SpeckleCovariance:
    """Covariance of intensities over the mean squared, at distances of 0 to 6 pixels along y or x.

    Parameters
    ----------
    values : ndarray, shape (lag,)
        One plus the covariance, as `speckle_covariance` says; a frame's own mean is still in the denominator.
    errors : ndarray, shape (lag, lag)
        Covariance of the values' errors.
    shared : float
        Correlation between frames of what a pixel adds to the variance: 0 where all patterns are independent.
    intensity_correlation : float
        Mean correlation of the intensity patterns of two frames.
    """

    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    shared: float
    intensity_correlation: float


def speckle_covariance(light: FilledLight, *, correlation: NDArray[np.float64], grains: float) -> SpeckleCovariance:
    """Return the covariance that frames of one set show.

    .. math:: 1 + c(\\Delta) = \\frac{\\sum_f \\langle I_p I_{p+\\Delta} \\rangle_f - n(\\Delta)}{\\sum_f m_f^2}

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
    products, and each mean m_f squared loses the variance that noise gives it. The power of a frame cancels. Errors
    come from the scatter over frames, and from what the frames have in common: halves of the same macropixels share
    half of their field, and then count as some fifteen independent patterns, however many there are (the variance
    of the second moment goes with the fourth power of the field correlation).
    """
    squares = light.mean**2 - light.mean_variance
    products = np.stack([_products(light, lag, correlation) for lag in range(LAGS)], axis=1)
    total = squares.sum()
    values = products.sum(axis=0) / total
    frames = len(products)
    own = products - values * squares[:, np.newaxis]
    scatter = own.T @ own * (frames / max(frames - 1, 1)) / total**2
    shared = _shared(_second_moments(light, values[0]))
    scatter *= 1 + _variance_gain(shared, frames=frames, squares=squares)
    floor = np.diag(np.full(LAGS, 1e-4 / max(frames * grains, 1)))
    deviation = light.electrons - light.mean[:, np.newaxis, np.newaxis] * light.good
    variance = max(values[0] - 1, 1e-6) * squares.sum() / frames
    return SpeckleCovariance(
        values=values,
        errors=scatter + floor,
        shared=shared,
        intensity_correlation=_cross_frames(deviation[:, light.good]) / variance,
    )


def _products(light: FilledLight, lag: int, correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean product of pixels at a distance in each frame, noise taken off."""
    electrons, clipped, good = light.electrons, light.clipped, light.good
    if not lag:
        # Clipped pixels have no shot noise left; about their filling they scatter.
        filled = clipped.sum(axis=(1, 2)) / light.pixels
        shot = (electrons * ~clipped).sum(axis=(1, 2)) / light.pixels
        noise = shot + (1 - filled) * light.noise_variance
        return np.asarray(
            np.einsum("fyx,fyx->f", electrons, electrons) / light.pixels - noise + filled * light.filled_variance
        )
    total, pairs = np.zeros(len(electrons)), 0
    for axis, noise in ((1, light.column_covariance), (2, light.row_covariance)):
        if electrons.shape[axis] <= lag:
            continue
        first = np.take(electrons, range(lag, electrons.shape[axis]), axis)
        second = np.take(electrons, range(electrons.shape[axis] - lag), axis)
        both = np.take(clipped, range(lag, clipped.shape[axis]), axis) & np.take(
            clipped, range(clipped.shape[axis] - lag), axis
        )
        known = np.take(good, range(lag, good.shape[axis - 1]), axis - 1) & np.take(
            good, range(good.shape[axis - 1] - lag), axis - 1
        )
        count = int(known.sum())
        total += np.einsum("fyx,fyx->f", first, second) - count * noise
        total += correlation[lag] * light.filled_variance * both.sum(axis=(1, 2))
        pairs += count
    return np.asarray(total / max(pairs, 1))


def _second_moments(light: FilledLight, value: float) -> NDArray[np.float64]:
    """Return what each good pixel adds to the contrast, shape (frame, pixel); its part linear in light is gone."""
    intensity = light.electrons[:, light.good]
    mean = light.mean[:, np.newaxis]
    return np.asarray(intensity**2 - 2 * value * mean * intensity + value * mean**2)


def _cross_frames(maps: NDArray[np.float64]) -> float:
    """Return the mean over pairs of different frames of the spatial covariance of their maps."""
    frames = len(maps)
    if frames < 2:
        return 0.0
    centred = maps - maps.mean(axis=1, keepdims=True)
    together = np.mean(centred.sum(axis=0) ** 2)
    return float((together - np.sum(np.mean(centred**2, axis=1))) / (frames * (frames - 1)))


def _shared(maps: NDArray[np.float64]) -> float:
    """Return the mean correlation of the maps of two frames, at least zero."""
    own = float(np.mean(maps.var(axis=1)))
    return min(max(_cross_frames(maps) / own, 0.0), 1.0) if own > 0 else 0.0


def _variance_gain(shared: float, *, frames: int, squares: NDArray[np.float64]) -> float:
    """Return by how much what frames share adds to the variance that their scatter shows."""
    effective = squares.sum() ** 2 / np.sum(squares**2) if frames > 1 else 1.0
    left = max(1 - shared, 1e-3)
    return float(effective * shared / left)


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
