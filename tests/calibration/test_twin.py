"""The twin of a bench: figures against a description that nobody told, the file, benches that cannot be identified."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from calibration.identification.protocol import ProtocolSettings, observe
from calibration.twin import Twin, identify_bench
from optics import (
    BenchDescription,
    Camera,
    Dmd,
    GaussianDescription,
    Laser,
    MacropixelLayout,
    SimulatedBench,
    load_bench,
)
from optics.bench import Exposure
from optics.devices import DeviceBench, SimulatedDevices

DEAD = (7, 41, 62)
DMD = Dmd(rows=120, columns=160, pitch=1e-5, efficiency=0.6, contrast_ratio=800)


class SecretBench:
    """A bench whose camera tells bits, pixels and exposure times; all else that it states is wrong."""

    def __init__(self, bench: SimulatedBench) -> None:
        self._bench = bench
        real = bench.camera
        self.camera = Camera(
            rows=real.rows, columns=real.columns, pixel_pitch=real.pixel_pitch, quantum_efficiency=0.5, full_well=3e5,
            gain=0.013, read_noise=50.0, bits=real.bits, black_level=0.0, shutter=real.shutter,
        )  # fmt: skip
        self.layout = bench.layout

    @property
    def exposure_time(self) -> float:
        return self._bench.exposure_time

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        self._bench.exposure_time = requested

    def expose(self, patterns: ArrayLike, *, reference: ArrayLike | None = None, light: bool = True) -> Exposure:
        return self._bench.expose(patterns, reference=reference, light=light)


@pytest.fixture(scope="module")
def description() -> BenchDescription:
    amplitudes = 1 + 0.3 * np.cos(np.arange(80) / 9)
    amplitudes[list(DEAD)] = 0
    return BenchDescription(
        name="secret", laser=Laser(wavelength=532e-9, power=2e-3, intensity_noise=0.006), dmd=DMD,
        layout=MacropixelLayout(block_rows=15, block_columns=16, grid_rows=8, grid_columns=10),
        medium=GaussianDescription(collected_fraction=2e-7),
        camera=Camera(
            rows=32, columns=44, pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=9000, gain=0.1, read_noise=12.0,
            bits=10, black_level=30.0, dsnu=4.0, dark_current=300.0,
        ),
        exposure_time=1e-4, macropixel_amplitudes=tuple(amplitudes.tolist()),
    )  # fmt: skip


@pytest.fixture(scope="module")
def twin(description: BenchDescription) -> Twin:
    bench = SecretBench(SimulatedBench(description, seed=5))
    return identify_bench(bench, wavelength=532e-9, dmd=replace(DMD, contrast_ratio=np.inf))


def test_figures_are_those_of_the_description_within_their_uncertainty(
    twin: Twin, description: BenchDescription
) -> None:
    camera = description.camera
    stated = {
        "gain": camera.gain, "black level": camera.black_level, "dark noise": camera.read_noise,
        "dark current": camera.dark_current, "DSNU": camera.dsnu, "full well": camera.full_well,
        "laser noise": description.laser.intensity_noise, "contrast ratio of the mirrors": DMD.contrast_ratio,
        "contrast of the speckle": 1.0,
    }  # fmt: skip
    figures = {figure.name: figure.measured for figure in twin.figures}
    for name, truth in stated.items():
        measured = figures[name]
        assert not measured.bound, name
        assert abs(measured.value - truth) < 4 * measured.uncertainty, name
        assert measured.uncertainty < 0.25 * truth, name


def test_amplitudes_are_found_and_dead_macropixels_are_dead(twin: Twin, description: BenchDescription) -> None:
    found, true = np.array(twin.description.macropixel_amplitudes), np.array(description.macropixel_amplitudes)
    assert tuple(np.flatnonzero(found == 0)) == DEAD
    live = true > 0
    ratio = found[live] / found[live].mean() - true[live] / true[live].mean()
    assert np.sqrt(np.mean(ratio**2)) < 1.3 * np.sqrt(1 / (4 * 32 * 44) + 0.006**2)  # speckle on as many pixels, laser


def test_its_light_is_that_of_the_bench(twin: Twin, description: BenchDescription) -> None:
    states = np.random.default_rng(1).random((12, 80)) < 0.3
    means = []
    for one, seed in ((description, 5), (twin.description, 6)):
        quiet = replace(one, laser=replace(one.laser, intensity_noise=0.0))
        bench = SimulatedBench(quiet, seed=seed)
        bench.exposure_time = twin.description.exposure_time
        means.append(float(bench.expose(states).counts.mean() - bench.expose(states, light=False).counts.mean()))
    assert means[1] == pytest.approx(means[0], rel=0.04)  # four standard errors: 12 patterns on 1408 pixels, twice


def test_the_protocol_keeps_to_its_frames(twin: Twin) -> None:
    assert 500 < twin.exposures <= 2000
    assert len(twin.choices) >= 7
    assert not twin.flags


def test_the_file_loads_as_the_same_bench_and_says_what_each_figure_is_worth(twin: Twin, tmp_path: Path) -> None:
    twin.save(tmp_path / "twin.toml")
    assert load_bench(tmp_path / "twin.toml") == twin.description
    text = (tmp_path / "twin.toml").read_text(encoding="utf-8")
    for words in ("DN/e", "±", "What frames cannot tell", "quantum efficiency, laser power and transmittance"):
        assert words in text


def test_a_bench_of_devices_is_identified_by_the_same_bits(description: BenchDescription) -> None:
    devices = SimulatedDevices(SimulatedBench(description, seed=5))
    settings = ProtocolSettings(halves=16, singles=80, bursts=3, burst=4)
    plain = observe(SimulatedBench(description, seed=5), settings=settings)
    with DeviceBench(
        devices.modulator, devices.camera, layout=description.layout, dmd=DMD, figures=description.camera,
        light_switch=devices.light_switch,
    ) as bench:  # fmt: skip
        real = observe(bench, settings=settings)
    assert real.exposures == plain.exposures
    for one, other in zip(real.dark, plain.dark, strict=True):
        assert (one.counts == other.counts).all()
    for name in ("overexposed", "halves", "off", "singles"):
        assert (getattr(real, name).counts == getattr(plain, name).counts).all()
        assert (getattr(real, name).states == getattr(plain, name).states).all()


def test_sets_are_what_they_are_said_to_be(description: BenchDescription) -> None:
    seen = observe(SimulatedBench(description, seed=2), settings=ProtocolSettings(halves=20, bursts=4, burst=6))
    top = description.camera.saturation
    assert [len(frames.counts) for frames in (seen.off, seen.singles, seen.halves)] == [16, 80, 20]
    assert (seen.singles.states == np.eye(80, dtype=bool)).all()
    assert len(np.unique(seen.halves.states, axis=0)) == 20
    assert not seen.off.states.any()
    assert [len(bursts) for bursts in seen.parts] == [4] * 4
    assert all((burst.states == bursts[0].states[0]).all() for bursts in seen.parts for burst in bursts)
    parts = np.array([bursts[0].states[0] for bursts in seen.parts])
    assert parts.sum(axis=1).tolist() == [20] * 4
    assert (parts.sum(axis=0) == 1).all()
    times = [frames.exposure_time for frames in seen.ladder]
    assert times == sorted(times)
    assert len(times) >= 12
    assert np.mean(seen.overexposed.counts >= top) > 0.2
    assert np.mean(seen.halves.counts >= top) < 0.01
    assert 0.05 < (seen.halves.counts.mean() - 30) / (top - 30) < 0.4


def test_light_that_no_camera_bears_or_sees_is_told(description: BenchDescription) -> None:
    strong = replace(description, laser=replace(description.laser, power=90.0))
    camera = replace(description.camera, shutter=replace(description.camera.shutter, exposure_minimum=1e-3))
    with pytest.raises(ValueError, match=r"too strong: at 0.001 s, the camera's shortest exposure, the brightest"):
        observe(SimulatedBench(replace(strong, camera=camera, exposure_time=1e-3), seed=1))
    weak = replace(description, laser=replace(description.laser, power=1e-12))
    with pytest.raises(ValueError, match=r"no light was found: at .* check the laser, its shutter"):
        observe(SimulatedBench(weak, seed=1))


def test_a_camera_whose_frames_fill_the_memory_is_refused(description: BenchDescription) -> None:
    bench = SecretBench(SimulatedBench(description, seed=1))
    bench.camera = replace(bench.camera, rows=1088, columns=2040)
    with pytest.raises(ValueError, match=r"1088 x 2040 pixels, of 262144 at most .* read out a region"):
        observe(bench)


def test_frames_that_stay_lost_stop_it(description: BenchDescription) -> None:
    class Lossy(SecretBench):
        def expose(self, patterns: ArrayLike, *, reference: ArrayLike | None = None, light: bool = True) -> Exposure:
            exposure = super().expose(patterns, light=light)
            return replace(exposure, valid=np.zeros(len(exposure.valid), np.bool_))

    with pytest.raises(ValueError, match=r"2 of 2 frames were lost 6 times running"):
        observe(Lossy(SimulatedBench(description, seed=1)))


def test_a_frame_that_is_lost_now_and_then_changes_no_place(description: BenchDescription) -> None:
    class Lossy(SecretBench):
        calls = 0

        def expose(self, patterns: ArrayLike, *, reference: ArrayLike | None = None, light: bool = True) -> Exposure:
            exposure = super().expose(patterns, light=light)
            self.calls += 1
            valid = np.arange(len(exposure.valid)) % 7 != self.calls % 7
            counts = exposure.counts.copy()
            counts[~valid] = 0
            return replace(exposure, valid=valid, counts=counts)

    still = replace(description, laser=replace(description.laser, intensity_noise=0.0))
    seen = observe(Lossy(SimulatedBench(still, seed=1)), settings=ProtocolSettings(halves=20, bursts=3, burst=8))
    truth = SimulatedBench(still, seed=1).truth.intensity(seen.singles.states).reshape(80, -1)
    counts = seen.singles.counts.reshape(80, -1).astype(float)
    live = [index for index in range(80) if index not in DEAD]
    shares = [np.corrcoef(counts[index], truth[index])[0, 1] for index in live]
    assert min(shares) > 0.8


def test_wrong_requests_are_refused(description: BenchDescription) -> None:
    bench = SimulatedBench(description, seed=1)
    with pytest.raises(ValueError, match="components = 80"):
        identify_bench(bench, wavelength=532e-9, dmd=DMD, components=80)
    with pytest.raises(ValueError, match="the layout needs 120 x 160 mirrors, the DMD has 60 x 160"):
        identify_bench(bench, wavelength=532e-9, dmd=replace(DMD, rows=60))
    with pytest.raises(ValueError, match="bursts = 1"):
        ProtocolSettings(bursts=1)
