"""Campaigns: which frames are taken, that none is missed, and the matrix that comes of them."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.campaigns.plan import OFF, REFERENCE, CampaignPlan
from calibration.campaigns.settings import BASES, CampaignSettings, make_method, make_plan
from calibration.campaigns.stepped_fields import stepped_fields
from calibration.holography.phase_stepping import group_steps, interference_term
from calibration.light import light_from_counts
from optics import BenchDescription, SimulatedBench
from optics.campaign_file import CampaignFile
from optics.media import DriftDescription, PhaseDrift
from optics.reference import Reference
from tests.calibration.campaign_bench import campaign, holographic, new_folder, pulls

__all__ = ["holographic"]  # a fixture of several files

QUARTERS = np.arange(4) * math.pi / 2


def test_every_pattern_is_shown_once_and_the_reference_before_and_after() -> None:
    method = make_method(CampaignSettings(basis="canonical", steps=3), inputs=23)
    settings = CampaignSettings(steps=3, reference_interval=5, held_out=7, batch_frames=16)
    plan = make_plan(settings, method)
    assert [code for code in plan.order if code >= 0] == list(range(5 + 23))
    assert list(plan.order[:8]) == [OFF] * 8
    assert plan.order[8] == plan.order[-1] == REFERENCE
    gaps = np.diff(plan.positions(REFERENCE))
    assert gaps.max() == 6  # five patterns between two looks
    shown, phases = [], []
    for batch in plan.batches():
        assert batch.frames.start == len(shown)
        assert len(batch.patterns) <= 16
        assert batch.phases is None or len(batch.phases) % 3 == 0
        shown += list(batch.patterns)
        phases += [None] * len(batch.patterns) if batch.phases is None else list(batch.phases)
    assert len(shown) == plan.frames
    for position, code in enumerate(plan.order):
        wanted = plan.reference_pattern if code == REFERENCE else np.zeros(23, bool)
        wanted = method.series.patterns(slice(code, code + 1))[0] if code >= 0 else wanted
        for frame in plan.frames_at(np.array([position]))[0]:
            np.testing.assert_array_equal(shown[frame], wanted)
        np.testing.assert_allclose(phases[3 * position : 3 * position + 3], 2 * np.pi * np.arange(3) / 3)
    assert all(phase is None for phase in phases[plan.first_part :])
    assert not np.any(shown[plan.blocked_off])
    np.testing.assert_array_equal(shown[plan.judged], plan.held_out)
    assert [batch.light for batch in plan.batches() if batch.frames.start >= plan.dark.start] == [False, False]


def test_fast_fields_are_those_of_the_general_fit(holographic: BenchDescription) -> None:
    bright = dataclasses.replace(holographic, exposure_time=5e-3)  # a part of the pixels saturates
    bench = SimulatedBench(bright, seed=2)
    patterns = np.random.default_rng(8).random((5, bench.layout.inputs)) < 0.5
    exposure = bench.expose(np.repeat(patterns, 4, axis=0), reference=np.tile(QUARTERS, 5))
    words = exposure.counts.reshape(20, -1)
    fast = stepped_fields(words.reshape(5, 4, -1), bench.camera, phases=QUARTERS, exposure_time=5e-3)
    light = group_steps(light_from_counts(words, bench.camera, exposure_time=5e-3), steps=4)
    slow = interference_term(light, steps=QUARTERS)
    assert 0.01 < np.mean(words >= bench.camera.saturation) < 0.3
    np.testing.assert_array_equal(fast.valid, np.broadcast_to(slow.valid.all(axis=0), slow.valid.shape))
    good = slow.valid
    np.testing.assert_allclose(fast.value[good], slow.value[good], rtol=2e-4, atol=2.0)  # of some 1e6
    np.testing.assert_allclose(fast.standard_error[good], slow.standard_error[good], rtol=2e-3)


@pytest.mark.parametrize("basis", [name for name in BASES if name != "s_matrix"])
def test_a_matrix_is_recovered_within_its_standard_errors(
    holographic: BenchDescription, tmp_path: Path, basis: str
) -> None:
    bench = SimulatedBench(holographic, seed=4)
    results, file = campaign(bench, tmp_path, basis=basis)
    found = pulls(bench, results, file)
    assert results.valid.mean() > 0.97  # pixels where the reference is even: all but those that saturate
    # Errors of the 63 entries of a row are correlated where they share frames: 720 independent rows at least.
    assert np.sqrt(np.mean(np.abs(found) ** 2)) == pytest.approx(1, abs=0.05)
    good = results.valid
    noise = np.mean(file.standard_error()[good] ** 2) / np.mean(np.abs(file.read()[good]) ** 2)
    if basis == "canonical":  # the error of the static field is shared by all entries of a row: it adds up
        noise *= 1 + bench.layout.inputs / 2 / round(math.sqrt(bench.layout.inputs))
    assert results.prediction.mean == pytest.approx(1 / (1 + noise), abs=0.02)  # law L66
    assert results.prediction.correlation.mean() < results.prediction.mean


def test_drift_of_the_reference_arm_is_seen_and_taken_off(holographic: BenchDescription, tmp_path: Path) -> None:
    drift = PhaseDrift(rms=1.5, correlation_time=0.3)
    assert holographic.reference is not None
    arm = dataclasses.replace(holographic.reference, drift=drift)
    bench = SimulatedBench(dataclasses.replace(holographic, reference=arm), seed=4)
    results, file = campaign(bench, tmp_path, reference_interval=4)
    put_in = drift.phase(results.track.time, seed=4)  # it counts like a commanded phase: S conj(R) exp(i phi)
    difference = results.track.phase - (put_in - put_in[0])
    # Within the four steps of a look the phase moves by some hundredths of a radian.
    assert np.abs(difference).max() < 0.03
    assert np.ptp(put_in) > 0.5
    assert results.prediction.mean > 0.99
    still, _ = campaign(SimulatedBench(holographic, seed=4), new_folder(tmp_path / "still"), reference_interval=4)
    assert 1 - results.prediction.mean < 5 * (1 - still.prediction.mean)
    assert np.sqrt(np.mean(np.abs(pulls(bench, results, file)) ** 2)) < 4


def test_a_speckle_reference_leaves_dark_pixels_out(holographic: BenchDescription, tmp_path: Path) -> None:
    arm = Reference(rate=2.4e6, kind="speckle")
    bench = SimulatedBench(dataclasses.replace(holographic, reference=arm), seed=7)
    results, file = campaign(bench, tmp_path)
    power = np.abs(bench.truth.reference.ravel()) ** 2
    # Pixels below a hundredth of the mean are left out, a hundredth of all (law L50).
    assert not results.valid[power < 0.005 * power.mean()].any()
    assert results.valid[(power > 0.02 * power.mean()) & (power < 3 * power.mean())].mean() > 0.99
    found = pulls(bench, results, file)
    assert np.sqrt(np.mean(np.abs(found) ** 2)) == pytest.approx(1, abs=0.08)


def test_a_medium_that_moves_too_far_between_two_looks_stops_the_solution(
    holographic: BenchDescription, tmp_path: Path
) -> None:
    medium = DriftDescription(inside=holographic.medium, law="exponential", correlation_time=0.1)
    bench = SimulatedBench(dataclasses.replace(holographic, medium=medium), seed=4)
    with pytest.raises(ValueError, match=r"correlate by 0\.\d+, below 0\.9.*show reference frames more often"):
        campaign(bench, tmp_path, reference_interval=40)
    with CampaignFile.open(tmp_path / "frames.h5") as file:
        assert file.finished  # nothing is lost


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "phase_steping"}, "did you mean 'phase_stepping'"),
        ({"basis": "hadamar"}, "did you mean 'hadamard'"),
        ({"steps": 2}, "steps"),
        ({"held_out": 1}, "held_out"),
        ({"reference_interval": 0}, "reference_interval"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CampaignSettings(**wrong)


def test_patterns_must_fit_the_series() -> None:
    method = make_method(CampaignSettings(), inputs=16)
    good = {"series": method.series, "phases": method.phases, "reference_interval": 4}
    with pytest.raises(ValueError, match="held_out must be bool of 16 inputs"):
        CampaignPlan(**good, reference_pattern=np.ones(16, bool), held_out=np.ones((3, 15), bool))
    with pytest.raises(ValueError, match="reference_pattern must be bool"):
        CampaignPlan(**good, reference_pattern=np.ones(16), held_out=np.ones((3, 16), bool))


def test_phases_that_are_not_those_commanded_are_found_from_the_frames(
    holographic: BenchDescription, tmp_path: Path
) -> None:
    assert holographic.reference is not None
    arm = dataclasses.replace(holographic.reference, step_scale=1.1)
    large = dataclasses.replace(holographic.camera, rows=48, columns=60)
    medium = dataclasses.replace(holographic.medium, collected_fraction=3.2e-5)
    wrong = dataclasses.replace(holographic, reference=arm, camera=large, medium=medium)
    taken, _ = campaign(SimulatedBench(wrong, seed=4), new_folder(tmp_path / "commanded"))
    found, _ = campaign(SimulatedBench(wrong, seed=4), new_folder(tmp_path / "found"), find_steps=True)
    true = 1.1 * QUARTERS
    off = (found.track.steps - found.track.steps.mean()) - (true - true.mean())
    assert np.abs(off).max() < 0.02  # circularity of 62 patterns behind 2880 pixels
    assert not taken.track.steps_error.any()
    share = np.sqrt(np.sum(found.track.steps_error**2)) / 4  # equal steps: what each adds of the conjugate field
    both = found.valid & taken.valid
    added = np.median(found.gain_error[both].astype(float) ** 2 - taken.gain_error[both].astype(float) ** 2)
    assert added == pytest.approx(share**2, rel=0.3)  # steps that are not quite equal, and other powers of the arm
    assert 1 - taken.prediction.mean > 5 * (1 - found.prediction.mean)
    assert found.prediction.mean > 0.995


def test_pixels_whose_frames_without_signal_saturate_are_flagged(holographic: BenchDescription, tmp_path: Path) -> None:
    arm = Reference(rate=2e6, kind="speckle", grain=1.5e-5)
    medium = dataclasses.replace(holographic.medium, collected_fraction=1e-7)
    strong = dataclasses.replace(holographic, medium=medium, reference=arm, exposure_time=3e-2)
    bench = SimulatedBench(strong, seed=4)
    results, _ = campaign(bench, tmp_path)
    mean = np.abs(bench.truth.reference.ravel()) ** 2 * bench.camera.quantum_efficiency * bench.exposure_time
    full = mean > 1.02 * bench.camera.saturation_charge
    assert full.mean() > 0.05
    assert not results.valid[full].any()


def test_what_cannot_be_solved_is_refused_before_any_exposure(holographic: BenchDescription, tmp_path: Path) -> None:
    small = dataclasses.replace(holographic, camera=dataclasses.replace(holographic.camera, rows=8, columns=15))
    bench = SimulatedBench(small, seed=4)
    with pytest.raises(ValueError, match="120 pixels are too few to find the phases"):
        campaign(bench, tmp_path, find_steps=True)
    with pytest.raises(ValueError, match="within 19 pixels of their border"):
        campaign(bench, tmp_path, method="off_axis")
    with pytest.raises(ValueError, match="allow more memory"):
        campaign(bench, tmp_path, budget=100)
    tiny = dataclasses.replace(holographic, camera=dataclasses.replace(holographic.camera, rows=2, columns=3))
    with pytest.raises(ValueError, match="6 pixels are too few"):
        campaign(SimulatedBench(tiny, seed=4), tmp_path)
    assert bench.exposures == 0


def test_laser_noise_is_seen_and_told_to_the_retrieval(holographic: BenchDescription, tmp_path: Path) -> None:
    laser = dataclasses.replace(holographic.laser, intensity_noise=0.02)
    bench = SimulatedBench(dataclasses.replace(holographic, laser=laser, reference=None), seed=4)
    results, file = campaign(bench, tmp_path, method="interferometry", anchors=8)
    assert results.track.flicker == pytest.approx(0.02, rel=0.3)
    assert np.ptp(results.track.power) < 0.02  # it is not followed: frames between the looks have their own
    assert np.median(np.abs(pulls(bench, results, file))) == pytest.approx(math.sqrt(math.log(2)), rel=0.3)
