"""Signals and anchors of a pixel's plane together, by weighted least squares on all their squared distances."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from calibration.matrices.plane import Positions, Readings

Real = NDArray[np.float64]
Field = NDArray[np.complex128]

HOLD = 1.0
"""Curvature that rigid motions are given, over the mean one: any will do, as the result depends on none of them."""

SLACK = 1e-3
"""Relative growth of the squares that is no failure of a step: weights follow the light that is fitted."""

RIDGE = 1e-12
"""Part of the mean curvature that is added, so that pixels without usable readings stay finite."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Normal:
    """The normal equations of one step, the signals eliminated.

    Parameters
    ----------
    squares : ndarray, shape (output,)
        Weighted sum of squared residuals.
    degrees : ndarray, shape (output,)
        Readings less unknowns.
    shared : ndarray, shape (output, 2 (anchor + 1), 2 (anchor + 1))
        Curvature of the anchors' and the static field's coordinates, interleaved x, y; rigid motions have some, too.
    right : ndarray, shape (output, 2 (anchor + 1))
        Right side.
    factor : ndarray, shape (output, 3, signal)
        Cholesky factor (xx, yx, yy) of each signal's own curvature.
    cross : ndarray, shape (output, signal, 2, 2 (anchor + 1))
        Cross curvature of a signal with what is shared, after the factor is divided out.
    own : ndarray, shape (output, signal, 2)
        Right side of a signal, after the factor is divided out.
    """

    squares: Real
    degrees: Real
    shared: Real
    right: Real
    factor: Real
    cross: Real
    own: Real


Kind = TypeVar("Kind", Positions, Normal)


def refine_positions(
    readings: Readings, start: Positions, *, steps: int = 12, tolerance: float = 1e-4
) -> tuple[Positions, Normal]:
    """Return the positions with the least weighted squares of distances, and the curvature there.

    .. math:: \\min \\sum_{ik} \\frac{(D_{ik} - |y_i - a_k|^2)^2}{\\sigma_{ik}^2}
              + \\sum_{j < k} \\frac{(D_{jk} - |a_k - a_j \\mp e|^2)^2}{\\sigma_{jk}^2}
              + \\frac{(D_0 - |e|^2)^2}{\\sigma_0^2}

    (minus for j = 0, the anchor that is no pattern; plus else), with the variances that the fitted light has.

    Parameters
    ----------
    readings : Readings
        The light.
    start : Positions
        Where to begin: multilateration is near enough.
    steps : int, optional
        Largest number of steps of Gauss and Newton, damped where one would not improve a pixel.
    tolerance : float, optional
        Gain of chi^2 per degree of freedom, promised by a step, below which it is not taken.

    Returns
    -------
    tuple of Positions and Normal
        The fit, and its normal equations without damping.

    Notes
    -----
    A block of pixels at once. Signals see each other only through what they share, so that the equations of a pixel
    shrink to 2 (anchor + 1) unknowns (Schur complement). Rigid motions are held by curvature of their own.
    """
    positions, normal = start, normal_equations(readings, start)
    damping = np.full(len(start.static), 1e-3)
    for _ in range(steps):
        trial, promised = _step(positions, normal, damping)
        if np.max(promised / normal.degrees, initial=0) < tolerance:
            break
        there = normal_equations(readings, trial)
        better = there.squares <= normal.squares * (1 + SLACK)
        positions, normal = _choose(better, trial, positions), _choose(better, there, normal)
        damping = np.where(better, damping / 10, damping * 10)
    return positions, normal


def normal_equations(readings: Readings, positions: Positions) -> Normal:
    """Return the normal equations of a Gauss-Newton step at given positions.

    Parameters
    ----------
    readings : Readings
        The light.
    positions : Positions
        Where the light is modelled.

    Returns
    -------
    Normal
        The equations.
    """
    outputs, _, anchors = readings.signals.shape
    unknowns = 2 * (anchors + 1)
    shared, right = np.zeros((outputs, unknowns, unknowns)), np.zeros((outputs, unknowns))
    squares = _add_anchor_frames(readings, positions, shared, right)
    own, factor, cross, more = _signal_equations(readings, positions, shared, right)
    flat = cross.reshape(outputs, -1, unknowns)
    shared -= np.swapaxes(flat, 1, 2) @ flat
    right += (np.swapaxes(flat, 1, 2) @ own.reshape(outputs, -1, 1))[..., 0]
    _hold_motions(positions, shared)
    used = [np.count_nonzero(part, axis=axis) for part, axis in
            ((readings.signal_weights, (1, 2)), (readings.pair_weights, 1))]  # fmt: skip
    degrees = np.maximum(used[0] + used[1] + 1 - 2 * (own.shape[1] + anchors + 1) + 3, 1).astype(np.float64)
    return Normal(
        squares=squares + more, degrees=degrees, shared=shared, right=right, factor=factor, cross=cross, own=own
    )


