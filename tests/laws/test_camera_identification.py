"""What frames of unknown light tell of a camera: shot noise under light that moves, dark noise under rounding.

Frames are made here from the laws alone, without the simulated sensor: Poisson counts of sums of random fields.
"""

import numpy as np
import pytest

from calibration.identification.dark_counts import BLACK, NOISE, RATE, SPREAD, dark_counts
from calibration.identification.dark_frames import fit_dark
from calibration.identification.dark_lines import line_noise
from calibration.identification.observations import Frames
from calibration.identification.photon_ladder import system_gain
from calibration.identification.shot_noise import shot_noise

SHAPE = (36, 44)
GAIN, READ, BLACK_LEVEL = 0.3, 4.0, 30.0
"""DN per electron, electrons rms, DN."""


def frames_of(counts: np.ndarray, exposure_time: float = 1e-3) -> Frames:
    """Frames without states."""
    number = len(counts)
    return Frames(
        counts=counts.astype(np.uint16), states=np.zeros((number, 1), np.bool_),
        timestamps=np.arange(number, dtype=np.float64) * exposure_time, exposure_time=exposure_time,
    )  # fmt: skip


def fields(rng: np.random.Generator, number: int) -> np.ndarray:
    """Independent speckle fields of mean intensity 1, shape (number, y, x)."""
    parts = rng.standard_normal((2, number, *SHAPE)) / np.sqrt(2)
    return np.asarray(parts[0] + 1j * parts[1])


def bursts_of(rng: np.random.Generator, intensity: np.ndarray, *, bursts: int) -> tuple[Frames, ...]:
    """Counts of 1200 electrons in the mean, in bursts."""
    charge = rng.poisson(1200 * intensity) + rng.normal(0, READ, intensity.shape)
    return tuple(map(frames_of, np.array_split(np.rint(np.maximum(GAIN * charge + BLACK_LEVEL, 0)), bursts)))


def gain_of(bursts: tuple[Frames, ...]) -> tuple[float, float]:
    """Gain and uncertainty."""
    found = system_gain(bursts, black=BLACK_LEVEL, saturation=4095.0, ignored=np.zeros(SHAPE, np.bool_))
    return found.value, found.uncertainty


def test_l42_pointing_adds_a_variance_that_is_linear_in_the_light_of_a_pixel_and_has_few_patterns(
    rng: np.random.Generator,
) -> None:
    # E = E0 + a E1 + b E2 with small real normal a, b: Var(I) = 2 (s_a^2 + s_b^2) I <I>, linear in I as shot noise is.
    still, *moving = fields(rng, 3)
    angles = 0.1 * rng.standard_normal((2, 256))
    light = np.abs(still + angles[0][:, None, None] * moving[0] + angles[1][:, None, None] * moving[1]) ** 2
    light *= 1 + 0.02 * rng.standard_normal((256, 1, 1))  # the laser's noise is one more pattern
    bursts = bursts_of(rng, light, bursts=8)
    signal = bursts[0].counts.mean() - BLACK_LEVEL
    steps = np.diff(bursts[0].counts.astype(float), axis=0)
    blind = (steps**2).mean() / 2 / signal  # what a photon transfer would take for the gain, dark noise aside
    assert blind > 10 * GAIN  # 2 * 0.02 * 1200 electrons = 48 times the shot noise
    value, uncertainty = gain_of(bursts)
    # 1300 pixels x 248 differences: 0.25 % from the mean alone; with an intercept of its own twice to three times that.
    assert uncertainty < 0.015 * GAIN
    assert value == pytest.approx(GAIN, abs=4 * uncertainty)


