"""What a bench of devices refuses, and that it releases its devices whatever goes wrong."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from calibration import AnchorProjector
from optics import BenchDescription, MacropixelLayout
from optics.camera import Camera, Counts
from optics.devices.device_bench import DeviceBench
from optics.devices.errors import DeviceError, FrameLostError
from optics.devices.protocols import Burst
from tests.optics.devices.simulated_bench import (
    bench_of,
    devices_of,
    patterns_of,
    released,
    with_reference,
)


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


def test_a_camera_that_saturates_says_so_as_on_a_simulated_bench(description: BenchDescription) -> None:
    # Light 10 000 times as strong, at the shortest exposure of the shutter: every pixel saturates.
    bright = dataclasses.replace(
        description,
        laser=dataclasses.replace(description.laser, power=10.0),
        camera=dataclasses.replace(
            description.camera, shutter=dataclasses.replace(description.camera.shutter, exposure_minimum=1e-3)
        ),
    )
    bench = bench_of(devices_of(bright))
    with pytest.raises(ValueError, match="too strong: at 0.001 s, the camera's shortest exposure.*attenuate the laser"):
        AnchorProjector(bench, components=10, outputs=400)
    assert (bench.expose(patterns_of(2)).counts >= bench.camera.saturation).mean() > 0.9
