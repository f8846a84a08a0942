"""Fidelity measured on a bench: against the truth where there is one, from repeats where not."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike

from calibration import AnchorProjector, cosine
from calibration.fidelities.figures_of_merit import FidelityFigures, Interval
from calibration.fidelities.intervals import METRICS, correlation_interval, correlation_limits, repeat_interval
from calibration.fidelities.measured import measure_fidelity
from calibration.fidelities.plots import draw_measured_fidelity
from optics import BenchDescription, SimulatedBench
from optics.bench import Exposure


class RealBench:
    """A bench that nobody knows the truth of, and that loses frames when told to."""

    def __init__(self, description: BenchDescription, *, lost: float = 0.0) -> None:
        self._bench = SimulatedBench(description, seed=2)
        self.camera, self.layout, self.lost = self._bench.camera, self._bench.layout, lost
        self._rng = np.random.default_rng(0)

    @property
    def exposure_time(self) -> float:
        return self._bench.exposure_time

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        self._bench.exposure_time = requested

    def expose(self, patterns: ArrayLike, *, reference: ArrayLike | None = None, light: bool = True) -> Exposure:
        exposure = self._bench.expose(patterns, reference=reference, light=light)
        return replace(exposure, valid=self._rng.random(len(exposure.counts)) >= self.lost)


def test_against_the_truth_of_a_simulation(projector: AnchorProjector, rng: np.random.Generator) -> None:
    report = measure_fidelity(projector, vectors=30, rng=rng)
    assert report.against_truth is not None
    assert report.against_truth.correlation.value == pytest.approx(np.mean(report.by_vector), abs=2e-3)
    # Noise dominates this bench: repeats tell the same, and error bars are right within their own law.
    assert report.from_repeats.correlation.value == pytest.approx(report.against_truth.correlation.value, abs=2e-3)
    assert report.error_over_quoted == pytest.approx(1, abs=0.05)
    assert "at the time of its calibration" in str(report)


def test_the_interval_covers_other_vectors(projector: AnchorProjector) -> None:
    reports = [measure_fidelity(projector, vectors=20, rng=np.random.default_rng(k)) for k in range(12)]
    pooled = np.mean([report.against_truth.correlation.value for report in reports])
    # Outputs are the same in all: intervals, which count their scatter too, cover the common mean with ease.
    assert sum(report.against_truth.correlation.contains(pooled) for report in reports) >= 10


def test_a_real_bench_is_scored_by_repeats(description: BenchDescription, rng: np.random.Generator) -> None:
    projector = AnchorProjector(RealBench(description), components=10, outputs=500)
    report = measure_fidelity(projector, vectors=30, rng=rng)
    assert report.against_truth is None
    assert report.of_valid is None
    text = str(report)
    assert "nobody knows the truth" in text
    assert "upper bounds" in text
    # What a simulation of the same bench knows: the same correlation.
    twin = AnchorProjector(SimulatedBench(description, seed=2), components=10, outputs=500)
    true = measure_fidelity(twin, vectors=30, rng=np.random.default_rng(5)).against_truth
    assert report.from_repeats.correlation.value == pytest.approx(true.correlation.value, abs=3e-3)
    assert report.error_over_quoted == pytest.approx(1, abs=0.05)


def test_lost_frames_are_flagged_and_counted(description: BenchDescription, rng: np.random.Generator) -> None:
    bench = RealBench(description)
    projector = AnchorProjector(bench, components=10, outputs=500)
    bench.lost = 0.05
    report = measure_fidelity(projector, vectors=60, rng=rng)
    # A vector takes four frames, two where a half is empty: it is whole with a chance of 0.95^4 = 0.81.
    assert 0.05 < report.flagged < 0.45


def test_saturated_outputs_are_scored_apart(description: BenchDescription, rng: np.random.Generator) -> None:
    camera = replace(description.camera, full_well=3_000.0, gain=0.02)  # wells that fill within the tail of speckle
    bench = SimulatedBench(replace(description, camera=camera), seed=2)
    report = measure_fidelity(AnchorProjector(bench, components=10, outputs=500), vectors=40, rng=rng)
    assert report.flagged > 0
    assert report.of_valid.correlation.value > report.against_truth.correlation.value


def test_a_supplied_reference_is_what_counts(projector: AnchorProjector, rng: np.random.Generator) -> None:
    other = np.random.default_rng(1).standard_normal((500, 10))
    report = measure_fidelity(projector, vectors=30, rng=rng, reference=other)
    assert abs(report.against_truth.correlation.value) < 0.3
    assert "supplied" in str(report)
    with pytest.raises(ValueError, match=r"shape \(output, component\) = \(500, 10\), got \(10, 500\)"):
        measure_fidelity(projector, vectors=30, rng=rng, reference=other.T)


def test_the_picture_shows_every_vector(projector: AnchorProjector, rng: np.random.Generator) -> None:
    report = measure_fidelity(projector, vectors=9, rng=rng)
    axes = draw_measured_fidelity(report).axes
    assert len(axes[0].lines[0].get_ydata()) == 9
    assert axes[0].lines[0].get_ydata() == pytest.approx(report.by_vector)


def test_masked_entries_do_not_count(rng: np.random.Generator) -> None:
    truth = rng.standard_normal((20, 50))
    estimate = truth + 0.2 * rng.standard_normal(truth.shape)
    valid = rng.random(truth.shape) < 0.8
    spoilt = np.where(valid, estimate, 1e6)
    found = correlation_interval(spoilt, truth, valid=valid)
    assert found.value == pytest.approx(float(cosine(estimate[valid], truth[valid])))
    assert found == correlation_interval(np.where(valid, estimate, np.nan), truth, valid=valid)
    whole = correlation_interval(estimate, truth)
    # A fifth fewer entries: the interval is about 1 / sqrt(0.8) as wide.
    assert (found.high - found.low) / (whole.high - whole.low) == pytest.approx(0.8**-0.5, rel=0.25)


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_are_blind_to_what_their_methods_leave_open(rng: np.random.Generator, metric: str) -> None:
    shape = (12, 30)
    truth = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    noisy = truth + 0.1 * rng.standard_normal(shape)
    turn = {"field": 3j, "row phase": np.exp(2j * np.pi * rng.random((1, 30)))}.get(metric, 1.0)
    if metric in ("cosine", "intensity"):
        truth, noisy = truth.real, noisy.real
    changed = 4 * noisy + 7 if metric == "intensity" else 4 * turn * noisy
    before, after = (correlation_limits(one, truth, metric=metric) for one in (noisy, changed))
    assert after == pytest.approx(before)
    assert before[0] > 0.99


def test_perfect_agreement_has_an_interval_of_no_width(rng: np.random.Generator) -> None:
    truth = rng.standard_normal((5, 6))
    found = correlation_interval(2 * truth, truth)
    assert found.value == pytest.approx(1, abs=1e-15)
    assert found.high - found.low < 1e-10
    assert FidelityFigures.of(Interval(value=1.0, low=0.9, high=1.0)).signal_to_noise_db.high == np.inf


def test_bad_input_of_intervals(rng: np.random.Generator) -> None:
    a = rng.standard_normal((4, 5))
    with pytest.raises(ValueError, match="at least 2 vectors and 2 outputs"):
        correlation_interval(a[:1], a[:1])
    with pytest.raises(ValueError, match=r"estimate has shape \(4, 5\) and truth \(5, 4\)"):
        correlation_interval(a, a.T)
    with pytest.raises(ValueError, match="fields are complex: take metric = 'field'"):
        correlation_interval(a + 1j, a)
    with pytest.raises(ValueError, match="zero, constant, or not finite"):
        correlation_interval(a, 0 * a)
    with pytest.raises(ValueError, match="zero, constant, or not finite"):
        correlation_interval(a, np.ones_like(a), metric="intensity")
    with pytest.raises(ValueError, match="did you mean 'row phase'"):
        correlation_interval(a, a, metric="row phases")
    with pytest.raises(ValueError, match="level = 1 is not allowed"):
        repeat_interval(a, a, level=1.0)
    with pytest.raises(ValueError, match="2 is not between low = 3 and high = 4"):
        Interval(value=2.0, low=3.0, high=4.0)
