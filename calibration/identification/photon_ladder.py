"""Gain from frames of one pattern under speckle: the shot noise that is left when light that moves is taken out.

.. math:: \\sigma_i^2(k) = c + K x_i + (x_i - b)(\\beta k + \\gamma k^2), \\qquad c = \\sigma_d^2 + \\tfrac{1}{12} - K b

Under speckle a beam that points elsewhere in each frame changes a pixel by an amount whose variance is proportional to
the pixel's own light, exactly as shot noise is: no distribution over pixels tells them apart. But it moves all pixels
together, in few patterns (two angles, their products), while shot noise moves each on its own: the leading principal
components of the frames take it out, and the light's power with it. Drift of the medium has many patterns, but it
grows with the time between two frames: the variance is extrapolated to no time at all.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.uncertainty import Measured
from calibration.identification.observations import Frames

Array = NDArray[np.float64]

LAGS = 6
"""Longest distance of two frames whose differences are used, in frames."""

MOST_PATTERNS = 120
"""Largest number of patterns of moving light that are taken out."""

DITHERED = 0.25
"""Variance in DN^2, rounding included, from which on the rounding adds 1/12 DN^2 to pixels of many brightnesses."""

BRIGHTEST = 0.8
"""Part of the count at saturation up to which a pixel's mean is taken: brighter ones saturate at times."""

QUICK = 0.4
"""Half the mean square step over the mean square from which on a course is new in each frame: 1 for white noise."""

LEVERAGE = 3.0
"""Error of the extrapolation to no time over the misfit at a lag."""

DIVISIONS = (1, 2)
"""Numbers of parts that the series of bursts is divided into, in turn."""

HIDDEN = 0.15
"""Patterns below the edge of the noise for each one above it, about."""

FEWEST = 100
"""Pixels that a gain takes."""

DIMMEST = 0.2
"""Variance over that of the median pixel below which a pixel is left out: it would decide the mean of its row."""

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


def system_gain(
    bursts: tuple[Frames, ...], *, black: float, saturation: float, ignored: NDArray[np.bool_]
) -> Measured:
    """Return the system gain, in DN per electron, from bursts of one pattern.

    Parameters
    ----------
    bursts : tuple of Frames
        Bursts of one pattern at one exposure time, in the order of time.
    black : float
        Count of a dark pixel, in DN, to some tenths.
    saturation : float
        Count at which pixels saturate, in DN.
    ignored : ndarray of bool, shape (y, x)
        Pixels without light.

    Returns
    -------
    Measured
        Gain; its uncertainty is the scatter over blocks of pixels, and what moving light may have left.

    Raises
    ------
    ValueError
        If fewer than 100 pixels are bright and do not saturate.

    Notes
    -----
    Patterns that change while the bursts last are many: parts of the series have fewer each, but show them less well.
    The mean over the divisions is taken, and what they differ by is a part of its uncertainty. Drift is left to the
    variogram, or where it has few patterns and is fast, is taken out like jitter: the way whose variogram follows its
    curve better is taken, and its misfit is in the uncertainty.
    """
    ways = [_gain_by(bursts, quick=quick, black=black, saturation=saturation, ignored=ignored) for quick in (0.0, QUICK)]
    return min(ways, key=lambda way: way[1])[0]


def _gain_by(
    bursts: tuple[Frames, ...], *, quick: float, black: float, saturation: float, ignored: NDArray[np.bool_]
) -> tuple[Measured, float]:
    """Return the gain by one way to take out moving light, and what the variogram misses its curve by."""
    values, errors, misfits = [], [], []
    for parts in DIVISIONS:
        cuts = np.linspace(0, len(bursts), min(parts, len(bursts)) + 1).round().astype(int)
        groups = [bursts[low:high] for low, high in zip(cuts[:-1], cuts[1:], strict=True)]
        line = None
        for _ in range(3):  # pixels are weighed by the line that they give
            noises = [shot_noise(own, saturation=saturation, ignored=ignored, line=line, quick=quick) for own in groups]
            lines = [_line(noise, black=black) for noise in noises]
            line = (float(np.mean([own[0] for own in lines])), float(np.mean([own[1].value for own in lines])))
        frames = sum(len(burst.counts) for burst in bursts)
        hidden = HIDDEN * sum(noise.patterns for noise in noises) / np.sqrt(frames * noises[0].mean.size)
        error = math.sqrt(sum(own[1].uncertainty ** 2 for own in lines)) / len(lines)
        misfit = float(np.sqrt(np.mean(np.mean([own[2] for own in lines], axis=0) ** 2) * LAGS / (LAGS - 3)))
        values.append(lines[0][1].value if len(lines) == 1 else line[1])
        errors.append(math.sqrt(error**2 + (hidden * values[-1]) ** 2 + (LEVERAGE * max(misfit - error / 2, 0.0)) ** 2))
        misfits.append(misfit)
    value, error = float(np.mean(values)), math.hypot(float(np.mean(errors)), float(np.ptp(values)))
    return Measured(value=value, uncertainty=error), float(np.mean(misfits))


def _line(noise: ShotNoise, *, black: float) -> tuple[float, Measured, Array]:
    """Return intercept, slope of the variance against the mean count at no time between frames, misfit of each lag."""
    start = float(np.mean(noise.variance[0]) / max(np.mean(noise.mean) - black, 1e-6))
    intercept, gain = 1 / 6 - start * black, Measured(value=start, uncertainty=start)
    for _ in range(3):
        intercept, gain, missed = _regression(noise, intercept, gain.value, black=black)
    return intercept, gain, missed


def _regression(noise: ShotNoise, intercept: float, gain: float, *, black: float) -> tuple[float, Measured, Array]:
    """Return intercept, slope and misfit of one weighted regression."""
    signal = noise.mean - black
    expected = intercept + gain * noise.mean
    used = expected > min(DITHERED, float(np.quantile(expected, 0.7)))
    signal, expected = signal[used], expected[used]
    lags = np.arange(1, LAGS + 1)[:, np.newaxis] / LAGS
    one = np.ones((LAGS, 1))
    design = np.stack([one * np.ones_like(signal), one * signal, lags * signal, lags**2 * signal], axis=-1)
    weight = 1 / np.maximum(expected, 0.05) ** 2
    inverse = np.linalg.inv(np.einsum("lpa,p,lpb->ab", design, weight, design))
    found = inverse @ np.einsum("lpa,p,lp->a", design, weight, noise.variance[:, used])
    residual = noise.variance[:, used] - design @ found
    score = np.einsum("lpa,p,lp->pa", design, weight, residual)
    blocks = np.zeros((int(noise.block.max()) + 1, 4))
    np.add.at(blocks, noise.block[used], score)
    covariance = inverse @ (blocks.T @ blocks) @ inverse
    slope = Measured(value=float(found[1]), uncertainty=float(np.sqrt(covariance[1, 1])))
    missed = residual @ (weight * signal) / float(signal**2 @ weight)
    return float(found[0]) - slope.value * black, slope, missed
