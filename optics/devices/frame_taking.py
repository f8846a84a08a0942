"""Frames of patterns on devices, one by one or in bursts; one that is lost is taken again with its own pattern."""

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.camera import Camera, Counts
from optics.devices.errors import FrameLostError
from optics.devices.frame_series import RetryRule, Series, check_frames, check_range, check_triggers
from optics.devices.mask_memory import MaskMemory, States
from optics.devices.protocols import Burst, BurstCamera, FrameCamera, Modulator, PatternSequencer

Clock = Callable[[], float]

STEPS_TOGETHER = 32
"""Masks that are loaded together where frames are taken one by one: the first frame does not wait for many."""


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
        for part in self.masks.series(states, at_most=STEPS_TOGETHER):
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
            check_range(counts, self.figures)
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
        with ThreadPoolExecutor(1) as pool:
            storing = _Storing(series, self.figures, pool)
            for part in self.masks.series(states):
                waiting, reason = np.arange(part.start, part.stop), None
                for attempt in range(self.rule.retries + 1):
                    if attempt:
                        self.masks.load(states[waiting])
                    came, reason = self._take_burst(series, waiting, storing, period=period)
                    waiting = np.delete(waiting, came)
                    if not waiting.size:
                        break
                for frame in waiting.tolist():
                    self.rule.give_up(series, frame, reason=reason)
            storing.finish()

    def _take_burst(
        self, series: Series, frames: NDArray[np.int64], storing: "_Storing", *, period: float
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
        series.timestamps[came] = start + burst.timestamps
        series.valid[came] = True
        storing.put(came, burst.counts)
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


class _Storing:
    """Puts the frames of bursts in their places, while the next burst is taken: memory is slower than cameras."""

    def __init__(self, series: Series, figures: Camera, pool: Executor) -> None:
        self._series, self._figures, self._pool = series, figures, pool
        self._before: Future[None] | None = None

    def put(self, frames: NDArray[np.int64], counts: Counts) -> None:
        """Put the frames of a burst away, once those of the burst before are."""
        self.finish()
        self._before = self._pool.submit(self._store, frames, counts)

    def finish(self) -> None:
        """Return once all frames are in their places, or say what is wrong with them."""
        if self._before is not None:
            self._before.result()

    def _store(self, frames: NDArray[np.int64], counts: Counts) -> None:
        """Put frames in their places; a whole series in one burst is the burst's own array."""
        check_range(counts, self._figures)
        series = self._series
        if len(frames) == len(series.counts) and counts.flags.c_contiguous:
            series.counts = counts
        elif len(frames) and frames[-1] - frames[0] == len(frames) - 1:  # one block: copied as such
            series.counts[frames[0] : frames[-1] + 1] = counts
        else:
            series.counts[frames] = counts
