"""Law L55: rows of a matrix from intensities alone, what they leave open and what noise does to them."""

import numpy as np
import pytest

from calibration.light import Light, light_from_counts
from calibration.matrices.magnitude_projections import (
    alternating_projections,
    coordinates,
    fields_from,
    relaxed_reflections,
)
from calibration.matrices.phase_retrieval import retrieve_rows
from calibration.matrices.row_ambiguity import align_rows, matrix_correlation
from calibration.matrices.spectral_start import random_start, spectral_start
from optics import BenchDescription, SimulatedBench

INPUTS, OUTPUTS = 48, 60


def gaussian(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def binary(rng: np.random.Generator, frames: int, inputs: int = INPUTS) -> np.ndarray:
    return (rng.random((frames, inputs)) < 0.5).astype(np.float64)


def jacobian(inputs: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Derivative of |X t|^2 by real and imaginary part of t."""
    turned = (inputs @ row).conj()[:, np.newaxis] * inputs
    return 2 * np.hstack([turned.real, -turned.imag])


def success(fields: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Whether each column is the true one up to a phase and conjugation."""
    aligned = align_rows(fields.T, truth.T, ambiguity="phase and conjugation")
    return np.asarray(np.linalg.norm(aligned.matrix - truth.T, axis=1) < 1e-3 * np.linalg.norm(truth, axis=0))


def test_l55_intensities_leave_phase_and_conjugation_of_each_row_open(rng: np.random.Generator) -> None:
    inputs = np.hstack([binary(rng, 100), np.ones((100, 1))])  # a static field is one more input
    matrix = gaussian(rng, OUTPUTS, INPUTS + 1)
    light = np.abs(inputs @ matrix.T) ** 2
    turned = np.exp(2j * np.pi * rng.random((OUTPUTS, 1))) * matrix
    assert np.abs(np.abs(inputs @ turned.T) ** 2 - light).max() < 1e-12 * light.max()
    assert np.abs(np.abs(inputs @ turned.conj().T) ** 2 - light).max() < 1e-12 * light.max()
    # Row phases leave T'T alone, conjugation does not.
    gram = matrix.conj().T @ matrix
    assert np.abs(turned.conj().T @ turned - gram).max() < 1e-12 * np.abs(gram).max()
    assert matrix_correlation(turned.conj(), matrix, ambiguity="phase and conjugation") == pytest.approx(1)


def test_l55_intensities_have_one_direction_less_than_unknowns(rng: np.random.Generator) -> None:
    row = gaussian(rng, INPUTS)
    values = np.linalg.svd(jacobian(binary(rng, 4 * INPUTS), row), compute_uv=False)
    assert np.sum(values > 1e-10 * values[0]) == 2 * INPUTS - 1


def test_l55_from_a_real_start_real_inputs_never_lead_away(rng: np.random.Generator) -> None:
    inputs = binary(rng, 6 * INPUTS)
    basis = np.linalg.qr(inputs)[0]
    truth = inputs @ gaussian(rng, INPUTS, OUTPUTS)
    # Wirtinger flow, written out here: c -> c - step Q^T (|Qc|^2 - I) Qc.
    found = rng.standard_normal((INPUTS, OUTPUTS)) + 0j
    found *= np.linalg.norm(truth, axis=0) / np.linalg.norm(found, axis=0)
    for _ in range(50):
        fields = basis @ found
        excess = (np.abs(fields) ** 2 - np.abs(truth) ** 2) / np.mean(np.abs(truth) ** 2, axis=0)
        found = found - 0.1 * basis.T @ (excess * fields)
    assert np.abs(found.imag).max() == 0
    # So do the project's own iterations; a real start never reaches a complex row.
    start = fields_from(np.real(found) + 0j, basis=basis)
    for iterate in (relaxed_reflections, alternating_projections):
        real = iterate(start, np.abs(truth), basis=basis, iterations=30)
        assert np.abs(real.imag).max() == 0
        assert not success(real, truth).any()


@pytest.mark.parametrize("kind", ["binary", "gaussian"])
def test_l55_two_eigenvectors_hold_both_parts_of_the_row(rng: np.random.Generator, kind: str) -> None:
    frames = 8 * INPUTS
    inputs = binary(rng, frames) if kind == "binary" else rng.standard_normal((frames, INPUTS))
    basis = np.linalg.qr(inputs)[0]
    truth = inputs @ gaussian(rng, INPUTS, OUTPUTS)
    light = np.abs(truth) ** 2
    start = spectral_start(light, basis=basis, rng=rng)
    # The same from full eigenvalue problems, one row at a time.
    exact = np.empty((INPUTS, OUTPUTS), np.complex128)
    for row in range(OUTPUTS):
        covariance = basis.T @ ((light[:, row] / light[:, row].mean() - 1)[:, np.newaxis] * basis)
        values, vectors = np.linalg.eigh(covariance)
        exact[:, row] = vectors[:, -1] * np.sqrt(values[-1]) + 1j * vectors[:, -2] * np.sqrt(values[-2])
    # 30 rounds leave some of the third vector where its eigenvalue is close, which says no less of the truth.
    near, best = (
        matrix_correlation(fields_from(column, basis=basis).T, truth.T, ambiguity="phase and conjugation")
        for column in (start, exact)
    )
    assert near > best - 0.02
    assert best > 0.6
    assert np.sum(np.abs(start) ** 2, axis=0) == pytest.approx(light.sum(axis=0))
    # Both parts count: the ordinary vector, the first of them alone, is real.
    shares = np.sort(np.stack([np.sum(start.real**2, axis=0), np.sum(start.imag**2, axis=0)]), axis=0)
    assert (shares[0] > 0.05 * shares[1]).all()


def test_l55_reflections_need_four_frames_an_input_and_projections_fail(rng: np.random.Generator) -> None:
    # The law's table at n = 48, m = 4 n, binary: RAAR and GS 1.0, GS from the real vector 0, from two vectors 0.5.
    inputs = binary(rng, 4 * INPUTS)
    basis = np.linalg.qr(inputs)[0]
    truth = inputs @ gaussian(rng, INPUTS, OUTPUTS)
    magnitudes = np.abs(truth)
    start = fields_from(spectral_start(magnitudes**2, basis=basis, rng=rng), basis=basis)
    reflected = relaxed_reflections(start, magnitudes, basis=basis, iterations=300)
    settled = alternating_projections(reflected, magnitudes, basis=basis, iterations=200)
    found = success(settled, truth)
    assert found.mean() >= 0.95
    alone = success(alternating_projections(start, magnitudes, basis=basis, iterations=500), truth).mean()
    assert 0.5 - 4 * np.sqrt(0.25 / 20 + 0.25 / OUTPUTS) < alone < found.mean()  # 0.5 was seen on 20 rows
    real = fields_from(coordinates(start, basis=basis).imag + 0j, basis=basis)
    assert not success(alternating_projections(real, magnitudes, basis=basis, iterations=500), truth).any()
    # Conjugation falls as a coin does.
    conjugated = align_rows(settled.T, truth.T, ambiguity="phase and conjugation").conjugated[found]
    assert conjugated.mean() == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / found.sum()))


