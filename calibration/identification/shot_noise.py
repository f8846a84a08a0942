"""Variance of the frames of one pattern, pixel by pixel, light that moves many pixels together taken out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.identification.observations import Frames

Array = NDArray[np.float64]

LAGS = 6
"""Longest distance of two frames whose differences are used, in frames."""

MOST_PATTERNS = 120
"""Largest number of patterns of moving light that are taken out."""

BRIGHTEST = 0.8
"""Part of the count at saturation up to which a pixel's mean is taken: brighter ones saturate at times."""

QUICK = 0.4
"""Half the mean square step over the mean square from which on a course is new in each frame: 1 for white noise."""

DIMMEST = 0.2
"""Variance over that of the median pixel below which a pixel is left out: it would decide the mean of its row."""

FEWEST = 100
"""Pixels that a gain takes."""

BLOCK = 8
"""Side of the blocks of pixels whose scatter gives the uncertainties, in pixels: wider than grains."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ShotNoise:
    """Variance of frames at several distances, of each pixel, the light that moves all pixels together taken out.

    Parameters
    ----------
    mean : ndarray, shape (pixel,)
        Mean count, in DN.
    variance : ndarray, shape (lag, pixel)
        Half the mean square of the differences of frames that are 1, 2, ... frames apart, in DN^2.
    block : ndarray of int, shape (pixel,)
        Number of the block that each pixel lies in.
    patterns : int
        Patterns that were taken out.
    """

    mean: Array
    variance: Array
    block: NDArray[np.intp]
    patterns: int


def shot_noise(
    bursts: tuple[Frames, ...],
    *,
    saturation: float,
    ignored: NDArray[np.bool_],
    line: tuple[float, float] | None = None,
    quick: float = QUICK,
) -> ShotNoise:
    """Return the variance of each pixel over bursts of one pattern, freed from moving light.

    Parameters
    ----------
    bursts : tuple of Frames
        Bursts of one pattern at one exposure time.
    saturation : float
        Count at which pixels saturate, in DN.
    ignored : ndarray of bool, shape (y, x)
        Pixels without light.
    line : tuple of float or None, optional
        Intercept in DN^2 and slope in DN of the variance against the mean, to weigh pixels; None guesses it.
    quick : float, optional
        Patterns are taken out whose courses have at least this half mean square step over their mean square.

    Returns
    -------
    ShotNoise
        Of the pixels that stay below saturation.

    Raises
    ------
    ValueError
        If they are fewer than 100.

    Notes
    -----
    Each pixel is divided by the root of its variance, so that noise has an edge in the spectrum of the frames
    (Marchenko and Pastur); components beyond it are light that moves. A component takes one degree of freedom from
    each pixel and one from each frame, which is given back. What hides below the edge adds less than 1 / sqrt(n f)
    of the variance for n pixels and f frames.
    """
    counts = np.concatenate([burst.counts for burst in bursts]).astype(np.float64)
    frames, rows, columns = counts.shape
    own = np.repeat(np.arange(len(bursts)), [len(burst.counts) for burst in bursts])
    values = counts.reshape(frames, -1)
    mean = values.mean(axis=0)
    noise = np.mean([_pair_variance(values[own == burst]) for burst in range(len(bursts))], axis=0)
    inside = (mean < BRIGHTEST * saturation) & (values.max(axis=0) < saturation) & (values.min(axis=0) > 0)
    used = inside & ~ignored.ravel() & (noise > 0)
    if used.sum() < FEWEST:
        raise ValueError(
            f"{int(used.sum())} pixels are bright and do not saturate, {FEWEST} are needed for the gain: choose an "
            "exposure time at which the mean is about a quarter of the range"
        )
    smooth = _smooth_variance(mean, noise, used) if line is None else np.maximum(line[0] + line[1] * mean, 0.05)
    used &= smooth > DIMMEST * np.median(smooth[used])
    values, weight = values[:, used], 1 / np.sqrt(smooth[used])
    row, column = (place.ravel()[used] for place in np.indices((rows, columns)))
    scaled, lost = _without_lines(values * weight, (row, column), weight)
    patterns, courses = _moving_light(scaled, own, quick=quick)
    left = scaled - (scaled @ patterns.T) @ patterns
    lost += np.sum(patterns**2, axis=0)
    adapted = _adapted(scaled @ patterns.T, courses, own)
    place = row // BLOCK * columns + column // BLOCK
    return ShotNoise(
        mean=mean[used],
        variance=_variogram(left, own) / (weight**2 * (1 - lost - adapted[:, np.newaxis])),
        block=np.unique(place, return_inverse=True)[1],
        patterns=len(patterns),
    )


def most_patterns(bursts: tuple[Frames, ...]) -> int:
    """Return the largest number of patterns that can be taken out of bursts.

    Parameters
    ----------
    bursts : tuple of Frames
        Bursts of one pattern.

    Returns
    -------
    int
        A quarter of the degrees of freedom in time, or `MOST_PATTERNS`.
    """
    return min(MOST_PATTERNS, (sum(len(burst.counts) for burst in bursts) - len(bursts)) // 4)


def _pair_variance(values: Array) -> Array:
    """Return half the mean square of the differences of neighbouring frames."""
    return np.asarray(np.mean(np.diff(values, axis=0) ** 2, axis=0) / 2)


def _smooth_variance(mean: Array, variance: Array, used: NDArray[np.bool_]) -> Array:
    """Return the line of the variance against the mean, as a weight of each pixel: never below half the smallest."""
    slope, intercept = np.polyfit(mean[used], variance[used], 1, w=1 / np.maximum(mean[used], 1.0))
    return np.asarray(np.maximum(intercept + slope * mean, 0.5 * np.quantile(variance[used], 0.02) + 1e-6))


def _without_lines(
    scaled: Array, lines: tuple[NDArray[np.intp], NDArray[np.intp]], weight: Array
) -> tuple[Array, Array]:
    """Take what rows and columns do together out of each frame; return also the share of noise lost with it."""
    left, lost = scaled, np.zeros(scaled.shape[1])
    for _ in range(3):
        for index in lines:
            total = np.bincount(index, weight**2)
            # One sum over the pixels of each line, all frames at once.
            order = np.argsort(index, kind="stable")
            starts = np.concatenate([[0], np.cumsum(np.bincount(index))[:-1]])
            present = np.bincount(index) > 0
            sums = np.zeros((len(left), len(total)))
            sums[:, present] = np.add.reduceat((left * weight)[:, order], starts[present], axis=1)
            left = left - weight * (sums / np.maximum(total, 1e-300))[:, index]
    for index in lines:
        lost += weight**2 / np.bincount(index, weight**2)[index]
    return left, lost


def _moving_light(scaled: Array, own: NDArray[np.intp], *, quick: float) -> tuple[Array, Array]:
    """Return the patterns, orthonormal, in which many pixels move together between frames, shape (pattern, pixel)."""
    bursts = own[-1] + 1
    steps = scaled - np.stack([scaled[own == burst].mean(axis=0) for burst in range(bursts)])[own]
    number, pixels = len(steps) - bursts, steps.shape[1]
    power, courses = np.linalg.eigh(steps @ steps.T)
    power, courses = power[::-1], courses[:, ::-1]
    count = 0
    while count < min(MOST_PATTERNS, number // 4):
        rest = power[count:].sum() / ((number - count) * (pixels - count))
        if power[count] < 1.03 * rest * (np.sqrt(pixels) + np.sqrt(number)) ** 2:
            break
        count += 1
    moving = courses[:, :count]
    change = (moving[1:] - moving[:-1])[own[1:] == own[:-1]]
    # What is new in each frame has steps of twice its power; what drifts has smaller ones, and stays for the variogram.
    steepness, turn = np.linalg.eigh(change.T @ change / 2)
    moving = moving @ turn[:, steepness > quick]
    patterns = moving.T @ steps
    square = np.linalg.cholesky(patterns @ patterns.T)
    return np.linalg.solve(square, patterns), np.linalg.solve(square, moving.T).T


def _adapted(amplitudes: Array, courses: Array, own: NDArray[np.intp]) -> Array:
    """Return the share of noise that patterns take because they were learned from the same frames, at each lag."""
    shares, strength = [], courses.T @ courses
    for lag in range(1, LAGS + 1):
        inside = own[lag:] == own[:-lag]
        change = (amplitudes[lag:] - amplitudes[:-lag])[inside] / np.sqrt(2)
        common = (courses[lag:] - courses[:-lag])[inside] / np.sqrt(2)
        shares.append(np.mean(np.sum(2 * change * common - change * (change @ strength), axis=1)))
    return np.array(shares)


def _variogram(left: Array, own: NDArray[np.intp]) -> Array:
    """Return half the mean square difference at each lag, shape (lag, pixel)."""
    rows = []
    for lag in range(1, LAGS + 1):
        steps = (left[lag:] - left[:-lag])[own[lag:] == own[:-lag]]
        rows.append(np.mean(steps**2, axis=0) / 2)
    return np.array(rows)
