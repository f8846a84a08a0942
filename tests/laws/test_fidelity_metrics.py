"""Laws L66 to L70: what a correlation says of noise, what each metric is blind to, and what chance reaches."""

import numpy as np
import pytest
from scipy.stats import norm

from calibration import cosine, intensity_correlation, noise_to_signal, normalised_error, signal_to_noise_db
from calibration.fidelities.effective_bits import (
    effective_number_of_bits,
    gaussian_quantiser_error,
    information_bits,
    sine_quantiser_snr_db,
    uniform_quantiser_snr_db,
)
from calibration.fidelities.repeatability import (
    averaged_correlation,
    fidelity_from_repeats,
    in_sample_error,
    prediction_error,
)
from calibration.fidelity import chance_of_correlation, expected_correlation, null_correlation
from calibration.matrices.row_ambiguity import AMBIGUITIES, conjugated_level, matrix_correlation, null_level

N = 200_000


def speckle(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


@pytest.mark.parametrize("s", [0.05, 0.5])
def test_l66_additive_noise_of_variance_s_gives_all_metrics(rng: np.random.Generator, s: float) -> None:
    field = speckle(rng, N)
    noisy = (2 - 3j) * (field + np.sqrt(s) * speckle(rng, N))
    rho = float(cosine(noisy, field))
    assert rho == pytest.approx(1 / np.sqrt(1 + s), abs=4 * s * (1 + s) ** -1.5 * np.sqrt((s + 1) / (2 * N)))
    assert float(normalised_error(noisy, field)) == pytest.approx(s / (1 + s), rel=4 * np.sqrt(2 / N))
    assert float(noise_to_signal(rho)) == pytest.approx(s, rel=4 * np.sqrt(2 / N) * (1 + s))
    assert float(signal_to_noise_db(rho)) == pytest.approx(-10 * np.log10(s), abs=4 * 4.34 * np.sqrt(2 / N) * (1 + s))
    pearson = float(intensity_correlation(7 * np.abs(noisy) ** 2 + 100, np.abs(field) ** 2))
    # 40 blocks give the standard error of the correlation of exponential intensities.
    blocks = intensity_correlation(np.abs(noisy.reshape(40, -1)) ** 2, np.abs(field.reshape(40, -1)) ** 2)
    assert pearson == pytest.approx(1 / (1 + s), abs=4 * blocks.std(ddof=1) / np.sqrt(40))
    assert float(expected_correlation(s)) == pytest.approx(1 / np.sqrt(1 + s))
    # The mean is not removed: (1 + rho^2) / 2, never below a half.
    bare = cosine(np.abs(noisy.reshape(40, -1)) ** 2, np.abs(field.reshape(40, -1)) ** 2)
    assert bare.mean() == pytest.approx((1 + 1 / (1 + s)) / 2, abs=4 * bare.std(ddof=1) / np.sqrt(40) + 40 / N)


def test_cosine_of_real_vectors_keeps_its_sign_and_takes_batches(rng: np.random.Generator) -> None:
    a = rng.standard_normal((3, 4, 50))
    assert cosine(a, -2.5 * a) == pytest.approx(-np.ones((3, 4)))
    assert cosine(a, a.astype(np.float32)) == pytest.approx(np.ones((3, 4)), abs=1e-7)
    centred = a[0, 0] - a[0, 0].mean()
    shifted = np.roll(centred, 1)
    assert cosine(centred, shifted) == pytest.approx(np.corrcoef(np.stack([centred, shifted]))[0, 1])


def test_cosine_with_a_zero_vector_is_undefined() -> None:
    assert np.isnan(cosine(np.zeros(5), np.ones(5)))


@pytest.mark.parametrize("n", [8, 64])
def test_l67_unrelated_complex_vectors_follow_a_beta_law(rng: np.random.Generator, n: int) -> None:
    trials = 20_000
    rho = cosine(speckle(rng, trials, n), speckle(rng, trials, n))
    # Beta(1, n - 1) has the mean 1 / n and the variance (n - 1) / (n^2 (n + 1)).
    assert np.mean(rho**2) == pytest.approx(1 / n, abs=4 * np.sqrt((n - 1) / (n**2 * (n + 1)) / trials))
    assert rho.mean() == pytest.approx(null_correlation(n), abs=4 * rho.std() / np.sqrt(trials))
    assert null_correlation(n) == pytest.approx(np.sqrt(np.pi / (4 * n)), rel=1 / (4 * n))
    # P(rho^2 > x) = (1 - x)^(n - 1).
    for level in (0.5 / np.sqrt(n), 1.5 / np.sqrt(n)):
        chance = float(chance_of_correlation(level, outputs=n))
        assert chance == pytest.approx((1 - level**2) ** (n - 1))
        assert np.mean(rho > level) == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / trials))


