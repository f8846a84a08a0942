"""The likelihood of the exact converter, where rounding hides the noise and where it does not."""

import numpy as np
import pytest

from calibration.cameras.pair_likelihood import NOISE, PairMoments, pair_histogram
from calibration.cameras.photon_transfer import photon_transfer
from calibration.cameras.quantiser import charge_probability, count_probability
from calibration.cameras.quantiser_likelihood import QuantiserFit, fit_quantiser, make_score
from optics import Camera
from optics.sensor import Sensor
from tests.calibration.simulated_frames import camera, light_series

LIMITED = {
    "fixed pattern": {"bits": 8, "dark_noise": 0.3, "black_level": 3.4, "prnu": 0.01, "dsnu": 5.0},
    "no fixed pattern": {"bits": 8, "dark_noise": 0.4, "black_level": 3.0},
    "nearly no noise": {"bits": 8, "dark_noise": 0.15, "black_level": 3.2, "prnu": 0.01, "dsnu": 3.0},
    "ten bits": {"bits": 10, "dark_noise": 0.25, "black_level": 5.5, "prnu": 0.005, "dsnu": 1.0},
    "single electrons": {"bits": 8, "dark_noise": 0.3, "black_level": 3.4, "full_well": 300.0},
}


def fitted(device: Camera, *, levels: int = 50, first: int = 0, seed: int = 1) -> tuple[Sensor, QuantiserFit]:
    sensor = Sensor(device, seed=seed)
    series = light_series(sensor, levels=levels, first=first)
    return sensor, fit_quantiser(series, start=photon_transfer(series))


@pytest.mark.parametrize("name", LIMITED)
def test_gain_is_recovered_where_rounding_hides_the_noise(name: str) -> None:
    # 82 000 pixels, 50 levels: the gain has a standard error of 0.12 %; the limits are the aim.
    device = camera(**LIMITED[name])
    sensor, fit = fitted(device)
    assert fit.gain.value == pytest.approx(device.gain, rel=0.005)
    assert fit.gain.uncertainty < 0.002 * device.gain
    noise, black = (
        device.gain * device.read_noise,
        device.black_level + device.gain * sensor.pattern.offset.astype(np.float64).mean(),
    )
    assert fit.dark_noise_counts.value == pytest.approx(noise, abs=4 * fit.dark_noise_counts.uncertainty)
    # Offsets are a sample of their own: the mean that was drawn and the one fitted differ by less than its share.
    share = device.gain * device.dsnu / np.sqrt(sensor.pattern.offset.size)
    assert fit.black_level.value == pytest.approx(black, abs=4 * np.hypot(fit.black_level.uncertainty, share))
    assert fit.dark_noise.value == pytest.approx(fit.dark_noise_counts.value / fit.gain.value)
    assert fit.dsnu is not None
    if fit.dsnu.bound:
        assert sensor.pattern.offset.astype(np.float64).std() < fit.dsnu.value
    else:
        assert fit.dsnu.value == pytest.approx(
            sensor.pattern.offset.astype(np.float64).std(), abs=4 * fit.dsnu.uncertainty
        )


def test_half_a_count_of_noise_where_rounding_ripples_most() -> None:
    # The standard's variance is off by the ripple of 0.0079 DN^2 (law L46), 1.6 % of the noise; the likelihood is not.
    device = camera(bits=12, dark_noise=0.5, black_level=20.0)
    series = light_series(Sensor(device, seed=3))
    standard = photon_transfer(series)
    fit = fit_quantiser(series, start=standard)
    assert standard.dark.variance.value - (0.25 + 1 / 12) == pytest.approx(-0.0079, abs=0.001)
    assert fit.dark_noise.value == pytest.approx(device.read_noise, rel=0.005)


def test_where_noise_dithers_the_rounding_the_two_methods_agree() -> None:
    device = camera(bits=12, dark_noise=2.0, prnu=0.01, dsnu=2.0, dark_current=100.0)
    series = light_series(Sensor(device, seed=3))
    standard = photon_transfer(series)
    fit = fit_quantiser(series, start=standard)
    assert fit.exact_levels == 0
    assert fit.gain.value == pytest.approx(standard.gain.value, abs=3 * standard.gain.uncertainty)
    assert fit.gain.uncertainty < standard.gain.uncertainty  # its weights are the best ones
    assert fit.dark_noise.value == pytest.approx(device.read_noise, abs=4 * fit.dark_noise.uncertainty)


