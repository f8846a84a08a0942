"""Law L66: what a correlation says of noise, and what each metric is blind to."""

import numpy as np
import pytest

from calibration import cosine, intensity_correlation, noise_to_signal, normalised_error, signal_to_noise_db

N = 200_000


def speckle(rng: np.random.Generator) -> np.ndarray:
    return (rng.standard_normal(N) + 1j * rng.standard_normal(N)) / np.sqrt(2)


@pytest.mark.parametrize("s", [0.05, 0.5])
def test_l66_additive_noise_of_variance_s_gives_all_metrics(rng: np.random.Generator, s: float) -> None:
    field = speckle(rng)
    noisy = (2 - 3j) * (field + np.sqrt(s) * speckle(rng))
    rho = float(cosine(noisy, field))
    assert rho == pytest.approx(1 / np.sqrt(1 + s), abs=4 * s * (1 + s) ** -1.5 * np.sqrt((s + 1) / (2 * N)))
    assert float(normalised_error(noisy, field)) == pytest.approx(s / (1 + s), rel=4 * np.sqrt(2 / N))
    assert float(noise_to_signal(rho)) == pytest.approx(s, rel=4 * np.sqrt(2 / N) * (1 + s))
    assert float(signal_to_noise_db(rho)) == pytest.approx(-10 * np.log10(s), abs=4 * 4.34 * np.sqrt(2 / N) * (1 + s))
    pearson = float(intensity_correlation(7 * np.abs(noisy) ** 2 + 100, np.abs(field) ** 2))
    # 40 blocks give the standard error of the correlation of exponential intensities.
    blocks = intensity_correlation(np.abs(noisy.reshape(40, -1)) ** 2, np.abs(field.reshape(40, -1)) ** 2)
    assert pearson == pytest.approx(1 / (1 + s), abs=4 * blocks.std(ddof=1) / np.sqrt(40))


def test_cosine_of_real_vectors_keeps_its_sign_and_takes_batches(rng: np.random.Generator) -> None:
    a = rng.standard_normal((3, 4, 50))
    assert cosine(a, -2.5 * a) == pytest.approx(-np.ones((3, 4)))
    assert cosine(a, a.astype(np.float32)) == pytest.approx(np.ones((3, 4)), abs=1e-7)
    assert cosine(a[0, 0], np.roll(a[0, 0], 1)) == pytest.approx(
        np.corrcoef(np.stack([a[0, 0], np.roll(a[0, 0], 1)]))[0, 1], abs=0.1
    )


def test_cosine_with_a_zero_vector_is_undefined() -> None:
    assert np.isnan(cosine(np.zeros(5), np.ones(5)))
