"""Fading of fringes within an exposure: against Bessel functions for many periods, else against brute force."""

import math
import tracemalloc

import numpy as np
import pytest
from scipy.special import j0

from optics.fringe_fading import mean_phasor
from optics.media import PhaseDrift, VibrationLine

STARTS = np.array([0.0, 3.71, 48.2])


def moving(*lines: tuple[float, float], rms: float = 0.0, time: float = 1.0, law: str = "gaussian") -> PhaseDrift:
    """Drift of an rms and a correlation time, and lines of (amplitude, frequency)."""
    vibrations = tuple(VibrationLine(amplitude=amplitude, frequency=frequency) for amplitude, frequency in lines)
    return PhaseDrift(rms=rms, correlation_time=time, law=law, lines=vibrations)


def brute_force(drift: PhaseDrift, starts: np.ndarray, *, exposure_time: float, seed: int) -> np.ndarray:
    """Means over 2e5 even moments of each exposure."""
    moments = exposure_time * (np.arange(200_000) + 0.5) / 200_000
    return np.array([np.exp(-1j * drift.phase(start + moments, seed=seed)).mean() for start in starts])


@pytest.mark.parametrize("amplitude", [0.05, 0.8, 3.0, 10.0])
@pytest.mark.parametrize("frequency", [1.0, 16.0, 128.0, 256.0, 512.0, 4096.0])
def test_whole_periods_fade_fringes_by_a_bessel_function(amplitude: float, frequency: float) -> None:
    mean = mean_phasor(moving((amplitude, frequency)), STARTS, exposure_time=1.0, seed=2)
    np.testing.assert_allclose(mean, j0(amplitude), rtol=0, atol=1e-7)


def test_many_periods_of_incommensurate_lines_fade_by_the_product() -> None:
    # Tones k f_1 + l f_2 nearest zero have orders of some 10, or turn hundreds of times.
    drift = moving((0.8, 1e4), (1.9, 1e4 * math.sqrt(2)))
    mean = mean_phasor(drift, STARTS, exposure_time=1.0, seed=2)
    np.testing.assert_allclose(mean, j0(0.8) * j0(1.9), rtol=0, atol=2e-4)


@pytest.mark.parametrize(
    ("drift", "exposure_time"),
    [
        (moving((3.0, 0.06)), 1.0),
        (moving((10.0, 0.06)), 1.0),
        (moving((100.0, 33.3)), 1.0),
        (moving((0.8, 17.3), (1.9, 17.3 * math.sqrt(2))), 1.0),
        (moving((0.8, 117.3), (0.0, 50.0), (1.9, 117.3 * math.sqrt(2))), 1.0),
        (moving((0.05, 42.2), (0.04, 20.9), (0.03, 99.0)), 0.05),
        (moving((10.0, 3.3), (10.0, 4.7), (10.0, 5.1), (10.0, 1.7), (10.0, 7.9)), 1.0),
        (moving(rms=30.0, time=17.0), 1.0),
        (moving(rms=1.0, time=0.05), 1.0),
        (moving((0.8, 170.3), (1.9, 11.1), rms=0.5, time=5.0), 1.0),
        (moving((0.8, 770.3), rms=2.0, time=3.0), 1.0),
        (moving((0.3, 2000.3), rms=10.0, time=0.5), 1.0),
        (moving((0.8, 370.3), (1.9, 111.1), rms=3.0, time=0.5), 1.0),
    ],
)
def test_any_motion_fades_fringes_as_brute_force_says(drift: PhaseDrift, exposure_time: float) -> None:
    mean = mean_phasor(drift, STARTS, exposure_time=exposure_time, seed=2)
    # 1e-6 is stated; even moments of smooth motion have 1e-7 to 1e-6 at 1e-5 of the exposure each, at their ends.
    np.testing.assert_allclose(mean, brute_force(drift, STARTS, exposure_time=exposure_time, seed=2), rtol=0, atol=2e-6)
    assert np.abs(np.abs(mean) - 1).max() > 1e-4  # it did fade


