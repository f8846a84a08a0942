"""A camera that is simulated, one frame at a time or in bursts, and what can go wrong with it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.camera import Counts
from optics.devices.errors import DeviceError, FrameLostError
from optics.devices.protocols import Burst
from optics.devices.simulated_table import OpticalTable, check_open

BUSY = 1e-9
"""Relative shortfall of a period that rounding explains."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What goes wrong at which of the camera's triggers, numbered from zero over all that it was given.

    Parameters
    ----------
    lost : tuple of int, optional
        Triggers whose frames do not arrive.
    timed_out : tuple of int, optional
        Triggers at which the camera waits in vain; what a burst has behind them is lost as well.
    misshapen : tuple of int, optional
        Triggers whose frames arrive with a column too few; in a burst all of its frames do.
    broken : tuple of int, optional
        Triggers at which the camera fails.

    Notes
    -----
    What is lost was not exposed: the frames after it are the same, bit for bit, as if nothing had happened.
    """

    lost: tuple[int, ...] = ()
    timed_out: tuple[int, ...] = ()
    misshapen: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()


NO_FAULTS = Faults()


class SimulatedCamera:
    """A camera that takes one frame when it is asked to (`optics.devices.protocols.FrameCamera`).

    Parameters
    ----------
    table : OpticalTable
        Where it stands.
    faults : Faults
        What goes wrong.

    Attributes
    ----------
    triggers : int
        Triggers that it was given so far.
    closed : bool
        Whether it is released.
    """

    def __init__(self, table: OpticalTable, faults: Faults) -> None:
        self._table, self._faults, self.triggers, self.closed = table, faults, 0, False

    @property
    def shape(self) -> tuple[int, int]:
        """Return the pixels of a frame along (y, x)."""
        return self._table.bench.camera.shape

    @property
    def bit_depth(self) -> int:
        """Return the significant bits of a count."""
        return self._table.bench.camera.bits

    @property
    def exposure_time(self) -> float:
        """Return the exposure time that was granted, in seconds."""
        return self._table.bench.exposure_time

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        self._table.bench.exposure_time = requested

    @property
    def exposure_limits(self) -> tuple[float, float, float]:
        """Return the shortest and the longest exposure time and the step between them, in seconds."""
        shutter = self._table.bench.camera.shutter
        return shutter.exposure_minimum, shutter.exposure_maximum, shutter.exposure_step

    def snap(self) -> Counts:
        """Take a frame.

        Returns
        -------
        ndarray of uint8 or uint16, shape (y, x)
            Counts in DN.

        Raises
        ------
        FrameLostError
            If the frame is lost or late.
        DeviceError
            If the camera fails or is released.
        """
        counts, _, _ = self._frames(self._table.sequence[:1])
        if not len(counts):
            raise FrameLostError(f"no frame came within the time-out for trigger {self.triggers - 1}")
        frame: Counts = counts[0]
        return frame

    def close(self) -> None:
        """Release the device; closing twice does no harm."""
        self.closed = True

    def _frames(self, states: NDArray[np.bool_]) -> tuple[Counts, NDArray[np.int64], NDArray[np.float64]]:
        """Return counts, places and times of the frames of states, as far as they arrive."""
        check_open("camera", self.closed)
        first, faults = self.triggers, self._faults
        numbers = first + np.arange(len(states))
        self.triggers += len(states)
        if np.isin(numbers, faults.broken).any():
            raise DeviceError(f"the camera failed between trigger {first} and {self.triggers - 1}")
        if np.isin(numbers, faults.misshapen).any():
            rows, columns = self.shape
            damaged: Counts = np.zeros((len(states), rows, columns - 1), self._table.bench.camera.word)
            return damaged, np.arange(len(states)), np.zeros(len(states))
        late = numbers[np.isin(numbers, faults.timed_out)]
        good = ~np.isin(numbers, faults.lost) & (numbers < late.min(initial=self.triggers))
        exposure = self._table.expose(states[good])
        places = np.flatnonzero(good)[exposure.valid]
        counts = self._table.bench.description.camera.digital_numbers(exposure.counts[exposure.valid])
        times = exposure.timestamps[exposure.valid] - exposure.timestamps.min(initial=np.inf)
        return counts, places, times


class SimulatedBurstCamera(SimulatedCamera):
    """A camera that also takes frames at triggers (`optics.devices.protocols.BurstCamera`).

    Parameters
    ----------
    table : OpticalTable
        Where it stands.
    faults : Faults
        What goes wrong.

    Attributes
    ----------
    armed : int
        Triggers that it waits for.
    """

    def __init__(self, table: OpticalTable, faults: Faults) -> None:
        super().__init__(table, faults)
        self.armed = 0

    def arm(self, count: int) -> None:
        """Get ready to take a frame at each of the next triggers.

        Parameters
        ----------
        count : int
            Number of triggers.

        Raises
        ------
        DeviceError
            If the camera is armed already, or released.
        """
        check_open("camera", self.closed)
        if self.armed:
            raise DeviceError(f"the camera is armed for {self.armed} triggers already: fetch their frames first")
        self.armed = count

    def fetch(self) -> Burst:
        """Return the frames of the series and disarm.

        Returns
        -------
        Burst
            Those that arrived. Triggers that come faster than the bench can expose bring every second frame.

        Raises
        ------
        DeviceError
            If the camera is not armed, fails or is released.
        """
        if not self.armed:
            raise DeviceError("the camera is not armed: arm it before the triggers come")
        states, self.armed = self._table.sequence[: self.armed], 0
        needed = self._table.bench.description.period(self.exposure_time)
        step = 2 if self._table.period < needed * (1 - BUSY) else 1
        counts, places, times = self._frames(states[::step])
        return Burst(counts=counts, triggers=step * places, timestamps=times)