def _signal_equations(
    readings: Readings, positions: Positions, shared: Real, right: Real
) -> tuple[Real, Real, Real, Real]:
    """Add the signals' frames to what is shared; return own right sides, factors, cross curvature and squares."""
    difference = positions.signals[:, :, np.newaxis] - positions.anchors[:, np.newaxis]
    x, y = np.ascontiguousarray(difference.real), np.ascontiguousarray(difference.imag)
    light = x * x
    light += y * y
    weight = readings.noise.inverse_variance(light)
    weight *= readings.signal_weights
    residual = np.subtract(readings.signals, light, out=light)
    pull = weight * residual
    squares = np.einsum("bsk,bsk->b", pull, residual)
    pull *= 2
    pull_x, pull_y = pull * x, pull * y
    weight *= 4
    y_weighted = weight * y
    xx, xy, yy = weight * x * x, y_weighted * x, y_weighted * y
    diagonal = np.arange(x.shape[2]) * 2
    every_signal, every_anchor = np.ones(x.shape[1]), np.ones(x.shape[2])  # sums as products: several times faster
    for curvature, rows, columns in ((xx, 0, 0), (xy, 0, 1), (xy, 1, 0), (yy, 1, 1)):
        shared[:, diagonal + rows, diagonal + columns] += every_signal @ curvature
    right[:, 0:-2:2] -= every_signal @ pull_x
    right[:, 1:-2:2] -= every_signal @ pull_y
    factor = _cholesky(xx @ every_anchor, xy @ every_anchor, yy @ every_anchor)
    own = _divide(factor, np.stack([pull_x @ every_anchor, pull_y @ every_anchor], axis=1))
    cross = np.zeros((*x.shape[:2], 2, shared.shape[1]))
    inverse_x, inverse_y = 1 / factor[:, 0, :, np.newaxis], 1 / factor[:, 2, :, np.newaxis]
    skew = factor[:, 1, :, np.newaxis]
    for axis, (first, second) in enumerate(((xx, xy), (xy, yy))):
        upper = first * inverse_x
        cross[:, :, 0, axis:-2:2] = upper
        cross[:, :, 1, axis:-2:2] = (second - skew * upper) * inverse_y
    return np.ascontiguousarray(np.swapaxes(own, 1, 2)), factor, cross, np.asarray(squares)


def _add_anchor_frames(readings: Readings, positions: Positions, shared: Real, right: Real) -> Real:
    """Add the frames without a signal to the equations; return their squares."""
    anchors = positions.anchors.shape[1]
    first, second = np.triu_indices(anchors, 1)
    sign = np.where(first == 0, -1.0, 1.0)
    incidence = np.zeros((len(first) + 1, anchors + 1))
    pair = np.arange(len(first))
    incidence[pair, second], incidence[pair, first], incidence[pair, -1] = 1, -1, sign
    incidence[-1, -1] = 1
    places = np.concatenate([positions.anchors, positions.static[:, np.newaxis]], axis=1)
    field = places @ incidence.T
    light = np.abs(field) ** 2
    measured = np.concatenate([readings.pairs, readings.off[:, np.newaxis]], axis=1)
    exposures = np.concatenate([readings.pair_weights, readings.off_weight[:, np.newaxis]], axis=1)
    weight = readings.noise.inverse_variance(light) * exposures
    slope = np.empty((len(light), len(incidence), shared.shape[1]))
    slope[:, :, 0::2] = 2 * field.real[..., np.newaxis] * incidence
    slope[:, :, 1::2] = 2 * field.imag[..., np.newaxis] * incidence
    weighted = np.swapaxes(slope * weight[..., np.newaxis], 1, 2)
    residual = measured - light
    shared += weighted @ slope
    right += (weighted @ residual[..., np.newaxis])[..., 0]
    return np.asarray(np.sum(weight * residual**2, axis=1))