@pytest.mark.parametrize(
    ("drift", "exposure_time"),
    [
        (moving(rms=0.5, time=10.0, law="exponential"), 1.0),
        (moving(rms=2.0, time=10.0, law="exponential"), 5.0),
        (moving((0.8, 311.0), rms=0.5, time=10.0, law="exponential"), 1.0),
    ],
)
def test_rough_drift_is_averaged_to_its_stated_error(drift: PhaseDrift, exposure_time: float) -> None:
    start, errors = np.array([3.3]), []
    for seed in range(40):
        moments = start + exposure_time * (np.arange(20_000) + 0.5) / 20_000  # error 20 times below the stated one
        true = np.exp(-1j * drift.phase(moments, seed=seed)).mean()
        errors.append(abs(mean_phasor(drift, start, exposure_time=exposure_time, seed=seed)[0] - true))
    # 40 paths: an rms is known to 11 per cent, 2 standard errors above the stated 1e-3.
    assert math.sqrt(np.mean(np.square(errors))) < 1.22e-3


def test_slow_drift_alone_fades_fringes_by_its_law() -> None:
    # <|gamma|^2> = int int exp(-sigma^2 (1 - g(t - s))), the mean of the same over 400 paths.
    drift, starts = moving(rms=0.9, time=2.0), np.zeros(1)
    lag = np.linspace(0, 1, 2001)
    expected = 2 * np.trapezoid((1 - lag) * np.exp(-(0.9**2) * (1 - np.exp(-((lag * 3.0 / 2.0) ** 2)))), lag)
    power = np.array([abs(mean_phasor(drift, starts, exposure_time=3.0, seed=seed)[0]) ** 2 for seed in range(400)])
    assert power.mean() == pytest.approx(expected, abs=4 * power.std() / 20)


@pytest.mark.parametrize(
    "drift",
    [
        moving((0.8, 512.0)),
        moving((0.02, 42.2)),
        moving((0.8, 17.3), (1.9, 24.5)),
        moving(rms=0.5, time=5.0),
        moving((0.8, 170.3), (1.9, 11.1), rms=0.5, time=5.0),
        moving((0.3, 170.3), rms=0.5, time=5.0, law="exponential"),
    ],
)
def test_a_phasor_has_the_same_bits_alone_and_among_others(drift: PhaseDrift) -> None:
    starts = 0.3 + 1.1 * np.arange(23)
    together = mean_phasor(drift, starts, exposure_time=1.0, seed=4)
    alone = [mean_phasor(drift, starts[i : i + 1], exposure_time=1.0, seed=4) for i in range(23)]
    np.testing.assert_array_equal(np.concatenate(alone), together)
    np.testing.assert_array_equal(mean_phasor(drift, starts[::-1][:7], exposure_time=1.0, seed=4), together[::-1][:7])
    many = mean_phasor(drift, np.tile(starts, 300), exposure_time=1.0, seed=4)  # several blocks of memory
    np.testing.assert_array_equal(many.reshape(300, 23), np.broadcast_to(together, (300, 23)))


def test_memory_does_not_grow_with_moments() -> None:
    drift = moving((9.0, 500.0), (9.0, 533.0), (9.0, 571.0), (9.0, 631.0), rms=0.5, time=10.0)  # 1e5 moments each
    tracemalloc.start()
    try:
        mean = mean_phasor(drift, np.arange(6.0), exposure_time=1.0, seed=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 * 2**20  # 65536 moments: a dozen arrays of 0.5 MiB, and the harmonics that were tried: 2^18
    assert mean.shape == (6,)


def test_what_stands_still_does_not_fade() -> None:
    for drift in (moving(), moving((0.0, 50.0))):
        np.testing.assert_array_equal(mean_phasor(drift, STARTS, exposure_time=1.0, seed=0), 1)
