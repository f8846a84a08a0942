"""Light from counts, against the camera's equation written out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.light import light_from_counts
from optics import Camera

TIME = 0.02


@pytest.fixture
def warm(camera: Camera) -> Camera:
    """A camera with a dark current of 1200 electrons a second, 14 kelvin above where it is stated: four times that."""
    warmth = camera.reference_temperature + 2 * camera.doubling_temperature
    return replace(camera, dark_current=1200.0, temperature=warmth)


def test_each_pixel_has_its_own_dark_count_taken_off(camera: Camera) -> None:
    counts = np.array([[9, 14, 120], [5, 17, 121]], np.uint8)
    dark = np.array([2.5, 7.25, 40.0])
    light = light_from_counts(counts, camera, exposure_time=TIME, dark=dark)
    photon = 0.025 * 0.6 * TIME
    np.testing.assert_allclose(light.value, np.array([[6.5, 6.75, 80], [2.5, 9.75, 81]]) / photon, rtol=1e-6)
    assert light.value.dtype == light.variance.dtype == np.float32


def test_without_a_dark_frame_black_level_and_mean_dark_current_are_taken_off(warm: Camera) -> None:
    counts = np.array([[3, 6, 200]], np.uint8)
    light = light_from_counts(counts, warm, exposure_time=TIME)
    dark = 3.0 + 0.025 * 4 * 1200 * TIME  # 2.4 DN of dark current
    np.testing.assert_allclose(light.value, (counts - dark) / (0.025 * 0.6 * TIME), rtol=1e-5)
    given = light_from_counts(counts, warm, exposure_time=TIME, dark=np.full(3, dark))
    np.testing.assert_allclose(given.value, light.value, rtol=1e-5)


def test_a_pixel_is_valid_below_saturation_only(camera: Camera) -> None:
    small = replace(camera, full_well=6000.0)  # the well fills below the largest count
    top = small.saturation
    assert top < small.largest_count - 2
    counts = np.array([[top - 1, top, top + 1]], np.uint8)
    assert light_from_counts(counts, small, exposure_time=TIME).valid.tolist() == [[True, False, False]]


def test_the_variance_is_linear_in_the_counts_and_no_less_than_in_the_dark(camera: Camera) -> None:
    counts = np.array([[0, 2, 3, 4, 103]], np.uint8)  # black level 3
    dark = np.array([9.0, 0.0, 3.0, 5.5, 30.0])  # the mean of a pixel's own dark count tells nothing of its noise
    still = (0.025 * 13) ** 2 + 1 / 12
    wanted = np.array([still, still, still, still + 0.025, still + 2.5]) / (0.025 * 0.6 * TIME) ** 2
    for given in (None, dark):
        light = light_from_counts(counts, camera, exposure_time=TIME, dark=given)
        np.testing.assert_allclose(light.variance[0], wanted, rtol=1e-5)


def test_words_that_are_aligned_left_are_the_same_light(camera: Camera) -> None:
    right = replace(camera, bits=12, gain=0.3)
    left = replace(right, alignment="left")
    counts = np.array([[3, 700, 3001, 4095]], np.uint16)
    one = light_from_counts(counts, right, exposure_time=TIME)
    other = light_from_counts(counts * np.uint16(16), left, exposure_time=TIME)
    np.testing.assert_array_equal(one.value, other.value)
    np.testing.assert_array_equal(one.variance, other.variance)
    np.testing.assert_array_equal(one.valid, other.valid)


def test_the_variance_is_that_of_frames(camera: Camera, rng: np.random.Generator) -> None:
    electrons, frames = 700.0, 4000
    drawn = rng.poisson(electrons, (frames, 5)) + rng.normal(0, 13, (frames, 5))
    counts = np.floor(0.025 * drawn + 3 + 0.5).astype(np.uint8)
    light = light_from_counts(counts, camera, exposure_time=TIME)
    assert light.value.mean() == pytest.approx(electrons / 0.6 / TIME, rel=0.002)  # 4 x 29.4 / 700 / sqrt(20000)
    spread = light.value.var(axis=0, ddof=1, dtype=np.float64).mean()
    assert light.variance.mean() == pytest.approx(spread, rel=0.04)  # 4 sqrt(2 / 20000)


def test_an_exposure_time_of_zero_is_refused(camera: Camera) -> None:
    with pytest.raises(ValueError, match="exposure_time"):
        light_from_counts(np.zeros((1, 2), np.uint8), camera, exposure_time=0.0)
