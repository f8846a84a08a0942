"""The climb to the maximum of the likelihood of dark counts, and how sharp it is there."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from calibration.identification.dark_counts import BLACK, COARSE, NOISE, RATE, SPREAD, DarkCounts, pixel_terms

Array = NDArray[np.float64]

NARROWEST = 0.002
"""Smallest noise and spread that are tried, in DN: a spread of a twentieth of the noise would still show."""

STEP = 1e-3
"""Step of numerical derivatives, in DN or in logarithms."""

FEW_STEPS = 0.4
"""Spread of the offsets in DN up to which pixels may all lie about one step of the converter."""

SCALES = (0.4, 2.0)
"""Factors on the first guess from which the likelihood is climbed anew where rounding hides the noise."""

MOST_STEPS = 20
"""Steps of a climb to a maximum."""

BEND = 0.3
"""Step of the differences of scores, in standard deviations."""

SMALL = 0.01
"""Step of the differences of the log-likelihood, in standard deviations."""

SETTLED = 0.03
"""Slope of the log-likelihood in standard deviations at which a climb ends."""


def highest(counts: DarkCounts, start: Array, weak: tuple[Array, Array], *, gain: float) -> tuple[Array, float]:
    """Return the highest maximum that several starts lead to.

    Parameters
    ----------
    counts : DarkCounts
        The counts.
    start : ndarray, shape (4,)
        Where the first climb begins.
    weak : tuple of ndarray
        Centre and information of what is known beforehand.
    gain : float
        System gain, in DN per electron.

    Returns
    -------
    tuple
        Parameters, and the log-likelihood there.

    Notes
    -----
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
    everything = np.ones(4, np.bool_)
    reached = [_rough_climb(counts, at, weak, gain=gain, free=everything) for at in starts]
    best = max(reached, key=lambda climb: climb[1])
    return maximise(counts, best[0], weak, gain=gain, free=everything)


def first_guess(counts: DarkCounts) -> Array:
    """Return parameters by moments.

    Parameters
    ----------
    counts : DarkCounts
        The counts.

    Returns
    -------
    ndarray, shape (4,)
        Black level (DN), logs of the spread and of the noise (log DN), growth in the longest time (DN).
    """
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


def weak_prior(start: Array) -> tuple[Array, Array]:
    """Return centre and information of what is known beforehand: a DN or so, and orders of magnitude.

    Parameters
    ----------
    start : ndarray, shape (4,)
        The first guess.

    Returns
    -------
    tuple of ndarray, shape (4,)
        Centre, and one over the variance of each parameter.
    """
    centre = start.copy()
    centre[[SPREAD, NOISE]] = np.maximum(start[[SPREAD, NOISE]], np.log(0.05))
    return centre, np.array([1 / 0.5**2, 1 / 2.0**2, 1 / 2.0**2, 1 / 1.0**2]) / np.array(
        [max(1.0, np.exp(2 * start[SPREAD])), 1, 1, max(1.0, np.exp(2 * start[NOISE]), start[RATE] ** 2)]
    )


def maximise(
    counts: DarkCounts, start: Array, weak: tuple[Array, Array], *, gain: float, free: NDArray[np.bool_]
) -> tuple[Array, float]:
    """Return the maximum over the free parameters, and the log-likelihood there.

    Parameters
    ----------
    counts : DarkCounts
        The counts.
    start : ndarray, shape (4,)
        Where the climb begins.
    weak : tuple of ndarray
        Centre and information of what is known beforehand.
    gain : float
        System gain, in DN per electron.
    free : ndarray of bool, shape (4,)
        Parameters that are not held.

    Returns
    -------
    tuple
        Parameters, and the log-likelihood there, what is known beforehand included.
    """

    at, _, information = _rough_climb(counts, start, weak, gain=gain, free=free)
    return _polished(counts, at, weak, information, gain=gain, free=free)


def _value(counts: DarkCounts, at: Array, weak: tuple[Array, Array], *, gain: float) -> float:
    """Return the log-likelihood, what is known beforehand included."""
    return float(pixel_terms(counts, at, gain=gain)[0].sum() - np.sum(weak[1] * (at - weak[0]) ** 2) / 2)


