"""Maximum likelihood by Fisher scoring, and intervals from the profile of the likelihood."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Score = Callable[[Vector], tuple[float, Vector, NDArray[np.float64]]]
"""Takes parameters; returns log-likelihood, its gradient and the expected information."""

LONGEST_STEP = 0.7
"""Largest change of a parameter in one step: in DN for means, a factor of two where logarithms are fitted."""


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where a likelihood is largest.

    Parameters
    ----------
    parameters : ndarray, shape (parameter,)
        The estimate.
    value : float
        Log-likelihood there.
    information : ndarray, shape (parameter, parameter)
        Expected information there.
    """

    parameters: Vector
    value: float
    information: NDArray[np.float64]


def maximise(score: Score, start: Vector, *, free: NDArray[np.bool_], lowest: Vector, steps: int = 60) -> Maximum:
    """Return the maximum of a likelihood over its free parameters.

    .. math:: \\theta \\leftarrow \\theta + (I + \\lambda \\, \\mathrm{diag} I)^{-1} \\nabla \\log L

    Parameters
    ----------
    score : callable
        The likelihood.
    start : ndarray, shape (parameter,)
        Where to begin; parameters that are not free stay there.
    free : ndarray of bool, shape (parameter,)
        Which parameters may move.
    lowest : ndarray, shape (parameter,)
        Values below which parameters may not go.
    steps : int, optional
        Largest number of steps.

    Returns
    -------
    Maximum
        A flat likelihood ends where it no longer rises by 1e-5.
    """
    parameters, damping = np.where(free, np.maximum(start, lowest), start), 1e-4
    value, gradient, information = score(parameters)
    for _ in range(steps):
        moving = free & ((parameters > lowest) | (gradient > 0))
        step = np.zeros_like(parameters)
        inner = information[np.ix_(moving, moving)]
        step[moving] = np.linalg.solve(inner + np.diag(damping * np.diag(inner) + 1e-9), gradient[moving])
        step *= min(1.0, LONGEST_STEP / max(float(np.abs(step).max(initial=0.0)), 1e-12))
        step = np.where(moving, np.maximum(step, lowest - parameters), 0.0)
        promised = float(gradient @ step)
        trial = score(parameters + step)
        if trial[0] >= value - 1e-9:
            parameters, (value, gradient, information) = parameters + step, trial
            damping = max(damping / 10, 1e-9)
            if promised < 1e-5:
                break
        elif damping > 1e8:
            break
        else:
            damping *= 10
    return Maximum(parameters, value, information)


def profile_interval(
    score: Score, best: Maximum, index: int, *, free: NDArray[np.bool_], lowest: Vector, largest: float
) -> tuple[float, float]:
    """Return the interval in which the profile likelihood stays within 1/2 of its maximum (68 %).

    Parameters
    ----------
    score : callable
        The likelihood.
    best : Maximum
        Its maximum.
    index : int
        The parameter in question.
    free : ndarray of bool, shape (parameter,)
        Which parameters were fitted.
    lowest : ndarray, shape (parameter,)
        Values below which parameters may not go; an end that reaches its limit is not bounded by the data.
    largest : float
        Largest value that is tried.

    Returns
    -------
    tuple of float
        Lower and upper end.
    """
    others = free.copy()
    others[index] = False
    inner = best.information[np.ix_(free, free)]
    covariance = np.linalg.pinv(inner, hermitian=True)
    place = int(np.sum(free[:index]))
    spread = math.sqrt(max(float(covariance[place, place]), 1e-12))
    direction = np.zeros_like(best.parameters)
    direction[free] = covariance[:, place] / max(float(covariance[place, place]), 1e-12)

    def depth(shift: float, sign: int) -> float:
        shift *= sign
        at = best.parameters + shift * np.clip(direction, -50, 50)
        at[index] = best.parameters[index] + shift
        return math.sqrt(2 * max(best.value - maximise(score, at, free=others, lowest=lowest, steps=25).value, 0.0))

    centre, ends = float(best.parameters[index]), []
    for sign, limit in ((-1, float(lowest[index])), (1, largest)):
        room = abs(limit - centre)
        ends.append(centre + sign * _reach(partial(depth, sign=sign), min(spread, room), room=room))
    return ends[0], ends[1]


def _reach(depth: Callable[[float], float], first: float, *, room: float) -> float:
    """Return the shift at which the depth is one: it grows about linearly, so that secants find it quickly."""
    inner, inner_depth, shift = 0.0, 0.0, first
    for _ in range(12):
        here = depth(shift)
        if abs(here - 1) < 0.03:
            return shift
        if here > 1:
            return _between(depth, (inner, inner_depth), (shift, here))
        if shift >= room:
            return room
        inner, inner_depth = shift, here
        shift = min(room, shift * min(3.0, 1.05 / max(here, 0.3)))
    return shift


def _between(depth: Callable[[float], float], low: tuple[float, float], high: tuple[float, float]) -> float:
    """Return the shift at which the depth is one, between two shifts on both sides of it."""
    for _ in range(8):
        share = (1 - low[1]) / (high[1] - low[1])
        shift = low[0] + min(max(share, 0.1), 0.9) * (high[0] - low[0])
        here = depth(shift)
        if abs(here - 1) < 0.03:
            break
        low, high = ((shift, here), high) if here < 1 else (low, (shift, here))
    return shift
