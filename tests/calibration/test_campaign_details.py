"""Details of campaigns that a good matrix on a good bench does not show: dark frames, times, gains, saturation."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.campaigns.drift_track import DriftTrack, track_fields, track_light
from calibration.campaigns.exposure import find_campaign_exposure
from calibration.campaigns.frames import CampaignFrames
from calibration.campaigns.intensity_methods import PhaseRetrievalMethod, steady_light
from calibration.campaigns.measure import FRAMES, MATRIX, measure_matrix
from calibration.campaigns.plan import OFF, REFERENCE, CampaignPlan
from calibration.campaigns.prediction import predicted_light
from calibration.campaigns.report import compare_with_truth
from calibration.campaigns.results import CampaignResults
from calibration.campaigns.settings import CampaignSettings, make_method, make_plan
from calibration.light import FieldEstimate, Light
from calibration.matrices.row_ambiguity import align_rows, matrix_correlation
from optics import BenchDescription, Camera, SimulatedBench
from optics.campaign_file import CampaignFile
from optics.matrix_file import MatrixFile
from optics.reference import Reference

OUTPUTS = 720


@pytest.fixture
def holographic(description: BenchDescription) -> BenchDescription:
    """The test bench with 12 bits, a deeper well and a reference arm of about the speckle's mean light."""
    camera = dataclasses.replace(description.camera, bits=12, full_well=40_000.0, gain=0.1, read_noise=8.0)
    medium = dataclasses.replace(description.medium, collected_fraction=8e-6)
    return dataclasses.replace(description, camera=camera, medium=medium, reference=Reference(rate=2.4e6))


def with_contrast(bench: BenchDescription, contrast: float) -> BenchDescription:
    """The bench with mirrors of another contrast."""
    return dataclasses.replace(bench, dmd=dataclasses.replace(bench.dmd, contrast_ratio=contrast))


def campaign(
    bench: SimulatedBench, folder: Path, *, plan: dict[str, Any] | None = None, budget: int = 2**30, **choices: Any
) -> tuple[CampaignResults, CampaignPlan]:
    """Results and plan of a campaign on a bench; files are in the folder."""
    settings = CampaignSettings(**{"reference_interval": 16, "held_out": 5, **choices})
    method = make_method(settings, inputs=bench.layout.inputs)
    changed = dataclasses.replace(make_plan(settings, method), **(plan or {}))
    folder.mkdir(exist_ok=True)
    return measure_matrix(bench, changed, method, folder=folder, description={}, budget=budget), changed


