"""Signals of a pixel's plane with its anchors held, on the right side of them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.matrices.plane import Positions, Readings

Real = NDArray[np.float64]
Field = NDArray[np.complex128]


def place_signals(readings: Readings, start: Positions, *, steps: int = 3) -> Positions:
    """Return signals that are nearer to the least squares of their own distances, the anchors held.

    .. math:: \\min_{y_i} \\sum_k \\frac{(D_{ik} - |y_i - a_k|^2)^2}{\\sigma_{ik}^2}

    Parameters
    ----------
    readings : Readings
        The light.
    start : Positions
        Where to begin.
    steps : int, optional
        Steps of Gauss and Newton; one that would not improve a signal is not taken.

    Returns
    -------
    Positions
        The same anchors, better signals.

    Notes
    -----
    The mirror image of a signal about the long axis of its anchors fits nearly as well where they almost lie on a line,
    and the linear start, or noise, may have taken it. So every signal is tried on both sides, each with its own steps.
    """
    centre = start.anchors.mean(axis=1, keepdims=True)
    cloud = start.anchors - centre
    # The square of the unit vector along the long axis: reflection is z -> axis conj(z).
    axis = np.sum(cloud**2, axis=1, keepdims=True)
    axis = axis / np.maximum(np.abs(axis), np.finfo(np.float64).tiny)
    here = _descend(readings, start.anchors, start.signals, steps)
    there = _descend(readings, start.anchors, centre + axis * (start.signals - centre).conj(), steps)
    return replace(start, signals=np.where(there[1] < here[1], there[0], here[0]))


def _descend(readings: Readings, anchors: Field, signals: Field, steps: int) -> tuple[Field, Real]:
    """Return signals after some steps, and the squares that they leave."""
    squares, move = _evaluate(readings, anchors, signals)
    for _ in range(steps):
        trial = signals + move
        there, onwards = _evaluate(readings, anchors, trial)
        better = there <= squares
        signals, squares = np.where(better, trial, signals), np.where(better, there, squares)
        move = np.where(better, onwards, move / 4)
    return signals, squares


def _evaluate(readings: Readings, anchors: Field, signals: Field) -> tuple[Real, Field]:
    """Return the weighted squares of each signal's residuals, and the step of Gauss and Newton."""
    difference = signals[:, :, np.newaxis] - anchors[:, np.newaxis]
    x, y = np.ascontiguousarray(difference.real), np.ascontiguousarray(difference.imag)
    light = x * x + y * y
    weight = readings.noise.inverse_variance(light)
    weight *= readings.signal_weights
    residual = np.subtract(readings.signals, light, out=light)
    pull = weight * residual
    ones = np.ones(x.shape[2])
    squares = (pull * residual) @ ones
    pull_x, pull_y = (pull * x) @ ones, (pull * y) @ ones
    weighted = weight * x
    xx, xy, yy = (weighted * x) @ ones, (weighted * y) @ ones, np.multiply(weight, y * y, out=weight) @ ones
    determinant = np.maximum(xx * yy - xy * xy, 1e-12 * (xx + yy) ** 2 + np.finfo(np.float64).tiny)
    step = (yy * pull_x - xy * pull_y) + 1j * (xx * pull_y - xy * pull_x)
    return squares, step / (2 * determinant)
