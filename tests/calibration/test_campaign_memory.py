"""Memory of large campaigns: arrays are written over, rows are handed on as they are, parts are small."""

import tracemalloc
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.campaigns import phase_stepping_method
from calibration.campaigns.drift_track import DriftTrack
from calibration.campaigns.frames import CampaignFrames
from calibration.campaigns.methods import MatrixRows
from calibration.campaigns.phase_stepping_method import PhaseSteppingMethod
from calibration.campaigns.plan import CampaignPlan
from calibration.matrices.bases import InputBasis
from calibration.matrices.hadamard_bases import HadamardBasis, HadamardPairsBasis
from optics import Camera
from optics.matrix_file import MatrixFile
from optics.matrix_writer import MatrixWriter

PIXELS = 900


class Stored:
    """Frames in memory: words (frame, output)."""

    def __init__(self, words: np.ndarray) -> None:
        self.stored, self.timestamps = words, np.asarray(np.arange(len(words)) * 1e-3, np.float64)

    def read(self, *, frames: slice = slice(None), outputs: slice = slice(None)) -> Any:
        return self.stored[frames, outputs]


def stored_frames(method: PhaseSteppingMethod, *, inputs: int, pixels: int = PIXELS) -> CampaignFrames:
    """Frames of random words, far from saturation, a reference brighter than the rest."""
    rng = np.random.default_rng(5)
    camera = Camera(
        rows=30, columns=pixels // 30, pixel_pitch=5e-6, quantum_efficiency=0.8, full_well=20_000.0, gain=0.2,
        read_noise=3.0, bits=12, black_level=20.0,
    )  # fmt: skip
    plan = CampaignPlan(
        series=method.series, phases=method.phases, reference_pattern=rng.random(inputs) < 0.5, reference_interval=200,
        held_out=rng.random((2, inputs)) < 0.5, batch_frames=64,
    )  # fmt: skip
    words = rng.integers(900, 2000, (plan.frames, pixels), np.uint16)
    words[plan.blocked_off], words[plan.dark] = 300, 20
    return CampaignFrames(Stored(words), plan, camera, exposure_time=1e-3)


def still(method: PhaseSteppingMethod) -> DriftTrack:
    """A reference that does not drift."""
    zero = np.zeros(1)
    return DriftTrack(
        time=zero, phase=zero, phase_error=zero, power=zero + 1, correlation=zero, consecutive=zero,
        steps=np.array(method.phases),
        steps_error=np.zeros(len(method.phases)),
    )  # fmt: skip


def tiles(
    basis: InputBasis, *, starts: list[int], reuse: bool
) -> tuple[list[tuple[np.ndarray, ...]], list[MatrixRows]]:
    """Copies of the rows of consecutive tiles, and the rows as they were returned."""
    method = PhaseSteppingMethod(basis=basis)
    frames = stored_frames(method, inputs=basis.inputs)
    copies: list[tuple[np.ndarray, ...]] = []
    rows: list[MatrixRows] = []
    for start, stop in pairwise(starts):
        room = rows[-1] if reuse and rows else None
        rows.append(method.solve(frames, still(method), outputs=slice(start, stop), room=room))
        copies.append((rows[-1].matrix.copy(), rows[-1].standard_error.copy(), rows[-1].static, rows[-1].valid))
    return copies, rows


@pytest.mark.parametrize("basis", [HadamardBasis(inputs=64), HadamardBasis(inputs=50), HadamardPairsBasis(inputs=37)])
@pytest.mark.parametrize("part_bytes", [2**14, 2**24])
def test_rows_written_over_earlier_ones_are_the_same(
    basis: InputBasis, part_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phase_stepping_method, "PART_BYTES", part_bytes)
    starts = [0, 350, 700, PIXELS]  # the last tile is smaller
    fresh, _ = tiles(basis, starts=starts, reuse=False)
    again, rows = tiles(basis, starts=starts, reuse=True)
    for one, other in zip(fresh, again, strict=True):
        assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))
        assert one[3].all()
        assert np.ptp(np.abs(one[0])) > 0
    assert all(np.shares_memory(rows[0].matrix, later.matrix) for later in rows[1:])
    if basis == HadamardBasis(inputs=64):  # macropixel 0 has an error of its own: one number an entry
        assert all(np.shares_memory(rows[0].standard_error, later.standard_error) for later in rows[1:])


