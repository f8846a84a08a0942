"""Laws L22, L23 and L26: the entries, the spectrum and the norm of a Gaussian transmission matrix."""

import numpy as np
import pytest
from scipy.stats import kstest

from optics import GaussianMedium


def matrix(*, outputs: tuple[int, int], inputs: int, seed: int, fraction: float = 0.01) -> np.ndarray:
    """A matrix scaled to entries of unit variance, in double precision."""
    medium = GaussianMedium(
        input_positions=np.zeros((inputs, 2)), output_shape=outputs, output_pitch=5e-6, collected_fraction=fraction,
        seed=seed,
    )  # fmt: skip
    scale = np.sqrt(outputs[0] * outputs[1] / fraction)
    return medium.matrix(0.0).astype(np.complex128) * scale


def test_l22_entries_are_circular_gaussian_of_the_stated_variance() -> None:
    t = matrix(outputs=(50, 40), inputs=300, seed=1).ravel()
    n = t.size
    assert abs(t.mean()) < 3.1 / np.sqrt(n)
    assert abs((t**2).mean()) < 3.1 * np.sqrt(2 / n)
    power = np.abs(t) ** 2
    assert power.mean() == pytest.approx(1, abs=4 / np.sqrt(n))
    assert (power**2).mean() / power.mean() ** 2 == pytest.approx(2, abs=4 * np.sqrt(4 / n))
    assert kstest(t.real * np.sqrt(2), "norm").statistic < 2.28 / np.sqrt(n)
    assert kstest(t.imag * np.sqrt(2), "norm").statistic < 2.28 / np.sqrt(n)


def test_l22_intensity_of_any_binary_input_is_exponential(rng: np.random.Generator) -> None:
    t = matrix(outputs=(200, 150), inputs=64, seed=2)
    x = rng.random(64) < 0.5
    intensity = np.abs(t @ x) ** 2 / x.sum()
    assert intensity.mean() == pytest.approx(1, abs=4 / np.sqrt(t.shape[0]))
    assert kstest(intensity, "expon").statistic < 2.28 / np.sqrt(t.shape[0])


@pytest.mark.parametrize(("outputs", "inputs"), [((25, 32), 200), ((20, 15), 150)])
def test_l23_spectrum_has_the_moments_of_marchenko_and_pastur(outputs: tuple[int, int], inputs: int) -> None:
    # <lambda^2> = 1 + gamma and <lambda^3> = 1 + 3 gamma + gamma^2 + 1/M^2 with lambda the eigenvalues of
    # T^H T / M: exact at finite size. The standard error comes from 40 matrices.
    rows = outputs[0] * outputs[1]
    gamma = inputs / rows
    moments = []
    for seed in range(40):
        t = matrix(outputs=outputs, inputs=inputs, seed=100 + seed)
        values = np.linalg.eigvalsh(t.conj().T @ t / rows)
        moments.append([np.mean(values**2), np.mean(values**3)])
    mean, error = np.mean(moments, axis=0), np.std(moments, axis=0, ddof=1) / np.sqrt(40)
    assert abs(mean[0] - (1 + gamma)) < 4 * error[0]
    assert abs(mean[1] - (1 + 3 * gamma + gamma**2 + 1 / rows**2)) < 4 * error[1]


def test_l26_frobenius_norm_has_the_relative_spread_of_its_entries() -> None:
    norms = np.array([np.mean(np.abs(matrix(outputs=(9, 7), inputs=50, seed=seed)) ** 2) for seed in range(400)])
    entries = 9 * 7 * 50
    assert norms.mean() == pytest.approx(1, abs=4 / np.sqrt(entries * 400))
    assert norms.std() * np.sqrt(entries) == pytest.approx(1, abs=4 / np.sqrt(2 * 400))
