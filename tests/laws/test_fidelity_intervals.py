"""Laws L66, L68 and L70 with intervals: 95 % of them contain the law's value, whatever vectors and outputs share.

The value to cover is the population's, written out from the law of the simulated errors: 1 / sqrt(1 + s) for errors of
relative variance s that are independent of the signal. Of 1000 repetitions 930 to 970 must cover it, the bound that the
project sets itself; by chance alone 950 +- 14 (two standard errors) would.
"""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import exp1

from calibration.fidelities.intervals import correlation_limits, fidelity_interval, repeat_interval

REPETITIONS, VECTORS, OUTPUTS = 1000, 20, 100
KEPT = 0.8
"""Part of the outputs that is delivered: those brightest under the anchor."""

Draw = Callable[[np.random.Generator], np.ndarray]


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal((REPETITIONS, *shape))


def dark_pixels(rng: np.random.Generator) -> np.ndarray:
    """Amplitudes of noise behind a division by |Tr|, of unit mean square: anchors u > c = -ln 0.8.

    Over them <1 / u> = e^c E1(c).
    """
    start = -np.log(KEPT)
    anchor = start + rng.exponential(size=(REPETITIONS, 1, OUTPUTS))
    return 1 / np.sqrt(anchor * np.exp(start) * exp1(start))


def of_outputs(rng: np.random.Generator) -> np.ndarray:
    return np.broadcast_to(normal(rng, 1, OUTPUTS) * dark_pixels(rng), (REPETITIONS, VECTORS, OUTPUTS))


def of_vectors(rng: np.random.Generator) -> np.ndarray:
    return np.broadcast_to(normal(rng, VECTORS, 1), (REPETITIONS, VECTORS, OUTPUTS))


ERRORS: dict[str, Draw] = {
    "independent": lambda rng: normal(rng, VECTORS, OUTPUTS),
    "noise behind dark anchors": lambda rng: normal(rng, VECTORS, OUTPUTS) * dark_pixels(rng),
    "offset of each output": of_outputs,
    "offset of each vector": of_vectors,
    "laser noise": lambda rng: normal(rng, VECTORS, OUTPUTS) * np.abs(normal(rng, VECTORS, 1)),
    "both and noise": lambda rng: (
        (of_outputs(rng) + of_vectors(rng) + normal(rng, VECTORS, OUTPUTS)) / np.sqrt(3)
    ),
}  # fmt: skip


def covered(limits: np.ndarray, truth: float) -> float:
    return float(np.mean((limits[1] <= truth) & (truth <= limits[2])))


@pytest.mark.parametrize("correlation", [0.999, 0.9, 0.3])
@pytest.mark.parametrize("errors", ERRORS)
def test_l66_intervals_of_cosines_cover(rng: np.random.Generator, errors: str, correlation: float) -> None:
    signal = normal(rng, VECTORS, OUTPUTS)
    s = correlation**-2 - 1
    limits = correlation_limits(3 * (signal + np.sqrt(s) * ERRORS[errors](rng)), signal)
    assert 0.93 <= covered(limits, correlation) <= 0.97


@pytest.mark.parametrize("shared", ["outputs", "vectors"])
def test_gains_that_outputs_or_vectors_share_are_covered(rng: np.random.Generator, shared: str) -> None:
    # a = (1 + h) b with h of variance s: E[a b] = E[b^2] and E[a^2] = (1 + s) E[b^2], so rho = 1 / sqrt(1 + s).
    signal, s = normal(rng, VECTORS, OUTPUTS), 0.04
    gain = normal(rng, 1, OUTPUTS) if shared == "outputs" else normal(rng, VECTORS, 1)
    limits = correlation_limits(signal * (1 + np.sqrt(s) * gain), signal)
    assert 0.93 <= covered(limits, 1 / np.sqrt(1 + s)) <= 0.97


def test_independent_entries_alone_would_promise_too_much(rng: np.random.Generator) -> None:
    # The standard error of L66 over V M entries, where outputs share: far from 95 %.
    signal, s = normal(rng, VECTORS, OUTPUTS), 0.2
    found = correlation_limits(signal + np.sqrt(s) * of_outputs(rng), signal)[0]
    naive = 1.96 * s * (1 + s) ** -1.5 * np.sqrt((s + 0.5) / (VECTORS * OUTPUTS) / s)
    assert np.mean(np.abs(found - 1 / np.sqrt(1 + s)) < naive) < 0.8


