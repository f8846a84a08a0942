"""Phase retrieval of rows: what it delivers, what it survives, and what it refuses."""

from collections.abc import Callable

import numpy as np
import pytest

from calibration.light import Light
from calibration.matrices import phase_retrieval
from calibration.matrices.intensity_likelihood import NoisyLight, entry_variance
from calibration.matrices.phase_retrieval import RetrievedRows, retrieve_rows
from calibration.matrices.row_ambiguity import align_rows
from calibration.matrices.spectral_start import spectral_start

INPUTS, OUTPUTS, FRAMES = 20, 13, 110
FIELDS = ("value", "variance", "valid")


class Scene:
    """A matrix, a static field, patterns and the light that they give, in photons per second."""

    def __init__(self, rng: np.random.Generator, *, static: float = 2.0) -> None:
        self.patterns = rng.random((FRAMES, INPUTS)) < 0.5
        parts = rng.standard_normal((2, OUTPUTS, INPUTS + 1))
        self.truth = 300 * (parts[0] + 1j * parts[1])
        self.truth[:, -1] *= static
        self.intensity = np.abs(self.patterns @ self.truth[:, :-1].T + self.truth[:, -1]) ** 2

    def light(self, sigma: float = 0.0, rng: np.random.Generator | None = None) -> Light:
        noise = 0 if rng is None else sigma * rng.standard_normal(self.intensity.shape)
        value = (self.intensity + noise).astype(np.float32)
        return Light(value, np.full(value.shape, sigma**2, np.float32), np.ones(value.shape, np.bool_))

    def errors(self, rows: RetrievedRows) -> np.ndarray:
        """Relative error of each row, static field included."""
        found = rows.matrix.value
        if rows.static is not None:
            found = np.concatenate([found, rows.static.value[:, np.newaxis]], axis=1)
        truth = self.truth[:, : found.shape[1]]
        aligned = align_rows(found, truth, ambiguity="phase and conjugation")
        return np.linalg.norm(aligned.matrix - truth, axis=1) / np.linalg.norm(truth, axis=1)


@pytest.fixture
def scene(rng: np.random.Generator) -> Scene:
    return Scene(rng)


def test_rows_and_static_field_come_back_from_clean_light(scene: Scene, rng: np.random.Generator) -> None:
    rows = retrieve_rows(scene.light(), scene.patterns, rng=rng)
    assert rows.converged.all()
    # Float32 light carries 2^-24 of itself, single precision iterations leave nothing behind the last fit.
    assert scene.errors(rows).max() < 1e-6
    assert rows.matrix.value.shape == rows.matrix.standard_error.shape == rows.matrix.valid.shape == (OUTPUTS, INPUTS)
    assert rows.static is not None
    assert rows.static.value.shape == (OUTPUTS,)
    assert rows.matrix.valid.all()
    assert (rows.attempts >= 1).all()


def test_static_field_and_rows_predict_light_without_ambiguity(scene: Scene, rng: np.random.Generator) -> None:
    rows = retrieve_rows(scene.light(), scene.patterns, rng=rng)
    assert rows.static is not None
    fresh = rng.random((30, INPUTS)) < 0.3
    predicted = np.abs(fresh @ rows.matrix.value.T + rows.static.value) ** 2
    true = np.abs(fresh @ scene.truth[:, :-1].T + scene.truth[:, -1]) ** 2
    assert np.abs(predicted - true).max() < 1e-5 * true.max()


def test_without_a_static_field_there_is_none_to_find(rng: np.random.Generator) -> None:
    scene = Scene(rng, static=0.0)
    rows = retrieve_rows(scene.light(), scene.patterns, rng=rng, static=False)
    assert rows.static is None
    assert scene.errors(rows).max() < 1e-6
    # A static field that is there and denied is told by the residual.
    denied = retrieve_rows(Scene(rng).light(), scene.patterns, rng=rng, static=False, attempts=2)
    assert not denied.converged.any()
    assert not denied.matrix.valid.any()


def test_pixels_of_a_frame_are_flattened(scene: Scene, rng: np.random.Generator) -> None:
    light = scene.light()
    frames = Light(*(part.reshape(FRAMES, 1, OUTPUTS) for part in (light.value, light.variance, light.valid)))
    rows = retrieve_rows(frames, scene.patterns, rng=rng)
    assert scene.errors(rows).max() < 1e-6


