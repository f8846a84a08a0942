"""Speed of rendering mirror frames, as a ratio to a plain copy of the same frames, one byte a mirror.

Frames of the 912 x 1140 array in batches of 16. Rendering, rendering packed frames, packing and the copy alternate in
one run; the ratios are medians over the rounds.

    python benchmarks/mirror_frames.py [--frames 16] [--repeats 30]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from optics import FrameRenderer, MacropixelLayout, PathLayout, load_dmd, pack_frames

BLOCKS = {"block_rows": 25, "block_columns": 22, "grid_rows": 40, "grid_columns": 40}
LAYOUTS = {
    "blocks, raster": MacropixelLayout(**BLOCKS),
    "blocks, Hilbert": MacropixelLayout(**BLOCKS, order="hilbert"),
    "blocks, random": MacropixelLayout(**BLOCKS, order="random"),
    "lines of 103 mirrors": PathLayout(inputs=10_000),
    "lines, equal light": PathLayout(inputs=10_000, beam_radius=4e-3),
    "interleaved": PathLayout(inputs=10_000, path="interleaved"),
    "Hilbert path": PathLayout(inputs=1600, path="hilbert"),
    "scattered mirrors": PathLayout(inputs=1600, path="scattered"),
}


def milliseconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=16, help="frames of a round (default: %(default)s)")
    parser.add_argument(
        "--repeats",
        type=int,
        default=30,
        help="alternating rounds; a ratio is the median over them (default: %(default)s)",
    )
    options = parser.parse_args()
    dmd = load_dmd("dlp4500")
    print("| layout | copy, ms a frame | render | ratio | render packed | ratio | pack | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for name, layout in LAYOUTS.items():
        renderer = FrameRenderer(layout, dmd)
        states = np.random.default_rng(0).random((options.frames, layout.inputs)) < 0.5
        frames = renderer.render(states)
        steps: list[Callable[[], object]] = [
            frames.copy,
            lambda r=renderer, s=states: r.render(s),
            lambda r=renderer, s=states: r.render_packed(s),
            lambda f=frames: pack_frames(f),
        ]
        rounds = np.array([[milliseconds(step) for step in steps] for _ in range(options.repeats + 2)])[2:]
        copy, *own = (statistics.median(column) / options.frames for column in rounds.T)
        ratios = [statistics.median(column) for column in (rounds[:, 1:] / rounds[:, :1]).T]
        cells = " | ".join(f"{value:.3f} | {ratio:.2f}" for value, ratio in zip(own, ratios, strict=True))
        print(f"| {name} | {copy:.3f} | {cells} |")


if __name__ == "__main__":
    main()