def test_l42_drift_of_many_patterns_is_extrapolated_to_no_time(rng: np.random.Generator) -> None:
    # Each pixel's field is an Ornstein-Uhlenbeck path, |g1|^2 falls by 2e-3 a frame: Var(step) / 2 is 2.4 times
    # the shot noise of 1200 electrons, with as many patterns as pixels. Taken for noise it were in the gain.
    number, bursts = 192, 6
    field, light = fields(rng, 1)[0], []
    for _ in range(number):
        light.append(np.abs(field) ** 2)
        field = np.sqrt(1 - 2e-3) * field + np.sqrt(2e-3) * fields(rng, 1)[0]
    taken = bursts_of(rng, np.array(light), bursts=bursts)
    noise = shot_noise(taken, saturation=4095.0, ignored=np.zeros(SHAPE, np.bool_))
    assert noise.variance[-1].mean() > 1.5 * noise.variance[0].mean()
    value, uncertainty = gain_of(taken)
    assert uncertainty < 0.3 * GAIN  # what six lags tell of 3.4 times as much variance, and of its curve
    assert value == pytest.approx(GAIN, abs=4 * uncertainty)


def dark_sets(
    rng: np.random.Generator, *, black: float, spread: float, noise: float, growth: float = 0.0, line: float = 0.0
) -> tuple[Frames, ...]:
    """Dark frames at three times, figures in DN; ``line`` is noise of columns, part of ``noise``."""
    offset = black + spread * rng.standard_normal(SHAPE)
    sets = []
    for time, number in ((0.1, 48), (0.4, 12), (1.0, 48)):
        own = np.sqrt(noise**2 - line**2) * rng.standard_normal((number, *SHAPE))
        own += line * rng.standard_normal((number, 1, SHAPE[1]))
        sets.append(frames_of(np.rint(np.clip(offset + growth * time + own, 0, 255)), time))
    return tuple(sets)


@pytest.mark.parametrize(
    ("black", "spread", "noise", "growth"),
    [
        (7.3, 0.4, 0.2, 0.1),  # most pixels show one count only
        (7.3, 2.5, 0.3, 0.3),  # offsets of many counts
        (3.0, 1.0, 3.0, 0.5),  # a fifth of the counts is clipped at zero
        (40.0, 2.0, 5.0, 1.0),  # nothing hidden
    ],
)
def test_l46_rounded_and_clipped_normal_counts_tell_black_level_spread_and_noise(
    rng: np.random.Generator, black: float, spread: float, noise: float, growth: float
) -> None:
    sets = dark_sets(rng, black=black, spread=spread, noise=noise, growth=growth)
    fit = fit_dark(dark_counts(sets, pixels=np.ones(SHAPE, np.bool_)), gain=1e-6)
    errors = np.sqrt(np.diag(fit.covariance))
    expected = {BLACK: black, SPREAD: np.log(spread), NOISE: np.log(noise), RATE: growth}
    for index, truth in expected.items():
        assert fit.parameters[index] == pytest.approx(truth, abs=4 * errors[index])
    # 1584 pixels: the black level to spread / sqrt(n), the logarithm of the spread to 1 / sqrt(2 n), and where they
    # show through rounding not more than some times less well.
    assert errors[BLACK] < 4 * np.hypot(spread, noise) / np.sqrt(1584)
    assert errors[NOISE] < 0.05
    assert errors[SPREAD] < 0.1


@pytest.mark.parametrize(("noise", "line"), [(0.25, 0.15), (0.8, 0.3), (3.0, 1.0)])
def test_l46_covariance_of_rounded_pixels_is_mehlers_series_in_that_of_their_signals(
    rng: np.random.Generator, noise: float, line: float
) -> None:
    sets = dark_sets(rng, black=5.2, spread=0.15, noise=noise, line=line)
    counts = dark_counts(sets, pixels=np.ones(SHAPE, np.bool_))
    rows, columns = line_noise(sets, counts, fit_dark(counts, gain=1e-6))
    assert columns.seen
    assert columns.value == pytest.approx(line**2, abs=4 * columns.uncertainty)
    assert columns.uncertainty < 0.15 * line**2
    assert abs(rows.value) < 4 * rows.uncertainty
