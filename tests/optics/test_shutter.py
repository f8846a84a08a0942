"""Shutters: readout by rows, frame periods, and the published pace of real parts."""

from dataclasses import replace

import numpy as np
import pytest

from optics import BenchDescription, MacropixelLayout, Shutter, load_bench, load_camera, throughput

SHUTTER = Shutter(row_time=10e-6, overhead=50e-6)


def test_readout_grows_with_rows() -> None:
    assert SHUTTER.readout_time(64) == pytest.approx(640e-6)
    assert replace(SHUTTER, rows_at_once=2).readout_time(65) == pytest.approx(330e-6)


@pytest.mark.parametrize(
    ("shutter", "exposure", "frame", "pattern"),
    [
        (SHUTTER, 400e-6, 690e-6, 690e-6),  # readout of 640 us is the longer
        (SHUTTER, 1e-3, 1050e-6, 1050e-6),
        (replace(SHUTTER, overlap=False), 1e-3, 1690e-6, 1690e-6),
        (replace(SHUTTER, kind="rolling"), 1e-3, 1050e-6, 1690e-6),  # a pattern stands until the last row is done
    ],
)
def test_frame_and_pattern_periods(shutter: Shutter, exposure: float, frame: float, pattern: float) -> None:
    assert shutter.frame_period(exposure, rows=64) == pytest.approx(frame)
    assert shutter.pattern_period(exposure, rows=64) == pytest.approx(pattern)


def test_rows_of_a_rolling_shutter_start_one_after_the_other() -> None:
    assert np.array_equal(SHUTTER.row_starts(5), np.zeros(5))
    rolling = replace(SHUTTER, kind="rolling", rows_at_once=2)
    assert rolling.row_starts(5) == pytest.approx(np.array([0, 0, 10e-6, 10e-6, 20e-6]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "roling"}, "kind = 'roling' is not known; did you mean 'rolling'"),
        ({"row_time": -1.0}, "row_time = -1 s is not allowed"),
        ({"exposure_minimum": 0.0}, "exposure_minimum = 0 s is not allowed"),
        ({"exposure_maximum": 1e-7}, "exposure_maximum = 1e-07 s is not allowed"),
    ],
)
def test_impossible_shutters_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Shutter(**changes)


@pytest.mark.parametrize(
    ("part", "mode", "published"),
    [("cmv2000", "10-bit", 340), ("orca_flash4", "16-bit", 100), ("icx285", "14-bit", 13.5), ("imx250", "8-bit", 80)],
)
def test_parts_reach_their_published_frame_rates(part: str, mode: str, published: float) -> None:
    camera = load_camera(part, wavelength=532e-9, mode=mode)
    rate = 1 / camera.shutter.frame_period(camera.shutter.exposure_minimum, rows=camera.rows)
    assert rate == pytest.approx(published, rel=0.01)


def test_the_published_1500_teraops_follow_from_full_frames() -> None:
    # 2 x DMD x camera x 340 Hz = 2 x (912 x 1140) x (2040 x 1088) x 340 = 1.569e15, published as 1500 TeraOPS.
    opu = load_bench("opu")
    camera = load_camera("cmv2000", wavelength=532e-9, mode="8-bit").region(rows=1088, columns=2040)
    full = replace(
        opu, camera=camera, exposure_time=400e-6,
        layout=MacropixelLayout(block_rows=1, block_columns=1, grid_rows=1140, grid_columns=912),
    )  # fmt: skip
    pace = throughput(full)
    assert pace.frame_rate == pytest.approx(340, rel=0.01)
    assert pace.operations_per_second == pytest.approx(2 * 912 * 1140 * 2040 * 1088 * 340, rel=0.01)
    assert pace.operations_per_second == pytest.approx(1500e12, rel=0.06)
    assert pace.limited_by == "readout"


def test_a_signed_vector_takes_its_frames(description: BenchDescription) -> None:
    fast = replace(description, camera=replace(description.camera, shutter=Shutter(overhead=0.0)))
    pace = throughput(fast, exposure_time=1e-3, frames_per_projection=4, inputs=10, outputs=500)
    assert pace.frame_rate == pytest.approx(1000)
    assert pace.projections_per_second == pytest.approx(250)
    assert pace.operations_per_second == pytest.approx(2 * 10 * 500 * 250)
    assert pace.limited_by == "exposure"
    slow = replace(fast, dmd=replace(fast.dmd, frame_rate=100.0))
    assert throughput(slow).limited_by == "DMD"
    with pytest.raises(ValueError, match="inputs = 64 is not allowed: it must be at least 1 and at most 63"):
        throughput(fast, inputs=64)