@pytest.mark.parametrize("n", [3, 8, 64])
def test_l67_unrelated_real_vectors_follow_a_beta_law(rng: np.random.Generator, n: int) -> None:
    trials = 20_000
    rho = np.abs(cosine(rng.standard_normal((trials, n)), rng.standard_normal((trials, n))))
    # Beta(1/2, (n - 1) / 2) has the mean 1 / n and the variance 2 (n - 1) / (n^2 (n + 2)).
    assert np.mean(rho**2) == pytest.approx(1 / n, abs=4 * np.sqrt(2 * (n - 1) / (n**2 * (n + 2)) / trials))
    assert rho.mean() == pytest.approx(null_correlation(n, real=True), abs=4 * rho.std() / np.sqrt(trials))
    for level in (0.5 / np.sqrt(n), 1.5 / np.sqrt(n)):
        chance = float(chance_of_correlation(-level, outputs=n, real=True))
        assert np.mean(rho > level) == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / trials))


def test_l67_of_three_real_entries_the_cosine_is_uniform() -> None:
    # Archimedes: heights on a sphere are uniform, so P(|cos| > x) = 1 - x and the mean is 1/2.
    assert chance_of_correlation([0.1, 0.7], outputs=3, real=True) == pytest.approx([0.9, 0.3])
    assert null_correlation(3, real=True) == pytest.approx(0.5)


@pytest.mark.parametrize("ambiguity", ["phase", "phase and conjugation", "complex factor"])
def test_l68_noise_lowers_the_correlation_that_is_blind_to_rows(rng: np.random.Generator, ambiguity: str) -> None:
    outputs, inputs, s = 400, 100, 0.3
    truth = speckle(rng, outputs, inputs)
    factor = np.exp(2j * np.pi * rng.random((outputs, 1)))
    if ambiguity == "complex factor":
        factor *= rng.exponential(size=(outputs, 1)) + 0.1
    noisy = factor * (truth + np.sqrt(s) * speckle(rng, outputs, inputs))
    if "conjugation" in ambiguity:
        noisy[::3] = noisy[::3].conj()
    # Standard error of L66 for outputs x inputs entries; the fitted phase adds at most s / (4 N), relatively, and
    # rows that count alike leave O(1 / N): a row's cosine is 1 / sqrt(1 + s) less up to s / (2 N).
    error = 4 * s * (1 + s) ** -1.5 * np.sqrt((s + 1) / (2 * outputs * inputs))
    found = matrix_correlation(noisy, truth, ambiguity=ambiguity)
    assert found == pytest.approx(1 / np.sqrt(1 + s), abs=error + s / (2 * inputs))
    # The plain metric falls to that of a vector of M entries, sqrt(pi / (4 M)): here anything up to 4 of that.
    assert matrix_correlation(noisy, truth, ambiguity="gain") < 4 * np.sqrt(np.pi / (4 * outputs))


