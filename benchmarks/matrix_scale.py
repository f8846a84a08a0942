"""A large matrix from stored frames: 4096 inputs, 65 536 outputs, Hadamard patterns, four phases of the reference.

Frames of a Gaussian medium behind an 8-bit camera are made once, pixels by pixels, and stored as a campaign stores
them. Then, alternately: (floor) all frames are read, pixels by pixels, and each step goes through one fast Hadamard
transform; (solve) the matrix is solved from the stored frames within the memory budget, rows to a file that nobody
reads. The ratio is a median over the rounds. Some rows are compared with the truth.

    python -m benchmarks.matrix_scale [--inputs 4096] [--rows 256] [--columns 256] [--budget 1024] [--rounds 3]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from optics import Camera  # isort: skip - first: it sets how long BLAS threads spin, which numpy reads
import numpy as np
from tqdm import tqdm

from calibration.campaigns.drift_track import DriftTrack
from calibration.campaigns.frames import CampaignFrames
from calibration.campaigns.measure import rows_that_fit
from calibration.campaigns.phase_stepping_method import PhaseSteppingMethod
from calibration.campaigns.plan import CampaignPlan
from calibration.matrices.hadamard import hadamard_order, hadamard_sums
from calibration.matrices.hadamard_bases import HadamardBasis
from calibration.matrices.row_ambiguity import matrix_correlation
from optics.campaign_file import CampaignFile

SIGNAL = 400.0
"""Mean electrons of the signal with half of the inputs on, and of the reference."""


def camera(rows: int, columns: int) -> Camera:
    """Return an 8-bit camera whose full scale is 12 times the mean frame."""
    return Camera(
        rows=rows, columns=columns, pixel_pitch=5.5e-6, quantum_efficiency=1.0, full_well=10_000.0,
        gain=255 / (12 * 2 * SIGNAL), read_noise=13.0, bits=8, black_level=2.0,
    )  # fmt: skip


def true_rows(outputs: slice, inputs: int) -> np.ndarray:
    """Return the rows of some outputs, complex64: independent Gaussian entries."""
    parts = np.random.default_rng([7, outputs.start]).standard_normal(
        (outputs.stop - outputs.start, 2 * inputs), np.float32
    )
    return parts.view(np.complex64) * np.float32(np.sqrt(SIGNAL / inputs))


def make_frames(plan: CampaignPlan, device: Camera, words: np.ndarray, *, tile: int) -> None:
    """Write the words of all frames, pixels by pixels."""
    states = np.concatenate([batch.patterns for batch in plan.batches()])[:: plan.steps][: len(plan.order)]
    blocked = np.concatenate([plan.held_out[:0], np.zeros((plan.off_repeats, plan.series.inputs), bool), plan.held_out])
    phases = np.exp(-1j * np.array(plan.phases)).astype(np.complex64)
    for start in tqdm(range(0, device.pixels, tile), desc="making frames"):
        outputs = slice(start, start + tile)
        rows = true_rows(outputs, plan.series.inputs)
        rng = np.random.default_rng([9, start])
        shown = (states.astype(np.float32) @ rows.T.copy().view(np.float32).reshape(len(rows.T), -1)).view(np.complex64)
        for step, phase in enumerate(phases):
            light = np.abs(shown + np.float32(np.sqrt(SIGNAL)) * phase) ** 2
            words[step : plan.first_part : plan.steps, outputs] = counts(light, device, rng)
        alone = np.abs(blocked.astype(np.float32) @ rows.T) ** 2
        words[plan.first_part : plan.dark.start, outputs] = counts(alone, device, rng)
        dark = np.zeros((plan.dark_frames, len(rows)), np.float32)
        words[plan.dark, outputs] = counts(dark, device, rng)


def counts(light: np.ndarray, device: Camera, rng: np.random.Generator) -> np.ndarray:
    """Return counts of electrons; the shot noise is normal, which costs nothing here that matters."""
    noise = rng.standard_normal(light.shape, np.float32) * np.sqrt(light + np.float32(device.read_noise**2))
    return np.clip(np.rint(device.gain * (light + noise) + device.black_level), 0, 255).astype(np.uint8)


def store(plan: CampaignPlan, device: Camera, words: np.ndarray, path: Path) -> CampaignFile:
    """Store the words as a campaign does, and finish the file."""
    description = {"benchmark": "matrix_scale"}
    file = CampaignFile.create(path, frames=plan.frames, shape=device.shape, word=device.word, description=description)
    for batch in tqdm(list(plan.batches()), desc="storing"):
        span = np.arange(batch.frames.start, batch.frames.stop)
        file.append(
            batch.frames.start, words[batch.frames].reshape(-1, *device.shape), timestamps=span * 1e-3,
            frame_ids=span, valid=np.ones(len(span), bool), exposure_time=1.0,
        )  # fmt: skip
    return file


def floor(frames: CampaignFrames, tile: int) -> tuple[float, float]:
    """Return the seconds of reading all frames, and of one fast transform over them."""
    plan = frames.plan
    order, steps = hadamard_order(plan.series.inputs), plan.steps
    reading = transforming = 0.0
    for start in range(0, frames.outputs, tile):
        outputs = slice(start, min(start + tile, frames.outputs))
        begin = time.perf_counter()
        words = frames.words(plan.series_positions[:order], outputs=outputs, overwrite=True)
        reading += time.perf_counter() - begin
        begin = time.perf_counter()
        for step in range(steps):
            hadamard_sums(
                lambda part, step=step, words=words: words[:, step, part].astype(np.float32),
                order=order, outputs=words.shape[2], dtype=np.dtype(np.float32),
            )  # fmt: skip
        transforming += time.perf_counter() - begin
    return reading, transforming


def solve(frames: CampaignFrames, method: PhaseSteppingMethod, tile: int, sink: Path) -> tuple[float, float, float]:
    """Return the seconds of solving all rows, of writing them, and the correlation of some with the truth."""
    still = np.zeros(1)
    track = DriftTrack(
        time=still, phase=still, phase_error=still, power=still + 1, correlation=still, consecutive=still,
        steps=np.array(method.phases),
        steps_error=np.zeros(len(method.phases)),
    )  # fmt: skip
    rows, solving, writing = None, 0.0, 0.0
    with sink.open("wb", buffering=0) as file:
        for start in range(0, frames.outputs, tile):
            outputs = slice(start, min(start + tile, frames.outputs))
            begin = time.perf_counter()
            rows = method.solve(frames, track, outputs=outputs, room=rows)
            solving += time.perf_counter() - begin
            begin = time.perf_counter()
            file.write(memoryview(np.ascontiguousarray(rows.matrix)).cast("B"))
            writing += time.perf_counter() - begin
            if not start:
                first = rows.matrix[:256].copy()
    truth = true_rows(slice(0, GENERATED), frames.plan.series.inputs)[: len(first)]
    return solving, writing, matrix_correlation(first, truth, ambiguity="phase")


GENERATED = 1024
"""Outputs that are made together."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=4096, help="columns of the matrix (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=256, help="rows of camera pixels (default: %(default)s)")
    parser.add_argument("--columns", type=int, default=256, help="columns of camera pixels (default: %(default)s)")
    parser.add_argument("--budget", type=int, default=1024, help="memory for fields and rows, in MiB")
    parser.add_argument(
        "--rounds", type=int, default=3, help="alternating rounds of floor and solution (default: %(default)s)"
    )
    parser.add_argument("--packed", action="store_true", help="solve from the finished, compressed file too")
    parser.add_argument("--folder", type=Path, help="where the frames go (default: a temporary folder)")
    options = parser.parse_args()
    device = camera(options.rows, options.columns)
    method = PhaseSteppingMethod(basis=HadamardBasis(inputs=options.inputs))
    drawn = np.random.default_rng(3).random((5, options.inputs)) < 0.5
    plan = CampaignPlan(
        series=method.series, phases=method.phases, reference_pattern=drawn[0], reference_interval=512,
        held_out=drawn[1:], batch_frames=512,
    )  # fmt: skip
    tile = rows_that_fit(method, device.pixels, budget=options.budget * 2**20)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        words = np.memmap(folder / "words", np.uint8, "w+", shape=(plan.frames, device.pixels))
        make_frames(plan, device, words, tile=min(GENERATED, device.pixels))
        file = store(plan, device, words, folder / "frames.h5")
        del words
        (folder / "words").unlink()
        size = plan.frames * device.pixels / 2**20
        print(f"{plan.frames} frames of {device.pixels} pixels, {size:.0f} MiB; {tile} pixels at a time")
        run(file, plan, device, method, tile, folder, rounds=options.rounds, name="unfinished file")
        if options.packed:
            begin = time.perf_counter()
            file.finish()
            packed = (folder / "frames.h5").stat().st_size / 2**20
            print(f"packed to {packed:.0f} MiB in {time.perf_counter() - begin:.0f} s")
            run(file, plan, device, method, tile, folder, rounds=options.rounds, name="finished file")
        file.close()


def run(
    file: CampaignFile, plan: CampaignPlan, device: Camera, method: PhaseSteppingMethod, tile: int, folder: Path,
    *, rounds: int, name: str,
) -> None:  # fmt: skip
    """Print floor and solution, alternately."""
    frames = CampaignFrames(file, plan, device, exposure_time=1.0)
    results = []
    for _ in range(rounds):
        reading, transforming = floor(frames, tile)
        seconds, writing, correlation = solve(frames, method, tile, folder / "rows")
        results.append((reading, transforming, seconds, writing, seconds / (reading + transforming)))
        print(
            f"  {name}: read {reading:.2f} s, transform {transforming:.2f} s, solve {seconds:.2f} s, ratio "
            f"{results[-1][4]:.2f}, rows written in {writing:.2f} s, correlation {correlation:.5f}",
            flush=True,
        )
    reading, transforming, seconds, writing, ratio = np.median(results, axis=0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(
        f"{name}: {seconds:.1f} s over {reading:.1f} + {transforming:.1f} s, ratio {ratio:.2f}; written in "
        f"{writing:.1f} s; {peak:.0f} MiB resident at the peak, making the frames included"
    )


if __name__ == "__main__":
    main()
