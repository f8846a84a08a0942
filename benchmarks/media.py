"""Cost of a frame behind every medium against the number of outputs, and the streamed medium against its random draws.

First: the streamed medium transmits a batch with all inputs lit, and as many float32 normals are drawn on as many
threads, alternately; the ratio of the two speeds is a median over the rounds, in wall time and, since others may use
the machine too, in processor time. Then: each medium is built and transmits one binary frame of 16 macropixels, half
of them on, for growing numbers of outputs up to two million: so few inputs let every kind fit there, cost grows in
proportion to them. With more, a series ends sooner where the medium would store more than 6 GiB, or where building it
and sending a first frame would take longer than --longest; the table says which.

    python benchmarks/media.py [--repeats 5] [--inputs 16] [--longest 200] [--plot benchmarks/media.png]
"""

from __future__ import annotations

import argparse
import math
import re
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from optics.media import (  # first: it sets how long BLAS threads spin, which numpy reads when it is imported
    ChannelsDescription,
    DiffusiveSlabDescription,
    DriftDescription,
    DriftingMedium,
    FiniteGrainDescription,
    GaussianDescription,
    MeasuredDescription,
    MediumDescription,
    MediumSite,
    MultisliceDescription,
    PartiallyCoherentDescription,
    PolarisedDescription,
    StreamedDescription,
)
from optics.media.streamed import THREADS
from optics.plots import COLOURS, canvas, colour_of, draw_curve

import numpy as np  # isort: skip
from matplotlib.axes import Axes  # isort: skip
from scipy.fft import next_fast_len  # isort: skip

FRACTION = 1e-4
GAUSSIAN = GaussianDescription(collected_fraction=FRACTION)
STREAMED = StreamedDescription(collected_fraction=FRACTION)
PITCH = 5.5e-6
MIRRORS = 43.2e-6
"""Pitch of the macropixels, in metres: 4 x 4 mirrors."""

MOMENT = 0.1
"""Time of the frames, in seconds: drift by components has 17 of them here, as at most times."""

MATRIX_FILE = str(Path(tempfile.gettempdir()) / "measured_matrix.npz")
"""Stands for a matrix that was measured: written anew for every size, gone at the end."""

MOST_STORED = 6 * 2**30
"""Bytes that a medium may store here; one matrix may have 4 GiB, drift by components keeps several."""

SIZES = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000)


@dataclass
class Series:
    """Cost of one medium: outputs with the seconds of building it and a first frame, and of a frame; why it ends."""

    points: list[tuple[int, float, float]] = field(default_factory=list)
    end: str = ""


