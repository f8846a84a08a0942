"""Frames of the simulation through Basler's driver: the same bits, never a stale one, nothing left behind."""

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.io import imread

from optics import MacropixelLayout, SimulatedBench, load_bench
from optics.bench import BenchDescription, Exposure
from optics.devices.device_bench import DeviceBench
from optics.devices.emulated import EmulatedDevices, emulated_bench, emulated_description
from optics.devices.emulator_files import tiff_bytes
from optics.devices.errors import DeviceError, FrameLostError
from optics.devices.protocols import BurstCamera, FrameCamera
from optics.instabilities.losses import Losses
from optics.shutter import Shutter

pytestmark = pytest.mark.skipif(importlib.util.find_spec("pypylon") is None, reason="pypylon is not installed")

INPUTS = 30


def small(*, bits: int = 8) -> BenchDescription:
    """Return a small OPU-class bench, its converter of other bits over the same charge."""
    opu = load_bench("opu")
    finer = 2.0 ** (bits - 8)
    camera = replace(opu.camera, rows=18, columns=26, bits=bits, gain=finer * 0.0253, black_level=finer * 2)
    layout = MacropixelLayout(block_rows=9, block_columns=7, grid_rows=5, grid_columns=6)
    return replace(opu, camera=camera, layout=layout, dmd=replace(opu.dmd, rows=48, columns=44))


def bench_of(devices: EmulatedDevices, *, step_by_step: bool, **options: Any) -> DeviceBench:
    bench = devices.bench
    return DeviceBench(
        devices.modulator, devices.camera, layout=bench.layout, dmd=bench.description.dmd, figures=bench.camera,
        light_switch=devices.light_switch, step_by_step=step_by_step, clock=devices.clock, **options,
    )  # fmt: skip


@pytest.fixture(params=[True, False], ids=["step by step", "series"])
def driven(request: pytest.FixtureRequest) -> Iterator[tuple[EmulatedDevices, DeviceBench, SimulatedBench]]:
    """Return devices, the bench that they make, and the simulated bench of the same seed."""
    devices = EmulatedDevices(small(bits=12), seed=5, time_out=1.0)
    reference = SimulatedBench(emulated_description(small(bits=12)), seed=5)
    with bench_of(devices, step_by_step=request.param) as bench:
        yield devices, bench, reference


def patterns(count: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, INPUTS)) < 0.4


def force_failures(devices: EmulatedDevices, count: int) -> None:
    device = devices.camera.device._device
    device.write("ForceFailedBufferCount", count)
    device.node("ForceFailedBuffer").Execute()


def same(first: Exposure, second: Exposure) -> bool:
    """Return whether two exposures are the same, times within the rounding of a difference of two of them."""
    return (
        np.array_equal(first.counts, second.counts)
        and first.counts.dtype == second.counts.dtype
        and np.array_equal(first.frame_ids, second.frame_ids)
        and np.array_equal(first.valid, second.valid)
        and first.exposure_time == second.exposure_time
        and np.allclose(first.timestamps, second.timestamps, rtol=0, atol=4e-16)
    )


@pytest.mark.parametrize("step_by_step", [True, False])
@pytest.mark.parametrize("pixel_format", ["Mono8", "Mono12", "Mono16"])
def test_counts_are_those_of_the_simulated_bench_bit_for_bit(pixel_format: str, step_by_step: bool) -> None:
    description = emulated_description(small(), pixel_format=pixel_format)
    simulated = SimulatedBench(description, seed=3)
    with emulated_bench(small(), seed=3, pixel_format=pixel_format, step_by_step=step_by_step) as bench:
        assert bench.camera == simulated.camera
        for exposure_time, light in ((4e-3, True), (2.0714e-3, True), (0.3, False)):
            bench.exposure_time = simulated.exposure_time = exposure_time
            through_driver = bench.expose(patterns(5), light=light)
            assert same(through_driver, simulated.expose(patterns(5), light=light))
            assert through_driver.counts.std() > 0  # frames that say something
        assert simulated.camera.bits == {"Mono8": 8, "Mono12": 12, "Mono16": 16}[pixel_format]


@pytest.mark.parametrize("bits", [7, 10, 11, 14])
def test_without_a_format_the_smallest_that_holds_the_bits_is_taken(bits: int) -> None:
    simulated = SimulatedBench(emulated_description(small(bits=bits)), seed=3)
    with emulated_bench(small(bits=bits), seed=3) as bench:
        bench.exposure_time = simulated.exposure_time = 4e-3
        assert same(bench.expose(patterns(2)), simulated.expose(patterns(2)))


