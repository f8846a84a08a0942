"""The converter: rounding without bias at every bit depth, its non-linearities, its end points."""

from dataclasses import replace

import numpy as np
import pytest

from optics import Camera, Sensor
from optics.sensing.converter import convert
from optics.sensing.fixed_pattern import draw_fixed_pattern


def device(camera: Camera, bits: int, *, level: float, noise: float) -> Camera:
    """A camera in the dark whose black level lies anywhere in the range of its converter; one DN an electron."""
    return replace(
        camera, rows=1000, columns=900, bits=bits, gain=1.0, full_well=2.0**bits + 100, black_level=level,
        read_noise=noise, quantum_efficiency=1.0,
    )  # fmt: skip


@pytest.mark.parametrize("alignment", ["right", "left"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.97])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_converter_has_no_mean_bias_at_any_bit_depth(camera: Camera, bits: int, part: float, alignment: str) -> None:
    # Law L46: with 0.7 DN of noise rounding moves the mean by at most exp(-2 pi^2 0.49) / pi = 2e-5 DN. 3.6 million
    # draws leave 0.77 / sqrt(n) = 0.0004 DN; the offset of a third of a DN is no multiple of any float's last bit.
    level = np.floor(part * (2**bits - 24)) + 1 / 3
    dark = replace(device(camera, bits, level=level, noise=0.7), alignment=alignment)
    counts = Sensor(dark, seed=1).expose(np.zeros((4, *dark.shape), np.float32), exposure_time=1e-3, first=0)
    mean = dark.digital_numbers(counts).mean(dtype=np.float64)
    assert mean == pytest.approx(level, abs=0.002)
    assert dark.digital_numbers(counts).var(dtype=np.float64) == pytest.approx(0.49 + 1 / 12, rel=0.005)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_all_counts_are_reached_and_none_beyond(camera: Camera, bits: int) -> None:
    ramp = np.linspace(-50, 2**bits + 50, 999_000).astype(np.float32).reshape(1, 999, 1000)
    dark = device(camera, bits, level=0.0, noise=0.0)
    out = np.empty(ramp.shape, dark.word)
    convert(ramp.copy(), dark, thresholds=None, out=out)
    assert np.array_equal(np.unique(out), np.arange(2**bits))
    assert np.array_equal(out, np.clip(np.floor(ramp.astype(np.float64) + 0.5), 0, 2**bits - 1))


def test_integral_nonlinearity_is_a_bow_of_the_stated_height(camera: Camera) -> None:
    bent = replace(device(camera, 12, level=0.0, noise=0.0), integral_nonlinearity=-8.0)
    signal = np.array([[0.0, 1023.75, 2047.5, 3071.25, 4095.0]], np.float32)
    out = np.empty(signal.shape, bent.word)
    convert(signal.copy(), bent, thresholds=None, out=out)
    # -8 x 4 u (1 - u): zero at the ends, -6 at a quarter, -8 at the middle.
    assert out.tolist() == [[0, 1018, 2040, 3065, 4095]]


def test_differential_nonlinearity_moves_each_step_by_its_own_error(camera: Camera) -> None:
    uneven = replace(device(camera, 10, level=0.0, noise=0.0), differential_nonlinearity=0.1)
    thresholds = draw_fixed_pattern(uneven, seed=3).thresholds
    assert thresholds is not None
    error = thresholds[1:1024] - (np.arange(1, 1024) - 0.5)
    assert error.std() == pytest.approx(0.1, rel=4 / np.sqrt(2 * 1023))
    ramp = np.arange(-1, 1025, 0.01, np.float32)[np.newaxis]
    out = np.empty(ramp.shape, uneven.word)
    convert(ramp.copy(), uneven, thresholds=thresholds, out=out)
    assert np.array_equal(out[0], np.searchsorted(thresholds[1:1024], ramp[0], side="right"))


def test_step_errors_do_not_move_the_mean_of_the_whole_range(camera: Camera) -> None:
    # Over many steps the errors average out: 0.1 / sqrt(1023) DN.
    uneven = replace(device(camera, 10, level=0.0, noise=0.0), differential_nonlinearity=0.1, binning_kind="sum")
    thresholds = draw_fixed_pattern(uneven, seed=4).thresholds
    ramp = np.linspace(-0.5, 1023.5, 512_000, endpoint=False).astype(np.float32)[np.newaxis]
    out = np.empty(ramp.shape, uneven.word)
    convert(ramp.copy(), uneven, thresholds=thresholds, out=out)
    assert np.mean(out - ramp.astype(np.float64)) == pytest.approx(0, abs=4 * 0.1 / np.sqrt(1023))
