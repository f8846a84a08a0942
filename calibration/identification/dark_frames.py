"""What dark frames say of all pixels together: black level, spread of the offsets, noise, growth, with uncertainties.

The law of a normal signal that is rounded and clipped at zero (`dark_counts`) holds for every count. The offsets of the
pixels are normal; they dither the rounding, so that noise well below half a DN still shows by the pixels that lie near
a step.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from calibration.identification.dark_counts import BLACK, COARSE, NOISE, RATE, SPREAD, DarkCounts, pixel_terms

Array = NDArray[np.float64]

NARROWEST = 0.01
"""Smallest noise and spread that are tried, in DN."""

STEP = 1e-3
"""Step of numerical derivatives, in DN or in logarithms."""

FEW_LINES = 1.25
"""Factor on uncertainties where rounding hides the noise: few pixels, in few rows and columns, tell of it."""

FEW_STEPS = 0.4
"""Spread of the offsets in DN up to which pixels may all lie about one step of the converter."""

SCALES = (0.4, 2.0)
"""Factors on the first guess from which the likelihood is climbed anew where rounding hides the noise."""

STRAY = 10.0
"""Logarithm of the ratio of likelihoods from which on a pixel is no ordinary one."""

STRAY_GROWTHS = (0.1, 0.25, 0.6, 1.5)
"""Growths in the longest time that weakly hot pixels are tried with, in DN."""

MOST_STEPS = 60
"""Steps of a climb to a maximum."""

BEND = 0.3
"""Step of the differences of scores, in standard deviations."""

SETTLED = 0.03
"""Slope of the log-likelihood in standard deviations at which a climb ends."""

LIKELY = 5.5
"""Fall of the log-likelihood that bounds a hidden parameter: 3.3 standard deviations of a normal law."""


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
    """

    parameters: Array
    covariance: Array
    scores: Array
    offset: Array
    slopes: Array
    largest_spread: float
    largest_noise: float

    @property
    def scale_error(self) -> float:
        """Return the relative error of all that is measured in steps of the converter, where few steps are touched."""
        return float(np.sqrt(self.covariance[NOISE, NOISE]))


