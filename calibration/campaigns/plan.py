"""Which frames a campaign takes, and in which order."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from optics.validation import check_count

REFERENCE, OFF = -1, -2
"""Codes in an order of patterns: the reference pattern, and everything off."""


class PatternSeries(Protocol):
    """Patterns from whose light or fields a matrix follows: an input basis, or the frames of an intensity method."""

    @property
    def inputs(self) -> int:
        """Return the number of macropixels."""

    @property
    def frames(self) -> int:
        """Return the number of patterns."""

    def patterns(self, frames: slice = slice(None)) -> NDArray[np.bool_]:
        """Return some of the patterns, shape (frame, input)."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Frames that are exposed in one call.

    Parameters
    ----------
    frames : slice
        Where they stand among the frames of the campaign.
    patterns : ndarray of bool, shape (frame, input)
        Macropixel states.
    phases : ndarray or None, shape (frame,)
        Commanded phases of the reference arm, in radians; None blocks it.
    light : bool, optional
        False for dark frames.
    """

    frames: slice
    patterns: NDArray[np.bool_]
    phases: NDArray[np.float64] | None
    light: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class CampaignPlan:
    """The frames of a campaign: patterns of a series, a reference pattern between them, frames to judge the matrix.

    First come ``off_repeats`` times everything off, then the series with the reference pattern before every
    ``reference_interval`` patterns and once more at the end; each is shown at all phases of the reference arm. Then,
    the arm blocked: everything off again, the patterns that are held out of the retrieval, and dark frames.

    Parameters
    ----------
    series : PatternSeries
        Patterns that the matrix follows from.
    phases : tuple of float
        Phases of the reference arm at which each pattern is shown, in radians; empty for a bench without it.
    reference_pattern : ndarray of bool, shape (input,)
        Pattern that is repeated.
    reference_interval : int
        Patterns of the series between two repeats.
    held_out : ndarray of bool, shape (frame, input)
        Patterns that the matrix must predict.
    off_repeats : int, optional
        Frames with everything off, with the arm and without.
    dark_frames : int, optional
        Frames without light, whose mean is taken off.
    batch_frames : int, optional
        Frames of one exposure call, at most, but at least those of one pattern.

    Raises
    ------
    ValueError
        If patterns do not fit the series.
    """

    series: PatternSeries
    phases: tuple[float, ...]
    reference_pattern: NDArray[np.bool_]
    reference_interval: int
    held_out: NDArray[np.bool_]
    off_repeats: int = 8
    dark_frames: int = 32
    batch_frames: int = 256

    def __post_init__(self) -> None:
        for name in ("reference_interval", "off_repeats", "dark_frames", "batch_frames"):
            check_count(name, getattr(self, name))
        for name in ("reference_pattern", "held_out"):
            states = np.array(getattr(self, name))
            if states.dtype != np.bool_ or states.shape[-1] != self.series.inputs:
                raise ValueError(
                    f"{name} must be bool of {self.series.inputs} inputs, got {states.dtype} of shape {states.shape}"
                )
            states.flags.writeable = False
            object.__setattr__(self, name, states)

    @property
    def steps(self) -> int:
        """Return the frames in which each pattern of the first part is shown."""
        return max(1, len(self.phases))

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Return what is shown in the first part: indices of the series, `REFERENCE` or `OFF`; shape (position,)."""
        patterns = np.arange(self.series.frames)
        starts = np.arange(0, len(patterns), self.reference_interval)
        order = np.insert(patterns, starts, REFERENCE)
        return np.concatenate([np.full(self.off_repeats, OFF), order, [REFERENCE]])

    @property
    def first_part(self) -> int:
        """Return the number of frames before the arm is blocked."""
        return len(self.order) * self.steps

    @property
    def frames(self) -> int:
        """Return the number of frames of the campaign."""
        return int(self.dark.stop)

    @property
    def blocked_off(self) -> slice:
        """Return which frames show everything off with the arm blocked."""
        return slice(self.first_part, self.first_part + self.off_repeats)

    @property
    def judged(self) -> slice:
        """Return which frames show the patterns that were held out."""
        return slice(self.blocked_off.stop, self.blocked_off.stop + len(self.held_out))

    @property
    def dark(self) -> slice:
        """Return which frames are dark: the last ones."""
        return slice(self.judged.stop, self.judged.stop + self.dark_frames)

    def positions(self, code: int) -> NDArray[np.int64]:
        """Return where in the order a code stands.

        Parameters
        ----------
        code : int
            `REFERENCE` or `OFF`.

        Returns
        -------
        ndarray of int
            Positions, rising.
        """
        return np.flatnonzero(self.order == code)

    @cached_property
    def series_positions(self) -> NDArray[np.int64]:
        """Return where in the order the patterns of the series stand, shape (pattern,)."""
        return np.flatnonzero(self.order >= 0)

    def frames_at(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the frames of positions in the order.

        Parameters
        ----------
        positions : ndarray of int, shape (position,)
            Positions.

        Returns
        -------
        ndarray of int, shape (position, step)
            Frame indices of the campaign.
        """
        return positions[:, np.newaxis] * self.steps + np.arange(self.steps)

    def batches(self) -> Iterator[Batch]:
        """Return the calls that expose the campaign, one after the other.

        Yields
        ------
        Batch
            Batches; no pattern is split, and the arm is open or blocked throughout a batch.
        """
        blocked = np.concatenate([np.zeros((self.off_repeats, self.series.inputs), np.bool_), self.held_out])
        for frames in self.spans():
            if frames.start < self.first_part:
                codes = self.order[frames.start // self.steps : frames.stop // self.steps]
                phases = np.tile(np.array(self.phases, np.float64), len(codes)) if self.phases else None
                yield Batch(frames, np.repeat(self._shown(codes), self.steps, axis=0), phases)
            elif frames.start < self.dark.start:
                yield Batch(frames, blocked[frames.start - self.first_part : frames.stop - self.first_part], None)
            else:
                dark = np.zeros((frames.stop - frames.start, self.series.inputs), np.bool_)
                yield Batch(frames, dark, None, light=False)

    def spans(self) -> list[slice]:
        """Return the frames of each batch.

        Returns
        -------
        list of slice
            Frames, one slice a batch.
        """
        whole = max(1, self.batch_frames // self.steps) * self.steps
        parts = ((0, self.first_part, whole), (self.first_part, self.dark.start, self.batch_frames),
                 (self.dark.start, self.dark.stop, self.batch_frames))  # fmt: skip
        return [
            slice(start, min(start + step, stop)) for first, stop, step in parts for start in range(first, stop, step)
        ]

    def _shown(self, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return the patterns of codes, which stand in the order of the series."""
        shown = np.zeros((len(codes), self.series.inputs), np.bool_)
        shown[codes == REFERENCE] = self.reference_pattern
        own = codes >= 0
        if own.any():
            indices = codes[own]
            shown[own] = self.series.patterns(slice(int(indices[0]), int(indices[-1]) + 1))
        return shown
