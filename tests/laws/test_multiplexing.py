"""Law L53: the noise of a transmission matrix by the basis that it is measured in."""

import math

import numpy as np
import pytest

from calibration.matrices.bases import CanonicalBasis, InputBasis
from calibration.matrices.hadamard import hadamard_minus
from calibration.matrices.hadamard_bases import HadamardBasis, HadamardPairsBasis, SMatrixBasis
from calibration.matrices.state_bases import CirculantBasis, circulant_sequence, random_basis

OUTPUTS = 1500
STATIC = 5 - 7j


def measured_errors(basis: InputBasis, rng: np.random.Generator) -> np.ndarray:
    """Return the errors of a matrix whose fields have circular noise of variance 1; the static field is large."""
    matrix = rng.standard_normal((OUTPUTS, basis.inputs, 2)).view(complex)[..., 0]
    fields = basis.patterns().astype(float) @ matrix.T + STATIC * basis.solves_static
    fields += rng.standard_normal((*fields.shape, 2)).view(complex)[..., 0] / math.sqrt(2)
    return basis.solve(fields).matrix - matrix


def check_variance(errors: np.ndarray, expected: float, *, correlation: float = 1.0) -> None:
    """Compare the mean square of the errors with a variance, within four standard errors.

    The square of a circular error scatters by its own mean; entries of a row may share noise.
    """
    tolerance = 4 * correlation / math.sqrt(errors.size)
    assert np.mean(np.abs(errors) ** 2) == pytest.approx(expected, rel=tolerance)


def test_l53_canonical_basis_has_the_noise_of_a_field(rng: np.random.Generator) -> None:
    check_variance(measured_errors(CanonicalBasis(inputs=48, off_frames=0), rng), 1.0)


@pytest.mark.parametrize("off_frames", [1, 4])
def test_l53_canonical_basis_shares_the_noise_of_the_off_frames(rng: np.random.Generator, off_frames: int) -> None:
    errors = measured_errors(CanonicalBasis(inputs=48, off_frames=off_frames), rng)
    # Shared noise r = 1/(1+R) of the variance: mean squares of a row scatter by sqrt((1 + 47 r^2) / 48).
    shared = 1 / (1 + off_frames)
    check_variance(errors, 1 + 1 / off_frames, correlation=math.sqrt(1 + 47 * shared**2))


@pytest.mark.parametrize("order", [16, 64, 128])
def test_l53_hadamard_pairs_have_two_over_n(rng: np.random.Generator, order: int) -> None:
    check_variance(measured_errors(HadamardPairsBasis(inputs=order), rng), 2 / order)


@pytest.mark.parametrize("order", [16, 64, 128])
def test_l53_differences_of_signs_alone_would_have_one_over_n(rng: np.random.Generator, order: int) -> None:
    # No mirror shows -1; were the difference of a pair as noisy as one frame, this is what would come out.
    signs = 1.0 - 2 * hadamard_minus(np.arange(order), np.arange(order))
    noise = rng.standard_normal((order, OUTPUTS, 2)).view(complex)[..., 0] / math.sqrt(2)
    fields = np.zeros((2 * order, OUTPUTS), complex)
    fields[0::2] = noise
    errors = HadamardPairsBasis(inputs=order).solve(fields).matrix
    np.testing.assert_allclose(errors, (signs @ noise).T / order, atol=1e-13)
    check_variance(errors, 1 / order)


@pytest.mark.parametrize("inputs", [7, 31, 63])
def test_l53_s_matrix_has_four_n_over_n_plus_one_squared(rng: np.random.Generator, inputs: int) -> None:
    errors = measured_errors(SMatrixBasis(inputs=inputs), rng)
    # Entries share 1/N of their noise, which widens the scatter of the mean square by less than 1.1.
    check_variance(errors, 4 * inputs / (inputs + 1) ** 2, correlation=1.1)


@pytest.mark.parametrize("inputs", [7, 31, 63])
def test_l53_unknown_static_field_costs_an_s_matrix_one_part_in_n(rng: np.random.Generator, inputs: int) -> None:
    # Derived here: the all-off frame and the N patterns make a Hadamard matrix of order N + 1 out of the S-matrix.
    check_variance(measured_errors(HadamardBasis(inputs=inputs), rng), 4 / (inputs + 1))


