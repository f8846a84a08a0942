"""Frames for characterisation, taken with simulated sensors under even light."""

import numpy as np

from calibration.light_series import FrameStacks, LightSeries
from optics import Camera
from optics.sensor import Sensor


def camera(
    *, rows: int = 256, columns: int = 320, bits: int = 12, dark_noise: float = 0.6, black_level: float = 20.3,
    full_well: float = 10_000.0, quantum_efficiency: float = 0.6, **more: float | str,
) -> Camera:  # fmt: skip
    """A camera whose converter ends a little above its full well; ``dark_noise`` is in DN."""
    gain = (2**bits - 1 - black_level) / (1.1 * full_well)
    return Camera(
        rows=rows, columns=columns, pixel_pitch=5e-6, quantum_efficiency=quantum_efficiency, full_well=full_well,
        gain=gain, read_noise=dark_noise / gain, bits=bits, black_level=black_level, **more,
    )  # fmt: skip


def light_series(
    sensor: Sensor, *, levels: int = 50, first: int = 0, photons: bool = True, exposure: float = 10e-3
) -> LightSeries:
    """Pairs from dark to 10 % beyond saturation: the light is constant, the exposure time grows."""
    device = sensor.camera
    times = np.linspace(0.02, 1.0, levels) * exposure
    rate = 1.1 * device.saturation_charge / (device.quantum_efficiency * exposure)
    pairs = {"bright": rate, "dark": 0.0}
    frames = {
        name: np.stack(
            [
                sensor.expose(np.full((2, *device.shape), light, np.float32), exposure_time=time, first=first + index)
                for index, time in zip(range(offset, offset + 2 * levels, 2), times, strict=True)
            ]
        )
        for offset, (name, light) in zip((0, 2 * levels), pairs.items(), strict=True)
    }
    return LightSeries(
        **frames, bits=device.bits, alignment=device.alignment, photons=rate * times if photons else None,
        exposure_times=times,
    )  # fmt: skip


def frame_stacks(sensor: Sensor, *, frames: int = 40, first: int = 100_000, exposure: float = 5e-3) -> FrameStacks:
    """Stacks at half saturation and in the dark."""
    device = sensor.camera
    rate = 0.5 * device.saturation_charge / (device.quantum_efficiency * exposure)
    stacks = [
        sensor.expose(np.full((frames, *device.shape), light, np.float32), exposure_time=exposure, first=start)
        for light, start in ((rate, first), (0.0, first + frames))
    ]
    return FrameStacks(bright=stacks[0], dark=stacks[1], bits=device.bits, alignment=device.alignment)
