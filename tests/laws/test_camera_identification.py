"""What frames of unknown light tell of a camera: shot noise under light that moves, dark noise under rounding.

Frames are made here from the laws alone, without the simulated sensor: Poisson counts of sums of random fields.
"""

import numpy as np
import pytest

from calibration.identification.dark_counts import BLACK, NOISE, RATE, SPREAD, dark_counts
from calibration.identification.dark_frames import fit_dark
from calibration.identification.dark_lines import line_noise, line_offsets
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
    found = system_gain((bursts,), black=BLACK_LEVEL, saturation=4095.0, ignored=np.zeros(SHAPE, np.bool_))
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


def test_l46_noise_of_rows_is_the_same_where_a_third_of_the_counts_is_clipped_at_zero(rng: np.random.Generator) -> None:
    sets = dark_sets(rng, black=1.0, spread=0.5, noise=4.0, line=1.5)
    counts = dark_counts(sets, pixels=np.ones(SHAPE, np.bool_))
    _, columns = line_noise(sets, counts, fit_dark(counts, gain=1e-6))
    # 108 frames x 44 columns: 1.2 * sqrt(2 / 4752) = 2.5 %; the slope taken half a DN off its place makes it 17 % more.
    assert columns.uncertainty < 0.04 * 1.5**2
    assert columns.value == pytest.approx(1.5**2, abs=4 * columns.uncertainty)


def test_l44_offsets_of_columns_feign_none_of_rows(rng: np.random.Generator) -> None:
    column = 1.0 * rng.standard_normal(SHAPE[1])
    sets = tuple(
        frames_of(np.rint(30 + column + 0.8 * rng.standard_normal((number, *SHAPE))), time)
        for time, number in ((0.1, 48), (0.4, 12), (1.0, 48))
    )
    counts = dark_counts(sets, pixels=np.ones(SHAPE, np.bool_))
    fit = fit_dark(counts, gain=1e-6)
    rows, columns = line_offsets(counts, fit, noise=line_noise(sets, counts, fit))
    # Means of 44 pixels and 108 frames: (0.64 + 1 / 12) / 4752 = 1.5e-4 DN^2, of which chance may make twice as much.
    assert not rows.seen
    assert rows.largest < 1e-3
    assert abs(rows.value) < 3 * 1.5e-4 * np.sqrt(2 / 35)
    assert columns.seen
    assert columns.value == pytest.approx(
        column.var(ddof=1), rel=0.03
    )  # of these columns; the law's errs by 1 / sqrt(22)
    assert columns.uncertainty == pytest.approx(columns.value * np.sqrt(2 / 43), rel=0.05)


def test_l46_pixels_without_offsets_of_their_own_tell_noise_by_two_steps(rng: np.random.Generator) -> None:
    # 0.2 DN of noise at 3.7 DN: 16 % fall below the step at 3.5, some below 1e-4 rise above that at 4.5.
    fit = fit_dark(
        dark_counts(dark_sets(rng, black=3.7, spread=0.0, noise=0.2), pixels=np.ones(SHAPE, np.bool_)), gain=1e-6
    )
    errors = np.sqrt(np.diag(fit.covariance))
    assert errors[NOISE] < 0.08
    assert fit.parameters[NOISE] == pytest.approx(np.log(0.2), abs=4 * errors[NOISE])
    assert fit.parameters[BLACK] == pytest.approx(3.7, abs=4 * errors[BLACK])
    assert fit.largest_spread < 0.03  # of the noise of 108 frames, 0.2 * 1.5 / sqrt(108), a part that 1584 pixels hide


def test_l46_noise_and_offsets_about_one_step_have_no_scale(rng: np.random.Generator) -> None:
    # All pixels alike at 4.45 DN with 0.15 DN of noise: two counts, of which one share is all that is known.
    fit = fit_dark(
        dark_counts(dark_sets(rng, black=4.45, spread=0.0, noise=0.1), pixels=np.ones(SHAPE, np.bool_)), gain=1e-6
    )
    assert fit.scale_error > 0.12
    assert fit.largest_noise > 0.1
    errors = np.sqrt(np.diag(fit.covariance))
    assert fit.parameters[BLACK] == pytest.approx(4.45, abs=4 * errors[BLACK])


def test_l40_dark_charge_of_few_electrons_is_skewed(rng: np.random.Generator) -> None:
    # 0.025 DN per electron, 32 electrons in the longest time: skewness 0.18 of the charge, which lifts the tail beyond
    # the step at 2.5 DN, two deviations up, by a tenth.
    gain, charge, black, read = 0.025, 32.0, 1.36, 0.1
    sets = []
    for time, number in ((0.05, 48), (0.3, 24), (0.65, 24), (1.0, 48)):
        signal = gain * rng.poisson(charge * time, (number, *SHAPE)) + read * rng.standard_normal((number, *SHAPE))
        sets.append(frames_of(np.rint(black + signal), time))
    fit = fit_dark(dark_counts(tuple(sets), pixels=np.ones(SHAPE, np.bool_)), gain=gain)
    errors = np.sqrt(np.diag(fit.covariance))
    for index, truth in {BLACK: black, NOISE: np.log(read), RATE: gain * charge}.items():
        assert fit.parameters[index] == pytest.approx(truth, abs=4 * errors[index])
    assert errors[RATE] < 0.003  # without the skewness the growth is 0.008 DN off
