"""Fixtures that all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from optics import BenchDescription, Camera, Dmd, GaussianDescription, Laser, MacropixelLayout


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """Matrix products of tests are small: a second thread costs more than it brings, and far more on a busy machine."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator, fresh for each test."""
    return np.random.default_rng(20201211)


@pytest.fixture
def real_data() -> Path:
    """The folder of real data that OPUBENCH_DATA names; the test is skipped without it."""
    folder = os.environ.get("OPUBENCH_DATA")
    if not folder:
        pytest.skip("real data are not here: set OPUBENCH_DATA to their folder")
    return Path(folder)


@pytest.fixture
def camera() -> Camera:
    """An 8-bit camera without fixed pattern; all sizes differ."""
    return Camera(
        rows=24, columns=30, pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=10_000.0, gain=0.025,
        read_noise=13.0, bits=8, black_level=3.0,
    )  # fmt: skip


@pytest.fixture
def description(camera: Camera) -> BenchDescription:
    """A small bench: 7 x 9 macropixels, 24 x 30 pixels, about 40 electrons a macropixel and exposure."""
    return BenchDescription(
        name="test bench",
        laser=Laser(wavelength=500e-9, power=1e-3),
        dmd=Dmd(rows=40, columns=50, pitch=10e-6, efficiency=0.5, contrast_ratio=1000.0),
        layout=MacropixelLayout(block_rows=5, block_columns=4, grid_rows=7, grid_columns=9),
        medium=GaussianDescription(collected_fraction=4e-6),
        camera=camera,
        exposure_time=1e-3,
    )
