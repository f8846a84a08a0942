"""Campaigns in files: what was left goes on, what is gone is made again, and memory is bounded."""

import dataclasses
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.campaigns.measure import measure_matrix, rows_that_fit
from calibration.campaigns.plan import Batch
from calibration.campaigns.run import run_campaign
from calibration.campaigns.settings import CampaignSettings, make_method, make_plan
from optics import BenchDescription, SimulatedBench
from optics.campaign_file import CampaignFile
from optics.reference import Reference
from tests.calibration.campaign_bench import campaign, holographic, new_folder

__all__ = ["holographic"]  # a fixture of several files


def test_pixels_solved_from_the_file_are_those_solved_on_the_way(holographic: BenchDescription, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "tiles").mkdir()
    first, whole = campaign(SimulatedBench(holographic, seed=4), tmp_path / "whole")
    second, tiles = campaign(SimulatedBench(holographic, seed=4), tmp_path / "tiles", budget=2**18)
    np.testing.assert_allclose(tiles.read(), whole.read(), rtol=1e-5, atol=1e-5 * np.abs(whole.read()).max())
    np.testing.assert_allclose(tiles.standard_error(), whole.standard_error(), rtol=1e-5)
    assert second.prediction.mean == pytest.approx(first.prediction.mean, abs=1e-6)


def test_a_campaign_goes_on_where_it_was_left_to_the_same_bits(holographic: BenchDescription, tmp_path: Path) -> None:
    results, file = campaign(SimulatedBench(holographic, seed=4), new_folder(tmp_path / "whole"))
    folder = new_folder(tmp_path / "stopped")
    settings = CampaignSettings(reference_interval=10, held_out=6, batch_frames=64)
    bench = SimulatedBench(holographic, seed=4)
    plan = make_plan(settings, make_method(settings, inputs=bench.layout.inputs))

    def stop(batches: list[Batch]) -> Any:
        yield from batches[:3]
        raise KeyboardInterrupt

    with CampaignFile.create(
        folder / "frames.h5", frames=plan.frames, shape=bench.camera.shape, word=bench.camera.word,
        description={"settings": settings.table()},
    ) as stopped:  # fmt: skip
        with pytest.raises(KeyboardInterrupt):
            run_campaign(bench, plan, stopped, progress=stop)
        assert 0 < stopped.done < plan.frames
    again, resumed = campaign(SimulatedBench(holographic, seed=4), folder)
    np.testing.assert_array_equal(resumed.read(), file.read())
    np.testing.assert_array_equal(again.prediction.correlation, results.prediction.correlation)


def test_rows_that_were_left_are_solved_again_with_other_memory(holographic: BenchDescription, tmp_path: Path) -> None:
    _, file = campaign(SimulatedBench(holographic, seed=4), new_folder(tmp_path / "whole"))
    folder = new_folder(tmp_path / "left")
    settings = CampaignSettings(reference_interval=10, held_out=6, batch_frames=64)

    def stop(steps: list[Any], description: str) -> Any:
        yield steps[0]
        if description == "rows":
            raise KeyboardInterrupt
        yield from steps[1:]

    bench = SimulatedBench(holographic, seed=4)
    method = make_method(settings, inputs=bench.layout.inputs)
    with pytest.raises(KeyboardInterrupt):
        measure_matrix(
            bench, make_plan(settings, method), method, folder=folder, description={"settings": settings.table()},
            budget=2**18, progress=stop,
        )  # fmt: skip
    assert (folder / "matrix.h5.partial").exists()
    _, again = campaign(SimulatedBench(holographic, seed=4), folder)
    np.testing.assert_allclose(again.read(), file.read(), rtol=1e-5, atol=1e-5 * np.abs(file.read()).max())


def test_a_matrix_that_is_gone_is_solved_again(holographic: BenchDescription, tmp_path: Path) -> None:
    _, file = campaign(SimulatedBench(holographic, seed=4), tmp_path)
    first = file.read()
    file.close()
    (tmp_path / "matrix.h5").unlink()
    _, again = campaign(SimulatedBench(holographic, seed=4), tmp_path)
    np.testing.assert_array_equal(again.read(), first)


def test_a_matrix_of_another_campaign_is_refused(holographic: BenchDescription, tmp_path: Path) -> None:
    campaign(SimulatedBench(holographic, seed=4), tmp_path)
    (tmp_path / "frames.h5").unlink()
    (tmp_path / "results.h5").unlink()
    with pytest.raises(ValueError, match=r"matrix.h5 was made by another campaign: settings.seed is 0 in the file, 1"):
        campaign(SimulatedBench(holographic, seed=4), tmp_path, seed=1)


def test_which_rows_are_good_does_not_depend_on_the_memory(holographic: BenchDescription, tmp_path: Path) -> None:
    arm = Reference(rate=2e6, beam_radius=4e-5)  # far from even: dim in the corners
    uneven = dataclasses.replace(holographic, reference=arm)
    whole, _ = campaign(SimulatedBench(uneven, seed=4), new_folder(tmp_path / "whole"))
    tiles, _ = campaign(SimulatedBench(uneven, seed=4), new_folder(tmp_path / "tiles"), budget=2**17)
    np.testing.assert_array_equal(tiles.valid, whole.valid)
    assert 0.5 < whole.valid.mean() < 0.95


def test_memory_is_that_of_a_tile_and_not_of_the_matrix(holographic: BenchDescription, tmp_path: Path) -> None:
    camera = dataclasses.replace(holographic.camera, rows=150, columns=160)
    large = dataclasses.replace(holographic, camera=camera, reference=Reference(rate=2.4e6))
    bench = SimulatedBench(large, seed=4)
    campaign(bench, tmp_path, budget=2**20, batch_frames=16)
    for name in ("matrix.h5", "results.h5"):
        (tmp_path / name).unlink()
    tracemalloc.start()
    campaign(bench, tmp_path, budget=2**20, batch_frames=16)  # solves from the frames that are there
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Looks at the reference pattern in 16 384 pixels take 18 MB; matrix and errors, 18 MB too, must not be kept.
    assert peak < 22e6


def test_a_budget_that_does_not_hold_one_pixel_is_refused() -> None:
    method = make_method(CampaignSettings(), inputs=64)
    with pytest.raises(ValueError, match="allow more memory"):
        rows_that_fit(method, 100, budget=1000)
    assert rows_that_fit(method, 100, budget=2**20) == 100
    assert rows_that_fit(method, 1000, budget=2**20) == 500  # two tiles of one size
