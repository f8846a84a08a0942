"""Feedback by a matrix, exact and ternarised."""

import numpy as np
import pytest

from dfa import BestTernary, ExactFeedback, FixedThreshold, TernarisedFeedback, gaussian_feedback


def test_exact_feedback_is_the_matrix_times_each_error(rng):
    matrix, error = rng.normal(size=(7, 3)), rng.normal(size=(5, 3))
    feedback = ExactFeedback(matrix)
    assert (feedback.classes, feedback.hidden) == (3, 7)
    expected = np.stack([matrix @ e for e in error])
    np.testing.assert_allclose(feedback.project(error), expected, rtol=0, atol=1e-14)  # sums of three terms


def test_gaussian_feedback_has_the_variance_of_its_scale(rng):
    matrix = gaussian_feedback(hidden=2048, classes=10, scale=0.3, rng=rng).matrix
    assert matrix.dtype == np.float32
    # Relative standard error of a variance from n normal numbers: sqrt(2/n); of their mean: scale/sqrt(n). Four each.
    assert matrix.var(dtype=np.float64) == pytest.approx(0.09, rel=4 * np.sqrt(2 / 20480))
    assert abs(matrix.mean(dtype=np.float64)) < 4 * 0.3 / np.sqrt(20480)


def test_feedback_is_as_long_as_its_error_at_the_published_scale(rng):
    feedback = gaussian_feedback(hidden=2048, classes=10, scale=2048**-0.5, rng=rng)
    error = rng.normal(size=(3, 10)).astype(np.float32)
    ratio = np.linalg.norm(feedback.project(error), axis=1) / np.linalg.norm(error, axis=1)
    np.testing.assert_allclose(ratio, 1, rtol=4 / np.sqrt(2 * 2048))  # spread of a length in 2048 dimensions


def test_ternarised_feedback_projects_the_ternary_vector(rng):
    matrix = rng.normal(size=(7, 3))
    error = np.array([[0.5, -0.3, -0.2], [0.1, -0.1, 0.0]])
    feedback = TernarisedFeedback(inner=ExactFeedback(matrix), rule=FixedThreshold(0.25))
    assert (feedback.classes, feedback.hidden) == (3, 7)
    np.testing.assert_allclose(feedback.project(error), [matrix[:, 0] - matrix[:, 1], np.zeros(7)], atol=1e-15)
    np.testing.assert_array_equal(feedback.carries(error), [True, False])
    best = TernarisedFeedback(inner=ExactFeedback(matrix), rule=BestTernary())
    assert best.carries(error).all()


def test_the_matrix_is_a_frozen_copy(rng):
    matrix = rng.normal(size=(7, 3))
    feedback = ExactFeedback(matrix)
    matrix[0, 0] = 99
    assert feedback.matrix[0, 0] != 99
    with pytest.raises(ValueError, match="read-only"):
        feedback.matrix[0, 0] = 1


def test_bad_errors_are_refused(rng):
    exact = ExactFeedback(rng.normal(size=(7, 3)))
    for feedback in (exact, TernarisedFeedback(inner=exact, rule=BestTernary())):
        error = rng.normal(size=(5, 3))
        with pytest.raises(ValueError, match=r"shape \(5, 2\); this feedback takes \(batch, 3\)"):
            feedback.project(error[:, :2])
        with pytest.raises(ValueError, match=r"shape \(3,\); give \(batch, class\)"):
            feedback.project(error[0])
        error[3, 1] = np.nan
        for method in (feedback.project, feedback.carries):
            with pytest.raises(ValueError, match=r"sample 3, class 1 \(nan\)"):
                method(error)


def test_bad_matrices_are_refused(rng):
    with pytest.raises(TypeError, match="complex128"):
        ExactFeedback(np.ones((7, 3), dtype=complex))
    with pytest.raises(ValueError, match=r"shape \(7,\)"):
        ExactFeedback(np.ones(7))
    for scale in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="scale is"):
            gaussian_feedback(hidden=7, classes=3, scale=scale, rng=rng)
    with pytest.raises(ValueError, match="3 -> 0"):
        gaussian_feedback(hidden=0, classes=3, scale=1.0, rng=rng)


def test_restored_length_is_the_best_multiple_of_the_ternary_vector(rng: np.random.Generator) -> None:
    # min over g of |e - g t| is at g = e.t / t.t; with B the identity the feedback is g t itself.
    error = rng.standard_normal((7, 5)).astype(np.float32) * 0.3
    error[3] = 0.01  # below the threshold
    rule = FixedThreshold(0.2)
    identity = ExactFeedback(np.eye(5, dtype=np.float32))
    given = TernarisedFeedback(inner=identity, rule=rule, restore_length=True).project(error)
    assert not given[3].any()
    for row, ternary, feedback in zip(error, rule(error), given, strict=True):
        if ternary.any():
            best = np.linalg.lstsq(ternary[:, np.newaxis].astype(np.float64), row.astype(np.float64))[0]
            assert feedback == pytest.approx(best * ternary, rel=1e-5)
