"""The camera's description: derived figures and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from optics import Camera


def test_saturation_is_where_counts_stop_to_follow(camera: Camera) -> None:
    # 3 + 0.025 (10 000 - 3 x 13) = 252.0 DN comes before the converter's 255.
    assert camera.saturation == 252
    assert replace(camera, full_well=30_000).saturation == 255
    assert replace(camera, full_well=30_000).saturation_charge == pytest.approx((255 - 3) / 0.025)
    assert camera.saturation_charge == 10_000


@pytest.mark.parametrize(("bits", "step", "word"), [(8, 1, np.uint8), (10, 64, np.uint16), (12, 16, np.uint16)])
def test_left_aligned_words_are_shifted_back(camera: Camera, bits: int, step: int, word: type) -> None:
    aligned = replace(camera, bits=bits, alignment="left")
    assert aligned.count_step == step
    counts = np.array([0, 3 * step, (2**bits - 1) * step], word)
    assert np.array_equal(aligned.digital_numbers(counts), [0, 3, 2**bits - 1])


def test_words_of_another_type_are_refused(camera: Camera) -> None:
    with pytest.raises(TypeError, match="counts of a 8-bit camera are uint8 words, got float64"):
        camera.digital_numbers(np.zeros((2, 2)))  # type: ignore[arg-type] # that is the point


def test_exposure_time_is_granted_in_steps(camera: Camera) -> None:
    stepped = replace(camera.shutter, exposure_step=20e-6, exposure_minimum=40e-6)
    assert stepped.granted_exposure(71e-6) == pytest.approx(80e-6, rel=1e-12)
    with pytest.raises(ValueError, match="exposure_time = 1e-05 s is not allowed: it must be at least 4e-05 s"):
        stepped.granted_exposure(10e-6)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("bits", 20, "bits = 20 is not allowed: it must be at least 6 and at most 16"),
        ("bits", 8.0, "bits must be a whole number"),
        ("quantum_efficiency", 1.2, "quantum_efficiency = 1.2 is not allowed"),
        ("read_noise", -1.0, "read_noise = -1 e is not allowed"),
        ("gain", 0.0, "gain = 0 DN/e is not allowed: it must be above 0 DN/e"),
        ("black_level", 300.0, "black_level = 300 DN is not allowed"),
        ("alignment", "centre", "alignment = 'centre' is not known"),
        ("full_well", float("nan"), "full_well = nan e is not allowed"),
    ],
)
def test_impossible_figures_are_refused(camera: Camera, field: str, value: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        replace(camera, **{field: value})