def media(place: MediumSite) -> dict[str, MediumDescription]:
    """Return a description of every medium, in its default form, for a camera."""
    outputs = math.prod(place.output_shape)
    grid = max(64, next_fast_len(place.output_shape[1] * 5 // 4))
    return {
        "Gaussian, stored": GAUSSIAN,
        "Gaussian, streamed": STREAMED,
        "measured": MeasuredDescription(collected_fraction=FRACTION, file=MATRIX_FILE, key="T"),
        "finite grain, 2 x 2 samples": FiniteGrainDescription(collected_fraction=FRACTION, grain=2 * PITCH),
        "channels, twice the outputs": ChannelsDescription(
            channels=2 * outputs, mean_transmission=0.1, collected_fraction=FRACTION
        ),
        "diffusive slab": DiffusiveSlabDescription(collected_fraction=FRACTION, thickness=1e-3),
        "multislice, 4 screens": MultisliceDescription(
            collected_fraction=0.2, grid_rows=grid, grid_columns=grid, spacing=1e-6, input_pitch=MIRRORS / 4,
            rows_per_input=4, columns_per_input=4, screens=4, strength=3.0, correlation_length=12e-6, gap=1e-3,
            exit_distance=1e-3, entrance_aperture=0.15, exit_aperture=0.12,
        ),
        "drift, mixing, stored": drift(GAUSSIAN, method="mixing"),
        "drift, components, stored": drift(GAUSSIAN, method="components"),
        "drift, components, streamed": drift(STREAMED, method="components"),
        "polarised, streamed": PolarisedDescription(inside=STREAMED, degree=0.0),
        "partially coherent, streamed": PartiallyCoherentDescription(
            inside=STREAMED, modes=4, linewidth=1e9, path_time=5e-11
        ),
    }  # fmt: skip


def drift(inside: MediumDescription, *, method: str) -> DriftDescription:
    """Return a medium that decorrelates in a second."""
    return DriftDescription(inside=inside, law="exponential", correlation_time=1.0, method=method)


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
    rows, side = max(1, math.isqrt(outputs) * 3 // 4), math.isqrt(inputs - 1) + 1
    places = np.stack(np.divmod(np.arange(inputs), side), axis=1) - (side - 1) / 2
    return MediumSite(
        input_positions=places * MIRRORS, output_shape=(rows, outputs // rows), output_pitch=PITCH,
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


def cost(*, inputs: int, longest: float) -> dict[str, Series]:
    """Return the cost of each medium against the number of outputs."""
    found = {name: Series() for name in media(site(1000, inputs=inputs))}
    for name, series in found.items():
        for outputs in SIZES:
            series.end = reason(name, series, outputs, inputs=inputs, longest=longest)
            if series.end:
                break
            try:
                build, own = measure(name, site(outputs, inputs=inputs))
            except ValueError as refusal:
                size = re.search(r"([0-9.]+) GiB", str(refusal))
                if not size:
                    raise
                series.end = f"next: {float(size[1]):.1f} GiB"
                break
            series.points.append((outputs, build, own))
            print(f"| {name} | {outputs} | {build:.3g} | {own:.3g} |", flush=True)
        print(f"| {name} | | | {series.end or 'reaches all'} |", flush=True)
    return found


def reason(name: str, series: Series, outputs: int, *, inputs: int, longest: float) -> str:
    """Return why a series should not go on to a size; nothing where it should."""
    if not series.points:
        return ""
    before, build, _ = series.points[-1]
    expected = build * outputs / before
    size = 0.0
    if name == "drift, components, stored":  # each matrix is small enough, all that it keeps may not be
        small = site(100, inputs=inputs)
        medium = media(small)[name].build(small, seed=0)
        size = 8 * inputs * outputs * len(medium.weights(MOMENT)) if isinstance(medium, DriftingMedium) else 0
    if size > MOST_STORED:
        return f"next: {size / 2**30:.1f} GiB"
    return f"next: about {expected:.0f} s" if expected > longest else ""


def measure(name: str, place: MediumSite) -> tuple[float, float]:
    """Return the seconds of building a medium and a first frame, and of a frame."""
    inputs = len(place.input_positions)
    frame = (np.arange(inputs) % 2 == 0).astype(np.float32)[np.newaxis]
    if name == "measured":
        parts = np.random.default_rng(0).standard_normal((math.prod(place.output_shape), 2 * inputs), np.float32)
        np.savez(MATRIX_FILE, T=parts.view(np.complex64))
    begin = time.perf_counter()
    medium = media(place)[name].build(place, seed=0)
    medium.transmit(frame, time=MOMENT)
    build = time.perf_counter() - begin
    once = seconds(lambda: medium.transmit(frame, time=MOMENT))
    repeats = 1 if once > 3 else 2 if once > 0.1 else 15
    return build, min(once, *(seconds(lambda: medium.transmit(frame, time=MOMENT)) for _ in range(repeats)))


def plot(found: dict[str, Series], path: Path, *, inputs: int, longest: float) -> None:
    """Draw the cost of a frame, and of building the medium, against the number of outputs."""
    with canvas(16.0, 6.5) as figure:
        panels = figure.subplots(1, 2)
        titles = (f"a frame, {-(-inputs // 2)} of {inputs} inputs lit", "building and the first frame")
        for column, (axis, title) in enumerate(zip(panels, titles, strict=True)):
            draw_cost(axis, found, column)
            axis.set_title(title)
        ended = any(series.end for series in found.values())
        why = f"store more than {MOST_STORED / 2**30:.0f} GiB or take more than {longest:.0f} s to build"
        figure.suptitle(
            "Cost of every medium on two cores" + (f".  X: the series ends; the next size would {why}" if ended else "")
        )
        figure.savefig(path, dpi=90)


def draw_cost(axis: Axes, found: dict[str, Series], column: int) -> None:
    """Draw the time of a frame (column 0) or of building (1) against the number of outputs, names beside the ends."""
    ends = []
    for index, (name, series) in enumerate(found.items()):
        outputs, *times = zip(*series.points, strict=True)
        own, colour = times[1 - column], colour_of(index)
        second = index >= len(COLOURS)  # colours come round: these lines have another style and hollow markers
        line = draw_curve(axis, outputs, own, index=index, kind="both", line_style=":" if second else "-")
        line.set_fillstyle("none" if second else "full")
        if series.end:
            axis.plot(outputs[-1:], own[-1:], "X", color=colour, ms=10)
        ends.append((own[-1], outputs[-1], name + (f" ({series.end})" if series.end and column else ""), colour))
    axis.set(xscale="log", yscale="log", xlabel="outputs / camera pixels", ylabel="time / s", xlim=(800, 2.5e6))
    write_ends(axis, sorted(ends))


def write_ends(axis: Axes, ends: list[tuple[float, int, str, str]]) -> None:
    """Write the names of curves beside their ends, those that are too close apart from each other."""
    low, high = np.log(axis.get_ylim())
    heights, step = np.log([value for value, *_ in ends]), (high - low) / 24
    for _ in range(200):
        push = np.maximum(step - np.diff(heights), 0) / 2
        heights[:-1] -= push
        heights[1:] += push
    for (value, outputs, label, colour), height in zip(ends, heights, strict=True):
        axis.annotate(
            label, (outputs, value), xytext=(1.03, (height - low) / (high - low)),
            textcoords="axes fraction", color=colour, va="center", fontsize=10, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.6, "ls": ":", "shrinkB": 5},
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--inputs", type=int, default=16)
    parser.add_argument("--longest", type=float, default=200.0)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    streamed_ratios(options.repeats)
    print("\n| medium | outputs | build and first frame, s | frame, s |")
    print("|---|---|---|---|")
    try:
        found = cost(inputs=options.inputs, longest=options.longest)
    finally:
        Path(MATRIX_FILE).unlink(missing_ok=True)
    if options.plot:
        plot(found, options.plot, inputs=options.inputs, longest=options.longest)


if __name__ == "__main__":
    main()
