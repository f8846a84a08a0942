"""A simulated bench that is driven like real devices: masks in, frames out, with faults where they are wanted."""

from optics.bench import BenchDescription
from optics.devices.simulated_camera import NO_FAULTS, Faults, SimulatedBurstCamera, SimulatedCamera
from optics.devices.simulated_modulator import SimulatedModulator, SimulatedSequencer
from optics.devices.simulated_table import OpticalTable, SimulatedLightSwitch, SimulatedPhaseShifter
from optics.simulated_bench import SimulatedBench
from optics.stateful import number_of
from optics.validation import check_count


def simulated_devices(
    description: BenchDescription, *, seed: int, capacity: int = 512, bursts: bool = True, faults: Faults = NO_FAULTS
) -> "SimulatedDevices":
    """Return devices that stand in for those of a described bench.

    Parameters
    ----------
    description : BenchDescription
        What the bench is made of.
    seed : int
        Seed of everything random.
    capacity : int, optional
        Masks that fit the modulator.
    bursts : bool, optional
        Whether modulator and camera can do bursts.
    faults : Faults, optional
        What goes wrong.

    Returns
    -------
    SimulatedDevices
        The devices.
    """
    bench = SimulatedBench(description, seed=seed)
    return SimulatedDevices(bench, capacity=capacity, bursts=bursts, faults=faults)


class SimulatedDevices:
    """Devices that stand in for real ones: a simulated bench taken apart.

    Parameters
    ----------
    bench : SimulatedBench
        The bench; its exposures, its clock and its exposure time move with the devices.
    capacity : int, optional
        Masks that fit the modulator.
    bursts : bool, optional
        Whether modulator and camera can do bursts.
    faults : Faults, optional
        What goes wrong.

    Attributes
    ----------
    modulator : SimulatedModulator
        The mirrors; masks become states by `optics.FrameRenderer.read_back`.
    camera : SimulatedCamera
        The camera; counts in DN with the significant bits at the right.
    light_switch : SimulatedLightSwitch
        Blocks the laser.
    phase_shifter : SimulatedPhaseShifter or None
        Sets the reference; None where the bench has no reference arm.
    """

    def __init__(
        self, bench: SimulatedBench, *, capacity: int = 512, bursts: bool = True, faults: Faults = NO_FAULTS
    ) -> None:
        check_count("capacity", capacity)
        self.bench, self.faults = bench, faults
        table = OpticalTable(bench)
        self.modulator = SimulatedSequencer(table, capacity) if bursts else SimulatedModulator(table, capacity)
        self.camera = SimulatedBurstCamera(table, faults) if bursts else SimulatedCamera(table, faults)
        self.light_switch = SimulatedLightSwitch(table)
        self.phase_shifter = SimulatedPhaseShifter(table) if bench.description.reference is not None else None

    def clock(self) -> float:
        """Return the bench's time, in seconds: the clock for a `optics.devices.device_bench.DeviceBench`.

        Returns
        -------
        float
            Start of the next exposure.
        """
        return number_of(self.bench.state(), "clock")