def test_dark_current_that_sweeps_over_the_steps_is_told_from_noise() -> None:
    device = camera(bits=8, rows=60, columns=80, dark_noise=0.3, black_level=3.4, dark_current=2e4)
    _, fit = fitted(device)
    assert fit.gain.value == pytest.approx(device.gain, abs=4 * fit.gain.uncertainty)
    assert fit.dark_noise_counts.value == pytest.approx(0.3, abs=4 * fit.dark_noise_counts.uncertainty)
    assert fit.black_level.value == pytest.approx(3.4, abs=4 * fit.black_level.uncertainty)
    assert fit.dark_current is not None
    assert fit.dark_current.value == pytest.approx(2e4, abs=4 * fit.dark_current.uncertainty)
    assert fit.dark_current.uncertainty < 0.01 * 2e4


def test_intervals_match_the_scatter_of_repetitions() -> None:
    device = camera(rows=32, columns=40, bits=8, dark_noise=0.3, black_level=3.3, prnu=0.01, dsnu=4.0)
    repeats = 30
    deviations: dict[str, list[float]] = {"gain": [], "dark_noise": [], "black_level": []}
    for seed in range(repeats):
        sensor, fit = fitted(device, levels=15, seed=seed)
        black_level = device.black_level + device.gain * float(sensor.pattern.offset.astype(np.float64).mean())
        for name, truth in (("gain", device.gain), ("dark_noise", device.read_noise), ("black_level", black_level)):
            figure = getattr(fit, name)
            deviations[name].append((figure.value - truth) / figure.uncertainty)
    for name, values in deviations.items():
        assert np.sqrt(np.mean(np.square(values))) == pytest.approx(1, abs=4 / np.sqrt(2 * repeats)), name
        assert abs(np.mean(values)) < 4 / np.sqrt(repeats), name


def test_dark_frames_without_any_noise_give_a_bound_and_an_open_black_level() -> None:
    # At 0.02 DN of noise in the middle of a step every dark count is 3: the noise is bounded, the black level open.
    device = camera(rows=40, columns=60, bits=8, dark_noise=0.02, black_level=3.1)
    _, fit = fitted(device, levels=20)
    assert fit.gain.value == pytest.approx(device.gain, abs=4 * fit.gain.uncertainty)
    assert fit.dark_noise_counts.bound == fit.dark_noise.bound == "upper"
    assert fit.dark_noise_counts.value > 0.02
    low, high = fit.intervals["black_level"]
    assert high - low > 0.1
    assert fit.black_level.value == pytest.approx(3.1, abs=4 * fit.black_level.uncertainty)
    assert any("does not exclude" in flag for flag in fit.flags)


@pytest.mark.parametrize("electrons", [False, True])
def test_the_gradient_is_that_of_the_likelihood(rng: np.random.Generator, electrons: bool) -> None:
    truth = np.array([3.3, np.log(0.3), np.log(0.05), 0.4, np.log(0.1), np.log(0.01), 5.0])
    counts = np.floor(rng.normal(5.0, 0.45, (2, 40, 50)) + 0.5).astype(np.uint8)
    level = pair_histogram(counts[0], counts[1], top=255, time=0.0, mean_index=6, electrons=electrons, narrowest=0.1)
    dark = PairMoments(mean=3.5, variance=1.1, pixels=900, time=0.5, dark=True)
    score = make_score([level, dark], truth)
    _, gradient, information = score(truth)
    for index in range(truth.size):
        ends = []
        for sign in (1, -1):
            moved = truth.copy()
            moved[index] += sign * 1e-3
            ends.append(score(moved)[0])
        # Central differences of 1e-3: their error is of the order of 1e-6 times the third derivative.
        slope = (ends[0] - ends[1]) / 2e-3
        assert gradient[index] == pytest.approx(slope, rel=1e-3, abs=0.05 * np.sqrt(information[index, index]) + 1e-6)
    assert np.all(np.linalg.eigvalsh(information) > -1e-6)


