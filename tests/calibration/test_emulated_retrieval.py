"""Retrieval through Basler's driver gives the bits that it gives on the simulated bench."""

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from calibration import AnchorProjector
from optics import BenchDescription, MacropixelLayout, SimulatedBench
from optics.devices.emulated import emulated_bench, emulated_description
from tests.calibration.campaign_bench import campaign, holographic, new_folder
from tests.calibration.conftest import ternary

__all__ = ["holographic"]  # a fixture of several files

pytestmark = pytest.mark.skipif(importlib.util.find_spec("pypylon") is None, reason="pypylon is not installed")


@pytest.mark.parametrize("step_by_step", [True, False])
def test_linear_retrieval_through_the_driver_gives_the_same_bits(
    description: BenchDescription, step_by_step: bool
) -> None:
    vectors = ternary(np.random.default_rng(3), 6, 8, non_zeros=4)
    simulated = SimulatedBench(emulated_description(description), seed=2)
    expected = AnchorProjector(simulated, components=8, outputs=400, stored_exposures=4)
    with emulated_bench(description, seed=2, step_by_step=step_by_step) as bench:
        projector = AnchorProjector(bench, components=8, outputs=400, stored_exposures=4)
        through_driver, direct = projector.project(vectors), expected.project(vectors)
        assert projector.frames_exposed == expected.frames_exposed
        assert bench.exposures == simulated.exposures
    assert np.array_equal(through_driver.value, direct.value)
    assert np.array_equal(through_driver.standard_error, direct.standard_error)


def test_a_matrix_campaign_through_the_driver_gives_the_same_bits(
    holographic: BenchDescription, tmp_path: Path
) -> None:
    layout = MacropixelLayout(block_rows=10, block_columns=9, grid_rows=3, grid_columns=5)
    few = dataclasses.replace(holographic, layout=layout, exposure_time=3e-3)
    simulated = SimulatedBench(emulated_description(few, pixel_format="Mono12"), seed=4)
    _, direct = campaign(simulated, new_folder(tmp_path / "simulated"), steps=3)
    with emulated_bench(few, seed=4, pixel_format="Mono12") as bench:
        results, through_driver = campaign(bench, new_folder(tmp_path / "driver"), steps=3)  # type: ignore[arg-type]
        assert bench.exposures == simulated.exposures
    assert results.valid.any()
    assert np.array_equal(through_driver.read(), direct.read())
    assert np.array_equal(through_driver.standard_error(), direct.standard_error())
