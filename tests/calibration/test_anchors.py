"""Planning and decoding: frames that carry nothing are spared, error bars are right, saturation is flagged."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import AnchorProjector, best_full_scale, cosine, decode, noise_to_signal, plan
from optics import BenchDescription, Shutter, SimulatedBench
from tests.calibration.conftest import ternary


def test_empty_halves_and_zero_vectors_take_no_frames(projector: AnchorProjector) -> None:
    x = np.zeros((5, 10))
    x[0, :3] = 1  # positive half only: 2 frames
    x[1, 4] = -1  # negative half only: 2 frames
    x[2, 0], x[2, 9] = 1, -1  # both: 4 frames
    planned = plan(x, projector.calibration)
    assert planned.frames == 8
    before = projector.frames_exposed
    estimate = projector.project(x)
    assert projector.frames_exposed - before == 8
    assert not estimate.value[3:].any()
    assert not estimate.standard_error[3:].any()
    assert estimate.valid[3:].all()


def test_identical_patterns_are_exposed_anew(projector: AnchorProjector) -> None:
    x = np.tile(np.array([[1, -1] + [0] * 8]), (3, 1))
    estimate = projector.project(x)
    assert plan(x, projector.calibration).frames == 12
    assert not np.array_equal(estimate.value[0], estimate.value[1])


def test_brighter_vectors_get_shorter_exposures(projector: AnchorProjector, rng: np.random.Generator) -> None:
    levels = projector.calibration.levels
    times = [level.exposure_time for level in levels]
    assert times == sorted(times, reverse=True)
    # Brightest frames of 7 to 16 macropixels are a factor 2.29 apart: three steps of sqrt(2).
    assert len(times) == 4
    sparse, dense = ternary(rng, 4, 10, non_zeros=1), np.ones((4, 10))
    planned = plan(np.concatenate([dense, sparse]), projector.calibration)
    chosen = {int(v): series.exposure_time for series in planned.series for v in series.vectors}
    assert chosen[0] == times[-1]
    assert chosen[4] == times[0]


@pytest.mark.parametrize("non_zeros", [1, 4, 10])
def test_standard_errors_match_the_scatter(
    projector: AnchorProjector, rng: np.random.Generator, non_zeros: int
) -> None:
    # 100 x 500 values whose errors are independent but for the stored frames: the rms of the pulls has a
    # standard error of 1 / sqrt(2 x 50 000) = 0.3 %; PRNU is absent, rounding and stored frames are worth 2 %.
    x = ternary(rng, 100, 10, non_zeros=non_zeros)
    estimate = projector.project(x)
    pulls = (estimate.value - x @ projector.truth().T) / estimate.standard_error
    assert np.sqrt(np.mean(pulls[estimate.valid] ** 2)) == pytest.approx(1, abs=0.03)
    assert abs(pulls[estimate.valid].mean()) < 0.05


def test_saturated_pixels_are_flagged_and_their_error_bars_grow(
    description: BenchDescription, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Four times the exposure that suits speckle: many pixels clip.
    too_bright = best_full_scale(description.camera) / 4
    monkeypatch.setattr("calibration.projector.best_full_scale", lambda camera, degrees_of_freedom: too_bright)
    projector = AnchorProjector(SimulatedBench(description, seed=2), components=10, outputs=500)
    x = ternary(rng, 100, 10, non_zeros=6)
    estimate = projector.project(x)
    truth = x @ projector.truth().T
    flagged = ~estimate.valid
    assert 0.05 < flagged.mean() < 0.6
    pulls = (estimate.value - truth) / estimate.standard_error
    # Bars of flagged values cover a hidden excess: right within a factor of two, where without it they would
    # be far too short.
    assert 0.5 < np.sqrt(np.mean(pulls[flagged] ** 2)) < 2
    assert np.median(estimate.standard_error[flagged]) > 2 * np.median(estimate.standard_error[~flagged])


def test_lost_frames_are_flagged(projector: AnchorProjector) -> None:
    x = np.array([[1] + [0] * 9, [0] * 9 + [-1]])
    planned = plan(x, projector.calibration)
    exposures = [projector._expose(series.patterns, series.exposure_time) for series in planned.series]
    valid = exposures[0].valid.copy()
    valid[0] = False
    estimate = decode(planned, [replace(exposures[0], valid=valid), *exposures[1:]], projector.calibration)
    assert not estimate.valid[0].any()
    assert np.all(np.isinf(estimate.standard_error[0]))
    assert np.all(np.isfinite(estimate.standard_error[1]))


def test_exposures_that_do_not_fit_the_plan_are_refused(projector: AnchorProjector) -> None:
    planned = plan(np.ones((2, 10)), projector.calibration)
    exposure = projector._expose(planned.series[0].patterns[:-1], planned.series[0].exposure_time)
    with pytest.raises(ValueError, match="the plan asks for 4 frames of .* got 3 frames"):
        decode(planned, [exposure], projector.calibration)
    with pytest.raises(ValueError, match="the plan has 1 series of frames, got 0 exposures"):
        decode(planned, [], projector.calibration)


def test_left_aligned_words_give_the_same_projection(description: BenchDescription) -> None:
    x = np.array([[1, -1, 1] + [0] * 7])
    values = []
    for alignment in ("right", "left"):
        camera = replace(description.camera, bits=12, gain=0.4, alignment=alignment)
        bench = SimulatedBench(replace(description, camera=camera), seed=2)
        values.append(AnchorProjector(bench, components=10, outputs=500).project(x).value)
    assert np.array_equal(values[0], values[1])


def test_stored_frames_are_means_and_are_refreshed(description: BenchDescription) -> None:
    bench = SimulatedBench(description, seed=2)
    projector = AnchorProjector(bench, components=10, outputs=500, stored_exposures=16, refresh_interval=40)
    first = projector.calibration
    assert first.levels[0].exposures == 16
    x = np.eye(10)
    projector.project(x)
    assert projector.calibration is first  # 20 frames
    projector.project(x)
    assert projector.calibration is first  # 40 frames
    projector.project(x)
    assert projector.calibration is not first
    assert not np.array_equal(projector.calibration.levels[0].anchor, first.levels[0].anchor)
    assert projector.calibration.levels[0].timestamp > first.levels[0].timestamp
    assert np.array_equal(projector.calibration.outputs, first.outputs)


def test_same_seed_same_projections(description: BenchDescription, rng: np.random.Generator) -> None:
    x = ternary(rng, 12, 10, non_zeros=4)
    whole = AnchorProjector(SimulatedBench(description, seed=2), components=10, outputs=500)
    again = AnchorProjector(SimulatedBench(description, seed=2), components=10, outputs=500)
    assert np.array_equal(whole.project(x).value, again.project(x).value)


def test_too_small_a_camera_region_is_refused(description: BenchDescription) -> None:
    with pytest.raises(ValueError, match="600 outputs need at least 750 camera pixels to choose from, .* has 720"):
        AnchorProjector(SimulatedBench(description, seed=2), components=10, outputs=600)


def test_more_components_than_macropixels_are_refused(description: BenchDescription) -> None:
    with pytest.raises(ValueError, match="components = 64 is not allowed: it must be at least 1 and at most 63"):
        AnchorProjector(SimulatedBench(description, seed=2), components=64, outputs=10)
    with pytest.raises(ValueError, match="the layout has 63: take fewer components, a smaller anchor"):
        AnchorProjector(SimulatedBench(description, seed=2), components=60, outputs=10)


@pytest.mark.parametrize("factor", [1e-7, 1e5])
def test_light_that_does_not_suit_the_camera_is_refused(description: BenchDescription, factor: float) -> None:
    camera = replace(description.camera, shutter=Shutter(exposure_minimum=1e-4, exposure_maximum=0.1))
    laser = replace(description.laser, power=description.laser.power * factor)
    bench = SimulatedBench(replace(description, laser=laser, camera=camera), seed=2)
    with pytest.raises(ValueError, match="change the laser's power|attenuate the laser"):
        AnchorProjector(bench, components=10, outputs=500)


def test_error_bars_are_those_of_the_whole_chain(description: BenchDescription, rng: np.random.Generator) -> None:
    # More read noise must show in the bars and in the scatter alike.
    x = ternary(rng, 100, 10, non_zeros=4)
    errors = []
    for read_noise in (13.0, 60.0):
        camera = replace(description.camera, read_noise=read_noise)
        projector = AnchorProjector(
            SimulatedBench(replace(description, camera=camera), seed=2), components=10, outputs=500
        )
        estimate = projector.project(x)
        truth = x @ projector.truth().T
        pulls = (estimate.value - truth) / estimate.standard_error
        assert np.sqrt(np.mean(pulls**2)) == pytest.approx(1, abs=0.03)
        errors.append(float(noise_to_signal(cosine(estimate.value, truth)).mean()))
    # Frames of about 900 electrons: 4 (60^2 - 13^2) more on 2 (900 + 100) + 4 (169 + 133) electrons^2.
    assert 3 < errors[1] / errors[0] < 8


def test_a_response_that_bends_saturates_earlier(description: BenchDescription) -> None:
    bent = replace(description.camera, nonlinearity=0.2)
    # 3 + 0.025 (8000 - 39): counts stop there, and the flag must know.
    assert bent.saturation == 202


def test_an_overlapping_anchor_is_refused_where_off_mirrors_leak(description: BenchDescription) -> None:
    with pytest.raises(ValueError, match=r"off-state light is .* % of the anchor's, an overlapping anchor bears 0.1 %"):
        AnchorProjector(SimulatedBench(description, seed=2), components=10, outputs=500, overlapping=True)


def test_stored_frames_enter_the_error_bars(description: BenchDescription) -> None:
    # Each stored frame the mean of two exposures only: vectors with an empty half lean on them. What they share is
    # one error for all vectors, so that 500 outputs count: 1 / sqrt(2 x 500), four times.
    bench = SimulatedBench(description, seed=2)
    projector = AnchorProjector(bench, components=10, outputs=500, stored_exposures=2)
    x = np.eye(10)
    estimate = projector.project(x)
    pulls = (estimate.value - x @ projector.truth().T) / estimate.standard_error
    assert np.sqrt(np.mean(pulls**2)) == pytest.approx(1, abs=4 / np.sqrt(1000))


def test_uneven_response_enters_the_error_bars(description: BenchDescription, rng: np.random.Generator) -> None:
    uneven = replace(description, camera=replace(description.camera, prnu=0.2))
    projector = AnchorProjector(SimulatedBench(uneven, seed=2), components=10, outputs=500)
    x = ternary(rng, 100, 10, non_zeros=4)
    estimate = projector.project(x)
    pulls = (estimate.value - x @ projector.truth().T) / estimate.standard_error
    assert np.sqrt(np.mean(pulls**2)) == pytest.approx(1, abs=4 / np.sqrt(1000))


def test_a_refresh_starts_the_count_anew(description: BenchDescription) -> None:
    bench = SimulatedBench(description, seed=2)
    projector = AnchorProjector(bench, components=10, outputs=500, stored_exposures=16, refresh_interval=40)
    for _ in range(3):
        projector.project(np.eye(10))  # 20 frames each: the third call refreshes first
    refreshed = projector.calibration
    projector.project(np.eye(10))
    assert projector.calibration is refreshed
