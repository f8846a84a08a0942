"""Ambiguities of rows: what is fixed, what is left alone, and what is refused."""

import numpy as np
import pytest

from calibration.fidelities.effective_bits import (
    effective_number_of_bits,
    gaussian_quantiser_error,
    sine_quantiser_snr_db,
)
from calibration.fidelities.repeatability import fidelity_from_repeats, in_sample_error, prediction_error
from calibration.fidelity import chance_of_correlation, expected_correlation
from calibration.matrices import row_ambiguity
from calibration.matrices.row_ambiguity import AMBIGUITIES, align_rows, matrix_correlation, null_level

ROWS, COLUMNS = 11, 23

# What each metric must not see; a common gain is divided out by all but the first.
COVERED = {
    "none": {"none"},
    "gain": {"none", "gain"},
    "phase": {"none", "gain", "phase"},
    "phase and conjugation": {"none", "gain", "phase", "phase and conjugation"},
    "complex factor": {"none", "gain", "phase", "complex factor"},
    "complex factor and conjugation": set(AMBIGUITIES),
}


def gaussian(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((ROWS, COLUMNS)) + 1j * rng.standard_normal((ROWS, COLUMNS))


def disturb(truth: np.ndarray, ambiguity: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the truth with everything done to it that the ambiguity names, and what has to be undone."""
    factor = np.ones(ROWS, np.complex128)
    if "phase" in ambiguity or "factor" in ambiguity:
        factor = np.exp(2j * np.pi * rng.random(ROWS))
    if "factor" in ambiguity:
        factor *= rng.uniform(0.2, 5, ROWS)
    if ambiguity == "gain":
        factor[:] = 3 - 4j
    conjugated = rng.random(ROWS) < 0.5 if "conjugation" in ambiguity else np.zeros(ROWS, np.bool_)
    estimate = truth / factor[:, np.newaxis]
    return np.where(conjugated[:, np.newaxis], estimate.conj(), estimate), factor, conjugated


@pytest.mark.parametrize("ambiguity", AMBIGUITIES)
def test_rows_come_back_and_what_was_done_is_told(rng: np.random.Generator, ambiguity: str) -> None:
    truth = gaussian(rng)
    estimate, factor, conjugated = disturb(truth, ambiguity, rng)
    before = estimate.copy()
    aligned = align_rows(estimate, truth, ambiguity=ambiguity)
    assert np.abs(aligned.matrix - truth).max() < 1e-12
    assert np.abs(aligned.factor - factor).max() < 1e-12
    assert (aligned.conjugated == conjugated).all()
    assert (estimate == before).all()
    assert matrix_correlation(estimate, truth, ambiguity=ambiguity) == pytest.approx(1, abs=1e-12)
    assert matrix_correlation(truth, estimate, ambiguity=ambiguity) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("ambiguity", AMBIGUITIES)
def test_a_metric_is_blind_to_no_more_than_it_names(rng: np.random.Generator, ambiguity: str) -> None:
    truth = gaussian(rng)
    for worse in AMBIGUITIES:
        estimate = disturb(truth, worse, rng)[0]
        blind = worse in COVERED[ambiguity]
        score = matrix_correlation(estimate, truth, ambiguity=ambiguity)
        assert (score > 1 - 1e-9) == blind, (ambiguity, worse, score)


def test_only_the_phase_of_a_row_is_turned_where_only_the_phase_is_open(rng: np.random.Generator) -> None:
    truth, noise = gaussian(rng), gaussian(rng)
    estimate = truth + 0.5 * noise
    aligned = align_rows(estimate, truth, ambiguity="phase")
    assert np.abs(aligned.factor) == pytest.approx(np.ones(ROWS))
    # The best phase: a slightly different one is worse.
    best = np.linalg.norm(aligned.matrix - truth, axis=1)
    for turn in (-1e-3, 1e-3):
        assert (np.linalg.norm(aligned.matrix * np.exp(1j * turn) - truth, axis=1) > best).all()


@pytest.mark.parametrize("ambiguity", ["gain", "complex factor"])
def test_open_moduli_are_fitted_by_least_squares(rng: np.random.Generator, ambiguity: str) -> None:
    truth = gaussian(rng)
    estimate = 2 * truth + gaussian(rng)
    aligned = align_rows(estimate, truth, ambiguity=ambiguity)
    best = np.linalg.norm(aligned.matrix - truth)
    for factor in (1.001, 0.999, np.exp(1e-3j), np.exp(-1e-3j)):
        assert np.linalg.norm(aligned.matrix * factor - truth) > best


def test_common_gain_is_one_number_for_all_rows(rng: np.random.Generator) -> None:
    aligned = align_rows(gaussian(rng), gaussian(rng), ambiguity="gain")
    assert np.ptp(aligned.factor.real) == 0
    assert np.ptp(aligned.factor.imag) == 0


def test_zero_rows_are_left_alone(rng: np.random.Generator) -> None:
    truth = gaussian(rng)
    estimate = truth.copy()
    estimate[3] = 0
    for ambiguity in AMBIGUITIES:
        aligned = align_rows(estimate, truth, ambiguity=ambiguity)
        assert (aligned.matrix[3] == 0).all()
        assert np.isfinite(aligned.factor).all()
    assert np.isnan(matrix_correlation(estimate, truth, ambiguity="complex factor"))
    assert np.isnan(matrix_correlation(0 * truth, truth, ambiguity="phase"))
    assert matrix_correlation(estimate, truth, ambiguity="phase") < 1


def test_precision_of_the_estimate_is_kept_and_sums_are_wide(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = gaussian(rng)
    estimate = disturb(truth, "phase and conjugation", rng)[0].astype(np.complex64)
    aligned = align_rows(estimate, truth, ambiguity="phase and conjugation")
    assert aligned.matrix.dtype == np.complex64
    score = matrix_correlation(estimate, truth, ambiguity="phase and conjugation")
    # Rounding to complex64 leaves a relative error of 2^-24 an entry: 1 - rho = its square.
    assert score == pytest.approx(1, abs=1e-13)
    monkeypatch.setattr(row_ambiguity, "BLOCK_ENTRIES", 3 * COLUMNS)
    assert matrix_correlation(estimate, truth, ambiguity="phase and conjugation") == score


def test_real_matrices_are_compared_too(rng: np.random.Generator) -> None:
    truth = rng.standard_normal((ROWS, COLUMNS))
    assert matrix_correlation(-truth, truth, ambiguity="none") == pytest.approx(-1)
    assert matrix_correlation(-truth, truth, ambiguity="phase") == pytest.approx(1)


@pytest.mark.parametrize("compare", [align_rows, matrix_correlation])
def test_what_cannot_be_compared_is_refused(rng: np.random.Generator, compare: object) -> None:
    assert callable(compare)
    truth = gaussian(rng)
    with pytest.raises(ValueError, match="ambiguity = 'phases' is not known; did you mean 'phase'"):
        compare(truth, truth, ambiguity="phases")
    with pytest.raises(ValueError, match=r"second matrix has shape \(23, 11\).*same shape \(output, input\)"):
        compare(truth, truth.T, ambiguity="phase")
    with pytest.raises(ValueError, match=r"first matrix has shape \(23,\)"):
        compare(truth[0], truth[0], ambiguity="phase")
    broken = truth.copy()
    broken[[2, 5], 7] = np.nan
    with pytest.raises(ValueError, match="2 rows of the first matrix are not finite: leave them out of both"):
        compare(broken, truth, ambiguity="phase")


def test_impossible_figures_are_refused() -> None:
    with pytest.raises(ValueError, match="inputs = 0"):
        null_level(inputs=0, outputs=5, ambiguity="phase")
    with pytest.raises(ValueError, match="ambiguity = 'sign' is not known"):
        null_level(inputs=5, outputs=5, ambiguity="sign")
    with pytest.raises(ValueError, match=r"noise_to_signal holds -0\.1"):
        expected_correlation([0.1, -0.1])
    with pytest.raises(ValueError, match=r"correlation reaches 1\.2"):
        chance_of_correlation(1.2, outputs=5)
    with pytest.raises(ValueError, match="outputs = 1 is not allowed"):
        chance_of_correlation(0.2, outputs=1)
    with pytest.raises(ValueError, match=r"noise_to_signal holds 0: bits are finite"):
        effective_number_of_bits(0.0)
    with pytest.raises(ValueError, match="bits = 9 is not allowed"):
        gaussian_quantiser_error(9)
    with pytest.raises(TypeError, match="bits must be a whole number"):
        sine_quantiser_snr_db(7.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"repeatability holds -0\.2"):
        fidelity_from_repeats(-0.2)
    with pytest.raises(ValueError, match="samples = 39 are too few for 40 unknowns: take at least 40"):
        in_sample_error(40, 39)
    with pytest.raises(ValueError, match="samples = 41 are too few for 40 unknowns: take at least 42"):
        prediction_error(40, 41, real=True)
