"""The frames from which a bench is identified, as arrays: what estimators get to see, and nothing else of a bench."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.camera import Counts


@dataclass(frozen=True, kw_only=True, eq=False)
class Frames:
    """Frames that were taken one after the other at one exposure time.

    Parameters
    ----------
    counts : ndarray of uint8 or uint16, shape (frame, y, x)
        Counts in DN, the significant bits at the right.
    states : ndarray of bool, shape (frame, input)
        What the macropixels showed.
    timestamps : ndarray of float, shape (frame,)
        Start of each exposure, in seconds of bench time.
    exposure_time : float
        Exposure time that was granted, in seconds.
    """

    counts: Counts
    states: NDArray[np.bool_]
    timestamps: NDArray[np.float64]
    exposure_time: float

    @property
    def mean(self) -> NDArray[np.float64]:
        """Return the mean frame, in DN, shape (y, x)."""
        return np.asarray(self.counts.mean(axis=0, dtype=np.float64))


@dataclass(frozen=True, kw_only=True, eq=False)
class Observations:
    """All frames of one identification; every set begins after frames that were dropped for the bench to settle.

    Parameters
    ----------
    bits : int
        Significant bits of a count.
    dark : tuple of Frames
        Light off, a set for each exposure time, ascending; the first and the last set are long ones.
    ladder : tuple of Frames
        One random half of the macropixels (or fewer, as many as ``halves`` have on), two frames for each exposure time,
        ascending; at the last some pixels saturate.
    overexposed : Frames
        The same pattern so long that many pixels saturate.
    halves : Frames
        Random halves (fewer macropixels where half of them is too bright), another in each frame, at the exposure time
        that suits them; one set.
    off : Frames
        All macropixels off, the light on, at the exposure time of ``singles``.
    singles : Frames
        Single macropixels, or groups of neighbours where there are too many, each in one frame; long exposure.
    repeats : tuple of Frames
        Bursts, spread over the whole protocol: in each, frames of one part of the macropixels, then of the next, at one
        exposure time. Parts have no macropixel in common, and are the same, in the same order, in every burst.
    exposures : int
        All frames that were exposed, those of the search for exposure times and those that were dropped included.
    """

    bits: int
    dark: tuple[Frames, ...]
    ladder: tuple[Frames, ...]
    overexposed: Frames
    halves: Frames
    off: Frames
    singles: Frames
    repeats: tuple[Frames, ...]
    exposures: int

    @property
    def parts(self) -> tuple[tuple[Frames, ...], ...]:
        """Return the repeats by part: for each part of the macropixels its bursts."""
        patterns = {one.states[0].tobytes(): None for one in self.repeats}
        return tuple(tuple(one for one in self.repeats if one.states[0].tobytes() == pattern) for pattern in patterns)

    @property
    def largest_count(self) -> int:
        """Return the largest count of the converter, in DN."""
        return (1 << self.bits) - 1
