"""The camera chain, step by step: each step alone against its closed form, and the order of all."""

from dataclasses import replace

import numpy as np
import pytest

from optics import Camera
from optics.sensor import Sensor

FRAMES = 300
RATE = 4.0e5
TIME = 5e-3  # 2000 photons, 1200 electrons


@pytest.fixture
def linear(camera: Camera) -> Camera:
    """A 16-bit camera whose rounding is far below its noise."""
    return replace(camera, bits=16, gain=2.0, black_level=100.0, full_well=30_000.0)


def expose(camera: Camera, *, rate: float = RATE, frames: int = FRAMES, seed: int = 3) -> np.ndarray:
    light = np.full((frames, *camera.shape), rate, np.float32)
    return Sensor(camera, seed=seed).expose(light, exposure_time=TIME, first=0).astype(np.float64)


def test_photon_transfer_variance_is_linear_in_mean(linear: Camera) -> None:
    # Laws L41 and L42: var = K^2 sigma_d^2 + 1/12 + K (mean - black level). 216 000 draws a level: the variance
    # has a relative standard error sqrt(2 / n).
    for rate in (0.0, 1e5, 1e6):
        counts = expose(linear, rate=rate)
        predicted = 4 * 13**2 + 1 / 12 + 2.0 * (counts.mean() - 100)
        assert counts.var() == pytest.approx(predicted, rel=4 * np.sqrt(2 / counts.size))


def test_mean_signal_is_gain_times_efficiency_times_photons(linear: Camera) -> None:
    counts = expose(linear)
    electrons = 0.6 * RATE * TIME
    error = 4 * np.sqrt((electrons + 13**2) / counts.size)
    assert (counts.mean() - 100) / 2 == pytest.approx(electrons, abs=error)


def test_dark_frames_show_black_level_dark_current_and_background(linear: Camera) -> None:
    counts = expose(replace(linear, dark_current=4e3, background=1e4), rate=0.0)
    electrons = 4e3 * TIME + 0.6 * 1e4 * TIME
    assert (counts.mean() - 100) / 2 == pytest.approx(electrons, abs=4 * np.sqrt((electrons + 169) / counts.size))


def test_hot_pixels_have_their_own_dark_current(linear: Camera) -> None:
    hot = replace(linear, rows=100, hot_pixels=0.1, hot_pixel_current=1e6)
    mean = (expose(hot, rate=0.0, frames=20).mean(axis=0) - 100) / 2
    assert np.mean(mean > 2500) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / mean.size))
    assert mean[mean > 2500].mean() == pytest.approx(1e6 * TIME, rel=0.01)


def test_prnu_and_offsets_are_the_same_in_every_frame(linear: Camera) -> None:
    patterned = replace(linear, rows=100, prnu=0.05, dsnu=40.0, row_offset=30.0, column_offset=20.0)
    patterned = replace(patterned, black_level=1000.0)  # so that no offset is clipped at zero
    bright = (expose(patterned).mean(axis=0) - 1000) / 2
    dark = (expose(patterned, rate=0.0).mean(axis=0) - 1000) / 2
    # 3000 pixels: an rms has a relative standard error 1 / sqrt(2 n); averaging 300 frames leaves 2 electrons.
    assert (bright - dark).std() == pytest.approx(0.05 * 1200, rel=0.06)
    columns, rows = dark.mean(axis=0), dark.mean(axis=1)
    assert (dark - rows[:, None] - columns + dark.mean()).std() == pytest.approx(40, rel=0.06)
    assert rows.std() == pytest.approx(30, rel=4 / np.sqrt(200))
    assert columns.std() == pytest.approx(20, rel=4 / np.sqrt(60) + 0.03)


def test_temporal_row_and_column_noise_are_common_to_lines(linear: Camera) -> None:
    striped = replace(linear, read_noise=0.0, row_noise=9.0, column_noise=5.0)
    electrons = (expose(striped, rate=0.0) - 100) / 2
    rows, columns = electrons.mean(axis=2), electrons.mean(axis=1)
    # Rounding adds 1 / 48 electrons^2 a pixel; a line of the other kind adds its variance over its number.
    assert rows.var() == pytest.approx(81 + 25 / 30, rel=4 * np.sqrt(2 / rows.size) + 0.01)
    assert columns.var() == pytest.approx(25 + 81 / 24, rel=4 * np.sqrt(2 / columns.size) + 0.01)
    rest = electrons - rows[:, :, None] - columns[:, None, :] + electrons.mean(axis=(1, 2), keepdims=True)
    assert rest.var() < 0.05


