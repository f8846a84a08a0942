"""The bench of devices at work: light and reference, periods of bursts, memory and time."""

import dataclasses
import itertools

import numpy as np
import pytest

from optics import BenchDescription
from optics.devices.errors import DeviceError
from optics.devices.figures import starting_figures
from optics.devices.light_switches import ManualLightSwitch
from optics.devices.mask_memory import MaskMemory
from optics.mirrors.frames import FrameRenderer
from tests.optics.devices.simulated_bench import (
    bench_of,
    devices_of,
    patterns_of,
)


class Recorder:
    """A light switch, and a phase shifter, that note what they are told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def set_light(self, on: bool) -> None:
        self.told.append(on)

    def set_reference(self, phase: float | None) -> None:
        self.told.append(phase)

    def close(self) -> None:
        self.told.append("closed")


def test_light_and_reference_are_set_only_where_they_change(description: BenchDescription) -> None:
    light, phase = Recorder(), Recorder()
    bench = bench_of(devices_of(description), light_switch=light, phase_shifter=phase)
    for dark in (False, False, True, True, False):
        bench.expose(patterns_of(2), light=not dark)
    bench.expose(patterns_of(3), reference=[0.5, 0.5, 1.0])
    bench.expose(patterns_of(1), reference=[1.0])
    bench.expose(patterns_of(1))
    assert light.told == [True, False, True]
    assert phase.told == [None, 0.5, 1.0, None]


def test_a_person_blocks_the_light_where_no_device_does(description: BenchDescription) -> None:
    asked: list[str] = []
    bench = bench_of(devices_of(description), light_switch=ManualLightSwitch(asked.append))
    bench.expose(patterns_of(2), light=False)
    bench.expose(patterns_of(2))
    assert asked == ["Block the laser's light, then press Enter: ", "Let the laser's light through, then press Enter: "]
    bench.close()


def test_without_a_terminal_nobody_blocks_the_light(description: BenchDescription) -> None:
    def nobody(_: str) -> None:
        raise EOFError

    bench = bench_of(devices_of(description), light_switch=ManualLightSwitch(nobody))
    with pytest.raises(DeviceError, match="nobody answers at the terminal .block the laser's light"):
        bench.expose(patterns_of(2), light=False)


def test_the_period_of_a_burst_leaves_room_for_exposure_readout_and_mirrors(description: BenchDescription) -> None:
    shutter = dataclasses.replace(description.camera.shutter, row_time=1e-4, overhead=2e-4, kind="rolling")
    dmd = dataclasses.replace(description.dmd, reset_time=1e-5)
    bench = bench_of(devices_of(description), figures=dataclasses.replace(description.camera, shutter=shutter), dmd=dmd)
    periods: list[float] = []
    run = bench._modulator.run  # type: ignore[attr-defined]
    bench._modulator.run = lambda count, *, period: (periods.append(period), run(count, period=period))  # type: ignore
    bench.expose(patterns_of(2))
    bench.exposure_time = 1e-5
    bench.expose(patterns_of(2))
    # Exposure, reset, 24 rows of 0.1 ms, overhead.
    assert periods == pytest.approx([1e-3 + 1e-5 + 2.4e-3 + 2e-4, 1e-5 + 1e-5 + 2.4e-3 + 2e-4], rel=1e-12)


def test_a_period_that_is_too_short_for_the_exposure_is_refused(description: BenchDescription) -> None:
    bench = bench_of(devices_of(description), frame_period=2e-3)
    bench.expose(patterns_of(2))
    bench.exposure_time = 2.5e-3
    with pytest.raises(ValueError, match="frame_period = 0.002 s is too short for an exposure time of 0.0025 s"):
        bench.expose(patterns_of(2))


def test_masks_that_are_loaded_are_not_loaded_again(description: BenchDescription) -> None:
    devices = devices_of(description)
    bench = bench_of(devices)
    for patterns in (patterns_of(7), patterns_of(7), patterns_of(7, seed=2), patterns_of(6, seed=2), patterns_of(15)):
        bench.expose(patterns)
    assert devices.modulator.loads == 1 + 0 + 1 + 1 + 3


def test_a_load_that_failed_is_not_taken_for_done(
    description: BenchDescription, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = devices_of(description)
    bench = bench_of(devices)
    bench.expose(patterns_of(3))

    def fail(_: object) -> None:
        raise DeviceError("link")

    with monkeypatch.context() as patch:
        patch.setattr(devices.modulator, "load", fail)
        with pytest.raises(DeviceError, match="link"):
            bench.expose(patterns_of(3, seed=2))
    bench.expose(patterns_of(3))
    assert devices.modulator.loads == 2


def test_parts_of_a_series_fit_the_memory(description: BenchDescription, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optics.devices.mask_memory.MASK_BYTES", 4 * 40 * 50 + 1)
    devices = devices_of(description)
    renderer = FrameRenderer(description.layout, description.dmd)
    parts = list(MaskMemory(devices.modulator, renderer, at_most=9).series(patterns_of(10)))
    assert parts == [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert list(MaskMemory(devices.modulator, renderer, at_most=3).series(patterns_of(4))) == [slice(0, 3), slice(3, 4)]


def test_a_series_goes_on_where_another_process_left_it(description: BenchDescription) -> None:
    bench = bench_of(devices_of(description), clock=lambda: 1000.0)
    bench.continue_after(frame_id=41, timestamp=12.5)
    exposure = bench.expose(patterns_of(3))
    assert exposure.frame_ids.tolist() == [42, 43, 44]
    assert exposure.timestamps[0] == pytest.approx(12.501, rel=1e-12)  # 1 ms exposure
    assert (np.diff(exposure.timestamps) > 0).all()


def test_time_begins_with_the_bench(description: BenchDescription) -> None:
    ticks = itertools.count(1000.0)  # each look at the clock is a second later
    bench = bench_of(devices_of(description, bursts=False), clock=lambda: next(ticks))
    exposure = bench.expose(patterns_of(12))
    assert exposure.timestamps.tolist() == list(range(1, 13))


def test_figures_to_begin_with_fill_the_converter(description: BenchDescription) -> None:
    figures = starting_figures(devices_of(description).camera, pixel_pitch=5e-6, full_well=10_200)
    assert figures.shape == (24, 30)
    assert figures.bits == 8
    assert figures.gain == pytest.approx(0.025, rel=1e-12)  # 255 DN at 10 200 e
    assert figures.read_noise == pytest.approx(40, rel=1e-12)
    assert bench_of(devices_of(description), figures=figures).camera.full_well == 10_200
    with pytest.raises(ValueError, match="full_well"):
        starting_figures(devices_of(description).camera, pixel_pitch=5e-6, full_well=0.0)
