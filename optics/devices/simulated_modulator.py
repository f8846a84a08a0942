"""Mirrors that are simulated: masks go in, macropixel states come to the bench."""

import numpy as np
from numpy.typing import NDArray

from optics.devices.simulated_table import OpticalTable, check_open
from optics.mirrors.frames import FrameRenderer
from optics.validation import check_count


class SimulatedModulator:
    """A modulator that shows one mask at a time (`optics.devices.protocols.Modulator`).

    Parameters
    ----------
    table : OpticalTable
        Where it stands.
    capacity : int
        Masks that fit.

    Attributes
    ----------
    loads : int
        How often masks were loaded.
    closed : bool
        Whether it is released.
    """

    def __init__(self, table: OpticalTable, capacity: int) -> None:
        self._table, self._capacity, self.loads, self.closed = table, capacity, 0, False
        description = table.bench.description
        self._renderer = FrameRenderer(description.layout, description.dmd)
        self._states = np.zeros((0, description.layout.inputs), np.bool_)

    @property
    def shape(self) -> tuple[int, int]:
        """Return the mirrors along (y, x)."""
        return self._renderer.shape

    @property
    def capacity(self) -> int:
        """Return the number of masks that fit."""
        return self._capacity

    def load(self, masks: NDArray[np.bool_]) -> None:
        """Put masks in the place of those that are loaded.

        Parameters
        ----------
        masks : ndarray of bool, shape (mask, y, x)
            Mirror states.

        Raises
        ------
        ValueError
            If they do not fit the memory, or are none of this layout.
        DeviceError
            If the device is released.
        """
        check_open("modulator", self.closed)
        if len(masks) > self._capacity:
            raise ValueError(f"{len(masks)} masks do not fit the modulator, which holds {self._capacity}: load fewer")
        self._states = self._renderer.read_back(masks)
        self.loads += 1

    def show(self, index: int) -> None:
        """Show a mask that is loaded.

        Parameters
        ----------
        index : int
            Its number, from zero.

        Raises
        ------
        ValueError
            If it is not loaded.
        DeviceError
            If the device is released.
        """
        check_open("modulator", self.closed)
        check_count("index of a mask that is loaded", index, at_least=0, at_most=len(self._states) - 1)
        self._table.sequence = self._states[index : index + 1]

    def close(self) -> None:
        """Release the device; closing twice does no harm."""
        self.closed = True


class SimulatedSequencer(SimulatedModulator):
    """A modulator that also shows masks one after the other (`optics.devices.protocols.PatternSequencer`).

    Parameters
    ----------
    table : OpticalTable
        Where it stands.
    capacity : int
        Masks that fit.
    """

    def run(self, count: int, *, period: float) -> None:
        """Show the first masks one after the other.

        Parameters
        ----------
        count : int
            Number of masks.
        period : float
            Time from one mask to the next, in seconds.

        Raises
        ------
        ValueError
            If so many are not loaded.
        DeviceError
            If the device is released.
        """
        check_open("modulator", self.closed)
        check_count("number of masks to show", count, at_most=len(self._states))
        self._table.sequence, self._table.period = self._states[:count], period

    def wait(self) -> None:
        """Return at once: the sequence runs when its frames are fetched."""