def test_probabilities_of_pairs_are_those_of_drawn_pairs(rng: np.random.Generator) -> None:
    # 200 000 pixels with offsets, drawn with NumPy alone, against the integral: Pearson's chi-square.
    pixels = 200_000
    means = rng.normal(3.3, 0.4, pixels)
    counts = np.floor(means + rng.normal(0, 0.3, (2, pixels)) + 0.5).astype(np.uint8)
    level = pair_histogram(counts[0], counts[1], top=255, time=0.0, mean_index=-1, electrons=False, narrowest=0.1)
    at = np.array([3.3, np.log(0.3), np.log(0.05), 0.0, np.log(0.4), np.log(0.01)])
    expected = pixels * level.probability(at)
    many = expected > 20
    statistic = np.sum((level.table[many] - expected[many]) ** 2 / expected[many])
    assert statistic < many.sum() + 4 * np.sqrt(2 * many.sum())
    at[NOISE] = np.log(0.31)  # the test sees one per cent of a DN
    worse = pixels * level.probability(at)
    assert np.sum((level.table[many] - worse[many]) ** 2 / worse[many]) > many.sum() + 8 * np.sqrt(2 * many.sum())


def test_probabilities_of_pairs_hold_for_single_electrons(rng: np.random.Generator) -> None:
    # Three electrons a frame at 0.4 DN each, offsets of 0.3 DN, drawn with NumPy alone.
    pixels = 200_000
    offset = rng.normal(2.2, 0.3, pixels)
    counts = np.floor(offset + 0.4 * rng.poisson(3.0, (2, pixels)) + rng.normal(0, 0.15, (2, pixels)) + 0.5)
    first, second = counts.clip(0, 255).astype(np.uint8)
    level = pair_histogram(first, second, top=255, time=0.0, mean_index=6, electrons=True, narrowest=0.05)
    at = np.array([2.2, np.log(0.15), np.log(0.4), 0.0, np.log(0.3), np.log(1e-4), 2.2 + 1.2])
    expected = pixels * level.probability(at)
    many = expected > 20
    statistic = np.sum((level.table[many] - expected[many]) ** 2 / expected[many])
    assert statistic < many.sum() + 4 * np.sqrt(2 * many.sum())


def test_single_electrons_and_clipping_at_both_ends(rng: np.random.Generator) -> None:
    draws = np.floor(1.2 + 0.9 * rng.poisson(1.5, 300_000) + rng.normal(0, 0.25, 300_000) + 0.5)
    counts = np.arange(0, 8)
    found = np.array([np.mean(np.clip(draws, 0, 7) == count) for count in counts])
    law = charge_probability(counts, charge=1.5, offset=np.array([1.2]), gain=0.9, deviation=0.25, top=7)[:, 0]
    assert law.sum() == pytest.approx(1, abs=1e-9)
    assert np.all(np.abs(found - law) < 4 * np.sqrt(law * (1 - law) / draws.size) + 1e-9)
    ends = count_probability(counts, mean=np.array([-3.0, 12.0]), deviation=np.array([1.0, 1.0]), top=7)
    assert ends[0, 0] == pytest.approx(1, abs=1e-3)
    assert ends[-1, 1] == pytest.approx(1, abs=1e-5)


def test_dark_frames_that_never_change_leave_an_honest_interval() -> None:
    # 0.05 DN of noise: every dark count is the same, which only says that the black level lies within half a DN of it.
    device = camera(rows=128, columns=160, bits=8, dark_noise=0.05, black_level=3.2)
    inside = []
    for seed in range(8):
        _, fit = fitted(device, levels=25, seed=seed)
        low, high = fit.intervals["black_level"]
        assert 2.4 < low < high < 3.6
        assert fit.dark_noise_counts.value < 0.2
        assert fit.gain.value == pytest.approx(device.gain, abs=4 * fit.gain.uncertainty)
        inside.append(low <= 3.2 <= high)
    # 68 % of eight: fewer than three happen by chance once in 100 times.
    assert sum(inside) >= 3