def test_wider_rows_than_before_get_new_memory() -> None:
    fresh, _ = tiles(HadamardBasis(inputs=64), starts=[0, 100, PIXELS], reuse=False)
    again, rows = tiles(HadamardBasis(inputs=64), starts=[0, 100, PIXELS], reuse=True)
    assert np.array_equal(fresh[1][0], again[1][0])
    assert not np.shares_memory(rows[0].matrix, rows[1].matrix)


def test_rows_do_not_depend_on_how_many_pixels_are_solved_together(monkeypatch: pytest.MonkeyPatch) -> None:
    solved = []
    for part_bytes in (8 * 65 * 64, 2**24):
        monkeypatch.setattr(phase_stepping_method, "PART_BYTES", part_bytes)
        solved.append(tiles(HadamardBasis(inputs=64), starts=[0, PIXELS], reuse=False)[0][0])
    for one, other in zip(*solved, strict=True):
        # sums of 65 terms in single precision
        np.testing.assert_allclose(one, other, rtol=0, atol=65 * 2**-23 * np.abs(one).max())


def test_words_are_written_over_where_this_is_asked_for() -> None:
    method = PhaseSteppingMethod(basis=HadamardBasis(inputs=300))
    frames = stored_frames(method, inputs=300)
    positions = frames.plan.series_positions
    kept = frames.words(positions, outputs=slice(0, 40), overwrite=True)
    alone = frames.words(positions, outputs=slice(0, 40))
    assert np.array_equal(kept, alone)
    later = frames.words(positions, outputs=slice(40, 75), overwrite=True)
    assert np.shares_memory(kept, later)
    assert np.array_equal(later, frames.words(positions, outputs=slice(40, 75)))
    assert np.array_equal(alone, frames.words(positions, outputs=slice(0, 40)))
    wider = frames.words(positions, outputs=slice(0, 90), overwrite=True)
    assert np.array_equal(wider, frames.words(positions, outputs=slice(0, 90)))


def traced_peak(run: Callable[[], Any]) -> int:
    """Bytes that are asked for at most, beyond what there was."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_solving_keeps_to_the_memory_that_it_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phase_stepping_method, "PART_BYTES", 2**18)
    pixels, method = 9000, PhaseSteppingMethod(basis=HadamardBasis(inputs=256))
    stated = method.bytes_per_output * pixels
    for _ in range(2):  # the first time there are the weights of the basis and the like too
        frames = stored_frames(method, inputs=256, pixels=pixels)
        peak = traced_peak(partial(method.solve, frames, still(method), outputs=slice(0, pixels)))
    # Words of 16 bits, entries and errors are 20 of the 24 bytes; the blocks of two threads are a few MiB.
    assert 20 / 24 * stated < peak < stated + 2**22


def test_a_tile_is_written_without_a_copy(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    matrix = rng.standard_normal((300, 800), np.float32).view(np.complex64)
    error = rng.random(matrix.shape, np.float32)
    writer = MatrixWriter.resume(
        tmp_path / "matrix.h5", shape=matrix.shape, errors="entry", unit="1", description={}, tile_rows=300
    )
    valid = np.ones(matrix.shape, bool)
    assert (
        traced_peak(lambda: writer.write(slice(0, 300), matrix, standard_error=error, valid=valid)) < matrix.nbytes // 2
    )
    writer.finish()
    with MatrixFile(tmp_path / "matrix.h5") as file:
        assert np.array_equal(file.read(), matrix)
        assert np.array_equal(file.standard_error(), error)
