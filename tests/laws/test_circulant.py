"""Law L53 for circulant binary inputs: their inverse, its noise, and sequences that do not span."""

import numpy as np
import pytest
from scipy.linalg import circulant, lstsq, pinv

from calibration.matrices.circulant import CirculantInputs, quadratic_residue_sequence, well_conditioned_inputs


def dense(generators: np.ndarray) -> np.ndarray:
    """The stacked matrix by SciPy's own circulant, whose first column is the sequence."""
    return np.concatenate([circulant(one) for one in generators]).astype(float)


@pytest.mark.parametrize("blocks", [1, 3])
def test_the_fourier_inverse_is_that_of_least_squares(rng: np.random.Generator, blocks: int) -> None:
    inputs = well_conditioned_inputs(20, blocks=blocks, rng=rng)
    matrix = dense(inputs.generators)
    assert np.array_equal(inputs.patterns(), matrix.astype(bool))
    values = rng.standard_normal((5, 20 * blocks)) + 1j * rng.standard_normal((5, 20 * blocks))
    # Round-off grows with the condition number, below 10 here.
    assert np.allclose(inputs.inverse(values), lstsq(matrix, values.T)[0].T, rtol=0, atol=1e-12)
    singular = np.linalg.svd(matrix, compute_uv=False)
    assert inputs.condition == pytest.approx(singular[0] / singular[-1], rel=1e-10)


def test_variances_are_those_of_the_dense_inverse(rng: np.random.Generator) -> None:
    inputs = well_conditioned_inputs(21, blocks=2, rng=rng)
    variance = rng.exponential(size=(4, 42))
    inverse = pinv(dense(inputs.generators))
    assert np.allclose(inputs.inverse_variance(variance), variance @ (inverse**2).T, rtol=1e-10, atol=0)
    assert inputs.noise_gain == pytest.approx(np.mean(np.sum(inverse**2, axis=1)), rel=1e-10)


@pytest.mark.parametrize("length", [7, 31, 103])
def test_l53_quadratic_residues_have_the_noise_of_an_s_matrix(length: int) -> None:
    # 4 n sigma^2 / (n + 1)^2: spectrum (n + 1) / 2 at zero, modulus sqrt(n + 1) / 2 elsewhere.
    inputs = CirculantInputs(generators=quadratic_residue_sequence(length)[np.newaxis])
    assert inputs.noise_gain == pytest.approx(4 * length / (length + 1) ** 2, rel=1e-12)
    assert inputs.condition == pytest.approx(np.sqrt(length + 1), rel=1e-9)


def test_l53_noise_of_entries_by_simulation(rng: np.random.Generator) -> None:
    n = 67
    inputs = CirculantInputs(generators=quadratic_residue_sequence(n)[np.newaxis])
    trials = 2000
    noise = (rng.standard_normal((trials, n)) + 1j * rng.standard_normal((trials, n))) / np.sqrt(2)
    measured = np.mean(np.abs(inputs.inverse(noise)) ** 2)
    # Of n Fourier components all but one have the same variance: a chi^2 of about 2 trials (n - 1) degrees.
    assert measured == pytest.approx(4 * n / (n + 1) ** 2, rel=4 / np.sqrt(trials * (n - 1)))


@pytest.mark.parametrize(("columns", "blocks"), [(48, 1), (75, 2), (90, 4)])
def test_random_sequences_come_near_the_bound(rng: np.random.Generator, columns: int, blocks: int) -> None:
    inputs = well_conditioned_inputs(columns, blocks=blocks, rng=rng)
    bound = 4 * columns / (columns + 1) ** 2 / blocks
    # No binary sequences do better (law L53); flat spectra add up, so that more blocks come nearer.
    assert bound < inputs.noise_gain < bound * (1 + 2 / blocks)


def test_lengths_with_residues_take_them(rng: np.random.Generator) -> None:
    inputs = well_conditioned_inputs(79, blocks=2, rng=rng)
    assert inputs.noise_gain == pytest.approx(2 * 79 / 80**2, rel=1e-12)


@pytest.mark.parametrize("sequence", ["101010", "111111", "000000", "110110"])
def test_sequences_that_do_not_span_are_refused(sequence: str) -> None:
    generators = np.array([[letter == "1" for letter in sequence]])
    with pytest.raises(ValueError, match="do not span 6 columns.*spectrum is zero at frequency"):
        CirculantInputs(generators=generators)


def test_two_sequences_may_span_where_neither_does_alone() -> None:
    first, second = np.array([1, 1, 0, 1, 1, 0], bool), np.array([1, 1, 1, 0, 0, 0], bool)
    for one in (first, second):
        with pytest.raises(ValueError, match="do not span"):
            CirculantInputs(generators=one[np.newaxis])
    assert CirculantInputs(generators=np.stack([first, second])).condition == pytest.approx(5, rel=1e-9)


def test_wrong_shapes_and_types_are_refused(rng: np.random.Generator) -> None:
    inputs = well_conditioned_inputs(20, blocks=2, rng=rng)
    for method in (inputs.inverse, inputs.inverse_variance):
        with pytest.raises(ValueError, match=r"2 blocks of 20 columns have 40 signals .* got shape \(3, 20\)"):
            method(np.ones((3, 20)))
    with pytest.raises(ValueError, match=r"shape \(block, column\)"):
        CirculantInputs(generators=np.ones(5, bool))
    with pytest.raises(TypeError, match="generators must be boolean"):
        CirculantInputs(generators=np.eye(5))
    with pytest.raises(ValueError, match="length = 75 must be a prime"):
        quadratic_residue_sequence(75)
    with pytest.raises(ValueError, match="columns = 2 is not allowed"):
        well_conditioned_inputs(2, blocks=1, rng=rng)
