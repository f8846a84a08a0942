"""What dark frames say of all pixels together: the likelihood of every count, rounding and clipping included.

.. math:: L_i = \\int N(m; b, s^2) \\prod_{j, f} P(c_{ijf} \\mid m + r t_j, \\sigma_j) \\, dm, \\qquad
          \\sigma_j^2 = \\sigma_0^2 + K r t_j

P is the law of a normal signal that is rounded and clipped at zero. The offsets m of the pixels are normal with the
spread s; they dither the rounding, so that noise well below half a DN still shows by the pixels that lie near a step.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_hermitenorm, log_ndtr, ndtr

from calibration.identification.observations import Frames

Array = NDArray[np.float64]

BLACK, SPREAD, NOISE, RATE = range(4)
"""Parameters: black level (DN), logs of spread and noise (log DN), growth of the dark signal (DN over all time)."""

COARSE = 0.5
"""Variance in DN^2, rounding included, from which on rounding is a noise of 1/12 DN^2 to 1e-3 of the variance."""

REACH = 6.0
"""Standard deviations to which normal laws are followed."""

ORDERS = 6
"""Derivatives of the mean count that are kept, for the covariance of pixels that share a noise."""

FINENESS = 0.9
"""Spacing of nodes over the standard deviation to which frames tell a pixel's offset."""

NARROWEST = 0.01
"""Smallest noise and spread that are tried, in DN."""

STEP = 1e-3
"""Step of numerical derivatives, in DN or in logarithms."""

FEW_STEPS = 0.4
"""Spread of the offsets in DN up to which pixels may all lie about one step of the converter."""

SCALES = (0.4, 2.0)
"""Factors on the first guess from which the likelihood is climbed anew where rounding hides the noise."""

STRAY = 10.0
"""Logarithm of the ratio of likelihoods from which on a pixel is no ordinary one."""

STRAY_GROWTHS = (0.1, 0.25, 0.6, 1.5)
"""Growths in the longest time that weakly hot pixels are tried with, in DN."""

LIKELY = 5.5
"""Fall of the log-likelihood that bounds a hidden parameter: 3.3 standard deviations of a normal law."""


@dataclass(frozen=True, eq=False)
class DarkCounts:
    """How often each pixel showed each count, for each exposure time.

    Parameters
    ----------
    times : ndarray, shape (set,)
        Exposure times over the longest one.
    table : ndarray, shape (pixel, set, count)
        Frames that showed the count ``base + lowest + index``.
    base : ndarray of int, shape (pixel,)
        Median count of each pixel, in DN.
    lowest : int
        First count of the table, from the base.
    place : ndarray of int, shape (pixel, 2)
        Row and column of each pixel.
    """

    times: Array
    table: Array
    base: NDArray[np.intp]
    lowest: int
    place: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class DarkFit:
    """Maximum of the likelihood of dark frames.

    Parameters
    ----------
    parameters : ndarray, shape (4,)
        Black level (DN), log of the spread of the offsets, log of the noise (log DN), growth in the longest time (DN).
    covariance : ndarray, shape (4, 4)
        Of the parameters; pixels of a row or of a column count as dependent.
    scores : ndarray, shape (pixel, 4)
        Gradients of each pixel's log-likelihood.
    offset : ndarray, shape (pixel,)
        Expected offset of each pixel, in DN.
    slopes : ndarray, shape (set, 6, pixel)
        Expected derivatives of its mean count with its signal: first (1), second (1/DN), third (1/DN^2), ...
    largest_spread, largest_noise : float
        What the two do not exceed, in DN.
    excess : float
        By how much lines make the likelihood too sharp, as a factor of the standard deviation of the noise.
    """

    parameters: Array
    covariance: Array
    scores: Array
    offset: Array
    slopes: Array
    largest_spread: float
    largest_noise: float