def test_a_format_of_more_bits_has_finer_steps_over_the_same_charge() -> None:
    described = replace(small().camera, integral_nonlinearity=0.5)
    camera = emulated_description(replace(small(), camera=described), pixel_format="Mono12").camera
    assert (camera.bits, camera.full_well, camera.read_noise) == (12, described.full_well, described.read_noise)
    assert camera.gain == pytest.approx(16 * 0.0253)
    assert (camera.black_level, camera.integral_nonlinearity) == (32, 8)


def test_counts_at_the_left_of_their_words_come_at_the_right() -> None:
    left = replace(small(bits=12), camera=replace(small(bits=12).camera, alignment="left"))
    with emulated_bench(left, seed=1) as bench:
        assert bench.camera.alignment == "right"
        assert bench.expose(patterns(1)).counts.max() < 4096


def test_two_hundred_shots_in_random_order_are_never_stale() -> None:
    devices = EmulatedDevices(small(bits=12), seed=2)
    simulated = SimulatedBench(emulated_description(small(bits=12)), seed=2)
    masks = patterns(9, seed=4)
    order = np.random.default_rng(7).integers(0, len(masks), 200)
    with bench_of(devices, step_by_step=True) as bench:
        bench.exposure_time = simulated.exposure_time = 4e-3
        expected = simulated.expose(masks[order])
        assert len(np.unique(expected.counts, axis=0)) == 200
        start = devices.bench.state()
        bench.expose(masks)  # loads them all
        devices.bench.restore(start)
        for index, frame in zip(order, expected.counts, strict=True):
            devices.modulator.show(int(index))
            assert np.array_equal(devices.camera.snap(), frame)


def test_frames_of_one_pattern_are_exposures_of_their_own(driven: tuple) -> None:
    devices, bench, reference = driven
    bench.exposure_time = reference.exposure_time = 4e-3
    expected = reference.expose(np.repeat(patterns(1), 3, axis=0)).counts
    bench.expose(patterns(1))
    assert np.array_equal(devices.camera.snap(), expected[1])
    assert np.array_equal(devices.camera.snap(), expected[2])
    assert not np.array_equal(expected[1], expected[2])


def test_exposure_times_are_granted_as_the_simulated_bench_grants_them(driven: tuple) -> None:
    devices, bench, reference = driven
    for requested in (20e-6, 122.5e-6, 123.5e-6, 1e-3 / 3, 0.999999, 1.0):
        bench.exposure_time = reference.exposure_time = requested
        assert bench.exposure_time == reference.exposure_time
        assert devices.camera.device.exposure_time == pytest.approx(reference.exposure_time, abs=1e-12)
    for bad in (19e-6, 1.1):
        with pytest.raises(ValueError, match="exposure_time = .* must be at least 2e-05 s and at most 1 s"):
            bench.exposure_time = bad


def test_the_shutter_keeps_to_whole_microseconds() -> None:
    shutter = Shutter(exposure_minimum=2.5e-7, exposure_maximum=60.0, exposure_step=1e-7)
    description = replace(small(), camera=replace(small().camera, shutter=shutter))
    emulated = emulated_description(description).camera.shutter
    assert emulated.exposure_minimum == 1e-6
    assert emulated.exposure_maximum == pytest.approx(10.0, rel=1e-12)
    assert emulated.exposure_step == 1e-6
    coarse = replace(shutter, exposure_minimum=25e-6, exposure_step=10e-6)
    description = replace(small(), camera=replace(small().camera, shutter=coarse))
    emulated = emulated_description(description).camera.shutter
    assert (emulated.exposure_minimum, emulated.exposure_step) == pytest.approx((30e-6, 10e-6), rel=1e-12)


def test_a_frame_that_the_driver_damages_is_taken_again_with_its_own_pattern(driven: tuple) -> None:
    devices, bench, reference = driven
    bench.exposure_time = reference.exposure_time = 4e-3
    bench.expose(patterns(4))
    reference.expose(patterns(4))
    force_failures(devices, 1)
    again = bench.expose(patterns(4))
    assert again.valid.all()
    order = [0, 0, 1, 2, 3] if not bench.bursts else [0, 1, 2, 3, 0]  # in a series it makes up one of its own
    expected = reference.expose(patterns(4)[order]).counts
    kept = [1, 2, 3, 4] if not bench.bursts else [4, 1, 2, 3]
    assert np.array_equal(again.counts, expected[kept])


