"""Cost of a frame behind every medium against the number of outputs, and the streamed medium against its random draws.

First: the streamed medium transmits a batch with all inputs lit, and as many float32 normals are drawn on as many
threads, alternately; the ratio of the two speeds is a median over the rounds, in wall time and, since others may use
the machine too, in processor time. Then: each medium is built and transmits one binary frame of 100 macropixels, half
of them on, for growing numbers of outputs, until it refuses or takes long.

    python benchmarks/media.py [--repeats 5] [--inputs 100] [--plot benchmarks/media.png]
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from optics.media import (
    ChannelsDescription,
    FiniteGrainDescription,
    GaussianDescription,
    MediumDescription,
    MediumSite,
    PartiallyCoherentDescription,
    PolarisedDescription,
    StreamedDescription,
)
from optics.media.streamed import THREADS

FRACTION = 1e-4
GAUSSIAN = GaussianDescription(collected_fraction=FRACTION)
STREAMED = StreamedDescription(collected_fraction=FRACTION)
PITCH = 5.5e-6
LONGEST = 20.0
"""Seconds for building or for a frame beyond which larger sizes are left out."""


def media(outputs: int) -> dict[str, MediumDescription]:
    """Return a description of every medium, in its default form."""
    return {
        "Gaussian, stored": GAUSSIAN,
        "Gaussian, streamed": STREAMED,
        "finite grain, 2 x 2 samples": FiniteGrainDescription(collected_fraction=FRACTION, grain=2 * PITCH),
        "channels, twice the outputs": ChannelsDescription(
            channels=2 * outputs, mean_transmission=0.1, collected_fraction=FRACTION
        ),
        "polarised, no analyser": PolarisedDescription(inside=STREAMED, degree=0.0),
        "partially coherent, 4 modes": PartiallyCoherentDescription(
            inside=STREAMED, modes=4, linewidth=1e9, path_time=5e-11
        ),
    }


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    return wall_and_processor(work)[0]


def wall_and_processor(work: Callable[[], object]) -> tuple[float, float]:
    """Return the wall time of one call and the processor time of all its threads."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - begin_cpu


def site(outputs: int, *, inputs: int) -> MediumSite:
    """Return a camera of about so many pixels, wider than high."""
    rows = max(1, math.isqrt(outputs) * 3 // 4)
    return MediumSite(
        input_positions=np.full((inputs, 2), np.nan), output_shape=(rows, outputs // rows), output_pitch=PITCH,
        wavelength=532e-9,
    )  # fmt: skip


def draw(numbers: int) -> None:
    """Draw float32 normals on as many threads as the streamed medium, into memory that stays in the cache."""

    def part(index: int) -> None:
        generator = np.random.Generator(np.random.SFC64(index))
        work = np.empty(2**16, np.float32)
        for _ in range(numbers // THREADS // work.size):
            generator.standard_normal(dtype=np.float32, out=work)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(part, range(THREADS)))


def streamed_ratios(repeats: int) -> None:
    """Print the speed of the streamed medium as a ratio to that of its draws."""
    print("| inputs | outputs | frames | draws, s | streamed, s | speed / draws | in processor time |")
    print("|---|---|---|---|---|---|---|")
    for inputs, outputs, frames in ((1000, 2560, 1), (1000, 32_768, 1), (1000, 32_768, 8), (100, 327_680, 1)):
        medium = STREAMED.build(site(outputs, inputs=inputs), seed=0)
        lit = np.ones((frames, inputs), np.float32)
        numbers = 2 * inputs * math.prod(medium.output_positions.shape[:2])
        steps = (lambda n=numbers: draw(n), lambda m=medium, x=lit: m.transmit(x, time=0.0))
        # Shape (round, step, clock).
        rounds = np.array([[wall_and_processor(step) for step in steps] for _ in range(repeats)])
        floor, own = np.median(rounds[:, :, 0], axis=0)
        wall, processor = np.median(rounds[:, 0] / rounds[:, 1], axis=0)
        print(
            f"| {inputs} | {outputs} | {frames} | {floor:.3f} | {own:.3f} | {wall:.2f} | {processor:.2f} |", flush=True
        )


def cost(*, inputs: int) -> dict[str, list[tuple[int, float, float]]]:
    """Return, for each medium, sizes with the seconds of building it and of one frame."""
    found: dict[str, list[tuple[int, float, float]]] = {name: [] for name in media(1)}
    frame = (np.arange(inputs) % 2 == 0).astype(np.float32)[np.newaxis]
    for name, series in found.items():
        for outputs in (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000):
            place = site(outputs, inputs=inputs)
            begin = time.perf_counter()
            try:
                medium = media(outputs)[name].build(place, seed=0)
                medium.transmit(frame[:, :1].repeat(inputs, axis=1), time=0.0)
            except ValueError as refusal:
                print(f"<!-- {name} at {outputs}: {refusal} -->")
                break
            build = time.perf_counter() - begin
            own = min(seconds(lambda m=medium: m.transmit(frame, time=0.0)) for _ in range(2))
            series.append((outputs, build, own))
            print(f"| {name} | {outputs} | {build:.3g} | {own:.3g} |", flush=True)
            if build > LONGEST / 3:  # the next size takes about three times as long
                break
    return found


def plot(found: dict[str, list[tuple[int, float, float]]], path: Path) -> None:
    """Draw the cost of a frame, and of building the medium, against the number of outputs."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), sharex=True, sharey=True, layout="constrained")
    for name, series in found.items():
        outputs, build, frame = zip(*series, strict=True)
        axes[0].loglog(outputs, frame, "o-", label=name)
        axes[1].loglog(outputs, build, "o-", label=name)
    for axis, title in zip(axes, ("one frame of 50 lit inputs", "build and first frame"), strict=True):
        axis.set(xlabel="outputs", title=title)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("seconds, two cores")
    axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--inputs", type=int, default=100)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    streamed_ratios(options.repeats)
    print("\n| medium | outputs | build and first frame, s | frame, s |")
    print("|---|---|---|---|")
    found = cost(inputs=options.inputs)
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