def test_l55_complex_inputs_lead_to_the_row_itself(rng: np.random.Generator) -> None:
    inputs = gaussian(rng, 4 * INPUTS, INPUTS)
    basis = np.linalg.qr(inputs)[0]
    truth = inputs @ gaussian(rng, INPUTS, OUTPUTS)
    start = fields_from(random_start(np.abs(truth) ** 2, basis=basis, rng=rng), basis=basis)
    fields = relaxed_reflections(start, np.abs(truth), basis=basis, iterations=300)
    fields = alternating_projections(fields, np.abs(truth), basis=basis, iterations=200)
    assert success(fields, truth).mean() >= 0.95
    assert not align_rows(fields.T, truth.T, ambiguity="phase and conjugation").conjugated[success(fields, truth)].any()


def test_l55_error_is_the_trace_of_the_pseudo_inverse(rng: np.random.Generator) -> None:
    inputs, draws = 16, 1500
    patterns = binary(rng, 6 * inputs, inputs)
    row = gaussian(rng, inputs)
    light = np.abs(patterns @ row) ** 2
    sigma = 0.005 * light.mean()
    # Noise that grows with the light in one half of the frames: weights matter.
    spread = sigma * np.where(np.arange(len(light)) % 2, 4.0, 1.0)[:, np.newaxis]
    values = light[:, np.newaxis] + spread * rng.standard_normal((len(light), draws))
    measured = Light(
        values.astype(np.float32), np.broadcast_to(spread**2, values.shape).astype(np.float32),
        np.ones(values.shape, np.bool_),
    )  # fmt: skip
    rows = retrieve_rows(measured, patterns > 0, rng=rng, static=False, model_error=1e-5)
    assert rows.converged.mean() > 0.99
    truth = np.broadcast_to(row, (draws, inputs))[rows.converged]
    aligned = align_rows(rows.matrix.value[rows.converged], truth, ambiguity="phase and conjugation")
    error = np.mean(np.abs(aligned.matrix - truth) ** 2, axis=0)
    covariance = np.linalg.pinv(jacobian(patterns, row).T @ (jacobian(patterns, row) / spread**2), rcond=1e-9)
    expected = np.diag(covariance)[:inputs] + np.diag(covariance)[inputs:]
    # An entry's |error|^2 is at most a square of one Gaussian: relative standard error sqrt(2 / draws).
    assert error == pytest.approx(expected, rel=4 * np.sqrt(2 / draws))
    assert error.sum() == pytest.approx(np.trace(covariance), rel=0.1)  # 5 % of the error
    quoted = np.mean(rows.matrix.standard_error[rows.converged] ** 2, axis=0)
    assert quoted == pytest.approx(expected, rel=0.02)
    # Chi squared over its degrees of freedom: mean 1.
    freedom = len(light) - 2 * inputs + 1
    assert rows.residual[rows.converged].mean() == pytest.approx(1, abs=4 * np.sqrt(2 / freedom / draws) + 5e-3)


