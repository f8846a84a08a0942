"""Numerical interferometry: matrices and static fields from light alone, their error bars, and frames that lie."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.fidelity import intensity_correlation
from calibration.light import Light, light_from_counts
from calibration.matrices.nested_anchors import InterferometryPlan, plan_interferometry
from calibration.matrices.noise_law import noise_law
from calibration.matrices.numerical_interferometry import decode_interferometry
from calibration.matrices.stitching import row_turn
from optics import BenchDescription, SimulatedBench

INPUTS, OUTPUTS = 40, 60


@pytest.fixture
def plan(rng: np.random.Generator) -> InterferometryPlan:
    """Frames for 40 inputs: eight anchors, 60 signals in each half."""
    return plan_interferometry(INPUTS, rng=rng, anchors=8, off_frames=6)


def gaussian(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Circular Gaussian numbers of mean square one."""
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def field(rng: np.random.Generator, *, outputs: int = OUTPUTS, static: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A matrix, and a static field as strong as some of its columns."""
    return gaussian(rng, outputs, INPUTS), np.sqrt(static) * gaussian(rng, outputs)


def shine(
    rng: np.random.Generator, plan: InterferometryPlan, T: np.ndarray, e: np.ndarray, *, noise: float, shot: float = 0.0
) -> Light:
    """Light of the plan's frames with normal noise of variance noise^2 + shot I, stated as such."""
    clean = np.abs(e + plan.patterns.astype(float) @ T.T) ** 2
    value = clean + np.sqrt(noise**2 + shot * clean) * rng.standard_normal(clean.shape)
    variance = noise**2 + shot * np.maximum(value, 0)
    return Light(value.astype(np.float32), variance.astype(np.float32), np.ones(value.shape, bool))


def test_the_published_number_of_frames() -> None:
    plan = plan_interferometry(100, rng=np.random.default_rng(1), off_frames=84)
    assert plan.frames == len(plan.patterns) == 6804
    assert [len(half.columns) for half in plan.halves] == [75, 75]
    assert [half.circulant.signals for half in plan.halves] == [150, 150]


def test_frames_show_differences_of_nested_patterns(plan: InterferometryPlan, rng: np.random.Generator) -> None:
    # |T b|^2 of each frame is the squared distance of the fields of two patterns, without static light.
    T = gaussian(rng, 3, INPUTS)
    light = np.abs(plan.patterns.astype(float) @ T.T) ** 2
    start = plan.off_frames
    assert not light[:start].any()
    for half in plan.halves:
        anchors = half.anchors.astype(float) @ T.T
        assert not half.anchors[0].any()
        assert (half.anchors[1:-1] <= half.anchors[2:]).all()
        pairs = [np.abs(anchors[k] - anchors[j]) ** 2 for j in range(9) for k in range(j + 1, 9)]
        assert np.allclose(light[start : start + 36], pairs)
        signals = half.circulant.patterns().astype(float) @ T[:, half.columns].T
        distances = np.abs(signals[:, np.newaxis] - anchors) ** 2
        assert np.allclose(light[start + 36 : start + half.frames], distances.reshape(-1, 3))
        start += half.frames
    assert start == plan.frames
    assert len(np.union1d(plan.halves[0].columns, plan.halves[1].columns)) == INPUTS


@pytest.mark.parametrize("static", [0.0, 0.5])
def test_l34_matrix_and_static_field_come_out_together(
    plan: InterferometryPlan, rng: np.random.Generator, static: float
) -> None:
    T, e = field(rng, static=static)
    estimate = decode_interferometry(shine(rng, plan, T, e, noise=1e-3), plan)
    turn = row_turn(estimate.matrix.value, T)
    rows = estimate.static.valid
    assert rows.mean() > 0.9  # few anchors nearly lie on a line in some pixels: such are flagged where they went astray
    error = np.abs(turn.apply(estimate.matrix.value) - T)[rows]
    # Noise of 1e-3 on squares of distances of about 5: entries are better than that, worst with badly placed anchors.
    assert np.sqrt(np.mean(error**2)) < 1e-3
    assert error.max() < 0.02
    if static:  # without one, its phase means nothing
        assert np.sqrt(np.mean(np.abs(turn.apply(estimate.static.value) - e)[rows] ** 2)) < 2e-3
    assert 0.2 < turn.conjugate.mean() < 0.8


def test_the_linear_start_alone_is_biased_by_static_light(plan: InterferometryPlan, rng: np.random.Generator) -> None:
    T, e = field(rng, static=0.3)
    light = shine(rng, plan, T, e, noise=1e-2)
    x = rng.random((30, INPUTS)) < 0.5
    truth = np.abs(e + x.astype(float) @ T.T) ** 2
    joint, linear = (
        intensity_correlation(decode_interferometry(light, plan, steps=steps).light(x), truth).mean()
        for steps in (12, 0)
    )
    assert joint > 0.999
    assert linear < 0.99


@pytest.mark.parametrize(("noise", "shot", "static"), [(0.3, 0.0, 0.5), (0.2, 0.02, 0.0)])
def test_standard_errors_match_the_scatter(
    plan: InterferometryPlan, rng: np.random.Generator, noise: float, shot: float, static: float
) -> None:
    # 300 rows of 40 entries; what anchors bring is common to a row, some four numbers of the 80: the rms of the pulls
    # has a standard error of about 1.2 %. The aim is 5 %.
    T, e = field(rng, outputs=300, static=static)
    estimate = decode_interferometry(shine(rng, plan, T, e, noise=noise, shot=shot), plan)
    error = np.abs(row_turn(estimate.matrix.value, T).apply(estimate.matrix.value) - T)
    valid = estimate.matrix.valid
    assert valid.mean() > 0.97
    assert np.sqrt(np.mean((error / estimate.matrix.standard_error)[valid] ** 2)) == pytest.approx(1, abs=0.05)
    assert np.median(estimate.misfit) == pytest.approx(1, abs=0.03)


def test_error_bars_do_not_hold_the_rotation_that_nobody_knows(
    plan: InterferometryPlan, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    T, e = field(rng)
    light = shine(rng, plan, T, e, noise=0.05)
    firm = decode_interferometry(light, plan)
    monkeypatch.setattr("calibration.matrices.joint_lateration.HOLD", 1e-4)  # turning the row costs nothing
    loose = decode_interferometry(light, plan)
    rows = firm.static.valid & loose.static.valid
    assert rows.mean() > 0.9
    ratio = loose.matrix.standard_error[rows] / firm.matrix.standard_error[rows]
    assert np.median(np.abs(ratio - 1), axis=1).max() < 0.02


def test_errors_of_the_static_field_match_the_scatter(plan: InterferometryPlan, rng: np.random.Generator) -> None:
    T, e = field(rng, outputs=300, static=2.0)
    estimate = decode_interferometry(shine(rng, plan, T, e, noise=0.1), plan)
    turn = row_turn(estimate.matrix.value, T)
    pulls = np.abs(turn.apply(estimate.static.value) - e) / estimate.static.standard_error
    # 300 numbers: 1 / sqrt(2 x 300) = 4 %, three of them.
    assert np.sqrt(np.mean(pulls[estimate.static.valid] ** 2)) == pytest.approx(1, abs=0.12)


def test_laser_noise_that_is_stated_gives_right_bars(plan: InterferometryPlan, rng: np.random.Generator) -> None:
    T, e = field(rng, outputs=200)
    clean = np.abs(e + plan.patterns.astype(float) @ T.T) ** 2
    power = 1 + 0.03 * rng.standard_normal(clean.shape)
    value = (clean * power + 0.4 * rng.standard_normal(clean.shape)).astype(np.float32)
    light = Light(value, np.full(value.shape, 0.4**2, np.float32), np.ones(value.shape, bool))
    pulls, misfit = {}, {}
    for stated in (0.0, 0.03):
        estimate = decode_interferometry(light, plan, light_noise=stated)
        error = np.abs(row_turn(estimate.matrix.value, T).apply(estimate.matrix.value) - T)
        pulls[stated] = np.sqrt(np.mean((error / estimate.matrix.standard_error)[estimate.matrix.valid] ** 2))
        misfit[stated] = np.median(estimate.misfit)
    assert pulls[0.03] == pytest.approx(1, abs=0.05)
    assert misfit[0.03] == pytest.approx(1, abs=0.05)
    assert misfit[0.0] > 1.5  # says that something else is at work


def test_counts_of_the_simulated_bench_tell_unseen_light(description: BenchDescription) -> None:
    # 63 macropixels with 1000:1 contrast, 8 bits, and the padding mirrors' static light.
    bench = SimulatedBench(description, seed=3)
    plan = plan_interferometry(63, rng=np.random.default_rng(5), anchors=10)
    exposure = bench.expose(plan.patterns)
    light = light_from_counts(exposure.counts, bench.camera, exposure_time=exposure.exposure_time)
    estimate = decode_interferometry(light, plan)
    x = np.random.default_rng(6).random((40, 63)) < 0.5
    truth = bench.truth.intensity(x).reshape(40, -1)
    rows = estimate.static.valid
    assert rows.mean() > 0.9
    assert intensity_correlation(estimate.light(x)[:, rows], truth[:, rows]).min() > 0.99


def test_saturated_readings_have_no_weight(plan: InterferometryPlan, rng: np.random.Generator) -> None:
    T, e = field(rng)
    light = shine(rng, plan, T, e, noise=0.05)
    full = np.quantile(light.value, 0.99)
    usable, clipped = light.value < full, []
    for level in (full, 1.2 * full):  # what a saturated reading says must not matter beyond the start of the fit
        clipped.append(decode_interferometry(Light(np.where(usable, light.value, level), light.variance, usable), plan))
    error = np.abs(row_turn(clipped[0].matrix.value, T).apply(clipped[0].matrix.value) - T)
    rows = clipped[0].static.valid & clipped[1].static.valid
    assert rows.mean() > 0.65
    pulls = (error / clipped[0].matrix.standard_error)[rows]
    assert np.sqrt(np.mean(pulls**2)) == pytest.approx(1, abs=0.1)
    turned = row_turn(clipped[1].matrix.value[rows], clipped[0].matrix.value[rows]).apply(clipped[1].matrix.value[rows])
    change = np.abs(turned - clipped[0].matrix.value[rows]) / clipped[0].matrix.standard_error[rows]
    assert np.quantile(change, 0.95) < 0.2


def test_pixels_that_lie_or_saturate_are_flagged(plan: InterferometryPlan, rng: np.random.Generator) -> None:
    T, e = field(rng)
    light = shine(rng, plan, T, e, noise=0.05)
    light.value[:, 7] = rng.exponential(20, len(light.value))  # follows no pattern
    light.valid[-4:, 11] = False
    light.valid[-9:, 12] = False  # nothing is left of the last signal
    light.value[:, 20] *= 1 + 0.1 * rng.standard_normal(len(light.value))  # a pixel that flickers
    valid = decode_interferometry(light, plan).matrix.valid
    assert not valid[[7, 12, 20]].any()
    assert valid[11].all()
    assert valid.mean() > 0.9


def test_light_without_a_usable_pixel_is_refused(plan: InterferometryPlan, rng: np.random.Generator) -> None:
    T, e = field(rng, outputs=5)
    light = shine(rng, plan, T, e, noise=0.05)
    with pytest.raises(ValueError, match="no pixel has usable anchors and four readings"):
        decode_interferometry(Light(light.value, light.variance, np.zeros_like(light.valid)), plan)


def test_frames_in_the_wrong_order_are_refused(plan: InterferometryPlan, rng: np.random.Generator) -> None:
    T, e = field(rng)
    light = shine(rng, plan, T, e, noise=0.05)
    frames = np.arange(plan.frames)
    # One late, one signal late, one lost and the last shown twice, backwards, and at random.
    orders = [np.roll(frames, 1), np.roll(frames, 9), np.append(np.delete(frames, 700), frames[-1]), frames[::-1],
              rng.permutation(frames)]  # fmt: skip
    for order in orders:
        wrong = Light(light.value[order], light.variance[order], light.valid[order])
        with pytest.raises(ValueError, match="leaves .* of the light.* in the median pixel.*check their order"):
            decode_interferometry(wrong, plan)


def test_a_wrong_number_of_frames_is_refused(plan: InterferometryPlan, rng: np.random.Generator) -> None:
    T, e = field(rng, outputs=5)
    light = shine(rng, plan, T, e, noise=0.05)
    short = Light(light.value[:-1], light.variance[:-1], light.valid[:-1])
    with pytest.raises(ValueError, match=f"the plan has {plan.frames} frames, got light of {plan.frames - 1}"):
        decode_interferometry(short, plan)


def test_collinear_anchors_are_refused_or_flagged(plan: InterferometryPlan, rng: np.random.Generator) -> None:
    T, e = field(rng, static=0.0)
    T[4] = np.abs(T[4])  # all fields in phase: anchors on a line
    estimate = decode_interferometry(shine(rng, plan, T, e, noise=1e-4), plan)
    assert not estimate.matrix.valid[4].any()
    assert estimate.matrix.valid.mean() > 0.9
    line = np.abs(T)
    with pytest.raises(ValueError, match="lie on a line in every pixel"):
        decode_interferometry(replace(shine(rng, plan, line, e, noise=1e-9)), plan)


def test_pixels_do_not_depend_on_each_other(plan: InterferometryPlan, rng: np.random.Generator) -> None:
    T, e = field(rng)
    light = shine(rng, plan, T, e, noise=0.05)
    some = Light(light.value[:, 20:33], light.variance[:, 20:33], light.valid[:, 20:33])
    whole, part = decode_interferometry(light, plan).matrix, decode_interferometry(some, plan).matrix
    # Blocks stop together and the law of the noise is fitted to all pixels: differences far below the error bars.
    turned = row_turn(part.value, whole.value[20:33]).apply(part.value)
    assert (np.abs(turned - whole.value[20:33]) < 0.1 * part.standard_error).all()


def test_plans_that_cannot_work_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="3 anchors are too few"):
        plan_interferometry(40, rng=rng, anchors=3)
    with pytest.raises(ValueError, match="12 anchors cannot all differ on the 10 inputs"):
        plan_interferometry(40, rng=rng, anchors=12)
    with pytest.raises(ValueError, match="columns = 20 is not allowed"):
        plan_interferometry(40, rng=rng, anchors=8, columns=20)
    with pytest.raises(ValueError, match="inputs = 7 is not allowed"):
        plan_interferometry(7, rng=rng, anchors=4)


def test_light_without_variance_is_refused(plan: InterferometryPlan, rng: np.random.Generator) -> None:
    T, e = field(rng, outputs=5)
    light = shine(rng, plan, T, e, noise=0.05)
    with pytest.raises(ValueError, match="variance of the light = 0 is not allowed"):
        decode_interferometry(Light(light.value, np.zeros_like(light.variance), light.valid), plan)


def test_the_noise_law_is_that_of_the_camera(description: BenchDescription, rng: np.random.Generator) -> None:
    camera = description.camera
    counts = rng.integers(0, 200, (50, 30)).astype(np.uint8)
    law = noise_law(light_from_counts(counts, camera, exposure_time=2e-3), relative=0.03)
    photon = camera.gain * camera.quantum_efficiency * 2e-3
    assert law.slope == pytest.approx(camera.gain / photon, rel=1e-3)
    assert law.floor == pytest.approx(((camera.gain * camera.read_noise) ** 2 + 1 / 12) / photon**2, rel=1e-2)
    mean = np.array([10.0, 1e5])
    expected = law.floor + law.slope * mean + (0.03 * mean) ** 2
    assert law.inverse_variance(mean) == pytest.approx(1 / expected)


def test_rows_with_one_dominant_entry_are_turned_rightly_and_not_flagged(
    plan: InterferometryPlan, rng: np.random.Generator
) -> None:
    # Such a row overlaps with its own conjugate, so that the ratio of the overlaps says nothing.
    T, e = field(rng, static=0.5)
    T[:, 5] = 10 * np.exp(2j * np.pi * rng.random(OUTPUTS))
    assert np.median(np.abs(np.sum(T**2, axis=1)) / np.sum(np.abs(T) ** 2, axis=1)) > 0.7
    estimate = decode_interferometry(shine(rng, plan, T, e, noise=0.3), plan)
    rows = estimate.matrix.valid.all(axis=1)
    assert rows.mean() > 0.9
    others = np.delete(np.arange(INPUTS), 5)
    error = np.linalg.norm((row_turn(estimate.matrix.value, T).apply(estimate.matrix.value) - T)[:, others], axis=1)
    # A wrongly turned half leaves errors of the size of the small entries; 0.03 of it was the largest.
    assert (error[rows] < 0.2 * np.linalg.norm(T[:, others], axis=1)[rows]).all()


@pytest.mark.parametrize("polish", [False, True])
def test_few_anchors_behind_the_camera_quote_their_scatter(description: BenchDescription, polish: bool) -> None:
    # Five anchors nearly lie on a line in many pixels, and signals end at their mirror images about it: errors by
    # curvature alone are 20 % and more too small here.
    bench = SimulatedBench(
        replace(description, layout=replace(description.layout, grid_rows=4, grid_columns=5)), seed=2
    )
    plan = plan_interferometry(20, rng=np.random.default_rng(8), anchors=5)
    dark = bench.expose(np.zeros((64, 20), bool), light=False).counts.mean(axis=0)
    bench.exposure_time = 4e-3
    exposure = bench.expose(plan.patterns)
    light = light_from_counts(exposure.counts, bench.camera, exposure_time=exposure.exposure_time, dark=dark)
    estimate = decode_interferometry(light, plan, polish=polish)
    states = np.concatenate([np.eye(20, dtype=np.bool_), np.zeros((1, 20), np.bool_)])
    fields = bench.truth.field(states).astype(np.complex128).reshape(21, -1)
    truth = (fields[:-1] - fields[-1]).T
    pulls = np.abs(row_turn(estimate.matrix.value, truth).apply(estimate.matrix.value) - truth)
    pulls /= estimate.matrix.standard_error
    rows = estimate.matrix.valid.all(axis=1)
    assert rows.mean() > 0.9
    assert estimate.polished.any() == polish
    # Some 700 rows of some 40 numbers: 0.5 % of standard error, the aim is 5 %.
    assert np.sqrt(np.mean(pulls[rows] ** 2)) == pytest.approx(1, abs=0.05)


def test_a_fit_to_all_frames_is_better_and_keeps_what_it_cannot_explain(
    plan: InterferometryPlan, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    T, e = field(rng, outputs=100)
    light = shine(rng, plan, T, e, noise=0.2, shot=0.02)
    light.value[:, 20] *= 1 + 0.3 * rng.standard_normal(len(light.value))  # a pixel that flickers
    plain, polished = (decode_interferometry(light, plan, polish=choice) for choice in (False, True))
    assert not plain.polished.any()
    assert polished.polished.mean() > 0.95
    error = [
        np.linalg.norm(row_turn(one.matrix.value, T).apply(one.matrix.value) - T, axis=1) for one in (plain, polished)
    ]
    assert np.median(error[1] / error[0]) < 0.75
    pulls = np.abs(row_turn(polished.matrix.value, T).apply(polished.matrix.value) - T) / polished.matrix.standard_error
    assert np.sqrt(np.mean(pulls[polished.polished] ** 2)) == pytest.approx(1, abs=0.05)
    kept = ~polished.polished
    assert np.array_equal(polished.matrix.value[kept], plain.matrix.value[kept])
    assert np.array_equal(polished.matrix.standard_error[kept], plain.matrix.standard_error[kept])
    # What explains all frames needs no other evidence of its orientation.
    monkeypatch.setattr("calibration.matrices.numerical_interferometry.EVIDENCE", np.inf)
    blind = decode_interferometry(light, plan, polish=True).static.valid
    assert blind.mean() > 0.9
    assert not (blind & kept).any()
