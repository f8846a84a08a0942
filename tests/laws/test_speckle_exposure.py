"""Laws L47 and L48: clipping of exponential intensities and the exposure that suits them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import lambertw

from calibration import best_full_scale
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