def dark_counts(dark: tuple[Frames, ...], *, pixels: NDArray[np.bool_]) -> DarkCounts:
    """Return the counts of dark frames, sorted by pixel.

    Parameters
    ----------
    dark : tuple of Frames
        Dark frames, ascending in exposure time.
    pixels : ndarray of bool, shape (y, x)
        Pixels to use: those that are not hot.

    Returns
    -------
    DarkCounts
        A table of one byte or two a pixel, set and count: a few ten million numbers at most.
    """
    frames = np.concatenate([part.counts for part in dark])[:, pixels].astype(np.int64)
    base = np.floor(np.median(frames, axis=0)).astype(np.int64)
    frames -= base
    lowest, highest = int(frames.min()), int(frames.max())
    width, number = highest - lowest + 1, frames.shape[1]
    table = np.empty((number, len(dark), width))
    start, index = 0, np.arange(number) * width - lowest
    for place, part in enumerate(dark):
        stop = start + len(part.counts)
        flat = np.bincount((frames[start:stop] + index).ravel(), minlength=number * width)
        table[:, place], start = flat.reshape(number, width), stop
    times = np.array([part.exposure_time for part in dark])
    return DarkCounts(times / times[-1], table, base.astype(np.intp), lowest, np.argwhere(pixels))


def fit_dark(counts: DarkCounts, *, gain: float, near: DarkFit | None = None) -> DarkFit:
    """Return the maximum of the likelihood of dark frames.

    Parameters
    ----------
    counts : DarkCounts
        The counts.
    gain : float
        System gain, in DN per electron, for the shot noise of the dark current.
    near : DarkFit or None, optional
        Maximum for nearly the same counts, to begin with.

    Returns
    -------
    DarkFit
        Parameters with their covariance.
    """
    start = _first_guess(counts)
    weak = _weak_prior(start)
    if near is None:
        best, likelihood = _highest(counts, start, weak, gain=gain)
    else:
        best, likelihood = _maximise(counts, near.parameters, weak, gain=gain, free=np.ones(4, np.bool_))
    scores = _scores(counts, best, gain=gain)
    information = scores.T @ scores + np.diag(weak[1])
    inverse = np.linalg.inv(information)
    spread = _clustered(scores, counts.place) + np.diag(weak[1])
    covariance = inverse @ spread @ inverse
    covariance[np.diag_indices(4)] = np.maximum(np.diag(covariance), np.diag(inverse))
    sharp = np.maximum(np.diag(spread) / np.diag(information), 1.0)
    ends = [
        _upper_end(counts, best, likelihood, weak, index=index, gain=gain, fall=LIKELY * sharp[index])
        if covariance[index, index] > 0.3**2 or best[index] < np.log(2 * NARROWEST)
        else float(np.exp(best[index] + 3.3 * np.sqrt(covariance[index, index])))
        for index in (SPREAD, NOISE)
    ]
    _, offset, slopes = _pixel_terms(counts, best, gain=gain, moments=True)
    return DarkFit(best, covariance, scores, offset, slopes, *ends)


def stray_pixels(counts: DarkCounts, fit: DarkFit, *, gain: float) -> NDArray[np.bool_]:
    """Return pixels whose counts grow otherwise than those of the others.

    Parameters
    ----------
    counts : DarkCounts
        The counts.
    fit : DarkFit
        The maximum of their likelihood.
    gain : float
        System gain, in DN per electron.

    Returns
    -------
    ndarray of bool, shape (pixel,)
        Pixels whose own likelihood is e^10 times as large with another growth: a weakly hot pixel among those that
        rounding holds still.
    """
    own = _pixel_terms(counts, fit.parameters, gain=gain)[0]
    stray = np.zeros(len(own), np.bool_)
    for growth in STRAY_GROWTHS:
        moved = fit.parameters + np.array([0, 0, 0, growth])
        stray |= _pixel_terms(counts, moved, gain=gain)[0] > own + STRAY
    return stray


def without(counts: DarkCounts, pixels: NDArray[np.bool_]) -> DarkCounts:
    """Return the counts of all pixels but some.

    Parameters
    ----------
    counts : DarkCounts
        The counts.
    pixels : ndarray of bool, shape (pixel,)
        Those to leave out.

    Returns
    -------
    DarkCounts
        The others.
    """
    return DarkCounts(counts.times, counts.table[~pixels], counts.base[~pixels], counts.lowest, counts.place[~pixels])


