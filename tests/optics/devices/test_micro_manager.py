"""Micro-Manager cameras on the project's own demo camera: units, regions, words, and what they refuse."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optics.devices.errors import DeviceAbsentError, DeviceError, DriverMissingError, FrameLostError
from optics.devices.micro_manager import MicroManagerCamera
from optics.devices.protocols import BurstCamera, FrameCamera, GainCamera, RegionCamera

EXTRA = "Micro-Manager is not installed: pip install -e '.[oracles,micro-manager]'"

NOISE = {"Mode": "Noise", "PixelType": "16bit", "BitDepth": 12, "OnCameraCCDXSize": 96, "OnCameraCCDYSize": 64}


@pytest.fixture
def pymmcore(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The core's module; what it does to PATH is undone."""
    monkeypatch.setenv("PATH", os.environ["PATH"])
    return pytest.importorskip("pymmcore", reason=EXTRA)


@pytest.fixture
def folder(pymmcore: Any) -> str:
    """The folder of the demo adapters."""
    return str(pytest.importorskip("mm_test_adapters", reason=EXTRA).device_adapter_path())


@pytest.fixture
def demo(folder: str) -> Iterator[Any]:
    """A function that opens the demo camera; all are closed afterwards."""
    opened: list[MicroManagerCamera] = []

    def opens(**settings: Any) -> MicroManagerCamera:
        named = {"adapter": "DemoCamera", "device": "DCam", "adapter_folder": folder, "properties": NOISE, **settings}
        opened.append(MicroManagerCamera(**named))
        return opened[-1]

    yield opens
    for camera in opened:
        camera.close()


def test_the_demo_camera_is_a_frame_camera_with_regions(demo: Any) -> None:
    camera = demo()
    assert isinstance(camera, FrameCamera)
    assert isinstance(camera, RegionCamera)
    assert not isinstance(camera, (BurstCamera, GainCamera))
    assert camera.shape == camera.sensor_shape == (64, 96)


@pytest.mark.parametrize(
    ("pixel_type", "bits", "dtype"),
    [("8bit", 8, np.uint8), ("16bit", 8, np.uint8), ("16bit", 10, np.uint16), ("16bit", 12, np.uint16),
     ("16bit", 16, np.uint16)],
)  # fmt: skip
def test_counts_have_the_bits_of_the_camera_at_the_right(demo: Any, pixel_type: str, bits: int, dtype: type) -> None:
    camera = demo(properties={**NOISE, "PixelType": pixel_type, "BitDepth": bits, "Photon Flux": 5000})
    assert camera.bit_depth == bits
    camera.exposure_time = 1.0  # 5 million photons: every pixel at the largest count
    counts = camera.snap()
    assert counts.dtype == dtype
    assert counts.shape == (64, 96)
    assert counts.flags.c_contiguous
    assert np.all(counts == 2**bits - 1)


def test_exposure_times_are_seconds_and_read_back_as_granted(demo: Any) -> None:
    camera = demo(exposure_step=1e-5, properties={**NOISE, "Photon Flux": 100, "Photon Conversion Factor": 1})
    assert camera.exposure_limits == pytest.approx((1e-5, 10.0, 1e-5))
    camera.exposure_time = 12.3456e-3
    assert camera.exposure_time == pytest.approx(12.35e-3, abs=1e-9)  # the demo camera counts in 10 microseconds
    # 1235 electrons at 1 e/DN above about 99.5 DN: the mean of 6144 pixels has a standard error of 0.45 DN.
    assert camera.snap().mean() == pytest.approx(1235 + 99.5, abs=2.5)


def test_exposure_times_out_of_range_are_refused_and_the_old_one_stays(demo: Any) -> None:
    camera = demo()
    camera.exposure_time = 5e-3
    for wrong in (10.1, 0, -1e-3, float("nan")):
        with pytest.raises(
            ValueError, match=r"exposure_time = .* s is not allowed: it must be at least 1e-06 s and at mo"
        ):
            camera.exposure_time = wrong
    assert camera.exposure_time == pytest.approx(5e-3)


def test_frames_are_copies(demo: Any) -> None:
    camera = demo()
    camera.exposure_time = 1e-3
    first = camera.snap()
    kept = first.copy()
    second = camera.snap()
    assert np.array_equal(first, kept)
    assert not np.array_equal(first, second)
    assert not np.shares_memory(first, second)


def test_a_region_reaches_the_core_columns_first(demo: Any) -> None:
    camera = demo()
    camera.set_region(rows=20, columns=30, top=7, left=11)
    assert camera.shape == (20, 30)
    assert camera.sensor_shape == (64, 96)
    assert camera.snap().shape == (20, 30)
    assert camera._core.getROI() == [11, 7, 30, 20]  # x, y, width, height: the core has columns first
    camera.set_region(rows=64, columns=96)
    assert camera.snap().shape == (64, 96)


