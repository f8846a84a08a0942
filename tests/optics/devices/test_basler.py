"""The Basler adapter on pylon's camera emulation: units, settings, series, and what goes wrong."""

import importlib
import importlib.util
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from optics.devices import basler
from optics.devices.basler import BaslerCamera
from optics.devices.basler_series import trigger_numbers, trigger_times
from optics.devices.errors import DeviceAbsentError, DeviceError, DriverMissingError, FrameLostError
from optics.devices.protocols import BurstCamera, GainCamera, RegionCamera

# The module itself must not be imported here: where warnings are errors its compiled part ends the process.
needs_pylon = pytest.mark.skipif(importlib.util.find_spec("pypylon") is None, reason="pypylon is not installed")


@pytest.fixture
def emulation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYLON_CAMEMU", "1")


@pytest.fixture
def camera(emulation: None) -> Iterator[BaslerCamera]:
    with BaslerCamera(pixel_format="Mono12", trigger_source="Software", time_out=1.0) as device:
        device.set_region(rows=24, columns=40)
        yield device


def force_failures(camera: BaslerCamera, count: int) -> None:
    """Let the emulation damage the next frames."""
    camera._device.write("ForceFailedBufferCount", count)
    camera._device.node("ForceFailedBuffer").Execute()


def series(camera: BaslerCamera, count: int, *, before: Any = lambda index: None) -> Any:
    """Return a series that a thread triggers, as mirrors would."""
    camera.arm(count)

    def run() -> None:
        for index in range(count):
            before(index)
            camera.trigger()

    mirrors = threading.Thread(target=run)
    mirrors.start()
    try:
        return camera.fetch()
    finally:
        mirrors.join()


@needs_pylon
def test_the_adapter_satisfies_the_protocols(camera: BaslerCamera) -> None:
    assert isinstance(camera, BurstCamera)
    assert isinstance(camera, RegionCamera)
    assert isinstance(camera, GainCamera)
    assert camera.sensor_shape == (4096, 4096)
    assert camera.bit_depth == 12
    assert camera.serial == "0815-0000"


@needs_pylon
def test_exposure_times_are_seconds_and_read_back_what_was_granted(camera: BaslerCamera) -> None:
    camera.exposure_time = 123.4e-6
    assert camera.exposure_time == pytest.approx(123e-6, abs=1e-12)  # the emulation grants whole microseconds
    assert camera.exposure_limits == pytest.approx((1e-6, 10.0, 1e-7))


@needs_pylon
@pytest.mark.parametrize("requested", [0.5e-6, 11.0, -1.0, float("nan")])
def test_exposure_times_out_of_range_name_the_range(camera: BaslerCamera, requested: float) -> None:
    before = camera.exposure_time
    with pytest.raises(ValueError, match="exposure_time = .* must be at least 1e-06 s and at most 10 s"):
        camera.exposure_time = requested
    assert camera.exposure_time == before


