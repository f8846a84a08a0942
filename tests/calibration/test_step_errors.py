"""Step errors that the frames tell: scatter against standard errors, grains, uneven noise, misfits, bad input."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from calibration.holography.step_errors import estimate_steps
from calibration.light import Light
from tests.calibration.stepped_frames import UNEVEN, speckle, stepped, turn


@pytest.mark.parametrize(("count", "sigma"), [(3, 0.2), (4, 0.1), (4, 0.2), (5, 0.3), (8, 0.3)])
def test_step_errors_are_recovered_within_their_standard_errors(
    rng: np.random.Generator, count: int, sigma: float
) -> None:
    sets = 200
    errors = rng.normal(0, sigma, (sets, count))
    light = stepped(rng, speckle(rng, sets, 2500, mean=1500.0), 60.0, turn(count) + errors, noise=15)
    estimate = estimate_steps(light, steps=turn(count), shared=False)
    assert estimate.converged.mean() >= 0.99
    found = estimate.converged
    assert np.abs(np.mean(estimate.steps - turn(count), axis=1)).max() < 1e-9
    deviations = (estimate.steps - turn(count) - errors + errors.mean(axis=1, keepdims=True)) / estimate.standard_error
    # Sets with count - 1 independent errors each, and standard errors of 9 % from 64 blocks.
    allowed = 4 / np.sqrt(2 * sets * (count - 1)) + 0.03
    assert np.sqrt(np.mean(np.square(deviations[found]))) == pytest.approx(1, abs=allowed)
    if count == 3:
        assert np.isnan(estimate.misfit).all()
    else:  # above 1 with many steps: bright pixels have more shot noise than the mean
        assert np.mean(estimate.misfit[found]) == pytest.approx(1, abs=0.4)


def test_grains_wider_than_a_pixel_are_in_the_standard_errors(rng: np.random.Generator) -> None:
    sets, errors = 60, rng.normal(0, 0.2, (60, 4))
    field = gaussian_filter(rng.normal(size=(2, sets, 128, 160)), (0, 0, 1.2, 1.2), mode="wrap")
    field *= 40 / np.sqrt(2 * np.mean(field**2))
    light = stepped(rng, field[0] + 1j * field[1], 60.0, turn(4) + errors, noise=15)
    estimate = estimate_steps(light, steps=turn(4), shared=False)
    deviations = (estimate.steps - turn(4) - errors + errors.mean(axis=1, keepdims=True)) / estimate.standard_error
    assert np.sqrt(np.mean(deviations**2)) == pytest.approx(1.1, abs=4 / np.sqrt(2 * sets * 3) + 0.05)


def test_frames_of_uneven_noise_do_not_bend_the_steps(rng: np.random.Generator) -> None:
    deviation, errors = np.array([5.0, 5.0, 900.0, 5.0, 5.0]), rng.normal(0, 0.1, 5)
    frames = np.abs(speckle(rng, 1, 1, 40_000, mean=1500.0) + 60 * np.exp(-1j * (UNEVEN + errors))[:, None]) ** 2
    value = frames + rng.normal(size=frames.shape) * deviation[:, None]
    variance = np.broadcast_to(deviation[:, None] ** 2, value.shape)
    light = Light(value.astype(np.float32), variance.astype(np.float32), np.ones(value.shape, bool))
    estimate = estimate_steps(light, steps=UNEVEN)
    assert np.all(np.abs(estimate.steps - UNEVEN - errors + errors.mean()) < 4.5 * estimate.standard_error)
    assert estimate.standard_error.max() < 0.02


def test_patterns_of_their_own_steps_are_told_apart(rng: np.random.Generator) -> None:
    errors = rng.normal(0, 0.15, (6, 4))
    light = stepped(rng, speckle(rng, 6, 80, 100, mean=1500.0), 60.0, turn(4) + errors, noise=15)
    estimate = estimate_steps(light, steps=turn(4), shared=False)
    assert estimate.steps.shape == estimate.standard_error.shape == (6, 4)
    assert estimate.converged.all()
    deviations = (estimate.steps - turn(4) - errors + errors.mean(axis=1, keepdims=True)) / estimate.standard_error
    assert np.abs(deviations).max() < 5
    together = estimate_steps(light, steps=turn(4))
    assert np.abs(together.steps - (turn(4) + errors - errors.mean(axis=1, keepdims=True)).mean(axis=0)).max() < 0.05


def test_five_steps_need_no_speckle(rng: np.random.Generator) -> None:
    bright = 40 * np.exp(1j * np.linspace(0, 1.5, 9000))[None]  # a field of few phases: far from circular
    errors = rng.normal(0, 0.15, 6)
    light = stepped(rng, bright, 60.0 + 20 * rng.random(9000), turn(6) + errors, noise=5)
    free = estimate_steps(light, steps=turn(6), circular=False)
    assert np.all(np.abs(free.steps - turn(6) - errors + errors.mean()) < 4.5 * free.standard_error)
    assert free.misfit < 12


def test_light_that_changes_between_frames_shows_as_misfit(rng: np.random.Generator) -> None:
    light = stepped(rng, speckle(rng, 2, 6000, mean=1500.0), 60.0, turn(8), noise=15)
    light.value[:, 2] *= 1.05
    assert estimate_steps(light, steps=turn(8)).misfit > 100


def test_a_pattern_without_usable_pixels_is_not_converged(rng: np.random.Generator) -> None:
    light = stepped(rng, speckle(rng, 3, 2000, mean=1500.0), 60.0, turn(4), noise=15)
    light.valid[1] = False
    estimate = estimate_steps(light, steps=turn(4), shared=False)
    assert estimate.converged.tolist() == [True, False, True]
    assert np.isinf(estimate.standard_error[1]).all()


def test_step_errors_that_nothing_determines_are_refused(rng: np.random.Generator) -> None:
    light = stepped(rng, speckle(rng, 3, 2000, mean=1e4), 100.0, turn(4), noise=5)
    with pytest.raises(ValueError, match="4 steps of unknown errors leave a family of solutions"):
        estimate_steps(light, steps=turn(4), circular=False)
    with pytest.raises(ValueError, match="must be commanded alike"):
        estimate_steps(light, steps=np.tile(turn(4), (3, 1)))
    with pytest.raises(ValueError, match="2000 pixels are too few for 200 blocks"):
        estimate_steps(light, steps=turn(4), blocks=200)
    with pytest.raises(ValueError, match="are dark, or all saturated"):
        estimate_steps(replace(light, valid=np.zeros_like(light.valid)), steps=turn(4))