def _highest(counts: DarkCounts, start: Array, weak: tuple[Array, Array], *, gain: float) -> tuple[Array, float]:
    """Return the highest maximum that several starts lead to.

    Where pixels show two counts only, all of it (distance to the step, spread, noise, growth) can be larger together:
    the likelihood has a long ridge with maxima of its own.
    """
    starts = [start]
    if np.exp(2 * start[NOISE]) < COARSE / 2 and start[SPREAD] < np.log(FEW_STEPS):
        step = np.floor(start[BLACK]) + 0.5
        for factor in SCALES:
            scaled = start + [0, np.log(factor), np.log(factor), start[RATE] * (factor - 1)]
            scaled[BLACK] = step + np.clip((start[BLACK] - step) * factor, -0.5, 0.5)
            starts.append(scaled)
    found = [_maximise(counts, at, weak, gain=gain, free=np.ones(4, np.bool_)) for at in starts]
    return max(found, key=lambda pair: pair[1])


def _first_guess(counts: DarkCounts) -> Array:
    """Return parameters by moments."""
    axis = counts.lowest + np.arange(counts.table.shape[2])
    frames = counts.table.sum(axis=2)
    mean = counts.table @ axis / frames + counts.base[:, np.newaxis]
    square = counts.table @ axis**2.0 / frames - (counts.table @ axis / frames) ** 2
    noise = np.median(square[:, [0, -1]].mean(axis=1)) if square[:, 0].mean() > COARSE else square[:, 0].mean()
    weight = frames[0] / frames[0].sum()
    spread = mean[:, 0].var() - noise / frames[0, 0]
    growth = mean.mean(axis=0)
    time = counts.times - weight @ counts.times
    rate = float((weight * time) @ growth / ((weight * time) @ time))
    return np.array(
        [
            growth @ weight - rate * float(weight @ counts.times),
            0.5 * np.log(max(spread - 1 / 12, 0.01)),
            0.5 * np.log(max(noise - 1 / 12, 0.5 * noise, 0.003)),
            rate,
        ]
    )


def _weak_prior(start: Array) -> tuple[Array, Array]:
    """Return centre and information of what is known beforehand: a DN or so, and orders of magnitude."""
    centre = start.copy()
    centre[[SPREAD, NOISE]] = np.maximum(start[[SPREAD, NOISE]], np.log(0.05))
    return centre, np.array([1 / 0.5**2, 1 / 2.0**2, 1 / 2.0**2, 1 / 1.0**2]) / np.array(
        [max(1.0, np.exp(2 * start[SPREAD])), 1, 1, max(1.0, np.exp(2 * start[NOISE]), start[RATE] ** 2)]
    )


def _maximise(
    counts: DarkCounts, start: Array, weak: tuple[Array, Array], *, gain: float, free: NDArray[np.bool_]
) -> tuple[Array, float]:
    """Return the maximum over the free parameters, and the log-likelihood there."""

    def value(at: Array) -> float:
        return float(_pixel_terms(counts, at, gain=gain)[0].sum() - np.sum(weak[1] * (at - weak[0]) ** 2) / 2)

    at, here, damping = start.copy(), value(start), 1e-3
    for _ in range(30):
        scores = _scores(counts, at, gain=gain, ends=(1, 0))
        gradient = (scores.sum(axis=0) - weak[1] * (at - weak[0])) * free
        information = scores.T @ scores + np.diag(weak[1])
        moved = False
        while damping < 1e6:
            inner = information[np.ix_(free, free)]
            step = np.zeros(4)
            step[free] = np.linalg.solve(inner + damping * np.diag(np.diag(inner)), gradient[free])
            step /= max(1.0, float(np.abs(step[[SPREAD, NOISE]]).max()) / 0.7)
            trial = at + step
            trial[[SPREAD, NOISE]] = np.maximum(trial[[SPREAD, NOISE]], np.log(NARROWEST))
            there = value(trial)
            if there > here:
                moved = there - here > 1e-3
                at, here, damping = trial, there, max(damping / 10, 1e-6)
                break
            damping *= 10
        if not moved:
            break
    return at, here


def _scores(counts: DarkCounts, at: Array, *, gain: float, ends: tuple[int, int] = (1, -1)) -> Array:
    """Return the gradient of each pixel's log-likelihood, shape (pixel, 4); ``ends`` of a difference, in steps."""
    steps = STEP * np.eye(4)
    high = [_pixel_terms(counts, at + ends[0] * step, gain=gain)[0] for step in steps]
    low = [_pixel_terms(counts, at + ends[1] * step, gain=gain)[0] for step in (steps if ends[1] else steps[:1] * 0)]
    return np.asarray((np.array(high) - np.array(low)).T / (STEP * (ends[0] - ends[1])))


