"""The big frame: 1 048 576 inputs to 2 097 152 camera pixels, from bits to 8-bit counts with every noise on.

Mirrors are imaged by a relay onto four phase screens, an objective images what leaves them: ten transforms of
2048 x 2048. Three things alternate in one run, and ratios are medians over the rounds: the transforms alone, pruned and
blocked as the field has them, the field, and the whole frame, which is `SimulatedBench.expose` of one pattern. Ten
plain transforms of the whole grid by scipy.fft stand beside them. Memory is the peak of all arrays while the bench is
built and one frame is exposed (tracemalloc), and that of the process (maximum resident set, libraries included).

    python benchmarks/big_frame.py [--repeats 9]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optics  # first: it sets how long BLAS threads spin, which numpy reads when it is imported
from optics.media.multislice import MultisliceMedium
from optics.media.multislice_description import MultisliceDescription
from optics.media.slice_passes import Chain, run_chain
from optics.plots import BLUE, canvas, colour_of, draw_curve, draw_frame, draw_law

import numpy as np  # isort: skip
from matplotlib.axes import Axes  # isort: skip
from scipy.fft import fft2, fftfreq, ifft2  # isort: skip

SIDE = 1024
"""Inputs along each axis, each of two mirrors side by side; the grid holds twice as many samples, one a mirror."""

MEDIUM = MultisliceDescription(
    collected_fraction=0.2, grid_rows=2 * SIDE, grid_columns=2 * SIDE, spacing=1e-6, input_pitch=10.8e-6,
    columns_per_input=2, screens=4, strength=3.0, correlation_length=12e-6, gap=1e-3, exit_distance=1e-3,
    entrance_aperture=0.15, exit_aperture=0.12,
)  # fmt: skip

CAMERA = optics.Camera(
    rows=SIDE, columns=2 * SIDE, pixel_pitch=5.5e-6, quantum_efficiency=0.6, full_well=9300.0, gain=0.0272,
    read_noise=13.0, bits=8, black_level=3.0, prnu=0.01, dsnu=7.0, row_offset=1.0, column_offset=2.0, row_noise=1.0,
    dark_current=125.0, hot_pixels=1e-4, hot_pixel_current=1e5, dead_pixels=1e-5, background=1e3, nonlinearity=0.01,
)  # fmt: skip

BENCH = optics.BenchDescription(
    name="big frame",
    laser=optics.Laser(wavelength=532e-9, power=1e-3, intensity_noise=0.002),
    dmd=optics.Dmd(rows=SIDE, columns=2 * SIDE, pitch=10.8e-6, efficiency=0.6, contrast_ratio=2000.0),
    layout=optics.MacropixelLayout(block_rows=1, block_columns=2, grid_rows=SIDE, grid_columns=SIDE),
    medium=MEDIUM,
    camera=CAMERA,
    exposure_time=1e-3,
)
MEAN_ELECTRONS = 1000.0
"""A ninth of the full well: of bright grains, exp(-9) are clipped."""


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def plain_transforms(plane: np.ndarray, count: int, workers: int) -> None:
    """Transform the whole grid, there and back."""
    for index in range(count):
        (ifft2 if index % 2 else fft2)(plane, norm="ortho", overwrite_x=True, workers=workers)


def draw_counts(axis: Axes, counts: np.ndarray, mean: float) -> None:
    """Draw how often each count occurs, beside the law of speckle of a mean count."""
    levels = np.arange(256)
    share = np.bincount(counts.ravel(), minlength=256) / counts.size
    axis.stairs(np.maximum(share, 1e-8), np.arange(257) - 0.5, color=BLUE, label="counts")
    lit = levels[levels > CAMERA.black_level]
    law = np.exp(-(lit - CAMERA.black_level) / mean) / mean
    draw_law(axis, lit, law, label="fully developed speckle (L10)")
    axis.set(xlabel="counts / DN", ylabel="probability of a count", yscale="log", ylim=(1e-7, 0.1))
    axis.legend()


def draw_grain(axis: Axes, covariance: np.ndarray) -> None:
    """Draw the covariance of intensities over their variance along both axes, and the law."""
    lags, law = np.arange(1, 16), expected_covariance()
    for index, (name, values, expected) in enumerate(
        (("along x", covariance[0], law[0]), ("along y", covariance[:, 0], law[:, 0]))
    ):
        draw_curve(axis, lags, values[lags], index=index, kind="points", label=name)
        draw_law(axis, np.arange(16), expected[:16], colour=colour_of(index), index=index, label=f"law {name}")
    axis.set(xlabel="lag / pixel", ylabel="covariance of the intensity / its variance", title="grain")
    axis.legend()


def draw(counts: np.ndarray, path: Path) -> dict[str, float]:
    """Save the frame with its statistics, and return them."""
    charge = (counts.astype(np.float64) - CAMERA.black_level) / CAMERA.gain
    inner = charge[64:-64, 64:-64]  # light spreads over the border by some ten samples
    mean = float(inner.mean())
    # Poisson, read and rounding noise are taken off the variance; crosstalk and the like are off in this bench.
    noise = mean + CAMERA.dark_noise**2 + 1 / 12 / CAMERA.gain**2
    spectrum = np.abs(fft2(inner - mean)) ** 2
    covariance = ifft2(spectrum).real / inner.size
    contrast = float(np.sqrt(inner.var() - noise) / mean)
    mean_dn = mean * CAMERA.gain
    with canvas(11.0, 8.0) as figure:
        (whole, part), (law, grain) = figure.subplots(2, 2)
        draw_frame(whole, counts, pitch=CAMERA.pixel_pitch, limits=(0.0, float(np.percentile(counts, 99.5))))
        whole.set_title(f"{counts.shape[0]} x {counts.shape[1]} pixels, {SIDE**2:,} inputs; mean {mean:.0f} e")
        draw_frame(part, counts[400:480, 900:1020])
        part.set_title("80 x 120 pixels of it")
        draw_counts(law, counts[64:-64, 64:-64], mean_dn)
        law.set_title(f"contrast {contrast:.3f}, noise removed")
        draw_grain(grain, covariance / (contrast * mean) ** 2)
        figure.savefig(path, dpi=110)
    saturated = float(np.mean(counts >= CAMERA.saturation))
    return {"mean count": float(counts.mean()), "contrast": contrast, "saturated": saturated}


def expected_covariance() -> np.ndarray:
    """Return the covariance of intensity that the optics give, from the coherence of light at the objective.

    Half of the light of random bits is their mean, half is white up to the size of a macropixel; the relay cuts it.
    Screens multiply the coherence by exp(-S sigma^2 (1 - rho)), the stop of the objective cuts its spectrum; the
    intensity of speckle has the covariance |mu|^2 (L13).
    """
    size = 256
    frequency = fftfreq(size, MEDIUM.spacing)
    squared = frequency[:, np.newaxis] ** 2 + frequency**2
    relay, objective = (
        squared <= (aperture / BENCH.laser.wavelength) ** 2
        for aperture in (MEDIUM.entrance_aperture, MEDIUM.exit_aperture)
    )
    bits = np.zeros((size, size))
    bits[0, [0, 1, -1]] = 0.5, 0.25, 0.25
    bits += 0.5
    lag = fftfreq(size, 1 / size) * MEDIUM.spacing
    phase = np.exp(-(lag[:, np.newaxis] ** 2 + lag**2) / MEDIUM.correlation_length**2)
    scattered = np.exp(-MEDIUM.screens * MEDIUM.strength**2 * (1 - phase))
    coherence = ifft2(fft2(ifft2(fft2(bits) * relay) * scattered) * objective)
    return np.asarray(np.abs(coherence / coherence[0, 0]) ** 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--picture", type=Path, default=Path(__file__).with_suffix(".png"))
    options = parser.parse_args()
    states = np.random.default_rng(0).random((1, SIDE**2)) < 0.5

    tracemalloc.start()
    bench = optics.SimulatedBench(BENCH, seed=0)
    light = float(bench.truth.intensity(states).mean())
    bench.exposure_time = MEAN_ELECTRONS / CAMERA.quantum_efficiency / light
    counts = bench.expose(states).counts[0]
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    statistics_of_frame = draw(counts, options.picture)

    medium = bench._medium
    if not isinstance(medium, MultisliceMedium):
        raise TypeError("the bench has another medium")
    bare = Chain((None,) * (medium.chain.transforms + 1), medium.chain.inverse)
    processors = len(os.sched_getaffinity(0))
    plane = np.random.default_rng(1).standard_normal((2 * SIDE, 4 * SIDE), dtype=np.float32).view(np.complex64)
    rows, columns = [slice(0, SIDE // 2), slice(3 * SIDE // 2, 2 * SIDE)], [slice(0, 2 * SIDE)]
    with ThreadPoolExecutor(processors) as pool:
        steps: list[Callable[[], object]] = [
            lambda: plain_transforms(plane, medium.chain.transforms, processors),
            lambda: run_chain(plane, bare, lit=rows, seen=(rows, columns), pool=pool),
            lambda: bench.truth.field(states),
            lambda: bench.expose(states),
        ]
        before = os.getloadavg()[0]
        times = np.array([[seconds(step) for step in steps] for _ in range(options.repeats + 1)])[1:]
    plain, floor, field, frame = (1e3 * statistics.median(column) for column in times.T)

    def ratio(one: int, other: int) -> float:
        return statistics.median(times[:, one] / times[:, other])

    print(
        f"{medium.chain.transforms} transforms of 2048 x 2048 complex64, {processors} processors, "
        f"load {before:.1f} before"
    )
    print(
        "| plain transforms, ms | pruned and blocked | field | frame | field / pruned | field / plain | frame / field |"
    )
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {plain:.0f} | {floor:.0f} | {field:.0f} | {frame:.0f} "
        f"| {ratio(2, 1):.2f} | {ratio(2, 0):.2f} | {ratio(3, 2):.2f} |"
    )
    print(f"memory: {peak:.0f} MB of arrays at their peak (tracemalloc), {resident:.0f} MB resident at most")
    print(", ".join(f"{name} {value:.4g}" for name, value in statistics_of_frame.items()))


if __name__ == "__main__":
    main()
