"""The fast path of phase stepping: fields from words, against the general fit and against its formula by hand."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.campaigns.stepped_fields import SteppedTerms, empty_terms, stepped_fields, stepped_terms
from calibration.holography.phase_stepping import interference_term
from calibration.light import light_from_counts
from optics import Camera

TIME = 0.02
STEPS = 2 * np.pi * np.arange(5) / 5
PATTERNS, OUTPUTS = 6, 40


@pytest.fixture
def quiet(camera: Camera) -> Camera:
    """The camera of 8 bits with a dark noise of 0.4 DN: rounding is a third of the variance of a dark pixel."""
    return replace(camera, read_noise=16.0)


def drawn(rng: np.random.Generator, *, low: int = 4, high: int = 250) -> np.ndarray:
    """Words, shape (pattern, step, output)."""
    return rng.integers(low, high, (PATTERNS, len(STEPS), OUTPUTS), np.uint8)


def with_saturated(words: np.ndarray) -> np.ndarray:
    """Words of which pixel 3 saturates in one frame, pixel 7 in two, of other patterns, and pixel 11 in too many."""
    bright = words.copy()
    bright[1, 2, 3] = 255
    bright[[5, 5], [0, 3], 7] = 255
    bright[2, :3, 11] = 255
    return bright


def test_the_errors_of_dim_pixels_have_the_rounding_in_them(quiet: Camera, rng: np.random.Generator) -> None:
    words = drawn(rng, low=0, high=9)  # black level 3: some below it
    words[0, :, 0] = 0
    fields = stepped_fields(words, quiet, phases=STEPS, exposure_time=TIME)
    light = light_from_counts(words, quiet, exposure_time=TIME)
    general = interference_term(light, steps=STEPS)
    np.testing.assert_allclose(fields.value, general.value, rtol=1e-4, atol=1e-4 * np.abs(general.value).max())
    # By hand: weights exp(i delta) / 5, so that the variance is the mean of those of the frames over 5.
    photon = 0.025 * 0.6 * TIME
    still = (0.025 * 16) ** 2 + 1 / 12
    wanted = (still + np.maximum(0.025 * (words.mean(axis=1) - 3.0), 0)) / 5 / photon**2
    np.testing.assert_allclose(fields.standard_error, np.sqrt(wanted), rtol=1e-4)
    bright = (words >= 3).all(axis=1)  # there the frames are dark in no one's eyes
    assert bright.mean() > 0.05
    np.testing.assert_allclose(fields.standard_error[bright], general.standard_error[bright], rtol=1e-4)


def test_fields_are_those_of_light_drawn_by_hand(quiet: Camera, rng: np.random.Generator) -> None:
    signal = (rng.normal(size=(PATTERNS, OUTPUTS)) + 1j * rng.normal(size=(PATTERNS, OUTPUTS))) * 300
    frames = np.abs(signal[:, np.newaxis] + 700 * np.exp(-1j * STEPS)[:, np.newaxis]) ** 2
    sharp = replace(quiet, bits=16, gain=1.0, full_well=80_000.0, black_level=100.0)
    words = np.round(frames * 0.6 * TIME + 100).astype(np.uint16)
    fields = stepped_fields(words, sharp, phases=STEPS, exposure_time=TIME)
    # Rounding is uniform within half a count; five independent ones, each by a weight of 1/5.
    assert np.abs(fields.value - signal * 700).max() < 0.5 / 0.6 / TIME
    assert fields.valid.all()


def test_pixels_that_saturate_are_turned_by_the_drift_like_all_others(quiet: Camera, rng: np.random.Generator) -> None:
    words = with_saturated(drawn(rng))
    drift = np.array([0.0, 0.9, -1.1, 2.0, -0.7, 0.3])
    terms = stepped_terms(words, quiet, phases=STEPS, exposure_time=TIME, drift=drift)
    light = light_from_counts(words, quiet, exposure_time=TIME)
    general = interference_term(light, steps=STEPS)
    assert not light.valid[:, :, [3, 7, 11]].all(axis=1).all(axis=0).any()
    turned = general.value * np.exp(-1j * drift)[:, np.newaxis]
    known = general.valid
    assert known[[1, 5], [3, 7]].all()
    np.testing.assert_allclose(terms.value[known], turned[known], rtol=1e-4, atol=1e-5 * np.abs(turned).max())
    np.testing.assert_allclose(np.sqrt(terms.variance[known]), general.standard_error[known], rtol=1e-4)
    assert np.flatnonzero(~terms.valid).tolist() == [11]
    assert terms.variance[2, 11] == 0


def test_fields_with_drift_taken_off_are_those_without_turned(quiet: Camera, rng: np.random.Generator) -> None:
    words = with_saturated(drawn(rng))
    drift = np.linspace(-2, 2, PATTERNS)
    plain = stepped_terms(words, quiet, phases=STEPS, exposure_time=TIME)
    turned = stepped_terms(words, quiet, phases=STEPS, exposure_time=TIME, drift=drift)
    wanted = plain.value * np.exp(-1j * drift)[:, np.newaxis]
    np.testing.assert_allclose(turned.value, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())
    np.testing.assert_allclose(turned.variance, plain.variance, rtol=1e-5)
    np.testing.assert_array_equal(turned.valid, plain.valid)


def test_given_arrays_are_filled_with_the_same_numbers(quiet: Camera, rng: np.random.Generator) -> None:
    words = with_saturated(drawn(rng))
    plain = stepped_terms(words, quiet, phases=STEPS, exposure_time=TIME)
    room = empty_terms(PATTERNS, OUTPUTS)
    room.value.fill(np.nan)
    room.variance.fill(np.nan)
    room.valid[5] = False  # stays so: it was not determined by patterns before
    for part in (slice(0, 2), slice(2, 6)):
        own = SteppedTerms(room.value[part], room.variance[part], room.valid)
        returned = stepped_terms(words[part], quiet, phases=STEPS, exposure_time=TIME, out=own)
        assert np.shares_memory(returned.value, room.value)
    np.testing.assert_array_equal(room.value, plain.value)
    np.testing.assert_array_equal(room.variance, plain.variance)
    assert np.flatnonzero(~room.valid).tolist() == [5, 11]


def test_blocks_of_patterns_are_each_in_its_place(
    quiet: Camera, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = with_saturated(drawn(rng))
    whole = stepped_terms(words, quiet, phases=STEPS, exposure_time=TIME)
    monkeypatch.setattr("calibration.campaigns.stepped_fields.BLOCK_BYTES", 4 * len(STEPS) * OUTPUTS * 4)  # 4 patterns
    parts = stepped_terms(words, quiet, phases=STEPS, exposure_time=TIME)
    np.testing.assert_allclose(parts.value, whole.value, rtol=1e-5, atol=1e-6 * np.abs(whole.value).max())
    np.testing.assert_allclose(parts.variance, whole.variance, rtol=1e-6)
    np.testing.assert_array_equal(parts.valid, whole.valid)
