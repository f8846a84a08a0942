"""What a bench needs of its devices: two small protocols, and optional ones for what only some devices can do.

SI units, shapes as (rows, columns), boolean masks, counts in DN with the significant bits at the right: whatever a
device does differently its adapter absorbs. Nothing here imports a driver.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from optics.camera import Counts


@runtime_checkable
class Modulator(Protocol):
    """A binary modulator of light: a DMD."""

    @property
    def shape(self) -> tuple[int, int]:
        """Return the mirrors along (y, x)."""

    @property
    def capacity(self) -> int:
        """Return the number of masks that fit the device's memory."""

    def load(self, masks: NDArray[np.bool_]) -> None:
        """Put masks in the place of those that are loaded.

        Parameters
        ----------
        masks : ndarray of bool, shape (mask, y, x)
            Mirror states, at most `capacity` of them.
        """

    def show(self, index: int) -> None:
        """Show a mask that is loaded; return once the mirrors have landed.

        Parameters
        ----------
        index : int
            Its number, from zero.
        """

    def close(self) -> None:
        """Release the device; closing twice does no harm."""


@runtime_checkable
class FrameCamera(Protocol):
    """A camera that takes one frame when it is asked to."""

    @property
    def shape(self) -> tuple[int, int]:
        """Return the pixels of a frame along (y, x)."""

    @property
    def bit_depth(self) -> int:
        """Return the significant bits of a count."""

    @property
    def exposure_time(self) -> float:
        """Return the exposure time that the device granted, in seconds."""

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        """Ask for an exposure time, in seconds; reading it back tells what was granted."""

    @property
    def exposure_limits(self) -> tuple[float, float, float]:
        """Return the shortest and the longest exposure time and the step between them, in seconds."""

    def snap(self) -> Counts:
        """Take a frame and return its counts in DN, shape (y, x).

        Raises
        ------
        FrameLostError
            If it did not arrive whole and in time; it may be asked for again.
        """

    def close(self) -> None:
        """Release the device; closing twice does no harm."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Burst:
    """Frames that a camera took by itself, each at a trigger.

    Parameters
    ----------
    counts : ndarray of uint8 or uint16, shape (frame, y, x)
        Counts in DN of the frames that arrived whole.
    triggers : ndarray of int, shape (frame,)
        Number of the trigger that each belongs to, from zero, ascending; numbers of lost frames are missing.
    timestamps : ndarray of float, shape (frame,)
        Start of each exposure after the first trigger, in seconds.
    """

    counts: Counts
    triggers: NDArray[np.int64]
    timestamps: NDArray[np.float64]


@runtime_checkable
class BurstCamera(FrameCamera, Protocol):
    """A camera that takes a series of frames at triggers from outside, the only way to kilohertz."""

    def arm(self, count: int) -> None:
        """Get ready to take a frame at each of the next triggers.

        Parameters
        ----------
        count : int
            Number of triggers.
        """

    def fetch(self) -> Burst:
        """Return the frames of the series once it is over or nothing comes any more, and disarm."""


@runtime_checkable
class PatternSequencer(Modulator, Protocol):
    """A modulator that shows the masks that are loaded one after the other, with a trigger for each."""

    def run(self, count: int, *, period: float) -> None:
        """Show the first masks one after the other; return at once.

        Parameters
        ----------
        count : int
            Number of masks.
        period : float
            Time from one mask to the next, in seconds.
        """

    def wait(self) -> None:
        """Return when the sequence is over."""


@runtime_checkable
class RegionCamera(FrameCamera, Protocol):
    """A camera that can read a part of its sensor."""

    @property
    def sensor_shape(self) -> tuple[int, int]:
        """Return the pixels of the whole sensor along (y, x)."""

    def set_region(self, *, rows: int, columns: int, top: int = 0, left: int = 0) -> None:
        """Read a region; one that the device does not grant exactly is refused.

        Parameters
        ----------
        rows, columns : int
            Its pixels.
        top, left : int, optional
            Its first row and column on the sensor.
        """


@runtime_checkable
class GainCamera(FrameCamera, Protocol):
    """A camera whose analogue gain can be set."""

    @property
    def gain_db(self) -> float:
        """Return the gain that the device granted, in decibels."""

    @gain_db.setter
    def gain_db(self, requested: float) -> None:
        """Ask for a gain, in decibels; reading it back tells what was granted."""


@runtime_checkable
class LightSwitch(Protocol):
    """What lets light through or blocks it: a shutter, or the laser's own switch."""

    def set_light(self, on: bool) -> None:
        """Let light through, or block it; return once it is so."""

    def close(self) -> None:
        """Release the device; closing twice does no harm."""


@runtime_checkable
class PhaseShifter(Protocol):
    """What sets the phase of the reference arm, or blocks it."""

    def set_reference(self, phase: float | None) -> None:
        """Set the phase, in radians, or block the arm with None; return once it is so."""

    def close(self) -> None:
        """Release the device; closing twice does no harm."""
