"""Cameras whose frames are characterised."""

from dataclasses import replace
from typing import Any

from calibration.cameras.even_light import expose_light_series as light_series
from calibration.cameras.even_light import expose_stacks as frame_stacks
from optics import Camera

__all__ = ["camera", "changed", "frame_stacks", "light_series"]


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


def changed(device: Camera, **figures: Any) -> Camera:
    """A camera with other figures; exposure times are those of its shutter."""
    times = {name: figures.pop(name) for name in list(figures) if name.startswith("exposure_")}
    return replace(device, shutter=replace(device.shutter, **times), **figures)
