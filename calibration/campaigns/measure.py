"""A transmission matrix measured from the first frame to files that last: frames, matrix, results."""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from calibration.campaigns.drift_track import LEAST_CORRELATION, DriftTrack
from calibration.campaigns.field_cache import FieldCache
from calibration.campaigns.frames import CampaignFrames
from calibration.campaigns.methods import MatrixMethod, MatrixRows
from calibration.campaigns.plan import REFERENCE, CampaignPlan
from calibration.campaigns.prediction import judge_prediction, predicted_light
from calibration.campaigns.results import CampaignResults, load_results, save_results
from calibration.campaigns.run import no_digest, run_campaign
from optics.archives.content_hash import description_text, first_difference
from optics.archives.durable import FileLock
from optics.archives.partial_archive import partial_path
from optics.bench import Bench
from optics.campaign_file import CampaignFile
from optics.matrix_file import MatrixFile
from optics.matrix_writer import MatrixWriter
from optics.validation import check_count

Item = TypeVar("Item")

UNIT = "sqrt(photons / (pixel s))"
FRAMES, MATRIX, RESULTS = "frames.h5", "matrix.h5", "results.h5"
FEWEST_PIXELS = 8
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
    if (folder / RESULTS).exists() and (folder / MATRIX).exists():
        return load_results(folder / RESULTS, description=description)
    _check_camera(plan, method, bench)
    cache = _cache(plan, method, bench, budget)
    left = budget if cache is None else budget - FieldCache.size(plan, bench.camera)
    rows_that_fit(method, bench.camera.pixels, budget=left)  # refused before anything is exposed
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
            digest=no_digest if cache is None else cache.add,
        )
        file.finish(progress=lambda blocks: progress(list(blocks), "packing"))
        frames = CampaignFrames(file, plan, bench.camera, exposure_time=float(file.exposure_time[0]), decoded=cache)
        track = method.track(frames)
        track.check_order(least_correlation=least_correlation)
        return _solve(frames, method, track, folder, description, budget=left, progress=progress)


def _check_camera(plan: CampaignPlan, method: MatrixMethod, bench: Bench) -> None:
    """Refuse what could not be solved or judged, before anything is exposed."""
    if bench.camera.pixels < FEWEST_PIXELS:
        raise ValueError(
            f"{bench.camera.pixels} pixels are too few: frames are judged by correlations over pixels, take at least "
            f"{FEWEST_PIXELS}"
        )
    method.check_camera(bench.camera)


def _cache(plan: CampaignPlan, method: MatrixMethod, bench: Bench, budget: int) -> FieldCache | None:
    """Return room for fields that are decoded on the way, where they are stepped and take half the memory at most."""
    fits = FieldCache.size(plan, bench.camera) <= budget // 2
    if not fits or not method.early_fields:
        return None
    return FieldCache(plan, bench.camera, exposure_time=bench.exposure_time)


def _solve(
    frames: CampaignFrames,
    method: MatrixMethod,
    track: DriftTrack,
    folder: Path,
    description: Mapping[str, Any],
    *,
    budget: int,
    progress: Progress,
) -> CampaignResults:
    """Solve all rows, write them, and judge them by the frames that were held out."""
    tile = rows_that_fit(method, frames.outputs, budget=budget)
    tiles = [slice(start, min(start + tile, frames.outputs)) for start in range(0, frames.outputs, tile)]
    notes: list[_RowNotes] = []
    with ExitStack() as resources:
        writer: MatrixWriter | None = None
        for outputs in progress(tiles, "rows"):
            rows = method.solve(frames, track, outputs=outputs)
            if not notes:
                writer = _writer(folder, rows, (frames.outputs, rows.matrix.shape[1]), description, tile=tile)
                if writer is not None:
                    resources.callback(writer.close)
            if writer is not None:
                _write(writer, rows)
            notes.append(_RowNotes.of(rows, frames.plan.held_out))
        if writer is not None:
            writer.finish(progress=lambda blocks: progress(list(blocks), "packing"))
    results = _results(frames, method, track, notes)
    (folder / RESULTS).unlink(missing_ok=True)  # of a matrix that is gone
    save_results(folder / RESULTS, results, description=description)
    return results


@dataclass(frozen=True, kw_only=True, eq=False)
class _RowNotes:
    """What is kept of rows whose entries are in the file."""

    static: NDArray[np.complex64]
    gain_error: NDArray[np.float32]
    valid: NDArray[np.bool_]
    predicted: NDArray[np.float32]

    @classmethod
    def of(cls, rows: MatrixRows, held_out: NDArray[np.bool_]) -> "_RowNotes":
        """Return copies: views would keep all entries in memory."""
        return cls(
            static=rows.static.copy(),
            gain_error=np.array(rows.gain_error),
            valid=rows.valid.copy(),
            predicted=predicted_light(rows.matrix, rows.static, held_out),
        )


def _writer(
    folder: Path, rows: MatrixRows, shape: tuple[int, int], description: Mapping[str, Any], *, tile: int
) -> MatrixWriter | None:
    """Return where rows are written; None where the matrix of this campaign is there already."""
    path = folder / MATRIX
    if path.exists():
        with MatrixFile(path) as file:
            difference = first_difference(file.description, json.loads(description_text(description)))
        if difference:
            raise ValueError(f"{path} was made by another campaign: {difference}; give another folder")
        return None
    lock = FileLock(path)
    partial_path(path).unlink(missing_ok=True)  # tiles of an earlier sitting are solved again: the frames are there
    lock.release()
    errors = "row" if rows.standard_error.strides[1] == 0 else "entry"
    return MatrixWriter.resume(path, shape=shape, errors=errors, unit=UNIT, description=description, tile_rows=tile)


def _write(writer: MatrixWriter, rows: MatrixRows) -> None:
    """Write a tile."""
    by_row = rows.standard_error.strides[1] == 0
    error = rows.standard_error[:, 0] if by_row else rows.standard_error
    valid = rows.valid if by_row else np.repeat(rows.valid[:, np.newaxis], rows.matrix.shape[1], axis=1)
    writer.write(rows.outputs, rows.matrix, standard_error=error, valid=valid)


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
    frames: CampaignFrames, method: MatrixMethod, track: DriftTrack, notes: list[_RowNotes]
) -> CampaignResults:
    """Return what is known beside the matrix."""
    valid = np.concatenate([rows.valid for rows in notes])
    judged = frames.light(frames.plan.judged)
    shown = frames.light_at(frames.plan.positions(REFERENCE)[:1]).valid
    readings = judged.valid.size + shown.size
    saturated = 1 - (np.count_nonzero(judged.valid) + np.count_nonzero(shown)) / readings
    predicted = np.concatenate([rows.predicted for rows in notes], axis=1)
    return CampaignResults(
        static=np.concatenate([rows.static for rows in notes]),
        gain_error=np.concatenate([rows.gain_error for rows in notes]),
        valid=valid,
        ambiguity=method.ambiguity,
        track=track,
        prediction=judge_prediction(predicted, replace(judged, valid=judged.valid & valid)),
        exposure_time=frames.exposure_time,
        saturated=saturated,
    )