def test_crosstalk_moves_light_to_the_four_neighbours_and_keeps_its_sum(linear: Camera) -> None:
    light = np.zeros((400, *linear.shape), np.float32)
    light[:, 10, 12] = 2e6
    counts = Sensor(replace(linear, crosstalk=0.05), seed=1).expose(light, exposure_time=TIME, first=0)
    electrons = (counts.mean(axis=0) - 100) / 2
    near = [electrons[9, 12], electrons[11, 12], electrons[10, 11], electrons[10, 13]]
    assert near == pytest.approx([0.05 * 6000] * 4, abs=4 * np.sqrt((300 + 169) / 400))
    assert electrons[10, 12] == pytest.approx(0.8 * 6000, abs=4 * np.sqrt(4969 / 400))
    assert electrons[9, 11] == pytest.approx(0, abs=4 * np.sqrt(169 / 400))


def test_lag_shows_in_the_next_frame_whatever_the_batch(linear: Camera) -> None:
    lagging = replace(linear, lag=0.1, rows=60)
    light = np.zeros((4, *lagging.shape), np.float32)
    light[1] = 2e6
    whole = Sensor(lagging, seed=1).expose(light.copy(), exposure_time=TIME, first=0)
    electrons = (whole.mean(axis=(1, 2)) - 100) / 2
    assert electrons == pytest.approx([0, 5400, 600, 0], abs=4 * np.sqrt(6169 / 1800))
    sensor = Sensor(lagging, seed=1)
    parts = [sensor.expose(light[k : k + 1].copy(), exposure_time=TIME, first=k) for k in range(4)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_full_well_clips_before_the_read_noise(linear: Camera) -> None:
    counts = expose(replace(linear, full_well=1000.0), rate=1e8)
    # The Poisson noise is gone; what is left is the read noise of 13 electrons around the full well.
    assert counts.mean() == pytest.approx(100 + 2 * 1000, abs=4 * 2 * 13 / np.sqrt(counts.size))
    assert counts.std() == pytest.approx(2 * 13, rel=4 / np.sqrt(2 * counts.size) + 1e-3)


def test_nonlinearity_loses_its_share_at_full_well(linear: Camera) -> None:
    counts = expose(replace(linear, nonlinearity=0.04, full_well=2400.0), rate=1e8)
    assert (counts.mean() - 100) / 2 == pytest.approx(2400 * 0.96, abs=0.2)


def test_converter_rounds_half_up_and_clips(camera: Camera) -> None:
    quiet = replace(camera, read_noise=0.0, gain=0.25, full_well=1e4, black_level=0.5)
    light = np.zeros((1, *quiet.shape), np.float32)
    assert np.all(Sensor(quiet, seed=1).expose(light, exposure_time=TIME, first=0) == 1)  # floor(0.5 + 0.5)
    light[:] = 1e9
    assert np.all(Sensor(quiet, seed=1).expose(light, exposure_time=TIME, first=0) == 255)


def test_converter_has_no_mean_bias_where_noise_dithers_it(camera: Camera) -> None:
    # Law L46: at sigma = 1 DN the mean of rounding is exact to exp(-2 pi^2) / pi = 8e-10 DN.
    dithered = replace(camera, gain=0.1, read_noise=10.0, black_level=20.3)
    counts = expose(dithered, rate=0.0)
    assert counts.mean() == pytest.approx(20.3, abs=4 * np.sqrt((1 + 1 / 12) / counts.size))


def test_left_aligned_words_are_multiples_of_the_step(camera: Camera) -> None:
    left = replace(camera, bits=12, alignment="left", gain=0.4)
    right = replace(left, alignment="right")
    assert np.array_equal(expose(left, frames=5), 16 * expose(right, frames=5))


def test_frames_are_the_same_whatever_the_batch_and_the_blocks(camera: Camera) -> None:
    # 300 x 400 pixels are two row blocks of 163 rows.
    large = replace(camera, rows=300, columns=400, row_noise=2.0, column_noise=3.0, prnu=0.02)
    rng = np.random.default_rng(0)
    light = rng.exponential(RATE, (5, *large.shape)).astype(np.float32)
    whole = Sensor(large, seed=9).expose(light.copy(), exposure_time=TIME, first=40)
    single = Sensor(large, seed=9)
    parts = [single.expose(light[k : k + 1].copy(), exposure_time=TIME, first=40 + k) for k in range(5)]
    assert np.array_equal(whole, np.concatenate(parts))
    assert not np.array_equal(whole[0], Sensor(large, seed=9).expose(light[:1].copy(), exposure_time=TIME, first=41)[0])
    assert not np.array_equal(whole[0], Sensor(large, seed=8).expose(light[:1].copy(), exposure_time=TIME, first=40)[0])


def test_single_precision_moves_one_count_in_a_thousand_at_most(linear: Camera) -> None:
    # Without light and read noise the chain is a deterministic map of the offsets. In float32 a value near 2^15
    # has a spacing of 2^-8: rounding goes the other way for at most that fraction of the pixels.
    quiet = replace(linear, read_noise=0.0, dsnu=3000.0, black_level=30_000.0, rows=200)
    sensor = Sensor(quiet, seed=2)
    counts = sensor.expose(np.zeros((1, *quiet.shape), np.float32), exposure_time=TIME, first=0)[0]
    exact = np.clip(np.floor(2.0 * sensor.pattern.offset.astype(np.float64) + 30_000.5), 0, 65_535)
    differing = np.abs(counts - exact)
    assert differing.max() <= 1
    assert np.mean(differing > 0) < 2**-8


def test_nonlinearity_grows_with_the_square_of_the_charge(linear: Camera) -> None:
    # Half full, a quarter of the loss at full well: e (1 - 0.04 e / 2400) at e = 1200.
    counts = expose(replace(linear, nonlinearity=0.04, full_well=2400.0))
    loss = 0.04 / 2400 * (1200**2 + 1200)  # the mean square of a Poisson charge
    assert (counts.mean() - 100) / 2 == pytest.approx(1200 - loss, abs=4 * np.sqrt(1369 / counts.size))


def test_column_noise_is_common_to_all_row_blocks(linear: Camera) -> None:
    # 300 x 400 pixels are two row blocks: a column carries the same noise in both.
    striped = replace(linear, rows=300, columns=400, read_noise=0.0, column_noise=5.0)
    electrons = (expose(striped, rate=0.0, frames=3) - 100) / 2
    assert np.abs(electrons - electrons[:, :1]).max() < 0.3


@pytest.mark.parametrize("binning_kind", ["charge", "average"])
def test_frames_are_the_same_bits_for_any_batch_and_thread_count(
    linear: Camera, monkeypatch: pytest.MonkeyPatch, binning_kind: str
) -> None:
    # Every step that could remember or share something, over frames of two row blocks.
    busy = replace(
        linear, rows=300, columns=400, prnu=0.02, dsnu=3.0, row_offset=1.0, row_noise=2.0, column_noise=1.5,
        crosstalk=0.01, lag=0.05, hot_pixels=0.01, hot_pixel_current=1e5, dead_pixels=0.01, nonlinearity=0.02,
        integral_nonlinearity=3.0, differential_nonlinearity=0.1, background=1e5, flicker_depth=0.5,
        binning=2, binning_kind=binning_kind,
    )  # fmt: skip
    light = np.random.default_rng(1).exponential(RATE, (7, *busy.shape)).astype(np.float32)
    times = np.arange(7) * 7e-3

    def frames(batch: int, processors: int) -> np.ndarray:
        monkeypatch.setattr("optics.sensor._processors", lambda: processors)
        sensor = Sensor(busy, seed=4)
        parts = [
            sensor.expose(light[k : k + batch].copy(), exposure_time=TIME, first=k, timestamps=times[k : k + batch])
            for k in range(0, 7, batch)
        ]
        return np.concatenate(parts)

    whole = frames(7, 2)
    for batch, processors in ((7, 1), (1, 2), (3, 5), (2, 1)):
        assert np.array_equal(frames(batch, processors), whole)
    assert not np.array_equal(whole[0], whole[1])
