"""Laws L11, L13, L34 and L49: light, contrast and grain that are found in frames are those of the bench."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import j1

from calibration.cameras.uncertainty import Measured
from calibration.identification.dark_levels import clipped_mean, noise_below, unrounded_scatter
from calibration.identification.grain import fit_grain, mean_variance, pixel_correlation
from calibration.identification.light_figures import LightFigures, light_figures, medium_description
from calibration.identification.light_frames import FilledLight
from calibration.identification.macropixel_weights import anchor_ratio
from calibration.identification.speckle_covariance import speckle_covariance
from optics.media import FiniteGrainDescription, GaussianDescription, PartiallyCoherentDescription, PolarisedDescription
from optics.media.description import MediumDescription
from tests.calibration.identification.light_bench import CAMERA, bench_of, known, observe_light, rate_of

GAUSSIAN = GaussianDescription(collected_fraction=1e-3)
GRAIN = FiniteGrainDescription(collected_fraction=1e-3, grain=15e-6)


def found(medium: MediumDescription, *, seed: int, contrast_ratio: float = 400.0) -> LightFigures:
    """Figures of a bench with a medium."""
    bench = bench_of(medium, seed=seed, contrast_ratio=contrast_ratio)
    return light_figures(observe_light(bench, seed=seed), known(CAMERA))


def within(measured: Measured, truth: float, *, errors: float = 4.0) -> bool:
    """Whether a figure lies within some of its own standard errors of the truth."""
    return bool(abs(measured.value - truth) <= errors * measured.uncertainty)


def test_l49_covariance_of_pixels_is_the_integral_over_both() -> None:
    # Two pixels 1 apart: the integral over the difference of places, by another quadrature.
    grain, lag = 1.7, 1.0

    def integrand(x: float, y: float) -> float:
        v = math.pi * math.hypot(y + lag, x) / grain
        return (1 - abs(y)) * (1 - abs(x)) * (2 * j1(v) / v) ** 2 if v > 1e-9 else 1.0

    exact = 2 * dblquad(integrand, -1, 1, 0, 1, epsabs=1e-6)[0]
    fine = pixel_correlation(np.array([[lag, 0.0]]), grain=grain, samples_per_pixel=24)[0]
    assert fine == pytest.approx(exact, rel=2e-3)  # midpoints: error of order (p / s g)^2


def test_l13_variance_of_a_mean_is_the_correlation_area_over_the_frame() -> None:
    # Border: grains of which a part lies outside; relative g / side, less than a tenth here.
    assert mean_variance(2.0, shape=(60, 90)) == pytest.approx(4 / math.pi * 4 / (60 * 90), rel=0.1)


@pytest.mark.parametrize(("level", "spread", "light"), [(3.0, 5.0, 0.0), (3.0, 5.0, 6.0), (20.0, 2.0, 4.0)])
def test_mean_of_clipped_counts(level: float, spread: float, light: float, rng: np.random.Generator) -> None:
    drawn = np.maximum(level + light * rng.exponential(size=200_000) + spread * rng.standard_normal(200_000), 0)
    expected = clipped_mean(level, spread=spread, light=light, contrast=1.0)
    # 64 quantiles of the light: some 1e-3 of what is clipped.
    assert expected == pytest.approx(drawn.mean(), abs=4 * drawn.std() / math.sqrt(drawn.size) + 1e-3 * spread)


def test_mean_of_counts_far_above_zero_is_that_of_the_light() -> None:
    assert clipped_mean(30.0, spread=2.0, light=500.0, contrast=1.0) == pytest.approx(530.0, rel=1e-9)


@pytest.mark.parametrize("scatter", [0.35, 0.6, 3.0])
def test_scatter_of_signals_is_found_in_rounded_counts(scatter: float, rng: np.random.Generator) -> None:
    counts = np.round(7.4 + scatter * rng.standard_normal(100_000))
    # Quantiles at a thousandth are known to 10 % of it, which is 0.03 of the scatter; both ends, four times.
    assert unrounded_scatter(counts) == pytest.approx(scatter, rel=0.1)


def test_scatter_that_rounding_hides_may_be_anything(rng: np.random.Generator) -> None:
    assert unrounded_scatter(np.full(100, 7.0)) == 0
    assert unrounded_scatter(np.round(7.45 + 0.05 * rng.standard_normal(10_000))) == 0


def test_noise_below_a_bound_is_no_more_than_its_counts_allow() -> None:
    # Counts that never change hide half a DN: a variance of 1/4 at most, evenly below.
    hidden = noise_below(3.4, temporal=0.0)
    assert (hidden.value, hidden.uncertainty) == pytest.approx((0.125, 0.25 / math.sqrt(12)))
    assert noise_below(0.2, temporal=0.0).value == pytest.approx(0.02)
    assert noise_below(9.0, temporal=1.0).value == pytest.approx(1.5**2 / 2)


def test_contrast_of_faint_light_on_few_pixels_is_unbiased(rng: np.random.Generator) -> None:
    # Eight electrons on 48 pixels: shot noise adds 1/8 to the squared contrast, means of frames take 2/48 of it.
    shape = (2000, 6, 8)
    electrons = rng.poisson(8 * rng.exponential(size=shape)).astype(float)
    light = FilledLight(
        electrons=electrons, clipped=np.zeros(shape, bool), filled_variance=np.zeros(2000),
        mean=electrons.mean(axis=(1, 2)), good=np.ones(shape[1:], bool), noise_variance=0.0, noise_doubt=0.0,
        row_covariance=0.0, column_covariance=0.0, rounding=0.0, level_doubt=0.0, exposure_time=1e-3,
    )  # fmt: skip
    seen = speckle_covariance(light, correlation=np.eye(7)[0], grains=48)
    grain = fit_grain(seen.values, seen.errors, shape=shape[1:])
    assert within(grain.pixel_contrast, 1.0)
    assert grain.pixel_contrast.uncertainty < 0.01
    assert grain.mean_variance == pytest.approx(1 / 48, rel=0.05)
    # A level that is off by 0.4 of 8 electrons changes the squared contrast by 2 x 0.05 of itself.
    doubtful = speckle_covariance(replace(light, level_doubt=0.4), correlation=np.eye(7)[0], grains=48)
    assert doubtful.errors[0, 0] - seen.errors[0, 0] == pytest.approx((0.1 * (seen.values[0] - 1)) ** 2, rel=0.1)


@pytest.mark.parametrize("seed", [1, 2])
def test_l34_off_state_light_and_macropixels_are_those_of_the_bench(seed: int) -> None:
    weights = np.linspace(0.6, 1.4, 48)
    weights[[7, 30]] = 0
    bench = bench_of(GAUSSIAN, seed=seed, weights=weights)
    figures = light_figures(observe_light(bench, seed=seed), known(CAMERA))
    rate = rate_of(bench, weights)
    live = weights > 0
    assert np.array_equal(figures.weights.live, live)
    assert within(figures.macropixel_rate, rate[live].mean())
    leak = bench.description.dmd.off_amplitude
    assert within(figures.switched_rate, rate[live].mean() * (1 - leak) ** 2)
    assert within(figures.static.off_amplitude, leak)
    assert within(figures.static.light, leak**2 * rate.sum())
    assert figures.static.off_amplitude.uncertainty < 0.05 * leak
    amplitude = weights / weights[live].mean()
    pulls = (figures.weights.amplitude - amplitude)[live] / figures.weights.amplitude_uncertainty[live]
    # 46 pulls: their mean square has a standard error of root of 2 / 46.
    assert np.mean(pulls**2) == pytest.approx(1, abs=4 * math.sqrt(2 / 46))
    ratio = anchor_ratio(figures.weights, anchor=np.arange(8, 18), signal=np.arange(31, 48))
    assert within(ratio, rate[8:18].mean() / rate[31:48].mean())
    assert within(figures.half_over_singles, 1.0)


@pytest.mark.parametrize(("medium", "square"), [
    (GAUSSIAN, 1.0),
    (PolarisedDescription(inside=GAUSSIAN, degree=0.4), 0.58),
    (PartiallyCoherentDescription(inside=GAUSSIAN, modes=12, linewidth=3e9, path_time=1e-10), 1 / (1 + 0.6 * math.pi)),
])  # fmt: skip
def test_l11_contrast_counts_the_modes(medium: MediumDescription, square: float) -> None:
    figures = found(medium, seed=3)
    grain = figures.grain
    # The modes of partially coherent light are reduced within 1 % of the contrast.
    assert abs(grain.pixel_contrast.value - square) <= 4 * grain.pixel_contrast.uncertainty + 0.02 * square * (
        square < 0.5
    )
    assert grain.pixel_contrast.uncertainty < 0.03 * square
    assert not grain.resolved
    assert grain.grain.bound == "upper"


@pytest.mark.parametrize("seed", [4, 5])
def test_l13_grain_and_contrast_are_told_apart(seed: int) -> None:
    figures = found(PolarisedDescription(inside=GRAIN, degree=0.5), seed=seed, contrast_ratio=math.inf)
    assert within(figures.grain.grain, 3.0)
    assert within(figures.grain.source_contrast, 0.625)
    assert figures.grain.grain.uncertainty < 0.1
    assert figures.static.off_amplitude.bound == "upper"
    assert figures.static.contrast_ratio.bound == "lower"


@pytest.mark.parametrize("medium", [GAUSSIAN, PolarisedDescription(inside=GRAIN, degree=0.3)])
def test_described_medium_shows_what_was_found(medium: MediumDescription) -> None:
    first = found(medium, seed=6)
    again = found(medium_description(first, collected_fraction=1e-3, pixel_pitch=5e-6), seed=7)
    for one, other in (
        (first.grain.pixel_contrast, again.grain.pixel_contrast), (first.grain.grain, again.grain.grain)
    ):  # fmt: skip
        assert one.bound == other.bound
        if not one.bound:
            assert abs(one.value - other.value) <= 4 * math.hypot(one.uncertainty, other.uncertainty)