def test_saturated_frames_are_left_out(scene: Scene, rng: np.random.Generator) -> None:
    light = scene.light()
    bright = light.value > 0.6 * light.value.max(axis=0)
    assert 5 < bright.sum(axis=0).max() < FRAMES - 2 * INPUTS - 2
    spoiled = Light(np.where(bright, np.float32(0.1), light.value), light.variance, ~bright)
    rows = retrieve_rows(spoiled, scene.patterns, rng=rng)
    assert rows.converged.all()
    assert scene.errors(rows).max() < 1e-6
    # What was lost is not information: errors are larger without it.
    noisy = scene.light(1e5)
    short = Light(noisy.value, noisy.variance, ~bright)
    full, left = (retrieve_rows(part, scene.patterns, rng=rng) for part in (noisy, short))
    assert (left.matrix.standard_error > full.matrix.standard_error).all()


def test_outputs_that_say_nothing_are_flagged(scene: Scene, rng: np.random.Generator) -> None:
    light = scene.light()
    valid = light.valid.copy()
    valid[: FRAMES - 2 * INPUTS, 4] = False  # 2 N frames are left, 2 N + 1 unknowns
    value = light.value.copy()
    value[:, 7] = 0  # a dead pixel
    rows = retrieve_rows(Light(value, light.variance, valid), scene.patterns, rng=rng)
    assert not rows.converged[[4, 7]].any()
    assert not rows.matrix.valid[[4, 7]].any()
    good = np.delete(np.arange(OUTPUTS), [4, 7])
    assert rows.matrix.valid[good].all()


