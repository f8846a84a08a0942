"""Input bases: they invert, propagate variances, give patterns on demand, and refuse what does not span."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

from calibration.matrices.bases import CanonicalBasis, InputBasis
from calibration.matrices.hadamard import flat_signs, hadamard_minus, hadamard_order, hadamard_sums
from calibration.matrices.hadamard_bases import HadamardBasis, HadamardPairsBasis, SMatrixBasis
from calibration.matrices.state_bases import CirculantBasis, LeastSquaresBasis, circulant_sequence, random_basis

OUTPUTS = 5


def every_basis(inputs: int) -> list[InputBasis]:
    """Return a basis of each kind."""
    rng = np.random.default_rng(20201211 + inputs)
    random = random_basis(inputs, 2 * inputs + 6, rng=rng)
    return [
        CanonicalBasis(inputs=inputs), CanonicalBasis(inputs=inputs, off_frames=3),
        CanonicalBasis(inputs=inputs, off_frames=0), HadamardBasis(inputs=inputs), HadamardPairsBasis(inputs=inputs),
        SMatrixBasis(inputs=inputs), random,
        LeastSquaresBasis(states=random.states, variance=rng.uniform(0.5, 2, random.frames)),
        CirculantBasis(sequence=circulant_sequence(inputs, rng=rng)),
        CirculantBasis(sequence=circulant_sequence(inputs, rng=rng), off_frames=2),
        CirculantBasis(sequence=circulant_sequence(inputs, rng=rng), off_frames=0),
    ]  # fmt: skip


def simulated(basis: InputBasis, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Return the fields of a basis behind a random matrix, the matrix and the static field, without noise."""
    matrix = rng.standard_normal((OUTPUTS, basis.inputs)) + 1j * rng.standard_normal((OUTPUTS, basis.inputs))
    static = 3 * (rng.standard_normal(OUTPUTS) - 2j) * basis.solves_static
    return basis.patterns().astype(float) @ matrix.T + static, matrix, static


