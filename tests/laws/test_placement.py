"""Law L35: macropixels, étendue, and where consecutive components lie, on matrices drawn here with NumPy alone."""

import numpy as np
import pytest

from optics import Dmd, MacropixelLayout, input_positions, modes_of_band

SIDE = 18
DMD = Dmd(rows=SIDE + 1, columns=SIDE + 3, pitch=10e-6)


def correlation(order: str, *, seed: int = 0) -> np.ndarray:
    """Correlation of the columns of a medium whose columns are alike over 1.2 macropixels, in the order of a layout."""
    layout = MacropixelLayout(
        block_rows=1, block_columns=1, grid_rows=SIDE, grid_columns=SIDE, order=order, order_seed=seed
    )
    places = input_positions(layout, DMD) / 10e-6
    distance = np.linalg.norm(places[:, None] - places, axis=-1)
    return np.exp(-((distance / 1.2) ** 2) / 2)


def drawn(correlated: np.ndarray, rows: int, rng: np.random.Generator) -> np.ndarray:
    """A matrix of circular Gaussian rows whose columns are correlated."""
    values, vectors = np.linalg.eigh(correlated)
    root = vectors * np.sqrt(np.maximum(values, 0))
    white = rng.normal(size=(2, rows, len(root))) / np.sqrt(2)
    return (white[0] + 1j * white[1]) @ root.T


@pytest.mark.parametrize("order", ["raster", "hilbert", "random"])
def test_l35_runs_of_components_see_the_correlation_of_their_places(order: str, rng: np.random.Generator) -> None:
    correlated = correlation(order)
    x = np.zeros(SIDE**2)
    x[50:90] = 1
    matrix = drawn(correlated, 4000, rng)
    law = x @ correlated @ x / 40
    # |Tx|^2 is exponential: its mean over 4000 rows has a relative standard error of 1 / sqrt(4000).
    assert np.mean(np.abs(matrix @ x) ** 2) / 40 == pytest.approx(law, rel=4 / np.sqrt(4000))


def test_l35_hilbert_gathers_correlation_and_random_order_spreads_it() -> None:
    x = np.zeros(SIDE**2)
    x[50:90] = 1
    raster, hilbert = (x @ correlation(order) @ x / 40 for order in ("raster", "hilbert"))
    random = [x @ correlation("random", seed=seed) @ x / 40 for seed in range(200)]
    correlated = correlation("raster")
    mean = (correlated.sum() - SIDE**2) / (SIDE**2 * (SIDE**2 - 1))
    assert np.mean(random) == pytest.approx(1 + 39 * mean, abs=4 * np.std(random) / np.sqrt(200))
    assert hilbert > raster > 2 * np.mean(random)


def test_l35_placement_leaves_the_sum_of_squared_correlations_alone() -> None:
    norms = [np.linalg.norm(correlation(order)) for order in ("raster", "hilbert", "random")]
    assert norms == pytest.approx([norms[0]] * 3, rel=1e-12)


def test_l35_uncorrelated_mirrors_of_a_macropixel_add_in_power(rng: np.random.Generator) -> None:
    columns = rng.normal(size=(2, 9000, 16)) / np.sqrt(2)
    together = np.abs((columns[0] + 1j * columns[1]).sum(axis=1)) ** 2
    assert together.mean() == pytest.approx(16, rel=4 / np.sqrt(9000))


def test_l35_an_aperture_of_few_modes_limits_the_rank(rng: np.random.Generator) -> None:
    # 128 inputs through an aperture that passes K = 40 of the 128 modes of a line, then 300 outputs.
    inputs, modes, outputs = 128, 40, 300
    assert modes_of_band(samples=inputs, half_bandwidth=modes / (2 * inputs)) == pytest.approx(modes)
    passed = np.exp(2j * np.pi * np.outer(np.arange(modes), np.arange(inputs)) / inputs) / np.sqrt(inputs)
    ratios = []
    for _ in range(40):
        white = rng.normal(size=(2, outputs, modes)) / np.sqrt(2)
        matrix = (white[0] + 1j * white[1]) @ passed
        power = np.linalg.svd(matrix, compute_uv=False) ** 2
        assert np.sum(power > 1e-9 * power.max()) == modes
        ratios.append(np.sum(power**2) / inputs / (power.sum() / inputs) ** 2)
    assert np.mean(ratios) == pytest.approx(inputs / modes + inputs / outputs, abs=4 * np.std(ratios) / np.sqrt(40))
