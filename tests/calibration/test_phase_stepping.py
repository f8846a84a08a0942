"""Phase stepping: pixels that saturate, weights, speed paths, drift, steps that are wrong, and bad input."""

from typing import Any

import numpy as np
import pytest

from calibration.holography.phase_drift import relative_phase
from calibration.holography.phase_optimum import optimum_reference, predicted_variance, reference_for_camera
from calibration.holography.phase_reference import (
    divide_by_reference,
    divide_by_reference_light,
    dropped_reference_noise,
    normalise_rows,
)
from calibration.holography.phase_stepping import (
    combine_frames,
    combined_variance,
    group_steps,
    interference_from_counts,
    interference_term,
)
from calibration.holography.phase_steps import check_steps, field_weights, noise_gain, step_condition
from calibration.light import FieldEstimate, Light, light_from_counts
from optics.camera import Camera
from tests.calibration.stepped_frames import UNEVEN, speckle, stepped, turn


def fit_by_lstsq(light: Light, steps: np.ndarray) -> np.ndarray:
    """Interference terms by NumPy's least squares, in double precision."""
    matrix = np.stack([np.ones(len(steps)), np.exp(1j * steps), np.exp(-1j * steps)], axis=1)
    return np.stack([np.linalg.lstsq(matrix, frames.astype(complex), rcond=None)[0][1] for frames in light.value])


def saturated(light: Light, level: float) -> Light:
    """Light of a camera that saturates at a level."""
    return Light(np.minimum(light.value, np.float32(level)), light.variance, light.value < level)


@pytest.mark.parametrize("steps", [turn(3), turn(4), UNEVEN])
def test_float32_products_agree_with_least_squares_in_double_precision(
    rng: np.random.Generator, steps: np.ndarray
) -> None:
    light = stepped(rng, speckle(rng, 3, 700, mean=1e4), speckle(rng, 700, mean=1e4), steps, noise=5)
    term = interference_term(light, steps=steps)
    assert term.value.dtype == np.complex64
    assert term.standard_error.dtype == np.float32
    assert np.abs(term.value - fit_by_lstsq(light, steps)).max() < 1e-6 * light.value.max()
    squares = np.einsum("k,pkn->pn", np.abs(field_weights(steps)) ** 2, light.variance)
    assert np.allclose(term.standard_error, np.sqrt(squares), rtol=1e-6)


def test_every_pattern_may_have_steps_of_its_own(rng: np.random.Generator) -> None:
    steps = turn(4) + rng.normal(0, 0.2, (3, 4))
    signal, reference = speckle(rng, 3, 5, 11, mean=1e6), speckle(rng, 5, 11, mean=1e6)
    delta = np.exp(-1j * steps)[:, :, None, None]
    frames = np.abs(signal[:, None] + reference * delta) ** 2
    light = Light(frames.astype(np.float32), np.ones(frames.shape, np.float32), np.ones(frames.shape, bool))
    term = interference_term(light, steps=steps)
    assert term.value.shape == (3, 5, 11)
    assert np.abs(term.value - signal * reference.conj()).max() < 1e-6 * frames.max()
    assert np.allclose(term.standard_error[:, 0, 0], np.sqrt(noise_gain(steps) / 4), rtol=1e-6)


def test_retrieval_commutes_with_a_transform_over_patterns(rng: np.random.Generator) -> None:
    frames = rng.random((6, 4, 50)).astype(np.float32)
    mixed = np.einsum("qp,pkn->qkn", np.arange(18.0).reshape(3, 6), frames).astype(np.float32)
    weights = field_weights(turn(4))
    after = np.arange(18.0).reshape(3, 6) @ combine_frames(frames, weights)
    assert np.allclose(combine_frames(mixed, weights), after, atol=1e-4)