@pytest.mark.parametrize("inputs", [2, 3, 4, 7, 8, 11, 32, 33, 64, 100])
def test_fields_of_a_basis_give_the_matrix_and_the_static_field(rng: np.random.Generator, inputs: int) -> None:
    for basis in every_basis(inputs):
        fields, matrix, static = simulated(basis, rng)
        kept = fields.copy()
        solution = basis.solve(fields)
        # Rounding of sums of at most 256 terms, times the condition of the least lucky random patterns.
        np.testing.assert_allclose(solution.matrix, matrix, rtol=0, atol=1e-12)
        np.testing.assert_allclose(solution.static, static, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(fields, kept)


@pytest.mark.parametrize("inputs", [2, 3, 4, 8, 11, 16, 32, 33])
def test_variances_are_those_of_independent_frames(rng: np.random.Generator, inputs: int) -> None:
    for basis in every_basis(inputs):
        # Each output sees one frame: the solution is then the response of every entry to every frame.
        response = basis.solve(np.eye(basis.frames))
        variance = rng.uniform(0.1, 3, (basis.frames, OUTPUTS))
        solved = basis.solve_variance(variance)
        np.testing.assert_allclose(solved.matrix, variance.T @ response.matrix**2, rtol=1e-10)
        np.testing.assert_allclose(solved.static, variance.T @ response.static**2, rtol=1e-10)


@pytest.mark.parametrize("inputs", [4, 6, 13])
def test_patterns_come_on_demand(inputs: int) -> None:
    for basis in every_basis(inputs):
        states = basis.patterns()
        assert states.shape == (basis.frames, inputs)
        assert states.dtype == np.bool_
        for part in (slice(1, None, 3), slice(basis.frames - 1, None), slice(2, 4)):
            np.testing.assert_array_equal(basis.patterns(part), states[part])


def test_static_field_needs_an_all_off_frame_only_where_the_basis_says_so() -> None:
    for basis in every_basis(8):
        assert basis.solves_static == bool((~basis.patterns()).all(axis=1).any())


def test_frames_are_as_few_as_promised() -> None:
    assert [HadamardBasis(inputs=inputs).frames for inputs in (7, 8, 9, 4096)] == [8, 9, 16, 4097]
    assert [HadamardPairsBasis(inputs=inputs).frames for inputs in (7, 8, 9)] == [16, 16, 32]
    assert [SMatrixBasis(inputs=inputs).frames for inputs in (7, 8)] == [7, 15]


def test_half_of_the_macropixels_are_on_in_hadamard_frames() -> None:
    for basis in (HadamardBasis(inputs=64), SMatrixBasis(inputs=63), HadamardPairsBasis(inputs=64)):
        shares = np.sort(basis.patterns().mean(axis=1))[1:-1]
        # Flat signs have an excess of 1/sqrt(64) of one of them; macropixel 0 adds 1/64.
        assert np.all(np.abs(shares - 0.5) <= 1 / 16 + 1 / 64)


@pytest.mark.parametrize("order", [1, 2, 4, 32, 128, 256, 2**14])
def test_transform_is_its_own_inverse(rng: np.random.Generator, order: int) -> None:
    values = rng.standard_normal((order, 9)) + 1j * rng.standard_normal((order, 9))
    once = hadamard_sums(lambda part: values[:, part].copy(), order=order, outputs=9, dtype=values.dtype)
    twice = hadamard_sums(
        lambda part: once.T[:, part].copy(), order=order, outputs=9, dtype=values.dtype, scale=1 / order
    )
    np.testing.assert_allclose(twice.T, values, atol=1e-12)
    rows = rng.integers(order, size=6)
    signs = 1.0 - 2 * hadamard_minus(rows, np.arange(order))
    np.testing.assert_allclose(once[:, rows], (signs @ values).T, atol=1e-12 * order)


@pytest.mark.parametrize("order", [1, 2, 8, 64, 512])
def test_rows_of_hadamard_matrices_are_orthogonal(order: int) -> None:
    signs = 1 - 2 * hadamard_minus(np.arange(order), np.arange(order)).astype(int)
    np.testing.assert_array_equal(signs @ signs, order * np.eye(order, dtype=int))


@pytest.mark.parametrize(("order", "peak"), [(4, 2), (16, 4), (256, 16), (32, 8), (128, 16)])
def test_flat_signs_have_a_flat_transform(order: int, peak: int) -> None:
    signs = 1 - 2 * hadamard_minus(np.arange(order), np.arange(order)).astype(int)
    sums = signs @ flat_signs(order)
    assert np.abs(sums).max() == peak
    assert sums[0] == peak


def test_single_precision_costs_little(rng: np.random.Generator) -> None:
    basis = HadamardBasis(inputs=1024)
    fields = (rng.standard_normal((basis.frames, 6)) + 1j * rng.standard_normal((basis.frames, 6))) + 4
    single, double = basis.solve(fields.astype(np.complex64)), basis.solve(fields)
    assert single.matrix.dtype == np.complex64
    # The largest sum is that of the mean field, 2 |S| after scaling; rounding it and the partial sums before it costs
    # a few units of 2^-24 of that, 1e-5 of the noise of a field when that is a tenth of it.
    error = np.abs(single.matrix - double.matrix)
    assert error.max() < 4 * 2.0**-24 * 2 * np.abs(fields).mean()
    assert np.sqrt(np.mean(error**2)) < 2.0**-24 * np.abs(fields).mean()


@pytest.mark.parametrize("basis", [HadamardBasis(inputs=256), HadamardPairsBasis(inputs=200), SMatrixBasis(inputs=255)])
def test_memory_beside_the_result_is_a_few_megabytes(basis: InputBasis) -> None:
    fields = np.zeros((basis.frames, 20_000), np.complex64)
    result = 20_000 * 256 * 8
    tracemalloc.start()
    basis.solve(fields)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Two threads with about four blocks of 1 MB each, and some rows of 20 000 fields.
    assert peak < result + 12 * 2**20


def test_a_frame_that_repeats_others_is_worth_its_weight(rng: np.random.Generator) -> None:
    states = random_basis(6, 30, rng=rng).states
    noise = np.ones(30)
    noise[20:] = 1e6
    weighted = LeastSquaresBasis(states=states, variance=noise).solve_variance(noise[:, np.newaxis])
    alone = LeastSquaresBasis(states=states[:20]).solve_variance(np.ones((20, 1)))
    even = LeastSquaresBasis(states=states).solve_variance(noise[:, np.newaxis])
    np.testing.assert_allclose(weighted.matrix, alone.matrix, rtol=1e-4)
    assert np.all(even.matrix > 100 * weighted.matrix)


def test_patterns_that_do_not_span_are_refused(rng: np.random.Generator) -> None:
    states = random_basis(9, 40, rng=rng).states.copy()
    states[:, 4] = states[:, 2]
    with pytest.raises(ValueError, match="40 patterns do not span 9 macropixels"):
        LeastSquaresBasis(states=states)
    with pytest.raises(ValueError, match="add patterns, at least 10"):
        LeastSquaresBasis(states=states[:7])
    with pytest.raises(ValueError, match="frames = 9 is not allowed"):
        random_basis(9, 9, rng=rng)
    with pytest.raises(ValueError, match="shifts of the sequence of 6 states do not span"):
        CirculantBasis(sequence=np.array([True, False, True, False, True, False]))
    with pytest.raises(TypeError, match="states must be boolean"):
        LeastSquaresBasis(states=states.astype(np.uint8))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="variance must be 40 positive numbers"):
        LeastSquaresBasis(states=random_basis(9, 40, rng=rng).states, variance=np.zeros(40))


def test_fields_that_do_not_fit_are_refused() -> None:
    for basis in every_basis(8):
        with pytest.raises(ValueError, match=rf"fields must have shape \({basis.frames}, output\)"):
            basis.solve(np.zeros((basis.frames + 1, 3), complex))
        with pytest.raises(TypeError, match="fields must be float or complex, got uint8"):
            basis.solve(np.zeros((basis.frames, 3), np.uint8))
    with pytest.raises(ValueError, match="order = 12 must be a power of two; take 16"):
        hadamard_sums(lambda _: np.zeros((12, 1)), order=12, outputs=1, dtype=np.dtype(float))
    with pytest.raises(ValueError, match="inputs = 0 is not allowed"):
        HadamardBasis(inputs=0)
    assert hadamard_order(1) == 1
