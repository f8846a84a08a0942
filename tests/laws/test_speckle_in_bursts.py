"""Drift and laser noise from bursts of speckle whose law is drawn here, without a bench."""

import math

import numpy as np
import pytest

from calibration.identification.burst_light import BurstLight, rounding_variance
from calibration.identification.decorrelation import fit_decorrelation
from calibration.identification.decorrelation_errors import decorrelation_errors
from calibration.identification.drift_laws import DriftLaw
from calibration.identification.frame_power import laser_noise, power_change

SHAPE = (30, 41)
PARTS, BURSTS, BURST = 2, 10, 6
NOISE = 1e-3


def speckle(
    rng: np.random.Generator, *, law: str, time: float, white: float = 0.0, laser: float = 0.0, slow: float = 0.0
) -> BurstLight:
    """Bursts 1 s apart of two single-mode speckles; some of each new in each frame; shot noise of 1000 electrons."""
    times = (np.arange(BURSTS)[:, np.newaxis] + 1e-3 * np.arange(BURST)).ravel()
    lags = np.abs(np.subtract.outer(times, times)) / time
    field = np.exp(-lags if law == "exponential" else -(lags**2))
    field = math.sqrt(1 - white) * field + (1 - math.sqrt(1 - white)) * np.eye(len(times))
    root = np.linalg.cholesky(field + 1e-9 * np.eye(len(times)))
    size = (PARTS, len(times), math.prod(SHAPE))
    light = np.abs(root @ (rng.standard_normal(size) + 1j * rng.standard_normal(size))) ** 2 / 2
    return seen(light, rng, times=times, laser=laser, slow=slow)


def seen(
    light: np.ndarray, rng: np.random.Generator, *, times: np.ndarray, laser: float = 0.0, slow: float = 0.0
) -> BurstLight:
    """The light with the noise of laser and camera."""
    size = light.shape
    bursts = np.repeat(np.arange(BURSTS), BURST)
    power = 1 + laser * rng.standard_normal(size[:2]) + slow * np.linspace(-1, 1, BURSTS)[bursts]
    light *= power[..., np.newaxis]
    light += np.sqrt(NOISE * light) * rng.standard_normal(size)
    means = light.mean(axis=2)
    share = light.mean(axis=1)
    return BurstLight(
        patterns=light / means[..., np.newaxis] - 1, power=means / means.mean(axis=1, keepdims=True),
        noise=NOISE / means, noise_share=share / share.mean(axis=1, keepdims=True), noise_uncertainty=0.0,
        power_noise=np.full(PARTS, NOISE / size[2]),
        times=times, bursts=bursts, counted=np.ones(SHAPE, np.bool_),
    )  # fmt: skip


@pytest.mark.parametrize(("law", "time"), [("exponential", 3.0), ("exponential", 200.0), ("gaussian", 6.0)])
@pytest.mark.parametrize("white", [0.0, 0.03])
def test_l16_drift_and_vibration_are_told_apart(law: str, time: float, white: float, rng: np.random.Generator) -> None:
    light = speckle(rng, law=law, time=time, white=white)
    own = DriftLaw(name=law)
    fit = fit_decorrelation(light, law=own)
    errors = decorrelation_errors(fit, light, share=0.0)
    deviation = np.sqrt(np.diag(errors.total))
    assert abs(fit.parameters[1] - own.rate(time)) < 4 * deviation[1]
    assert deviation[1] < 0.25 * own.rate(time)
    assert abs(fit.parameters[2] - white) < 4 * deviation[2]
    other = DriftLaw(name="gaussian" if law == "exponential" else "exponential")
    assert fit.log_likelihood > fit_decorrelation(light, law=other).log_likelihood


