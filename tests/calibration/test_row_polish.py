"""Rows fitted to all frames from rows that are near: which start leads there, what is refused."""

import numpy as np
import pytest

from calibration.light import Light
from calibration.matrices import row_polish
from calibration.matrices.noise_law import NoiseLaw
from calibration.matrices.row_polish import polish_rows
from calibration.matrices.stitching import row_turn

INPUTS, OUTPUTS, FRAMES = 15, 40, 120


def scene(rng: np.random.Generator, *, noise: float) -> tuple[np.ndarray, np.ndarray, Light]:
    """Rows with the static field last, patterns, and their light with noise of constant variance."""
    rows = rng.standard_normal((2, OUTPUTS, INPUTS + 1))
    truth = (rows[0] + 1j * rows[1]) / np.sqrt(2)
    patterns = rng.random((FRAMES, INPUTS)) < 0.5
    clean = np.abs(patterns @ truth[:, :-1].T + truth[:, -1]) ** 2
    value = (clean + noise * rng.standard_normal(clean.shape)).astype(np.float32)
    return truth, patterns, Light(value, np.full(value.shape, noise**2, np.float32), np.ones(value.shape, np.bool_))


def near(rng: np.random.Generator, truth: np.ndarray, *, by: float) -> np.ndarray:
    """Rows beside the true ones."""
    return truth + by * (rng.standard_normal(truth.shape) + 1j * rng.standard_normal(truth.shape))


def test_errors_are_those_of_all_frames(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, patterns, light = scene(rng, noise=0.2)
    start = near(rng, truth, by=0.1)
    law, misfit = NoiseLaw(floor=0.2**2, slope=0.0), np.ones(OUTPUTS)
    found = polish_rows([start], light=light, patterns=patterns, noise=law, misfit=misfit)
    assert found.fitted.mean() > 0.9
    pulls = np.abs(row_turn(found.value, truth).apply(found.value) - truth) ** 2 / found.variance
    # 40 rows of some 31 numbers; squares of normal numbers have the variance 2: four standard errors.
    assert np.mean(pulls[found.fitted]) == pytest.approx(1, abs=4 * np.sqrt(2 / (31 * OUTPUTS)) + 0.05)
    monkeypatch.setattr(row_polish, "BLOCK_ENTRIES", 7 * FRAMES)
    again = polish_rows([start], light=light, patterns=patterns, noise=law, misfit=misfit)
    # Rows of a block stop together: differences far below the error bars.
    assert np.abs(again.value - found.value).max() < 0.2 * np.sqrt(found.variance.min())


def test_further_starts_serve_rows_that_the_first_leaves_unexplained(rng: np.random.Generator) -> None:
    truth, patterns, light = scene(rng, noise=0.05)
    start = near(rng, truth, by=0.05)
    real = start.real.astype(np.complex128)  # from real rows real patterns never lead away
    law, misfit = NoiseLaw(floor=0.05**2, slope=0.0), np.ones(OUTPUTS)
    alone = polish_rows([real], light=light, patterns=patterns, noise=law, misfit=misfit)
    both = polish_rows([real, start], light=light, patterns=patterns, noise=law, misfit=misfit)
    assert not alone.fitted.any()
    assert both.fitted.mean() > 0.9
    error = np.linalg.norm(row_turn(both.value, truth).apply(both.value) - truth, axis=1)
    assert (error[both.fitted] < 0.2 * np.linalg.norm(truth, axis=1)[both.fitted]).all()


def test_noise_that_nobody_stated_condemns_no_row_but_grows_its_errors(rng: np.random.Generator) -> None:
    truth, patterns, light = scene(rng, noise=0.2)
    start, law = near(rng, truth, by=0.1), NoiseLaw(floor=0.1**2, slope=0.0)
    strict = polish_rows([start], light=light, patterns=patterns, noise=law, misfit=np.ones(OUTPUTS))
    assert not strict.fitted.any()
    found = polish_rows([start], light=light, patterns=patterns, noise=law, misfit=np.full(OUTPUTS, 4.0))
    assert found.fitted.mean() > 0.9
    pulls = np.abs(row_turn(found.value, truth).apply(found.value) - truth) ** 2 / found.variance
    assert np.mean(pulls[found.fitted]) == pytest.approx(1, abs=4 * np.sqrt(2 / (31 * OUTPUTS)) + 0.05)


def test_light_of_another_shape_is_refused(rng: np.random.Generator) -> None:
    truth, patterns, light = scene(rng, noise=0.2)
    law, misfit = NoiseLaw(floor=0.04, slope=0.0), np.ones(OUTPUTS)
    with pytest.raises(ValueError, match=r"light of shape \(120, 40\) does not belong to 119 patterns and 40 rows"):
        polish_rows([truth], light=light, patterns=patterns[1:], noise=law, misfit=misfit)
    with pytest.raises(TypeError, match="patterns must be boolean"):
        polish_rows([truth], light=light, patterns=patterns.astype(float), noise=law, misfit=misfit)