@pytest.mark.parametrize(
    "region", [{"rows": 65, "columns": 2}, {"rows": 2, "columns": 97}, {"rows": 60, "columns": 90, "top": 5},
               {"rows": 60, "columns": 90, "left": 7}],
)  # fmt: skip
def test_regions_beyond_the_sensor_are_refused(demo: Any, region: dict[str, int]) -> None:
    camera = demo()
    camera.set_region(rows=8, columns=9, top=1, left=2)
    with pytest.raises(ValueError, match=r"a region of .* pixels at row .*, column .* is beyond the sensor of 64 x 96"):
        camera.set_region(**region)
    assert camera.shape == (8, 9)
    for wrong in ({"rows": 0, "columns": 3}, {"rows": 3, "columns": 3, "top": -1}):
        with pytest.raises(ValueError, match="is not allowed"):
            camera.set_region(**wrong)


def test_a_region_that_a_camera_remembers_is_left_for_the_whole_sensor(
    demo: Any, pymmcore: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Remembering(pymmcore.CMMCore):
        def setProperty(self, label: str, name: str, value: object) -> None:  # noqa: N802 (the core's name)
            super().setProperty(label, name, value)
            super().setROI(4, 3, 20, 10)

    monkeypatch.setattr(pymmcore, "CMMCore", Remembering)
    camera = demo()
    assert camera.shape == camera.sensor_shape == (64, 96)


def test_a_region_that_the_camera_rounds_is_refused_and_undone(demo: Any, pymmcore: Any, monkeypatch: Any) -> None:
    class Rounding(pymmcore.CMMCore):  # as cameras do whose columns are multiples of four
        def setROI(self, left: int, top: int, columns: int, rows: int) -> None:  # noqa: N802 (the core's name)
            super().setROI(left, top, columns // 4 * 4, rows)

    monkeypatch.setattr(pymmcore, "CMMCore", Rounding)
    camera = demo()
    camera.set_region(rows=9, columns=12, top=3)
    with pytest.raises(ValueError, match="10 x 15 pixels at row 0, column 2 is not granted, but a region of 10 x 12"):
        camera.set_region(rows=10, columns=15, left=2)
    assert camera.shape == (9, 12)


def test_bits_at_the_left_are_moved_to_the_right(demo: Any, pymmcore: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Left(pymmcore.CMMCore):
        def getImage(self) -> np.ndarray:  # noqa: N802 (the core's name)
            return super().getImage() << 4

    monkeypatch.setattr(pymmcore, "CMMCore", Left)
    camera = demo(alignment="left")
    camera.exposure_time = 10e-3
    counts = camera.snap()
    assert counts.max() < 1000  # 500 electrons above 100 DN
    assert np.any(counts % 16)
    camera = demo()
    with pytest.raises(DeviceError, match="says that it has 12 bits and counts to .*: give alignment='left'"):
        camera.snap()


def test_a_frame_that_does_not_arrive_may_be_asked_for_again(
    demo: Any, pymmcore: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    snaps: list[int] = []

    class Losing(pymmcore.CMMCore):
        def snapImage(self) -> None:  # noqa: N802 (the core's name)
            snaps.append(1)
            if len(snaps) == 2:
                raise RuntimeError("Camera image buffer read failed: time-out")
            super().snapImage()

        def getImage(self) -> np.ndarray:  # noqa: N802 (the core's name)
            return super().getImage()[: 5 if len(snaps) == 4 else None]

    monkeypatch.setattr(pymmcore, "CMMCore", Losing)
    camera = demo()
    camera.snap()
    with pytest.raises(FrameLostError, match="the camera Camera brought no frame .*time-out.*: ask for it again"):
        camera.snap()
    assert camera.snap().shape == (64, 96)
    with pytest.raises(FrameLostError, match=r"uint16 words of shape \(5, 96\), not a frame of \(64, 96\) pixels"):
        camera.snap()
    assert camera.snap().shape == (64, 96)


def test_a_configuration_names_the_camera(demo: Any, folder: str, tmp_path: Path) -> None:
    file = tmp_path / "bench.cfg"
    lines = ["Device,Eye,DemoCamera,DCam", "Property,Core,Initialize,1", "Property,Core,Camera,Eye"]
    file.write_text("\n".join(lines) + "\n")
    camera = demo(configuration=file, adapter=None, device=None)
    assert camera.shape == (64, 96)
    camera.exposure_time = 2e-3
    assert camera.snap().shape == (64, 96)
    file.write_text("Device,Lid,DemoCamera,DShutter\nProperty,Core,Initialize,1\n")
    with pytest.raises(DeviceAbsentError, match=r"bench.cfg has no camera: give it one as its role Camera"):
        demo(configuration=file, adapter=None, device=None)
    file.write_text("Device,Eye,NoSuchAdapter,DCam\n")
    with pytest.raises(DeviceAbsentError, match="bench.cfg did not load .*NoSuchAdapter"):
        demo(configuration=file, adapter=None, device=None)
    with pytest.raises(FileNotFoundError, match="none.cfg is not there: give the path"):
        demo(configuration=tmp_path / "none.cfg", adapter=None, device=None)


def test_pymmcore_plus_finds_the_adapters(demo: Any) -> None:
    pytest.importorskip("pymmcore_plus", reason=EXTRA)
    assert demo(adapter_folder=None).shape == (64, 96)


def test_a_closed_camera_says_so_and_closes_twice(demo: Any) -> None:
    with demo() as camera:
        core = camera._core
    camera.close()
    assert list(core.getLoadedDevices()) == ["Core"]
    with pytest.raises(DeviceError, match="the Micro-Manager camera is closed: make a new MicroManagerCamera"):
        camera.snap()
    with pytest.raises(DeviceError, match="is closed"):
        camera.exposure_time = 1e-3
    with pytest.raises(DeviceError, match="is closed"):
        camera.set_region(rows=2, columns=3)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"device": "Dcam"}, DeviceAbsentError, r"adapter DemoCamera has no device Dcam, but \['DCam', 'DWheel'"),
        (
            {"adapter": "Nothing"},
            DriverMissingError,
            r"adapter Nothing did not load from .*: it must be there, and made",
        ),
        (
            {"properties": {"BitDepth": 13}},
            DeviceError,
            r'property BitDepth = 13 is refused \(Cannot set property "Bit',
        ),
        (
            {"properties": {"PixelType": "32bitRGB"}},
            DeviceError,
            "delivers 4 values of 8 bits in 32 bits a pixel: set the",
        ),
        ({"properties": {"PixelType": "32bit"}}, DeviceError, "delivers 1 values of 32 bits in 32 bits a pixel"),
        ({"adapter": None}, ValueError, "which camera is meant is not clear"),
        ({"configuration": "some.cfg"}, ValueError, "which camera is meant is not clear"),
        ({"alignment": "middle"}, ValueError, "alignment = 'middle' is not known"),
        ({"exposure_step": 0}, ValueError, "exposure_step = 0 s"),
        ({"exposure_range": (2.0, 1.0)}, ValueError, r"exposure_range\[1\] = 1 s is not allowed: .* at least 2 s"),
        ({"device": "DWheel"}, DeviceAbsentError, "the camera DWheel of DemoCamera does not answer"),
    ],
)
def test_what_cannot_be_opened_is_refused_and_released(
    demo: Any, pymmcore: Any, monkeypatch: pytest.MonkeyPatch, settings: dict, error: type[Exception], message: str
) -> None:
    cores: list[Any] = []

    class Kept(pymmcore.CMMCore):
        def __init__(self) -> None:
            super().__init__()
            cores.append(self)

    monkeypatch.setattr(pymmcore, "CMMCore", Kept)
    with pytest.raises(error, match=message):
        demo(**settings)
    assert all(list(core.getLoadedDevices()) == ["Core"] for core in cores)