@pytest.mark.parametrize("ambiguity", AMBIGUITIES)
def test_l68_null_level_of_unrelated_matrices(rng: np.random.Generator, ambiguity: str) -> None:
    outputs, inputs, trials = 60, 100, 50
    scores = [
        matrix_correlation(speckle(rng, outputs, inputs), speckle(rng, outputs, inputs), ambiguity=ambiguity)
        for _ in range(trials)
    ]
    level = null_level(inputs=inputs, outputs=outputs, ambiguity=ambiguity)
    # 4 standard errors; with conjugation 1.293 holds up to O(1 / N), and the norms of finite matrices add 1 / (M N).
    bound = 4 * np.std(scores, ddof=1) / np.sqrt(trials) + level / inputs
    assert np.mean(scores) == pytest.approx(level, abs=bound)
    if ambiguity.startswith("phase"):
        factor = 2 - 1 / np.sqrt(2) if "conjugation" in ambiguity else 1.0
        assert level == pytest.approx(factor * np.sqrt(np.pi / (4 * inputs)), rel=1 / (4 * inputs))


def test_l68_perfect_rows_that_are_conjugated_score_as_badly_as_chance(rng: np.random.Generator) -> None:
    outputs, inputs = 500, 100
    truth = speckle(rng, outputs, inputs)
    # |sum of t^2| is Rayleigh with the mean square 2 N: relative spread sqrt(4 / pi - 1), and O(N^(-3/2)).
    level = conjugated_level(inputs=inputs)
    bound = 4 * level * np.sqrt((4 / np.pi - 1) / outputs) + inputs**-1.5
    assert matrix_correlation(truth.conj(), truth, ambiguity="phase") == pytest.approx(level, abs=bound)
    assert matrix_correlation(truth.conj(), truth, ambiguity="phase and conjugation") == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("bits", "expected"), [(1, 6.4443), (6, 37.612), (10, 61.897)])