def test_frames_that_stay_lost_are_an_error_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = EmulatedDevices(small(bits=12), seed=5, time_out=1.0)
    with bench_of(devices, step_by_step=True) as bench:
        bench.expose(patterns(3))
        trigger = devices.camera.device.trigger

        def damage() -> None:
            force_failures(devices, 1)
            trigger()

        monkeypatch.setattr(devices.camera.device, "trigger", damage)
        with pytest.raises(FrameLostError, match="was lost 4 times") as lost:
            bench.expose(patterns(2))
        assert lost.value.frame == 3


def test_triggers_that_come_too_fast_are_not_guessed() -> None:
    devices = EmulatedDevices(small(bits=12), seed=5, time_out=0.5)
    with bench_of(devices, step_by_step=False) as bench:
        bench.expose(patterns(4))
        devices.camera.arm(4)
        devices.modulator.run(4, period=1e-4)
        with pytest.raises(FrameLostError, match="frames came for 2 of 4 triggers"):
            devices.camera.fetch()
        devices.camera.arm(4)
        with pytest.raises(FrameLostError, match="no trigger came"):
            devices.camera.fetch()
        with pytest.raises(DeviceError, match="not armed"):
            devices.camera.fetch()


def test_a_frame_that_is_not_the_one_exposed_is_refused(driven: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    devices, bench, _ = driven
    bench.expose(patterns(3))
    monkeypatch.setattr(devices.camera._files, "show", lambda counts: None)
    monkeypatch.setattr(devices.camera._files, "put_series", lambda frames: None)
    with pytest.raises(DeviceError, match="a frame of another pattern"):
        bench.expose(patterns(3, seed=1))


@pytest.mark.parametrize("step_by_step", [True, False])
def test_frames_that_the_simulation_loses_are_lost_behind_the_driver_too(step_by_step: bool) -> None:
    lossy = replace(small(), losses=Losses(dropped_frames=0.3))
    expected = SimulatedBench(emulated_description(lossy), seed=5).expose(patterns(12))
    assert 0 < np.count_nonzero(expected.valid) < 12
    devices = EmulatedDevices(lossy, seed=5)
    with bench_of(devices, step_by_step=step_by_step, retries=0, lost_frames="mark") as bench:
        assert same(bench.expose(patterns(12)), expected)
        assert np.count_nonzero(expected.counts.any(axis=(1, 2)) != expected.valid) == 0


def test_the_adapters_satisfy_the_protocols(driven: tuple) -> None:
    devices, bench, _ = driven
    assert isinstance(devices.camera, FrameCamera)
    assert isinstance(devices.camera, BurstCamera)
    assert bench.camera.shape == devices.camera.shape == (18, 26)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, into which no other program writes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_folders_and_the_environment_are_left_as_they_were(monkeypatch: pytest.MonkeyPatch, own_folder: Path) -> None:
    monkeypatch.delenv("PYLON_CAMEMU", raising=False)
    with emulated_bench(small(), seed=0) as bench:
        assert len(list(own_folder.glob("opubench-frames-*"))) == 1
        assert "PYLON_CAMEMU" not in os.environ
        bench.expose(patterns(1))
    bench.close()
    assert not list(own_folder.iterdir())
    monkeypatch.setenv("PYLON_CAMEMU", "0")
    with emulated_bench(small(), seed=0) as bench:
        assert os.environ["PYLON_CAMEMU"] == "0"
        assert len(bench.expose(patterns(2)).counts) == 2


def test_what_fails_while_it_is_built_leaves_no_folder(own_folder: Path) -> None:
    too_wide = replace(small(), camera=replace(small().camera, columns=5000, sensor_columns=5000, rows=2))
    with pytest.raises(ValueError, match="Width = 5000 is not allowed"):
        emulated_bench(too_wide, seed=0)
    assert not list(own_folder.iterdir())


def test_two_benches_at_once_do_not_mix() -> None:
    simulated = [SimulatedBench(emulated_description(small()), seed=seed) for seed in (1, 2)]
    with emulated_bench(small(), seed=1) as first, emulated_bench(small(), seed=2, step_by_step=True) as second:
        for _ in range(2):
            for bench, reference in zip((first, second), simulated, strict=True):
                assert same(bench.expose(patterns(3)), reference.expose(patterns(3)))


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(ValueError, match="pixel_format = 'Mono14' is not known"):
        emulated_bench(small(), seed=0, pixel_format="Mono14")


def test_files_are_images_that_others_read(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 2**16, (7, 11), dtype=np.uint16)
    (tmp_path / "frame.tif").write_bytes(tiff_bytes(image))
    assert np.array_equal(imread(tmp_path / "frame.tif"), image)