def motions(positions: Positions) -> Real:
    """Return the rigid motions of what is shared: two shifts and a rotation.

    Parameters
    ----------
    positions : Positions
        The anchors and the static field, which turns but does not shift.

    Returns
    -------
    ndarray, shape (output, 2 (anchor + 1), 3)
        Unit vectors, orthogonal to each other.
    """
    outputs, anchors = positions.anchors.shape
    centred = positions.anchors - positions.anchors.mean(axis=1, keepdims=True)
    turn = 1j * np.concatenate([centred, positions.static[:, np.newaxis]], axis=1)
    shift = np.zeros((outputs, anchors + 1), np.complex128)
    shift[:, :-1] = 1 / np.sqrt(anchors)
    turn /= np.maximum(np.sqrt(np.sum(np.abs(turn) ** 2, axis=1, keepdims=True)), np.finfo(np.float64).tiny)
    return np.stack([one.view(np.float64) for one in (shift, 1j * shift, turn)], axis=-1)


def _hold_motions(positions: Positions, shared: Real) -> None:
    """Give rigid motions, and whatever no reading sees, some curvature, so that the equations can be solved."""
    size = shared.shape[1]
    scale = np.maximum(np.einsum("bii->b", shared) / size, np.finfo(np.float64).tiny)
    free = motions(positions)
    shared += (HOLD * scale)[:, np.newaxis, np.newaxis] * (free @ np.swapaxes(free, 1, 2))
    shared += (1e3 * RIDGE * scale)[:, np.newaxis, np.newaxis] * np.eye(size)


def _step(positions: Positions, normal: Normal, damping: Real) -> tuple[Positions, Real]:
    """Return the positions after a damped step, and by how much it promises to lower the squares."""
    diagonal = np.einsum("bii->bi", normal.shared) * damping[:, np.newaxis]
    damped = normal.shared + diagonal[:, :, np.newaxis] * np.eye(normal.shared.shape[1])
    shared = np.linalg.solve(damped, normal.right[..., np.newaxis])
    outputs, signals = normal.own.shape[:2]
    moved = normal.own + (normal.cross.reshape(outputs, -1, len(shared[0])) @ shared).reshape(outputs, signals, 2)
    signal = divide_transposed(normal.factor, np.swapaxes(moved, 1, 2))
    places = np.ascontiguousarray(shared[..., 0]).view(np.complex128)
    promised = np.sum(normal.own**2, axis=(1, 2)) + np.sum(normal.right * shared[..., 0], axis=1)
    moved_on = replace(
        positions, anchors=positions.anchors + places[:, :-1], static=positions.static + places[:, -1],
        signals=positions.signals + signal[:, 0] + 1j * signal[:, 1],
    )  # fmt: skip
    return moved_on, promised


def _cholesky(xx: Real, xy: Real, yy: Real) -> Real:
    """Return the factors (xx, yx, yy) of many symmetric 2 x 2 matrices."""
    ridge = RIDGE * (xx + yy) + np.finfo(np.float64).tiny
    first = np.sqrt(xx + ridge)
    skew = xy / first
    return np.stack([first, skew, np.sqrt(np.maximum(yy - skew * skew, 0) + ridge)], axis=1)


def _divide(factor: Real, right: Real) -> Real:
    """Return R^-1 g of pairs g, the coordinate on the second axis."""
    first = right[:, 0] / factor[:, 0]
    return np.stack([first, (right[:, 1] - factor[:, 1] * first) / factor[:, 2]], axis=1)


def divide_transposed(factor: Real, right: Real) -> Real:
    """Return R^-T g of pairs g.

    Parameters
    ----------
    factor : ndarray, shape (output, 3, ...)
        Cholesky factors (xx, yx, yy).
    right : ndarray, shape (output, 2, ...)
        Pairs g.

    Returns
    -------
    ndarray, shape (output, 2, ...)
        Solutions of R^T h = g.
    """
    second = right[:, 1] / factor[:, 2]
    return np.stack([(right[:, 0] - factor[:, 1] * second) / factor[:, 0], second], axis=1)


def _choose(better: NDArray[np.bool_], new: Kind, old: Kind) -> Kind:
    """Return the new arrays in pixels that got better, the old ones elsewhere."""
    if better.all():
        return new
    chosen = {}
    for name, value in vars(new).items():
        mask = better.reshape(-1, *[1] * (value.ndim - 1))
        chosen[name] = np.where(mask, value, getattr(old, name))
    return replace(new, **chosen)
