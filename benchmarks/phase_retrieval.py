"""Frames an input that phase retrieval without a reference needs: the transition, and the time it takes.

Share of rows that come back, against frames over unknown entries of a row, for binary patterns: without noise by one
start and by restarts, by alternating projections alone, and behind the 8-bit camera of the OPU-class bench, whose
static light is one unknown more. Complex Gaussian inputs, which no mirrors show, are the reference: 2 frames an input
is the information limit, 2.03 what approximate message passing needs (law L55). A row without noise came back if it is
within a thousandth of the truth, up to a phase and conjugation; one behind the camera if its error is within twice
what its standard errors say. Rows that are said to have converged and did not come back are counted apart.

    python -m benchmarks.phase_retrieval [--output phase_retrieval.png] [--inputs 48 64] [--rows 100] [--large]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from calibration.light import Light, light_from_counts
from calibration.matrices.magnitude_projections import alternating_projections, fields_from, relaxed_reflections
from calibration.matrices.phase_retrieval import retrieve_rows
from calibration.matrices.row_ambiguity import align_rows
from calibration.matrices.spectral_start import random_start, spectral_start
from optics import MacropixelLayout, SimulatedBench, load_bench
from optics.plots import canvas, draw_curve, draw_level

RATIOS = (2.0, 2.1, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0, 5.0, 6.0)
GRIDS = {32: (4, 8), 48: (6, 8), 64: (8, 8)}
MEAN_ELECTRONS = 1500.0
Score = tuple[float, float]


def gaussian(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Draw circular Gaussian numbers."""
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def relative_error(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the error of each row over its norm, up to what intensities leave open."""
    aligned = align_rows(found, truth, ambiguity="phase and conjugation").matrix
    return np.asarray(np.linalg.norm(aligned - truth, axis=1) / np.linalg.norm(truth, axis=1))


def clean_light(patterns: np.ndarray, matrix: np.ndarray) -> Light:
    """Return light without noise."""
    value = (np.abs(patterns @ matrix.T) ** 2).astype(np.float32)
    return Light(value, np.zeros_like(value), np.ones(value.shape, np.bool_))


def without_noise(inputs: int, ratio: float, rows: int, rng: np.random.Generator, *, attempts: int) -> Score:
    """Score binary patterns without noise or static light."""
    patterns = rng.random((round(ratio * inputs), inputs)) < 0.5
    matrix = gaussian(rng, rows, inputs)
    found = retrieve_rows(clean_light(patterns, matrix), patterns, rng=rng, static=False, attempts=attempts)
    good = relative_error(found.matrix.value, matrix) < 1e-3
    return float(good.mean()), float((found.converged & ~good).mean())


def projections_alone(inputs: int, ratio: float, rows: int, rng: np.random.Generator) -> Score:
    """Score alternating projections from two eigenvectors, binary patterns without noise."""
    patterns = (rng.random((round(ratio * inputs), inputs)) < 0.5).astype(np.float64)
    basis, truth = np.linalg.qr(patterns)[0], patterns @ gaussian(rng, rows, inputs).T
    start = fields_from(spectral_start(np.abs(truth) ** 2, basis=basis, rng=rng), basis=basis)
    fields = alternating_projections(start, np.abs(truth), basis=basis, iterations=1000)
    return float(np.mean(relative_error(fields.T, truth.T) < 1e-3)), 0.0


def complex_inputs(inputs: int, ratio: float, rows: int, rng: np.random.Generator) -> Score:
    """Score complex Gaussian inputs without noise: the same reflections and restarts."""
    sensing = gaussian(rng, round(ratio * inputs), inputs)
    basis = np.linalg.qr(sensing)[0].astype(np.complex64)
    truth = (sensing @ gaussian(rng, rows, inputs).T).astype(np.complex64)
    best, open_rows = np.zeros_like(truth), np.arange(rows)
    for attempt in range(8):
        size = np.abs(truth[:, open_rows])
        fields = fields_from(random_start(size**2, basis=basis, rng=rng), basis=basis)
        fields = relaxed_reflections(fields, size, basis=basis, iterations=100 * (attempt + 1))
        fields = alternating_projections(fields, size, basis=basis, iterations=200)
        best[:, open_rows] = fields
        misfit = np.linalg.norm(np.abs(fields) - size, axis=0) / np.linalg.norm(size, axis=0)
        open_rows = open_rows[misfit > 1e-3]
        if not len(open_rows):
            break
    good = relative_error(best.T, truth.T) < 2e-3
    settled = ~np.isin(np.arange(rows), open_rows)
    return float(good.mean()), float((settled & ~good).mean())


def behind_camera(inputs: int, ratio: float, rows: int, rng: np.random.Generator) -> Score:
    """Score the OPU-class bench: 8 bits, read noise, shot noise, static light."""
    bench = small_bench(inputs, rows, seed=int(rng.integers(2**31)))
    patterns = rng.random((round(ratio * (inputs + 1)), inputs)) < 0.5
    exposure = bench.expose(patterns)
    light = light_from_counts(exposure.counts, bench.camera, exposure_time=exposure.exposure_time)
    electron = 1 / (bench.camera.quantum_efficiency * exposure.exposure_time)
    found = retrieve_rows(light, patterns, rng=rng, light_per_electron=electron)
    states = np.concatenate([np.eye(inputs, dtype=np.bool_), np.zeros((1, inputs), np.bool_)])
    fields = bench.truth.field(states).astype(np.complex128).reshape(inputs + 1, -1)
    truth = np.concatenate([fields[:-1] - fields[-1], fields[-1:]]).T
    whole = np.concatenate([found.matrix.value, found.static.value[:, np.newaxis]], axis=1)
    quoted = np.concatenate([found.matrix.standard_error, found.static.standard_error[:, np.newaxis]], axis=1)
    good = relative_error(whole, truth) < 2 * np.linalg.norm(quoted, axis=1) / np.linalg.norm(truth, axis=1)
    good &= found.converged
    return float(good.mean()), float((found.converged & ~good).mean())


def small_bench(inputs: int, rows: int, *, seed: int) -> SimulatedBench:
    """Return the OPU-class bench with few macropixels and pixels, at a mean of so many electrons."""
    whole = load_bench("opu")
    height, width = GRIDS[inputs]
    layout = MacropixelLayout(block_rows=16, block_columns=16, grid_rows=height, grid_columns=width)
    camera = whole.camera.region(top=0, left=0, rows=10, columns=-(-rows // 10))
    share = whole.medium.collected_fraction * camera.pixels / whole.camera.pixels
    description = replace(
        whole, layout=layout, camera=camera, medium=replace(whole.medium, collected_fraction=share)
    )  # fmt: skip
    bench = SimulatedBench(description, seed=seed)
    half = np.random.default_rng(seed).random((20, inputs)) < 0.5
    bench.exposure_time = MEAN_ELECTRONS / (camera.quantum_efficiency * float(bench.truth.intensity(half).mean()))
    return bench


def large(rng: np.random.Generator) -> None:
    """Print the time of 256 inputs and 1000 rows at four frames an input, with shot noise of 1500 electrons."""
    inputs, rows = 256, 1000
    patterns = rng.random((4 * inputs, inputs)) < 0.5
    matrix = gaussian(rng, rows, inputs) * np.sqrt(2 * MEAN_ELECTRONS / inputs)
    electrons = rng.poisson(np.abs(patterns @ matrix.T) ** 2) + 13 * rng.standard_normal((len(patterns), rows))
    variance = (169 + np.maximum(electrons, 0)).astype(np.float32)
    light = Light(electrons.astype(np.float32), variance, np.ones(electrons.shape, np.bool_))
    start, worked = time.perf_counter(), time.process_time()
    found = retrieve_rows(light, patterns, rng=rng, static=False, light_per_electron=1.0)
    spent, worked = time.perf_counter() - start, time.process_time() - worked
    error = relative_error(found.matrix.value, matrix)[found.converged]
    quoted = np.linalg.norm(found.matrix.standard_error, axis=1) / np.linalg.norm(matrix, axis=1)
    print(
        f"{inputs} inputs, {rows} rows, {len(patterns)} frames: {spent:.1f} s, {worked:.1f} s of processors, "
        f"{found.converged.mean():.3f} converged, "
        f"error {np.sqrt(np.mean(error**2)):.4f}, quoted {np.sqrt(np.mean(quoted[found.converged] ** 2)):.4f}"
    )


METHODS: dict[str, Callable[[int, float, int, np.random.Generator], Score]] = {
    "binary": lambda *to: without_noise(*to, attempts=8),
    "binary, one start": lambda *to: without_noise(*to, attempts=1),
    "binary, projections alone": projections_alone,
    "binary, camera and static light": behind_camera,
    "complex Gaussian inputs": complex_inputs,
}


def draw(found: dict[tuple[int, str], list[float]], sizes: list[int], path: Path) -> None:
    """Draw the share of rows that come back; the second number of inputs is dotted."""
    with canvas(7.0, 4.4) as figure:
        axes = figure.add_subplot()
        for (inputs, name), good in found.items():
            index, first = list(METHODS).index(name), inputs == sizes[0]
            line = draw_curve(
                axes, RATIOS, good, index=index, kind="both", line_style="-" if first else ":",
                label=name if first else None,
            )  # fmt: skip
            line.set_fillstyle("full" if first else "none")
        draw_level(axes, 2, vertical=True)
        draw_level(axes, 2.03, vertical=True).set_linestyle("--")
        axes.set(xlabel="frames / unknown entries of a row", ylabel="share of rows that come back", ylim=(-0.02, 1.02))
        axes.set_title(
            "Rows from intensities alone: " + ", ".join(f"{inputs} inputs" for inputs in sizes)
            + " (dotted: the second)\nlines: information limit 2, message passing 2.03"
        )  # fmt: skip
        axes.legend()
        figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("phase_retrieval.png"))
    parser.add_argument("--inputs", type=int, nargs="+", default=[48, 64], choices=GRIDS)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--large", action="store_true", help="only time 256 inputs and 1000 rows")
    options = parser.parse_args()
    if options.large:
        large(np.random.default_rng(1))
        return
    found: dict[tuple[int, str], list[float]] = {}
    print("share of rows that come back (said to have converged and did not); columns: frames over unknowns of a row")
    print(f"{'':40s}" + "".join(f"{ratio:>13g}" for ratio in RATIOS))
    for inputs in options.inputs:
        for index, (name, method) in enumerate(METHODS.items()):
            scores = [method(inputs, ratio, options.rows, np.random.default_rng([inputs, index])) for ratio in RATIOS]
            cells = "".join(f"{good:7.2f} ({bad:.2f})" for good, bad in scores)
            print(f"{f'{inputs} inputs, {name}':40s}{cells}", flush=True)
            found[inputs, name] = [good for good, _ in scores]
    draw(found, options.inputs, options.output)
    print(f"drawn into {options.output}")


if __name__ == "__main__":
    main()