@pytest.mark.parametrize(("inputs", "root"), [(16, 4.0), (64, 8.0), (32, 4.0), (128, 8.0)])
def test_l53_last_macropixel_of_a_full_hadamard_matrix(rng: np.random.Generator, inputs: int, root: float) -> None:
    # Derived here: 8 / (sqrt(q) + 1)^2 for a bent last pattern, sqrt(q/2) where q is no power of four.
    errors = measured_errors(HadamardBasis(inputs=inputs), rng)
    check_variance(errors[:, :1], 8 / (root + 1) ** 2)
    # The others take over (c_0 / pivot)^2 of its noise and lose as much by correlation, 2/q of theirs.
    check_variance(errors[:, 1:], 4 / inputs, correlation=1.5)


@pytest.mark.parametrize("inputs", [11, 31, 59])
def test_l53_squares_modulo_a_prime_are_an_s_matrix(rng: np.random.Generator, inputs: int) -> None:
    basis = CirculantBasis(sequence=circulant_sequence(inputs, rng=rng), off_frames=0)
    check_variance(measured_errors(basis, rng), 4 * inputs / (inputs + 1) ** 2, correlation=1.1)


@pytest.mark.parametrize("inputs", [30, 64])
def test_l53_circulant_noise_follows_the_spectrum_of_the_sequence(rng: np.random.Generator, inputs: int) -> None:
    sequence = circulant_sequence(inputs, rng=rng)
    shifts = np.array([np.roll(sequence, shift) for shift in range(inputs)]).astype(float)
    spectrum = np.linalg.svd(shifts, compute_uv=False)
    expected = np.mean(spectrum**-2.0) + 1 / sequence.sum() ** 2
    errors = measured_errors(CirculantBasis(sequence=sequence), rng)
    # Noise is coloured: mean squares of a row scatter as if only (sum s^-2)^2 / sum s^-4 of its entries were there.
    effective = inputs * np.mean(spectrum**-4.0) / np.mean(spectrum**-2.0) ** 2
    check_variance(errors, expected, correlation=math.sqrt(effective))


def test_l53_random_patterns_approach_four_over_the_frames_to_spare(rng: np.random.Generator) -> None:
    inputs, frames = 40, 160
    errors = measured_errors(random_basis(inputs, frames, rng=rng), rng)
    # Inverse Wishart with frames - 1 degrees of freedom (the static field takes one), up to the kurtosis of 0/1
    # patterns and the scatter from one set of patterns to another, about 2 / frames each.
    expected = 4 / (frames - 1 - inputs - 1)
    assert np.mean(np.abs(errors) ** 2) == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize("ratio", [0.02, 0.2, 2.0])
def test_l53_shot_noise_gain_of_hadamard_signs(rng: np.random.Generator, ratio: float) -> None:
    """The gain of +-1 patterns over one macropixel at a time is N (1 + rho) / (1 + N rho), rho = |t|^2 / R^2.

    Four phase steps against a reference of R^2 photons a frame, drawn from a Poisson law; the field of a +-1 pattern
    carries the light of all N macropixels, and 1/N of the noise in the matrix.
    """
    order, outputs, reference = 32, 1200, 200.0
    matrix = np.sqrt(ratio * reference / 2) * rng.standard_normal((order, outputs, 2)).view(complex)[..., 0]
    signs = 1.0 - 2 * hadamard_minus(np.arange(order), np.arange(order))

    def stepped(fields: np.ndarray) -> np.ndarray:
        steps = [1, 1j, -1, -1j]
        frames = [rng.poisson(np.abs(fields + math.sqrt(reference) * phase) ** 2) for phase in steps]
        return sum(phase * frame for phase, frame in zip(steps, frames, strict=True)) / (4 * math.sqrt(reference))

    single = np.mean(np.abs(stepped(matrix) - matrix) ** 2)
    fields = np.zeros((2 * order, outputs), complex)
    fields[0::2] = stepped(signs @ matrix)
    solved = HadamardPairsBasis(inputs=order).solve(fields).matrix.T
    gain = single / np.mean(np.abs(solved - matrix) ** 2)
    # Speckle makes both variances scatter: 2.5 / sqrt(entries) each, as the law was measured.
    expected = order * (1 + ratio) / (1 + order * ratio)
    assert gain == pytest.approx(expected, rel=4 * 2.5 * math.sqrt(2 / matrix.size))
