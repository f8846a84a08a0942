"""Drift that repeated frames of one pattern show, against drift that was put in."""

import numpy as np
import pytest

from calibration.campaigns.drift_track import track_fields, track_light
from calibration.light import FieldEstimate, Light

REPEATS, OUTPUTS = 40, 900


def circular(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def noisy_fields(
    rng: np.random.Generator, phase: np.ndarray, *, error: float, rho: float = 1.0
) -> tuple[FieldEstimate, np.ndarray]:
    """Fields of one speckle with phases, a drift to correlation ``rho`` from the second on, and noise of two sizes."""
    speckle, other = circular(rng, 2, OUTPUTS)
    true = np.where(np.arange(REPEATS)[:, None] == 0, speckle, rho * speckle + np.sqrt(1 - rho**2) * other)
    true = true * np.exp(1j * phase)[:, None]
    size = error * np.where(np.arange(OUTPUTS) % 2, 1.0, 0.5) * np.ones((REPEATS, 1))
    value = true + size * circular(rng, REPEATS, OUTPUTS)
    return FieldEstimate(value, size, np.ones(value.shape, bool)), np.arange(REPEATS) * 0.5


def test_phases_are_found_and_their_errors_are_those_quoted(rng: np.random.Generator) -> None:
    phase = np.concatenate([[0.0], np.cumsum(rng.normal(0, 1.0, REPEATS - 1)).clip(-20, 20)])
    phase = np.unwrap(np.angle(np.exp(1j * phase)))  # steps beyond pi cannot be told
    pulls = []
    for _ in range(30):
        fields, time = noisy_fields(rng, phase, error=0.8)
        track = track_fields(fields, time)
        pulls.append((track.phase - phase)[1:] / track.phase_error[1:])
    # Noise of the first field is common to a series: 30 independent ones.
    assert np.sqrt(np.mean(np.square(pulls))) == pytest.approx(1, abs=4 * np.sqrt((1 / 40 + 1) / 2 / 30 / 2))
    assert abs(np.mean(pulls)) < 4 * np.sqrt((0.5 + 0.5 / 39) / 30)


def test_correlation_and_power_are_without_noise(rng: np.random.Generator) -> None:
    fields, time = noisy_fields(rng, np.zeros(REPEATS), error=0.7, rho=0.8)
    track = track_fields(fields, time)
    # A mean over 39 repeats; the two speckles overlap by chance within 1 / sqrt(900) of a standard deviation.
    assert track.correlation[1:].mean() == pytest.approx(0.8, abs=4 * 0.6 / np.sqrt(2 * OUTPUTS) + 0.01)
    assert track.consecutive[2:].mean() == pytest.approx(1, abs=0.02)
    assert track.power[1:].mean() == pytest.approx(1, abs=0.15)
    assert track.correlation[0] == track.consecutive[0] == 1


def test_intensities_correlate_with_the_square_of_the_fields_and_show_the_power(rng: np.random.Generator) -> None:
    fields, time = noisy_fields(rng, np.zeros(REPEATS), error=0.0, rho=0.9)
    gain = np.linspace(1, 1.5, REPEATS)[:, None]
    error = 0.3
    value = gain * np.abs(fields.value) ** 2 + error * rng.standard_normal((REPEATS, OUTPUTS))
    light = Light(value, np.full(value.shape, error**2), np.ones(value.shape, bool))
    track = track_light(light, time)
    assert track.correlation[1:].mean() == pytest.approx(0.81, abs=4 * 0.19 * 2 / np.sqrt(OUTPUTS))
    # The second speckle is another one: its mean differs by chance.
    np.testing.assert_allclose(track.power[1:] / track.power[1], gain[1:, 0] / gain[1, 0], rtol=4 * 0.3 / 30 + 0.01)
    assert track.power_at(np.array([0.25]))[0] == pytest.approx((track.power[0] + track.power[1]) / 2)
    assert not track.phase.any()


def test_phase_between_repeats_lies_on_straight_lines(rng: np.random.Generator) -> None:
    fields, time = noisy_fields(rng, 0.2 * np.arange(REPEATS), error=0.0)
    track = track_fields(fields, time)
    np.testing.assert_allclose(track.phase_at(np.array([-1.0, 0.25, 7.0, 99.0])), [0, 0.1, 2.8, 7.8], atol=1e-9)


def test_lost_frames_are_seen_by_repeats_that_do_not_look_alike(rng: np.random.Generator) -> None:
    fields, time = noisy_fields(rng, 0.1 * np.arange(REPEATS), error=0.3, rho=0.95)
    track_fields(fields, time).check_order()
    value = fields.value.copy()
    value[17:] = circular(rng, OUTPUTS)
    shifted = track_fields(FieldEstimate(value, fields.standard_error, fields.valid), time)
    with pytest.raises(ValueError, match="reference frames 16 and 17, at 8 s and 8.5 s.*lost or came out of order"):
        shifted.check_order()


def test_outputs_that_are_not_valid_do_not_count(rng: np.random.Generator) -> None:
    fields, time = noisy_fields(rng, 0.3 * np.arange(REPEATS), error=0.1)
    value, valid = fields.value.copy(), fields.valid.copy()
    value[3, :100], valid[3, :100] = 1e6, False
    kept = track_fields(FieldEstimate(value[:, 100:], fields.standard_error[:, 100:], valid[:, 100:]), time)
    track = track_fields(FieldEstimate(value, fields.standard_error, valid), time)
    np.testing.assert_allclose(track.phase, kept.phase)


def test_times_must_rise_and_fit(rng: np.random.Generator) -> None:
    fields, time = noisy_fields(rng, np.zeros(REPEATS), error=0.1)
    with pytest.raises(ValueError, match="must rise"):
        track_fields(fields, time[::-1])
    with pytest.raises(ValueError, match="one entry a repeat"):
        track_fields(fields, time[1:])


def test_a_correlation_that_noise_may_explain_is_no_lost_frame(rng: np.random.Generator) -> None:
    seen = []
    for _ in range(30):
        fields, time = noisy_fields(rng, np.zeros(REPEATS), error=1.0)
        few = FieldEstimate(fields.value[:, :40], fields.standard_error[:, :40], fields.valid[:, :40])
        track = track_fields(few, time)
        track.check_order()
        seen.append(np.mean((track.consecutive[1:] - 1) ** 2) / np.mean(track.consecutive_error[1:] ** 2))
    assert np.min(track.consecutive) < 0.9  # as it is, without its error
    assert 0.3 < np.mean(seen) < 1.5


def test_light_that_drowns_in_the_noise_is_said_to_be_too_dim(rng: np.random.Generator) -> None:
    value = 1 + 0.01 * rng.exponential(1, OUTPUTS) + rng.standard_normal((5, OUTPUTS))
    light = Light(value, np.ones(value.shape), np.ones(value.shape, bool))
    track = track_light(light, np.arange(5.0))
    with pytest.raises(ValueError, match="drowns in the noise"):
        track.check_order()
    track.check_order(least_correlation=0)
    assert np.isfinite(track.power).all()


def test_steady_light_is_not_made_to_flicker_by_noise(rng: np.random.Generator) -> None:
    speckle = rng.exponential(1, 100)
    error = 2.0  # 0.2 on the mean of 100 pixels
    steady = speckle + error * rng.standard_normal((REPEATS, 100))
    rising = speckle * np.linspace(1, 3, REPEATS)[:, None] + error * rng.standard_normal((REPEATS, 100))
    spread = {}
    for name, value in (("steady", steady), ("rising", rising)):
        light = Light(value, np.full(value.shape, error**2), np.ones(value.shape, bool))
        spread[name] = track_light(light, np.arange(REPEATS)).power
    assert np.std(spread["steady"]) < 0.5 * np.std(steady.mean(axis=1) / steady[0].mean())
    assert spread["rising"][-1] == pytest.approx(3, rel=0.4)
