"""A transmission matrix by phase stepping: a basis of patterns, each at several phases of the reference arm."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.campaigns.drift_track import DriftTrack, track_fields
from calibration.campaigns.frames import CampaignFrames
from calibration.campaigns.methods import (
    TRACKED,
    MatrixRows,
    repeats,
    standard_errors,
    tracked_outputs,
)
from calibration.campaigns.plan import OFF
from calibration.campaigns.stepped_fields import SteppedTerms, empty_terms, stepped_fields, stepped_terms
from calibration.holography.phase_steps import check_steps, step_error_share
from calibration.holography.step_errors import estimate_steps
from calibration.matrices.bases import InputBasis
from optics.camera import Camera, Counts
from optics.validation import check_number

STEP_PATTERNS = 64
"""Patterns from which phases are found, at most; the first one is all off in most bases."""

PART_BYTES = 3 * 2**23
"""Memory of the fields that are solved together: an allocator gives arrays below 32 MiB again, not new pages."""

STEP_PIXELS = 16
"""Pixels of a tile whose scatter tells the errors of phases that are found; eight tiles at least."""

CLEAR = 3.0
"""Standard errors by which the light of the reference must stand out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PhaseSteppingMethod:
    """Fields of the patterns of a basis by phase stepping, and the matrix from these.

    .. math:: T_m = \\frac{1}{\\sqrt{P_m}} \\, \\mathrm{basis}^{-1}\\left[ e^{-i \\varphi(t)} Z_m \\right], \\qquad
              P_m = I_m(0, R) - I_m(0)

    Parameters
    ----------
    basis : InputBasis
        Patterns; the static field should be among its unknowns.
    phases : tuple of float, optional
        Phases of the reference, in radians, three or more.
    find_steps : bool, optional
        Whether the phases are found from the frames: commanded ones may be off, the same in every pattern.
    weakest : float, optional
        Pixels whose reference has less than so much of its mean light, or less than three times its standard error,
        are flagged.

    Raises
    ------
    ValueError
        If the phases do not determine a field.

    Notes
    -----
    The power P of the reference at a pixel comes from frames with everything off, the arm open and blocked; the phase
    of the reference at a pixel, known or a speckle, stays open: rows are right up to a phase. phi is the drift of the
    arm that the reference pattern shows. Phases are found by `estimate_steps`, which takes the fields for speckle; what
    is common to all of them cannot be told from the phase of the rows.
    """

    basis: InputBasis
    phases: tuple[float, ...] = (0.0, math.pi / 2, math.pi, 3 * math.pi / 2)
    find_steps: bool = False
    weakest: float = 0.01

    def __post_init__(self) -> None:
        check_steps(self.phases)
        check_number("weakest", self.weakest, at_least=0, at_most=1)

    @property
    def series(self) -> InputBasis:
        """Return the patterns to show."""
        return self.basis

    @property
    def ambiguity(self) -> str:
        """Return what stays open: the phase of each row."""
        return "phase"

    @property
    def whole_frames(self) -> bool:
        """Return False: each pixel is solved by itself."""
        return False

    @property
    def early_fields(self) -> bool:
        """Return whether fields can be decoded before all frames are there."""
        return not self.find_steps

    @property
    def bytes_per_output(self) -> int:
        """Return the memory that solving takes for each pixel, in bytes: words, entries and their errors."""
        return (2 * len(self.phases) + 16) * self.basis.frames

    @property
    def _pixels_together(self) -> int:
        """Return how many pixels are solved together, a power of two: blocks of pixels begin alike everywhere."""
        return 1 << (max(1, PART_BYTES // (8 * self.basis.frames)).bit_length() - 1)

    def check_camera(self, camera: Camera) -> None:
        """Refuse a camera that is too small for phases to be found.

        Parameters
        ----------
        camera : Camera
            The camera.

        Raises
        ------
        ValueError
            If phases are to be found from too few pixels.
        """
        if self.find_steps and camera.pixels < 8 * STEP_PIXELS:
            raise ValueError(
                f"{camera.pixels} pixels are too few to find the phases of the reference from: take at least "
                f"{8 * STEP_PIXELS}, or leave find_steps out"
            )

    def track(self, frames: CampaignFrames) -> DriftTrack:
        """Return the drift of the arm, and of the medium, that the reference pattern shows.

        Parameters
        ----------
        frames : CampaignFrames
            Frames of the campaign.

        Returns
        -------
        DriftTrack
            Phase and correlation of its fields.
        """
        positions, time = repeats(frames)
        words = frames.words(positions, outputs=tracked_outputs(frames))
        phases, error = self._steps(frames)
        fields = stepped_fields(words, frames.camera, phases=phases, exposure_time=frames.exposure_time)
        light = self._mean_power(frames, phases)
        return replace(track_fields(fields, time), steps=phases, steps_error=error, reference_light=light)

    def _steps(self, frames: CampaignFrames) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the phases at which the patterns of the series were shown, and their standard errors, in radians."""
        if not self.find_steps:
            return np.array(self.phases), np.zeros(len(self.phases))
        light = frames.light_at(frames.plan.series_positions[1:STEP_PATTERNS], outputs=tracked_outputs(frames))
        blocks = max(8, min(64, light.value[0, 0].size // STEP_PIXELS))
        estimate = estimate_steps(light, steps=np.array(self.phases), blocks=blocks)
        if not estimate.converged.all():
            raise ValueError(
                "the phases of the reference cannot be found from the frames: their light is no speckle, or changes "
                "from frame to frame; give the true phases and leave find_steps out"
            )
        return estimate.steps, estimate.standard_error

    def solve(
        self, frames: CampaignFrames, track: DriftTrack, *, outputs: slice, room: MatrixRows | None = None
    ) -> MatrixRows:
        """Return the rows of some pixels.

        Parameters
        ----------
        frames : CampaignFrames
            Frames of the campaign.
        track : DriftTrack
            Drift, whose phase is taken off.
        outputs : slice
            Pixels.
        room : MatrixRows or None, optional
            Rows of an earlier call that are no longer needed: their arrays are written over where they fit.

        Returns
        -------
        MatrixRows
            Rows up to a phase each.
        """
        power, power_variance, known = self._reference_power(frames, track.steps, outputs)
        least = np.maximum(self.weakest * track.reference_light, CLEAR * np.sqrt(power_variance))
        strong = known & (power > least)
        # 1 / sqrt(P) of a noisy P is too large on average, by 3/8 of its relative variance.
        unbiased = 1 + 3 / 8 * power_variance / np.where(strong, power, 1) ** 2
        root = np.where(strong, np.sqrt(np.where(strong, power, 1)) * unbiased, 1).astype(np.float32)
        # The response of a pixel scales Z and P alike: it enters by its root.
        shared = math.hypot(frames.camera.prnu / 2, step_error_share(track.steps, standard_error=track.steps_error))
        gain_error = np.hypot(np.sqrt(power_variance) / (2 * root**2), shared)
        matrix, error, static, valid = self._solve_parts(frames, track, outputs, root, room)
        return MatrixRows(
            outputs=outputs,
            matrix=matrix,
            standard_error=error,
            static=static,
            gain_error=np.where(strong, gain_error, np.inf).astype(np.float32),
            valid=valid & strong,
        )

    def _solve_parts(
        self,
        frames: CampaignFrames,
        track: DriftTrack,
        outputs: slice,
        root: NDArray[np.float32],
        earlier: MatrixRows | None,
    ) -> tuple[NDArray[np.complex64], NDArray[np.float32], NDArray[np.complex64], NDArray[np.bool_]]:
        """Return entries, standard errors, static fields and what is valid, solved a few pixels at a time.

        Arrays of a few pixels are small enough to be had again and again without new pages of memory.
        """
        positions, width = frames.plan.series_positions, outputs.stop - outputs.start
        drift = track.phase_at(frames.time(positions))
        words: Counts = np.empty((0, 0, 0), frames.camera.word)
        if frames.decoded is None:
            words = frames.words(positions, outputs=outputs, overwrite=True)
        shape = (width, self.basis.inputs)
        matrix = _again(earlier.matrix if earlier else None, shape, np.dtype(np.complex64))
        static, valid = np.empty(width, np.complex64), np.empty(width, np.bool_)
        error: NDArray[np.float32] | None = None
        step = min(self._pixels_together, width)
        room = empty_terms(len(positions), step)
        for start in range(0, width, step):
            part = slice(start, min(start + step, width))
            terms = self._terms(frames, track, words, part, outputs.start, drift, room)
            solution, variance = self.basis.solve(terms.value), self.basis.solve_variance(terms.variance)
            # Real products: a complex division is ten times slower.
            entries = np.asarray(solution.matrix, np.complex64).view(np.float32)
            np.multiply(entries, 1 / root[part, np.newaxis], out=matrix[part].view(np.float32))
            static[part], valid[part] = solution.static / root[part], terms.valid
            own = standard_errors(np.asarray(variance.matrix), over=root[part] ** 2)
            if error is None and own.strides[1] == 0:  # one number a row, or one an entry, as the basis has it
                error = np.empty((width, 1), np.float32)
            elif error is None:
                error = _again(earlier.standard_error if earlier else None, shape, np.dtype(np.float32))
            error[part] = own[:, : error.shape[1]]
        whole = np.zeros((0, self.basis.inputs), np.float32) if error is None else error
        return matrix, whole if whole.shape == shape else np.broadcast_to(whole, shape), static, valid

    def _terms(
        self,
        frames: CampaignFrames,
        track: DriftTrack,
        words: Counts,
        part: slice,
        first: int,
        drift: NDArray[np.float64],
        room: SteppedTerms,
    ) -> SteppedTerms:
        """Return interference terms of all patterns at a few pixels, drift taken off."""
        kept = frames.decoded
        if kept is not None:
            own = slice(first + part.start, first + part.stop)
            turn = np.exp(-1j * drift).astype(np.complex64)[:, np.newaxis]
            variance = np.ascontiguousarray(kept.variance[:, own])
            return SteppedTerms(np.asarray(kept.value[:, own] * turn), variance, kept.valid[own])
        size = part.stop - part.start
        if size != room.value.shape[1]:
            room = empty_terms(len(drift), size)
        room.valid[:] = True
        return stepped_terms(
            words[:, :, part], frames.camera, phases=track.steps, exposure_time=frames.exposure_time, drift=drift,
            out=room,
        )  # fmt: skip

    def _mean_power(self, frames: CampaignFrames, phases: NDArray[np.float64]) -> float:
        """Return the mean light of the reference over all pixels, whatever those that are solved together."""
        parts = (slice(start, min(start + TRACKED, frames.outputs)) for start in range(0, frames.outputs, TRACKED))
        return sum(float(self._reference_power(frames, phases, part)[0].sum()) for part in parts) / frames.outputs

    def _reference_power(
        self, frames: CampaignFrames, phases: NDArray[np.float64], outputs: slice
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return the light of the reference alone on some pixels, its variance, and where no frame of it saturates."""
        plan = frames.plan
        opened = frames.light_at(plan.positions(OFF), outputs=outputs)
        blocked = frames.light(plan.blocked_off, outputs=outputs)
        mean = opened.value.mean(axis=(0, 1), dtype=np.float64)
        # Unequal steps leave a part of the interference of the reference with the static field.
        words = frames.words(plan.positions(OFF), outputs=outputs)
        term = stepped_fields(words, frames.camera, phases=phases, exposure_time=frames.exposure_time)
        mean -= 2 * np.real(term.value.mean(axis=0) * np.exp(1j * phases).mean())
        variance = opened.variance.mean(axis=(0, 1), dtype=np.float64) / opened.value[..., 0].size
        variance += blocked.variance.mean(axis=0, dtype=np.float64) / len(blocked.value)
        known = np.asarray(opened.valid.all(axis=(0, 1)) & blocked.valid.all(axis=0))
        return mean - blocked.value.mean(axis=0, dtype=np.float64), variance, known


def _again(earlier: NDArray[Any] | None, shape: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an earlier array to write over, its first rows where it has more, or a new one."""
    if earlier is None or earlier.shape[1] != shape[1] or len(earlier) < shape[0] or not earlier.flags.writeable:
        return np.empty(shape, dtype)
    return earlier[: shape[0]]
