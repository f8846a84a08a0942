"""Laws L47 and L48: clipping of exponential intensities and the exposure that suits them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import lambertw

from calibration import best_full_scale, clipped_fraction, intensity_error
from optics import Camera
from optics.sensor import Sensor


@pytest.mark.parametrize("bits", [6, 8, 10])
def test_l48_quantisation_alone_gives_lambert_w(camera: Camera, bits: int) -> None:
    # So much light that shot noise moves it by less than 0.01, no read noise: S* = W(12 4^b), with 2^b - 1 steps.
    ideal = replace(camera, bits=bits, read_noise=0.0, black_level=0.0, gain=(2**bits - 1) / 1e8, full_well=1e8)
    assert best_full_scale(ideal) == pytest.approx(lambertw(12 * (2**bits - 1) ** 2).real, abs=0.01)


def test_l48_shot_noise_alone_gives_the_logarithm_of_twice_the_well(camera: Camera) -> None:
    bright = replace(camera, bits=16, read_noise=0.0, black_level=0.0, gain=65_535 / 1e4, full_well=1e4)
    assert best_full_scale(bright) == pytest.approx(np.log(2e4), abs=0.01)


def test_l48_the_optimum_is_that_of_the_simulated_sensor(camera: Camera) -> None:
    # The mean square error of simulated counts, as a function of the mean light: 240 x 300 grains an exposure, the
    # same light and noise at each (the streams are keyed), so that the curve is smooth.
    sensor = Sensor(replace(camera, rows=240, columns=300, read_noise=13.0), seed=5)
    speckle = np.random.default_rng(3).exponential(1.0, (4, 240, 300)).astype(np.float32)

    def error(scale: float) -> float:
        mean = camera.saturation_charge / scale
        rate = speckle * np.float32(mean / camera.quantum_efficiency)
        counts = sensor.expose(rate, exposure_time=1.0, first=0)
        relative = (counts - 3.0) / (camera.gain * mean) - speckle
        return float(np.mean(relative**2))

    scales = np.arange(8.0, 11.6, 0.25)
    bend, slope, _ = np.polyfit(scales, np.log([error(scale) for scale in scales]), 2)
    # A flat minimum: clipping of the read noise at zero and the parabola move it by some tenths.
    assert best_full_scale(sensor.camera) == pytest.approx(-slope / (2 * bend), abs=0.4)


@pytest.mark.parametrize("scale", [3.0, 5.0])
def test_l47_clipped_fraction_and_mean(camera: Camera, scale: float) -> None:
    large = replace(camera, rows=240, columns=300, read_noise=0.0, bits=16, gain=1.0, full_well=6e4, black_level=0.0)
    speckle = np.random.default_rng(4).exponential(6e4 / scale, (2, 240, 300)).astype(np.float32)
    counts = Sensor(large, seed=1).expose(speckle / np.float32(0.6), exposure_time=1.0, first=0)
    n = counts.size
    clipped = np.exp(-scale)
    assert np.mean(counts >= 59_999) == pytest.approx(clipped, abs=4 * np.sqrt(clipped * (1 - clipped) / n) + 1e-4)
    assert counts.mean() / (6e4 / scale) == pytest.approx(1 - clipped, abs=4 / np.sqrt(n))


@pytest.mark.parametrize("freedom", [1, 2, 5])
def test_l48_the_gamma_law_gives_the_error_of_light_that_is_summed_from_exponentials(
    rng: np.random.Generator, camera: Camera, freedom: int
) -> None:
    # Intensity of M modes: the mean of M exponentials. Clipping, rounding and noise by hand, 4 million pixels: the
    # relative error of a mean is measured from the draws themselves.
    light = rng.exponential(1.0, (freedom, 4_000_000)).mean(axis=0)
    device = replace(camera, black_level=0.0, read_noise=20.0)
    for scale in (2.0, 3.5):
        hidden = np.maximum(light - scale, 0) ** 2
        clipped = clipped_fraction(scale, degrees_of_freedom=freedom)
        assert np.mean(light > scale) == pytest.approx(clipped, abs=4 * np.sqrt(clipped / light.size))
        mean = device.saturation_charge / scale  # electrons
        noise = 20.0**2 + 1 / (12 * 0.025**2) + mean
        predicted = hidden.mean() + noise / mean**2
        error = 4 * hidden.std() / np.sqrt(light.size)
        assert intensity_error(device, scale, degrees_of_freedom=freedom) == pytest.approx(predicted, abs=error)


@pytest.mark.parametrize("freedom", [1, 2, 4])
def test_l48_the_optimum_of_integrated_speckle_is_that_of_simulated_counts(
    rng: np.random.Generator, camera: Camera, freedom: int
) -> None:
    # 2 million pixels of M exponentials each through a converter written out here, the same draws at each exposure.
    light = rng.exponential(1.0, (freedom, 2_000_000)).mean(axis=0)
    normal, shot = rng.standard_normal((2, light.size))
    device = replace(camera, read_noise=40.0, black_level=20.0)
    full = (255 - 20) / 0.025  # the converter ends first: electrons

    def error(scale: float) -> float:
        charge = light * full / scale
        counts = np.clip(np.floor(0.025 * (charge + np.sqrt(charge) * shot + 40 * normal) + 20.5), 0, 255)
        return float(np.mean(((counts - 20) / 0.025 * scale / full - light) ** 2))

    best = best_full_scale(device, freedom)
    scales = best * np.array([0.8, 0.9, 1.0, 1.1, 1.25])
    errors = np.array([error(scale) for scale in scales])
    # At a minimum the parabola through the logarithms has its vertex; a fit over 40 % of asymmetry moves it by 5 %.
    bend, slope, _ = np.polyfit(np.log(scales), np.log(errors), 2)
    assert np.exp(-slope / (2 * bend)) == pytest.approx(best, rel=0.05)
    # Shot noise that crosses the edge and the tail of few pixels are what is left of the size itself.
    assert errors[2] == pytest.approx(intensity_error(device, best, degrees_of_freedom=freedom), rel=0.03)


def test_l48_even_light_belongs_just_below_saturation(camera: Camera) -> None:
    # M -> infinity: no tail to clip, noise alone; with a relative rms of 1 / sqrt(M) = 1 % one to four rms are kept.
    assert 1.01 < best_full_scale(camera, 1e4) < 1.04
