"""Campaigns: which frames are taken, that none is missed, and the matrix that comes of them."""

import dataclasses
import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.campaigns.measure import MATRIX, measure_matrix, rows_that_fit
from calibration.campaigns.plan import OFF, REFERENCE, Batch, CampaignPlan
from calibration.campaigns.run import run_campaign, take_batch
from calibration.campaigns.settings import BASES, CampaignSettings, make_method, make_plan
from calibration.campaigns.stepped_fields import stepped_fields
from calibration.holography.phase_stepping import group_steps, interference_term
from calibration.light import light_from_counts
from calibration.matrices.row_ambiguity import align_rows
from optics import BenchDescription, Exposure, SimulatedBench
from optics.campaign_file import CampaignFile
from optics.matrix_file import MatrixFile
from optics.media import DriftDescription, PhaseDrift
from optics.reference import Reference

QUARTERS = np.arange(4) * math.pi / 2


@pytest.fixture
def holographic(description: BenchDescription) -> BenchDescription:
    """The test bench with 12 bits, a deeper well and a reference arm of about the speckle's mean light."""
    camera = dataclasses.replace(description.camera, bits=12, full_well=40_000.0, gain=0.1, read_noise=8.0)
    medium = dataclasses.replace(description.medium, collected_fraction=8e-6)
    return dataclasses.replace(description, camera=camera, medium=medium, reference=Reference(rate=2.4e6))


def campaign(bench: SimulatedBench, folder: Path, *, budget: int = 2**30, **choices: Any) -> tuple[Any, MatrixFile]:
    """Results and matrix of a campaign on a bench."""
    settings = CampaignSettings(**{"reference_interval": 10, "held_out": 6, "batch_frames": 64, **choices})
    method = make_method(settings, inputs=bench.layout.inputs)
    results = measure_matrix(
        bench, make_plan(settings, method), method, folder=folder, description={"settings": settings.table()},
        stand_after=lambda index, time: bench.continue_after(frame_id=index, timestamp=time), budget=budget,
    )  # fmt: skip
    return results, MatrixFile(folder / MATRIX)


def pulls(bench: SimulatedBench, results: Any, file: MatrixFile, *, time: float = 0.0) -> np.ndarray:
    """Errors of the good entries, rows turned onto the truth, over their standard errors: complex, of unit variance."""
    good = results.valid
    truth = bench.truth.matrix(time=time)[good]
    turned = align_rows(file.read()[good], truth, ambiguity=results.ambiguity).matrix
    errors = np.asarray(file.standard_error(), float).reshape(len(good), -1)[good]
    total = np.sqrt(errors**2 + np.abs(truth) ** 2 * results.gain_error[good, None] ** 2)
    return (turned - truth) / total


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


def test_pixels_solved_from_the_file_are_those_solved_on_the_way(holographic: BenchDescription, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "tiles").mkdir()
    first, whole = campaign(SimulatedBench(holographic, seed=4), tmp_path / "whole")
    second, tiles = campaign(SimulatedBench(holographic, seed=4), tmp_path / "tiles", budget=2**18)
    np.testing.assert_allclose(tiles.read(), whole.read(), rtol=1e-5, atol=1e-5 * np.abs(whole.read()).max())
    np.testing.assert_allclose(tiles.standard_error(), whole.standard_error(), rtol=1e-5)
    assert second.prediction.mean == pytest.approx(first.prediction.mean, abs=1e-6)


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
    still, _ = campaign(SimulatedBench(holographic, seed=4), _new(tmp_path / "still"), reference_interval=4)
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


def test_a_campaign_goes_on_where_it_was_left_to_the_same_bits(holographic: BenchDescription, tmp_path: Path) -> None:
    results, file = campaign(SimulatedBench(holographic, seed=4), _new(tmp_path / "whole"))
    folder = _new(tmp_path / "stopped")
    settings = CampaignSettings(reference_interval=10, held_out=6, batch_frames=64)
    bench = SimulatedBench(holographic, seed=4)
    plan = make_plan(settings, make_method(settings, inputs=bench.layout.inputs))

    def stop(batches: list[Batch]) -> Any:
        yield from batches[:3]
        raise KeyboardInterrupt

    with CampaignFile.create(
        folder / "frames.h5", frames=plan.frames, shape=bench.camera.shape, word=bench.camera.word,
        description={"settings": settings.table()},
    ) as stopped:  # fmt: skip
        with pytest.raises(KeyboardInterrupt):
            run_campaign(bench, plan, stopped, progress=stop)
        assert 0 < stopped.done < plan.frames
    again, resumed = campaign(SimulatedBench(holographic, seed=4), folder)
    np.testing.assert_array_equal(resumed.read(), file.read())
    np.testing.assert_array_equal(again.prediction.correlation, results.prediction.correlation)


