"""Laws L42 to L46: photon transfer, signal-to-noise, dark current, fixed pattern, rounding.

Frames are drawn here with NumPy alone, from the law, so that neither the simulated sensor nor its formulas take part.
"""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from calibration.cameras.frame_pairs import pair_statistics
from calibration.cameras.light_series import FrameStacks, LightSeries
from calibration.cameras.noise_model import signal_to_noise, threshold_charge
from calibration.cameras.nonuniformity import nonuniformity
from calibration.cameras.photon_transfer import photon_transfer
from calibration.cameras.quantiser import count_probability
from calibration.cameras.uncertainty import Measured

GAIN, NOISE, EFFICIENCY, BLACK = 0.25, 3.0, 0.6, 20.3
SHAPE = (90, 110)


def counts(rng: np.random.Generator, charge: np.ndarray, *, offset: np.ndarray | float = 0.0) -> np.ndarray:
    """Twelve-bit counts of mean charges, in the words of the law."""
    electrons = rng.poisson(charge) + rng.normal(0, NOISE, np.shape(charge)) + offset
    return np.clip(np.floor(GAIN * electrons + BLACK + 0.5), 0, 4095).astype(np.uint16)


def series(rng: np.random.Generator, *, levels: int = 30, current: float = 0.0) -> LightSeries:
    """Growing light up to 12 000 electrons; exposure times from 0 to 100 s."""
    charge = np.linspace(100, 12_000, levels)
    times = np.linspace(0, 100, levels)
    even = np.ones((levels, 2, *SHAPE))
    light, thermal = charge[:, None, None, None] * even, current * times[:, None, None, None] * even
    return LightSeries(
        bright=counts(rng, light + thermal), dark=counts(rng, thermal), bits=12, photons=charge / EFFICIENCY,
        exposure_times=times,
    )  # fmt: skip


def test_l42_gain_efficiency_and_dark_noise_from_pairs(rng: np.random.Generator) -> None:
    frames = series(rng)
    result = photon_transfer(frames)
    # Var(s^2) = 2 s^4 / n at each level; weights x / sum x^2 over the levels of the fit.
    signal = GAIN * np.linspace(100, 12_000, 30)[result.curve.used]
    variance = GAIN * signal + GAIN**2 * NOISE**2
    error = np.sqrt(2 / np.prod(SHAPE) * np.sum((signal * variance) ** 2)) / np.sum(signal**2)
    assert result.gain.value == pytest.approx(GAIN, abs=4 * error)
    assert result.gain.uncertainty == pytest.approx(error, rel=0.1)
    assert result.quantum_efficiency is not None
    assert result.quantum_efficiency.value == pytest.approx(EFFICIENCY, rel=4 * error / GAIN)
    # The dark variance extrapolated over 30 pairs has at most twice the error of their mean.
    dark = GAIN**2 * NOISE**2 + 1 / 12
    spread = 2 * dark * np.sqrt(2 / (30 * np.prod(SHAPE))) / (2 * GAIN**2 * NOISE)
    assert result.dark_noise.value == pytest.approx(NOISE, abs=4 * np.hypot(spread, NOISE * error / GAIN))
    assert result.dark.black_level.value == pytest.approx(BLACK, abs=4 * 2 * np.sqrt(dark / (60 * np.prod(SHAPE))))


def test_l42_variance_at_one_level(rng: np.random.Generator) -> None:
    pair = counts(rng, np.full((1, 2, 200, 300), 4800.0))
    found = pair_statistics(pair)
    law = GAIN**2 * NOISE**2 + 1 / 12 + GAIN * 4800 * GAIN
    assert found.variance[0] == pytest.approx(law, rel=4 * np.sqrt(2 / 60_000))
    assert found.variance_uncertainty[0] == pytest.approx(law * np.sqrt(2 / 60_000), rel=0.05)


def test_l43_threshold_is_the_exact_root_of_unit_snr() -> None:
    dark = GAIN**2 * NOISE**2 + 1 / 12
    root = brentq(lambda e: e**2 - (NOISE**2 + 1 / (12 * GAIN**2) + e), 0.1, 100, xtol=1e-13)
    assert threshold_charge(dark, GAIN) == pytest.approx(root, rel=1e-9)
    assert threshold_charge(dark, GAIN) == pytest.approx(3.7532, abs=5e-5)
    assert float(signal_to_noise(np.array(root), gain=GAIN, dark_variance=dark)) == pytest.approx(1, rel=1e-9)


def test_l43_measured_snr_follows_the_formula(rng: np.random.Generator) -> None:
    dark = GAIN**2 * NOISE**2 + 1 / 12
    frames = counts(rng, np.full((40, *SHAPE), 4800.0)).astype(float)
    measured = (frames.mean() - BLACK) / frames.std()
    law = float(signal_to_noise(np.array(4800.0), gain=GAIN, dark_variance=dark))
    assert law == pytest.approx(69.21, abs=0.005)
    assert measured == pytest.approx(law, rel=4 / np.sqrt(2 * frames.size))
    single = float(signal_to_noise(np.array(4800.0), gain=GAIN, dark_variance=dark, dsnu=5.0, prnu=0.008))
    assert single == pytest.approx(4800 / np.sqrt(9 + 1 / (12 * GAIN**2) + 4800 + 25 + 0.008**2 * 4800**2), rel=1e-12)
    offsets, response = rng.normal(0, 2.0, SHAPE), 1 + rng.normal(0, 0.008, SHAPE)
    image = counts(rng, 4800 * response, offset=offsets).astype(float)
    total = float(
        signal_to_noise(np.array(4800.0), gain=GAIN, dark_variance=dark, dsnu=offsets.std(), prnu=response.std())
    )
    assert (image.mean() - BLACK) / image.std() == pytest.approx(total, rel=4 / np.sqrt(2 * image.size))