def _rough_climb(
    counts: DarkCounts, start: Array, weak: tuple[Array, Array], *, gain: float, free: NDArray[np.bool_]
) -> tuple[Array, float, Array]:
    """Return where steps by the products of scores lead, the log-likelihood there, and those products of the free."""
    at, here, damping = start.copy(), _value(counts, start, weak, gain=gain), 1e-3
    for _ in range(MOST_STEPS):
        own = scores(counts, at, gain=gain, ends=(1, 0))
        gradient = (own.sum(axis=0) - weak[1] * (at - weak[0])) * free
        information = own.T @ own + np.diag(weak[1])
        moved = False
        while damping < 1e6:
            inner = information[np.ix_(free, free)]
            step = np.zeros(4)
            step[free] = np.linalg.solve(inner + damping * np.diag(np.diag(inner)), gradient[free])
            step /= max(1.0, float(np.abs(step[[SPREAD, NOISE]]).max()) / 0.7)
            trial = at + step
            trial[[SPREAD, NOISE]] = np.maximum(trial[[SPREAD, NOISE]], np.log(NARROWEST))
            there = _value(counts, trial, weak, gain=gain)
            if there > here:
                moved = there - here > 0.1
                at, here, damping = trial, there, max(damping / 10, 1e-6)
                break
            damping *= 10
        if not moved:
            break
    return at, here, information[np.ix_(free, free)]


def _polished(
    counts: DarkCounts,
    at: Array,
    weak: tuple[Array, Array],
    information: Array,
    *,
    gain: float,
    free: NDArray[np.bool_],
) -> tuple[Array, float]:
    """Return the maximum near a place: along a ridge, where products of scores are a poor guide."""
    turn = np.linalg.inv(np.linalg.cholesky(information)).T

    def placed(along: Array) -> Array:
        there = at.copy()
        there[free] += turn @ along
        there[[SPREAD, NOISE]] = np.maximum(there[[SPREAD, NOISE]], np.log(NARROWEST))
        return there

    def depth(along: Array) -> tuple[float, Array]:
        here, *ahead = (
            -_value(counts, placed(along + step), weak, gain=gain)
            for step in SMALL * np.vstack([np.zeros(len(turn)), np.eye(len(turn))])
        )
        return here, (np.array(ahead) - here) / SMALL

    found = minimize(depth, np.zeros(len(turn)), method="BFGS", jac=True, tol=SETTLED)
    return placed(found.x), -float(found.fun)


def scores(counts: DarkCounts, at: Array, *, gain: float, ends: tuple[int, int] = (1, -1)) -> Array:
    """Return the gradient of each pixel's log-likelihood.

    Parameters
    ----------
    counts : DarkCounts
        The counts.
    at : ndarray, shape (4,)
        The parameters.
    gain : float
        System gain, in DN per electron.
    ends : tuple of int, optional
        Ends of the differences, in steps.

    Returns
    -------
    ndarray, shape (pixel, 4)
        Gradients.
    """
    steps = STEP * np.eye(4)
    high = [pixel_terms(counts, at + ends[0] * step, gain=gain)[0] for step in steps]
    low = [pixel_terms(counts, at + ends[1] * step, gain=gain)[0] for step in (steps if ends[1] else steps[:1] * 0)]
    return np.asarray((np.array(high) - np.array(low)).T / (STEP * (ends[0] - ends[1])))


def curvature(counts: DarkCounts, at: Array, *, gain: float, instead: Array) -> Array:
    """Return the curvature of the log-likelihood downwards.

    Parameters
    ----------
    counts : DarkCounts
        The counts.
    at : ndarray, shape (4,)
        The parameters at the maximum.
    gain : float
        System gain, in DN per electron.
    instead : ndarray, shape (4, 4)
        What is returned where it does not curve downwards in all directions: the products of scores.

    Returns
    -------
    ndarray, shape (4, 4)
        Observed information.
    """
    step = BEND / np.sqrt(np.diag(instead) + 1.0)
    gradients = [
        [scores(counts, at + side * step * axis, gain=gain).sum(axis=0) for side in (-1, 1)] for axis in np.eye(4)
    ]
    curvature = np.array([(low - high) / (2 * own) for (low, high), own in zip(gradients, step, strict=True)])
    curvature = (curvature + curvature.T) / 2
    return curvature if np.linalg.eigvalsh(curvature).min() > 0 else instead
