"""A chip that drifts and a board that vibrates: functions of time, in any order."""

import math

import numpy as np
import pytest
from scipy.special import j0

from optics import (
    BoardVibration,
    Dmd,
    Sinusoid,
    reflection_phase,
    relaxing_flatness,
    rigid_height,
    surface_height,
    wandering_flatness,
)

DMD = Dmd(rows=14, columns=11, pitch=8e-6)


def test_a_warming_chip_relaxes_exponentially() -> None:
    cold, warm = (0.0, 1e-7, -2e-7), (0.0, 3e-7, 0.0)
    found = relaxing_flatness([-5.0, 0.0, 600.0, 1e6], start=cold, end=warm, time_constant=600.0)
    assert found[0] == pytest.approx(cold)
    assert found[1] == pytest.approx(cold)
    assert found[2] == pytest.approx([0, 1e-7 + 2e-7 * (1 - math.exp(-1)), -2e-7 * math.exp(-1)])
    assert found[3] == pytest.approx(warm)
    assert surface_height(DMD, coefficients=found[2]).shape == (14, 11)


def test_times_may_come_in_any_order_and_number() -> None:
    times = np.random.default_rng(1).uniform(0, 1e4, 30)
    all_at_once = wandering_flatness(times, rms=(1e-8, 2e-8), correlation_time=60.0, seed=5)
    backwards = wandering_flatness(times[::-1], rms=(1e-8, 2e-8), correlation_time=60.0, seed=5)[::-1]
    alone = [wandering_flatness(time, rms=(1e-8, 2e-8), correlation_time=60.0, seed=5) for time in times]
    # Rounding: a matrix product sums 512 terms in another order; 1e-12 of the rms.
    assert all_at_once == pytest.approx(backwards, abs=2e-20)
    assert all_at_once == pytest.approx(np.array(alone), abs=2e-20)
    assert wandering_flatness(times.reshape(5, 6), rms=(1e-8,), correlation_time=60.0, seed=5).shape == (5, 6, 1)


def test_a_coefficient_does_not_depend_on_those_that_follow() -> None:
    one = wandering_flatness([3.0, 8.0], rms=(1e-8,), correlation_time=60.0, seed=5)
    three = wandering_flatness([3.0, 8.0], rms=(1e-8, 5e-8, 0.0), correlation_time=60.0, seed=5)
    assert three[:, :1] == pytest.approx(one, abs=1e-20)
    assert not three[:, 2].any()


def test_wandering_has_the_covariance_of_an_ornstein_uhlenbeck_process() -> None:
    # Over 600 seeds; values are normal, so a covariance has the standard error sqrt((1 + rho^2) / 600).
    lags = np.array([0.0, 0.1, 0.5, 1.0, 2.0, 5.0])
    copies = np.array(
        [
            wandering_flatness(100.0 + 60 * lags, rms=(1.0,), correlation_time=60.0, seed=seed)[:, 0]
            for seed in range(600)
        ]
    )
    covariance = copies.T @ copies[:, 0] / 600
    expected = np.exp(-lags)
    assert np.all(np.abs(covariance - expected) < 4 * np.sqrt((1 + expected**2) / 600))
    assert abs(copies.mean()) < 4 / math.sqrt(600)


def test_one_long_copy_has_the_correlation_time_of_all() -> None:
    # 4000 correlation times in steps of 0.25: the standard error of a covariance is about sqrt(2 / 4000).
    found = wandering_flatness(np.arange(16_000) * 0.25, rms=(1.0,), correlation_time=1.0, seed=2)[:, 0]
    for lag in (1, 4, 8):
        # A copy fixes its own amplitudes of 512 lines: the power of one copy scatters by sqrt(2 / 512).
        expected = math.exp(-lag / 4)
        assert np.mean(found[:-lag] * found[lag:]) == pytest.approx(expected, abs=4 * math.sqrt(2 / 512))


def test_a_vibration_is_the_sum_of_its_lines() -> None:
    board = BoardVibration(
        piston=(Sinusoid(frequency=50.0, amplitude=20e-9), Sinusoid(frequency=120.0, amplitude=5e-9, phase=1.0)),
        slope_x=(Sinusoid(frequency=30.0, amplitude=2e-6, phase=np.pi / 2),),
    )
    times = np.array([[0.0, 5e-3], [1e-2, 0.3]])
    found = board.at(times)
    assert found.shape == (2, 2, 3)
    expected = 20e-9 * np.sin(100 * np.pi * times) + 5e-9 * np.sin(240 * np.pi * times + 1)
    assert found[..., 0] == pytest.approx(expected, abs=1e-20)
    assert not found[..., 1].any()
    assert found[..., 2] == pytest.approx(2e-6 * np.cos(60 * np.pi * times))
    assert not BoardVibration().at(0.2).any()


def test_a_rigid_board_tilts_the_positions_of_its_mirrors() -> None:
    positions = DMD.mirror_positions()
    height = rigid_height(DMD, [[1e-8, 0.0, 0.0], [0.0, 2e-5, -3e-5]])
    assert height.shape == (2, 14, 11)
    assert height[0] == pytest.approx(1e-8)
    assert height[1] == pytest.approx(2e-5 * positions[..., 0] - 3e-5 * positions[..., 1], abs=1e-20)


def test_a_vibrating_mirror_loses_a_bessel_function_of_its_amplitude() -> None:
    # <exp(i a sin)> over whole periods is J0(a); the trapezoidal rule on a periodic function is exact to rounding.
    times = np.arange(64) / 64 / 50.0
    line = BoardVibration(piston=(Sinusoid(frequency=50.0, amplitude=40e-9),))
    height = rigid_height(DMD, line.at(times))[:, 3, 4]
    phase = reflection_phase(height, wavelength=532e-9, incidence_cosine=1.0)
    assert np.exp(1j * phase).mean() == pytest.approx(j0(4 * np.pi * 40e-9 / 532e-9), abs=1e-12)


def test_impossible_motions_are_named() -> None:
    with pytest.raises(ValueError, match="frequency = 0 Hz is not allowed"):
        Sinusoid(frequency=0.0, amplitude=1e-9)
    with pytest.raises(ValueError, match="amplitude = 20 is not allowed"):
        Sinusoid(frequency=50.0, amplitude=20.0)
    with pytest.raises(ValueError, match=r"motion must have shape \(..., 3\)"):
        rigid_height(DMD, [1e-9, 0.0])
    with pytest.raises(ValueError, match="start and end must hold as many coefficients"):
        relaxing_flatness(0.0, start=(0.0,), end=(0.0, 1.0), time_constant=1.0)
    with pytest.raises(ValueError, match="time_constant = 0 s is not allowed"):
        relaxing_flatness(0.0, start=(0.0,), end=(1.0,), time_constant=0.0)
    with pytest.raises(ValueError, match="rms of term 2 = -1 m is not allowed"):
        wandering_flatness(0.0, rms=(0.0, -1.0), correlation_time=1.0, seed=1)