@pytest.mark.parametrize(("bits", "alignment"), [(8, "right"), (12, "left")])
def test_raw_counts_give_the_fields_of_their_light(rng: np.random.Generator, bits: int, alignment: str) -> None:
    camera = Camera(
        rows=13, columns=17, pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=1e4, gain=0.02 * 2 ** (bits - 8),
        read_noise=3.0, bits=bits, black_level=5.0, alignment=alignment,
    )  # fmt: skip
    counts: Any = (rng.integers(5, 200, (3, 4, 13, 17)) * camera.count_step).astype(camera.word)
    light = light_from_counts(counts, camera, exposure_time=2e-3)
    out = np.empty((3, 13, 17), np.complex64)
    term = interference_from_counts(counts, camera, steps=turn(4), exposure_time=2e-3, out=out)
    assert term is out
    assert np.allclose(term, interference_term(light, steps=turn(4)).value, atol=1e-6 * light.value.max())


def test_saturated_frames_are_left_out_where_three_good_ones_remain(rng: np.random.Generator) -> None:
    signal, steps = speckle(rng, 2, 40_000, mean=2000.0), turn(5)
    clear = stepped(rng, signal, 60.0, steps, noise=10)
    light = saturated(clear, 11_000)
    term = interference_term(light, steps=steps)
    used = light.valid.sum(axis=1)
    assert np.array_equal(term.valid[used == 5], np.ones((used == 5).sum(), bool))
    assert not term.valid[used < 3].any()
    assert np.isinf(term.standard_error[~term.valid]).all()
    part = (used < 5) & term.valid
    assert part.sum() > 500
    # Those on the verge are biased by the choice of frames, so look where light is far from saturation or above it.
    mean = np.abs(signal[:, None] + 60 * np.exp(-1j * steps)[:, None]) ** 2
    part &= (np.abs(mean - 11_000) > 5 * np.sqrt(11_000)).all(axis=1)
    error = np.abs(term.value - 60 * signal)[part] ** 2
    assert error.mean() == pytest.approx(np.mean(term.standard_error[part] ** 2), rel=4 * 2 / np.sqrt(part.sum()))
    naive = combine_frames(light.value, field_weights(steps))
    assert np.mean(np.abs(naive - 60 * signal)[part] ** 2) > 5 * error.mean()


def test_a_lost_frame_counts_like_a_saturated_one(rng: np.random.Generator) -> None:
    light = stepped(rng, speckle(rng, 3, 200, mean=1e4), 100.0, UNEVEN, noise=5)
    light.valid[1, 2] = False
    term = interference_term(light, steps=UNEVEN)
    rest = [0, 1, 3, 4]
    own = Light(light.value[1:2, rest], light.variance[1:2, rest], light.valid[1:2, rest])
    alone = interference_term(own, steps=UNEVEN[rest])
    assert term.valid.all()
    assert np.allclose(term.value[1], alone.value[0], atol=1e-2)
    assert np.allclose(term.standard_error[1], alone.standard_error[0], rtol=1e-5)


def test_ill_placed_remaining_steps_do_not_decide(rng: np.random.Generator) -> None:
    steps = np.array([0.0, 0.1, 0.2, 3.0])
    light = stepped(rng, speckle(rng, 1, 30, mean=1e4), 100.0, steps, noise=5)
    light.valid[0, 3, 7] = False
    term = interference_term(light, steps=steps, largest_condition=50)
    assert step_condition(steps[:3]) > 50
    assert np.array_equal(np.nonzero(~term.valid[0])[0], [7])
    assert term.value[0, 7] == 0


@pytest.mark.parametrize(("count", "gain"), [(3, 1.0), (4, 1.23), (8, 1.4)])
def test_weights_of_pixels_gain_what_shot_noise_allows(rng: np.random.Generator, count: int, gain: float) -> None:
    signal, noise = speckle(rng, 1, 60_000, mean=2000.0), 5.0
    light = stepped(rng, signal, np.sqrt(2000), turn(count), noise=noise)
    truth = signal * np.sqrt(2000)
    errors = {}
    for weighting in ("equal", "frame", "pixel"):
        term = interference_term(light, steps=turn(count), weighting=weighting)
        errors[weighting] = np.mean(np.abs(term.value - truth) ** 2)
        assert np.mean(term.standard_error**2) == pytest.approx(errors[weighting], rel=0.05)
        # Weights that follow the noise would bias the modulus.
        bias = np.mean(((term.value - truth) * truth.conj()).real) / np.mean(np.abs(truth) ** 2)
        assert abs(bias) < 5e-4
    assert errors["frame"] == pytest.approx(errors["equal"], rel=1e-3)
    assert errors["equal"] / errors["pixel"] == pytest.approx(gain, abs=0.03)