@pytest.mark.parametrize("time", [20.0, 60.0])
def test_drift_of_few_channels_is_found_by_their_beats(time: float, rng: np.random.Generator) -> None:
    channels = 60
    times = (np.arange(BURSTS)[:, np.newaxis] + 1e-3 * np.arange(BURST)).ravel()
    quantiles = np.tan(math.pi * ((np.arange(channels) + 0.5) / channels - 0.5))
    turns = np.exp(1j * np.outer(times, quantiles / time))
    size = (PARTS, channels, math.prod(SHAPE))
    amplitudes = rng.standard_normal(size) + 1j * rng.standard_normal(size)
    # A channel that a part of the macropixels hardly feeds hardly counts: weights are exponential variates.
    amplitudes *= np.sqrt(rng.exponential(size=(PARTS, channels, 1)))
    light = seen(np.abs(turns @ amplitudes) ** 2 / (2 * channels), rng, times=times)
    law = DriftLaw(name="exponential", channels=channels)
    fit = fit_decorrelation(light, law=law)
    fastest = float(quantiles[-1] / time * times[-1])
    # The beats of the fastest channels are followed to a quarter of a radian of those that turn by then.
    assert law.time(fit.parameters[1]) == pytest.approx(time, rel=0.25 / fastest)
    assert fit.log_likelihood > fit_decorrelation(light, law=DriftLaw(name="exponential")).log_likelihood


@pytest.mark.parametrize("time", [2.0, 300.0])
def test_laser_noise_is_told_from_speckle_that_moves(time: float, rng: np.random.Generator) -> None:
    found = laser_noise(speckle(rng, law="exponential", time=time, white=0.02, laser=0.02))
    assert not found.bound
    assert abs(found.value - 0.02) < 4 * found.uncertainty
    still = laser_noise(speckle(rng, law="exponential", time=time, white=0.02))
    # Speckle of which 0.02 is new in each frame moves the mean of 1230 pixels by sqrt(0.02 / 1230) = 0.4 %.
    assert still.bound == "upper"
    assert still.value < 0.01


def test_power_that_climbs_is_seen_beyond_speckle(rng: np.random.Generator) -> None:
    light = speckle(rng, law="exponential", time=1e6, laser=0.005, slow=0.04)
    change = power_change(light, noise=laser_noise(light))
    rms = 0.04 * math.sqrt(float(np.mean(np.linspace(-1, 1, BURSTS) ** 2)))
    assert not change.bound
    assert change.value == pytest.approx(rms, rel=0.25)
    steady = speckle(rng, law="exponential", time=1e6, laser=0.005)
    assert power_change(steady, noise=laser_noise(steady)).bound == "upper"


@pytest.mark.parametrize("deviation", [0.05, 0.15, 0.3, 0.8])
def test_rounding_adds_to_the_scatter_what_changes_of_it(deviation: float, rng: np.random.Generator) -> None:
    places = rng.random((1, 20_000))
    counts = np.floor(places + deviation * rng.standard_normal((60, 20_000)) + 0.5)
    found = counts.var(axis=0, ddof=1)
    expected = deviation**2 + rounding_variance(np.array(deviation**2))
    assert found.mean() == pytest.approx(float(expected), abs=4 * found.std() / math.sqrt(20_000))


@pytest.mark.parametrize("name", ["exponential", "gaussian"])
def test_many_channels_are_the_law_and_slopes_its_derivatives(name: str) -> None:
    times = np.array([0.0, 0.4, 1.1, 3.0])
    many, law = DriftLaw(name=name, channels=5000), DriftLaw(name=name)
    for one, own in ((many, 2e-3), (law, 1e-12)):
        field, slope = one.correlation(times, rate=0.7)
        assert field == pytest.approx(law.correlation(times, rate=0.7)[0], abs=own)
        ends = [one.correlation(times, rate=0.7 + step)[0] for step in (1e-6, -1e-6)]
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-6)
    assert law.time(law.rate(3.7)) == pytest.approx(3.7)
    assert math.isinf(law.time(0.0))
    assert np.all(many.correlation(times, rate=0.0)[0] == 1)


def test_laws_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="name = 'lorentzian' is not known|law = 'lorentzian' is not known"):
        DriftLaw(name="lorentzian")
    with pytest.raises(ValueError, match="channels = 1 is not allowed"):
        DriftLaw(name="gaussian", channels=1)
