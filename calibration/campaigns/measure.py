"""A transmission matrix measured from the first frame to files that last: frames, matrix, results."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from calibration.campaigns.drift_track import LEAST_CORRELATION
from calibration.campaigns.field_cache import FieldCache
from calibration.campaigns.frames import CampaignFrames
from calibration.campaigns.methods import MatrixMethod, MatrixRows
from calibration.campaigns.plan import CampaignPlan
from calibration.campaigns.prediction import judge_prediction, predicted_light
from calibration.campaigns.results import CampaignResults, load_results, save_results
from calibration.campaigns.run import run_campaign
from optics.bench import Bench
from optics.campaign_file import CampaignFile
from optics.matrix_writer import MatrixWriter
from optics.validation import check_count

Item = TypeVar("Item")

UNIT = "sqrt(photons / (pixel s))"
FRAMES, MATRIX, RESULTS = "frames.h5", "matrix.h5", "results.h5"
BUDGET = 2**30
"""Memory for fields and rows, in bytes, where nothing else is said."""


class Progress(Protocol):
    """Wraps a list of steps as ``tqdm`` does."""

    def __call__(self, steps: list[Item], description: str, /) -> Iterable[Item]:
        """Return the steps, one after the other."""


def no_progress(steps: list[Item], description: str) -> Iterable[Item]:
    """Return the steps as they are.

    Parameters
    ----------
    steps : list
        Steps.
    description : str
        What they are.

    Returns
    -------
    iterable
        The steps.
    """
    return steps


def measure_matrix(
    bench: Bench,
    plan: CampaignPlan,
    method: MatrixMethod,
    *,
    folder: Path,
    description: Mapping[str, Any],
    stand_after: Callable[[int, float], None] | None = None,
    budget: int = BUDGET,
    least_correlation: float = LEAST_CORRELATION,
    progress: Progress = no_progress,
) -> CampaignResults:
    """Measure a transmission matrix, or go on where it was left.

    Parameters
    ----------
    bench : Bench
        A simulated or a real bench, at the exposure time of the campaign.
    plan : CampaignPlan
        The frames; its series and phases are those of the method.
    method : MatrixMethod
        How rows follow from frames.
    folder : Path
        Where ``frames.h5``, ``matrix.h5`` and ``results.h5`` are or will be; it exists.
    description : mapping
        Bench, seeds and settings as plain tables: stored, and what a campaign that goes on must agree with.
    stand_after : callable or None, optional
        Puts a simulated bench after a frame of that index and time (`optics.SimulatedBench.continue_after`); None for a
        real one, which needs none.
    budget : int, optional
        Memory for fields and rows, in bytes. Where the fields of all patterns fit they are solved while the campaign
        runs; else pixels are solved from the file, as many at a time as fit.
    least_correlation : float, optional
        Correlation of neighbouring reference frames below which frames are taken to be lost.
    progress : callable, optional
        Wraps lists of steps, as ``tqdm`` does.

    Returns
    -------
    CampaignResults
        What is known beside the matrix, which is in ``matrix.h5`` (`optics.matrix_file.MatrixFile`).

    Raises
    ------
    ValueError
        If files belong to another campaign, or frames were lost on the way.

    Notes
    -----
    It may be killed at any instant and called again: frames that are stored are not taken again, and a simulated bench
    comes to the same bits.
    """
    if (folder / RESULTS).exists():
        return load_results(folder / RESULTS, description=description)
    cache = _cache(plan, method, bench, budget)
    with CampaignFile.resume(
        folder / FRAMES,
        frames=plan.frames,
        shape=bench.camera.shape,
        word=bench.camera.word,
        description=description,
    ) as file:
        if file.done and stand_after is not None and not file.finished:
            stand_after(int(file.frame_ids.max()), float(file.timestamps.max()))
        run_campaign(
            bench,
            plan,
            file,
            progress=lambda batches: progress(batches, "frames"),
            digest=(lambda batch, words: None) if cache is None else cache.add,
        )
        file.finish(progress=lambda blocks: progress(list(blocks), "packing"))
        frames = CampaignFrames(file, plan, bench.camera, exposure_time=float(file.exposure_time[0]), decoded=cache)
        return _solve(
            frames, method, folder, description, budget=budget, least_correlation=least_correlation, progress=progress
        )


def _cache(plan: CampaignPlan, method: MatrixMethod, bench: Bench, budget: int) -> FieldCache | None:
    """Return room for fields that are decoded on the way, where they are stepped and fit."""
    fits = FieldCache.size(plan, bench.camera) <= budget
    if not fits or not method.early_fields:
        return None
    return FieldCache(plan, bench.camera, exposure_time=bench.exposure_time)


def _solve(
    frames: CampaignFrames,
    method: MatrixMethod,
    folder: Path,
    description: Mapping[str, Any],
    *,
    budget: int,
    least_correlation: float,
    progress: Progress,
) -> CampaignResults:
    """Solve all rows, write them, and judge them by the frames that were held out."""
    track = method.track(frames)
    track.check_order(least_correlation=least_correlation)
    tile = rows_that_fit(method, frames.outputs, budget=budget)
    starts = list(range(0, frames.outputs, tile))
    tiles = [slice(start, min(start + tile, frames.outputs)) for start in starts]
    first = method.solve(frames, track, outputs=tiles[0])
    errors = "row" if first.standard_error.strides[1] == 0 else "entry"
    shape = (frames.outputs, frames.plan.series.inputs)
    found: list[MatrixRows] = []
    predicted: list[NDArray[np.float32]] = []
    writer = None
    if not (folder / MATRIX).exists():
        writer = MatrixWriter.resume(
            folder / MATRIX, shape=shape, errors=errors, unit=UNIT, description=description, tile_rows=tile
        )
    try:
        for outputs in progress(tiles, "rows"):
            rows = first if outputs == tiles[0] else method.solve(frames, track, outputs=outputs)
            predicted.append(predicted_light(rows.matrix, rows.static, frames.plan.held_out))
            if writer is not None and outputs in writer.missing:
                error = rows.standard_error[:, 0] if errors == "row" else rows.standard_error
                valid = rows.valid if errors == "row" else np.repeat(rows.valid[:, np.newaxis], shape[1], axis=1)
                writer.write(outputs, rows.matrix, standard_error=error, valid=valid)
            found.append(dataclasses.replace(rows, matrix=rows.matrix[:0]))  # entries are in the file
        if writer is not None:
            writer.finish(progress=lambda blocks: progress(list(blocks), "packing"))
    finally:
        if writer is not None:
            writer.close()
    results = _results(frames, method, track, found, np.concatenate(predicted, axis=1))
    save_results(folder / RESULTS, results, description=description)
    return results


def rows_that_fit(method: MatrixMethod, outputs: int, *, budget: int) -> int:
    """Return how many pixels are solved together.

    Parameters
    ----------
    method : MatrixMethod
        How rows follow from frames.
    outputs : int
        Pixels of a frame.
    budget : int
        Memory, in bytes.

    Returns
    -------
    int
        Pixels.

    Raises
    ------
    ValueError
        If the budget is too small.
    """
    check_count("budget", budget)
    fit = budget // method.bytes_per_output
    needed = outputs if method.whole_frames else 1
    if fit < needed:
        raise ValueError(
            f"solving {needed} pixels together takes {needed * method.bytes_per_output / 2**20:.0f} MiB, the budget is "
            f"{budget / 2**20:.0f} MiB: allow more memory, or take fewer patterns or a smaller camera region"
        )
    if method.whole_frames:
        return outputs
    return -(-outputs // -(-outputs // fit))  # tiles of one size


def _results(
    frames: CampaignFrames,
    method: MatrixMethod,
    track: Any,
    found: list[MatrixRows],
    predicted: NDArray[np.float32],
) -> CampaignResults:
    """Return what is known beside the matrix."""
    valid = np.concatenate([rows.valid for rows in found])
    judged = frames.light(frames.plan.judged)
    judged = dataclasses.replace(judged, valid=judged.valid & valid)
    return CampaignResults(
        static=np.concatenate([rows.static for rows in found]),
        gain_error=np.concatenate([rows.gain_error for rows in found]),
        valid=valid,
        ambiguity=method.ambiguity,
        track=track,
        prediction=judge_prediction(predicted, judged),
        exposure_time=frames.exposure_time,
        saturated=1 - float(judged.valid[:, valid].mean()),
    )
