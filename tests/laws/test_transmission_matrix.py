"""Laws L22, L23 and L26: the entries, the spectrum and the norm of a Gaussian transmission matrix."""

import numpy as np
import pytest
from scipy.linalg import eigvalsh
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


def marchenko_pastur_share(values: np.ndarray, *, gamma: float) -> np.ndarray:
    """Share of eigenvalues below each value, by summing the density sqrt((b - l)(l - a)) / (2 pi gamma l)."""
    low, high = (1 - np.sqrt(gamma)) ** 2, (1 + np.sqrt(gamma)) ** 2
    edges = np.linspace(low, high, 200_001)
    middle = (edges[1:] + edges[:-1]) / 2
    density = np.sqrt((high - middle) * (middle - low)) / (2 * np.pi * gamma * middle)
    share = np.concatenate([[0.0], np.cumsum(density) * (edges[1] - edges[0])])
    assert share[-1] == pytest.approx(1, abs=1e-6)
    return np.interp(values, edges, share)


def distance_to_marchenko_pastur(t: np.ndarray, *, gamma: float) -> float:
    """Largest distance between the distribution of the eigenvalues of T^H T / M and the law."""
    values = np.linalg.eigvalsh(t.conj().T @ t / len(t))
    return float(kstest(values, lambda x: marchenko_pastur_share(x, gamma=gamma)).statistic)


def test_l23_one_spectrum_is_rigid() -> None:
    # Eigenvalues repel: counts stray by about ln(N) / pi, where independent values would by sqrt(N). 2 ln(N) / N is
    # 0.053 and below the 1.36 / sqrt(N) = 0.096 of the usual test.
    inputs, outputs = 200, (25, 32)
    bound = 2 * np.log(inputs) / inputs
    distances = []
    for seed in range(8):
        t = matrix(outputs=outputs, inputs=inputs, seed=900 + seed)
        distances.append(distance_to_marchenko_pastur(t, gamma=0.25))
        # Sharp enough to tell a third more inputs, or a tenth more light, from what there is.
        assert distance_to_marchenko_pastur(t, gamma=0.33) > bound
        assert distance_to_marchenko_pastur(1.05 * t, gamma=0.25) > bound
    assert max(distances) < bound
    assert np.mean(distances) < bound / 3


def test_l23_a_square_matrix_is_passive_up_to_a_quarter_of_the_light() -> None:
    # s_max^2 = eta_c lambda_max with the mean of Tracy and Widom at N = M = 400: it reaches 1 at eta_c = 0.2552,
    # a little above the 1/4 of an infinite matrix, at which the medium stops.
    size, fraction, count = 400, 0.25, 40
    largest = []
    for seed in range(count):
        t = matrix(outputs=(16, 25), inputs=size, seed=1000 + seed, fraction=fraction) * np.sqrt(fraction / size)
        largest.append(eigvalsh(t.conj().T @ t, subset_by_index=[size - 1, size - 1])[0])
    spread = 2 * np.sqrt(size) * (2 / np.sqrt(size)) ** (1 / 3)
    top = (4 * size - 1.7711 * spread) / size
    assert 1 / top == pytest.approx(0.2552, abs=5e-5)
    standard_error = 0.9018 * spread / size / np.sqrt(count)
    # Corrections of the mean are of N^(-2/3) of the spread about it.
    allowed = (4 * standard_error + size ** (-2 / 3) * spread / size) / top**2
    assert allowed < 0.0019
    assert fraction / np.mean(largest) == pytest.approx(1 / top, abs=allowed)
    with pytest.raises(ValueError, match="is not passive with 400 inputs and 400 outputs"):
        matrix(outputs=(16, 25), inputs=size, seed=1, fraction=0.2552)


def test_l26_frobenius_norm_has_the_relative_spread_of_its_entries() -> None:
    norms = np.array([np.mean(np.abs(matrix(outputs=(9, 7), inputs=50, seed=seed)) ** 2) for seed in range(400)])
    entries = 9 * 7 * 50
    assert norms.mean() == pytest.approx(1, abs=4 / np.sqrt(entries * 400))
    assert norms.std() * np.sqrt(entries) == pytest.approx(1, abs=4 / np.sqrt(2 * 400))
