"""A bench whose camera is the maker's driver: pylon's camera emulation plays frames that the simulation makes."""

import math
from dataclasses import replace

from optics.bench import BenchDescription
from optics.camera import Camera
from optics.devices.device_bench import DeviceBench
from optics.devices.emulated_camera import EXPOSURE_STEP, EmulatedCamera
from optics.devices.pixel_formats import FORMAT_BITS
from optics.devices.simulated_modulator import SimulatedSequencer
from optics.devices.simulated_table import OpticalTable, SimulatedLightSwitch, SimulatedPhaseShifter
from optics.shutter import Shutter
from optics.simulated_bench import SimulatedBench
from optics.stateful import number_of
from optics.validation import check_choice, check_count

FORMATS = ("Mono8", "Mono10", "Mono12", "Mono16")
"""Pixel formats of the emulation that hold counts."""

LONGEST_EXPOSURE = 10.0
"""Longest exposure time of the emulation, in seconds."""


def emulated_bench(
    description: BenchDescription, *, seed: int, pixel_format: str | None = None, step_by_step: bool = False
) -> DeviceBench:
    """Return a bench of devices whose frames pass through Basler's driver, as those of a camera on the table would.

    Parameters
    ----------
    description : BenchDescription
        What the bench is made of.
    seed : int
        Seed of the medium, of the sensor's fixed pattern and of all noise.
    pixel_format : {"Mono8", "Mono10", "Mono12", "Mono16"} or None, optional
        Format of the camera; None takes the smallest that holds the described counts. A format of other bits is the
        same sensor behind another converter, see `emulated_description`.
    step_by_step : bool, optional
        Whether patterns are shown one by one, not in bursts.

    Returns
    -------
    DeviceBench
        Its counts are those of ``SimulatedBench(emulated_description(description), seed=seed)`` after the same calls,
        bit for bit. Close it, or use it in a ``with`` block.

    Raises
    ------
    DriverMissingError
        If pypylon is not installed.
    """
    devices = EmulatedDevices(description, seed=seed, pixel_format=pixel_format)
    bench = devices.bench
    return DeviceBench(
        devices.modulator, devices.camera, layout=bench.layout, dmd=bench.description.dmd, figures=bench.camera,
        light_switch=devices.light_switch, phase_shifter=devices.phase_shifter, step_by_step=step_by_step,
        clock=devices.clock,
    )  # fmt: skip


def emulated_description(description: BenchDescription, *, pixel_format: str | None = None) -> BenchDescription:
    """Return the description of the bench that the emulated camera makes of another.

    Parameters
    ----------
    description : BenchDescription
        What the bench is made of.
    pixel_format : {"Mono8", "Mono10", "Mono12", "Mono16"} or None, optional
        Format of the camera; None keeps the described bits. Where a format has d bits more, gain, black level and
        integral non-linearity are 2^d times as large: the converter has finer steps over the same charge.

    Returns
    -------
    BenchDescription
        Counts are at the right of their words, exposure times whole microseconds up to ten seconds.

    Raises
    ------
    ValueError
        If the format is not known, or the exposure time cannot be granted.
    """
    camera = description.camera
    if pixel_format is not None:
        check_choice("pixel_format", pixel_format, FORMATS)
        camera = _with_bits(camera, FORMAT_BITS[pixel_format])
    return replace(description, camera=replace(camera, alignment="right", shutter=_emulated_shutter(camera.shutter)))


class EmulatedDevices:
    """Devices of a simulated bench, the camera among them driven by pylon.

    Parameters
    ----------
    description : BenchDescription
        What the bench is made of.
    seed : int
        Seed of everything random.
    pixel_format : {"Mono8", "Mono10", "Mono12", "Mono16"} or None, optional
        Format of the camera.
    capacity : int, optional
        Masks that fit the modulator. A series is as long, and one of which the emulation passes over a file is played
        again, see `optics.devices.emulated_camera.REPLAYS`.
    time_out : float, optional
        Of the camera, in seconds.

    Attributes
    ----------
    bench : SimulatedBench
        What makes the frames; what it alone knows is its ``truth``.
    modulator : SimulatedSequencer
        The mirrors.
    camera : EmulatedCamera
        The camera.
    light_switch : SimulatedLightSwitch
        Blocks the laser.
    phase_shifter : SimulatedPhaseShifter or None
        Sets the reference; None where the bench has no reference arm.
    """

    def __init__(
        self, description: BenchDescription, *, seed: int, pixel_format: str | None = None, capacity: int = 128,
        time_out: float = 1.0,
    ) -> None:  # fmt: skip
        check_count("capacity", capacity)
        self.bench = SimulatedBench(emulated_description(description, pixel_format=pixel_format), seed=seed)
        bits = self.bench.camera.bits
        chosen = pixel_format or next(name for name in FORMATS if FORMAT_BITS[name] >= bits)
        table = OpticalTable(self.bench)
        self.modulator = SimulatedSequencer(table, capacity)
        self.light_switch = SimulatedLightSwitch(table)
        self.phase_shifter = SimulatedPhaseShifter(table) if self.bench.description.reference is not None else None
        self.camera = EmulatedCamera(table, pixel_format=chosen, time_out=time_out)

    def clock(self) -> float:
        """Return the bench's time, in seconds.

        Returns
        -------
        float
            Start of the next exposure.
        """
        return number_of(self.bench.state(), "clock")


def _with_bits(camera: Camera, bits: int) -> Camera:
    """Return the same sensor behind a converter of other bits."""
    finer = 2.0 ** (bits - camera.bits)
    return replace(
        camera, bits=bits, gain=finer * camera.gain, black_level=finer * camera.black_level,
        integral_nonlinearity=finer * camera.integral_nonlinearity,
    )  # fmt: skip


def _emulated_shutter(shutter: Shutter) -> Shutter:
    """Return the exposure times of a shutter that the emulation can grant: whole steps."""
    step = EXPOSURE_STEP * max(1, round(shutter.exposure_step / EXPOSURE_STEP))
    shortest = step * max(1, math.ceil(round(shutter.exposure_minimum / step, 6)))
    longest = step * math.floor(round(min(shutter.exposure_maximum, LONGEST_EXPOSURE) / step, 6))
    return replace(shutter, exposure_minimum=shortest, exposure_maximum=longest, exposure_step=step)
