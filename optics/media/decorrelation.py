"""How a medium decorrelates: weights of keyed components that make a stationary process, exact at any time.

A process X(t) is written as a sum of independent standard normal components G_k, each with a key:

.. math:: X(t) = \\sum_k c_k(t) \\, G_k, \\qquad \\sum_k c_k(t) c_k(s) = g_1(t - s), \\qquad \\sum_k c_k(t)^2 = 1

The weights are functions of time alone, and few of them are not zero at a time; nothing is stepped. G may be a number,
or a whole random medium of the same kind.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.validation import check_choice, check_number

Key = tuple[int, ...]
"""Kind of component, then its place in time."""

STATIC, CELL, BRIDGE, LATTICE = range(4)

CELL_TIMES = 4.0
"""Correlation times in a cell of the exponential process."""

PAST_CELLS = 5
"""Cells whose light is remembered: what lies before has a weight of exp(-20)."""

NODES_PER_TIME = 2.5
"""Lattice nodes in a correlation time of the Gaussian process."""

REACH = 2.7
"""Correlation times after which a node of the Gaussian process has no weight: it would be below 5e-7."""


def field_correlation(
    lag: ArrayLike, *, law: str, correlation_time: float, plateau: float = 0.0
) -> NDArray[np.float64]:
    """Return the field correlation of a medium with itself, some time later.

    .. math:: g_1(\\tau) = p + (1 - p) e^{-|\\tau| / \\tau_c} \\quad \\mathrm{(exponential)}, \\qquad
              g_1(\\tau) = p + (1 - p) e^{-(\\tau / \\tau_c)^2} \\quad \\mathrm{(gaussian)}

    Parameters
    ----------
    lag : array_like
        Time tau between the two, in seconds.
    law : {"exponential", "gaussian"}
        How it falls.
    correlation_time : float
        Time tau_c, in seconds.
    plateau : float, optional
        Part p that never decorrelates.

    Returns
    -------
    ndarray
        Correlation of fields; that of intensities, g_2 - 1, is its square (law L16).
    """
    check_choice("law", law, ("exponential", "gaussian"))
    scaled = np.abs(np.asarray(lag, np.float64)) / correlation_time
    fall = np.exp(-scaled if law == "exponential" else -(scaled**2))
    return np.asarray(plateau + (1 - plateau) * fall)


def component_weights(
    time: float, *, law: str, correlation_time: float, plateau: float = 0.0, resolution: float
) -> dict[Key, float]:
    """Return the weights of the components at a time.

    Parameters
    ----------
    time : float
        Time, in seconds.
    law : {"exponential", "gaussian"}
        How the process decorrelates.
    correlation_time : float
        Correlation time tau_c, in seconds.
    plateau : float, optional
        Part p of g_1 that stays.
    resolution : float
        Times nearer than this share their last component (exponential law), in seconds.

    Returns
    -------
    dict of tuple of int to float
        Weights by key, in the order of the keys; their squares sum to one.

    Notes
    -----
    Exponential: an Ornstein-Uhlenbeck process. At the borders of cells it is the sum of what past cells left,
    exp(-20) of it cut off; inside a cell a tree of bridges halves intervals down to the resolution, and a last bridge
    leads to the time itself. g_1 is exact to 1e-8 for any two times that the tree separates; two times of one leaf
    correlate too well, by at most resolution / (2 tau_c).

    Gaussian: nodes on a lattice of tau_c / 2.5 with weights exp(-2 (t - t_j)^2 / tau_c^2), normalised; products of two
    sum to g_1 with a relative error of 2 exp(-pi^2 2.5^2 / 4) = 4e-7.
    """
    check_choice("law", law, ("exponential", "gaussian"))
    check_number("correlation_time", correlation_time, unit="s", above=0)
    check_number("time", time, unit="s")
    scaled = time / correlation_time
    if plateau == 1:
        return {(STATIC,): 1.0}
    moving = (
        _bridge_weights(scaled, resolution / correlation_time) if law == "exponential" else _lattice_weights(scaled)
    )
    weights = {key: math.sqrt(1 - plateau) * weight for key, weight in moving.items()}
    if plateau:
        weights[(STATIC,)] = math.sqrt(plateau)
    return dict(sorted(weights.items()))


def _lattice_weights(time: float) -> dict[Key, float]:
    """Return the weights of the Gaussian process, times in correlation times."""
    first, last = math.ceil((time - REACH) * NODES_PER_TIME), math.floor((time + REACH) * NODES_PER_TIME)
    nodes = np.arange(first, last + 1)
    weights = np.exp(-2 * (time - nodes / NODES_PER_TIME) ** 2)
    weights /= math.sqrt(float(weights @ weights))
    return {(LATTICE, int(node)): float(weight) for node, weight in zip(nodes, weights, strict=True)}


def _border_weights(cell: int) -> dict[Key, float]:
    """Return the weights of the exponential process at the beginning of a cell."""
    decay = math.exp(-CELL_TIMES)
    norm = math.sqrt((1 - decay**2) / (1 - decay ** (2 * PAST_CELLS)))
    return {(CELL, cell - 1 - age): norm * decay**age for age in range(PAST_CELLS)}


def _bridge_weights(time: float, resolution: float) -> dict[Key, float]:
    """Return the weights of the exponential process, times in correlation times."""
    cell = math.floor(time / CELL_TIMES)
    left, right = _border_weights(cell), _border_weights(cell + 1)
    start, span, place = cell * CELL_TIMES, CELL_TIMES, 0
    level = 0
    while span > resolution:
        span, level = span / 2, level + 1
        middle = _bridged(left, right, before=span, after=span, key=(BRIDGE, level, cell, place))
        if time < start + span:
            right, place = middle, 2 * place
        else:
            left, start, place = middle, start + span, 2 * place + 1
    before = min(max(time - start, 0.0), span)
    if not before:
        return left
    return _bridged(left, right, before=before, after=span - before, key=(BRIDGE, level + 1, cell, place))


def _bridged(
    left: dict[Key, float], right: dict[Key, float], *, before: float, after: float, key: Key
) -> dict[Key, float]:
    """Return the weights between two times whose weights are known, and of what is new there.

    The law of an Ornstein-Uhlenbeck process between two values: means sinh(after) and sinh(before) over sinh(span),
    variance 2 sinh(before) sinh(after) / sinh(span).
    """
    whole = math.sinh(before + after)
    a, b = math.sinh(after) / whole, math.sinh(before) / whole
    weights = {one: a * weight for one, weight in left.items()}
    for one, weight in right.items():
        weights[one] = weights.get(one, 0.0) + b * weight
    weights[key] = math.sqrt(max(2 * math.sinh(before) * math.sinh(after) / whole, 0.0))
    return weights