def fit_dark(
    counts: DarkCounts, *, gain: float, gain_error: float = 0.0, near: DarkFit | None = None
) -> DarkFit:
    """Return the maximum of the likelihood of dark frames.

    Parameters
    ----------
    counts : DarkCounts
        The counts.
    gain : float
        System gain, in DN per electron, for the shot noise of the dark current.
    gain_error : float, optional
        Its standard uncertainty, which is carried into the covariance.
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
    inverse = np.linalg.inv(_curvature(counts, best, gain=gain, instead=scores.T @ scores) + np.diag(weak[1]))
    spread = _clustered(scores, counts.place) + np.diag(weak[1])
    covariance = inverse @ spread @ inverse
    covariance[np.diag_indices(4)] = np.maximum(np.diag(covariance), np.diag(inverse))
    if gain_error:
        moved = inverse @ (_scores(counts, best, gain=gain + gain_error) - scores).sum(axis=0)
        covariance += np.outer(moved, moved)
    if np.exp(2 * best[NOISE]) < COARSE:
        covariance *= FEW_LINES**2
        # Along the ridge the distance to the step goes with the scale, which errs by more than its curvature says.
        distance = abs(best[BLACK] - np.floor(best[BLACK]) - 0.5)
        covariance[BLACK, BLACK] += (distance * np.expm1(min(np.sqrt(covariance[NOISE, NOISE]), 1.0))) ** 2
    sharp = np.maximum(np.diag(spread) / np.diag(information), 1.0)
    ends = [
        _upper_end(counts, best, likelihood, weak, index=index, gain=gain, fall=LIKELY * sharp[index])
        if covariance[index, index] > 0.3**2 or best[index] < np.log(2 * NARROWEST)
        else float(np.exp(best[index] + 3.3 * np.sqrt(covariance[index, index])))
        for index in (SPREAD, NOISE)
    ]
    _, offset, slopes = pixel_terms(counts, best, gain=gain, moments=True)
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
    own = pixel_terms(counts, fit.parameters, gain=gain)[0]
    stray = np.zeros(len(own), np.bool_)
    for growth in STRAY_GROWTHS:
        moved = fit.parameters + np.array([0, 0, 0, growth])
        stray |= pixel_terms(counts, moved, gain=gain)[0] > own + STRAY
    return stray


def _highest(counts: DarkCounts, start: Array, weak: tuple[Array, Array], *, gain: float) -> tuple[Array, float]:
    """Return the highest maximum that several starts lead to.

    Where pixels show two counts only, all of it (distance to the step, spread, noise, growth) can be larger together:
    the likelihood has a long ridge with maxima of its own.
    """
    starts = [start]
    if np.exp(2 * start[NOISE]) < COARSE / 2 and start[SPREAD] < np.log(FEW_STEPS):
        step = np.floor(start[BLACK]) + 0.5
        for factor in SCALES:
            scaled = start + np.array([0, np.log(factor), np.log(factor), start[RATE] * (factor - 1)])
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
    noise = np.median(square[:, 0]) if square[:, 0].mean() > COARSE else square[:, 0].mean()
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
        return float(pixel_terms(counts, at, gain=gain)[0].sum() - np.sum(weak[1] * (at - weak[0]) ** 2) / 2)

    at, here, damping = start.copy(), value(start), 1e-3
    for _ in range(MOST_STEPS):
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
                moved = there - here > 0.1
                at, here, damping = trial, there, max(damping / 10, 1e-6)
                break
            damping *= 10
        if not moved:
            break
    return _polished(value, at, information[np.ix_(free, free)], free=free)


def _polished(
    value: Callable[[Array], float], at: Array, information: Array, *, free: NDArray[np.bool_]
) -> tuple[Array, float]:
    """Return the maximum near a place: along a ridge products of scores are a poor guide, differences of them a good one."""
    turn = np.linalg.inv(np.linalg.cholesky(information)).T

    def placed(along: Array) -> Array:
        there = at.copy()
        there[free] += turn @ along
        there[[SPREAD, NOISE]] = np.maximum(there[[SPREAD, NOISE]], np.log(NARROWEST))
        return there

    found = minimize(
        lambda along: -value(placed(along)), np.zeros(len(turn)), method="BFGS",
        options={"gtol": SETTLED, "eps": 1e-3, "maxiter": MOST_STEPS},
    )  # fmt: skip
    return placed(found.x), -float(found.fun)


def _scores(counts: DarkCounts, at: Array, *, gain: float, ends: tuple[int, int] = (1, -1)) -> Array:
    """Return the gradient of each pixel's log-likelihood, shape (pixel, 4); ``ends`` of a difference, in steps."""
    steps = STEP * np.eye(4)
    high = [pixel_terms(counts, at + ends[0] * step, gain=gain)[0] for step in steps]
    low = [pixel_terms(counts, at + ends[1] * step, gain=gain)[0] for step in (steps if ends[1] else steps[:1] * 0)]
    return np.asarray((np.array(high) - np.array(low)).T / (STEP * (ends[0] - ends[1])))


def _curvature(counts: DarkCounts, at: Array, *, gain: float, instead: Array) -> Array:
    """Return the curvature of the log-likelihood downwards; the products of scores where it has none."""
    step = BEND / np.sqrt(np.diag(instead) + 1.0)
    gradients = [
        [_scores(counts, at + side * step * axis, gain=gain).sum(axis=0) for side in (-1, 1)] for axis in np.eye(4)
    ]
    curvature = np.array([(low - high) / (2 * own) for (low, high), own in zip(gradients, step, strict=True)])
    curvature = (curvature + curvature.T) / 2
    return curvature if np.linalg.eigvalsh(curvature).min() > 0 else instead


def _clustered(scores: Array, place: NDArray[np.intp]) -> Array:
    """Return the covariance of the sum of scores, pixels of a row and of a column being dependent."""
    total = -scores.T @ scores
    for axis in (0, 1):
        lines = np.zeros((place[:, axis].max() + 1, scores.shape[1]))
        np.add.at(lines, place[:, axis], scores)
        total += lines.T @ lines * (len(lines) / (len(lines) - 1))
    return total


def _upper_end(
    counts: DarkCounts,
    best: Array,
    likelihood: float,
    weak: tuple[Array, Array],
    *,
    index: int,
    gain: float,
    fall: float,
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
