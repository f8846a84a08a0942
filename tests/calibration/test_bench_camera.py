"""The camera of a bench from the bench's own light: figures recovered, uncertainties honest, PRNU only where even."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration import (
    CameraReport,
    FrameStacks,
    LightSeries,
    characterise_bench_camera,
    characterise_camera,
    format_datasheet,
)
from calibration.__main__ import main
from calibration.cameras.figures import draw_camera
from calibration.cameras.nonuniformity import nonuniformity
from calibration.cameras.report import report_arrays, report_table
from calibration.cameras.saturated_pixels import saturated_signal
from calibration.cameras.uncertainty import exact
from optics import BenchDescription, Camera, SimulatedBench
from optics.archive import load_archive
from tests.calibration.bench_media import even_light
from tests.calibration.simulated_frames import changed

CAMERAS: dict[str, dict[str, float]] = {
    "8 bit": {"bits": 8, "gain": 0.06, "read_noise": 10.0, "full_well": 4000.0, "black_level": 5.3},
    "12 bit": {"bits": 12, "gain": 0.38, "read_noise": 4.0, "full_well": 10_000.0, "black_level": 40.2},
    "12 bit, converter first": {"bits": 12, "gain": 0.6, "read_noise": 4.0, "full_well": 10_000.0, "black_level": 40.2},
}
PATTERN = np.arange(63) % 2 == 0


def speckle_bench(
    description: BenchDescription, *, seed: int, rows: int = 96, columns: int = 130, laser: float = 0.0,
    **camera: float,
) -> SimulatedBench:  # fmt: skip
    """The small bench with a larger camera, and light that takes some milliseconds."""
    given = {"rows": rows, "columns": columns, "dsnu": 3.0, "prnu": 0.01, "dark_current": 2000.0, **camera}
    medium = replace(description.medium, collected_fraction=4e-7 * rows * columns / 720)
    source = replace(description.laser, intensity_noise=laser)
    device = changed(description.camera, **given)
    return SimulatedBench(replace(description, camera=device, medium=medium, laser=source), seed=seed)


def even_bench(description: BenchDescription, *, seed: int, laser: float = 0.0) -> SimulatedBench:
    """The bench with even light."""
    medium = even_light(shape=(48, 60), inputs=64)
    device = replace(description.camera, rows=48, columns=60, prnu=0.015, dsnu=3.0, **CAMERAS["12 bit"])
    source = replace(description.laser, intensity_noise=laser)
    return SimulatedBench(replace(description, camera=device, laser=source), seed=seed, medium=medium)


@pytest.mark.parametrize("name", CAMERAS)
def test_a_camera_is_recovered_under_speckle(description: BenchDescription, name: str) -> None:
    bench = speckle_bench(description, seed=4, **CAMERAS[name])
    camera = bench.camera
    light = float(bench.truth.intensity(PATTERN[np.newaxis]).mean())
    report = characterise_bench_camera(bench, photon_rate=light, pattern=PATTERN)
    found = report.transfer
    # 12 000 pixels count for half as many, 2 % a level, 50 levels: 0.4 %; the figure quotes it itself.
    assert found.gain.uncertainty < 0.005 * camera.gain
    assert found.gain.value == pytest.approx(camera.gain, abs=4 * found.gain.uncertainty)
    # 12 000 pixels in 100 dark pairs: the dark variance is known to 0.2 %, the gain rules.
    assert found.dark_noise.value == pytest.approx(camera.read_noise, abs=4 * found.dark_noise.uncertainty)
    assert found.dark_noise.uncertainty < 0.01 * camera.read_noise
    # The chosen pixels have offsets of their own: 3 e rms over 12 000 of them.
    offsets = 4 * camera.gain * 3 / np.sqrt(12_000)
    black = found.dark.black_level
    assert black.value == pytest.approx(camera.black_level, abs=offsets + 4 * black.uncertainty)
    assert found.dark_current_mean is not None
    assert found.dark_current_mean.value == pytest.approx(2000.0, abs=4 * found.dark_current_mean.uncertainty)
    charge = found.saturation_charge
    assert not charge.bound
    assert charge.value == pytest.approx(camera.saturation_charge, abs=4 * charge.uncertainty)
    assert charge.uncertainty < 0.01 * charge.value
    # The response is that of the pixels with 1 % rms of PRNU; the ratio of chosen to all comes from 16 frames.
    assert found.quantum_efficiency is not None
    efficiency = found.quantum_efficiency
    assert efficiency.value == pytest.approx(0.6, abs=4 * np.hypot(efficiency.uncertainty, 0.6 * 0.02 / np.sqrt(12e3)))
    assert report.shape == (96, 130)
    assert report.exact is None


def test_what_speckle_cannot_tell_is_declined_with_the_reason(description: BenchDescription) -> None:
    bench = speckle_bench(description, seed=2, rows=40, columns=50, **CAMERAS["12 bit"])
    report = characterise_bench_camera(bench, levels=12, stack=20)
    assert any(flag.startswith("PRNU declined: the light is speckle") for flag in report.flags)
    assert report.pattern is not None
    assert report.pattern.prnu is None
    # 2000 pixels, 20 frames: 3 e of pattern against 4 / sqrt(20) of noise.
    dsnu = report.pattern.dsnu["total"]
    assert dsnu.value == pytest.approx(3.0, abs=4 * np.hypot(dsnu.uncertainty, 3 / np.sqrt(4000)))
    sheet = format_datasheet(report)
    assert sheet.count("not measured") >= 4
    assert "Laser intensity noise" in sheet
    assert set(draw_camera(report)) == {"photon_transfer", "signal_to_noise", "linearity", "histograms"}
    arrays, units = report_arrays(report)
    assert "bright_image" not in arrays
    assert units.keys() >= arrays.keys() - {"used"}
    assert json.dumps(report_table(report))


def test_the_uncertainty_of_the_gain_is_its_scatter(description: BenchDescription) -> None:
    repeats = 60
    bench = speckle_bench(description, seed=5, rows=40, columns=60, laser=0.005, **CAMERAS["12 bit"])
    gains = [characterise_bench_camera(bench, levels=20, stack=2).transfer.gain for _ in range(repeats)]
    deviations = np.array([(gain.value - 0.38) / gain.uncertainty for gain in gains])
    # The sum of 60 squares has a mean of 60 and a standard deviation of sqrt(120); their mean one of 1 / sqrt(60).
    assert np.mean(deviations**2) == pytest.approx(1, abs=4 * np.sqrt(2 / repeats))
    assert abs(deviations.mean()) < 4 / np.sqrt(repeats)


def test_one_per_cent_of_laser_noise_is_found_and_removed(description: BenchDescription) -> None:
    bench = speckle_bench(description, seed=6, laser=0.01, **CAMERAS["12 bit"])
    transfer = characterise_bench_camera(bench).transfer
    assert transfer.laser_noise is not None
    # The rms of 50 draws of a change has a relative standard error of 1 / sqrt(100).
    assert transfer.laser_noise.value == pytest.approx(0.01, rel=4 / np.sqrt(100))
    assert transfer.laser_noise.uncertainty == pytest.approx(0.001, rel=0.3)
    # Left in, it would raise the gain by about 13 %, thirty times the uncertainty.
    assert transfer.gain.value == pytest.approx(0.38, abs=4 * transfer.gain.uncertainty)
    quiet = characterise_bench_camera(speckle_bench(description, seed=6, **CAMERAS["12 bit"])).transfer
    assert quiet.laser_noise is not None
    assert quiet.laser_noise.value < 0.001


def test_rounding_that_hides_the_noise_does_not_bias_the_gain(description: BenchDescription) -> None:
    # 0.3 DN of dark noise around a whole count: the dark variance is 0.05 DN^2 too small, which would raise the
    # slope through the origin by 0.05 x 1.5 over the largest mean signal, 7 % here.
    settings = {"bits": 8, "gain": 0.025, "read_noise": 12.0, "full_well": 10_000.0, "black_level": 3.0, "dsnu": 0.0}
    report = characterise_bench_camera(speckle_bench(description, seed=3, **settings))
    gain = report.transfer.gain
    assert gain.value == pytest.approx(0.025, abs=3 * gain.uncertainty)
    assert gain.uncertainty < 0.03 * gain.value
    assert any("the gain holds (free intercept)" in flag for flag in report.flags)


def test_under_even_light_the_whole_standard_is_done(description: BenchDescription) -> None:
    bench = even_bench(description, seed=7, laser=0.003)
    report = characterise_bench_camera(bench, flat_field=True, likelihood=False)
    gain = report.transfer.gain
    assert gain.value == pytest.approx(0.38, abs=4 * gain.uncertainty)
    assert gain.uncertainty < 0.01 * 0.38  # 2880 pixels, 32 levels
    assert report.pattern is not None
    assert report.pattern.prnu is not None
    # The pattern that was drawn: 2880 pixels know 1.5 % to 1 / sqrt(2 x 2880).
    prnu = report.pattern.prnu["total"]
    assert prnu.value == pytest.approx(0.015, abs=4 * np.hypot(prnu.uncertainty, 0.015 / np.sqrt(5760)))
    assert prnu.uncertainty < 0.05 * prnu.value
    assert not any("declined" in flag for flag in report.flags)
    assert report.transfer.laser_noise is None
    # The variance is largest three deviations of shot noise below full well, 3 %; levels are 2.2 % apart, and the
    # variance of one is known to 2.6 %, so that chance moves the largest by some levels.
    well = report.transfer.saturation_charge.value
    assert 0.88 * 10_000 < well < 1.03 * 10_000


def test_speckle_declared_even_is_refused(description: BenchDescription) -> None:
    bench = speckle_bench(description, seed=1, rows=24, columns=30)
    with pytest.raises(ValueError, match=r"declared flat, but its contrast is [01]\.\d\d: this is speckle"):
        characterise_bench_camera(bench, flat_field=True)
    assert bench.exposures < 10  # found before the campaign


def test_light_that_never_saturates_gives_a_bound(description: BenchDescription) -> None:
    bench = speckle_bench(description, seed=1, rows=40, columns=50, exposure_maximum=8e-3, **CAMERAS["12 bit"])
    report = characterise_bench_camera(bench, levels=12, stack=2)
    assert report.transfer.saturation_charge.bound == "lower"
    assert any("saturation is a bound" in flag for flag in report.flags)


class MisstatedBench(SimulatedBench):
    """A bench whose camera is described with a full well that it does not have."""

    @property
    def camera(self) -> Camera:
        return replace(self.description.camera, full_well=1.3 * self.description.camera.full_well)


def test_a_full_well_that_is_smaller_than_stated_is_found_and_said(description: BenchDescription) -> None:
    true = speckle_bench(description, seed=8, **CAMERAS["12 bit"] | {"gain": 0.25})
    report = characterise_bench_camera(MisstatedBench(true.description, seed=8))
    transfer = report.transfer
    assert any("the camera is said to do so at" in flag for flag in report.flags)
    assert transfer.saturation_charge.value == pytest.approx(10_000, abs=4 * transfer.saturation_charge.uncertainty)
    # The pixels are chosen by what was found, so that none saturates and the gain is right.
    assert transfer.gain.value == pytest.approx(0.25, abs=4 * transfer.gain.uncertainty)


def test_prnu_is_not_made_of_speckle_from_anywhere(rng: np.random.Generator) -> None:
    light = np.rint(rng.exponential(80, (20, 24)) + 10).clip(0, 254).astype(np.uint8)
    bright, dark = np.stack([light, light]), np.full((2, 20, 24), 10, np.uint8)
    stacks = FrameStacks(bright=bright, dark=dark, bits=8)
    with pytest.raises(ValueError, match="declared flat, but its contrast is .*: this is speckle"):
        nonuniformity(stacks, gain=exact(0.1))
    pairs = np.stack([bright] * 8)
    series = LightSeries(bright=pairs, dark=np.stack([dark] * 8), bits=8, even_light=False)
    with pytest.raises(ValueError, match="PRNU needs even light, and that of the series is not"):
        characterise_camera(series, stacks=stacks)


def test_a_pile_up_is_told_from_a_slope(rng: np.random.Generator) -> None:
    expected = rng.exponential(150.0, (30, 40))
    dark = np.full((4, 30, 40), 10, np.uint8)
    clipped = np.rint(np.minimum(expected, 200) + 10).astype(np.uint8)[np.newaxis].repeat(4, axis=0)
    found = saturated_signal(clipped, dark, expected=expected, span=200.0)
    assert found.value == pytest.approx(200, abs=4 * found.uncertainty)
    assert not found.bound
    assert found.uncertainty == pytest.approx(1 / np.sqrt(12))
    still = saturated_signal(clipped, dark, expected=expected, span=100.0)  # half of the truth is stated
    assert still.bound == "lower"
    assert saturated_signal(clipped[:, :3, :3], dark[:, :3, :3], expected=expected[:3, :3], span=200.0).bound == "lower"


def test_bad_requests_are_refused(description: BenchDescription) -> None:
    bench = speckle_bench(description, seed=1, rows=24, columns=30)
    with pytest.raises(ValueError, match="levels = 3 is not allowed"):
        characterise_bench_camera(bench, levels=3)
    with pytest.raises(ValueError, match="photon_rate = -1"):
        characterise_bench_camera(bench, photon_rate=-1.0)
    with pytest.raises(ValueError, match="give the pattern that it was measured with"):
        characterise_bench_camera(bench, photon_rate=1e6)
    with pytest.raises(TypeError, match="pattern must be boolean"):
        characterise_bench_camera(bench, pattern=np.ones(63))
    narrow = speckle_bench(description, seed=1, rows=300, columns=8)
    with pytest.raises(ValueError, match="8 are needed: read out a wider region"):
        characterise_bench_camera(narrow)
    coarse = speckle_bench(description, seed=1, rows=24, columns=30, exposure_step=5e-3)
    with pytest.raises(ValueError, match="6 are needed: attenuate the laser"):
        characterise_bench_camera(coarse, pattern=PATTERN)


def test_progress_sees_every_exposure_time(description: BenchDescription) -> None:
    seen: list[float] = []
    bench = speckle_bench(description, seed=1, rows=24, columns=30)
    characterise_bench_camera(bench, levels=8, stack=2, progress=lambda times: (seen.append(t) or t for t in times))
    assert len(seen) == 8
    assert seen == sorted(seen)


def test_the_command_characterises_the_camera_of_a_bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "one"
    assert main(["camera", "--bench", "table_top", "--seed", "3", "--output", str(folder)]) == 0
    said = capsys.readouterr()
    assert "PRNU declined" in said.out
    assert "exposure times" in said.err
    assert {path.name for path in folder.iterdir()} == {
        "camera.h5", "datasheet.txt", "histograms.png", "linearity.png", "photon_transfer.png", "signal_to_noise.png",
    }  # fmt: skip
    _, table = load_archive(folder / "camera.h5")
    gain = next(row for row in table["figures"]["Light to counts"] if row["symbol"] == "K")
    assert gain["value"] == pytest.approx(0.38, abs=4 * gain["uncertainty"])
    assert "Light source" in table["figures"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either FRAMES, a file or folder of frames, or --bench"),
        (["frames.npz", "--bench", "opu"], "give either FRAMES"),
        (["--bench", "opu", "--bits", "8"], "--bits goes with FRAMES: leave it out"),
        (["frames.npz", "--seed", "0"], "--seed goes with --bench: leave it out"),
        (["frames.npz", "--flat-field"], "--flat-field goes with --bench: leave it out"),
        (["--bench", "optu"], "did you mean 'opu'"),
        (["--bench", "table_top", "--flat-field"], "the light is declared flat, but its contrast is"),
    ],
)
def test_wrong_command_lines_are_answered_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str],
    message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["camera", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def report_of(bench: SimulatedBench) -> CameraReport:
    """A quick report."""
    return characterise_bench_camera(bench, levels=8, stack=2)


def test_row_noise_is_in_the_uncertainty_of_the_dark_noise(description: BenchDescription) -> None:
    # Rows are kept as rows when pixels are chosen, so that noise of whole rows is seen and widens the figures.
    plain, lines = (
        report_of(speckle_bench(description, seed=4, rows=40, columns=50, row_noise=noise, **CAMERAS["12 bit"]))
        for noise in (0.0, 8.0)
    )
    assert lines.transfer.dark.black_level.uncertainty > 2 * plain.transfer.dark.black_level.uncertainty
