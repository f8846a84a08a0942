"""Frames of patterns on devices, one by one or in bursts; one that is lost is taken again with its own pattern."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.camera import Camera
from optics.devices.errors import FrameLostError
from optics.devices.frame_series import RetryRule, Series, check_frames, check_triggers
from optics.devices.mask_memory import MaskMemory, States
from optics.devices.protocols import Burst, BurstCamera, FrameCamera, Modulator, PatternSequencer

Clock = Callable[[], float]


@dataclass(frozen=True, kw_only=True, eq=False)
class StepByStep:
    """Shows a pattern and takes its frame, one after the other.

    Parameters
    ----------
    modulator : Modulator
        Shows patterns.
    camera : FrameCamera
        Takes frames.
    masks : MaskMemory
        The modulator's memory.
    figures : Camera
        Shape and bits that frames have to have.
    rule : RetryRule
        What becomes of lost frames.
    clock : callable
        Returns the time, in seconds.
    """

    modulator: Modulator
    camera: FrameCamera
    masks: MaskMemory
    figures: Camera
    rule: RetryRule
    clock: Clock

    def take(self, states: States, series: Series, *, prepare: Callable[[int], None] | None = None) -> None:
        """Take the frames of a series.

        Parameters
        ----------
        states : ndarray of bool, shape (frame, input)
            Macropixel states.
        series : Series
            Where the frames go.
        prepare : callable or None, optional
            Is called with the number of each frame before it is taken.

        Raises
        ------
        FrameLostError
            If a frame is lost again and again, unless such frames are marked.
        DeviceError
            If the camera sends counts of another format.
        """
        for part in self.masks.series(states):
            for frame in range(part.start, part.stop):
                if prepare is not None:
                    prepare(frame)
                self._take_one(frame, series, shown=frame - part.start)

    def _take_one(self, frame: int, series: Series, *, shown: int) -> None:
        """Take a frame, again where it is lost."""
        reason = None
        for _ in range(self.rule.retries + 1):
            try:
                self.modulator.show(shown)
                series.timestamps[frame] = self.clock()
                counts = self.camera.snap()
                check_frames(counts[np.newaxis], self.figures)
            except FrameLostError as error:
                reason = error
                continue
            series.counts[frame] = counts
            series.valid[frame] = True
            return
        self.rule.give_up(series, frame, reason=reason)


@dataclass(frozen=True, kw_only=True, eq=False)
class InBursts:
    """Lets the modulator run through its patterns and the camera take a frame at each of its triggers.

    Parameters
    ----------
    modulator : PatternSequencer
        Shows patterns and gives triggers.
    camera : BurstCamera
        Takes frames at triggers.
    masks : MaskMemory
        The modulator's memory.
    figures : Camera
        Shape and bits that frames have to have.
    rule : RetryRule
        What becomes of lost frames.
    clock : callable
        Returns the time, in seconds.
    """

    modulator: PatternSequencer
    camera: BurstCamera
    masks: MaskMemory
    figures: Camera
    rule: RetryRule
    clock: Clock

    def take(self, states: States, series: Series, *, period: float) -> None:
        """Take the frames of a series; those that are lost in a burst make up a smaller one.

        Parameters
        ----------
        states : ndarray of bool, shape (frame, input)
            Macropixel states.
        series : Series
            Where the frames go.
        period : float
            Time from one pattern to the next, in seconds.

        Raises
        ------
        FrameLostError
            If a frame is lost again and again, unless such frames are marked.
        DeviceError
            If the camera sends counts of another format, or numbers triggers that were not given.
        """
        for part in self.masks.series(states):
            waiting, reason = np.arange(part.start, part.stop), None
            for attempt in range(self.rule.retries + 1):
                if attempt:
                    self.masks.load(states[waiting])
                came, reason = self._take_burst(series, waiting, period=period)
                waiting = np.delete(waiting, came)
                if not waiting.size:
                    break
            for frame in waiting.tolist():
                self.rule.give_up(series, frame, reason=reason)

    def _take_burst(
        self, series: Series, frames: NDArray[np.int64], *, period: float
    ) -> tuple[NDArray[np.int64], FrameLostError | None]:
        """Run a burst of the frames whose masks are loaded; return which of them came, and how the others were lost."""
        start = self.clock()
        series.timestamps[frames] = start + period * np.arange(len(frames))
        try:
            burst = self._run(len(frames), period=period)
            check_frames(burst.counts, self.figures)
        except FrameLostError as error:
            return np.empty(0, np.int64), error
        check_triggers(burst, count=len(frames))
        came = frames[burst.triggers]
        if len(came) and came[-1] - came[0] == len(came) - 1:  # one block: copied as such
            series.counts[came[0] : came[-1] + 1] = burst.counts
        else:
            series.counts[came] = burst.counts
        series.timestamps[came] = start + burst.timestamps
        series.valid[came] = True
        return burst.triggers, None

    def _run(self, count: int, *, period: float) -> Burst:
        """Run through the first masks and return what the camera took; it is disarmed, whatever happens."""
        try:
            self.camera.arm(count)
            self.modulator.run(count, period=period)
            burst = self.camera.fetch()
            self.modulator.wait()
        except BaseException:
            for stop in (self.modulator.wait, self.camera.fetch):
                with suppress(Exception):  # the first error is the one to raise
                    stop()
            raise
        return burst
