"""A matrix on disk, written and multiplied within a stated memory, as ratios to the product in memory.

The matrix is written in tiles, finished (copied, with its hash), and multiplied, it and its adjoint, with one vector
and with many. Products in memory alternate with those from disk; the ratio is the median over the pairs. The file is
in the cache of the system where it fits there. Memory is the peak of all arrays but vectors and products.

    python benchmarks/matrix_file.py [--outputs 16384] [--inputs 4096] [--vectors 64] [--memory 64]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from optics.matrix_file import MatrixFile
from optics.matrix_writer import MatrixWriter


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def write(path: Path, matrix: np.ndarray) -> tuple[float, float]:
    """Write a matrix and return the times of its tiles and of finishing."""
    with MatrixWriter.resume(path, shape=matrix.shape, errors="row", unit="1", description={}) as writer:
        tiles = seconds(lambda: [writer.write(rows, matrix[rows], standard_error=0.0) for rows in writer.missing])
        return tiles, seconds(writer.finish)


def report(name: str, ours: Callable[[], np.ndarray], floor: Callable[[], np.ndarray]) -> None:
    """Print time, ratio, memory and error of a product."""
    pairs = [(seconds(ours), seconds(floor)) for _ in range(5)]
    ratio = statistics.median(slow / fast for slow, fast in pairs)
    tracemalloc.start()
    product = ours()
    peak = tracemalloc.get_traced_memory()[1] - product.nbytes
    tracemalloc.stop()
    error = np.linalg.norm(product - floor()) / np.linalg.norm(product)
    took = statistics.median(slow for slow, _ in pairs)
    print(f"{name}: {took:.2f} s, {ratio:.2f} x in memory, {peak / 2**20:.0f} MiB, relative error {error:.1e}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--outputs", type=int, default=16384, help="rows of the matrix (default: %(default)s)")
    parser.add_argument("--inputs", type=int, default=4096, help="columns of the matrix (default: %(default)s)")
    parser.add_argument(
        "--vectors", type=int, default=64, help="vectors that it is multiplied with (default: %(default)s)"
    )
    parser.add_argument("--memory", type=int, default=64, help="MiB for tiles")
    options = parser.parse_args()
    rng, memory = np.random.default_rng(1), options.memory * 2**20

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal((*shape, 2), np.float32).view(np.complex64)[..., 0]

    matrix = draw(options.outputs, options.inputs)
    print(f"matrix of {matrix.nbytes / 2**20:.0f} MiB, tiles in {options.memory} MiB")
    with tempfile.TemporaryDirectory() as folder:
        tiles, finish = write(Path(folder) / "t.h5", matrix)
        print(f"written at {matrix.nbytes / 1e6 / tiles:.0f} MB/s, finished at {matrix.nbytes / 1e6 / finish:.0f} MB/s")
        with MatrixFile(Path(folder) / "t.h5") as stored:
            for count in (1, options.vectors):
                x, y = draw(count, options.inputs), draw(count, options.outputs)
                report(f"T x, {count}", lambda x=x: stored.multiply(x, memory=memory), lambda x=x: x @ matrix.T)
                report(
                    f"T* y, {count}",
                    lambda y=y: stored.multiply_adjoint(y, memory=memory),
                    lambda y=y: (y.conj() @ matrix).conj(),
                )


if __name__ == "__main__":
    main()