def test_a_row_does_not_depend_on_its_company(
    scene: Scene, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    light = scene.light(2e4, rng)
    whole = retrieve_rows(light, scene.patterns, rng=np.random.default_rng(3))
    monkeypatch.setattr(phase_retrieval, "BLOCK_ENTRIES", 4 * FRAMES)
    blocks = retrieve_rows(light, scene.patterns, rng=np.random.default_rng(3))
    assert (whole.converged == blocks.converged).all()
    # The same up to phase, conjugation and where the fit stopped: a thousandth of an unknown's chi squared.
    aligned = align_rows(blocks.matrix.value, whole.matrix.value, ambiguity="phase and conjugation").matrix
    assert np.abs(aligned - whole.matrix.value).max() < 0.1 * whole.matrix.standard_error.min()


def test_rows_that_failed_are_started_again(rng: np.random.Generator) -> None:
    scene = Scene(rng)
    few = slice(0, 3 * INPUTS)
    light = scene.light()
    light = Light(light.value[few], light.variance[few], light.valid[few])
    once = retrieve_rows(light, scene.patterns[few], rng=np.random.default_rng(1), attempts=1, iterations=20)
    often = retrieve_rows(light, scene.patterns[few], rng=np.random.default_rng(1), attempts=12, iterations=20)
    assert once.converged.sum() < often.converged.sum()
    assert often.attempts[~once.converged].min() > 1
    assert (often.attempts[once.converged] == 1).all()
    # Chi squared knows light to a thousandth here (model_error): rows are as good, and failed ones far off.
    assert (scene.errors(often)[often.converged] < 1e-3).all()
    assert (scene.errors(often)[~often.converged] > 1e-2).all()


def unequal_rows(rng: np.random.Generator, *, outputs: int, noise: float) -> tuple[np.ndarray, np.ndarray, Light]:
    """Rows of a few strong entries, 6 frames an unknown, and light with noise of a part of its mean."""
    patterns = rng.random((366, 60)) < 0.5
    parts = rng.standard_normal((3, outputs, 60))
    rows = np.exp(1.5 * parts[0]) * (parts[1] + 1j * parts[2])
    intensity = np.abs(patterns @ rows.T) ** 2
    mean = intensity.mean(axis=0)
    value = (intensity / mean + noise * rng.standard_normal(intensity.shape)).astype(np.float32)
    light = Light(value, np.full(value.shape, noise**2, np.float32), np.ones(value.shape, np.bool_))
    return rows / np.sqrt(mean)[:, np.newaxis], patterns, light


def test_false_minima_beside_dominant_entries_are_left(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One relaxation and the limit of failure let 10 % of the rows pass at false minima; the cycle and doubt fewer.
    truth, patterns, light = unequal_rows(rng, outputs=120, noise=0.1)
    errors, far = [], []
    for doubt, relaxations in ((phase_retrieval.SIGMAS, (0.97,)), (phase_retrieval.DOUBT, phase_retrieval.RELAXATIONS)):
        monkeypatch.setattr(phase_retrieval, "DOUBT", doubt)
        monkeypatch.setattr(phase_retrieval, "RELAXATIONS", relaxations)
        rows = retrieve_rows(light, patterns, rng=np.random.default_rng(4), static=False)
        assert rows.converged.mean() > 0.95
        aligned = align_rows(rows.matrix.value, truth, ambiguity="phase and conjugation").matrix
        error = np.abs(aligned - truth)
        errors.append(np.linalg.norm(error[rows.converged]))
        far.append(np.sum(rows.converged & (np.mean((error / rows.matrix.standard_error) ** 2, axis=1) > 1.8**2)))
    assert far[1] < far[0]
    assert errors[1] < 0.99 * errors[0]  # 0.82 to 0.97 on ten seeds


def test_chance_leaves_few_rows_in_doubt_and_those_are_not_tried_for_ever(rng: np.random.Generator) -> None:
    scene = Scene(rng)
    sigma = 0.02 * float(scene.intensity.mean())
    draws = [scene.light(sigma, rng) for _ in range(30)]
    light = Light(*(np.concatenate([getattr(draw, name) for draw in draws], axis=1) for name in FIELDS))
    rows = retrieve_rows(light, scene.patterns, rng=rng)
    assert rows.converged.all()
    freedom = FRAMES - 2 * INPUTS - 1
    doubt = rows.residual > 1 + phase_retrieval.DOUBT * np.sqrt(2 / freedom)
    # A chi squared of 69 degrees of freedom is above two standard deviations in 3.0 % of 390 rows: 4 standard errors.
    assert 0 < doubt.mean() < 0.03 + 4 * np.sqrt(0.03 / len(doubt))
    # One or two more where a row failed first.
    assert rows.attempts[doubt].min() == 1 + phase_retrieval.SECOND_LOOKS
    assert rows.attempts.max() < 8


def test_rows_with_a_rival_are_not_believed(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    # 2.25 frames an unknown and noise of a twentieth: several rows explain the light of some outputs.
    scene = Scene(rng)
    few = slice(0, round(2.25 * (INPUTS + 1)))
    sigma = 0.05 * float(scene.intensity.mean())
    draws = [scene.light(sigma, rng) for _ in range(4)]
    light = Light(*(np.concatenate([getattr(draw, name)[few] for draw in draws], axis=1) for name in FIELDS))
    truth = np.tile(scene.truth[:, :-1], (4, 1))
    wrong = []
    for sure in (0.0, phase_retrieval.SURE):
        monkeypatch.setattr(phase_retrieval, "SURE", sure)
        rows = retrieve_rows(light, scene.patterns[few], rng=np.random.default_rng(2))
        aligned = align_rows(rows.matrix.value, truth, ambiguity="phase and conjugation").matrix
        far = np.linalg.norm(aligned - truth, axis=1) > 0.5 * np.linalg.norm(truth, axis=1)
        wrong.append(int(np.sum(rows.converged & far)))
    assert wrong[0] >= 5
    assert wrong[1] < 0.5 * wrong[0]


def test_variances_at_the_fitted_light_leave_no_bias(rng: np.random.Generator) -> None:
    # Shot noise of about 60 electrons a frame: weights by what was counted favour frames that noise made dim and pull
    # the light down by about one electron (x^2 / x has the mean -1); weights by what was fitted do not.
    scene = Scene(rng)
    electron = float(scene.intensity.mean()) / 60
    draws = 30
    patterns = np.concatenate([scene.patterns, rng.random((120, INPUTS)) < 0.5])
    intensity = np.abs(patterns @ scene.truth[:, :-1].T + scene.truth[:, -1]) ** 2
    intensity = np.repeat(intensity, draws, axis=1)
    electrons = rng.poisson(intensity / electron) + 3 * rng.standard_normal(intensity.shape)
    variance = (9 + np.maximum(electrons, 0)) * electron**2
    light = Light(
        (electrons * electron).astype(np.float32), variance.astype(np.float32), np.ones(intensity.shape, bool)
    )
    bias = []
    for slope in (0.0, electron):
        rows = retrieve_rows(light, patterns, rng=rng, light_per_electron=slope)
        assert rows.static is not None
        good = rows.converged
        assert good.mean() > 0.9
        predicted = np.abs(patterns @ rows.matrix.value[good].T + rows.static.value[good]) ** 2
        bias.append(np.mean((predicted - intensity[:, good]) / electron))
    assert bias[0] < -0.4
    assert abs(bias[1]) < 0.1


def test_variance_of_entries_is_that_of_the_pseudo_inverse(scene: Scene, rng: np.random.Generator) -> None:
    inputs = np.concatenate([scene.patterns, np.ones((FRAMES, 1))], axis=1).astype(np.float64)
    variance = rng.uniform(0.5, 2, scene.intensity.shape) * 1e10
    variance[rng.random(variance.shape) < 0.1] = np.inf
    slope = np.full(OUTPUTS, 3e4)
    light = NoisyLight(value=scene.intensity, dark_variance=variance, slope=slope, floor=np.ones(OUTPUTS))
    found = entry_variance(scene.truth.T, light, inputs=inputs)
    for row, truth in enumerate(scene.truth):
        fields = inputs @ truth
        derivative = 2 * np.hstack([fields.real[:, np.newaxis] * inputs, fields.imag[:, np.newaxis] * inputs])
        weights = 1 / (variance[:, row] + slope[row] * np.abs(fields) ** 2)
        inverse = np.diag(np.linalg.pinv(derivative.T @ (weights[:, np.newaxis] * derivative), rcond=1e-10))
        assert found[:, row] == pytest.approx(inverse[: INPUTS + 1] + inverse[INPUTS + 1 :], rel=1e-6)
    assert np.isinf(entry_variance(0 * scene.truth.T, light, inputs=inputs)).all()


def test_nothing_that_was_given_is_changed(scene: Scene, rng: np.random.Generator) -> None:
    light, patterns = scene.light(1e4, rng), scene.patterns.copy()
    before = light.value.copy(), light.variance.copy(), light.valid.copy()
    retrieve_rows(light, patterns, rng=rng)
    assert all((old == new).all() for old, new in zip(before, (light.value, light.variance, light.valid), strict=True))
    assert (patterns == scene.patterns).all()


def canonical(patterns: np.ndarray) -> np.ndarray:
    return np.tile(np.eye(INPUTS, dtype=np.bool_), (5, 1))


def stuck(patterns: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((FRAMES, 1), np.bool_), patterns[:, 1:]], axis=1)


def always_on(patterns: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones((FRAMES, 1), np.bool_), patterns[:, 1:]], axis=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p[:40], "40 patterns are too few: a row of 21 entries .* has 41 real unknowns .* at least 41"),
        (stuck, "patterns span 20 of 21 dimensions"),
        (always_on, "patterns span 20 of 21 dimensions"),
        (lambda p: p[:, :0], r"patterns of shape \(110, 1\) .* at least 2 inputs"),
        (lambda p: p[0], r"patterns must have shape \(frame"),
    ],
)
def test_patterns_that_cannot_do_are_refused(
    scene: Scene, rng: np.random.Generator, change: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        retrieve_rows(scene.light(), change(scene.patterns), rng=rng)


def test_single_inputs_tell_nothing_of_their_phases(scene: Scene, rng: np.random.Generator) -> None:
    # They span, and 5 N of them are enough, but each |t_n|^2 stands alone: N of the 2 N - 1 unknowns.
    light = Light(*(np.ones((5 * INPUTS, 3), kind) for kind in (np.float32, np.float32, np.bool_)))
    with pytest.raises(ValueError, match="determines 20 of the 39 real unknowns.*random patterns"):
        retrieve_rows(light, canonical(scene.patterns), rng=rng, static=False)


def test_light_that_does_not_fit_is_refused(scene: Scene, rng: np.random.Generator) -> None:
    light = scene.light()
    with pytest.raises(TypeError, match="patterns must be boolean"):
        retrieve_rows(light, scene.patterns.astype(float), rng=rng)
    with pytest.raises(ValueError, match=r"light has shape \(109, 13\).* for 110 patterns"):
        retrieve_rows(Light(light.value[1:], light.variance[1:], light.valid[1:]), scene.patterns, rng=rng)
    broken = light.value.copy()
    broken[3, 5] = np.nan
    with pytest.raises(ValueError, match=r"1 values of the light are not finite.*mark them in light\.valid"):
        retrieve_rows(Light(broken, light.variance, light.valid), scene.patterns, rng=rng)
    marked = light.valid.copy()
    marked[3, 5] = False
    rows = retrieve_rows(Light(broken, light.variance, marked), scene.patterns, rng=rng)
    assert scene.errors(rows).max() < 1e-6


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("attempts", 0, "attempts = 0 is not allowed"),
        ("iterations", 0, "iterations = 0 is not allowed"),
        ("model_error", 0.0, "model_error = 0 is not allowed: it must be above 0"),
        ("light_per_electron", -1.0, "light_per_electron = -1 photons/s is not allowed"),
    ],
)
def test_options_out_of_range_are_refused(
    scene: Scene, rng: np.random.Generator, option: str, value: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        retrieve_rows(scene.light(), scene.patterns, rng=rng, **{option: value})


def test_the_start_of_two_vectors_is_for_real_inputs(rng: np.random.Generator) -> None:
    basis = np.linalg.qr(rng.standard_normal((30, 5)) + 1j * rng.standard_normal((30, 5)))[0]
    with pytest.raises(TypeError, match="basis is complex128: the start is for real inputs"):
        spectral_start(np.ones((30, 4)), basis=basis, rng=rng)
