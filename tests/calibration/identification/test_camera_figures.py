"""Figures of a hidden camera from the frames of an identification, and what the frames cannot tell."""

import functools
from dataclasses import fields, replace

import numpy as np
import pytest

from calibration.cameras.uncertainty import Measured
from calibration.identification.camera_figures import CameraFigures, camera_figures
from calibration.identification.observations import Frames, Observations
from optics import BenchDescription, Camera, Dmd, GaussianDescription, Laser, MacropixelLayout
from optics.instabilities.pointing import Pointing
from optics.sensing.fixed_pattern import draw_fixed_pattern
from optics.simulated_bench import SimulatedBench

CAMERA = Camera(
    rows=34, columns=50, pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=9000.0, gain=0.09, read_noise=6.0, bits=10,
    black_level=20.0, dark_current=600.0, hot_pixels=0.008, hot_pixel_current=5e4, dead_pixels=0.006, prnu=0.01,
    dsnu=9.0, row_offset=4.0, column_offset=3.0, row_noise=3.0, column_noise=2.5,
)  # fmt: skip
"""Ten bits; a full well at 830 DN, below the converter's top."""

QUIET = replace(
    CAMERA, bits=8, gain=0.018, black_level=4.3, full_well=20000.0, row_offset=0.0, column_offset=0.0, row_noise=0.0,
    column_noise=0.0, hot_pixels=0.0, dead_pixels=0.0, dsnu=14.0,
)  # fmt: skip
"""Eight bits; 0.11 DN of dark noise, a full well beyond the converter's top."""

SHOWN = [
    "gain", "black_level", "dark_noise", "read_noise", "row_noise", "column_noise", "dark_current", "dsnu",
    "row_offset", "column_offset", "hot_pixels", "hot_pixel_current", "dead_pixels", "full_well",
]  # fmt: skip


@functools.cache
def bench_of(camera: Camera, seed: int) -> SimulatedBench:
    """A bench with jitter of the beam and a noisy laser, about 1600 electrons a pixel in a millisecond."""
    return SimulatedBench(
        BenchDescription(
            name="hidden", laser=Laser(wavelength=633e-9, power=1.25e-3, intensity_noise=0.01,
            pointing=Pointing(rms=2e-5, correlation_time=1e-7)),
            dmd=Dmd(rows=72, columns=88, pitch=13.68e-6, efficiency=0.6, contrast_ratio=900.0, frame_rate=1000.0),
            layout=MacropixelLayout(block_rows=8, block_columns=8, grid_rows=9, grid_columns=11),
            medium=GaussianDescription(collected_fraction=5e-6), camera=camera, exposure_time=1e-3,
        ),
        seed=seed,
    )  # fmt: skip


@functools.cache
def observed(camera: Camera, seed: int = 3) -> Observations:
    """What a short protocol brings."""
    bench, rng = bench_of(camera, seed), np.random.default_rng(seed)
    inputs = bench.layout.inputs
    one = np.resize(rng.random(inputs) < 0.5, (48, inputs))

    def take(states: np.ndarray, time: float, *, light: bool = True) -> Frames:
        bench.exposure_time = time
        taken = bench.expose(states, light=light)
        return Frames(
            counts=taken.counts, states=states, timestamps=taken.timestamps, exposure_time=taken.exposure_time
        )  # fmt: skip

    lengths = zip(np.geomspace(5e-5, 8e-3, 6), (48, 8, 8, 8, 8, 48), strict=True)
    return Observations(
        bits=camera.bits,
        dark=tuple(take(one[:length], time, light=False) for time, length in lengths),
        ladder=tuple(take(one[:2], time) for time in np.linspace(1e-4, 1.3e-3, 12)),
        overexposed=take(one[:8], 8e-3),
        halves=take(rng.random((96, inputs)) < 0.5, 1e-3),
        off=take(~one[:1] & one[:1], 1e-3),
        singles=take(np.eye(inputs, dtype=np.bool_)[:1], 1e-3),
        repeats=tuple(take(one[:32], 1e-3) for _ in range(8)),
        exposures=bench.exposures,
    )


@functools.cache
def figures_of(camera: Camera, seed: int = 3) -> CameraFigures:
    """Figures of the camera."""
    return camera_figures(observed(camera, seed))


