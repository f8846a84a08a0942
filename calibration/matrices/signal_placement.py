"""Signals of a pixel's plane with its anchors held, on the right side of them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.matrices.noise_law import NoiseLaw
from calibration.matrices.plane import Positions, Readings

Real = NDArray[np.float32]
Field = NDArray[np.complex64]

MOVING = 0.1
"""Fall of the squares in the last step above which a signal has not arrived."""

FURTHER_STEPS = 8
"""Steps of the few signals that have not arrived, and of those that are tried at their mirror images."""

DOUBTFUL = 10.0
"""Squares that a signal leaves at its mirror image over those where it is, below which both places are tried."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ranging:
    """Distances of signals to anchors: arrays whose last axis is that of the anchors, the others those of signals."""

    light: Real
    exposures: Real
    anchors: Field
    noise: NoiseLaw

    def chosen(self, where: tuple[NDArray[np.intp], ...]) -> "_Ranging":
        """Return the distances of chosen signals, as (signal, anchor)."""
        return replace(
            self, light=self.light[where], exposures=self.exposures[where], anchors=self.anchors[where[0], 0]
        )

    def descend(self, signals: Field, steps: int) -> tuple[Field, Real, NDArray[np.bool_]]:
        """Return signals after some steps of Gauss and Newton, the squares that they leave, and which still move."""
        squares, move = self.evaluate(signals)
        fall = squares
        for _ in range(steps):
            trial = signals + move
            there, onwards = self.evaluate(trial)
            better = there <= squares
            fall = np.where(better, squares - there, squares)
            signals, squares = np.where(better, trial, signals), np.where(better, there, squares)
            move = np.where(better, onwards, move / 4)
        return signals, squares, fall > MOVING

    def evaluate(self, signals: Field) -> tuple[Real, Field]:
        """Return the weighted squares of each signal's residuals, and the step of Gauss and Newton."""
        x = signals.real[..., np.newaxis] - self.anchors.real
        y = signals.imag[..., np.newaxis] - self.anchors.imag
        light = x * x
        light += y * y
        weight = self.noise.inverse_variance(light)
        weight *= self.exposures
        residual = np.subtract(self.light, light, out=light)
        ones = np.ones(x.shape[-1], np.float32)
        pull = weight * residual
        pull_x, pull_y = (pull * x) @ ones, (pull * y) @ ones
        pull *= residual
        squares = pull @ ones
        weighted = np.multiply(weight, x, out=pull)
        xy, xx = (weighted * y) @ ones, np.multiply(weighted, x, out=x) @ ones
        weight *= y
        yy = np.multiply(weight, y, out=y) @ ones
        determinant = np.maximum(xx * yy - xy * xy, 1e-6 * (xx + yy) ** 2 + np.finfo(np.float32).tiny)
        step = (yy * pull_x - xy * pull_y) + 1j * (xx * pull_y - xy * pull_x)
        return squares, step / (2 * determinant)


def place_signals(readings: Readings, start: Positions, *, steps: int = 2) -> Positions:
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
    and the linear start, or noise, may have taken it: where it is in doubt, both sides are tried. Single precision:
    this is a start for `calibration.matrices.joint_lateration.refine_positions`.
    """
    # Light in units of its mean, so that squares of it stay inside the range of single precision.
    unit = float(np.mean(np.abs(readings.signals))) or 1.0
    noise = NoiseLaw(
        floor=readings.noise.floor / unit**2, slope=readings.noise.slope / unit, relative=readings.noise.relative
    )
    anchors = (start.anchors / np.sqrt(unit)).astype(np.complex64)
    ranging = _Ranging(
        light=(readings.signals / unit).astype(np.float32), exposures=readings.signal_weights.astype(np.float32),
        anchors=anchors[:, np.newaxis], noise=noise,
    )  # fmt: skip
    signals, squares, moving = ranging.descend((start.signals / np.sqrt(unit)).astype(np.complex64), steps)
    late = np.nonzero(moving)
    signals[late], squares[late], _ = ranging.chosen(late).descend(signals[late], FURTHER_STEPS)
    mirrored = _mirror(anchors, signals)
    doubtful = np.nonzero(ranging.evaluate(mirrored)[0] < DOUBTFUL * squares)
    other, left, _ = ranging.chosen(doubtful).descend(mirrored[doubtful], FURTHER_STEPS)
    signals[doubtful] = np.where(left < squares[doubtful], other, signals[doubtful])
    return replace(start, signals=signals.astype(np.complex128) * np.sqrt(unit))


def _mirror(anchors: Field, signals: Field) -> Field:
    """Return the mirror images of signals about the long axes of their anchors."""
    centre = anchors.mean(axis=1, keepdims=True)
    # The square u^2 of the unit vector along the axis: reflection is z -> u^2 conj(z).
    square = np.sum((anchors - centre) ** 2, axis=1, keepdims=True)
    square /= np.maximum(np.abs(square), np.finfo(np.float32).tiny)
    return np.asarray(centre + square * (signals - centre).conj(), np.complex64)
