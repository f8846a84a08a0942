"""Photon transfer under speckle: the line of the camera holds, the laser's noise bends it by a known amount.

Frames are made here from the laws alone, without the simulated sensor: Poisson counts of exponential intensities.
"""

import numpy as np
import pytest

from calibration.cameras.frame_pairs import pair_statistics
from calibration.cameras.laser_noise import laser_noise
from calibration.cameras.light_series import LightSeries
from calibration.cameras.photon_transfer import photon_transfer
from calibration.cameras.uncertainty import root

GAIN, DARK, BLACK = 0.4, 3.0, 50.0
"""DN per electron, electrons rms, DN."""


def speckle_pairs(
    rng: np.random.Generator, powers: np.ndarray, *, levels: int = 40, shape: tuple[int, int] = (90, 110)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs up to 2000 electrons of mean, dark pairs, and the pattern (mean 1); ``powers`` is (level, 2)."""
    pattern = rng.exponential(1.0, shape)
    pattern = np.minimum(pattern, 4.5)  # as if the brightest had been left out
    mean = np.linspace(40, 2000, levels)[:, np.newaxis, np.newaxis, np.newaxis]
    light = mean * powers[:, :, np.newaxis, np.newaxis] * pattern
    frames = [
        np.rint(GAIN * (charge + rng.normal(0, DARK, charge.shape)) + BLACK).astype(np.uint16)
        for charge in (rng.poisson(light), np.zeros((levels, 2, *shape)))
    ]
    return frames[0], frames[1], pattern


def gain_of(bright: np.ndarray, dark: np.ndarray, *, even_light: bool) -> float:
    """The slope that the project fits, over all levels."""
    curves = [pair_statistics(bright, uneven_light=not even_light), pair_statistics(dark)]
    signal, variance = curves[0].mean - curves[1].mean, curves[0].variance - curves[1].variance
    return float(signal @ variance / (signal @ signal))


def test_variance_over_speckle_is_linear_in_the_mean_with_the_slope_of_the_camera(rng: np.random.Generator) -> None:
    bright, dark, _ = speckle_pairs(rng, np.ones((40, 2)))
    result = photon_transfer(LightSeries(bright=bright, dark=dark, bits=13, even_light=False))
    # 9900 pixels count as n / (1 + C^2) = 5300: 2 % a level, some 9/5 of 1/40 of the levels' weight: 0.42 %.
    assert result.gain.value == pytest.approx(GAIN, rel=4 * 0.0042)
    assert result.gain.value == pytest.approx(GAIN, abs=4 * result.gain.uncertainty)
    assert result.gain.uncertainty / GAIN == pytest.approx(0.0042, rel=0.2)
    assert result.curve.used.all()


def test_a_change_of_the_light_adds_delta_squared_times_the_variance_of_the_pattern(rng: np.random.Generator) -> None:
    # Without the separation: var = K s + (delta s)^2 C^2 / 2, delta the change within the pair, C the contrast.
    powers = 1 + 0.01 * rng.standard_normal((40, 2))
    bright, dark, pattern = speckle_pairs(rng, powers)
    delta = (powers[:, 0] - powers[:, 1]) / powers.mean(axis=1)
    signal = GAIN * np.linspace(40, 2000, 40) * powers.mean(axis=1) * pattern.mean()
    contrast = pattern.std() / pattern.mean()
    added = (delta * signal * contrast) ** 2 / 2
    bias = float(signal @ added / (signal @ signal))
    assert bias > 0.05 * GAIN  # 25 times the precision: the comparison has something to show
    blind, separated = (gain_of(bright, dark, even_light=even) for even in (True, False))
    # The same frames: what the two have in common cancels but for the product of noise and pattern, 2 delta s C
    # sqrt(K s) / sqrt(n) a level, far below 0.5 % of the gain.
    assert blind - separated == pytest.approx(bias, abs=0.005 * GAIN)
    assert separated == pytest.approx(GAIN, rel=4 * 0.0042)


@pytest.mark.parametrize("shape", [(9, 12), (90, 110)])
def test_the_separation_costs_no_bias_where_the_light_is_steady(
    rng: np.random.Generator, shape: tuple[int, int]
) -> None:
    # The regression takes E[m^2 s] / E[m^2] = 3 times the mean variance of an exponential law, and that is given
    # back: with 108 pixels it would be missed by 2 %. 400 pairs of one level.
    repeats = 400 if shape == (9, 12) else 40
    bright, _, _ = speckle_pairs(rng, np.ones((repeats, 2)), levels=repeats, shape=shape)
    found, plain = (pair_statistics(bright, uneven_light=uneven).variance for uneven in (True, False))
    # Averages of the relative difference: both see the same noise, only the one direction of the pattern differs.
    ratio = found / plain
    assert ratio.mean() == pytest.approx(1, abs=4 * ratio.std() / np.sqrt(repeats) + 1e-4)


def test_the_noise_of_the_laser_is_found_with_its_uncertainty(rng: np.random.Generator) -> None:
    repeats, noise = 40, 0.006
    found = []
    for _ in range(repeats):
        powers = 1 + noise * rng.standard_normal((20, 2))
        bright, _, _ = speckle_pairs(rng, powers, levels=20, shape=(30, 40))
        figure = laser_noise(pair_statistics(bright, uneven_light=True))
        assert figure is not None
        found.append(figure)
    values = np.array([figure.value for figure in found if not figure.bound])
    assert len(values) == repeats
    quoted = np.mean([figure.uncertainty for figure in found])
    # The camera feigns 0.1 % to 1 % a pair here. The rms of 20 draws is biased low by a sixth of its spread.
    assert values.mean() == pytest.approx(noise, abs=4 * quoted / np.sqrt(repeats) + quoted / 6)
    assert values.std(ddof=1) / quoted == pytest.approx(1, abs=4 / np.sqrt(2 * repeats - 2))


def test_a_quiet_laser_gets_an_upper_bound(rng: np.random.Generator) -> None:
    bounds = []
    for _ in range(20):
        bright, _, _ = speckle_pairs(rng, np.ones((12, 2)), levels=12, shape=(30, 40))
        figure = laser_noise(pair_statistics(bright, uneven_light=True))
        assert figure is not None
        bounds.append(figure)
    # Two standard deviations of one side: chance exceeds them in 2 to 5 % of cases.
    assert sum(figure.bound == "upper" for figure in bounds) >= 16
    assert max(figure.value for figure in bounds) < 0.004
    assert laser_noise(pair_statistics(bright)) is None
    assert root(figure).bound in ("", "upper")