def test_l44_dark_current_from_mean_and_from_variance(rng: np.random.Generator) -> None:
    result = photon_transfer(series(rng, current=2.0))
    pixels, times = np.prod(SHAPE), np.linspace(0, 100, 30)
    spread = np.sum((times - times.mean()) ** 2)
    variance = GAIN**2 * (NOISE**2 + 2 * times) + 1 / 12
    mean_error = np.sqrt(variance.max() / (2 * pixels) / spread) / GAIN
    variance_error = np.sqrt(2 * variance.max() ** 2 / pixels / spread) / GAIN**2
    gain_error = 2.0 * 0.0035  # the gain of these frames has a standard error of 0.35 %
    assert result.dark_current_mean is not None
    assert result.dark_current_variance is not None
    assert result.dark_current_mean.value == pytest.approx(2.0, abs=4 * np.hypot(mean_error, gain_error))
    assert result.dark_current_variance.value == pytest.approx(2.0, abs=4 * np.hypot(variance_error, 2 * gain_error))


def test_l45_dsnu_and_prnu_with_rows_columns_and_pixels(rng: np.random.Generator) -> None:
    pixels, rows, columns = rng.normal(0, 6.0, SHAPE), rng.normal(0, 3.0, SHAPE[0]), rng.normal(0, 4.0, SHAPE[1])
    offset, response = pixels + rows[:, None] + columns + 60, 1 + rng.normal(0, 0.008, SHAPE)
    frames = 30  # and 60 electrons of offset, so that none is clipped at zero
    bright = counts(rng, np.tile(6000 * response, (frames, 1, 1)), offset=offset)
    dark = counts(rng, np.zeros((frames, *SHAPE)), offset=offset)
    result = nonuniformity(FrameStacks(bright=bright, dark=dark, bits=12), gain=Measured(value=GAIN, uncertainty=0.0))
    # Temporal noise left in the average: sqrt(left / n), once more for its products with the pattern.
    left = (NOISE**2 + 1 / (12 * GAIN**2)) / frames
    assert result.dsnu["total"].value == pytest.approx(offset.std(), abs=4 * np.sqrt(left / offset.size) + 0.005)
    # Line offsets are covered by the mean of their pixels: 6 / sqrt(length), over the root of the lines.
    for name, drawn, length in (("row", rows, SHAPE[1]), ("column", columns, SHAPE[0])):
        assert result.dsnu[name].value == pytest.approx(drawn.std(), abs=4 * 6 / np.sqrt(length * drawn.size) + 0.02)
    assert result.dsnu["pixel"].value == pytest.approx(pixels.std(), rel=4 / np.sqrt(2 * pixels.size) + 2e-3)
    # PRNU: 2 cov(offset, response) by chance, and temporal noise of 6000 electrons over 30 frames.
    chance = np.hypot(offset.std() / 6000, np.sqrt(6000 / frames) / 6000) / np.sqrt(offset.size)
    assert result.prnu["total"].value == pytest.approx(response.std(), abs=4 * chance)
    uncorrected = np.sqrt(result.dark.uncorrected) / GAIN
    assert uncorrected**2 - result.dsnu["total"].value ** 2 == pytest.approx(left, rel=0.02)


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("mean", [12.0, 12.25, 12.5])
def test_l46_variance_of_rounded_noise(sigma: float, mean: float) -> None:
    # The series of the law against the moments of the quantiser's probabilities, to the digits of the series.
    numbers = np.arange(24)
    probability = count_probability(numbers, mean=np.array([mean]), deviation=np.array([sigma]), top=255)[:, 0]
    k = np.arange(1, 200)
    damping = (-1.0) ** k * np.exp(-2 * (np.pi * k * sigma) ** 2)
    ripple = np.sum(damping * (1 / (np.pi * k) ** 2 + 4 * sigma**2) * np.cos(2 * np.pi * k * mean))
    bias = np.sum(damping * np.sin(2 * np.pi * k * mean) / (np.pi * k))
    moment = probability @ numbers
    variance = probability @ (numbers - moment) ** 2
    assert probability.sum() == pytest.approx(1, abs=1e-9)
    assert moment == pytest.approx(mean + bias, abs=1e-9)
    assert variance == pytest.approx(sigma**2 + 1 / 12 + ripple - bias**2, abs=1e-9)
    assert probability[12] == pytest.approx(
        norm.cdf((12.5 - mean) / sigma) - norm.cdf((11.5 - mean) / sigma), abs=1e-12
    )
