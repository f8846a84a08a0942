"""Background light: its mean, its flicker over exposures and over the rows of a rolling shutter."""

from dataclasses import replace

import numpy as np
import pytest

from optics import Camera, Sensor, Shutter
from optics.sensing.background import background_photons


@pytest.mark.parametrize("exposure", [1e-4, 3e-3, 0.01, 0.0137])
def test_flicker_is_the_integral_of_the_lamp_over_the_exposure(camera: Camera, exposure: float) -> None:
    lit = replace(camera, background=1e6, flicker_depth=0.6, flicker_frequency=100.0)
    starts = np.array([0.0, 1.3e-3, 0.0042, 1.0071])
    found = background_photons(lit, exposure_time=exposure, timestamps=starts)[:, 0, 0]
    # The trapezoidal rule on 20 000 points of 1 + 0.6 sin(2 pi 100 t), good to 1e-8.
    time = starts[:, None] + np.linspace(0, exposure, 20_001)
    lamp = 1e6 * np.trapezoid(1 + 0.6 * np.sin(2 * np.pi * 100 * time), time, axis=1)
    assert found == pytest.approx(lamp, rel=1e-6)


def test_steady_background_needs_no_times(camera: Camera) -> None:
    lit = replace(camera, background=1e6)
    assert background_photons(lit, exposure_time=2e-3, timestamps=np.zeros(3)).ravel() == pytest.approx([2000] * 3)
    light = np.zeros((3, *camera.shape), np.float32)
    counts = Sensor(lit, seed=1).expose(light, exposure_time=2e-3, first=0)
    assert counts.mean() == pytest.approx(3 + 0.025 * 1200, abs=0.1)
    with pytest.raises(ValueError, match="the background flickers: timestamps must say when each frame starts"):
        Sensor(replace(lit, flicker_depth=0.1), seed=1).expose(light, exposure_time=2e-3, first=0)


def test_a_rolling_shutter_shows_flicker_as_bands(camera: Camera) -> None:
    rolling = replace(
        camera, rows=200, bits=12, gain=0.3, background=4e6, flicker_depth=1.0, flicker_frequency=100.0,
        shutter=Shutter(kind="rolling", row_time=50e-6),
    )  # fmt: skip
    light = np.zeros((4, *rolling.shape), np.float32)
    counts = Sensor(rolling, seed=1).expose(light, exposure_time=1e-3, first=0, timestamps=np.zeros(4))
    rows = counts.mean(axis=(0, 2)) - 3
    # 200 rows of 50 us are one period of 10 ms: one bright band, the quarter after the start.
    swing = np.sinc(0.1)
    middle = 50e-6 * np.arange(200) + 0.5e-3
    law = 0.3 * 0.6 * 4000 * (1 + swing * np.sin(2 * np.pi * 100 * middle))
    assert rows == pytest.approx(law, abs=5 * 0.3 * np.sqrt((4800 + 169) / 120))
    still = replace(rolling, shutter=Shutter(row_time=50e-6))
    even = (
        Sensor(still, seed=1).expose(light * 0, exposure_time=1e-3, first=0, timestamps=np.zeros(4)).mean(axis=(0, 2))
    )
    assert np.ptp(even) < 6 * 0.3 * np.sqrt(2 * (2400 + 169) / 120)
