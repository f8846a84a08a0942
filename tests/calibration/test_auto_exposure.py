"""The exposure that suits speckle, found from frames alone."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import ExposureChoice, auto_exposure, best_full_scale
from optics import BenchDescription, SimulatedBench
from optics.bench import Exposure
from tests.calibration.bench_media import even_light, gaussian_modes
from tests.calibration.simulated_frames import changed

PATTERN = np.arange(63) % 2 == 0
STARTS = (1e-6, 3e-5, 1e-3, 2e-2, 0.7)
"""Exposure times, in seconds; about 0.8 ms is right."""


def sized(description: BenchDescription, *, rows: int = 24, columns: int = 30, bits: int = 8, start: float = 1e-3,
          **camera: float) -> BenchDescription:  # fmt: skip
    """The small bench with another camera, as much light on each pixel."""
    changes: dict[str, float] = {"rows": rows, "columns": columns, "bits": bits, "exposure_step": 1e-7}
    if bits == 12:
        changes |= {"gain": 0.38, "read_noise": 2.4, "black_level": 40.0}
    device = changed(description.camera, **changes | {"dsnu": 5.0, "prnu": 0.01, "dark_current": 100.0} | camera)
    medium = replace(description.medium, collected_fraction=4e-6 * rows * columns / 720)
    return replace(description, camera=device, medium=medium, exposure_time=start)


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("shape", [(24, 30), (96, 130)])
@pytest.mark.parametrize("start", STARTS)
def test_from_six_decades_of_exposures_it_arrives_in_few_frames(
    description: BenchDescription, bits: int, shape: tuple[int, int], start: float
) -> None:
    bench = SimulatedBench(sized(description, rows=shape[0], columns=shape[1], bits=bits, start=start), seed=1)
    choice = auto_exposure(bench, PATTERN)
    assert choice.light_frames <= 4
    assert choice.dark_frames <= 3
    assert bench.exposures == choice.light_frames + choice.dark_frames
    assert choice.flags == ()
    assert bench.exposure_time == choice.exposure_time
    # The search stops within 5 % of the optimum, by the contrast that it measures.
    best = best_full_scale(bench.camera, choice.degrees_of_freedom)
    assert choice.full_scale == pytest.approx(best, rel=0.052)
    # The contrast of n grains: C^2 of an exponential law has a relative standard error of sqrt(8 / n).
    pixels = shape[0] * shape[1]
    assert 1 / choice.degrees_of_freedom == pytest.approx(1, abs=4 * np.sqrt(8 / pixels))
    # Truth: the light without noise. The mean of the counts knows it but for PRNU, shot noise and DSNU's share.
    light = bench.truth.intensity(PATTERN[np.newaxis])[0] * bench.camera.quantum_efficiency
    signal = float(light.mean()) * choice.exposure_time * bench.camera.gain
    assert choice.mean_signal == pytest.approx(signal, rel=4 * np.hypot(0.02, 0.03) / np.sqrt(pixels) + 0.005)


@pytest.mark.parametrize("factor", [3.0, 12.0, 40.0])
def test_one_partly_saturated_frame_tells_the_exposure(description: BenchDescription, factor: float) -> None:
    # S = -ln p from 50 000 pixels: 2 % where S = 0.25, and the second frame is then within the 5 % that are left alone.
    good = auto_exposure(SimulatedBench(sized(description, rows=200, columns=250), seed=1), PATTERN).exposure_time
    bench = SimulatedBench(sized(description, rows=200, columns=250, start=good * factor), seed=1)
    choice = auto_exposure(bench, PATTERN)
    assert (choice.light_frames, choice.dark_frames) == (2, 1)
    assert choice.exposure_time == pytest.approx(good, rel=0.1)


def test_contrast_and_mean_are_those_before_clipping(description: BenchDescription) -> None:
    # Six bits and 3 DN of noise belong at S = 4.2, where 1.5 % of the pixels clip.
    settings = {"bits": 6, "gain": 0.0064, "read_noise": 470.0, "black_level": 12.0}
    bench = SimulatedBench(sized(description, rows=200, columns=250, **settings), seed=1)
    choice = auto_exposure(bench, PATTERN)
    assert 0.01 < choice.clipped_fraction < 0.02
    light = bench.truth.intensity(PATTERN[np.newaxis])[0] * bench.camera.quantum_efficiency * choice.exposure_time
    # The truth is that of these grains; what is left is noise of 3 DN on 12, over 50 000 pixels. Left clipped, the
    # squared contrast would be 0.90 of the truth (law L47), and S 1.5 % too large.
    assert 1 / choice.degrees_of_freedom == pytest.approx(float(light.var() / light.mean() ** 2), abs=0.03)
    scale = (bench.camera.saturation - 12) / (0.0064 * float(light.mean()))
    assert choice.full_scale == pytest.approx(scale, rel=0.006)


def test_the_clipped_fraction_is_that_of_the_frames(description: BenchDescription) -> None:
    # Noise makes S* small: 400 electrons at saturation, so that the fraction can be counted over 12 480 pixels.
    bench = SimulatedBench(sized(description, rows=96, columns=130, full_well=400.0, gain=0.6), seed=3)
    choice = auto_exposure(bench, PATTERN)
    light = bench.truth.intensity(PATTERN[np.newaxis])[0] * bench.camera.quantum_efficiency * choice.exposure_time
    scale = (bench.camera.saturation - 3) / 0.6
    truth = float(np.mean(light >= scale))
    # Shot noise carries pixels across the edge: 5 % of its charge, both ways, and the frame is one draw.
    error = 4 * np.sqrt(truth / light.size) + 0.2 * truth
    assert choice.clipped_fraction == pytest.approx(truth, abs=error)
    assert choice.predicted_clipped_fraction == pytest.approx(truth, abs=error)
    assert choice.predicted_clipped_fraction > 5e-4  # or the comparison would be empty


@pytest.mark.parametrize("bits", [8, 12])
def test_no_exposure_measures_intensities_better(
    description: BenchDescription, rng: np.random.Generator, bits: int
) -> None:
    bench = SimulatedBench(sized(description, rows=240, columns=260, bits=bits, start=5e-5, dsnu=0.0, prnu=0.0), seed=3)
    choice = auto_exposure(bench, PATTERN)
    camera = bench.camera
    patterns = rng.permuted(np.tile(PATTERN, (24, 1)), axis=1)
    light = bench.truth.intensity(patterns) * np.float32(camera.quantum_efficiency)

    def error(time: float) -> float:
        bench.exposure_time = time
        signal = bench.expose(patterns).counts - np.float32(camera.black_level + camera.gain * 100.0 * time)
        return float(np.mean((signal / np.float32(camera.gain * time) - light) ** 2) / light.mean() ** 2)

    found = error(choice.exposure_time)
    scan = [error(choice.exposure_time * factor) for factor in np.geomspace(0.5, 2.0, 13)]
    # The search may stop 5 % off, which costs 1.5 %. Clipping is a tenth of the error there and made by 100 of the
    # 1.5 million pixels, whose squares spread by sqrt(6): 2.5 %. Half or twice the exposure costs 40 % at least.
    assert found <= 1.06 * min(scan)
    assert min(scan[0], scan[-1]) > 1.3 * found


@pytest.mark.parametrize("start", [2e-6, 1e-3, 0.5])
def test_two_modes_may_be_brighter(description: BenchDescription, rng: np.random.Generator, start: float) -> None:
    medium = gaussian_modes(rng, modes=2, shape=(96, 130), inputs=64)
    bench = SimulatedBench(sized(description, rows=96, columns=130, start=start), seed=1, medium=medium)
    choice = auto_exposure(bench, PATTERN)
    # M = 2: C^2 has a relative standard error below that of M = 1, sqrt(8 / n).
    assert choice.degrees_of_freedom == pytest.approx(2, rel=4 * np.sqrt(8 / 12_480))
    assert choice.full_scale == pytest.approx(best_full_scale(bench.camera, 2.0), rel=0.15)
    assert choice.full_scale < 0.75 * best_full_scale(bench.camera)
    assert choice.light_frames <= 4


@pytest.mark.parametrize("start", [1e-6, 1e-3, 0.5])
def test_even_light_goes_near_saturation(description: BenchDescription, start: float) -> None:
    medium = even_light(shape=(24, 30), inputs=64)
    bench = SimulatedBench(sized(description, start=start), seed=1, medium=medium)
    choice = auto_exposure(bench, PATTERN)
    assert choice.degrees_of_freedom == 100.0
    assert choice.full_scale == pytest.approx(best_full_scale(bench.camera, 100.0), rel=0.11)
    assert choice.clipped_fraction == 0
    assert choice.light_frames <= 6


def test_several_patterns_are_shown_in_each_round(description: BenchDescription, rng: np.random.Generator) -> None:
    bench = SimulatedBench(sized(description), seed=1)
    choice = auto_exposure(bench, rng.random((5, 63)) < 0.5)
    assert choice.light_frames % 5 == 0
    assert choice.degrees_of_freedom == pytest.approx(1, abs=4 * np.sqrt(8 / 3600))


def test_light_outside_the_range_is_refused_or_flagged(description: BenchDescription) -> None:
    def choose(power: float, *, start: float = 1e-4, **camera: float) -> ExposureChoice:
        bench = sized(description, start=start, **{"exposure_minimum": 1e-5, "exposure_maximum": 0.1, **camera})
        return auto_exposure(SimulatedBench(replace(bench, laser=replace(bench.laser, power=power)), seed=2), PATTERN)

    with pytest.raises(ValueError, match="too strong: at 1e-05 s, the camera's shortest exposure, .* attenuate the"):
        choose(10.0)  # 100 times too strong at 10 us
    with pytest.raises(ValueError, match="100 % of the pixels saturate; attenuate the laser at least"):
        choose(100.0, start=0.01, exposure_minimum=1e-3)
    with pytest.raises(ValueError, match="no light was found: at 0.1 s, the camera's longest exposure"):
        choose(1e-12)
    weak = choose(1e-7)  # at 0.1 s a hundredth of the light that suits
    assert weak.exposure_time == pytest.approx(0.1)
    assert any("at the camera's longest exposure the light is" in flag for flag in weak.flags)
    best = choose(1e-3).exposure_time  # known to 5 %: 1.18 times as much is beyond the 10 % that are flagged
    strong = choose(1e-3, start=0.01, exposure_minimum=1.18 * best)
    assert any("at the camera's shortest exposure the light is 1." in flag for flag in strong.flags)


def test_hot_pixels_do_not_count_as_bright_light(description: BenchDescription) -> None:
    # 3 % of the pixels saturate in the dark at any exposure of 10 us or more.
    bench = SimulatedBench(sized(description, start=0.3, hot_pixels=0.03, hot_pixel_current=1e9), seed=1)
    choice = auto_exposure(bench, PATTERN)
    assert choice.clipped_fraction < 0.01
    assert choice.full_scale == pytest.approx(best_full_scale(bench.camera, choice.degrees_of_freedom), rel=0.11)


def test_a_fluctuating_laser_is_borne(description: BenchDescription) -> None:
    noisy = replace(description.laser, intensity_noise=0.2)
    choice = auto_exposure(SimulatedBench(replace(sized(description), laser=noisy), seed=2), PATTERN)
    assert choice.light_frames <= 6


class LosingBench(SimulatedBench):
    """A bench that loses some frames, and says so."""

    lost_every = 2
    calls = 0

    def expose(self, patterns: np.ndarray, *, reference: None = None, light: bool = True) -> Exposure:
        exposure = super().expose(patterns, reference=reference, light=light)
        self.calls += 1
        if self.calls % self.lost_every:
            return exposure
        damaged = exposure.counts.copy()
        damaged[0] = 255
        return replace(exposure, counts=damaged, valid=np.arange(len(damaged)) > 0)


def test_lost_frames_are_taken_again(description: BenchDescription) -> None:
    whole = auto_exposure(SimulatedBench(sized(description), seed=1), PATTERN)
    choice = auto_exposure(LosingBench(sized(description), seed=1), PATTERN)
    assert choice.exposure_time == pytest.approx(whole.exposure_time, rel=0.1)
    bench = LosingBench(sized(description), seed=1)
    bench.lost_every = 1
    with pytest.raises(ValueError, match="1 of 1 frames were lost 6 times running"):
        auto_exposure(bench, PATTERN)
