"""A series of frames that a Basler camera takes by itself: gathered as they come, each given to its trigger."""

import threading
import time
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.camera import Counts
from optics.devices.errors import FrameLostError
from optics.devices.protocols import Burst

POLL = 0.05
"""Seconds after which a wait for the next frame looks whether the series was given up."""

NO_BLOCK = 2**64 - 1
"""What pylon says where a transport layer does not number its blocks."""


def trigger_numbers(blocks: ArrayLike, *, count: int, first: int, wrap: int = 0) -> NDArray[np.int64]:
    """Return the trigger that each frame of a series belongs to, from the numbers that the camera gave them.

    Parameters
    ----------
    blocks : array_like of int, shape (frame,)
        Numbers of the frames in the order in which they came, damaged ones included.
    count : int
        Triggers that there were.
    first : int
        Number that the camera gives to the first frame of a series.
    wrap : int, optional
        Numbers after which the camera begins again with ``first``; 0 where it never does.

    Returns
    -------
    ndarray of int64, shape (frame,)
        Numbers of the triggers, from zero, ascending.

    Raises
    ------
    FrameLostError
        If the numbers do not reach the last trigger: the camera may have missed any of them, and frames would be
        given to wrong patterns. Also if they do not ascend, or go beyond the last trigger.

    Notes
    -----
    A frame that is lost on its way leaves a gap in the numbers. A trigger that the camera did not answer leaves none:
    all frames after it move up by one, and only their sum tells.
    """
    triggers = np.asarray(blocks, np.int64) - first
    if wrap:
        triggers = triggers + wrap * np.cumsum(np.diff(triggers, prepend=triggers[:1]) < -wrap // 2)
    last = int(triggers[-1]) if len(triggers) else -1
    if len(triggers) and (triggers[0] < 0 or (np.diff(triggers) <= 0).any() or last >= count):
        raise FrameLostError(
            f"the camera numbered its frames {list(np.asarray(blocks))[:8]}... in a series of {count} triggers: they "
            "must ascend and end at the last one; look for triggers from elsewhere on the line"
        )
    if last < count - 1:
        raise FrameLostError(
            f"frames came for {last + 1} of {count} triggers and their numbers do not tell which triggers were not "
            "answered: take the series again; trigger more slowly, or look at the cable of the trigger line"
        )
    return triggers


def trigger_times(stamps: ArrayLike, triggers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return times after the first trigger.

    Parameters
    ----------
    stamps : array_like of float, shape (frame,)
        Times of the frames on any clock, in seconds.
    triggers : ndarray of int, shape (frame,)
        Numbers of their triggers.

    Returns
    -------
    ndarray of float64, shape (frame,)
        Times, in seconds. Where the first frames were lost the mean period stands for them.
    """
    times = np.asarray(stamps, np.float64)
    if not len(times):
        return times
    span = int(triggers[-1] - triggers[0])
    period = float(times[-1] - times[0]) / span if span else 0.0
    return np.asarray(times - times[0] + float(triggers[0]) * period, np.float64)


class SeriesCollector:
    """Takes frames out of the driver's hands as they come, so that its buffers never run out.

    Parameters
    ----------
    camera : object
        A pylon ``InstantCamera`` that grabs.
    pylon : module
        The driver.
    counts : ndarray, shape (frame, y, x)
        Where frames go, one place a trigger.
    read : callable
        Turns a grab result into counts of shape (y, x).
    """

    def __init__(self, camera: Any, pylon: Any, *, counts: Counts, read: Any) -> None:
        self._camera, self._pylon, self._counts, self._read = camera, pylon, counts, read
        self.blocks: list[int] = []
        self.arrived: list[int] = []
        self.stamps: list[int] = []
        self.host_times: list[float] = []
        self.last_seen = time.monotonic()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._collect, name="basler-series", daemon=True)
        self._thread.start()

    def finish(self, *, quiet: float) -> None:
        """Return when all frames are there, or none has come for a while.

        Parameters
        ----------
        quiet : float
            That while, in seconds.

        Raises
        ------
        DeviceError
            If a frame was of another size or format than the camera's region.
        """
        begin = time.monotonic()
        while self._thread.is_alive():
            self._thread.join(POLL)
            if time.monotonic() - max(begin, self.last_seen) > quiet:
                break
        self.stop()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Stop waiting for frames; stopping twice does no harm."""
        self._stop.set()
        self._thread.join()

    def burst(self, *, first: int, wrap: int, tick: float) -> Burst:
        """Return the frames that arrived whole, with their triggers.

        Parameters
        ----------
        first, wrap : int
            How the camera numbers frames, see `trigger_numbers`.
        tick : float
            Unit of the camera's clock, in seconds.

        Returns
        -------
        Burst
            Frames, numbers of their triggers and times; those of the host's clock where the camera has none.

        Raises
        ------
        FrameLostError
            If the frames cannot be told apart.
        """
        count = len(self._counts)
        numbered = all(block != NO_BLOCK for block in self.blocks)
        if not numbered and len(self.blocks) < count:
            raise FrameLostError(
                f"{len(self.blocks)} of {count} frames came and the camera does not number them: take the series again"
            )
        blocks = self.blocks if numbered else range(first, first + count)
        triggers = trigger_numbers(blocks, count=count, first=first, wrap=wrap if numbered else 0)
        kept = np.asarray(self.arrived, np.intp)
        own_clock = len(set(self.stamps)) == len(self.stamps) > 1
        stamps = tick * np.asarray(self.stamps, np.float64) if own_clock else np.asarray(self.host_times, np.float64)
        return Burst(
            counts=self._counts[: len(self.blocks)][kept],
            triggers=triggers[kept],
            timestamps=trigger_times(stamps[kept], triggers[kept]),
        )

    def _collect(self) -> None:
        """Take frames until all are there, what the thread does."""
        try:
            while len(self.blocks) < len(self._counts) and not self._stop.is_set():
                result = self._camera.RetrieveResult(int(1e3 * POLL), self._pylon.TimeoutHandling_Return)
                if not result.IsValid():
                    continue
                try:
                    self._take(result)
                finally:
                    result.Release()
        except Exception as error:  # noqa: BLE001  the thread has nobody to tell; `finish` raises it
            self._error = error

    def _take(self, result: Any) -> None:
        """Note a frame, and keep its counts if it is whole."""
        index = len(self.blocks)
        self.last_seen = time.monotonic()
        self.host_times.append(time.perf_counter())
        self.stamps.append(int(result.TimeStamp))
        self.blocks.append(int(result.BlockID))
        if result.GrabSucceeded():
            self._counts[index] = self._read(result)
            self.arrived.append(index)
