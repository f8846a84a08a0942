"""Half of a matrix from the distances of its signals to nested anchors, a few pixels at a time."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.blas_threads import one_blas_thread
from calibration.lateration import distance_matrix, embed, multilaterate
from calibration.light import Light
from calibration.matrices.joint_lateration import Normal, divide_transposed, normal_equations, refine_positions
from calibration.matrices.nested_anchors import HalfPlan
from calibration.matrices.noise_law import NoiseLaw
from calibration.matrices.plane import Positions, Readings
from calibration.matrices.signal_placement import place_signals
from calibration.matrices.stitching import Part

Real = NDArray[np.float64]
Field = NDArray[np.complex128]
Slab = NDArray[np.int64]

BLOCK_BYTES = 2**20
"""Memory of one array of readings of the pixels that are worked on together: small enough for a cache."""

WORKERS = 2

LEAST_READINGS = 4
"""Readings that must be left of each signal: three unknowns of the linear start, and one to spare."""


FIRST_SIGNALS = 100
"""Signals from which anchors are found well enough to place all others."""


ROUGH = 1e-2
"""Gain of chi^2 per degree of freedom at which the fit to some signals ends."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HalfSolution:
    """A half's columns and the static field, with what says whether to trust them.

    Parameters
    ----------
    part : Part
        Entries of the half's columns, then the static field as one more column.
    squares, degrees : ndarray, shape (output,)
        Weighted squares of what the fit leaves, and readings less unknowns.
    valid : ndarray of bool, shape (output,)
        False where anchors lie on a line or too few readings are left.
    """

    part: Part
    squares: Real
    degrees: Real
    valid: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class HalfFrames:
    """The frames of a half within all light.

    Parameters
    ----------
    light : Light
        Light of all frames, shape (frame, output).
    half : HalfPlan
        What the half's frames show.
    off_frames : int
        Frames with everything off, the first of all.
    start : int
        The half's first frame.
    noise : NoiseLaw
        Variance of the light.
    """

    light: Light
    half: HalfPlan
    off_frames: int
    start: int
    noise: NoiseLaw

    def anchor_readings(self, pixels: Slab | slice) -> tuple[Real, Real, Real, Real]:
        """Return light of pairs and of off frames, and their numbers of exposures.

        Parameters
        ----------
        pixels : ndarray of int, or slice
            Outputs.

        Returns
        -------
        tuple of ndarray
            Light (output, pair) and exposures, mean light (output,) with everything off and exposures.
        """
        pairs, pair_weights = self._take(self.start, self.start + self.half.pairs, pixels)
        dark, used = self._take(0, self.off_frames, pixels)
        exposures = used.sum(axis=1)
        return pairs, pair_weights, np.sum(dark * used, axis=1) / np.maximum(exposures, 1), exposures

    def readings(self, pixels: Slab) -> Readings:
        """Return what some pixels read.

        Parameters
        ----------
        pixels : ndarray of int
            Outputs.

        Returns
        -------
        Readings
            Light and weights.
        """
        pairs, pair_weights, off, off_weight = self.anchor_readings(pixels)
        signals, weights = self._take(self.start + self.half.pairs, self.start + self.half.frames, pixels)
        shape = (len(pixels), self.half.circulant.signals, len(self.half.anchors))
        return Readings(
            signals=signals.reshape(shape), pairs=pairs, off=off, signal_weights=weights.reshape(shape),
            pair_weights=pair_weights, off_weight=off_weight, noise=self.noise,
        )  # fmt: skip

    def enough(self) -> NDArray[np.bool_]:
        """Return where enough readings are not saturated.

        Returns
        -------
        ndarray of bool, shape (output,)
            True where each signal has `LEAST_READINGS`, and half of the differences of anchors are left.
        """
        first = self.start + self.half.pairs
        ranges = self.light.valid[first : self.start + self.half.frames]
        per_signal = ranges.reshape(self.half.circulant.signals, len(self.half.anchors), -1).sum(axis=1)
        pairs = self.light.valid[self.start : first].mean(axis=0)
        return np.asarray((per_signal >= LEAST_READINGS).all(axis=0) & (pairs >= 0.5))

    def _take(self, first: int, last: int, pixels: Slab | slice) -> tuple[Real, Real]:
        """Return light and exposures of some frames, shape (output, frame)."""
        frames = slice(first, last)
        value = np.ascontiguousarray(self.light.value[frames, pixels].T, np.float64)
        return value, np.ascontiguousarray(self.light.valid[frames, pixels].T, np.float64)