def test_a_camera_without_a_stated_range_needs_one(demo: Any, pymmcore: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(pymmcore.CMMCore):
        def hasPropertyLimits(self, label: str, name: str) -> bool:  # noqa: N802 (the core's name)
            return False

    monkeypatch.setattr(pymmcore, "CMMCore", Silent)
    with pytest.raises(ValueError, match="the camera Camera states no range of exposure times: give exposure_range"):
        demo()
    camera = demo(exposure_range=(1e-4, 0.5))
    assert camera.exposure_limits == (1e-4, 0.5, 1e-6)
    with pytest.raises(ValueError, match="exposure_time = 0.6 s is not allowed"):
        camera.exposure_time = 0.6


def test_missing_drivers_say_how_to_get_them(pymmcore: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plus = pytest.importorskip("pymmcore_plus", reason=EXTRA)
    monkeypatch.setattr(plus, "find_micromanager", lambda: None)
    with pytest.raises(
        DriverMissingError, match=r"no installation of Micro-Manager is found: run `mmcore install`, or"
    ):
        MicroManagerCamera(adapter="DemoCamera", device="DCam")
    for module in ("pymmcore_plus", "pymmcore"):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(DriverMissingError, match=r'pip install "opubench\[micro-manager\]"'):
            MicroManagerCamera(adapter="DemoCamera", device="DCam")
