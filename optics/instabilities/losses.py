"""Frames that do not arrive: dropped on their way, or never triggered."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.camera import Counts
from optics.streams import NoiseSource, exposure_chances
from optics.validation import check_number


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Dropped frames and missed triggers, as a table ``[losses]`` of a bench file describes them.

    In a bench file::

        [losses]
        dropped_frames = 1e-4
        missed_triggers = 1e-5

    Parameters
    ----------
    dropped_frames : float, optional
        Probability that a frame is lost on its way and known to be: it is not valid.
    missed_triggers : float, optional
        Probability that the camera misses a trigger: all later frames of the call move up by one, and the last one
        never comes. Only that last one is known not to be valid.

    Raises
    ------
    ValueError
        If a probability is not from 0 to 1.

    Notes
    -----
    Lost frames read zero. Indices and times of the frames are those that the host counts: they do not betray a shift.
    The next call begins with its own first pattern, as one that waits for its frames does. A frame that was moved up
    and then dropped leaves its gap where it would have stood.
    """

    dropped_frames: float = 0.0
    missed_triggers: float = 0.0

    def __post_init__(self) -> None:
        for name in ("dropped_frames", "missed_triggers"):
            check_number(name, getattr(self, name), at_least=0, at_most=1)

    @property
    def present(self) -> bool:
        """Return whether frames are lost at all."""
        return self.dropped_frames > 0 or self.missed_triggers > 0

    def take(self, counts: Counts, *, first: int, seed: int) -> NDArray[np.bool_]:
        """Lose frames of a call, in place, and return which are valid.

        Parameters
        ----------
        counts : ndarray of uint8 or uint16, shape (frame, y, x)
            Words of all exposures of a call; changed in place.
        first : int
            Absolute index of its first exposure.
        seed : int
            Seed of the bench.

        Returns
        -------
        ndarray of bool, shape (frame,)
            False where a frame is known to be lost.
        """
        keys = {"first": first, "count": len(counts)}
        came = np.flatnonzero(exposure_chances(seed, NoiseSource.MISSED_TRIGGERS, **keys) >= self.missed_triggers)
        for place, index in enumerate(came.tolist()):  # frames only move up: one at a time, no second copy
            if place != index:
                counts[place] = counts[index]
        dropped = exposure_chances(seed, NoiseSource.DROPPED_FRAMES, **keys)[came] < self.dropped_frames
        valid = np.zeros(len(counts), np.bool_)
        valid[: len(came)] = ~dropped
        counts[~valid] = 0
        return valid


NO_LOSSES = Losses()
