"""Speed of an exposure, as a ratio to the random draws that it cannot do without.

The floor is one Poisson and one normal draw a pixel and frame with NumPy's fastest generator (SFC64), at the mean
charges of the same frames, shared among as many threads as the bench uses. Floor and bench alternate in one run;
the ratio is the median over the pairs.

    python benchmarks/exposure.py [--frames 256] [--repeats 30]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import optics  # first: it sets how long BLAS threads spin, which numpy reads when it is imported

import numpy as np  # isort: skip


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=256, help="frames of one exposure (default: %(default)s)")
    parser.add_argument(
        "--repeats",
        type=int,
        default=30,
        help="alternating rounds; a ratio is the median over them (default: %(default)s)",
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of bench and floor (default: %(default)s)")
    options = parser.parse_args()
    bench = optics.SimulatedBench(optics.load_bench("opu"), seed=1)
    bench.exposure_time = 4e-3
    states = np.zeros((options.frames, bench.layout.inputs), np.bool_)
    states[:, :10] = np.random.default_rng(0).random((options.frames, 10)) < 1 / 3
    states[:, 10:16] = True  # the anchor
    charge = bench.truth.intensity(states).reshape(options.frames, -1).astype(np.float64)
    charge *= bench.exposure_time * bench.camera.quantum_efficiency

    def draw(share: int) -> None:
        rng = np.random.Generator(np.random.SFC64(share))
        for frame in charge[share :: options.threads]:
            rng.poisson(frame)
            rng.standard_normal(frame.size, dtype=np.float32)

    with ThreadPoolExecutor(options.threads) as pool:
        pairs = [
            (seconds(lambda: list(pool.map(draw, range(options.threads)))), seconds(lambda: bench.expose(states)))
            for _ in range(options.repeats + 3)
        ][3:]
    pixels = options.frames * bench.camera.pixels
    ratios = [exposure / floor for floor, exposure in pairs]
    print(f"{options.frames} frames of {bench.camera.pixels} pixels, mean charge {charge.mean():.0f} electrons")
    print(f"draws alone   {1e9 * statistics.median(floor for floor, _ in pairs) / pixels:6.1f} ns a pixel")
    print(f"whole bench   {1e9 * statistics.median(exposure for _, exposure in pairs) / pixels:6.1f} ns a pixel")
    print(f"ratio         {statistics.median(ratios):6.2f}  (min {min(ratios):.2f}, max {max(ratios):.2f})")


if __name__ == "__main__":
    main()
