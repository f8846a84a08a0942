"""Real devices: modulators and cameras behind two small protocols, and the bench that they make.

Adapters of real devices are looked up by name when they are asked for (`optics.devices.open_devices`); their
drivers are optional extras: `optics.devices.basler.BaslerCamera`, `optics.devices.vialux.VialuxModulator`,
`optics.devices.micro_manager.MicroManagerCamera`.
"""

from optics.devices.device_bench import DeviceBench
from optics.devices.devices_file import known_wavelength, open_devices, shipped_devices
from optics.devices.emulated import EmulatedDevices, emulated_bench
from optics.devices.errors import DeviceAbsentError, DeviceError, DriverMissingError, FrameLostError
from optics.devices.figures import starting_figures
from optics.devices.light_switches import ManualLightSwitch
from optics.devices.protocols import (
    Burst,
    BurstCamera,
    FrameCamera,
    GainCamera,
    LightSwitch,
    Modulator,
    PatternSequencer,
    PhaseShifter,
    RegionCamera,
)
from optics.devices.simulated import SimulatedDevices
from optics.devices.simulated_camera import Faults

__all__ = [
    "Burst",
    "BurstCamera",
    "DeviceAbsentError",
    "DeviceBench",
    "DeviceError",
    "DriverMissingError",
    "EmulatedDevices",
    "Faults",
    "FrameCamera",
    "FrameLostError",
    "GainCamera",
    "LightSwitch",
    "ManualLightSwitch",
    "Modulator",
    "PatternSequencer",
    "PhaseShifter",
    "RegionCamera",
    "SimulatedDevices",
    "emulated_bench",
    "known_wavelength",
    "open_devices",
    "shipped_devices",
    "starting_figures",
]