def entries(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Measured matrix and standard errors."""
    with MatrixFile(folder / MATRIX) as file:
        matrix = file.read()
        return matrix, np.asarray(file.standard_error(), float).reshape(len(matrix), -1)


def gain_pulls(bench: SimulatedBench, results: CampaignResults, folder: Path) -> np.ndarray:
    """Errors of the shared factors of the good rows over what is quoted, noise of the entries included."""
    good, truth = results.valid, bench.truth.matrix()
    matrix, error = entries(folder)
    aligned, size = align_rows(matrix, truth, ambiguity=results.ambiguity).matrix, np.abs(truth) ** 2
    factor = np.sum((aligned * truth.conj()).real, axis=1) / size.sum(axis=1) - 1
    by_entries = np.sum(size * error**2, axis=1) / 2 / size.sum(axis=1) ** 2
    return np.asarray((factor / np.sqrt(results.gain_error**2 + by_entries))[good])


class Stored:
    """Frames in memory: words (frame, output) and the start of each exposure."""

    def __init__(self, words: np.ndarray, timestamps: np.ndarray) -> None:
        self.stored, self.timestamps = words, timestamps

    def read(self, *, frames: slice = slice(None), outputs: slice = slice(None)) -> Any:
        return self.stored[frames, outputs]


def exposed(
    plan: CampaignPlan,
    camera: Camera,
    light: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    *,
    timestamps: np.ndarray,
    exposure_time: float,
    rng: np.random.Generator | None = None,
) -> CampaignFrames:
    """Frames of a plan; ``light`` is given patterns, phases (nan: blocked) and the middle of each exposure."""
    mean = np.zeros((plan.frames, camera.pixels))
    for batch in plan.batches():
        phases = np.full(len(batch.patterns), np.nan) if batch.phases is None else batch.phases
        lit = light(batch.patterns, phases, timestamps[batch.frames] + exposure_time / 2)
        mean[batch.frames] = lit * batch.light * camera.quantum_efficiency * exposure_time
    drawn = mean if rng is None else rng.poisson(mean) + rng.normal(0, camera.read_noise, mean.shape)
    words = np.floor(camera.gain * drawn + camera.black_level + 0.5).astype(camera.word)
    return CampaignFrames(Stored(words, timestamps), plan, camera, exposure_time=exposure_time)


def speckle(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Circular fields of unit mean light."""
    return np.asarray((rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2))


# Frames as the retrieval asks for them.


def test_each_pixel_has_its_own_dark_frame_taken_off(camera: Camera, rng: np.random.Generator) -> None:
    settings = CampaignSettings(method="phase_retrieval", patterns=40, held_out=3)
    plan = make_plan(settings, make_method(settings, inputs=5))
    offsets = rng.integers(3, 60, camera.pixels)
    words = np.broadcast_to(offsets + 100, (plan.frames, camera.pixels)).astype(np.uint8)
    words[plan.dark] = offsets
    frames = CampaignFrames(Stored(words, np.arange(plan.frames) * 1e-3), plan, camera, exposure_time=2e-3)
    wanted = 100 / (camera.gain * camera.quantum_efficiency * 2e-3)
    for outputs in (slice(0, camera.pixels), slice(17, 29), slice(700, 720)):
        width = outputs.stop - outputs.start
        np.testing.assert_allclose(frames.light(plan.judged, outputs=outputs).value, np.full((3, width), wanted))
        light = frames.light_at(plan.series_positions[2:4], outputs=outputs).value
        np.testing.assert_allclose(light, np.full((2, 1, width), wanted))


def test_offsets_and_hot_pixels_do_not_harm_rows_solved_in_tiles(holographic: BenchDescription, tmp_path: Path) -> None:
    camera = dataclasses.replace(
        holographic.camera, rows=9, columns=11, black_level=60.0, dsnu=60.0, hot_pixels=0.1, hot_pixel_current=1e6
    )
    layout = dataclasses.replace(holographic.layout, grid_rows=4, grid_columns=5)
    uneven = dataclasses.replace(holographic, camera=camera, reference=None, layout=layout)
    choices: dict[str, Any] = {"method": "interferometry"}
    whole, plan = campaign(SimulatedBench(uneven, seed=4), tmp_path / "whole", **choices)
    bench = SimulatedBench(uneven, seed=4)
    tiles, _ = campaign(bench, tmp_path / "tiles", budget=40 * plan.series.frames * 35, **choices)
    first, second = entries(tmp_path / "whole")[0], entries(tmp_path / "tiles")[0]
    both = whole.valid & tiles.valid
    # A dark frame of another pixel errs by hundreds of electrons of some 1500.
    assert both.mean() > 0.7
    assert matrix_correlation(first[both], second[both], ambiguity="phase and conjugation") > 0.9999
    assert whole.prediction.mean > 0.99
    assert tiles.prediction.mean == pytest.approx(whole.prediction.mean, abs=0.001)


def test_times_are_the_middle_of_the_frames_of_a_pattern(camera: Camera, rng: np.random.Generator) -> None:
    device = dataclasses.replace(camera, bits=16, gain=1.0, full_well=70_000.0, black_level=50.0)
    settings = CampaignSettings(steps=4, reference_interval=3, held_out=3)
    method = make_method(settings, inputs=11)
    plan = make_plan(settings, method)
    matrix, reference = 300 * speckle(rng, device.pixels, 11), 900 * speckle(rng, device.pixels)
    slope, exposure_time = 1.5, 4e-3  # rad/s
    # Uneven: later frames of a pattern come more and more late, in some patterns after a long pause.
    pauses = rng.uniform(0.005, 0.03, plan.frames) + 0.04 * (rng.random(plan.frames) < 0.1)
    timestamps = np.cumsum(pauses)

    def light(patterns: np.ndarray, phases: np.ndarray, time: np.ndarray) -> np.ndarray:
        arm = np.where(np.isnan(phases), 0, np.exp(-1j * (np.nan_to_num(phases) + slope * time)))
        return np.abs(patterns @ matrix.T + arm[:, None] * reference) ** 2

    frames = exposed(plan, device, light, timestamps=timestamps, exposure_time=exposure_time)
    track = method.track(frames)
    middle = timestamps[: plan.first_part].reshape(-1, 4).mean(axis=1) + exposure_time / 2
    np.testing.assert_allclose(track.time, middle[plan.order == REFERENCE], rtol=0, atol=1e-12)
    np.testing.assert_allclose(frames.time(plan.positions(OFF)), middle[plan.order == OFF], rtol=0, atol=1e-12)
    # To first order in what it moves within four frames, the phase of a pattern is the mean of theirs.
    wanted = slope * (track.time - track.time[0])
    assert np.ptp(wanted) > 2
    assert np.abs(track.phase - wanted).max() < 0.01
    rows = method.solve(frames, track, outputs=slice(0, device.pixels))
    assert rows.valid.mean() > 0.98  # but where the reference is dark
    truth = matrix[rows.valid]
    aligned = align_rows(rows.matrix[rows.valid], truth, ambiguity="phase").matrix
    assert np.sqrt(np.mean(np.abs(aligned - truth) ** 2) / np.mean(np.abs(truth) ** 2)) < 0.1


def test_changes_of_the_light_are_taken_off_each_pattern(camera: Camera, rng: np.random.Generator) -> None:
    settings = CampaignSettings(method="phase_retrieval", patterns=37, held_out=3, reference_interval=5)
    plan = make_plan(settings, make_method(settings, inputs=6))
    device = dataclasses.replace(camera, bits=16, gain=1.0, full_well=60_000.0, black_level=100.0)
    matrix, timestamps = 500 * speckle(rng, device.pixels, 6), 2e-3 * np.arange(plan.frames)
    span, exposure_time = timestamps[plan.first_part - 1], 1e-3

    def power(time: np.ndarray) -> np.ndarray:
        return np.asarray(1 + 3 * time / span)

    def light(patterns: np.ndarray, phases: np.ndarray, time: np.ndarray) -> np.ndarray:
        return power(time)[:, None] * np.abs(patterns @ matrix.T) ** 2

    frames = exposed(plan, device, light, timestamps=timestamps, exposure_time=exposure_time)
    ends = np.array([0, 2 * span])
    one = np.ones(2)
    track = DriftTrack(
        time=ends, phase=0 * one, phase_error=0 * one, power=power(ends), correlation=one, consecutive=one
    )
    outputs = slice(5, 400)
    steady = steady_light(frames, track, outputs=outputs)
    true = np.abs(plan.series.patterns() @ matrix[outputs].T) ** 2
    rounding = 0.5 / device.quantum_efficiency / exposure_time
    assert np.abs(steady.value - true).max() < 1.01 * rounding + 1e-5 * true.max()
    raw = frames.light_at(plan.series_positions, outputs=outputs).variance[:, 0]
    factor = power(frames.time(plan.series_positions))[:, None]
    assert factor.max() > 3.5
    np.testing.assert_allclose(steady.variance, raw / factor**2, rtol=1e-5)
    assert steady.valid.all()


def test_rows_of_dim_light_are_not_pulled_where_few_photons_are_detected(
    camera: Camera, rng: np.random.Generator
) -> None:
    device = dataclasses.replace(
        camera, bits=14, gain=1.0, quantum_efficiency=0.3, read_noise=0.5, full_well=15_000.0, black_level=60.0
    )
    states = rng.random((100, 8)) < 0.5
    method = PhaseRetrievalMethod(states=states)
    plan = make_plan(CampaignSettings(method="phase_retrieval", reference_interval=50, held_out=3), method)
    matrix = np.sqrt(10 / 0.3 / 1e-3 / 4) * speckle(rng, device.pixels, 8)  # 10 electrons in a frame on average
    frames = exposed(
        plan, device, lambda patterns, *_: np.abs(patterns @ matrix.T) ** 2,
        timestamps=2e-3 * np.arange(plan.frames), exposure_time=1e-3, rng=rng,
    )  # fmt: skip
    one = np.ones(2)
    track = DriftTrack(
        time=np.array([0.0, 1.0]), phase=0 * one, phase_error=0 * one, power=one, correlation=one, consecutive=one
    )
    rows = method.solve(frames, track, outputs=slice(0, device.pixels))
    truth = matrix[rows.valid]
    aligned = align_rows(rows.matrix[rows.valid], truth, ambiguity="phase and conjugation").matrix
    factor = np.sum((aligned * truth.conj()).real, axis=1) / np.sum(np.abs(truth) ** 2, axis=1) - 1
    assert rows.valid.mean() > 0.95
    # An electron taken for one photon, and not for three, makes dim frames too sure of themselves:
    # the mean is -0.037 then, and else -0.011.
    assert abs(factor.mean()) < 0.025


# Gains of rows.


def test_factors_of_rows_err_as_quoted(holographic: BenchDescription, tmp_path: Path) -> None:
    noisy = dataclasses.replace(holographic.camera, read_noise=40.0, black_level=60.0)
    bench = SimulatedBench(with_contrast(dataclasses.replace(holographic, camera=noisy), 50.0), seed=4)
    results, _ = campaign(bench, tmp_path, plan={"off_repeats": 1})
    pulls = gain_pulls(bench, results, tmp_path)
    assert len(pulls) > 0.95 * OUTPUTS
    # The light with everything off, 4 % of that with half of the mirrors on, would shift all factors by one error bar.
    assert abs(pulls.mean()) < 4 / np.sqrt(OUTPUTS)
    # One open frame at four phases and one blocked: either's share of the variance is 0.3 or more.
    assert np.sqrt(np.mean(pulls**2)) == pytest.approx(1, abs=4 / np.sqrt(2 * OUTPUTS))


def test_factors_of_rows_are_right_where_mirrors_leak(holographic: BenchDescription, tmp_path: Path) -> None:
    bench = SimulatedBench(with_contrast(holographic, 50.0), seed=4)
    results, _ = campaign(bench, tmp_path)
    pulls = gain_pulls(bench, results, tmp_path)
    assert np.median(results.gain_error[results.valid]) < 0.005
    assert abs(pulls.mean()) < 0.3
    assert np.sqrt(np.mean(pulls**2)) < 1.25  # 1.35 without the noise of the frames with the arm open


def test_uneven_steps_do_not_change_the_factors_of_rows(holographic: BenchDescription, tmp_path: Path) -> None:
    large = dataclasses.replace(holographic.camera, rows=48, columns=60)
    medium = dataclasses.replace(holographic.medium, collected_fraction=3.2e-5)
    arm = Reference(rate=2.4e6, step_scale=1.1)
    wrong = dataclasses.replace(holographic, camera=large, medium=medium, reference=arm)
    bench = SimulatedBench(with_contrast(wrong, 20.0), seed=4)
    results, _ = campaign(bench, tmp_path, find_steps=True)
    pulls = gain_pulls(bench, results, tmp_path)
    assert np.sqrt(np.mean(pulls**2)) < 2  # 7 where steps are taken for even


def test_the_error_against_the_truth_counts_the_factors_of_rows(holographic: BenchDescription, tmp_path: Path) -> None:
    noisy = dataclasses.replace(holographic.camera, read_noise=40.0, black_level=60.0)
    bench = SimulatedBench(dataclasses.replace(holographic, camera=noisy), seed=5)
    results, _ = campaign(bench, tmp_path, plan={"off_repeats": 1}, steps=8, basis="hadamard_pairs")
    with MatrixFile(tmp_path / MATRIX) as file:
        truth = compare_with_truth(bench, file, results, budget=2**30)
    assert truth is not None
    matrix, error = entries(tmp_path)
    share = np.mean(np.abs(matrix) ** 2 * results.gain_error[:, None] ** 2) / np.mean(error**2)
    assert share > 0.5  # left out, the ratio would be 1.22 or more
    assert truth.error_over_quoted == pytest.approx(1, abs=0.06)


def test_a_basis_that_leaves_the_static_field_out_serves_mirrors_that_do_not_leak(
    holographic: BenchDescription, tmp_path: Path
) -> None:
    bench = SimulatedBench(with_contrast(holographic, np.inf), seed=4)
    results, _ = campaign(bench, tmp_path, basis="s_matrix")
    matrix, error = entries(tmp_path)
    good, truth = results.valid, bench.truth.matrix()
    assert good.mean() > 0.97
    aligned = align_rows(matrix[good], truth[good], ambiguity="phase").matrix
    quoted = error[good] ** 2 + np.abs(truth[good] * results.gain_error[good, None]) ** 2
    assert np.sqrt(np.mean(np.abs(aligned - truth[good]) ** 2) / np.mean(quoted)) == pytest.approx(1, abs=0.05)
    assert results.prediction.mean > 0.99
    assert np.mean(np.abs(results.static[good]) ** 2) < 0.01 * np.mean(np.abs(truth) ** 2)


# Prediction.


def test_predicted_light_is_that_of_static_field_and_matrix(rng: np.random.Generator) -> None:
    matrix, static = speckle(rng, 13, 7).astype(np.complex64), 3 * speckle(rng, 13).astype(np.complex64)
    patterns = rng.random((5, 7)) < 0.5
    wanted = [[abs(e + sum(row[on])) ** 2 for e, row in zip(static, matrix, strict=True)] for on in patterns]
    np.testing.assert_allclose(predicted_light(matrix, static, patterns), wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(predicted_light(matrix, static, patterns[:1] & False)[0], np.abs(static) ** 2, rtol=1e-5)


def test_only_good_rows_are_judged(holographic: BenchDescription, tmp_path: Path) -> None:
    arm = Reference(rate=6e6, beam_radius=45e-6)  # the corners of 120 um x 150 um are without reference
    bench = SimulatedBench(dataclasses.replace(holographic, reference=arm), seed=7)
    results, plan = campaign(bench, tmp_path)
    assert 0.05 < np.mean(~results.valid) < 0.5
    with CampaignFile.open(tmp_path / FRAMES) as file:
        words = file.read(frames=plan.judged).astype(float) - file.read(frames=plan.dark).mean(axis=0)
    fields = results.static + plan.held_out.astype(float) @ entries(tmp_path)[0].T
    wanted = []
    for field, seen in zip(fields, words, strict=True):
        kept = results.valid & (seen < 3000)
        assert kept.sum() == results.valid.sum()  # none saturates
        wanted.append(np.corrcoef(np.abs(field[kept]) ** 2, seen[kept])[0, 1])
    np.testing.assert_allclose(results.prediction.correlation, wanted, atol=1e-4)
    everywhere = [np.corrcoef(np.abs(field) ** 2, seen)[0, 1] for field, seen in zip(fields, words, strict=True)]
    assert np.max(np.abs(np.array(everywhere) - wanted)) > 0.001  # it does make a difference


def test_saturated_readings_are_counted(holographic: BenchDescription, tmp_path: Path) -> None:
    bench = SimulatedBench(holographic, seed=4)
    bright = np.ones((5, bench.layout.inputs), bool)
    bright[np.arange(5), np.arange(5)] = False
    bench.exposure_time = 3e-3
    results, plan = campaign(bench, tmp_path, plan={"held_out": bright}, basis="canonical")
    with CampaignFile.open(tmp_path / FRAMES) as file:
        look = plan.positions(REFERENCE)[0] * plan.steps
        words = [file.read(frames=plan.judged), file.read(frames=slice(look, look + plan.steps))]
    saturated = np.concatenate(words) >= bench.camera.saturation
    assert results.valid.all()  # one macropixel at a time is dim
    assert saturated.mean() > 0.02
    assert results.saturated == pytest.approx(saturated.mean(), abs=1e-6)


# What is chosen before.


@pytest.mark.parametrize("seed", range(6))
def test_the_reference_pattern_is_not_among_those_held_out(seed: int) -> None:
    settings = CampaignSettings(seed=seed, held_out=9)
    plan = make_plan(settings, make_method(settings, inputs=40))
    assert plan.held_out.shape == (9, 40)
    assert not (plan.held_out == plan.reference_pattern).all(axis=1).any()
    assert len(np.unique(plan.held_out, axis=0)) == 9


def test_a_medium_that_turns_slowly_into_another_passes(rng: np.random.Generator) -> None:
    first, last = speckle(rng, 2, 900)
    angle = np.linspace(0, np.pi / 2, 40)[:, None]  # neighbours correlate by 0.999, the last not with the first
    fields = np.cos(angle) * first + np.sin(angle) * last
    error = np.full(fields.shape, 0.01)
    every = np.ones(fields.shape, bool)
    time = np.arange(40.0)
    seen = track_fields(FieldEstimate(fields, error, every), time)
    light = track_light(Light(np.abs(fields) ** 2, error**2, every), time)
    for track in (seen, light):
        assert track.correlation[-1] < 0.2
        track.check_order()
    with pytest.raises(ValueError, match="reference frames 19 and 20"):
        track_fields(FieldEstimate(np.roll(fields, 20, axis=0), error, every), time).check_order()


def test_the_exposure_is_that_of_frames_with_the_arm_open(holographic: BenchDescription) -> None:
    bench = SimulatedBench(dataclasses.replace(holographic, reference=Reference(rate=6e7)), seed=4)
    patterns = np.random.default_rng(3).random((3, bench.layout.inputs)) < 0.5
    choice = find_campaign_exposure(bench, patterns, phases=(0.0, 2.1, 4.2))
    assert bench.exposure_time == choice.exposure_time
    opened = bench.expose(np.repeat(patterns, 3, axis=0), reference=np.tile([0.0, 2.1, 4.2], 3)).counts
    assert np.mean(opened >= bench.camera.saturation) < 0.05
    assert opened.mean() > 0.2 * bench.camera.saturation
    blocked = find_campaign_exposure(bench, patterns, phases=())
    assert blocked.exposure_time > 3 * choice.exposure_time
