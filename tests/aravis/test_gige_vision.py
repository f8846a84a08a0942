"""Our simulator as a GigE Vision camera on 127.0.0.1, acquired over the real protocol from another process."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from calibration import AnchorProjector
from optics import BenchDescription, FrameRenderer, Shutter, SimulatedBench
from optics.devices.device_bench import DeviceBench
from optics.devices.errors import DeviceAbsentError, DeviceError, DriverMissingError, FrameLostError
from optics.devices.protocols import FrameCamera, LightSwitch, Modulator
from tests.aravis import served_bench
from tests.aravis.camera import AravisCamera
from tests.aravis.library import libraries
from tests.aravis.remote_bench import Remote, RemoteModulator, RemoteSwitch, served

try:
    libraries()
except DriverMissingError as error:
    pytest.skip(f"Aravis is not here: {error}", allow_module_level=True)

SEED = 4
PATIENCE = 10.0
"""Time after which a frame counts as lost where none is, in seconds: long, for machines that are busy."""


@pytest.fixture
def wired(description: BenchDescription) -> BenchDescription:
    """The small bench in Mono16, with the exposure times of the fake camera."""
    shutter = Shutter(exposure_minimum=1e-5, exposure_maximum=10.0, exposure_step=1e-6)
    return replace(description, camera=replace(description.camera, bits=16, gain=6.4, shutter=shutter))


@pytest.fixture(params=["Mono8", "Mono16"])
def in_both_formats(
    wired: BenchDescription, description: BenchDescription, request: pytest.FixtureRequest
) -> BenchDescription:
    """The same, and with 8 bits."""
    eight = replace(description.camera, shutter=wired.camera.shutter)
    return wired if request.param == "Mono16" else replace(wired, camera=eight)


@pytest.fixture(scope="module")
def remote() -> Iterator[Remote]:
    """The process that serves the bench of each test."""
    with served() as near:
        yield near


@contextmanager
def over_the_wire(
    remote: Remote, description: BenchDescription, *, timeout: float = PATIENCE
) -> Iterator[AravisCamera]:
    """Serve a bench and connect to its camera."""
    remote.ask("put", description, SEED)
    with AravisCamera("127.0.0.1", bit_depth=description.camera.bits, timeout=timeout) as camera:
        camera.exposure_time = description.exposure_time
        yield camera


def mirrors(remote: Remote, description: BenchDescription) -> RemoteModulator:
    """Return the mirrors of the bench that is served."""
    return RemoteModulator(remote, shape=(description.dmd.rows, description.dmd.columns))


def device_bench(remote: Remote, camera: AravisCamera, description: BenchDescription) -> DeviceBench:
    """Return the bench that is served as a bench of real devices."""
    return DeviceBench(
        mirrors(remote, description), camera, layout=description.layout, dmd=description.dmd,
        figures=description.camera, light_switch=RemoteSwitch(remote),
    )  # fmt: skip


def test_frames_are_those_of_the_simulated_bench(
    remote: Remote, in_both_formats: BenchDescription, rng: np.random.Generator
) -> None:
    wired = in_both_formats
    states = rng.random((70, wired.layout.inputs)) < 0.4  # more than the mirrors hold at a time
    simulated = SimulatedBench(wired, seed=SEED)
    with over_the_wire(remote, wired) as camera, device_bench(remote, camera, wired) as bench:
        for time_, light, part in ((1e-3, True, states), (2.5e-3, True, states[:5]), (2.5e-3, False, states[:3])):
            bench.exposure_time = simulated.exposure_time = time_
            seen, expected = bench.expose(part, light=light), simulated.expose(part, light=light)
            assert seen.counts.dtype == expected.counts.dtype
            assert np.array_equal(seen.counts, expected.counts)
            assert seen.valid.all()
            assert seen.exposure_time == expected.exposure_time


def test_projections_are_those_of_the_simulated_bench(
    remote: Remote, in_both_formats: BenchDescription, rng: np.random.Generator
) -> None:
    wired = in_both_formats
    vectors = rng.integers(-1, 2, (6, 12))
    simulated = SimulatedBench(wired, seed=SEED)
    expected = AnchorProjector(simulated, components=12, outputs=200, stored_exposures=4).project(vectors)
    with over_the_wire(remote, wired) as camera, device_bench(remote, camera, wired) as bench:
        seen = AnchorProjector(bench, components=12, outputs=200, stored_exposures=4).project(vectors)
    assert np.array_equal(seen.value, expected.value)
    assert np.array_equal(seen.standard_error, expected.standard_error)
    assert np.isfinite(seen.standard_error).all()


def test_exposure_times_are_seconds_here_and_whole_microseconds_on_the_wire(
    remote: Remote, wired: BenchDescription
) -> None:
    with over_the_wire(remote, wired) as camera:
        assert isinstance(camera, FrameCamera)
        assert isinstance(mirrors(remote, wired), Modulator)
        assert isinstance(RemoteSwitch(remote), LightSwitch)
        assert camera.shape == wired.camera.shape
        assert camera.exposure_limits == (1e-5, 10.0, 1e-6)
        camera.exposure_time = 1.2344e-3
        assert camera.exposure_time == pytest.approx(1.234e-3, rel=1e-12)
        for refused in (9e-6, 10.1):
            with pytest.raises(ValueError, match=f"exposure_time = {refused:g} s is not allowed: it must be"):
                camera.exposure_time = refused
        assert camera.exposure_time == pytest.approx(1.234e-3, rel=1e-12)


def test_light_grows_with_the_exposure_time_that_was_sent(remote: Remote, wired: BenchDescription) -> None:
    camera_ = wired.camera
    with over_the_wire(remote, wired) as camera:
        modulator = mirrors(remote, wired)
        modulator.load(np.ones((1, *modulator.shape), np.bool_) & (wired.layout.mirror_inputs(wired.dmd) >= 0))
        modulator.show(0)
        charges: list[float] = []
        for exposure_time in (1e-4, 3e-4):
            camera.exposure_time = exposure_time
            charges.append((camera.snap().mean() - camera_.black_level) / camera_.gain)
    # The same grains twice: what differs is shot and read noise, over all pixels; a few hundred electrons do not clip.
    errors = [np.sqrt((charge + camera_.read_noise**2) / camera_.pixels) / charge for charge in charges]
    assert 100 < charges[0] < 500
    assert charges[1] / charges[0] == pytest.approx(3, rel=4 * np.hypot(*errors))


def test_frames_are_exposed_when_they_are_triggered(remote: Remote, wired: BenchDescription) -> None:
    with over_the_wire(remote, wired) as camera:
        for frames in range(3):
            time.sleep(0.1)  # a camera that ran freely would take tens of frames
            assert remote.ask("exposures") == frames
            camera.snap()


@pytest.mark.parametrize(
    ("lost", "late", "message"),
    [
        (1.0, 0.0, r"no frame came within 1\.01 s of its trigger"),
        (0.5, 0.0, r"a frame came damaged"),
        (0.0, 1.4, r"no frame came within 1\.01 s of its trigger"),
    ],
    ids=["all packets lost", "half the packets lost", "too late"],
)
def test_a_lost_frame_is_told_and_does_not_come_back_as_the_next(
    remote: Remote, description: BenchDescription, lost: float, late: float, message: str
) -> None:
    # 41 kB travel in tens of packets: of half of them neither all nor none are lost.
    large = replace(description.camera, rows=128, columns=160, bits=16, gain=6.4)
    wired = replace(description, camera=large, exposure_time=1e-2)
    states = np.zeros((2, wired.layout.inputs), np.bool_)
    states[1] = True
    expected = SimulatedBench(wired, seed=SEED).expose(states[[0, 0, 1]]).counts[2]
    with over_the_wire(remote, wired) as camera:
        modulator = mirrors(remote, wired)
        modulator.load(FrameRenderer(wired.layout, wired.dmd).render(states))
        camera.snap()
        remote.ask("spoil", 1, lost, late)
        camera.timeout = 1.0
        with pytest.raises(FrameLostError, match=message):
            camera.snap()
        camera.timeout = PATIENCE
        modulator.show(1)
        assert np.array_equal(camera.snap(), expected)


def test_a_bench_of_devices_takes_a_lost_frame_again_and_shifts_nothing(
    remote: Remote, wired: BenchDescription, rng: np.random.Generator
) -> None:
    states = rng.random((3, wired.layout.inputs)) < 0.4
    # The second frame is lost, so the second pattern is exposed twice.
    expected = SimulatedBench(wired, seed=SEED).expose(states[[0, 1, 1, 2]]).counts[[0, 2, 3]]
    with over_the_wire(remote, wired, timeout=2.0) as camera, device_bench(remote, camera, wired) as bench:
        remote.ask("spoil", 1, 1.0, 0.0)
        seen = bench.expose(states)
        assert remote.ask("exposures") == 4
    assert np.array_equal(seen.counts, expected)
    assert seen.valid.all()


def test_a_mask_that_is_no_pattern_of_macropixels_is_refused(remote: Remote, description: BenchDescription) -> None:
    remote.ask("put", description, SEED)
    modulator = mirrors(remote, description)
    modulator.load(np.eye(*modulator.shape, dtype=np.bool_)[np.newaxis])
    with pytest.raises(ValueError, match="the mask is not made of the layout's macropixels"):
        modulator.show(0)


def test_a_port_that_another_camera_holds_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((served_bench.HOST, 0))
        monkeypatch.setattr(served_bench, "PORT", other.getsockname()[1])
        monkeypatch.setattr(served_bench, "PORT_PATIENCE", 0.0)
        with pytest.raises(DeviceError, match="is not free: is another camera there"):
            served_bench.claim_port()
    served_bench.claim_port().close()


def test_a_camera_that_is_not_there_is_told() -> None:
    with pytest.raises(DeviceAbsentError, match=r"no GigE Vision camera answers at 127\.0\.0\.2"):
        AravisCamera("127.0.0.2", bit_depth=8)