def solve_half(frames: HalfFrames, *, steps: int) -> HalfSolution:
    """Return the columns of a half.

    Parameters
    ----------
    frames : HalfFrames
        Its frames.
    steps : int
        Largest number of steps of the joint fit.

    Returns
    -------
    HalfSolution
        Columns up to a rotation and a reflection of each row; zeros where it is not valid.

    Raises
    ------
    ValueError
        If the anchors of every pixel lie on a line.
    """
    half, outputs = frames.half, frames.light.value.shape[1]
    anchors, usable = _embedded_anchors(frames)
    usable &= frames.enough()
    width = len(half.columns) + 1
    part = Part(
        columns=np.append(half.columns, half.anchors.shape[1]),
        value=np.zeros((outputs, width), np.complex128), variance=np.ones((outputs, width)),
    )  # fmt: skip
    solution = HalfSolution(part=part, squares=np.ones(outputs), degrees=np.ones(outputs), valid=usable.copy())
    good = np.flatnonzero(usable)
    size = max(1, BLOCK_BYTES // (8 * half.circulant.signals * len(half.anchors)))
    with one_blas_thread(), ThreadPoolExecutor(WORKERS) as pool:
        slabs = [good[first : first + size] for first in range(0, len(good), size)]
        list(pool.map(lambda slab: _solve_slab(frames, anchors, slab, steps, solution), slabs))
    return solution


def _embedded_anchors(frames: HalfFrames) -> tuple[Field, NDArray[np.bool_]]:
    """Return anchors by classical scaling, shape (anchor, output), and where they are no line."""
    pairs = frames.anchor_readings(slice(None))[0]
    points = len(frames.half.anchors)
    variance = 1 / frames.noise.inverse_variance(np.maximum(pairs, 0))
    found = embed(distance_matrix(pairs.T, points=points), variance=float(variance.mean()))
    return found.points, found.valid


def _solve_slab(frames: HalfFrames, anchors: Field, slab: Slab, steps: int, solution: HalfSolution) -> None:
    """Solve some pixels and write them into the solution."""
    readings = frames.readings(slab)
    start = _linear_start(readings, anchors[:, slab])
    positions, normal = _fit(readings, start, steps)
    value, variance = _columns(frames.half, positions, normal)
    solution.part.value[slab], solution.part.variance[slab] = value, variance
    solution.squares[slab], solution.degrees[slab] = normal.squares, normal.degrees
    solution.valid[slab] &= np.isfinite(value).all(axis=1)


def _linear_start(readings: Readings, anchors: Field) -> Positions:
    """Return positions by linear multilateration, weighted by the mean noise of each anchor's frames."""
    light = np.maximum(readings.signals.mean(axis=1), 0)
    found = multilaterate(
        np.moveaxis(readings.signals, 0, -1), anchors, variance=1 / readings.noise.inverse_variance(light).T
    )
    return Positions(
        anchors=np.ascontiguousarray(anchors.T),
        static=np.zeros(len(light), np.complex128),
        signals=np.ascontiguousarray(found.value.T),
    )


def _fit(readings: Readings, start: Positions, steps: int) -> tuple[Positions, Normal]:
    """Return the joint fit: first with some of the signals, which place the anchors, then with all of them."""
    if not steps:
        return start, normal_equations(readings, start)
    some = slice(None, None, math.ceil(readings.signals.shape[1] / FIRST_SIGNALS))
    few, positions = readings.part(some), start.part(some)
    for _ in range(2):
        positions, _ = refine_positions(few, positions, steps=steps, tolerance=ROUGH)
        positions = place_signals(few, positions)
    return refine_positions(readings, place_signals(readings, replace(positions, signals=start.signals)), steps=steps)


def _columns(half: HalfPlan, positions: Positions, normal: Normal) -> tuple[Field, Real]:
    """Return the half's entries and the static field, and the mean squared moduli of their errors.

    Errors of signals of their own go through the inverse one by one; those that anchors and static field bring to all
    signals go through it mode by mode, less the rotation of the whole row, which nobody knows.
    """
    origin = positions.origin
    entries = half.circulant.inverse(positions.signals - origin[:, np.newaxis])
    value = np.concatenate([entries, positions.static[:, np.newaxis]], axis=1)
    first, skew, second = np.moveaxis(normal.factor, 1, 0)
    own = 1 / first**2 + (1 + (skew / first) ** 2) / second**2
    variance = np.zeros(value.shape)
    variance[:, :-1] = half.circulant.inverse_variance(own)
    modes = _shared_modes(half, normal)
    turning = np.einsum("bmn,bn->bm", modes, value.conj()).imag
    turning /= np.maximum(np.sum(np.abs(value) ** 2, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    modes -= 1j * turning[..., np.newaxis] * value[:, np.newaxis]
    variance += np.sum(modes.real**2 + modes.imag**2, axis=1)
    return value, variance


def _shared_modes(half: HalfPlan, normal: Normal) -> Field:
    """Return what independent unit errors of the shared unknowns do to entries and static field.

    Shape (output, mode, column + 1).
    """
    outputs, signals, _, unknowns = normal.cross.shape
    modes = np.linalg.cholesky(np.linalg.inv(normal.shared))
    moved = (normal.cross.reshape(outputs, -1, unknowns) @ modes).reshape(outputs, signals, 2, unknowns)
    ordered = np.ascontiguousarray(np.moveaxis(moved, 1, -1))  # (output, 2, mode, signal)
    x, y = np.moveaxis(divide_transposed(normal.factor[:, :, np.newaxis], ordered), 1, 0)
    places = modes[:, 0::2] + 1j * modes[:, 1::2]
    static = places[:, -1]
    fields = x + 1j * y - (places[:, 0] + static)[..., np.newaxis]
    return np.concatenate([half.circulant.inverse(fields), static[..., np.newaxis]], axis=-1)
