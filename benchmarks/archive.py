"""Frames on disk: how far speckle counts compress without loss, and how fast they are written and read.

Counts of fully developed speckle through shot and read noise, of grains of one pixel and of three, in 8 and 12 bits.
Every storage is written, read frame by frame and read by blocks of pixels over all frames. Speeds are those of the plain
counts (their bytes, not the compressed ones), with the file in the system's cache; the floor is the same read of an
array that is not compressed.

    python benchmarks/archive.py [--frames 1024] [--rows 256] [--columns 256]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import scipy.fft

from optics.archives.frame_layout import FrameLayout
from optics.archives.storage import Storage

KINDS = {"8 bit, mean 21.6": (np.uint8, 21.6, 255), "12 bit, mean 400": (np.uint16, 400.0, 4095)}
WAYS: list[tuple[str, dict[str, object]]] = [
    ("plain", {"compression": None, "level": None, "shuffle": False, "checksum": False}),
    ("plain, checksum", {"compression": None, "level": None, "shuffle": False}),
    ("lzf", {"compression": "lzf", "level": None, "shuffle": False}),
    ("lzf, shuffled", {"compression": "lzf", "level": None, "shuffle": True}),
    ("gzip 1", {"compression": "gzip", "level": 1, "shuffle": False}),
    ("gzip 1, shuffled", {"compression": "gzip", "level": 1, "shuffle": True}),
    ("gzip 4, shuffled", {"compression": "gzip", "level": 4, "shuffle": True}),
    ("gzip 9, shuffled", {"compression": "gzip", "level": 9, "shuffle": True}),
]


def speckle_counts(frames: int, shape: tuple[int, int], *, grain: int, kind: str) -> np.ndarray:
    """Return counts of speckle: light from a square pupil of the grain's size, shot noise, read noise, rounding."""
    word, mean, most = KINDS[kind]
    rng = np.random.default_rng(1)
    counts = np.empty((frames, *shape), word)
    for counted in counts:
        pupil = np.zeros(shape, np.complex64)
        inside = tuple(slice(0, size // grain) for size in shape)
        pupil[inside] = rng.standard_normal((*pupil[inside].shape, 2)).view(np.complex128)[..., 0]
        light = np.abs(scipy.fft.fft2(pupil, workers=2)) ** 2
        signal = rng.poisson(light * (mean / light.mean())) + rng.normal(2, 1, shape)
        counted[...] = np.clip(np.rint(signal), 0, most)
    return counts


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def by_frames(path: Path, *, depth: int) -> None:
    """Read all frames, some at a time."""
    with h5py.File(path) as file:
        for first in range(0, len(file["counts"]), depth):
            file["counts"][first : first + depth]


def by_pixels(path: Path, *, rows: int) -> None:
    """Read all frames, some rows of pixels at a time."""
    with h5py.File(path) as file:
        for top in range(0, file["counts"].shape[1], rows):
            file["counts"][:, top : top + rows]


def measure(path: Path, counts: np.ndarray, storage: Storage) -> tuple[float, float, float, float]:
    """Return the part of the size that is left, and the speeds of writing, of reading frames and of pixels, in MB/s."""

    def write() -> None:
        with h5py.File(path, "w") as file:
            data = file.create_dataset("counts", counts.shape, counts.dtype, **storage.options)
            for first in range(0, len(counts), storage.chunks[0]):
                data[first : first + storage.chunks[0]] = counts[first : first + storage.chunks[0]]

    times = [seconds(write)]
    with h5py.File(path) as file:
        left = file["counts"].id.get_storage_size() / counts.nbytes
    depth, rows = storage.chunks[:2]
    times.append(min(seconds(lambda: by_frames(path, depth=depth)) for _ in range(3)))
    times.append(min(seconds(lambda: by_pixels(path, rows=rows)) for _ in range(3)))
    return (left, *(counts.nbytes / 1e6 / each for each in times))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=1024)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--columns", type=int, default=256)
    options = parser.parse_args()
    shape = (options.rows, options.columns)
    print("| counts | grain | storage | size left | write MB/s | read frames MB/s | read pixels MB/s |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind, (word, _, _) in KINDS.items():
            chunks = FrameLayout(frames=options.frames, shape=shape, word=np.dtype(word)).storage.chunks
            for grain in (1, 3):
                counts = speckle_counts(options.frames, shape, grain=grain, kind=kind)
                for name, way in WAYS:
                    storage = Storage(chunks=chunks, **way)  # type: ignore[arg-type]
                    left, write, frames, pixels = measure(Path(folder) / "c.h5", counts, storage)
                    print(f"| {kind} | {grain} | {name} | {left:.3f} | {write:.0f} | {frames:.0f} | {pixels:.0f} |")


if __name__ == "__main__":
    main()
