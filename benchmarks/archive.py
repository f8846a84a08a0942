"""Frames on disk: how far speckle counts compress without loss, and how fast they are written and read.

Counts of fully developed speckle through shot and read noise, of grains of one pixel and of three, in 8 and 12 bits.
Every storage is written, read by frames, and read by blocks of pixels over all frames. Speeds are those of the plain
counts (their bytes, not the compressed ones), with the file in the system's cache. The entropy of the counts is the
least that a code which looks at one count at a time can leave of the size.

    python benchmarks/archive.py [--frames 1024] [--rows 256] [--columns 256]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.fft

from optics.archives.chunks import read_chunks, write_chunks
from optics.archives.frame_layout import FrameLayout

KINDS = {"8 bit, mean 21.6": (np.uint8, 21.6, 255), "12 bit, mean 400": (np.uint16, 400.0, 4095)}
WAYS: list[tuple[str, dict[str, Any]]] = [
    ("plain", {}),
    ("lzf, shuffled", {"compression": "lzf", "shuffle": True}),
    ("gzip 1, shuffled", {"compression": "gzip", "compression_opts": 1, "shuffle": True}),
    ("gzip 9, shuffled", {"compression": "gzip", "compression_opts": 9, "shuffle": True}),
    ("ours", {}),
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


def entropy(counts: np.ndarray) -> float:
    """Return the entropy of single counts, in bits."""
    share = np.bincount(counts.reshape(-1)) / counts.size
    share = share[share > 0]
    return float(-np.sum(share * np.log2(share)))


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def read(path: Path, *, ours: bool, depth: int, rows: int) -> None:
    """Read all frames, parts of them at a time."""
    with h5py.File(path) as file:
        counts = file["counts"]
        frames, height, columns = counts.shape
        for first in range(0, frames, depth):
            for top in range(0, height, rows):
                part = (slice(first, min(first + depth, frames)), slice(top, min(top + rows, height)))
                read_chunks(counts, (*part, slice(0, columns))) if ours else counts[part]


def write(path: Path, counts: np.ndarray, *, ours: bool, options: dict[str, Any]) -> None:
    """Write all frames, a depth of chunks at a time."""
    depth = options["chunks"][0]
    with h5py.File(path, "w") as file:
        data = file.create_dataset("counts", counts.shape, counts.dtype, **options)
        for first in range(0, len(counts), depth):
            if ours:
                write_chunks(data, first, counts[first : first + depth])
            else:
                data[first : first + depth] = counts[first : first + depth]


def measure(path: Path, counts: np.ndarray, *, ours: bool, options: dict[str, Any]) -> tuple[float, ...]:
    """Return the part of the size that is left, and the speeds of writing, of reading frames and of pixels, in MB/s."""
    frames, height, _ = counts.shape
    depth, rows, _ = options["chunks"]
    times = [seconds(lambda: write(path, counts, ours=ours, options=options))]
    with h5py.File(path) as file:
        left = file["counts"].id.get_storage_size() / counts.nbytes
    for part in ({"depth": depth, "rows": height}, {"depth": frames, "rows": rows}):
        times.append(min(seconds(lambda part=part: read(path, ours=ours, **part)) for _ in range(5)))
    return (left, *(counts.nbytes / 1e6 / each for each in times))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=1024, help="frames that are stored (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=256, help="rows of a frame (default: %(default)s)")
    parser.add_argument("--columns", type=int, default=256, help="columns of a frame (default: %(default)s)")
    options = parser.parse_args()
    shape = (options.rows, options.columns)
    print("| counts | grain | storage | size left | write MB/s | read frames MB/s | read pixels MB/s |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind, (word, _, _) in KINDS.items():
            storage = FrameLayout(frames=options.frames, shape=shape, word=np.dtype(word)).storage
            for grain in (1, 3):
                counts = speckle_counts(options.frames, shape, grain=grain, kind=kind)
                print(f"| {kind} | {grain} | entropy | {entropy(counts) / (8 * counts.itemsize):.3f} | | | |")
                for name, way in WAYS:
                    ours = name == "ours"
                    stored = storage.options if ours else {"chunks": storage.chunks, **way}
                    left, *speeds = measure(Path(folder) / "c.h5", counts, ours=ours, options=stored)
                    print(
                        f"| {kind} | {grain} | {name} | {left:.3f} | {' | '.join(f'{each:.0f}' for each in speeds)} |"
                    )


if __name__ == "__main__":
    main()
