"""A simulated bench that is driven as devices gives the bits of the bench itself, and so does what is built on it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from calibration import AnchorProjector
from optics import BenchDescription, MacropixelLayout, SimulatedBench
from optics.devices.errors import DeviceError, FrameLostError
from optics.devices.protocols import (
    BurstCamera,
    FrameCamera,
    LightSwitch,
    Modulator,
    PatternSequencer,
    PhaseShifter,
)
from optics.instabilities.losses import Losses
from optics.mirrors.frames import FrameRenderer
from tests.calibration.campaign_bench import campaign, holographic, new_folder
from tests.calibration.conftest import ternary
from tests.optics.devices.simulated_bench import WAYS, bench_of, devices_of, same_frames, with_reference

__all__ = ["holographic"]  # a fixture of several files


@WAYS
def test_devices_are_what_the_protocols_ask_for(description: BenchDescription, bursts: bool) -> None:
    devices = devices_of(with_reference(description), bursts=bursts)
    assert isinstance(devices.modulator, Modulator)
    assert isinstance(devices.camera, FrameCamera)
    assert isinstance(devices.modulator, PatternSequencer) == bursts
    assert isinstance(devices.camera, BurstCamera) == bursts
    assert isinstance(devices.light_switch, LightSwitch)
    assert isinstance(devices.phase_shifter, PhaseShifter)
    assert devices_of(description).phase_shifter is None


@WAYS
def test_frames_are_those_of_the_simulated_bench_bit_for_bit(
    description: BenchDescription, bursts: bool, rng: np.random.Generator
) -> None:
    description = with_reference(description)
    simulated = SimulatedBench(description, seed=3)
    with bench_of(devices_of(description, bursts=bursts)) as bench:
        assert bench.bursts == bursts
        assert bench.camera == simulated.camera
        for count, options in (
            (23, {}), (0, {}), (1, {"light": False}), (9, {"light": False}), (8, {"reference": 0.3 * np.arange(8)}),
            (7, {}), (3, {"reference": np.full(3, 0.3), "light": False}), (15, {}),
        ):  # fmt: skip
            patterns = rng.random((count, 63)) < 0.5
            same_frames(bench.expose(patterns, **options), simulated.expose(patterns, **options))
        for one in (bench, simulated):
            one.exposure_time = 0.50049e-3
        same_frames(bench.expose(patterns), simulated.expose(patterns))


def test_bursts_can_be_left_alone(description: BenchDescription, rng: np.random.Generator) -> None:
    devices = devices_of(description)
    bench = bench_of(devices, step_by_step=True)
    patterns = rng.random((12, 63)) < 0.5
    assert not bench.bursts
    same_frames(bench.expose(patterns), SimulatedBench(description, seed=3).expose(patterns))


def test_left_aligned_words_leave_the_camera_in_counts(description: BenchDescription, rng: np.random.Generator) -> None:
    camera = dataclasses.replace(description.camera, bits=12, gain=0.4, alignment="left")
    description = dataclasses.replace(description, camera=camera)
    patterns = rng.random((5, 63)) < 0.5
    simulated = SimulatedBench(description, seed=3)
    bench = bench_of(devices_of(description))
    expected = simulated.camera.digital_numbers(simulated.expose(patterns).counts)
    counts = bench.expose(patterns).counts
    assert bench.camera.alignment == "right"
    np.testing.assert_array_equal(bench.camera.digital_numbers(counts), expected)
    assert counts.max() <= 4095


@WAYS
def test_projections_are_those_of_the_simulated_bench(
    description: BenchDescription, bursts: bool, rng: np.random.Generator
) -> None:
    vectors = ternary(rng, 6, 10, non_zeros=4)
    simulated = AnchorProjector(SimulatedBench(description, seed=3), components=10, outputs=400)
    real = AnchorProjector(bench_of(devices_of(description, bursts=bursts)), components=10, outputs=400)
    expected, found = simulated.project(vectors), real.project(vectors)
    np.testing.assert_array_equal(found.value, expected.value)
    np.testing.assert_array_equal(found.standard_error, expected.standard_error)
    assert real.frames_exposed == simulated.frames_exposed


@pytest.mark.parametrize(
    ("method", "bursts"), [("phase_stepping", False), ("phase_stepping", True), ("interferometry", True)]
)
def test_a_campaign_gives_the_matrix_of_the_simulated_bench(
    holographic: BenchDescription, method: str, bursts: bool, tmp_path: Path
) -> None:
    layout = MacropixelLayout(block_rows=5, block_columns=4, grid_rows=4, grid_columns=5)
    camera = dataclasses.replace(holographic.camera, rows=12, columns=14)
    small = dataclasses.replace(holographic, layout=layout, camera=camera)
    real = bench_of(devices_of(small, bursts=bursts, seed=2))
    results, matrix = campaign(SimulatedBench(small, seed=2), new_folder(tmp_path / "simulated"), method=method)
    again, found = campaign(real, new_folder(tmp_path / "real"), method=method)
    np.testing.assert_array_equal(found.read(), matrix.read())
    np.testing.assert_array_equal(found.standard_error(), matrix.standard_error())
    np.testing.assert_array_equal(again.valid, results.valid)


def test_masks_that_are_turned_are_refused(description: BenchDescription) -> None:
    devices = devices_of(description)
    renderer = FrameRenderer(description.layout, description.dmd)
    states = np.arange(63)[np.newaxis] == 5
    with pytest.raises(ValueError, match="turned or flipped"):
        devices.modulator.load(np.roll(renderer.render(states), 1, axis=1))
    with pytest.raises(ValueError, match="9 masks do not fit the modulator, which holds 7"):
        devices.modulator.load(renderer.render(np.repeat(states, 9, axis=0)))
    devices.modulator.load(renderer.render(np.repeat(states, 2, axis=0)))
    with pytest.raises(ValueError, match="index of a mask that is loaded = 2"):
        devices.modulator.show(2)


def test_triggers_that_come_too_fast_bring_every_second_frame(description: BenchDescription) -> None:
    devices = devices_of(description)
    devices.modulator.load(FrameRenderer(description.layout, description.dmd).render(np.eye(63, dtype=bool)[:6]))
    devices.camera.arm(6)
    devices.modulator.run(6, period=description.frame_period / 2)
    assert devices.camera.fetch().triggers.tolist() == [0, 2, 4]


def test_what_is_closed_or_not_armed_says_so(description: BenchDescription) -> None:
    devices = devices_of(with_reference(description))
    with pytest.raises(DeviceError, match="not armed"):
        devices.camera.fetch()
    devices.camera.arm(3)
    with pytest.raises(DeviceError, match="armed for 3 triggers already"):
        devices.camera.arm(3)
    for device in (devices.camera, devices.modulator, devices.light_switch, devices.phase_shifter):
        device.close()
        device.close()
    for act in (
        devices.camera.snap, lambda: devices.modulator.show(0), lambda: devices.light_switch.set_light(False),
        lambda: devices.phase_shifter.set_reference(0.0),
    ):  # fmt: skip
        with pytest.raises(DeviceError, match="closed"):
            act()


def test_a_frame_that_the_bench_loses_is_lost(description: BenchDescription) -> None:
    devices = devices_of(dataclasses.replace(description, losses=Losses(dropped_frames=1.0)))
    with pytest.raises(FrameLostError, match="trigger 0"):
        devices.camera.snap()
