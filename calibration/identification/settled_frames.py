"""A bench that is given time to settle, and asked again for the frames that it lost."""

import numpy as np
from numpy.typing import NDArray

from calibration.bench_frames import MOST_TRIES
from calibration.identification.observations import Frames
from optics.bench import Bench

SETTLING_FRAMES = 1
"""Frames that are dropped after light, pattern or exposure time have changed."""

Bits = NDArray[np.bool_]


class SettledBench:
    """Good frames of a bench, those dropped in which it settles.

    Parameters
    ----------
    bench : Bench
        A simulated or a real bench.

    Attributes
    ----------
    exposures : int
        Frames that were exposed so far, those that were dropped or lost included.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.exposures = 0
        self._previous: tuple[float, bool, bytes] | None = None

    def granted(self, wanted: NDArray[np.float64]) -> list[float]:
        """Return the exposure times that are granted for some that are wanted.

        Parameters
        ----------
        wanted : ndarray of float
            Exposure times, in seconds; those out of the camera's range are brought to its ends.

        Returns
        -------
        list of float
            Seconds, ascending, each once.
        """
        shutter = self.bench.camera.shutter
        clipped = np.clip(wanted, shutter.exposure_minimum, shutter.exposure_maximum)
        return sorted({shutter.granted_exposure(float(one)) for one in clipped})

    def take(self, states: Bits, *, at: float, light: bool = True) -> Frames:
        """Return a good frame of each pattern at an exposure time, after frames in which the bench settles.

        Parameters
        ----------
        states : ndarray of bool, shape (frame, input)
            Patterns.
        at : float
            Exposure time, in seconds; brought into the camera's range.
        light : bool, optional
            Whether the laser shines.

        Returns
        -------
        Frames
            The frames.

        Raises
        ------
        ValueError
            If frames are lost again and again.
        """
        shutter = self.bench.camera.shutter
        at = min(max(at, shutter.exposure_minimum), shutter.exposure_maximum)
        if self._previous is None or self._previous[0] != at:
            self.bench.exposure_time = at
        steady = self._previous == (at, light, states[0].tobytes()) and bool((states == states[0]).all())
        settling = 0 if steady else SETTLING_FRAMES
        self._previous = (at, light, states[-1].tobytes())
        shown = np.concatenate([states[:1]] * settling + [states])
        counts, times = self._expose(shown, light=light)
        return Frames(
            counts=counts[settling:],
            states=states,
            timestamps=times[settling:],
            exposure_time=self.bench.exposure_time,
        )

    def _expose(self, states: Bits, *, light: bool) -> tuple[NDArray[np.unsignedinteger], NDArray[np.float64]]:
        """Return counts in DN and times; frames that were lost are taken again."""
        exposure = self.bench.expose(states, light=light)
        self.exposures += len(states)
        counts = self.bench.camera.digital_numbers(exposure.counts)
        times, lost = exposure.timestamps, np.flatnonzero(~exposure.valid)
        if lost.size:
            counts, times = counts.copy(), times.copy()
        for _ in range(MOST_TRIES):
            if not lost.size:
                return counts, times
            again = self.bench.expose(states[lost], light=light)
            self.exposures += len(lost)
            counts[lost] = self.bench.camera.digital_numbers(again.counts)
            times[lost] = again.timestamps
            lost = lost[~again.valid]
        if lost.size:
            raise ValueError(
                f"{lost.size} of {len(states)} frames were lost {MOST_TRIES + 1} times running: check the camera's "
                "link and its trigger"
            )
        return counts, times
