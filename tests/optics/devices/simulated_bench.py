"""Benches of simulated devices, as the tests of this folder want them."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from optics import BenchDescription, SimulatedBench
from optics.bench import Exposure
from optics.devices.device_bench import DeviceBench
from optics.devices.simulated import SimulatedDevices
from optics.devices.simulated_camera import Faults
from optics.reference import Reference

WAYS = pytest.mark.parametrize("bursts", [False, True], ids=["step by step", "in bursts"])


def devices_of(description: BenchDescription, *, seed: int = 3, **options: Any) -> SimulatedDevices:
    """Simulated devices; the memory of the modulator holds 7 masks, so that most series are taken in parts."""
    faults = Faults(**{key: options.pop(key) for key in list(options) if key in Faults.__dataclass_fields__})
    return SimulatedDevices(
        SimulatedBench(description, seed=seed), capacity=options.pop("capacity", 7), faults=faults, **options
    )


def bench_of(devices: SimulatedDevices, **options: Any) -> DeviceBench:
    """The bench that the devices make; its figures are those of the camera."""
    description = devices.bench.description
    parts = {
        "layout": description.layout, "dmd": description.dmd, "figures": description.camera, "clock": devices.clock,
        "light_switch": devices.light_switch, "phase_shifter": devices.phase_shifter,
    }  # fmt: skip
    modulator, camera = options.pop("modulator", devices.modulator), options.pop("camera", devices.camera)
    return DeviceBench(modulator, camera, **{**parts, **options})


def with_reference(description: BenchDescription) -> BenchDescription:
    """The bench with a reference arm."""
    return dataclasses.replace(description, reference=Reference(rate=2.4e6))


def same_frames(first: Exposure, second: Exposure) -> None:
    """Assert the same words, numbers and exposure time, and times that differ by rounding at most."""
    np.testing.assert_array_equal(first.counts, second.counts)
    np.testing.assert_array_equal(first.frame_ids, second.frame_ids)
    np.testing.assert_array_equal(first.valid, second.valid)
    np.testing.assert_allclose(first.timestamps, second.timestamps, rtol=1e-13, atol=0)
    assert first.exposure_time == second.exposure_time
    assert first.counts.dtype == second.counts.dtype


def patterns_of(count: int, seed: int = 1) -> np.ndarray:
    """Patterns, all different."""
    return np.random.default_rng(seed).random((count, 63)) < 0.5


def released(devices: SimulatedDevices) -> bool:
    """Whether all devices are closed."""
    shifter = devices.phase_shifter
    others = [devices.modulator.closed, devices.camera.closed, devices.light_switch.closed]
    return all(others) and (shifter is None or shifter.closed)