class LossyBench:
    """A bench that loses the frames of some exposures."""

    def __init__(self, bench: SimulatedBench, *, lost: set[int]) -> None:
        self.bench, self.lost, self.camera = bench, lost, bench.camera

    def expose(self, patterns: Any, *, reference: Any = None, light: bool = True) -> Exposure:
        exposure = self.bench.expose(patterns, reference=reference, light=light)
        valid = ~np.isin(exposure.frame_ids, list(self.lost))
        counts = np.where(valid[:, None, None], exposure.counts, 0).astype(exposure.counts.dtype)
        return dataclasses.replace(exposure, counts=counts, valid=valid)


def test_lost_frames_are_taken_again(holographic: BenchDescription) -> None:
    patterns = np.random.default_rng(1).random((6, holographic.layout.inputs)) < 0.5
    batch = Batch(slice(0, 6), patterns, np.arange(6.0))
    lossy: Any = LossyBench(SimulatedBench(holographic, seed=1), lost={2, 4, 7})
    exposure = take_batch(lossy, batch)
    assert exposure.valid.all()
    assert list(exposure.frame_ids) == [0, 1, 6, 3, 8, 5]
    other = SimulatedBench(holographic, seed=1)
    other.expose(patterns, reference=batch.phases)
    again = other.expose(patterns[[2, 4]], reference=np.array([2.0, 4.0]))
    np.testing.assert_array_equal(exposure.counts[2], again.counts[0])
    hopeless: Any = LossyBench(SimulatedBench(holographic, seed=1), lost=set(range(100)))
    with pytest.raises(ValueError, match="6 of 6 frames were lost 6 times running"):
        take_batch(hopeless, batch)


def test_frames_out_of_order_are_refused(holographic: BenchDescription) -> None:
    bench = SimulatedBench(holographic, seed=1)

    class Swapped(LossyBench):
        def expose(self, patterns: Any, *, reference: Any = None, light: bool = True) -> Exposure:
            exposure = super().expose(patterns, reference=reference, light=light)
            return dataclasses.replace(exposure, frame_ids=exposure.frame_ids[::-1])

    swapped: Any = Swapped(bench, lost=set())
    with pytest.raises(ValueError, match="out of order"):
        take_batch(swapped, Batch(slice(0, 3), np.zeros((3, bench.layout.inputs), bool), None))


def test_a_shift_of_frames_is_seen_by_the_reference_pattern(holographic: BenchDescription, tmp_path: Path) -> None:
    bench = SimulatedBench(holographic, seed=4)

    class Shifted:
        """Shows each pattern one trigger late from the second batch on."""

        camera, layout, exposure_time = bench.camera, bench.layout, bench.exposure_time
        last: np.ndarray | None = None

        def expose(self, patterns: np.ndarray, *, reference: Any = None, light: bool = True) -> Exposure:
            late = patterns if self.last is None else np.concatenate([self.last[np.newaxis], patterns[:-1]])
            self.last = patterns[-1]
            return bench.expose(late, reference=reference, light=light)

    settings = CampaignSettings(reference_interval=10, held_out=6, batch_frames=64)
    method = make_method(settings, inputs=bench.layout.inputs)
    shifted: Any = Shifted()
    with pytest.raises(ValueError, match="lost or came out of order"):
        measure_matrix(shifted, make_plan(settings, method), method, folder=tmp_path, description={})


