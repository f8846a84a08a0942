"""Speed and memory of the camera chain on a large frame, as ratios to its random draws and to the frame itself.

The floor is one Poisson and one normal draw a pixel with NumPy's fastest generator (SFC64), one generator a row block
and as many threads as the chain uses. Chain and floor alternate in one run; the ratio is the median over the pairs.
Memory is the peak of all arrays, those of the fixed pattern and the frame that comes in included.

    python benchmarks/sensor.py [--rows 2048] [--columns 2048] [--repeats 9] [--mean 2000]
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import optics  # first: it sets how long BLAS threads spin, which numpy reads when it is imported
from optics.sensor import BLOCK_PIXELS

import numpy as np  # isort: skip

STEPS = {
    "prnu": 0.006, "dsnu": 1.0, "row_offset": 0.5, "column_offset": 0.5, "row_noise": 0.5, "dark_current": 5.0,
    "hot_pixels": 1e-4, "hot_pixel_current": 1e4, "dead_pixels": 1e-5, "background": 100.0, "nonlinearity": 0.01,
}  # fmt: skip
RARE = {
    "crosstalk": 0.005, "lag": 0.001, "column_noise": 0.3, "flicker_depth": 0.2, "integral_nonlinearity": 1.0,
    "differential_nonlinearity": 0.1,
}  # fmt: skip


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def draws(mean: np.ndarray, threads: int) -> Callable[[], object]:
    """Return the floor: the draws of one frame, one generator a row block, shared among threads."""
    height = max(1, BLOCK_PIXELS // mean.shape[1])
    blocks = [mean[top : top + height] for top in range(0, len(mean), height)]

    def share(first: int) -> None:
        for index in range(first, len(blocks), threads):
            rng = np.random.Generator(np.random.SFC64(index))
            rng.poisson(blocks[index])
            rng.standard_normal(blocks[index].size, dtype=np.float32)

    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(share, range(threads)))


def measure(camera: optics.Camera, light: np.ndarray, mean: np.ndarray, *, repeats: int, threads: int) -> str:
    """Return a line with time and memory of one camera."""
    floor = draws(mean, threads)
    sensor = optics.Sensor(camera, seed=1)
    times = np.zeros(1)

    def chain() -> float:
        work = light[np.newaxis].copy()
        return seconds(lambda: sensor.expose(work, exposure_time=1.0, first=0, timestamps=times))

    pairs = [(seconds(floor), chain()) for _ in range(repeats + 1)][1:]
    ratios = [own / least for least, own in pairs]
    del sensor
    tracemalloc.start()
    sensor = optics.Sensor(camera, seed=1)
    work = light[np.newaxis].copy()
    sensor.expose(work, exposure_time=1.0, first=0, timestamps=times)
    peak = tracemalloc.get_traced_memory()[1] / light.nbytes
    tracemalloc.stop()
    ns = [1e9 * statistics.median(column) / mean.size for column in zip(*pairs, strict=True)]
    return (
        f"draws {ns[0]:5.1f} ns, chain {ns[1]:5.1f} ns a pixel, ratio {statistics.median(ratios):.2f} "
        f"(min {min(ratios):.2f}, max {max(ratios):.2f}); peak memory {peak:.2f} frames of float32"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2048, help="rows of the frame (default: %(default)s)")
    parser.add_argument("--columns", type=int, default=2048, help="columns of the frame (default: %(default)s)")
    parser.add_argument("--mean", type=float, default=2000.0, help="mean electrons (default: 2000)")
    parser.add_argument(
        "--repeats",
        type=int,
        default=9,
        help="alternating rounds; a ratio is the median over them (default: %(default)s)",
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of chain and floor (default: %(default)s)")
    options = parser.parse_args()
    camera = optics.load_camera("imx250", wavelength=532e-9)
    camera = replace(camera, rows=options.rows, columns=options.columns)
    rng = np.random.default_rng(0)
    mean = options.mean * rng.standard_exponential((options.rows, options.columns), np.float32)
    light = mean / np.float32(camera.quantum_efficiency)
    for name, device in {
        "bare chain": replace(camera, prnu=0.0, dsnu=0.0),
        "full chain": replace(camera, **STEPS),
        "every step": replace(camera, **STEPS, **RARE),
    }.items():
        print(f"{name}: {measure(device, light, mean, repeats=options.repeats, threads=options.threads)}")


if __name__ == "__main__":
    main()
