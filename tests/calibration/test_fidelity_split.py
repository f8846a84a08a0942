"""What causes cost: the split adds up where it must, finds the cause that was put in, and keeps noise paired."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import exp1

from calibration.anchors import decode, plan
from calibration.exposure import choose_outputs
from calibration.fidelities.intervals import error_influence
from calibration.fidelities.plots import draw_fidelity_split
from calibration.fidelities.projection_runs import ALL_CAUSES, ProjectionRun, random_ternary
from calibration.fidelities.remembered_light import RememberingMedium
from calibration.fidelities.split import split_fidelity
from calibration.fidelity import cosine
from optics import BenchDescription, SimulatedBench
from optics.causes import CAUSES
from optics.media import DriftDescription
from optics.media.gaussian import GaussianMedium
from tests.calibration.conftest import ideal

__all__ = ["ideal"]

SIZE = {"components": 10, "outputs": 500}


def run(description: BenchDescription, *, seed: int = 2, vectors: int = 30, **options: object) -> ProjectionRun:
    x = random_ternary(vectors, components=10, rng=np.random.default_rng(seed))
    return ProjectionRun(description, seed=seed, x=x, outputs=500, **options)


def test_a_run_scores_what_the_retrieval_gives(description: BenchDescription) -> None:
    # The same frames by hand, without the memory of the run and without its reference.
    x = random_ternary(30, components=10, rng=np.random.default_rng(2))
    known = ProjectionRun(description, seed=2, x=x, outputs=500, reference="realised")
    calibration = known.calibration
    bench = SimulatedBench(description, seed=2)
    states = calibration.scheme.anchor_states
    planned, levels, exposures = plan(x, calibration), list(calibration.levels), []
    means = []
    for series in planned.series:
        bench.exposure_time = series.exposure_time
        dark, off, anchor = (
            bench.expose(np.tile(shown, (128, 1)), light=light).counts.reshape(128, -1).mean(axis=0)
            for shown, light in ((0 * states > 0, False), (0 * states > 0, True), (states, True))
        )
        means.append((series.level, dark, off, anchor))
    level, dark, _, anchor = means[0]
    signal = (anchor - dark) * levels[0].exposure_time / levels[level].exposure_time
    outputs = choose_outputs(signal, 0 * signal, camera=bench.camera, outputs=500)
    for level, dark, off, anchor in means:
        frames = {"dark": dark, "off": off, "anchor": anchor}
        levels[level] = replace(levels[level], **{k: v[outputs].astype(np.float32) for k, v in frames.items()})
    for series in planned.series:
        bench.exposure_time = series.exposure_time
        exposures.append(bench.expose(series.patterns))
    estimate = decode(planned, exposures, replace(calibration, levels=tuple(levels), outputs=outputs)).value
    truth = x @ bench.truth.linear_map(states)[np.ix_(outputs, calibration.scheme.components)].T
    expected = 1 - float(cosine(estimate.ravel(), truth.ravel())) ** 2
    scored = known.score()
    assert scored.error == pytest.approx(expected, rel=1e-6)
    # Pixels without an output have no influence; the mean over all pixels is that over the outputs.
    influence = error_influence(estimate, truth)[1] * (720 / 500)
    assert scored.influence[:, outputs] == pytest.approx(influence, abs=1e-6 * np.abs(influence).max())
    assert np.count_nonzero(scored.influence.any(axis=0)) == 500


def test_without_any_cause_next_to_nothing_is_left(description: BenchDescription) -> None:
    scored = run(description)
    # 16 bits over eight times the range: 2^-13 of the range a step, and amplitudes of mirrors rounded to 2^-18.
    assert scored.score(ALL_CAUSES).error < 1e-5
    assert scored.score().error > 1e-3


def test_the_same_bench_scores_the_same(description: BenchDescription) -> None:
    scored = run(description)
    assert scored.score(["prnu"]).error == scored.score().error  # there is none
    assert scored.score(["read"]).error == scored.score(["read"]).error


def test_a_stronger_cause_costs_more_and_is_found(ideal: BenchDescription) -> None:
    # On a bench where algebra shows, static light of 1/200 is all that ails: law L34 gives rows gains |Ar| / |Ar + e|.
    leaky = replace(ideal, dmd=replace(ideal.dmd, contrast_ratio=200.0))
    split = split_fidelity(leaky, **SIZE, seeds=(3,), vectors=20)
    assert split.causes[0].name == "contrast"
    cause = split.causes[0]
    assert cause.contribution.value == pytest.approx(split.whole.value, rel=0.05)
    # Alone it comes without the division by dark anchors, where static light counts most.
    assert 0.3 * split.whole.value < cause.alone.value < split.whole.value
    # Against what the bench realises it costs nothing: rows are what they are.
    fair = split_fidelity(leaky, **SIZE, seeds=(3,), vectors=20, reference="realised")
    assert fair.whole.value < 0.02 * split.whole.value


def test_read_noise_costs_what_the_law_says(ideal: BenchDescription) -> None:
    # Law L58: the variance of frames over the square of their light. A bench of more noise exposes longer; what
    # rounding leaves in 16 bits over eight times the range is taken off.
    costs = []
    for noise in (800.0, 1600.0):
        camera = replace(ideal.camera, read_noise=noise, black_level=100.0)
        scored = run(replace(ideal, camera=camera), seed=3)
        error = scored.score(set(ALL_CAUSES) - {"read"}).error - scored.score(ALL_CAUSES).error
        costs.append(error * scored.calibration.levels[0].exposure_time ** 2)
    # 30 x 500 squares of normal draws, weighted: 4 sqrt(2 x 2 / 15 000), and exposures in steps of 1 us.
    assert costs[1] / costs[0] == pytest.approx(4, rel=0.08)


def test_pairing_makes_differences_surer_than_errors(description: BenchDescription) -> None:
    split = split_fidelity(description, **SIZE, seeds=(1,), vectors=20)
    quantisation = {row.name: row for row in split.causes}["quantisation"].contribution
    assert quantisation.high - quantisation.low < split.whole.high - split.whole.low


def test_steps_lead_from_the_whole_error_to_nothing(description: BenchDescription) -> None:
    split = split_fidelity(description, **SIZE, seeds=(1,), vectors=20)
    assert split.left[-1] == split.nothing
    assert len(split.left) == len(split.groups)
    groups = sum(row.contribution.value for row in split.groups)
    assert split.whole.value == pytest.approx(groups + split.remainder)
    assert {row.name for row in split.causes} == {
        "shot", "read", "quantisation", "saturation", "contrast", "stored_frames", "dark_anchor",
    }  # fmt: skip


def test_a_drifting_medium_is_an_error_that_freezing_takes_away(ideal: BenchDescription) -> None:
    # Frames of the vectors come some 0.2 s after the stored ones; g_1 falls with a correlation time of 1 s.
    drift = DriftDescription(inside=ideal.medium, law="gaussian", correlation_time=1.0, method="mixing")
    scored = run(replace(ideal, medium=drift), vectors=12, stored_exposures=16)
    whole, frozen = scored.score(), scored.score(["drift"])
    assert whole.error > 20 * frozen.error
    assert frozen.error < 1e-4


def test_exact_stored_frames_take_the_error_of_few_exposures_away(ideal: BenchDescription) -> None:
    camera = replace(ideal.camera, read_noise=2000.0, black_level=200.0)
    single = np.eye(10, dtype=int)  # the other half of every vector is a stored frame
    few = ProjectionRun(replace(ideal, camera=camera), seed=2, x=single, outputs=500, stored_exposures=2)
    errors = few.score().error, few.score(["stored_frames"]).error
    # Two exposed frames and two stored ones of half the variance: 2 + 2 / 2 = 3 against 2, and the division.
    assert errors[0] / errors[1] == pytest.approx(1.5, rel=0.15)


def test_weighting_by_the_anchor_takes_the_amplification_of_dark_rows_away(ideal: BenchDescription) -> None:
    # Noise alike in all rows of D = 2 |Tr| y: over <1/u> for rows divided by |Tr|, over 1 / <u> for D itself. With the
    # brightest 500 of 720 pixels, u > c = -ln(500 / 720): <u> = 1 + c and <1/u> = e^c E1(c) = 1.42 / 1.37.
    camera = replace(ideal.camera, read_noise=2000.0, black_level=200.0)
    noisy = run(replace(ideal, camera=camera), seed=4)
    start = -np.log(500 / 720)
    predicted = (1 + start) * np.exp(start) * exp1(start)
    found = noisy.score(["shot"]).error / noisy.score(["shot", "dark_anchor"]).error
    # 500 outputs of u: their <u> and <1/u> are known to 5 % together.
    assert found == pytest.approx(predicted, rel=0.2)


def test_the_table_and_the_picture_name_every_cause(description: BenchDescription) -> None:
    seen = []
    split = split_fidelity(
        description, **SIZE, seeds=(1,), vectors=8, progress=lambda benches: seen.extend(benches) or benches
    )
    assert len(seen) == len(set(seen)) > 12
    text = str(split)
    figure = draw_fidelity_split(split)
    labels = {label.get_text() for axis in figure.axes for label in axis.get_yticklabels()}
    for row in (*split.causes, *split.groups):
        assert f"  {row.name} " in text
        assert row.name.replace("_", " ") in labels


def test_remembered_light_is_that_of_the_medium(rng: np.random.Generator) -> None:
    places, camera = np.zeros((9, 2)), (5, 7)
    medium = GaussianMedium(
        input_positions=places, output_shape=camera, output_pitch=1e-6, collected_fraction=0.01, seed=3
    )
    asked = []

    class Counting(RememberingMedium):
        def __init__(self) -> None:
            super().__init__(medium)

    remembering = Counting()
    states = (rng.random((40, 9)) < 0.5).astype(np.float32)
    shown = states[rng.integers(0, 40, 100)]
    first = remembering.transmit(shown, time=np.zeros(100))
    first[:] *= 2  # what is given out is not what is kept
    asked.append(remembering.transmit(shown, time=0.0))
    assert np.array_equal(asked[0], medium.transmit(shown, time=0.0))
    assert remembering.transmit(shown[:0], time=0.0).shape == (0, 1, 5, 7)
    wide = remembering.transmit(shown.astype(np.complex128), time=0.0)
    assert wide == pytest.approx(asked[0], rel=1e-6)


def test_random_ternary_vectors_are_never_zero(rng: np.random.Generator) -> None:
    sparse = random_ternary(300, components=2, rng=rng)
    assert (sparse != 0).any(axis=1).all()
    exact = random_ternary(300, components=7, rng=rng, non_zeros=3)
    assert ((exact != 0).sum(axis=1) == 3).all()
    assert set(np.unique(exact)) == {-1, 0, 1}
    # Every component is taken alike: 300 x 3 / 7 with a binomial spread.
    assert (exact != 0).sum(axis=0) == pytest.approx(300 * 3 / 7, abs=4 * np.sqrt(300 * 3 / 7 * 4 / 7))


def test_bad_input_is_answered(description: BenchDescription) -> None:
    with pytest.raises(ValueError, match="seeds is empty"):
        split_fidelity(description, **SIZE, seeds=())
    with pytest.raises(ValueError, match="reference = 'idael' is not known; did you mean 'ideal'"):
        split_fidelity(description, **SIZE, reference="idael")
    with pytest.raises(ValueError, match="non_zeros = 11 is not allowed: it must be 1 to 10"):
        split_fidelity(description, **SIZE, non_zeros=11)
    with pytest.raises(ValueError, match="did you mean 'dark_anchor'"):
        run(description).score(["dark_anchors"])
    assert set(CAUSES) < set(ALL_CAUSES)