def test_a_budget_that_does_not_hold_one_pixel_is_refused() -> None:
    method = make_method(CampaignSettings(), inputs=64)
    with pytest.raises(ValueError, match="allow more memory"):
        rows_that_fit(method, 100, budget=1000)
    assert rows_that_fit(method, 100, budget=2**20) == 100
    assert rows_that_fit(method, 1000, budget=2**20) == 500  # two tiles of one size


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


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_phases_that_are_not_those_commanded_are_found_from_the_frames(
    holographic: BenchDescription, tmp_path: Path
) -> None:
    assert holographic.reference is not None
    arm = dataclasses.replace(holographic.reference, step_scale=1.1)
    large = dataclasses.replace(holographic.camera, rows=48, columns=60)
    medium = dataclasses.replace(holographic.medium, collected_fraction=3.2e-5)
    wrong = dataclasses.replace(holographic, reference=arm, camera=large, medium=medium)
    taken, _ = campaign(SimulatedBench(wrong, seed=4), _new(tmp_path / "commanded"))
    found, _ = campaign(SimulatedBench(wrong, seed=4), _new(tmp_path / "found"), find_steps=True)
    true = 1.1 * QUARTERS
    off = (found.track.steps - found.track.steps.mean()) - (true - true.mean())
    assert np.abs(off).max() < 0.02  # circularity of 62 patterns behind 2880 pixels
    assert 1 - taken.prediction.mean > 5 * (1 - found.prediction.mean)
    assert found.prediction.mean > 0.995


def test_which_rows_are_good_does_not_depend_on_the_memory(holographic: BenchDescription, tmp_path: Path) -> None:
    arm = Reference(rate=2e6, beam_radius=4e-5)  # far from even: dim in the corners
    uneven = dataclasses.replace(holographic, reference=arm)
    whole, _ = campaign(SimulatedBench(uneven, seed=4), _new(tmp_path / "whole"))
    tiles, _ = campaign(SimulatedBench(uneven, seed=4), _new(tmp_path / "tiles"), budget=2**17)
    np.testing.assert_array_equal(tiles.valid, whole.valid)
    assert 0.5 < whole.valid.mean() < 0.95


def test_memory_is_that_of_a_tile_and_not_of_the_matrix(holographic: BenchDescription, tmp_path: Path) -> None:
    camera = dataclasses.replace(holographic.camera, rows=150, columns=160)
    large = dataclasses.replace(holographic, camera=camera, reference=Reference(rate=2.4e6))
    bench = SimulatedBench(large, seed=4)
    campaign(bench, tmp_path, budget=2**20, batch_frames=16)
    for name in ("matrix.h5", "results.h5"):
        (tmp_path / name).unlink()
    tracemalloc.start()
    campaign(bench, tmp_path, budget=2**20, batch_frames=16)  # solves from the frames that are there
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Looks at the reference pattern in 16 384 pixels take 18 MB; matrix and errors, 18 MB too, must not be kept.
    assert peak < 22e6


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


def test_a_matrix_of_another_campaign_is_refused(holographic: BenchDescription, tmp_path: Path) -> None:
    campaign(SimulatedBench(holographic, seed=4), tmp_path)
    (tmp_path / "frames.h5").unlink()
    (tmp_path / "results.h5").unlink()
    with pytest.raises(ValueError, match=r"matrix.h5 was made by another campaign: settings.seed is 0 in the file, 1"):
        campaign(SimulatedBench(holographic, seed=4), tmp_path, seed=1)


def test_a_matrix_that_is_gone_is_solved_again(holographic: BenchDescription, tmp_path: Path) -> None:
    _, file = campaign(SimulatedBench(holographic, seed=4), tmp_path)
    first = file.read()
    file.close()
    (tmp_path / "matrix.h5").unlink()
    _, again = campaign(SimulatedBench(holographic, seed=4), tmp_path)
    np.testing.assert_array_equal(again.read(), first)


def test_rows_that_were_left_are_solved_again_with_other_memory(holographic: BenchDescription, tmp_path: Path) -> None:
    _, file = campaign(SimulatedBench(holographic, seed=4), _new(tmp_path / "whole"))
    folder = _new(tmp_path / "left")
    settings = CampaignSettings(reference_interval=10, held_out=6, batch_frames=64)

    def stop(steps: list[Any], description: str) -> Any:
        yield steps[0]
        if description == "rows":
            raise KeyboardInterrupt
        yield from steps[1:]

    bench = SimulatedBench(holographic, seed=4)
    method = make_method(settings, inputs=bench.layout.inputs)
    with pytest.raises(KeyboardInterrupt):
        measure_matrix(
            bench, make_plan(settings, method), method, folder=folder, description={"settings": settings.table()},
            budget=2**18, progress=stop,
        )  # fmt: skip
    assert (folder / "matrix.h5.partial").exists()
    _, again = campaign(SimulatedBench(holographic, seed=4), folder)
    np.testing.assert_allclose(again.read(), file.read(), rtol=1e-5, atol=1e-5 * np.abs(file.read()).max())


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