def check(found: Measured, truth: float) -> None:
    """Compare a figure with the truth: within four standard errors, or on the right side of a bound."""
    if found.bound == "upper":
        assert truth <= found.value
    elif found.bound == "lower":
        assert truth >= found.value
    else:
        assert found.value == pytest.approx(truth, abs=4 * found.uncertainty)


@pytest.mark.parametrize("name", SHOWN)
def test_figures_of_a_camera_of_ten_bits_are_within_four_standard_errors(name: str) -> None:
    found = getattr(figures_of(CAMERA), name)
    assert not found.bound
    check(found, getattr(CAMERA, name))


@pytest.mark.parametrize("name", [name for name in SHOWN if not name.startswith("hot")])
def test_figures_hold_where_rounding_hides_the_noise(name: str) -> None:
    check(getattr(figures_of(QUIET), name), getattr(QUIET, name))


def test_figures_that_are_seen_are_seen_well() -> None:
    figures = figures_of(CAMERA)
    # 1700 pixels, 256 frames: 0.4 % of the gain for the mean variance, several times that with a free intercept.
    relative = {name: getattr(figures, name).uncertainty / getattr(CAMERA, name) for name in SHOWN}
    assert relative["gain"] < 0.02
    assert relative["dark_noise"] < 0.02
    assert relative["dsnu"] < 0.06
    assert relative["row_offset"] < 0.25  # 34 rows: 1 / sqrt(2 * 33) = 0.12, and what pixels feign
    # Where rounding hides the noise it is still told to some per cent by the pixels that lie near a step.
    assert figures_of(QUIET).dark_noise.uncertainty < 0.1 * QUIET.read_noise


def test_maps_show_the_hot_and_the_dead_pixels() -> None:
    pattern = draw_fixed_pattern(CAMERA, seed=3)
    hot = np.zeros(CAMERA.shape, np.bool_)
    hot[pattern.hot_rows, pattern.hot_columns] = True
    assert hot.sum() > 3
    assert np.array_equal(figures_of(CAMERA).hot_map, hot)
    assert np.array_equal(figures_of(CAMERA).dead_map, pattern.response_deviation == -1)
    assert not figures_of(QUIET).hot_map.any()
    assert not figures_of(QUIET).dead_map.any()


def test_what_frames_do_not_show_is_a_bound() -> None:
    figures = figures_of(QUIET)
    assert figures.hot_pixels.bound == "lower"
    assert figures.hot_pixel_current == Measured(value=0.0, uncertainty=0.0, bound="lower")
    assert figures.dead_pixels.bound == "upper"
    assert figures.dead_pixels.value == pytest.approx(np.log(1000) / QUIET.pixels)
    assert figures.row_noise.bound == figures.column_noise.bound == "upper"
    assert figures.full_well.bound == "lower"
    assert figures.saturation == Measured(value=255.0, uncertainty=0.0)


def test_saturation_is_the_count_of_a_full_well_where_it_fills_first() -> None:
    check(figures_of(CAMERA).saturation, CAMERA.black_level + CAMERA.gain * CAMERA.full_well)


def test_response_nonuniformity_is_declined() -> None:
    assert "prnu" not in {field.name for field in fields(CameraFigures)}


def test_dark_frames_of_one_exposure_time_are_refused() -> None:
    observations = observed(CAMERA)
    with pytest.raises(ValueError, match="2 dark sets have an exposure time of .* two different ones"):
        camera_figures(replace(observations, dark=(observations.dark[0],) * 2))


def test_light_too_weak_to_show_dead_pixels_is_refused() -> None:
    observations = observed(CAMERA)
    with pytest.raises(ValueError, match="dead pixels take 3 DN"):
        camera_figures(replace(observations, halves=observations.dark[0]))


def test_repeats_without_pixels_of_a_fair_brightness_are_refused() -> None:
    observations = observed(CAMERA)
    burst = observations.repeats[0]
    white = replace(burst, counts=np.full_like(burst.counts, 1023))
    with pytest.raises(ValueError, match="pixels are bright and do not saturate, 100 are needed"):
        camera_figures(replace(observations, repeats=(white, white)))