def test_l69_end_bins_lower_the_rule_of_a_full_scale_sine(rng: np.random.Generator, bits: int, expected: float) -> None:
    samples, step = 400_000, 2.0 ** (1 - bits)
    signal = np.sin(2 * np.pi * rng.random(samples))
    counts = np.clip(np.floor(signal / step), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    error = signal - (counts + 0.5) * step
    snr = 10 * np.log10(np.mean(signal**2) / np.mean(error**2))
    # 6 and 10 bits from the law's table; 1 bit by hand, the error |sin| - 1/2 has the mean square 3/4 - 2/pi.
    assert sine_quantiser_snr_db(bits) == pytest.approx(expected, abs=6e-4)
    assert snr == pytest.approx(sine_quantiser_snr_db(bits), abs=4 * 4.34 * np.sqrt(2 / samples))


def test_l69_uniform_signal_gets_6_db_a_bit(rng: np.random.Generator) -> None:
    samples, bits = 400_000, 6
    signal = rng.uniform(-1, 1, samples)
    error = signal - (np.floor(signal * 2 ** (bits - 1)) + 0.5) / 2 ** (bits - 1)
    snr = 10 * np.log10(np.mean(signal**2) / np.mean(error**2))
    assert snr == pytest.approx(uniform_quantiser_snr_db(bits), abs=4 * 4.34 * np.sqrt(2 / samples))
    assert uniform_quantiser_snr_db(bits) == pytest.approx(36.124, abs=5e-4)


def test_l69_a_cosine_of_099_in_both_kinds_of_bits() -> None:
    s = noise_to_signal(0.99)
    assert float(s) == pytest.approx(0.0203, abs=5e-5)
    assert float(signal_to_noise_db(0.99)) == pytest.approx(16.92, abs=5e-3)
    assert float(effective_number_of_bits(s)) == pytest.approx(2.519, abs=5e-4)
    assert float(information_bits(s)) == pytest.approx(2.826, abs=5e-4)
    # The end bins vanish with the bits: a quantised sine is worth the bits that quantised it.
    assert float(effective_number_of_bits(10 ** (-sine_quantiser_snr_db(24) / 10))) == pytest.approx(24, abs=1e-3)


@pytest.mark.parametrize(("bits", "error"), [(1, 0.36338), (2, 0.11748), (3, 0.034548)])
def test_l69_best_quantiser_of_a_gaussian(rng: np.random.Generator, bits: int, error: float) -> None:
    assert gaussian_quantiser_error(bits) == pytest.approx(error, rel=2e-5)
    # The same from samples: Lloyd's own iteration, on a grid of the law (mid-quantiles of 20 000 samples).
    samples = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    levels = np.linspace(-1.5, 1.5, 2**bits)
    for _ in range(200):
        cell = np.searchsorted((levels[1:] + levels[:-1]) / 2, samples)
        levels = np.bincount(cell, samples) / np.bincount(cell)
    assert float(cosine(levels[cell], samples)) == pytest.approx(np.sqrt(1 - error), abs=1e-4)


def test_l69_many_levels_follow_the_law_of_panter_and_dite() -> None:
    # Fine quantisation of density f leaves (integral of f^(1/3))^3 / (12 L^2) = pi sqrt(3) / (2 L^2), from below.
    for bits in (6, 7, 8):
        limit = np.pi * np.sqrt(3) / 2 * 4.0**-bits
        assert limit * (1 - 2.0 ** (2 - bits)) < gaussian_quantiser_error(bits) < limit


@pytest.mark.parametrize("s", [0.2, 1.0])
def test_l70_two_repeats_tell_the_fidelity_of_each(rng: np.random.Generator, s: float) -> None:
    field = speckle(rng, N)
    repeats = field + np.sqrt(s) * speckle(rng, 8, N)
    found = float(cosine(repeats[0], repeats[1]))
    assert found == pytest.approx(1 / (1 + s), abs=4 / np.sqrt(2 * N))
    # d sqrt(r) = dr / (2 sqrt(r)).
    single = float(cosine(repeats[0], field))
    assert float(fidelity_from_repeats(found)) == pytest.approx(single, abs=8 / np.sqrt(2 * N) * np.sqrt(1 + s))
    # k averages: s / k in the error of L66.
    average = float(cosine(repeats.mean(axis=0), field))
    error = s / 8 * (1 + s / 8) ** -1.5 * np.sqrt((s / 8 + 1) / (2 * N))
    assert float(averaged_correlation(1 / np.sqrt(1 + s), repeats=8)) == pytest.approx(average, abs=4 * error)
    assert float(averaged_correlation(1 / np.sqrt(1 + s), repeats=8)) == pytest.approx(1 / np.sqrt(1 + s / 8))


@pytest.mark.parametrize("real", [False, True])
def test_l70_a_fitted_row_flatters_its_own_samples(rng: np.random.Generator, real: bool) -> None:
    # Few samples where inputs are real: N / (n - N - 1) and N / (n - N) differ by a tenth there.
    samples, unknowns, fits = (22, 11, 2000) if real else (120, 40, 100)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape) if real else speckle(rng, *shape)

    inside, outside = [], []
    for _ in range(fits):
        inputs, noise, fresh = draw(samples, unknowns), draw(samples), draw(samples, unknowns)
        error = np.linalg.lstsq(inputs, noise, rcond=None)[0]  # what noise of variance 1 does to the row
        inside.append(np.mean(np.abs(noise - inputs @ error) ** 2))
        outside.append(np.mean(np.abs(fresh @ error) ** 2))
    for seen, expected in (
        (inside, in_sample_error(unknowns, samples)),
        (outside, prediction_error(unknowns, samples, real=real)),
    ):
        assert np.mean(seen) == pytest.approx(expected, abs=4 * np.std(seen, ddof=1) / np.sqrt(fits))
    assert in_sample_error(40, 120) == pytest.approx(2 / 3)
    assert prediction_error(40, 120) == pytest.approx(0.5)