def test_weights_of_pixels_hardly_follow_the_noise_of_few_electrons(rng: np.random.Generator) -> None:
    signal = speckle(rng, 1, 120_000, mean=30.0)
    light = stepped(rng, signal, np.sqrt(30), turn(8), noise=2.0)
    term = interference_term(light, steps=turn(8), weighting="pixel")
    error, truth = term.value - signal * np.sqrt(30), signal * np.sqrt(30)
    assert abs(np.mean((error * truth.conj()).real)) < 5e-3 * np.mean(np.abs(truth) ** 2)
    # Weights from each frame's own variance would make this 1.033.
    assert np.mean(np.abs(error) ** 2) == pytest.approx(np.mean(term.standard_error**2), rel=0.02)


def test_weights_of_frames_gain_where_exposures_differ(rng: np.random.Generator) -> None:
    signal, sigma = speckle(rng, 1, 60_000), np.array([0.1, 0.1, 0.1, 0.1, 0.5])[:, None]
    frames = np.abs(signal[:, None] + np.exp(-1j * UNEVEN)[:, None]) ** 2 + rng.normal(size=(1, 5, 60_000)) * sigma
    variance = np.broadcast_to(sigma**2, frames.shape).astype(np.float32)
    light = Light(frames.astype(np.float32), variance, np.ones(frames.shape, bool))
    light.valid[0, 1, :500] = False
    matrix = np.stack([np.ones(5), 2 * np.cos(UNEVEN), -2 * np.sin(UNEVEN)], axis=1)
    covariance = np.linalg.inv(matrix.T / sigma[:, 0] ** 2 @ matrix)
    best = interference_term(light, steps=UNEVEN, weighting="frame")
    assert best.standard_error[0, 900] ** 2 == pytest.approx(covariance[1, 1] + covariance[2, 2], rel=1e-5)
    left = [0, 2, 3, 4]
    covariance = np.linalg.inv(matrix[left].T / sigma[left, 0] ** 2 @ matrix[left])
    assert best.standard_error[0, 3] ** 2 == pytest.approx(covariance[1, 1] + covariance[2, 2], rel=1e-5)
    equal = interference_term(light, steps=UNEVEN)
    for term in (best, equal):
        error = np.abs(term.value - signal)[0] ** 2
        assert error[500:].mean() == pytest.approx(term.standard_error[0, 900] ** 2, rel=4 / np.sqrt(59_500))
        assert error[:500].mean() == pytest.approx(term.standard_error[0, 3] ** 2, rel=4 / np.sqrt(500))
    assert equal.standard_error[0, 900] > 1.3 * best.standard_error[0, 900]


@pytest.mark.parametrize("weighted", [False, True])
def test_phase_of_repeated_exposures(rng: np.random.Generator, weighted: bool) -> None:
    phase, gain, deviations, amplitudes = 0.8, 1.1, [], []
    for _ in range(60):
        field = speckle(rng, 1, 3000)
        level = rng.uniform(0.2, 0.8, 3000)
        estimates = [
            FieldEstimate(
                truth + level * speckle(rng, 1, 3000),
                np.broadcast_to(level, (1, 3000)),
                np.ones((1, 3000), bool),
            )
            for truth in (gain * np.exp(1j * phase) * field, field)
        ]
        moved = relative_phase(*estimates, weighted=weighted)
        deviations.append((moved.phase[0] - phase) / moved.phase_error[0])
        amplitudes.append((moved.amplitude[0] - gain) / moved.amplitude_error[0])
        assert moved.correlation[0] == pytest.approx(1, abs=0.05)
    for kind in (deviations, amplitudes):
        assert np.mean(kind) == pytest.approx(0, abs=4 / np.sqrt(60))
        assert np.std(kind) == pytest.approx(1, abs=4 / np.sqrt(120))


