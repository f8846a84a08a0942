"""Fixed patterns belong to the sensor: regions show its pixels; dead, hot and binned pixels behave as such."""

from dataclasses import replace

import numpy as np
import pytest

from optics import Camera, Sensor
from optics.sensing.binning import delivered_camera
from optics.sensing.fixed_pattern import draw_fixed_pattern

PATTERN = {"prnu": 0.05, "dsnu": 4.0, "row_offset": 3.0, "column_offset": 2.0, "hot_pixels": 0.02, "dead_pixels": 0.01}


def test_a_region_shows_the_pixels_that_the_whole_sensor_shows_there(camera: Camera) -> None:
    whole = replace(camera, rows=150, columns=170, hot_pixel_current=1e5, **PATTERN)
    part = whole.region(rows=60, columns=31, top=70, left=12)
    here, there = draw_fixed_pattern(part, seed=5), draw_fixed_pattern(whole, seed=5)
    inside = (slice(70, 130), slice(12, 43))
    assert np.array_equal(here.response_deviation, there.response_deviation[inside])
    assert np.array_equal(here.offset, there.offset[inside])
    hot = np.zeros(whole.shape, bool)
    hot[there.hot_rows, there.hot_columns] = True
    seen = np.zeros(part.shape, bool)
    seen[here.hot_rows, here.hot_columns] = True
    assert np.array_equal(seen, hot[inside])
    assert 10 < seen.sum() < 80
    again = part.region(rows=10, columns=8, top=5, left=3)
    assert (again.top, again.left, again.sensor_shape) == (75, 15, (150, 170))
    assert np.array_equal(draw_fixed_pattern(again, seed=5).response_deviation, there.response_deviation[75:85, 15:23])


def test_dead_pixels_show_no_light(camera: Camera) -> None:
    device = replace(camera, rows=100, columns=120, bits=12, gain=0.3, dead_pixels=0.03)
    counts = Sensor(device, seed=2).expose(np.full((6, *device.shape), 4e6, np.float32), exposure_time=1e-3, first=0)
    dark = counts.mean(axis=0) < 100
    assert dark.mean() == pytest.approx(0.03, abs=4 * np.sqrt(0.03 * 0.97 / dark.size))
    assert counts.mean(axis=0)[dark].mean() == pytest.approx(3, abs=0.5)
    assert counts.mean(axis=0)[~dark].mean() == pytest.approx(3 + 0.3 * 2400, rel=0.01)


def test_regions_that_leave_the_sensor_are_refused(camera: Camera) -> None:
    with pytest.raises(ValueError, match=r"a region of 20 x 30 pixels from \(5, 0\) on leaves the 24 x 30 pixels"):
        camera.region(rows=20, columns=30, top=5)
    with pytest.raises(ValueError, match="24 rows from 80 on reach beyond the 100 rows of the sensor"):
        replace(camera, top=80, sensor_rows=100)
    with pytest.raises(ValueError, match="columns = 30 is no multiple of binning = 4"):
        replace(camera, binning=4)


@pytest.mark.parametrize("kind", ["charge", "sum", "average"])
@pytest.mark.parametrize("binning", [2, 3])
def test_binned_counts_follow_the_camera_that_is_delivered(camera: Camera, binning: int, kind: str) -> None:
    # Photon transfer of even light through the binned sensor against gain, black level and noise that it states.
    device = replace(
        camera, rows=36 * binning, columns=40 * binning, bits=12, gain=0.2, read_noise=9.0, black_level=20.0,
        dark_current=2e4, background=1e5, prnu=0.02, dsnu=3.0, row_noise=2.0, column_noise=1.5,
        binning=binning, binning_kind=kind,
    )  # fmt: skip
    seen = delivered_camera(device)
    assert seen.shape == (36, 40)
    sensor = Sensor(device, seed=6)
    time, frames = 1e-3, 300
    found = []
    for first, rate in ((0, 0.0), (frames, 1.2e6)):
        light = np.full((frames, *device.shape), rate, np.float32)
        counts = sensor.expose(light, exposure_time=time, first=first).astype(np.float64)
        assert counts.shape == (frames, *seen.shape)
        found.append((counts.mean(), counts.var(axis=0, ddof=1).mean()))
    for (mean, variance), rate in zip(found, (0.0, 1.2e6 * binning**2), strict=True):
        charge = time * (seen.quantum_efficiency * (rate + seen.background) + seen.dark_current)
        predicted = seen.black_level + seen.gain * charge
        # The pattern of 1440 bins moves the mean: PRNU 0.02 / n a bin, offsets of a bin, of 36 rows and of 40 columns.
        pattern = np.sqrt((seen.prnu * charge) ** 2 / 1440 + seen.dsnu**2 / 1440) * seen.gain
        lines = seen.gain * np.hypot(seen.row_noise / np.sqrt(36), seen.column_noise / np.sqrt(40)) / np.sqrt(frames)
        assert mean == pytest.approx(predicted, abs=4 * pattern + 4 * lines + 4 * np.sqrt(variance / 432_000))
        law = float(seen.temporal_variance(np.array(mean)))
        # Row and column noise are a few draws a frame: their variance is known to sqrt(2 / (36 x 300)).
        shared = seen.gain**2 * (seen.row_noise**2 + seen.column_noise**2) * np.sqrt(2 / 10_800)
        assert variance == pytest.approx(law, abs=4 * law * np.sqrt(2 / 432_000) + 4 * shared)


def test_digital_bins_clip_at_the_largest_count(camera: Camera) -> None:
    device = replace(camera, binning=2, binning_kind="sum")
    light = np.full((2, *device.shape), 1e9, np.float32)
    assert np.all(Sensor(device, seed=1).expose(light, exposure_time=1e-3, first=0) == 255)
    average = replace(device, binning_kind="average", full_well=4000.0, read_noise=0.0)
    # 0.025 x 4000 + 3 = 103 DN in every pixel of a bin.
    light = np.full((2, *device.shape), 1e9, np.float32)
    assert np.all(Sensor(average, seed=1).expose(light, exposure_time=1e-3, first=0) == 103)