@needs_pylon
def test_older_cameras_have_another_name_for_the_exposure_time(
    emulation: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(basler, "EXPOSURE_NODES", ("ExposureTimeAbs",))
    with BaslerCamera(pixel_format="Mono8") as camera:
        assert camera.exposure_limits == pytest.approx((100e-6, 3.0, 1e-6))
        camera.exposure_time = 250e-6
        assert camera.exposure_time == pytest.approx(250e-6, abs=1e-12)
        assert camera.feature("ExposureTimeAbs") == 250


@needs_pylon
def test_cameras_without_an_exposure_time_are_refused(emulation: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basler, "EXPOSURE_NODES", ("NoSuchTime",))
    with pytest.raises(DeviceError, match="none of the settings"):
        BaslerCamera()


@needs_pylon
def test_gain_is_in_decibels(camera: BaslerCamera) -> None:
    camera.gain_db = 6.0
    assert camera.gain_db == pytest.approx(6.0, abs=0.01)
    with pytest.raises(ValueError, match="Gain = 60.0 is not allowed: .* takes 0 to 48"):
        camera.gain_db = 60.0


@needs_pylon
def test_what_bends_counts_is_switched_off(emulation: None) -> None:
    with BaslerCamera() as camera:
        for name, value in {"ExposureAuto": "Continuous", "GainAuto": "Once", "Gamma": 2.0, "DigitalShift": 2}.items():
            camera.set_feature(name, value)
        camera._configure(trigger_source="Line1", black_level=32.0)
        for name, value in {"ExposureAuto": "Off", "GainAuto": "Off", "Gamma": 1.0, "DigitalShift": 0}.items():
            assert camera.feature(name) == value
        assert camera.feature("TriggerSource") == "Line1"
        assert camera.feature("BlackLevel") == 32


@needs_pylon
def test_frames_have_the_shape_of_the_region_rows_first(camera: BaslerCamera) -> None:
    camera.set_region(rows=20, columns=36, top=7, left=3)
    assert camera.shape == (20, 36)
    assert (camera.feature("OffsetY"), camera.feature("OffsetX")) == (7, 3)
    assert camera.snap().shape == (20, 36)


@needs_pylon
def test_a_region_off_the_sensor_is_refused_and_the_old_one_stays(camera: BaslerCamera) -> None:
    with pytest.raises(ValueError, match="OffsetX = 4090 is not allowed"):
        camera.set_region(rows=12, columns=18, left=4090)
    assert camera.shape == (24, 40)
    assert camera.snap().shape == (24, 40)


@needs_pylon
@pytest.mark.parametrize(("pixel_format", "word"), [("Mono8", np.uint8), ("Mono10", np.uint16), ("Mono16", np.uint16)])
def test_frames_have_the_words_of_the_format(emulation: None, pixel_format: str, word: type) -> None:
    with BaslerCamera(pixel_format=pixel_format) as camera:
        frame = camera.snap()
    assert frame.dtype == word
    assert frame.flags.c_contiguous
    assert frame.flags.writeable
    assert frame.max() < 1 << camera.bit_depth


@needs_pylon
def test_a_format_that_the_camera_has_not_names_those_it_has(emulation: None) -> None:
    with pytest.raises(ValueError, match=r"'Mono12p' is not allowed: .* takes one of \['Mono8', 'Mono10'"):
        BaslerCamera(pixel_format="Mono12p")
    with pytest.raises(ValueError, match="pixel_format = 'RGB8' is not known"):
        BaslerCamera(pixel_format="RGB8")
    with pytest.raises(ValueError, match="TriggerSource = 'Line9' is not allowed"):
        BaslerCamera(trigger_source="Line9")
    with BaslerCamera() as camera:  # what failed before has released the camera
        assert camera.snap().shape == camera.shape


@needs_pylon
def test_a_series_gives_each_frame_to_its_trigger(camera: BaslerCamera) -> None:
    burst = series(camera, 6)
    assert burst.triggers.tolist() == [0, 1, 2, 3, 4, 5]
    assert burst.counts.shape == (6, 24, 40)
    assert burst.counts.dtype == np.uint16
    assert burst.timestamps[0] == 0
    assert (np.diff(burst.timestamps) > 0).all()


@needs_pylon
def test_frames_damaged_in_a_series_leave_gaps_in_the_triggers(camera: BaslerCamera) -> None:
    burst = series(camera, 8, before=lambda index: index == 3 and force_failures(camera, 2))
    lost = set(range(8)) - set(burst.triggers.tolist())
    # The emulation damages two frames that follow each other, from the one on that is on its way.
    assert lost in ({2, 3}, {3, 4})
    assert len(burst.counts) == len(burst.timestamps) == 6


@needs_pylon
def test_a_series_whose_last_triggers_bring_nothing_is_not_trusted(camera: BaslerCamera) -> None:
    camera.arm(5)
    for _ in range(3):
        camera.trigger()
    with pytest.raises(FrameLostError, match="frames came for 3 of 5 triggers"):
        camera.fetch()
    assert camera.snap().shape == (24, 40)


@needs_pylon
def test_a_series_without_triggers_ends_by_itself(emulation: None) -> None:
    with BaslerCamera(trigger_source="Line1", time_out=0.1) as camera:
        camera.arm(3)
        with pytest.raises(FrameLostError, match="frames came for 0 of 3 triggers"):
            camera.fetch()
        with pytest.raises(RuntimeError, match="no series is armed"):
            camera.fetch()


@needs_pylon
def test_a_damaged_frame_is_lost_and_the_next_one_is_whole(camera: BaslerCamera) -> None:
    camera.snap()
    force_failures(camera, 1)
    with pytest.raises(FrameLostError, match="came damaged"):
        camera.snap()
    assert camera.snap().shape == (24, 40)


@needs_pylon
def test_a_frame_that_comes_late_is_lost_and_never_taken_for_the_next(camera: BaslerCamera) -> None:
    camera.snap()
    camera._wait = 0  # the emulation needs about 10 ms

    def shots() -> None:
        for _ in range(50):  # on a busy machine a frame may be there before it is asked for
            camera.snap()

    with pytest.raises(FrameLostError, match="within 0 ms"):
        shots()
    assert not camera._device.camera.IsGrabbing()
    camera._set_wait()
    assert camera.snap().shape == (24, 40)


@needs_pylon
def test_a_frame_of_another_size_than_the_region_is_an_error(camera: BaslerCamera) -> None:
    camera._shape = (24, 41)
    with pytest.raises(DeviceError, match=r"delivered \(24, 40\) pixels, its region has \(24, 41\)"):
        camera.snap()


@needs_pylon
def test_unknown_settings_are_refused_by_name(camera: BaslerCamera) -> None:
    with pytest.raises(ValueError, match="no setting 'Sharpness'"):
        camera.set_feature("Sharpness", 1)


@needs_pylon
@pytest.mark.parametrize("cameras", ["0", None])
def test_without_a_camera_the_error_says_what_was_found(cameras: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYLON_CAMEMU", raising=False)
    if cameras is not None:
        monkeypatch.setenv("PYLON_CAMEMU", cameras)
    with pytest.raises(DeviceAbsentError, match="no Basler camera answers; found: none"):
        BaslerCamera()


@needs_pylon
def test_a_camera_is_named_where_several_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYLON_CAMEMU", "2")
    with pytest.raises(ValueError, match=r"take serial = one of \['0815-0000', '0815-0001'\]"):
        BaslerCamera()
    with BaslerCamera("0815-0001") as camera:
        assert camera.serial == "0815-0001"
    with pytest.raises(DeviceAbsentError, match="no Basler camera 42 answers; found: 0815-0000, 0815-0001"):
        BaslerCamera("42")


@needs_pylon
def test_closing_twice_does_no_harm(camera: BaslerCamera) -> None:
    camera.arm(3)
    camera.close()
    camera.close()
    with pytest.raises(DeviceError, match="No device attached"):
        camera.snap()


def test_without_the_driver_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(DriverMissingError, match=r'pip install "opubench\[basler\]"'):
        BaslerCamera()


def test_gaps_in_the_numbers_are_lost_triggers() -> None:
    assert trigger_numbers([1, 2, 5, 6], count=6, first=1).tolist() == [0, 1, 4, 5]


def test_numbers_that_begin_again_go_on() -> None:
    blocks = [65533, 65535, 1, 3]  # after 65532 frames; 65534 and 2 are lost
    triggers = trigger_numbers([*range(1, 65533), *blocks], count=65538, first=1, wrap=65535)
    assert triggers[-4:].tolist() == [65532, 65534, 65535, 65537]


@pytest.mark.parametrize("blocks", [[], [0, 1, 2], [0, 1, 3]])
def test_numbers_that_do_not_reach_the_last_trigger_tell_nothing(blocks: list[int]) -> None:
    with pytest.raises(FrameLostError, match="do not tell which triggers were not answered"):
        trigger_numbers(blocks, count=5, first=0)


@pytest.mark.parametrize("blocks", [[0, 1, 5], [0, 2, 1, 4], [0, 0, 4], [-1, 4]])
def test_numbers_that_cannot_be_are_refused(blocks: list[int]) -> None:
    with pytest.raises(FrameLostError, match="must ascend and end at the last one"):
        trigger_numbers(blocks, count=5, first=0)


def test_times_begin_at_the_first_trigger_even_where_its_frame_is_lost() -> None:
    times = trigger_times([10.0, 10.2, 10.5], np.array([2, 4, 7]))
    assert times == pytest.approx([0.2, 0.4, 0.7])
    assert trigger_times([3.0], np.array([0])).tolist() == [0.0]