def _clustered(scores: Array, place: NDArray[np.intp]) -> Array:
    """Return the covariance of the sum of scores, pixels of a row and of a column being dependent."""
    total = -scores.T @ scores
    for axis in (0, 1):
        lines = np.zeros((place[:, axis].max() + 1, scores.shape[1]))
        np.add.at(lines, place[:, axis], scores)
        total += lines.T @ lines * (len(lines) / (len(lines) - 1))
    return total


def _upper_end(
    counts: DarkCounts, best: Array, likelihood: float, weak: tuple[Array, Array], *, index: int, gain: float, fall: float
) -> float:
    """Return where the profile of the likelihood has fallen far enough."""
    at, free = best.copy(), np.arange(4) != index
    low = high = best[index]
    for _ in range(14):
        high = low + 0.35
        at[index] = high
        at, here = _maximise(counts, at, weak, gain=gain, free=free)
        if likelihood - here > fall:
            break
        low = high
    return float(np.exp(high))


def _pixel_terms(counts: DarkCounts, at: Array, *, gain: float, moments: bool = False) -> tuple[Array, Array, Array]:
    """Return each pixel's log-likelihood, and if asked for its expected offset and slope."""
    noise = np.sqrt(np.maximum(np.exp(2 * at[NOISE]) + gain * at[RATE] * counts.times, 0.5 * np.exp(2 * at[NOISE])))
    terms = _coarse_terms if np.exp(2 * at[NOISE]) > COARSE else _fine_terms
    number = len(counts.base)
    result = np.empty(number), np.empty(number), np.empty((len(noise) if moments else 0, ORDERS, number))
    for low in range(0, number, 4096):
        part = slice(low, low + 4096)
        for out, value in zip(result, terms(counts, part, at, noise, moments), strict=True):
            out[..., part] = value
    return result


def _fine_terms(
    counts: DarkCounts, part: slice, at: Array, noise: Array, moments: bool
) -> tuple[Array, Array, Array]:
    """Terms by the exact converter: nodes of the offset close together at the steps and where offsets are."""
    table, base = counts.table[part], counts.base[part]
    result = np.empty(len(base)), np.zeros(len(base)), np.zeros((len(noise) if moments else 0, ORDERS, len(base)))
    spread, growth = np.exp(at[SPREAD]), at[RATE] * counts.times
    relative, frames = counts.lowest + np.arange(table.shape[2]), float(table[0].sum())
    for level in np.unique(base):
        own = base == level
        nodes = _nodes(at[BLACK] - level, spread, noise, growth, frames=frames)
        cut = relative[:, np.newaxis] - 0.5 - nodes
        lower = (cut - growth[:, np.newaxis, np.newaxis]) / noise[:, np.newaxis, np.newaxis]
        upper = lower + 1 / noise[:, np.newaxis, np.newaxis]
        lower[:, relative + level <= 0] = -np.inf
        chance = np.where(lower > 0, ndtr(-lower) - ndtr(-upper), ndtr(upper) - ndtr(lower))
        flat = np.log(np.maximum(chance, 1e-30)).reshape(-1, len(nodes))
        log = table[own].reshape(own.sum(), -1) @ flat
        width = np.gradient(nodes)
        log += np.log(width) - (nodes - at[BLACK] + level) ** 2 / (2 * spread**2) - np.log(spread * np.sqrt(2 * np.pi))
        top = log.max(axis=1, keepdims=True)
        weight = np.exp(log - top)
        total = weight.sum(axis=1)
        result[0][own] = top[:, 0] + np.log(total)
        if moments:
            result[1][own] = weight @ nodes / total + level
            away = np.where(np.isfinite(lower), lower, 99.0)
            steps = np.exp(-(away**2) / 2) / np.sqrt(2 * np.pi)
            sigma = noise[:, np.newaxis]
            for order in range(ORDERS):
                bend = (eval_hermitenorm(order, away) * steps).sum(axis=1) / sigma ** (order + 1)
                result[2][:, order, own] = (weight @ bend.T / total[:, np.newaxis]).T
    return result


