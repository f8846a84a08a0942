"""Values of a keyed stationary process at many times at once: the sums of `optics.media.decorrelation`, vectorised."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from optics.media.decorrelation import (
    BRIDGE,
    CELL,
    CELL_TIMES,
    LATTICE,
    NODES_PER_TIME,
    PAST_CELLS,
    REACH,
    Key,
)
from optics.validation import check_choice, check_number

Draw = Callable[[Key], float]
"""Returns the standard normal number of a component."""

LATTICE_WIDTH = math.floor(2 * REACH * NODES_PER_TIME) + 1
"""Lattice nodes that a time can have within its reach, at most."""


def keyed_path(
    times: NDArray[np.float64], *, law: str, correlation_time: float, resolution: float, draw: Draw
) -> NDArray[np.float64]:
    """Return the process at many times, each number drawn once a key.

    .. math:: X(t) = \\sum_k c_k(t) \\, G_k

    Parameters
    ----------
    times : ndarray, shape (time,)
        Times, in seconds, in any order.
    law : {"exponential", "gaussian"}
        How the process decorrelates.
    correlation_time : float
        Correlation time tau_c, in seconds.
    resolution : float
        Times nearer than this share their last component (exponential law), in seconds.
    draw : callable
        Returns the number G_k of a key.

    Returns
    -------
    ndarray, shape (time,)
        Values; the value at a time has the same bits whatever other times are asked for.

    Raises
    ------
    ValueError
        If a time is not finite, the law is not known or the correlation time is not positive.

    Notes
    -----
    The weights c_k are those of `optics.media.decorrelation.component_weights`. Gaussian: a few arrays as long as the
    times. Exponential: values at the borders of a cell, then level by level the middles of halved intervals.
    """
    check_choice("law", law, ("exponential", "gaussian"))
    check_number("correlation_time", correlation_time, unit="s", above=0)
    if not np.isfinite(times).all():
        raise ValueError(f"times must be finite, in seconds; {np.count_nonzero(~np.isfinite(times))} of them are not")
    if not times.size:
        return np.zeros(0)
    scaled = times / correlation_time
    if law == "gaussian":
        return _lattice_path(scaled, draw)
    return _bridge_path(scaled, resolution / correlation_time, draw)


def _lattice_path(times: NDArray[np.float64], draw: Draw) -> NDArray[np.float64]:
    """Return the Gaussian process, times in correlation times."""
    first = np.ceil((times - REACH) * NODES_PER_TIME).astype(np.int64)
    last = np.floor((times + REACH) * NODES_PER_TIME).astype(np.int64)
    nodes = np.unique(np.unique(first)[:, np.newaxis] + np.arange(LATTICE_WIDTH))
    numbers = np.array([draw((LATTICE, node)) for node in nodes.tolist()])
    total, power = np.zeros(times.shape), np.zeros(times.shape)
    place = np.searchsorted(nodes, first)  # the nodes of a time follow each other without a gap
    for step in range(LATTICE_WIDTH):
        weight = np.exp(-2 * (times - (first + step) / NODES_PER_TIME) ** 2) * (first + step <= last)
        total += weight * numbers[place + step]
        power += weight * weight
    return np.asarray(total / np.sqrt(power))


def _bridge_path(times: NDArray[np.float64], resolution: float, draw: Draw) -> NDArray[np.float64]:
    """Return the exponential process, times in correlation times."""
    cells = np.floor(times / CELL_TIMES).astype(np.int64)
    left, right = _border_values(cells, draw), _border_values(cells + 1, draw)
    start, span, level = cells * CELL_TIMES, CELL_TIMES, 0
    place = np.zeros_like(cells)
    while span > resolution:
        span, level = span / 2, level + 1
        whole = math.sinh(2 * span)
        share, new = math.sinh(span) / whole, math.sqrt(2 * math.sinh(span) ** 2 / whole)
        middle = share * left + share * right + new * _tree_numbers(level, cells, place, draw)
        later = times >= start + span
        left, right = np.where(later, middle, left), np.where(later, right, middle)
        start, place = start + span * later, 2 * place + later
    before = np.sinh(np.clip(times - start, 0.0, span))
    after = np.sinh(span - np.clip(times - start, 0.0, span))
    whole = math.sinh(span)
    own = np.sqrt(2 * before * after / whole) * _tree_numbers(level + 1, cells, place, draw)
    return np.asarray((after / whole) * left + (before / whole) * right + own)


def _border_values(cells: NDArray[np.int64], draw: Draw) -> NDArray[np.float64]:
    """Return the exponential process at the beginning of each cell: what past cells left."""
    decay = math.exp(-CELL_TIMES)
    norm = math.sqrt((1 - decay**2) / (1 - decay ** (2 * PAST_CELLS)))
    distinct, inverse = np.unique(cells, return_inverse=True)
    values = [
        sum(norm * decay**age * draw((CELL, cell - 1 - age)) for age in range(PAST_CELLS)) for cell in distinct.tolist()
    ]
    return np.array(values)[inverse]


def _tree_numbers(level: int, cells: NDArray[np.int64], places: NDArray[np.int64], draw: Draw) -> NDArray[np.float64]:
    """Return the number of the interval of a level in which each time lies."""
    lowest, width = int(cells.min()), 2**level
    distinct, inverse = np.unique((cells - lowest) * width + places, return_inverse=True)
    numbers = [draw((BRIDGE, level, lowest + one // width, one % width)) for one in distinct.tolist()]
    return np.array(numbers)[inverse]