def test_l55_without_a_reference_twice_the_error_of_holography(rng: np.random.Generator) -> None:
    # The law's figure 2.035 is for Gaussian inputs, 6 n frames, one row; holography in a Hadamard basis with six
    # phase steps and |R|^2 = <|z|^2> = n leaves sigma^2 / (6 n) of |dt|^2. Rows differ by 0.3 to 0.45 (rms); the
    # median of 15 of them has 1.25 / sqrt(15) of that as its standard error.
    ratios = []
    for _ in range(15):
        information = jacobian(rng.standard_normal((6 * INPUTS, INPUTS)), gaussian(rng, INPUTS))
        values = np.linalg.svd(information, compute_uv=False)
        ratios.append(np.sum(values[:-1] ** -2) * 6 * INPUTS)
    assert np.median(ratios) == pytest.approx(2.035, abs=4 * 1.25 * 0.4 / np.sqrt(15))


def test_l55_quoted_errors_match_the_scatter_behind_a_camera(
    description: BenchDescription, rng: np.random.Generator
) -> None:
    bench = SimulatedBench(description, seed=11)
    inputs, outputs = bench.layout.inputs, 150
    patterns = rng.random((6 * (inputs + 1), inputs)) < 0.5
    exposure = bench.expose(patterns)
    light = light_from_counts(exposure.counts, bench.camera, exposure_time=exposure.exposure_time)
    light = Light(
        *(part.reshape(len(patterns), -1)[:, :outputs] for part in (light.value, light.variance, light.valid))
    )
    electron = 1 / (bench.camera.quantum_efficiency * exposure.exposure_time)
    rows = retrieve_rows(light, patterns, rng=rng, light_per_electron=electron)
    assert rows.converged.all()
    states = np.concatenate([np.eye(inputs, dtype=np.bool_), np.zeros((1, inputs), np.bool_)])
    fields = bench.truth.field(states).astype(np.complex128).reshape(inputs + 1, -1)[:, :outputs]
    truth = np.concatenate([fields[:-1] - fields[-1], fields[-1:]]).T
    assert rows.static is not None
    whole = np.concatenate([rows.matrix.value, rows.static.value[:, np.newaxis]], axis=1)
    error = np.concatenate([rows.matrix.standard_error, rows.static.standard_error[:, np.newaxis]], axis=1)
    aligned = align_rows(whole, truth, ambiguity="phase and conjugation")
    ratio = np.sqrt(np.mean(np.abs(aligned.matrix - truth) ** 2) / np.mean(error**2))
    assert ratio == pytest.approx(1, abs=0.05)
    pulls = (np.abs(aligned.matrix - truth) / error)[:, :-1]
    assert np.sqrt(np.mean(pulls**2)) == pytest.approx(1, abs=0.05)
