"""The expected error of a bench, from as many points of the quadrature as it needs."""

import math

import numpy as np
from numpy.typing import NDArray

from calibration.budgets.draws import TIMES, draw_points
from calibration.budgets.quadrature import projection_errors
from calibration.budgets.scene import Scene, Task, enough_points
from optics.bench import BenchDescription

POINTS = 14
"""Binary logarithm of the delivered points of one set."""

CONVERGED = 0.03
"""Relative standard error of a quadrature, from its blocks, at which no more points are added."""

SETS = 16
"""Most sets of points."""

TERM_POINTS = 13
"""The same for the terms, from one set; they are scaled to the error of the finer quadrature."""


def expected_error(
    description: BenchDescription,
    task: Task,
    *,
    like: BenchDescription,
    without: frozenset[str] = frozenset(),
    points: int = POINTS,
) -> float:
    """Return the expected error of a bench, on one set of the points that suit another.

    Parameters
    ----------
    description : BenchDescription
        The bench.
    task : Task
        What is asked of it.
    like : BenchDescription
        The bench that decides how many points, modes and times are drawn, so that differences are smooth.
    without : frozenset of str, optional
        What is left out of the law: ``shot``, ``quantisation``, ``saturation``, ``dark_anchor``.
    points : int, optional
        Binary logarithm of the delivered points.

    Returns
    -------
    float
        1 - cos^2.
    """
    errors, weights = _block_errors(description, task, like=like, without=without, points=points)
    return float(np.average(errors, weights=weights))


def converged_error(description: BenchDescription, task: Task) -> tuple[float, float]:
    """Return the expected error of a bench over as many sets of points as it needs, and its scatter.

    Parameters
    ----------
    description : BenchDescription
        The bench.
    task : Task
        What is asked of it.

    Returns
    -------
    error, scatter : float
        1 - cos^2, and its standard deviation from one medium to another, for a vector: what blocks of as many
        points as there are outputs scatter by.
    """
    errors, weights = np.empty(0), np.empty(0)
    for repeat in range(SETS):
        found = _block_errors(description, task, like=description, repeat=repeat)
        errors, weights = np.append(errors, found[0]), np.append(weights, found[1])
        mean = float(np.average(errors, weights=weights))
        off = weights * (errors - mean)
        if math.hypot(*off) <= CONVERGED * mean * weights.sum():
            break
    scatter = math.sqrt(float(np.average((errors - mean) ** 2, weights=weights)))
    return mean, scatter


def _block_errors(
    description: BenchDescription,
    task: Task,
    *,
    like: BenchDescription,
    without: frozenset[str] = frozenset(),
    points: int = POINTS,
    repeat: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return errors and weights of blocks of points."""
    scene = Scene(description=description, task=task, without=without)
    model = scene if like is description else Scene(description=like, task=task)
    draws = draw_points(
        exponent=enough_points(model, kept=points),
        modes=max(len(model.light.weights), len(scene.light.weights)),
        times=TIMES if model.light.drift is not None else 1,
        repeat=repeat,
    )
    return projection_errors(scene, draws)
