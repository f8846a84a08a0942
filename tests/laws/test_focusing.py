"""Laws L27 and L30: foci, images and spectra that a matrix gives, against theory; and what errors of it cost."""

import itertools
import math

import numpy as np
import pytest

from calibration.light import light_from_counts
from calibration.matrices.focusing import (
    best_binary_focus,
    binary_focus,
    expected_enhancement,
    measured_enhancement,
    phase_focus,
    relative_error,
)
from calibration.matrices.imaging import conjugated_object, expected_projection, projection_pattern, recover_object
from calibration.matrices.spectrum import marchenko_pastur_density, marchenko_pastur_share, matrix_spectrum
from optics import BenchDescription, SimulatedBench


def gaussian(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return independent circular Gaussian numbers of mean square one."""
    return rng.standard_normal((*shape, 2)).view(complex)[..., 0] / math.sqrt(2)


def light(rows: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Return the light on the target of each row."""
    return np.abs((rows * inputs).sum(axis=1)) ** 2


def check_mean(values: np.ndarray, expected: float) -> None:
    """Compare a mean with its law within four standard errors, which must be below 3 % to be worth it."""
    error = values.std() / math.sqrt(len(values))
    assert error < 0.03 * expected
    assert abs(values.mean() - expected) < 4 * error


@pytest.mark.parametrize("noise", [0.0, 0.25, 1.0])
def test_l30_enhancement_of_each_modulation(rng: np.random.Generator, noise: float) -> None:
    inputs, targets = 96, 8000
    rows = gaussian(rng, targets, inputs)
    seen = rows + math.sqrt(noise) * gaussian(rng, targets, inputs)
    conjugate = seen.conj() * math.sqrt(inputs) / np.linalg.norm(seen, axis=1, keepdims=True)
    signs = np.where(seen.real > 0, 1.0, -1.0)
    for modulation, pattern in (("conjugate", conjugate), ("phase", phase_focus(seen)), ("binary_phase", signs)):
        eta = expected_enhancement(inputs, modulation=modulation, reference="all_on", relative_error=noise)
        # The norm of a row, which "conjugate" divides by, takes of order 1/N of it.
        check_mean(light(rows, pattern) / inputs * (1 if modulation != "conjugate" else 1 + noise / inputs / 2), eta)
    on = light(rows, binary_focus(seen, phase=0.7))
    check_mean(on / inputs, expected_enhancement(inputs, reference="all_on", relative_error=noise))
    check_mean(on / (inputs / 2), expected_enhancement(inputs, reference="half_on", relative_error=noise))


def test_focus_has_the_phase_that_is_asked_for(rng: np.random.Generator) -> None:
    rows = gaussian(rng, 500, 90)
    phases = np.angle((rows * binary_focus(rows, phase=0.7)).sum(axis=1))
    # The field across the phase has the variance N/4 about a mean of N / (2 sqrt(pi)): 0.19 rad rms.
    assert phases.mean() == pytest.approx(0.7, abs=4 * 0.19 / math.sqrt(500))


def test_l30_reference_of_half_the_mirrors_doubles_the_enhancement() -> None:
    assert expected_enhancement(256) == pytest.approx(1 + 255 / (2 * math.pi))
    assert expected_enhancement(256, reference="all_on") == pytest.approx(0.5 + 255 / (4 * math.pi))
    assert expected_enhancement(256, modulation="phase", reference="all_on") == pytest.approx(201.28, abs=0.005)


def test_l30_uneven_illumination(rng: np.random.Generator) -> None:
    inputs = 80
    amplitudes = rng.uniform(0, 2, inputs)
    rows = gaussian(rng, 8000, inputs) * amplitudes
    for modulation, pattern in (("phase", phase_focus(rows)), ("binary_amplitude", binary_focus(rows))):
        eta = expected_enhancement(inputs, modulation=modulation, reference="all_on", amplitudes=amplitudes)
        check_mean(light(rows, pattern) / (amplitudes**2).sum(), eta)


def test_l30_static_light_adds_to_focus_and_reference(rng: np.random.Generator) -> None:
    inputs, share = 60, 0.2
    rows, static = gaussian(rng, 8000, inputs), math.sqrt(share * inputs) * gaussian(rng, 8000)
    focus = np.abs((rows * binary_focus(rows)).sum(axis=1) + static) ** 2
    check_mean(focus / (inputs * (0.5 + share)), expected_enhancement(inputs, static_share=share))


@pytest.mark.parametrize("reference", ["all_on", "half_on"])
def test_l30_off_state_light_is_coherent_with_the_focus(rng: np.random.Generator, reference: str) -> None:
    inputs, off = 40, 0.15
    rows = gaussian(rng, 8000, inputs)
    on = np.ones((8000, inputs)) if reference == "all_on" else rng.random((8000, inputs)) < 0.5
    compared = light(rows, on + off).mean()
    law = {"all_on": (1 + off) ** 2, "half_on": 0.5 + off + off**2}[reference]
    assert compared == pytest.approx(inputs * law, rel=4 / math.sqrt(8000))
    expected = expected_enhancement(inputs, reference=reference, off_amplitude=off)
    check_mean(light(rows, binary_focus(rows) + off) / (inputs * law), expected)


def test_l30_error_of_a_measured_row_is_what_its_correlation_says(rng: np.random.Generator) -> None:
    rows = gaussian(rng, 50, 400)
    noise = rng.uniform(0.3, 0.9, (50, 1))
    seen = rows + noise * gaussian(rng, 50, 400)
    error = relative_error(seen, standard_error=noise)
    correlation = abs(np.vdot(rows, seen)) / np.linalg.norm(rows) / np.linalg.norm(seen)
    assert correlation == pytest.approx(1 / math.sqrt(1 + error), rel=4 / math.sqrt(2 * rows.size))


def test_l30_brightest_binary_focus_is_the_best_of_all_patterns(rng: np.random.Generator) -> None:
    rows, static = gaussian(rng, 40, 9), 2 * gaussian(rng, 40)
    every = np.array(list(itertools.product([False, True], repeat=9)))
    for offset in (np.zeros(40, complex), static):
        best = np.abs(every @ rows.T + offset).max(axis=0)
        found = best_binary_focus(rows, static=offset)
        np.testing.assert_allclose(np.abs((rows * found).sum(axis=1) + offset), best, rtol=1e-12)
    found = best_binary_focus(rows)
    np.testing.assert_allclose(light(rows, found), np.abs(every @ rows.T).max(axis=0) ** 2, rtol=1e-12)


def test_l30_best_phase_of_the_focus_is_worth_a_quarter_at_256_inputs(rng: np.random.Generator) -> None:
    rows = gaussian(rng, 3000, 256)
    fixed, best = light(rows, binary_focus(rows)), light(rows, best_binary_focus(rows))
    # Measured 1.241 with the best of 64 phases (law L30); all phases add less than 0.5 %. Ratio of means: 0.7 % error.
    assert best.mean() / fixed.mean() == pytest.approx(1.243, rel=4 * 0.005)


def test_l55_row_phase_and_conjugation_do_not_matter_to_binary_patterns(rng: np.random.Generator) -> None:
    rows = gaussian(rng, 4000, 70)
    turned = rows.conj() * np.exp(2j * np.pi * rng.random((4000, 1)))
    np.testing.assert_array_equal(binary_focus(rows.conj(), phase=0.4), binary_focus(rows, phase=-0.4))
    np.testing.assert_allclose(light(rows, best_binary_focus(turned)), light(rows, best_binary_focus(rows)), rtol=1e-9)
    check_mean(light(rows, binary_focus(turned)) / 35, expected_enhancement(70))
    # Phases double where they should cancel.
    check_mean(light(rows, phase_focus(rows.conj())) / 70, 1.0)


def camera_enhancement(bench: SimulatedBench, matrix: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Return the mean enhancement of foci on all pixels, and its standard error, from noisy 8-bit frames."""
    half = rng.random((300, bench.layout.inputs)) < 0.5
    frames = []
    # Speckle that is 20 times brighter than its mean, and foci of twice theirs, do not saturate.
    for patterns, exposure_time in ((half, 4e-4), (binary_focus(matrix, phase=1.0), 1.5e-4)):
        bench.exposure_time = exposure_time
        counts = bench.expose(patterns).counts
        frames.append(light_from_counts(counts, bench.camera, exposure_time=bench.exposure_time))
    result = measured_enhancement(frames[1], frames[0], targets=np.arange(len(matrix)))
    assert result.valid.all()
    return result.mean, result.mean_standard_error


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_l30_foci_through_the_noisy_camera(
    description: BenchDescription, rng: np.random.Generator, noise: float
) -> None:
    inputs, differences, variances = description.layout.inputs, [], []
    for seed in range(4):
        bench = SimulatedBench(description, seed=int(rng.integers(1000)) + seed)
        switched, static = bench.truth.light.switched, bench.truth.light.static
        rows = bench.truth.matrix()
        error = math.sqrt(noise * np.mean(np.abs(rows) ** 2))
        seen = rows + error * gaussian(rng, *rows.shape)
        mean, standard_error = camera_enhancement(bench, seen, rng)
        off = float(np.mean(np.abs(static[:-1] / switched[:-1])))
        expected = expected_enhancement(
            inputs, relative_error=relative_error(seen, standard_error=error), off_amplitude=off,
            static_share=float(np.abs(static[-1]) ** 2 / np.sum(np.abs(switched[:-1]) ** 2)),
        )  # fmt: skip
        assert off == pytest.approx(1 / (math.sqrt(description.dmd.contrast_ratio) - 1), rel=1e-4)
        differences.append(mean - expected)
        variances.append(standard_error**2)
    # Four benches together know the enhancement to 1 %; off-state light taken as incoherent would be 6 % off.
    assert math.sqrt(sum(variances)) / 4 < 0.015 * expected
    assert abs(sum(differences)) < 4 * math.sqrt(sum(variances))


def test_l30_sum_of_an_image_is_a_focus_shared(rng: np.random.Generator) -> None:
    wanted, inputs = np.array([1.0, 2.0, 0.0, 0.5, 1.5]), 120
    scales = np.array([0.5, 3.0, 1.0, 0.2, 1.0])  # throughput differs from pixel to pixel
    seen = np.zeros((2000, 5))
    for run in range(len(seen)):
        rows = gaussian(rng, 5, inputs)
        # Rows known up to a phase and a conjugation, as intensities leave them.
        known = np.where(rng.random((5, 1)) < 0.5, rows, rows.conj()) * np.exp(2j * np.pi * rng.random((5, 1)))
        pattern = projection_pattern(known * scales[:, np.newaxis], wanted, rng=rng)
        seen[run] = np.abs(rows @ pattern) ** 2 / (inputs / 2)
    expected = expected_projection(wanted, inputs=inputs)
    assert (expected - 1).sum() == pytest.approx(expected_enhancement(inputs) - 1)
    # Few targets among 120 inputs: the law neglects 1/N of the background.
    error = seen.std(axis=0) / math.sqrt(len(seen))
    assert np.all(np.abs(seen.mean(axis=0) - expected) < 4 * error + expected / inputs)


@pytest.mark.parametrize("noise", [0.1, 1.0, 4.0])
def test_objects_come_back_with_the_errors_that_are_quoted(rng: np.random.Generator, noise: float) -> None:
    outputs, inputs, frames = 140, 80, 500
    matrix = gaussian(rng, outputs, inputs)
    objects = rng.random((frames, inputs)) < 0.5
    fields = objects @ matrix.T + noise * gaussian(rng, frames, outputs)
    inverse = recover_object(fields, matrix, field_variance=noise**2)
    scatter = np.sqrt(np.mean((inverse.value - objects) ** 2, axis=0))
    # Relative error of a rms over the frames of all inputs: 1/sqrt(2 F N), and 5 % for the bench's purposes.
    quoted = np.sqrt(np.mean(inverse.standard_error**2))
    assert np.sqrt(np.mean(scatter**2)) == pytest.approx(quoted, rel=4 / math.sqrt(2 * objects.size) + 0.003)
    assert np.corrcoef(scatter, inverse.standard_error)[0, 1] > 0.1 or noise == 4.0
    if noise < 1:
        law = noise / math.sqrt(2 * outputs - inputs - 1)
        # Inverse Wishart: one matrix scatters by about 1/sqrt(N (2 M - N)) of its mean.
        assert quoted == pytest.approx(law, rel=4 / math.sqrt(inputs * (2 * outputs - inputs)) + 0.01)
        np.testing.assert_array_equal(inverse.states, objects)


def test_errors_of_the_matrix_count_as_noise_of_the_fields(rng: np.random.Generator) -> None:
    outputs, inputs, frames, runs, noise = 150, 24, 30, 60, 0.15
    squares, quoted = [], []
    for _ in range(runs):
        matrix, objects = gaussian(rng, outputs, inputs), rng.random((frames, inputs)) < 0.5
        seen = matrix + noise * gaussian(rng, outputs, inputs)
        inverse = recover_object(objects @ matrix.T, seen, field_variance=0.0, matrix_variance=noise**2)
        squares.append(np.mean((inverse.value - objects) ** 2))
        quoted.append(np.mean(inverse.standard_error**2))
    # One error of the matrix spoils all frames of a run alike, through their mean.
    assert np.mean(squares) == pytest.approx(np.mean(quoted), abs=4 * np.std(squares) / math.sqrt(runs))
    assert np.std(squares) < 0.3 * np.mean(squares)


@pytest.mark.parametrize("noise", [0.0, 4.0, 400.0])
def test_objects_by_phase_conjugation_have_crosstalk(rng: np.random.Generator, noise: float) -> None:
    outputs, inputs, frames = 400, 90, 400
    matrix = gaussian(rng, outputs, inputs)
    objects = rng.choice([-1.0, 1.0], (frames, inputs))
    fields = objects @ matrix.T + math.sqrt(noise) * gaussian(rng, frames, outputs)
    seen = conjugated_object(fields, matrix, field_variance=noise, mean_square=1.0)
    rms = np.sqrt(np.mean((seen.value - objects) ** 2))
    law = math.sqrt((inputs - 1) / (2 * outputs) + noise / (2 * outputs))
    assert rms == pytest.approx(np.sqrt(np.mean(seen.standard_error**2)), rel=4 / math.sqrt(2 * objects.size) + 0.01)
    # The crosstalk of one matrix: N (N - 1) / 2 products, each squared.
    assert rms == pytest.approx(law, rel=4 / math.sqrt(inputs * (inputs - 1)) + 4 / math.sqrt(2 * objects.size))


def test_objects_are_recovered_beyond_one_output_for_two_inputs_only(rng: np.random.Generator) -> None:
    inputs = 60
    objects = rng.random((100, inputs)) < 0.5
    right = []
    for outputs in (20, 40):
        matrix = gaussian(rng, outputs, inputs)
        right.append((recover_object(objects @ matrix.T, matrix, field_variance=1e-6).states == objects).mean())
    assert right[0] < 0.95
    assert right[1] == 1


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_l27_spectrum_of_independent_entries_with_noise(rng: np.random.Generator, noise: float) -> None:
    outputs, inputs, runs = 120, 50, 60
    spectra = [
        matrix_spectrum(
            gaussian(rng, outputs, inputs) + math.sqrt(noise) * gaussian(rng, outputs, inputs),
            standard_error=math.sqrt(noise),
        )
        for _ in range(runs)
    ]
    moments = np.array([spectrum.second_moment for spectrum in spectra])
    assert abs(moments.mean() - (1 + inputs / outputs)) < 4 * moments.std() / math.sqrt(runs)
    # The scatter of one matrix is the standard error that is quoted, sqrt(2) (1 + s)^2 / M.
    assert moments.std() == pytest.approx(spectra[0].standard_error, rel=4 / math.sqrt(2 * runs))
    assert max(spectrum.distance for spectrum in spectra) < 2 * math.log(inputs) / inputs
    assert np.median([spectrum.effective_outputs for spectrum in spectra]) == pytest.approx(outputs, rel=0.15)


def test_l27_noise_is_taken_off_the_second_moment_of_any_matrix(rng: np.random.Generator) -> None:
    outputs, inputs, noise = 300, 100, 0.7
    matrix = gaussian(rng, outputs, inputs) + 0.3 * gaussian(rng, outputs, 1) @ gaussian(rng, 1, inputs)
    true = matrix_spectrum(matrix).second_moment
    seen = np.array([
        matrix_spectrum(matrix + math.sqrt(noise) * gaussian(rng, outputs, inputs), standard_error=math.sqrt(noise))
        .second_moment
        for _ in range(30)
    ])  # fmt: skip
    assert true > 1.25 + inputs / outputs
    assert abs(seen.mean() - true) < 4 * seen.std() / math.sqrt(30) + 2 / outputs
    spectrum = matrix_spectrum(matrix)
    assert spectrum.deviation > 20
    assert spectrum.effective_outputs < outputs / 2


@pytest.mark.parametrize("ratio", [0.2, 1.0, 2.5])
def test_l23_density_integrates_to_the_share(ratio: float) -> None:
    edges = (1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2
    nodes, weights = np.polynomial.legendre.leggauss(400)
    for upper in (0.5 * sum(edges), edges[1]):
        # With l = low + (upper - low) u^2 the density is smooth at its lower edge, even where that is zero.
        unit = (nodes + 1) / 2
        squares = edges[0] + (upper - edges[0]) * unit**2
        inside = marchenko_pastur_density(squares, aspect_ratio=ratio) @ (weights * unit * (upper - edges[0]))
        share = marchenko_pastur_share(upper, aspect_ratio=ratio)
        assert share == pytest.approx(inside + max(0, 1 - 1 / ratio), abs=2e-5)
    assert marchenko_pastur_share(1.0, aspect_ratio=1.0) == pytest.approx(
        1 / 3 + math.sqrt(3) / (2 * math.pi), abs=1e-6
    )


def test_l23_spectrum_of_a_wide_matrix(rng: np.random.Generator) -> None:
    spectrum = matrix_spectrum(gaussian(rng, 60, 150))
    assert len(spectrum.singular_values) == 60
    assert spectrum.distance < 2 * math.log(60) / 60
    assert abs(spectrum.deviation) < 4