def test_relative_phase_of_a_moved_reference_and_a_changed_medium(rng: np.random.Generator) -> None:
    signal, reference, psi = speckle(rng, 2, 20_000, mean=2000.0), 60.0, 0.35
    before = interference_term(stepped(rng, signal, reference, turn(4), noise=5), steps=turn(4))
    after = interference_term(stepped(rng, signal, reference * np.exp(1j * psi), turn(4), noise=5), steps=turn(4))
    moved = relative_phase(after, before)
    assert np.all(np.abs(moved.phase + psi) < 4 * moved.phase_error)
    assert np.all(moved.phase_error < 2e-3)
    mixed = 0.8 * signal + 0.6 * speckle(rng, 2, 20_000, mean=2000.0)
    changed = relative_phase(interference_term(stepped(rng, mixed, reference, turn(4), noise=5), steps=turn(4)), before)
    assert changed.correlation == pytest.approx([0.8, 0.8], abs=4 * 0.6 / np.sqrt(20_000) + 0.01)
    assert np.all(changed.phase_error > 2 * moved.phase_error)


def test_relative_phase_without_light_says_that_it_knows_nothing() -> None:
    dark = FieldEstimate(np.zeros((2, 9), complex), np.ones((2, 9)), np.zeros((2, 9), bool))
    moved = relative_phase(dark, dark)
    assert np.isinf(moved.phase_error).all()
    assert np.isinf(moved.amplitude_error).all()
    with pytest.raises(ValueError, match=r"shape \(2, 9\) cannot be compared with fields of shape \(2, 8\)"):
        relative_phase(dark, FieldEstimate(dark.value[:, :8], dark.standard_error[:, :8], dark.valid[:, :8]))


def test_dark_references_and_dead_rows_are_flagged(rng: np.random.Generator) -> None:
    light = stepped(rng, speckle(rng, 5, 40, mean=1e4), 100.0, turn(4), noise=2000)
    term = interference_term(light, steps=turn(4))
    reference = np.full(40, 100.0 + 0j)
    reference[3] = 0
    assert np.array_equal(np.nonzero(~divide_by_reference(term, reference).valid[2])[0], [3])
    alone = Light(np.full((2, 40), 1e4, np.float32), np.ones((2, 40), np.float32), np.ones((2, 40), bool))
    alone.value[:, 4], alone.valid[1, 5] = -3, False
    divided = divide_by_reference_light(term, alone)
    assert np.array_equal(np.nonzero(~divided.valid[0])[0], [4, 5])
    assert np.isinf(divided.standard_error[0, 4])
    term.value[:, 6] = 0
    rows = normalise_rows(term)
    assert np.array_equal(np.nonzero(~rows.valid[0])[0], [6])
    whole = rows.valid[0]
    power = np.mean(np.abs(rows.value[:, whole]) ** 2 - rows.standard_error[:, whole] ** 2, axis=0)
    assert np.allclose(power, 1, atol=1e-4)


