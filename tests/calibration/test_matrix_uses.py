"""Uses of a matrix refuse what does not fit, and flag what saturates."""

import numpy as np
import pytest

from calibration.light import Light
from calibration.matrices.focusing import (
    best_binary_focus,
    binary_focus,
    expected_enhancement,
    measured_enhancement,
    relative_error,
)
from calibration.matrices.imaging import conjugated_object, expected_projection, projection_pattern, recover_object
from calibration.matrices.spectrum import marchenko_pastur_edges, matrix_spectrum


def flat_light(value: float, *shape: int) -> Light:
    """Return even light with a standard error of 10 %."""
    light = np.full(shape, value, np.float32)
    return Light(light, (0.1 * light) ** 2, np.ones(shape, bool))


def test_enhancement_of_each_target_has_the_noise_of_both_frames(rng: np.random.Generator) -> None:
    targets = np.array([3, 0, 11])
    reference = flat_light(2.0, 500, 3, 4)
    reference.value[...] = rng.exponential(2.0, (500, 3, 4))
    focused = flat_light(50.0, 3, 3, 4)
    result = measured_enhancement(focused, reference, targets=targets)
    level = reference.value.reshape(500, -1)[:, targets].mean(axis=0)
    np.testing.assert_allclose(result.value, 50 / level, rtol=1e-5)
    # 10 % of the focus, and the speckle of 500 reference frames, whose rms scatters by some 10 %.
    np.testing.assert_allclose(result.standard_error / result.value, np.hypot(0.1, 1 / np.sqrt(500)), rtol=0.05)
    assert result.mean == pytest.approx(150 / level.sum(), rel=1e-5)


def test_saturated_targets_are_flagged_and_left_out() -> None:
    focused, reference = flat_light(40.0, 3, 8), flat_light(2.0, 9, 8)
    focused.valid[1, 5] = False
    focused.value[1, 5] = 1e6
    reference.valid[4, 0] = False
    result = measured_enhancement(focused, reference, targets=[2, 5, 6])
    np.testing.assert_array_equal(result.valid, [True, False, True])
    assert result.mean == pytest.approx(20)
    assert result.mean_standard_error == pytest.approx(0, abs=1e-6)
    np.testing.assert_array_equal(
        measured_enhancement(focused, reference, targets=[0, 5, 6]).valid, [False, False, True]
    )
    alone = measured_enhancement(flat_light(40.0, 1, 8), reference, targets=[6])
    assert alone.mean == pytest.approx(20)
    assert np.isnan(alone.mean_standard_error)


def test_targets_that_do_not_fit_are_refused() -> None:
    focused, reference = flat_light(40.0, 3, 8), flat_light(2.0, 9, 8)
    with pytest.raises(ValueError, match="targets must be 3 pixel indices"):
        measured_enhancement(focused, reference, targets=[1, 2])
    with pytest.raises(ValueError, match="targets must be flat pixel indices from 0 to 7"):
        measured_enhancement(focused, reference, targets=[1, 2, 8])
    with pytest.raises(ValueError, match="reference frames = 1 is not allowed"):
        measured_enhancement(focused, flat_light(2.0, 1, 8), targets=[1, 2, 3])


def test_rows_that_are_none_are_refused() -> None:
    row = np.array([1 + 2j, 3j])
    with pytest.raises(ValueError, match=r"for one target take matrix\[\[target\]\]"):
        binary_focus(row)
    with pytest.raises(ValueError, match="rows must be complex"):
        binary_focus(np.ones((2, 3)))
    with pytest.raises(ValueError, match="static must hold one field a target"):
        best_binary_focus(row[np.newaxis], static=np.zeros(2, complex))
    with pytest.raises(ValueError, match="nothing was measured"):
        relative_error(row[np.newaxis], standard_error=9.0)


def test_expectations_refuse_what_has_no_meaning() -> None:
    with pytest.raises(ValueError, match="did you mean 'binary_amplitude'"):
        expected_enhancement(9, modulation="binary amplitude")
    with pytest.raises(ValueError, match="reference = 'all' is not known"):
        expected_enhancement(9, reference="all")
    with pytest.raises(ValueError, match="amplitudes must be 9 numbers"):
        expected_enhancement(9, amplitudes=np.ones(8))
    with pytest.raises(ValueError, match="relative_error = -1 is not allowed"):
        expected_enhancement(9, relative_error=-1)
    with pytest.raises(ValueError, match="off_amplitude = 0.1 is not allowed"):
        expected_enhancement(9, modulation="phase", off_amplitude=0.1)
    with pytest.raises(ValueError, match="not all zero"):
        expected_projection(np.zeros(3), inputs=9)


def test_images_refuse_what_does_not_fit(rng: np.random.Generator) -> None:
    matrix = rng.standard_normal((6, 4)) + 0j
    with pytest.raises(ValueError, match=r"got \(3, 5\) and \(6, 4\)"):
        recover_object(np.zeros((3, 5), complex), matrix, field_variance=1.0)
    with pytest.raises(ValueError, match=r"got \(6,\) and \(6, 4\)"):
        conjugated_object(np.zeros(6, complex), matrix, field_variance=1.0)
    with pytest.raises(ValueError, match="noise of fields and matrix together = 0 is not allowed"):
        recover_object(np.zeros((3, 6), complex), matrix, field_variance=0.0)
    with pytest.raises(ValueError, match="amplitudes must be 6 numbers"):
        projection_pattern(matrix, np.ones(5), rng=rng)


def test_spectra_refuse_what_is_no_matrix() -> None:
    with pytest.raises(ValueError, match="matrix must be finite and of shape"):
        matrix_spectrum(np.full((3, 4), np.nan))
    with pytest.raises(ValueError, match="matrix must be finite and of shape"):
        matrix_spectrum(np.ones(4))
    with pytest.raises(ValueError, match="aspect_ratio = 0 is not allowed"):
        marchenko_pastur_edges(0.0)