def speckle(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (normal(rng, *shape) + 1j * normal(rng, *shape)) / np.sqrt(2)


@pytest.mark.parametrize("correlation", [0.999, 0.7])
def test_l66_intervals_of_field_correlations_cover(rng: np.random.Generator, correlation: float) -> None:
    field = speckle(rng, VECTORS, OUTPUTS)
    s = correlation**-2 - 1
    noisy = (2 - 1j) * (field + np.sqrt(s) * speckle(rng, VECTORS, OUTPUTS))
    assert 0.93 <= covered(correlation_limits(noisy, field, metric="field"), correlation) <= 0.97


@pytest.mark.parametrize("correlation", [0.999, 0.9])
def test_l66_intervals_of_intensity_correlations_cover(rng: np.random.Generator, correlation: float) -> None:
    field = speckle(rng, VECTORS, OUTPUTS)
    s = correlation**-2 - 1
    noisy = 3 * np.abs(field + np.sqrt(s) * speckle(rng, VECTORS, OUTPUTS)) ** 2 + 50
    limits = correlation_limits(noisy, np.abs(field) ** 2, metric="intensity")
    assert 0.93 <= covered(limits, correlation**2) <= 0.97


@pytest.mark.parametrize("correlation", [0.999, 0.9])
def test_l68_intervals_of_row_phase_correlations_cover(rng: np.random.Generator, correlation: float) -> None:
    # Long rows of L68: 1 / sqrt(1 + s); what a fitted phase gains in rows of 20 is taken off.
    field = speckle(rng, VECTORS, OUTPUTS)
    s = correlation**-2 - 1
    turned = np.exp(2j * np.pi * rng.random((REPETITIONS, 1, OUTPUTS)))
    noisy = turned * (field + np.sqrt(s) * speckle(rng, VECTORS, OUTPUTS))
    assert 0.93 <= covered(correlation_limits(noisy, field, metric="row phase"), correlation) <= 0.97


def test_l68_a_fitted_phase_leaves_no_bias(rng: np.random.Generator) -> None:
    field, s = speckle(rng, VECTORS, OUTPUTS), 0.3
    noisy = field + np.sqrt(s) * speckle(rng, VECTORS, OUTPUTS)
    found = correlation_limits(noisy, field, metric="row phase")[0]
    # The plain metric is s / (4 N) too high, here 0.0033; a tenth of that and 4 standard errors are left.
    assert found.mean() == pytest.approx(
        1 / np.sqrt(1 + s), abs=0.1 * s / (4 * VECTORS) + 4 * found.std() / np.sqrt(REPETITIONS)
    )


def test_l70_intervals_from_repeats_cover_the_fidelity_of_one(rng: np.random.Generator) -> None:
    s, hits = 0.1, 0
    for _ in range(300):
        signal = rng.standard_normal((VECTORS, OUTPUTS))
        first, second = signal + np.sqrt(s) * rng.standard_normal((2, VECTORS, OUTPUTS))
        hits += repeat_interval(first, second).correlation.contains(1 / np.sqrt(1 + s))
    # 300 repetitions: 95 % +- 4 standard errors of 1.26 %.
    assert hits / 300 == pytest.approx(0.95, abs=0.05)


def test_l70_repeats_do_not_see_what_they_share(rng: np.random.Generator) -> None:
    signal = rng.standard_normal((VECTORS, OUTPUTS))
    biased = signal + 0.5 * rng.standard_normal((1, OUTPUTS))
    first, second = biased + 0.1 * rng.standard_normal((2, VECTORS, OUTPUTS))
    shown, true = repeat_interval(first, second), fidelity_interval(first, signal)
    assert true.correlation.high < shown.correlation.low
    # Repeats see s = 0.1^2 / (1 + 0.5^2) alone.
    assert shown.noise_to_signal.value == pytest.approx(0.01 / 1.25, rel=0.3)


def test_all_figures_move_with_their_interval(rng: np.random.Generator) -> None:
    signal = rng.standard_normal((VECTORS, OUTPUTS))
    figures = fidelity_interval(signal + 0.2 * rng.standard_normal(signal.shape), signal)
    for end in ("value", "low", "high"):
        opposite = {"low": "high", "high": "low"}.get(end, end)
        rho = getattr(figures.correlation, end)
        s = rho**-2 - 1
        assert getattr(figures.error, opposite) == pytest.approx(1 - rho**2)
        assert getattr(figures.noise_to_signal, opposite) == pytest.approx(s)
        assert getattr(figures.signal_to_noise_db, end) == pytest.approx(10 * np.log10(rho**2 / (1 - rho**2)))
        bits = (-10 * np.log10(s) - 10 * np.log10(1.5)) / (20 * np.log10(2))
        assert getattr(figures.effective_bits, end) == pytest.approx(bits)
        assert getattr(figures.information_bits, end) == pytest.approx(0.5 * np.log2(1 + 1 / s))
        assert getattr(figures.angle, opposite) == pytest.approx(np.arccos(rho))
