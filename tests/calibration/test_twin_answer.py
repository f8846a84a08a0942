"""What is said of a twin: statistics of its frames, the steady map, the words, the limits."""

import math
from dataclasses import replace

import numpy as np
import pytest

from calibration import AnchorProjector, cosine
from calibration.cameras.uncertainty import Measured
from calibration.identification.observations import Observations
from calibration.identification.protocol import ProtocolSettings, observe
from calibration.twins.answer import TwinAnswer, bench_fidelity, steady_map
from calibration.twins.answer_text import format_answer, percent, verdict
from calibration.twins.frame_statistics import decorrelation_curve, photon_transfer_curve
from calibration.twins.known_camera import BenchWithCamera
from calibration.twins.limits import MODES_LEFT_OUT, find_limits, left_out_causes
from calibration.twins.training import Training
from optics import BenchDescription, DriftDescription, Pointing, PolarisedDescription, SimulatedBench
from tests.calibration.standin_twin import standin_twin

SETTINGS = ProtocolSettings(halves=16, singles=64, bursts=8, burst=16, pause=0.2)


def observed(description: BenchDescription) -> Observations:
    """The frames of a short identification, over two seconds."""
    return observe(SimulatedBench(description, seed=6), settings=SETTINGS)


def deep(description: BenchDescription) -> BenchDescription:
    """The bench with 12 bits, whose rounding hides nothing."""
    camera = replace(description.camera, bits=12, gain=0.4, black_level=20.0, read_noise=5.0)
    return replace(description, camera=camera)


def test_variance_rises_with_the_signal_by_the_gain(description: BenchDescription) -> None:
    bench = deep(replace(description, laser=replace(description.laser, intensity_noise=0.02)))
    curve = photon_transfer_curve(observed(bench))
    used = (curve.x > 20) & (curve.x < 1500)
    assert used.sum() > 60
    excess = curve.y - (0.4 * 5.0) ** 2 - 1 / 12 - np.mean(0.4 * 5.0) ** 2 / 64
    gain = np.sum(excess[used]) / np.sum(curve.x[used])
    # Classes of 60 pixels: each variance has a relative standard error of sqrt(2 / 60), weighted by the signal.
    error = math.sqrt(2 / 60 * np.sum(curve.x[used] ** 2)) / np.sum(curve.x[used])
    assert gain == pytest.approx(0.4, abs=4 * 0.4 * error)


def test_the_likeness_of_frames_falls_as_the_medium_forgets(description: BenchDescription) -> None:
    bench = deep(description)
    drifting = replace(bench, medium=DriftDescription(inside=bench.medium, law="exponential", correlation_time=3.0))
    still, moving = (decorrelation_curve(observed(one)) for one in (bench, drifting))
    # 720 pixels and 128 frames: correlations scatter by a few per cent of one less themselves.
    assert still.y == pytest.approx(1, abs=0.02)
    late = moving.x > 0.5
    law = np.exp(-2 * moving.x[late] / 3.0)
    assert moving.y[late] == pytest.approx(law, abs=0.15)
    assert moving.y[-1] < 0.6


def test_a_trembling_beam_is_scored_against_its_mean_map(description: BenchDescription) -> None:
    trembling = replace(
        deep(description), laser=replace(description.laser, pointing=Pointing(rms=2e-4, correlation_time=1e-7))
    )
    bench = SimulatedBench(trembling, seed=2)
    projector = AnchorProjector(bench, components=8, outputs=100, anchor=8)
    mean, one = steady_map(bench, projector), projector.truth(time=projector.calibration.levels[0].timestamp)
    rest = replace(trembling, laser=replace(trembling.laser, pointing=Pointing(rms=0.0, correlation_time=1.0)))
    still = SimulatedBench(rest, seed=2)
    scheme = projector.calibration.scheme
    ideal = still.truth.linear_map(scheme.anchor_states)[np.ix_(projector.calibration.outputs, scheme.components)]
    assert cosine(mean.ravel(), ideal.ravel()) > cosine(one.ravel(), ideal.ravel()) + 0.01
    plain = AnchorProjector(still, components=8, outputs=100, anchor=8)
    assert np.array_equal(steady_map(still, plain), plain.truth(time=plain.calibration.levels[0].timestamp))


def test_the_figures_of_the_twin_replace_those_of_the_camera(description: BenchDescription) -> None:
    bench = SimulatedBench(deep(description), seed=1)
    placeholder = SimulatedBench(deep(description), seed=1)
    found = replace(bench.camera, gain=0.41)
    known = BenchWithCamera(placeholder, found)
    known.exposure_time = 2e-3
    assert (known.camera, known.layout, known.exposure_time) == (found, bench.layout, placeholder.exposure_time)
    states = np.ones((2, 63), np.bool_)
    bench.exposure_time = 2e-3
    assert np.array_equal(known.expose(states).counts, bench.expose(states).counts)
    with pytest.raises(ValueError, match=r"24, 30\) pixels and 11 bits, the bench has .* and 12 bits"):
        BenchWithCamera(bench, replace(bench.camera, bits=11))


def test_a_real_bench_is_judged_by_its_repeats(description: BenchDescription) -> None:
    bench = BenchWithCamera(SimulatedBench(deep(description), seed=1), deep(description).camera)  # its truth is hidden
    report = bench_fidelity(bench, deep(description), components=8, outputs=100, vectors=12)
    assert report.against_truth is None
    assert report.from_repeats.correlation.value > 0.9


def test_limits_know_what_they_leave_out(description: BenchDescription) -> None:
    bench = replace(
        description,
        medium=DriftDescription(
            inside=PolarisedDescription(inside=description.medium, degree=0.3), law="gaussian", correlation_time=100.0
        ),
        laser=replace(description.laser, pointing=Pointing(rms=1e-5, correlation_time=1.0), beam_radius=3e-4),
    )
    assert left_out_causes(bench) == ("pointing",)
    limits = find_limits(bench, components=6, outputs=60, batch=4)
    assert limits.flags[-1] == MODES_LEFT_OUT
    assert {"beam_profile", "contrast", "drift"} <= {term.name for term in limits.even.terms}
    assert not {"beam_profile", "contrast"} & {term.name for term in limits.own.terms}
    assert limits.own.error < limits.even.error
    assert f"({limits.own.error:.3g} to " in limits.advice  # what changes buy of the error that counts
    assert not set(limits.advice.splitlines()) & set(limits.flags)  # said once


def test_the_verdict_names_the_largest_cost_and_only_what_was_found(description: BenchDescription) -> None:
    answer = TwinAnswer(twin=standin_twin(description), components=6, outputs=60)
    assert verdict(answer) == "Nothing could be found out beyond the figures."
    named = replace(answer, costs={"drift": 0.01, "pointing": 0.02})
    assert verdict(named) == "Limited by pointing (the beam's direction wanders)."
    one = Measured(value=0.95, uncertainty=math.nan)
    trained = replace(answer, training=Training(accuracy={"optical": one}, seeds=1, complete=False))
    assert verdict(trained) == "The digits network reaches 95.0 %."
    assert "! stopped early: only finished runs count" in format_answer(trained)
    assert percent(Measured(value=0.9685, uncertainty=0.0144)) == "96.9 ± 1.4 %"
