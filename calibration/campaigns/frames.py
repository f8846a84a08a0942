"""The frames of a campaign as the retrieval asks for them: by what they show, as words or as light."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from calibration.campaigns.field_cache import FieldCache
from calibration.campaigns.plan import CampaignPlan
from calibration.light import Light, light_from_counts
from optics.camera import Camera, Counts

SHORT = 64
"""Positions in a row up to which it is better to read what lies between such rows too."""

DENSE = 1.5
"""Span of positions over their number up to which all of it is read."""


class FrameSource(Protocol):
    """Stored frames: `optics.campaign_file.CampaignFile`, or an array in memory."""

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """Return the start of each exposure, in seconds, shape (frame,)."""

    def read(self, *, frames: slice = slice(None), outputs: slice = slice(None)) -> Counts:
        """Return words of frames, shape (frame, output)."""


class CampaignFrames:
    """Frames of a campaign, by what they show.

    Parameters
    ----------
    source : FrameSource
        Where they are stored; all of them are there.
    plan : CampaignPlan
        What they show.
    camera : Camera
        The camera that took them.
    exposure_time : float
        Exposure time, in seconds.
    decoded : FieldCache or None, optional
        Fields that were decoded while the campaign ran.
    """

    def __init__(
        self,
        source: FrameSource,
        plan: CampaignPlan,
        camera: Camera,
        *,
        exposure_time: float,
        decoded: FieldCache | None = None,
    ) -> None:
        self.decoded = decoded
        self.source, self.plan, self.camera, self.exposure_time = source, plan, camera, exposure_time
        self._kept: Counts = np.empty(0, camera.word)
        self.timestamps = source.timestamps
        self.dark = camera.digital_numbers(source.read(frames=plan.dark)).mean(axis=0, dtype=np.float64)

    @property
    def outputs(self) -> int:
        """Return the number of pixels."""
        return self.camera.pixels

    def words(self, positions: NDArray[np.int64], *, outputs: slice = slice(None), overwrite: bool = False) -> Counts:
        """Return the words of positions of the first part.

        Parameters
        ----------
        positions : ndarray of int, shape (position,)
            Positions in the order of the plan, rising.
        outputs : slice, optional
            Pixels.
        overwrite : bool, optional
            Whether the words that the last such call returned may be written over: new memory costs more than reading.

        Returns
        -------
        ndarray of uint8 or uint16, shape (position, step, output)
            Words, as they were delivered.
        """
        steps = self.plan.steps
        first, last = int(positions[0]), int(positions[-1])
        breaks = np.flatnonzero(np.diff(positions) != 1) + 1
        # One read is several times faster than many short ones.
        if last - first < DENSE * len(positions) and len(positions) < SHORT * (len(breaks) + 1):
            span = self.source.read(frames=slice(first * steps, (last + 1) * steps), outputs=outputs)
            every = span.reshape(last - first + 1, steps, -1)
            return every if len(positions) == len(every) else every[positions - first]
        width = len(range(self.outputs)[outputs])
        words = self._array(len(positions) * steps, width, overwrite=overwrite)
        start = 0
        for run in np.split(positions, breaks):
            frames = slice(int(run[0]) * steps, (int(run[-1]) + 1) * steps)
            words[start : start + len(run) * steps] = self.source.read(frames=frames, outputs=outputs)
            start += len(run) * steps
        return words.reshape(len(positions), steps, width)

    def _array(self, frames: int, width: int, *, overwrite: bool) -> Counts:
        """Return an array for words, in the memory that is kept for them or in its own."""
        if not overwrite:
            return np.empty((frames, width), self.camera.word)
        if self._kept.size < frames * width:
            self._kept = np.empty(0, self.camera.word)  # given back before more is asked for
            self._kept = np.empty(frames * width, self.camera.word)
        return self._kept[: frames * width].reshape(frames, width)

    def time(self, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the middle of the frames of positions, in seconds.

        Parameters
        ----------
        positions : ndarray of int, shape (position,)
            Positions in the order of the plan.

        Returns
        -------
        ndarray, shape (position,)
            Times, in seconds.
        """
        return np.asarray(self.timestamps[self.plan.frames_at(positions)].mean(axis=1) + self.exposure_time / 2)

    def light_at(self, positions: NDArray[np.int64], *, outputs: slice = slice(None)) -> Light:
        """Return the light of positions of the first part.

        Parameters
        ----------
        positions : ndarray of int, shape (position,)
            Positions in the order of the plan, rising.
        outputs : slice, optional
            Pixels.

        Returns
        -------
        Light
            Shape (position, step, output), dark frame taken off.
        """
        return self._light(self.words(positions, outputs=outputs), outputs)

    def light(self, frames: slice, *, outputs: slice = slice(None)) -> Light:
        """Return the light of frames.

        Parameters
        ----------
        frames : slice
            Frames of the campaign.
        outputs : slice, optional
            Pixels.

        Returns
        -------
        Light
            Shape (frame, output), dark frame taken off.
        """
        return self._light(self.source.read(frames=frames, outputs=outputs), outputs)

    def _light(self, words: Counts, outputs: slice) -> Light:
        """Return words as light."""
        return light_from_counts(words, self.camera, exposure_time=self.exposure_time, dark=self.dark[outputs])
