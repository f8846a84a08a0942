"""The bench of devices: what it refuses, what becomes of lost frames, and that devices are released."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from optics import BenchDescription, Dmd, MacropixelLayout, SimulatedBench
from optics.camera import Camera, Counts
from optics.devices.device_bench import DeviceBench
from optics.devices.errors import DeviceError, FrameLostError
from optics.devices.figures import starting_figures
from optics.devices.light_switches import ManualLightSwitch
from optics.devices.mask_memory import MaskMemory
from optics.devices.protocols import Burst
from optics.devices.simulated import SimulatedDevices
from optics.mirrors.frames import FrameRenderer
from tests.optics.devices.simulated_bench import WAYS, bench_of, devices_of, same_frames, with_reference


def patterns_of(count: int, seed: int = 1) -> np.ndarray:
    """Patterns, all different."""
    return np.random.default_rng(seed).random((count, 63)) < 0.5


def released(devices: SimulatedDevices) -> bool:
    """Whether all devices are closed."""
    shifter = devices.phase_shifter
    others = [devices.modulator.closed, devices.camera.closed, devices.light_switch.closed]
    return all(others) and (shifter is None or shifter.closed)


def test_lost_frames_are_taken_again_and_the_series_is_not_shifted(description: BenchDescription) -> None:
    # Nothing is exposed where a frame is lost: every other frame has the bits of a series without losses.
    devices = devices_of(description, bursts=False, lost=(2, 3), timed_out=(9,), misshapen=(14, 15, 16))
    bench = bench_of(devices)
    simulated = SimulatedBench(description, seed=3)
    for count in (17, 4):
        patterns = patterns_of(count)
        same_frames(bench.expose(patterns), simulated.expose(patterns))
    assert devices.camera.triggers == 17 + 4 + 6


@pytest.mark.parametrize(
    ("faults", "order"),
    [
        # Seven masks fit: a burst of 7 without frames 2 and 5, then a burst of these two, then the other frames.
        ({"lost": (2, 5)}, [0, 1, 3, 4, 6, 2, 5, 7, 8, 9, 10]),
        # Frame 5 is lost again: trigger 8 is the second of the small burst.
        ({"lost": (2, 5, 8)}, [0, 1, 3, 4, 6, 2, 5, 7, 8, 9, 10]),
        # The camera waits in vain at frame 3: all behind it is taken again.
        ({"timed_out": (3,)}, list(range(11))),
        # A burst of frames of another shape is lost as a whole.
        ({"misshapen": (4,)}, list(range(11))),
        # All of the second burst is lost.
        ({"lost": (7, 8, 9, 10)}, list(range(11))),
    ],
)
def test_what_a_burst_lost_is_taken_in_a_smaller_one(
    description: BenchDescription, faults: dict[str, Any], order: list[int]
) -> None:
    bench = bench_of(devices_of(description, **faults))
    patterns = patterns_of(11)
    expected = SimulatedBench(description, seed=3).expose(patterns[order])
    exposure = bench.expose(patterns)
    np.testing.assert_array_equal(exposure.counts[order], expected.counts)
    assert exposure.timestamps[order] == pytest.approx(expected.timestamps, rel=1e-12)
    assert exposure.frame_ids.tolist() == list(range(11))
    assert exposure.valid.all()
    same = SimulatedBench(description, seed=3)  # and the memory of the modulator is known rightly afterwards
    same.expose(patterns[order])
    np.testing.assert_array_equal(bench.expose(patterns[:7]).counts, same.expose(patterns[:7]).counts)


@WAYS
def test_a_frame_that_stays_lost_is_an_error_with_its_absolute_number(
    description: BenchDescription, bursts: bool
) -> None:
    # Five frames, then the third of nine: tries 7, and 8 and 9 step by step, or 14 and 15 in bursts of 7, 1 and 1.
    lost = (7, 12, 13) if bursts else (7, 8, 9)
    bench = bench_of(devices_of(description, bursts=bursts, lost=lost), retries=2)
    bench.expose(patterns_of(5))
    with pytest.raises(
        FrameLostError, match=r"frame 7 \(2 of 9 in this call\) was lost 3 times.*lost_frames"
    ) as caught:
        bench.expose(patterns_of(9))
    assert caught.value.frame == 7
    # The next call works, with the numbers that the failed one did not use up.
    exposure = bench.expose(patterns_of(3))
    assert exposure.frame_ids.tolist() == [5, 6, 7]
    assert exposure.valid.all()


@WAYS
def test_a_frame_that_stays_lost_can_be_marked(description: BenchDescription, bursts: bool) -> None:
    lost = (2, 7) if bursts else (2, 3)
    bench = bench_of(devices_of(description, bursts=bursts, lost=lost), retries=1, lost_frames="mark")
    patterns = patterns_of(9)
    kept = np.arange(9) != 2
    exposure = bench.expose(patterns)
    np.testing.assert_array_equal(exposure.valid, kept)
    assert not exposure.counts[2].any()
    expected = SimulatedBench(description, seed=3).expose(patterns[kept])
    np.testing.assert_array_equal(exposure.counts[kept], expected.counts)
    assert np.isfinite(exposure.timestamps).all()


def test_no_retries_means_one_try(description: BenchDescription) -> None:
    devices = devices_of(description, bursts=False, lost=(0,))
    with pytest.raises(FrameLostError, match="lost 1 times"):
        bench_of(devices, retries=0).expose(patterns_of(2))
    assert devices.camera.triggers == 1


@WAYS
@pytest.mark.parametrize("light", [True, False])
def test_after_a_failure_the_light_is_as_it_was_and_the_bench_works(
    description: BenchDescription, bursts: bool, light: bool
) -> None:
    devices = devices_of(with_reference(description), bursts=bursts, broken=(12,))
    bench = bench_of(devices)
    bench.expose(patterns_of(7))
    with pytest.raises(DeviceError, match="camera failed"):
        bench.expose(patterns_of(9), light=light)
    assert devices.camera._table.light
    assert not getattr(devices.camera, "armed", 0)
    exposure = bench.expose(patterns_of(9))
    assert exposure.counts.mean() > 2 * description.camera.black_level
    assert bench.expose(patterns_of(2), light=False).counts.mean() < 1.5 * description.camera.black_level


@WAYS
def test_an_interruption_disarms_the_camera(
    description: BenchDescription, bursts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = devices_of(description, bursts=bursts)
    bench = bench_of(devices)
    with monkeypatch.context() as patch:

        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(devices.modulator, "run" if bursts else "show", interrupt, raising=False)
        with pytest.raises(KeyboardInterrupt):
            bench.expose(patterns_of(3))
    assert not getattr(devices.camera, "armed", 0)
    assert bench.expose(patterns_of(3)).frame_ids.tolist() == [0, 1, 2]


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


def test_what_the_devices_cannot_do_is_refused(description: BenchDescription) -> None:
    bench = bench_of(devices_of(description), light_switch=None)
    with pytest.raises(ValueError, match="cannot block its light: give it a light_switch.*ManualLightSwitch"):
        bench.expose(patterns_of(2), light=False)
    with pytest.raises(ValueError, match="no reference arm.*phase_shifter"):
        bench.expose(patterns_of(2), reference=[0.0, 1.0])
    with pytest.raises(TypeError, match="patterns must be boolean"):
        bench.expose(np.ones((2, 63)))
    with pytest.raises(ValueError, match=r"shape \(frame, 63\)"):
        bench.expose(np.ones((2, 62), bool))
    bench = bench_of(devices_of(with_reference(description)))
    for phases in ([0.0], [[0.0, 1.0]], [0.0, np.nan]):
        with pytest.raises(ValueError, match="one finite phase a frame"):
            bench.expose(patterns_of(2), reference=phases)


@pytest.mark.parametrize("requested", [0.9e-6, 11.0, np.nan])
def test_exposure_times_out_of_range_are_refused(description: BenchDescription, requested: float) -> None:
    bench = bench_of(devices_of(description))
    with pytest.raises(ValueError, match=f"exposure_time = {requested:g} s .* at least 1e-06 s and at most 10 s"):
        bench.exposure_time = requested
    assert bench.exposure_time == 1e-3


def test_exposure_times_are_those_of_the_device_not_of_the_figures(description: BenchDescription) -> None:
    narrow = dataclasses.replace(
        description.camera.shutter, exposure_minimum=1e-4, exposure_maximum=2e-3, exposure_step=1e-5, overhead=3e-4
    )
    devices = devices_of(description)
    bench = bench_of(devices, figures=dataclasses.replace(description.camera, shutter=narrow))
    shutter = bench.camera.shutter
    assert (shutter.exposure_minimum, shutter.exposure_maximum, shutter.exposure_step) == (1e-6, 10.0, 1e-6)
    assert shutter.overhead == 3e-4
    bench.exposure_time = 3.0000004e-3
    assert bench.exposure_time == devices.bench.exposure_time == pytest.approx(3e-3, rel=1e-12)
    assert bench.expose(patterns_of(1)).exposure_time == bench.exposure_time


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"rows": 25}, ValueError, r"figures describe \(25, 30\) pixels.*the camera reads \(24, 30\): set the region"),
        ({"bits": 10}, ValueError, "figures describe counts of 10 bits, the camera sends 8: set its pixel format"),
    ],
)
def test_figures_of_another_camera_are_refused(
    description: BenchDescription, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    devices = devices_of(description)
    with pytest.raises(error, match=message):
        bench_of(devices, figures=dataclasses.replace(description.camera, **change))
    assert released(devices)


def refusals(description: BenchDescription) -> dict[str, tuple[dict[str, Any], type[Exception], str]]:
    """What a constructor refuses: changed arguments, the error and its message."""
    dmd, layout = description.dmd, MacropixelLayout(block_rows=6, block_columns=4, grid_rows=7, grid_columns=9)
    return {
        "mirrors": (
            {"dmd": dataclasses.replace(dmd, rows=48)}, ValueError,
            r"modulator has \(40, 50\) mirrors along \(y, x\), the DMD is described with \(48, 50\); describe",
        ),
        "turned": ({"dmd": dataclasses.replace(dmd, rows=50, columns=40)}, ValueError, "rows and columns are swapped"),
        "layout": ({"layout": layout}, ValueError, "layout needs 42 x 36 mirrors, the DMD has 40 x 50"),
        "retries": ({"retries": -1}, ValueError, "retries = -1 is not allowed"),
        "lost frames": ({"lost_frames": "marc"}, ValueError, "lost_frames = 'marc' .*did you mean 'mark'"),
        "period": ({"frame_period": 1e-6}, ValueError, "frame_period = 1e-06 s"),
        "no switch": ({"light_switch": "manual"}, TypeError, "light_switch must be a LightSwitch.*got str"),
    }  # fmt: skip


@pytest.mark.parametrize("case", ["mirrors", "turned", "layout", "retries", "lost frames", "period", "no switch"])
def test_a_constructor_that_refuses_releases_the_devices(description: BenchDescription, case: str) -> None:
    devices = devices_of(with_reference(description))
    change, error, message = refusals(description)[case]
    with pytest.raises(error, match=message):
        bench_of(devices, **change)
    assert devices.modulator.closed
    assert devices.camera.closed
    assert devices.phase_shifter is not None
    assert devices.phase_shifter.closed


def test_devices_that_are_swapped_are_refused(description: BenchDescription) -> None:
    devices = devices_of(description)
    with pytest.raises(TypeError, match="modulator must be a Modulator .*SimulatedBurstCamera: are devices swapped"):
        DeviceBench(
            devices.camera, devices.modulator,  # type: ignore[arg-type]
            layout=description.layout, dmd=description.dmd, figures=description.camera,
        )  # fmt: skip
    assert devices.camera.closed
    assert devices.modulator.closed


def test_closing_releases_every_device_even_where_one_fails(
    description: BenchDescription, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = devices_of(with_reference(description))

    def fail() -> None:
        raise DeviceError("the camera does not let go")

    with monkeypatch.context() as patch:
        patch.setattr(devices.camera, "close", fail)
        bench = bench_of(devices)
        with pytest.raises(DeviceError, match="does not let go"):
            bench.close()
    assert devices.modulator.closed
    assert devices.light_switch.closed
    assert devices.phase_shifter is not None
    assert devices.phase_shifter.closed
    bench.close()
    assert released(devices)
    with pytest.raises(DeviceError, match="the bench is closed"):
        bench.expose(patterns_of(1))
    with pytest.raises(DeviceError, match="the bench is closed"):
        bench.exposure_time = 1e-3


def test_the_end_of_a_with_block_releases_the_devices(description: BenchDescription) -> None:
    devices = devices_of(description)
    with pytest.raises(RuntimeError, match="in the middle"), bench_of(devices):
        raise RuntimeError("in the middle")
    assert released(devices)


class StrangeCamera:
    """A camera that delivers what it is given, whatever its bits."""

    shape, bit_depth, exposure_time, exposure_limits = (24, 30), 12, 1e-3, (1e-6, 10.0, 1e-6)

    def __init__(self, frame: Counts) -> None:
        self.frame, self.armed = frame, 0

    def snap(self) -> Counts:
        return self.frame

    def close(self) -> None:
        pass


class StrangeBursts(StrangeCamera):
    """The same in bursts, with trigger numbers of its own."""

    def __init__(self, frame: Counts, triggers: list[int]) -> None:
        super().__init__(frame)
        self.triggers = np.array(triggers, np.int64)

    def arm(self, count: int) -> None:
        self.armed = count

    def fetch(self) -> Burst:
        self.armed = 0
        frames = np.broadcast_to(self.frame, (len(self.triggers), *self.frame.shape))
        return Burst(counts=frames, triggers=self.triggers, timestamps=np.arange(len(frames)) * 1e-3)


def twelve_bits(camera: Camera) -> Camera:
    """The camera with 12 bits."""
    return dataclasses.replace(camera, bits=12, gain=0.4)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            np.full((24, 30), 4096, np.uint16),
            "up to 4096 DN, 12 bits end at 4095: its significant bits are at",
        ),
        (np.zeros((24, 30), np.uint8), "sends uint8 words, counts of 12 bits are uint16: set the pixel format"),
    ],
)
def test_another_pixel_format_is_refused(description: BenchDescription, frame: Counts, message: str) -> None:
    for camera in (StrangeCamera(frame), StrangeBursts(frame, [0, 1])):
        bench = bench_of(devices_of(description), camera=camera, figures=twelve_bits(description.camera))
        with pytest.raises(DeviceError, match=message):
            bench.expose(patterns_of(2))


def test_a_region_that_changed_is_said(description: BenchDescription) -> None:
    camera = StrangeCamera(np.zeros((24, 32), np.uint16))
    bench = bench_of(devices_of(description), camera=camera, figures=twelve_bits(description.camera))
    with pytest.raises(FrameLostError, match=r"shape \(24, 32\) arrived, the camera reads \(24, 30\)"):
        bench.expose(patterns_of(2))


@pytest.mark.parametrize("triggers", [[1, 0], [0, 0], [0, 2], [-1, 0]])
def test_triggers_that_were_not_given_are_refused(description: BenchDescription, triggers: list[int]) -> None:
    camera = StrangeBursts(np.zeros((24, 30), np.uint16), triggers)
    bench = bench_of(devices_of(description), camera=camera, figures=twelve_bits(description.camera))
    with pytest.raises(DeviceError, match="must rise from 0 to 1; does something else trigger"):
        bench.expose(patterns_of(2))


def test_a_burst_of_unequal_parts_is_refused(description: BenchDescription) -> None:
    camera = StrangeBursts(np.zeros((24, 30), np.uint16), [0, 1])
    bench = bench_of(devices_of(description), camera=camera, figures=twelve_bits(description.camera))
    burst = camera.fetch()
    camera.fetch = lambda: dataclasses.replace(burst, timestamps=np.zeros(3))  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match="2 frames, 3 timestamps and 2 trigger numbers"):
        bench.expose(patterns_of(2))


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
    devices = devices_of(description)
    bench = bench_of(devices, clock=time.monotonic)
    bench.continue_after(frame_id=41, timestamp=12.5)
    exposure = bench.expose(patterns_of(3))
    assert exposure.frame_ids.tolist() == [42, 43, 44]
    assert 12.501 <= exposure.timestamps[0] < 14
    assert (np.diff(exposure.timestamps) > 0).all()


def test_time_begins_with_the_bench(description: BenchDescription) -> None:
    bench = bench_of(devices_of(description, bursts=False), clock=time.monotonic)
    begin = time.monotonic()
    exposure = bench.expose(patterns_of(12))
    assert exposure.timestamps[0] >= 0
    assert exposure.timestamps[-1] <= time.monotonic() - begin + 1
    assert (np.diff(exposure.timestamps) >= 0).all()


def test_figures_to_begin_with_fill_the_converter(description: BenchDescription) -> None:
    figures = starting_figures(devices_of(description).camera, pixel_pitch=5e-6, full_well=10_200)
    assert figures.shape == (24, 30)
    assert figures.bits == 8
    assert figures.gain == pytest.approx(0.025, rel=1e-12)  # 255 DN at 10 200 e
    assert figures.read_noise == pytest.approx(40, rel=1e-12)
    assert bench_of(devices_of(description), figures=figures).camera.full_well == 10_200
    with pytest.raises(ValueError, match="full_well"):
        starting_figures(devices_of(description).camera, pixel_pitch=5e-6, full_well=0.0)


class PacedDevices:
    """A modulator and a camera that take a fixed time for a frame of 240 x 320 pixels, and nothing else."""

    def __init__(self, period: float) -> None:
        self.period, self.frame = period, np.full((240, 320), 7, np.uint8)
        self.shape, self.capacity, self.bit_depth, self.exposure_time = (240, 320), 64, 8, 1e-4
        self.exposure_limits, self.due = (1e-6, 1.0, 1e-6), 0.0

    def load(self, masks: np.ndarray) -> None:
        pass

    def show(self, index: int) -> None:
        self.due = time.perf_counter() + self.period

    def snap(self) -> Counts:
        while time.perf_counter() < self.due:
            pass
        return self.frame.copy()

    def close(self) -> None:
        pass


def test_the_bench_keeps_nine_tenths_of_the_rate_of_its_devices() -> None:
    devices, patterns = PacedDevices(2e-3), patterns_of(100)
    layout = MacropixelLayout(block_rows=30, block_columns=30, grid_rows=7, grid_columns=9)
    bench = DeviceBench(
        devices, devices, layout=layout, dmd=Dmd(rows=240, columns=320, pitch=1e-5),
        figures=starting_figures(devices, pixel_pitch=5e-6, full_well=1e4),
    )  # fmt: skip

    def alone() -> None:
        for index in range(len(patterns)):
            devices.show(index)
            devices.snap()

    def seconds(work: Callable[[], object]) -> float:
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    # Another process that takes the processor slows one run or the other: the best of a few is what counts.
    ratios = [seconds(alone) / seconds(lambda: bench.expose(patterns)) for _ in range(4)]
    assert max(ratios) > 0.9
