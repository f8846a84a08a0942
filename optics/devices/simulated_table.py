"""The light's way between devices that are simulated, and the small ones in it: a shutter and a phase shifter."""

import numpy as np
from numpy.typing import NDArray

from optics.bench import Exposure
from optics.devices.errors import DeviceError
from optics.simulated_bench import SimulatedBench


class OpticalTable:
    """What the simulated devices share: the light's way from one to the other.

    Parameters
    ----------
    bench : SimulatedBench
        The bench.

    Attributes
    ----------
    sequence : ndarray of bool, shape (frame, input)
        States that the modulator shows next, one at each trigger.
    period : float
        Time between the triggers of a sequence, in seconds.
    light : bool
        Whether the laser is let through.
    phase : float or None
        Of the reference, in radians; None where it is blocked.
    """

    def __init__(self, bench: SimulatedBench) -> None:
        self.bench = bench
        self.sequence = np.zeros((1, bench.layout.inputs), np.bool_)
        self.period = np.inf
        self.light = True
        self.phase: float | None = None

    def expose(self, states: NDArray[np.bool_]) -> Exposure:
        """Return frames of states, in the light that there is.

        Parameters
        ----------
        states : ndarray of bool, shape (frame, input)
            Macropixel states.

        Returns
        -------
        Exposure
            As the bench delivers it.
        """
        reference = None if self.phase is None else np.full(len(states), self.phase)
        return self.bench.expose(states, reference=reference, light=self.light)


class SimulatedLightSwitch:
    """A shutter in front of the laser (`optics.devices.protocols.LightSwitch`).

    Parameters
    ----------
    table : OpticalTable
        Where it stands.
    """

    def __init__(self, table: OpticalTable) -> None:
        self._table, self.closed = table, False

    def set_light(self, on: bool) -> None:
        """Let light through, or block it.

        Parameters
        ----------
        on : bool
            Whether light goes through.
        """
        check_open("light switch", self.closed)
        self._table.light = on

    def close(self) -> None:
        """Release the device; closing twice does no harm."""
        self.closed = True


class SimulatedPhaseShifter:
    """What sets the phase of the reference arm (`optics.devices.protocols.PhaseShifter`).

    Parameters
    ----------
    table : OpticalTable
        Where it stands.
    """

    def __init__(self, table: OpticalTable) -> None:
        self._table, self.closed = table, False

    def set_reference(self, phase: float | None) -> None:
        """Set the phase, or block the arm.

        Parameters
        ----------
        phase : float or None
            In radians; None blocks.
        """
        check_open("phase shifter", self.closed)
        self._table.phase = phase

    def close(self) -> None:
        """Release the device; closing twice does no harm."""
        self.closed = True


def check_open(name: str, closed: bool) -> None:
    """Refuse work with a device that is released.

    Parameters
    ----------
    name : str
        The device, in messages.
    closed : bool
        Whether it is released.

    Raises
    ------
    DeviceError
        If it is.
    """
    if closed:
        raise DeviceError(f"the simulated {name} is closed: build the devices anew")
