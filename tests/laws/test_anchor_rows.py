"""Law L56: rows that are not divided by the anchor's modulus have Laplace entries and spread lengths more.

Rows are those of a Gaussian medium, and once those that the camera of a bench counts. Standard errors come from the
scatter of 40 blocks of rows.
"""

import math

import numpy as np
import pytest
from scipy.stats import kstest

from optics import BenchDescription, GaussianMedium, SimulatedBench
from tests.calibration.conftest import ideal
from tests.laws.test_anchor_projection import large

__all__ = ["ideal"]  # a fixture of the calibration tests

COMPONENTS, ANCHOR, BLOCKS = 12, 20, 40


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    """Entries Re(t_j conj(T r)) of 120 000 rows, and the moduli |T r|."""
    medium = GaussianMedium(
        input_positions=np.zeros((COMPONENTS + ANCHOR, 2)), output_shape=(400, 300), output_pitch=5e-6,
        collected_fraction=0.01, seed=11,
    )  # fmt: skip
    matrix = medium.matrix(0.0)
    anchor = matrix[:, COMPONENTS:].sum(axis=1, keepdims=True)
    return np.real(matrix[:, :COMPONENTS] * anchor.conj()).astype(float), np.abs(anchor).astype(float)


def moments(entries: np.ndarray) -> np.ndarray:
    """Kurtosis, correlation of squares in a row and M times the relative variance of lengths, of each block."""
    found = []
    x = np.where(np.arange(entries.shape[1]) % 3 == 0, -1.0, 1.0)  # any fixed vector
    for block in np.array_split(entries, BLOCKS):
        power = block**2
        whole = power.mean()
        half = entries.shape[1] // 2
        first, second = power[:, :half], power[:, half : 2 * half]
        fourth = np.mean(power**2)
        joint = np.mean(first * second) - whole**2
        lengths = (block @ x) ** 2
        spread = np.mean(lengths**2) / np.mean(lengths) ** 2 - 1
        found.append([fourth / whole**2, joint / (fourth - whole**2), spread])
    return np.array(found)


def check_moments(entries: np.ndarray, laws: tuple[float, float, float], *, sharp: float) -> None:
    """Compare the moments with their laws within four standard errors and the bias of ratios, in parts of ``sharp``."""
    found = moments(entries)
    errors = 4 * found.std(axis=0, ddof=1) / math.sqrt(BLOCKS)
    # Ratios of means over a block are biased by some variances over its rows: 40 / rows is more than each of them.
    allowed = errors + np.array([40.0, 1.0, 40.0]) * BLOCKS / len(entries)
    assert np.all(allowed < sharp * np.array([6, 0.2, 5]))
    np.testing.assert_array_less(np.abs(found.mean(axis=0) - np.array(laws)), allowed)


def test_l56_undivided_entries_are_laplace_and_share_their_row(rows: tuple[np.ndarray, np.ndarray]) -> None:
    entries, _ = rows
    scale = math.sqrt(np.mean(entries**2) / 2)
    assert kstest(entries[:, 3] / scale, "laplace").statistic < 2.28 / math.sqrt(len(entries))
    assert abs(entries.mean()) < 4 * entries.std() / math.sqrt(entries.size)
    check_moments(entries, (6.0, 0.2, 5.0), sharp=0.2)


def test_l56_divided_entries_are_gaussian_and_independent(rows: tuple[np.ndarray, np.ndarray]) -> None:
    entries, modulus = rows
    divided = entries / modulus
    assert kstest(divided[:, 3] / divided.std(), "norm").statistic < 2.28 / math.sqrt(len(entries))
    check_moments(divided, (3.0, 0.0, 2.0), sharp=0.2)
    # The test above would see the difference.
    assert kstest(entries[:, 3] / entries.std(), "norm").statistic > 10 / math.sqrt(len(entries))


def test_l56_lengths_behind_undivided_rows_spread_by_five_over_their_number(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    entries, modulus = rows
    x = np.array([1.0, -1, 0, 1] * (COMPONENTS // 4))
    outputs = 25
    for projections, law in ((entries @ x, 5.0), ((entries / modulus) @ x, 2.0)):
        lengths = np.mean(projections.reshape(-1, outputs) ** 2, axis=1)
        spread = outputs * np.var(lengths.reshape(BLOCKS, -1), axis=1) / np.mean(lengths) ** 2
        error = 4 * spread.std(ddof=1) / math.sqrt(BLOCKS)
        assert error < 0.2 * law
        assert spread.mean() == pytest.approx(law, abs=error + law * BLOCKS * outputs / len(entries))


def test_l56_counts_of_a_bench_give_undivided_laplace_rows(ideal: BenchDescription) -> None:
    bench = SimulatedBench(large(ideal), seed=5)
    inputs = bench.layout.inputs
    alone = np.eye(inputs, dtype=bool)[:20]
    anchor = np.zeros((1, inputs), bool)
    anchor[0, 24:44] = True
    patterns = np.concatenate([alone | anchor, alone, anchor, np.zeros_like(anchor)])
    light = bench.expose(patterns).counts.reshape(len(patterns), -1).astype(float)
    assert light.max() < bench.camera.saturation
    entries = (light[:20] - light[20:40] - light[40] + light[41]).T
    truth = bench.truth.field(patterns[20:]).astype(np.complex128).reshape(22, -1)
    expected = np.real((truth[:20] - truth[21]) * np.conj(truth[20] - truth[21])).T
    assert np.corrcoef(entries.ravel(), expected.ravel())[0, 1] > 1 - 1e-4
    check_moments(entries, (6.0, 0.2, 5.0), sharp=1.0)
    assert kstest(entries[:, 7] / math.sqrt(np.mean(entries**2) / 2), "laplace").statistic < 2.28 / math.sqrt(4200)