def _nodes(black: float, spread: float, noise: Array, growth: Array, *, frames: float) -> Array:
    """Return nodes of the offset from a pixel's median count.

    Within four deviations of a step the offset of a pixel is known to a deviation over the root of its frames.
    """
    span = min(growth[-1], 0.0), max(growth[-1], 0.0)
    reach = -0.6 - 1.5 * noise.max() - span[1], 0.6 + 1.5 * noise.max() - span[0]
    fine = FINENESS * noise[0] / np.sqrt(frames)
    close = np.arange(-4 * noise.max() - span[1], 4 * noise.max() - span[0] + fine, fine)
    steps = np.arange(np.floor(reach[0]), np.ceil(reach[1]) + 1) + 0.5
    every = np.concatenate(
        [np.linspace(*reach, 25), black + spread * np.linspace(-REACH, REACH, 41), np.add.outer(steps, close).ravel()]
    )
    every = every[(every >= reach[0]) & (every <= reach[1])]
    # Nodes that nearly coincide cost time and add nothing.
    return np.unique(np.round(every / fine).astype(np.int64)) * fine


def _coarse_terms(
    counts: DarkCounts, part: slice, at: Array, noise: Array, moments: bool
) -> tuple[Array, Array, Array]:
    """Terms where rounding is a noise of its own; counts at zero are clipped."""
    table = counts.table[part]
    absolute = counts.base[part, np.newaxis] + counts.lowest + np.arange(table.shape[2])
    positive = np.where(absolute[:, np.newaxis] > 0, table, 0.0)
    zeros = np.where(absolute[:, np.newaxis] == 0, table, 0.0).sum(axis=2)
    number = positive.sum(axis=2)
    first = np.einsum("psc,pc->ps", positive, absolute)
    second = np.einsum("psc,pc->ps", positive, absolute.astype(np.float64) ** 2)
    growth, spread = at[RATE] * counts.times, np.exp(at[SPREAD])
    variance = noise**2 + 1 / 12
    weight = number @ (1 / variance) + 1 / spread**2
    pull = (first - number * growth) @ (1 / variance) + at[BLACK] / spread**2
    square = (second - 2 * first * growth + number * growth**2) @ (1 / variance) + at[BLACK] ** 2 / spread**2
    constant = -number @ np.log(noise**2 + 1 / 12) / 2 - np.log(spread) - number.sum(axis=1) * np.log(2 * np.pi) / 2
    centre = pull / weight
    value = constant - np.log(weight) / 2 - (square - pull * centre) / 2
    slopes = np.zeros((len(noise) if moments else 0, ORDERS, len(centre)))
    slopes[:, 0] = 1.0
    clipped = np.flatnonzero(zeros.sum(axis=1) > 0)
    if clipped.size:
        nodes = centre[clipped, np.newaxis] + np.linspace(-12, 6, 73) * np.sqrt(1 / weight[clipped])[:, np.newaxis]
        hidden = np.zeros_like(nodes)
        for index, (shift, sigma) in enumerate(zip(growth, noise, strict=True)):
            share = zeros[clipped, index, np.newaxis]
            hidden += share * log_ndtr((0.5 - nodes - shift) / sigma)
        log = hidden - weight[clipped, np.newaxis] * (nodes - centre[clipped, np.newaxis]) ** 2 / 2
        top = log.max(axis=1, keepdims=True)
        dense = np.exp(log - top)
        spacing = nodes[:, 1] - nodes[:, 0]
        value[clipped] += top[:, 0] + np.log(dense.sum(axis=1) * spacing) + np.log(weight[clipped] / (2 * np.pi)) / 2
        if moments:
            share = dense / dense.sum(axis=1, keepdims=True)
            centre[clipped] = np.sum(share * nodes, axis=1)
            for index, (shift, sigma) in enumerate(zip(growth, noise, strict=True)):
                away = (nodes + shift - 0.5) / sigma
                bell = np.exp(-(away**2) / 2) / np.sqrt(2 * np.pi)
                slopes[index, 0, clipped] = np.sum(share * ndtr(away), axis=1)
                slopes[index, 1, clipped] = np.sum(share * bell, axis=1) / sigma
                slopes[index, 2, clipped] = -np.sum(share * bell * away, axis=1) / sigma**2
    return value, centre, slopes