@pytest.mark.parametrize("kind", ["even", "speckle"])
def test_reference_for_a_camera_holds_the_share_of_clipped_pixels(
    rng: np.random.Generator, camera: Camera, kind: str
) -> None:
    choice = reference_for_camera(camera, frames=4, clipped=0.01, kind=kind)
    signal = speckle(rng, 400_000, mean=choice.signal)
    reference = np.sqrt(choice.reference) if kind == "even" else speckle(rng, 400_000, mean=choice.reference)
    clipped = np.mean(np.abs(signal + reference) ** 2 > camera.saturation_charge)
    assert clipped == pytest.approx(0.01, abs=4 * np.sqrt(0.01 / 400_000))
    if kind == "speckle":
        assert choice.ratio == pytest.approx(1, abs=1e-3)  # clipping follows the mean: the law of a fixed exposure
    else:
        assert choice.ratio > 1.2  # an even reference has no bright grains
    less = reference_for_camera(camera, frames=4, clipped=0.01, kind=kind, signal=choice.signal)
    assert less.reference == pytest.approx(choice.reference, rel=1e-3)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([0.0, 1.0], "2 steps do not determine the three unknowns"),
        ([0.0, 2.0, 2 * np.pi, 2.0 + 4 * np.pi], "only 2 distinct phases"),
        ([0.0, 0.1, 0.2, 0.3], "have a condition number of .*allowed are 20"),
        ([0.0, np.nan, 2.0], "finite phases in radians"),
        (1.0, r"must have shape \(step,\)"),
        ([[0.0, 2.0, 4.0], [0.0, 2.0, 2.0]], r"\[0.0, 2.0, 2.0\] rad are only 2 distinct"),
    ],
)
def test_steps_that_do_not_determine_a_field_are_refused(steps: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_steps(steps)


def test_equal_steps_are_the_best_conditioned() -> None:
    assert step_condition(turn(7)) == pytest.approx(1, abs=1e-12)
    assert np.isinf(step_condition([0.0, 0.0, 0.0])) or step_condition([0.0, 0.0, 0.0]) > 1e12
    assert noise_gain(turn(3)) == pytest.approx(1, abs=1e-12)
    assert noise_gain([0.0, np.pi / 2, np.pi]) == pytest.approx(3 * (1 / 8 + 3 / 8))
    assert np.abs(field_weights(UNEVEN, frame_weights=[1, 2, 3, 4, 5]).sum()) < 1e-14


def test_bad_input_is_refused(rng: np.random.Generator, camera: Camera) -> None:
    light = stepped(rng, speckle(rng, 3, 2000, mean=1e4), 100.0, turn(4), noise=5)
    with pytest.raises(ValueError, match="10 frames are no whole number of patterns of 4 steps: 2 are left over"):
        group_steps(Light(*(np.ones((10, 5), kind) for kind in (np.float32, np.float32, bool))), steps=4)
    with pytest.raises(ValueError, match=r"\(3, 4, 2000\) does not have 3 steps along its second axis"):
        interference_term(light, steps=turn(3))
    with pytest.raises(ValueError, match="steps of 2 patterns do not fit light of 3 patterns"):
        interference_term(light, steps=np.tile(turn(4), (2, 1)))
    with pytest.raises(ValueError, match="did you mean 'pixel'"):
        interference_term(light, steps=turn(4), weighting="pixels")
    with pytest.raises(ValueError, match="frame_weights must be positive"):
        field_weights(turn(4), frame_weights=[1, 1, 0, 1])
    with pytest.raises(ValueError, match=r"weights of shape \(3,\) do not fit 3 patterns of 4 frames"):
        combine_frames(light.value, field_weights(turn(3)))
    with pytest.raises(ValueError, match="out must be complex64"):
        combine_frames(light.value, field_weights(turn(4)), out=np.empty((3, 2000), complex))
    with pytest.raises(TypeError, match="8-bit camera are uint8 words"):
        interference_from_counts(np.ones((1, 4, 9), np.uint16), camera, steps=turn(4), exposure_time=1.0)
    term = interference_term(light, steps=turn(4))
    with pytest.raises(ValueError, match="their last axes must agree"):
        divide_by_reference(term, np.ones(1999, complex))
    with pytest.raises(ValueError, match="weakest = 0 is not allowed"):
        dropped_reference_noise(0.0)
    with pytest.raises(ValueError, match="reference = 0 e is not allowed"):
        predicted_variance(signal=1.0, reference=0.0, frames=4)
    with pytest.raises(ValueError, match="frames = 2 is not allowed"):
        optimum_reference(100.0, frames=2)
    with pytest.raises(ValueError, match="expose for a shorter time"):
        reference_for_camera(camera, frames=4, signal=1e5)


def test_combined_variance_takes_steps_of_each_pattern(rng: np.random.Generator) -> None:
    weights, variance = rng.normal(size=(3, 4)) + 1j, rng.random((3, 4, 5, 6))
    expected = np.einsum("pk,pkyx->pyx", np.abs(weights) ** 2, variance)
    assert np.allclose(combined_variance(variance, weights), expected, rtol=1e-6)
