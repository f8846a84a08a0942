"""Fields from distances to anchors: bad input, ambiguities, saturated counts, slabs."""

from dataclasses import replace

import numpy as np
import pytest

import calibration.lateration.embedding as embedding_module
import calibration.lateration.likelihood_fit as fit_module
import calibration.lateration.posterior as posterior_module
from calibration.lateration import (
    CountLaw,
    align,
    anchor_frames,
    calibrate_anchors,
    check_nested,
    count_information,
    cramer_rao,
    decode_signals,
    distance_matrix,
    embed,
    fit_fields,
    frame_slices,
    multilaterate,
    nested_anchors,
    plan_signals,
    point_table,
    posterior_mean,
    squared_range,
)
from optics import Camera

LAW = CountLaw(offset=3.0, slope=20.0, dark_variance=0.11, gain=0.025, top=255)


def circular(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def counted(rng: np.random.Generator, *, anchors: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fields (4, 21), points (anchors + 1, 21) and their noisy counts."""
    field, points = circular(rng, 4, 21), circular(rng, anchors + 1, 21)
    points[0] = 0
    light = np.abs(field[:, None] - points) ** 2
    signal = LAW.signal(light) + np.sqrt(LAW.noise_variance(light)) * rng.standard_normal(light.shape)
    return field, points, np.clip(np.rint(signal), 0, 255).astype(np.int64)


def test_too_few_anchors_are_refused_with_their_number() -> None:
    distances, two = np.ones((3, 2, 5)), np.ones((2, 5)) * np.array([[1], [1j]])
    with pytest.raises(ValueError, match="2 anchors are too few for 3 unknowns: take at least 3"):
        multilaterate(distances, two, variance=1.0)
    with pytest.raises(ValueError, match="2 anchors are too few for 2 unknowns: take at least 3, or 2 and say"):
        multilaterate(distances, two, squared_modulus=1.0)
    with pytest.raises(ValueError, match="2 anchors are too few: take at least 3"):
        squared_range(distances, two)
    with pytest.raises(ValueError, match="2 points .* are too few"):
        embed(np.zeros((2, 2, 5)), variance=1.0)
    with pytest.raises(ValueError, match="anchors = 3 is not allowed: it must be at least 4"):
        calibrate_anchors(np.ones((7, 5)), 1.0, anchors=3)
    with pytest.raises(ValueError, match="1 anchors are too few"):
        plan_signals(np.zeros((1, 4), np.bool_), np.array([[True, False, False, False]]))


def test_collinear_anchors_are_refused_or_flagged(rng: np.random.Generator) -> None:
    line = np.linspace(-1, 1, 5)[:, None] * np.exp(1j * np.arange(3))
    field = circular(rng, 4, 3)
    with pytest.raises(ValueError, match="5 anchors are collinear in every pixel .* differ in phase"):
        multilaterate(np.abs(field[:, None] - line) ** 2, line, variance=1.0)
    with pytest.raises(ValueError, match="5 points lie on a line in every pixel"):
        embed(np.abs(line[:, None] - line) ** 2, variance=1.0)
    bent = line.copy()
    bent[2, 1] += 1j * np.exp(1j)
    found = multilaterate(np.abs(field[:, None] - bent) ** 2, bent, variance=1e-6)
    assert found.valid.tolist() == [[False, True, False]] * 4
    assert np.isinf(found.standard_error[:, [0, 2]]).all()
    assert not found.value[:, [0, 2]].any()
    assert found.value[:, 1] == pytest.approx(field[:, 1], abs=1e-9)
    assert embed(np.abs(bent[:, None] - bent) ** 2, variance=1.0).valid.tolist() == [False, True, False]
    inside = line[1] / 2
    assert np.isinf(cramer_rao(inside[None], line, LAW)).all()


def test_shapes_and_variances_are_checked(rng: np.random.Generator) -> None:
    distances, places = np.ones((3, 4, 5)), circular(rng, 4, 5)
    with pytest.raises(ValueError, match=r"shape \(3, 4, 5\) do not fit anchors of shape \(4, 6\)"):
        multilaterate(distances, circular(rng, 4, 6), variance=1.0)
    with pytest.raises(ValueError, match=r"shape \(3, 4, 5\) do not fit anchors of shape \(5, 5\)"):
        squared_range(distances, circular(rng, 5, 5))
    with pytest.raises(ValueError, match=r"variance of shape \(3,\) does not broadcast to \(1, 4, 5\)"):
        multilaterate(distances, places, variance=np.ones(3))
    with pytest.raises(ValueError, match="squared_modulus of shape"):
        multilaterate(distances, places, squared_modulus=np.ones(4), variance=1.0)
    with pytest.raises(ValueError, match="must be positive for every distance"):
        multilaterate(distances, places, variance=-np.ones((4, 5)))
    with pytest.raises(ValueError, match="weights must be positive, got 0"):
        squared_range(distances, places, weights=np.zeros((4, 5)))
    with pytest.raises(ValueError, match="symmetric"):
        embed(rng.random((4, 4, 5)), variance=1.0)
    with pytest.raises(ValueError, match="variance must be positive for every pair"):
        embed(np.zeros((4, 4, 5)), variance=0.0)
    with pytest.raises(ValueError, match=r"shape \(point, point, output\), got \(4, 5\)"):
        embed(np.zeros((4, 5)), variance=1.0)
    with pytest.raises(ValueError, match="4 points have 6 pairs"):
        distance_matrix(np.ones((5, 2)), points=4)
    with pytest.raises(ValueError, match="cannot be aligned"):
        align(np.ones((4, 5)), np.ones((4, 6)))
    with pytest.raises(ValueError, match="5 anchors have 16 frames, got light of shape"):
        calibrate_anchors(np.ones((15, 2)), 1.0, anchors=5)
    with pytest.raises(ValueError, match="must be positive for every frame"):
        calibrate_anchors(np.ones((16, 2)), 0.0, anchors=5)
    with pytest.raises(ValueError, match="grid = 4 is not allowed"):
        posterior_mean(np.ones((3, 4, 5), np.int64), places, LAW, grid=4)


def test_a_law_of_counts_is_checked_and_taken_from_a_camera(camera: Camera) -> None:
    with pytest.raises(ValueError, match="slope = 0 DN is not allowed"):
        replace(LAW, slope=0.0)
    with pytest.raises(ValueError, match="rounding alone confines"):
        count_information(replace(LAW, gain=0.0), np.ones(3))
    warm = replace(camera, dark_current=100.0, row_noise=2.0)
    law = CountLaw.of(warm, exposure_time=0.5)
    assert law.slope == pytest.approx(0.025 * 0.6 * 0.5)
    assert law.offset == pytest.approx(3 + 0.025 * 50)
    assert law.dark_variance == pytest.approx(0.025**2 * (169 + 4 + 50))
    assert law.top == camera.saturation
    assert law.light(law.signal(np.array([7.0]))) == pytest.approx(7)
    assert law.light_variance(law.signal(np.array([400.0]))) == pytest.approx(
        (law.dark_variance + 0.025 * law.slope * 400 + 1 / 12) / law.slope**2
    )


@pytest.mark.parametrize("light", [0.0, 0.3, 5.0, 14.0])
def test_probabilities_of_counts_add_up(light: float) -> None:
    counts = np.arange(256)
    likelihood = LAW.log_likelihood(counts, np.full(256, light))
    assert np.exp(likelihood).sum() == pytest.approx(1, abs=1e-9)
    assert np.isfinite(likelihood).all()
    sharp = replace(LAW, gain=0.0, dark_variance=0.0)
    assert np.exp(sharp.log_likelihood(counts, np.full(256, light + 1e-3))).sum() == 1


def test_nested_anchors_use_what_is_available_and_every_difference_is_a_frame(rng: np.random.Generator) -> None:
    available = np.arange(40) % 3 > 0
    anchors = nested_anchors(available, anchors=5, rng=rng)
    assert (anchors[-1] == available).all()
    sizes = anchors.sum(axis=1)
    assert set(np.diff(sizes, prepend=0)) <= {5, 6}
    frames = anchor_frames(anchors)
    points = np.concatenate([np.zeros((1, 40)), anchors])
    first, second = np.triu_indices(6, 1)
    assert (frames[1:] == points[second] - points[first]).all()
    assert not frames[0].any()
    # The table says the same in slices.
    slices = np.diff(points, axis=0)
    assert (frame_slices(5)[:, 1:] @ slices == frames).all()
    assert (frame_slices(5)[:, 0] == 1).all()


def test_anchors_that_are_not_nested_are_refused(rng: np.random.Generator) -> None:
    anchors = nested_anchors(np.ones(12, np.bool_), anchors=3, rng=rng)
    with pytest.raises(ValueError, match="anchors 0 and 1 are not nested: 4 macropixels"):
        check_nested(anchors[::-1])
    with pytest.raises(ValueError, match="anchors 1 and 2 are the same"):
        check_nested(anchors[[0, 1, 1]])
    with pytest.raises(ValueError, match="anchor 0 is empty"):
        check_nested(np.concatenate([np.zeros((1, 12), np.bool_), anchors]))
    with pytest.raises(TypeError, match="anchors must be boolean"):
        check_nested(anchors.astype(int))
    with pytest.raises(ValueError, match="2 available macropixels do not make 3 slices"):
        nested_anchors(np.arange(12) < 2, anchors=3, rng=rng)


def test_signals_are_shown_with_anchors_as_sum_or_difference(rng: np.random.Generator) -> None:
    anchors = nested_anchors(np.arange(20) >= 8, anchors=3, rng=rng)
    signals = np.zeros((3, 20), np.bool_)
    signals[0, [1, 4]] = True
    signals[1] = anchors[2] | signals[0]
    signals[2, np.flatnonzero(anchors[0])[:2]] = True
    plan = plan_signals(signals, anchors)
    assert plan.relations.tolist() == [[1, 1, 1, 1], [1, 2, 2, 2], [1, 3, 3, 3]]
    # What the frames show follows from the table of known points: y - p, up to the sign of the whole field.
    transmission = circular(rng, 20, 9)
    static = circular(rng, 1, 9)
    slices = np.concatenate([static, np.diff(np.concatenate([np.zeros((1, 20)), anchors]), axis=0) @ transmission])
    shown = np.abs(static + plan.patterns @ transmission).reshape(3, 4, 9)
    for signal in range(3):
        points = point_table(plan.relations[signal]) @ slices
        assert np.abs(signals[signal] @ transmission - points) == pytest.approx(shown[signal], abs=1e-12)
    partly = signals[:1] | (anchors[0] & (np.cumsum(anchors[0]) == 1))
    with pytest.raises(ValueError, match="signal 0 shares 1 of its 3 macropixels with anchor 0, which has 4"):
        plan_signals(partly, anchors)


def test_counts_that_do_not_fit_the_plan_are_refused(rng: np.random.Generator, camera: Camera) -> None:
    anchors = nested_anchors(np.arange(20) >= 8, anchors=4, rng=rng)
    plan = plan_signals(np.arange(20)[None] < np.array([[3], [5]]), anchors)
    light = np.abs(frame_slices(4) @ circular(rng, 5, 6)) ** 2
    positions = calibrate_anchors(light, 1e-6, anchors=4)
    with pytest.raises(ValueError, match=r"counts of shape \(9, 6\) do not fit 10 frames of the plan"):
        decode_signals(np.zeros((9, 6), np.uint8), plan, positions, camera, exposure_time=1.0)
    with pytest.raises(ValueError, match="did you mean 'posterior'"):
        decode_signals(np.zeros((10, 6), np.uint8), plan, positions, camera, exposure_time=1.0, method="posteriors")
    other = plan_signals(np.arange(20)[None] < np.array([[3], [5]]), anchors[:3])
    with pytest.raises(ValueError, match="the plan has 3 anchors, the positions have 4"):
        decode_signals(np.zeros((8, 6), np.uint8), other, positions, camera, exposure_time=1.0)


def test_saturated_counts_are_left_out_of_the_fit_and_bound_the_posterior(rng: np.random.Generator) -> None:
    field, points, counts = counted(rng)
    points[6] = 5.0  # 25 units of light are 500 DN
    counts[:, 6] = 255
    cut = fit_fields(counts, points, LAW)
    less = fit_fields(counts[:, :6], points[:6], LAW)
    assert cut.value == pytest.approx(less.value, abs=1e-5)
    assert cut.valid.all()
    mean = posterior_mean(counts, points, LAW)
    assert np.median(np.abs(mean.value - field) / mean.standard_error) < 1
    blind = counts.copy()
    blind[1, :5] = 255
    assert not fit_fields(blind, points, LAW).valid[1].any()


def test_counts_that_no_field_explains_are_flagged() -> None:
    # Rounding alone, three anchors, counts that contradict each other.
    points = np.array([[0.0], [1.0], [1.0j], [-1.0]])
    law = CountLaw(offset=0.0, slope=50.0, dark_variance=0.0, gain=0.0, top=256)
    counts = np.array([[[50], [2], [60], [2]]])
    assert not posterior_mean(counts, points, law).valid.any()


def test_frames_that_contradict_each_other_flag_the_anchors(rng: np.random.Generator) -> None:
    light = np.abs(frame_slices(6) @ circular(rng, 7, 8)) ** 2
    light[4, 3] += 1.0
    light[2, 5] = np.nan
    valid = calibrate_anchors(light, 1e-4, anchors=6).valid
    assert not valid[3]
    assert not valid[5]
    assert valid.sum() >= 5


def test_saturated_frames_can_be_left_out_of_the_anchors(rng: np.random.Generator) -> None:
    slices = circular(rng, 8, 50)
    light = np.abs(frame_slices(7) @ slices) ** 2
    variance = np.full(light.shape, 1e-6)
    light[5], variance[5] = 3.0, np.inf
    found = calibrate_anchors(light, variance, anchors=7)
    errors = np.abs(align(found.slices, slices) - slices).max(axis=0)
    assert np.mean(errors < 0.1) > 0.9


def test_slabs_do_not_change_results(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    _, points, counts = counted(rng)
    distances = np.abs(points[:, None] - points) ** 2

    def results() -> list[np.ndarray]:
        found = embed(distances, variance=1e-3)
        return [
            found.points, found.standard_error, fit_fields(counts, points, LAW).value,
            posterior_mean(counts, points, LAW).value,
        ]  # fmt: skip

    whole = results()
    monkeypatch.setattr(embedding_module, "SLAB_BYTES", 8 * 4 * 7**3 * 5)
    monkeypatch.setattr(fit_module, "SLAB_BYTES", 8 * 16 * 4 * 7 * 4)
    monkeypatch.setattr(posterior_module, "SLAB_BYTES", 8 * 6 * 7 * 16**2 * 11)
    for one, other in zip(whole, results(), strict=True):
        assert np.allclose(one, other, rtol=1e-9, atol=1e-12)


def test_reflected_planes_are_named_by_the_alignment(rng: np.random.Generator) -> None:
    points, field = circular(rng, 4, 9), circular(rng, 3, 9)
    turn = np.exp(1j * np.arange(9))
    assert align(points.conj() * turn, points, fields=field.conj() * turn) == pytest.approx(field)
    assert align(points * turn, points) == pytest.approx(points)


def test_the_unit_of_the_light_does_not_matter_where_static_light_outshines_the_slices(
    rng: np.random.Generator,
) -> None:
    # Behind so much static light the differences of frames lie almost on a line.
    static, slices = 30 * circular(rng, 1, 300), circular(rng, 6, 300)
    fields = frame_slices(6) @ np.concatenate([static, slices])
    light = np.abs(fields) ** 2 + 0.3 * rng.standard_normal(fields.shape)
    plain = calibrate_anchors(light, 0.09, anchors=6)
    bright = calibrate_anchors(4e5 * light, 4e5**2 * 0.09, anchors=6)
    np.testing.assert_array_equal(bright.valid, plain.valid)
    assert np.isfinite(bright.slices).all()
    same = np.abs(np.abs(bright.slices) / np.sqrt(4e5) - np.abs(plain.slices)) < 1e-3
    assert np.mean(same[:, plain.valid]) > 0.97  # up to pixels that end in another minimum
