"""Randomised SVD and trace estimation with the bench as the random matrix, against the published errors.

The OPU-class bench multiplies rows of real numbers, six bits and a sign, by a Gaussian matrix that nobody knows. First
the range of a matrix of falling singular values: error of the sketched range for growing samples, by a normal matrix
and by the bench, against theorem 10.5 of Halko, Martinsson and Tropp with five samples of oversampling, and against the
same bound for a sketch with the noise of the bench. Then the trace of
a positive matrix by Hutchinson's estimate and by Hutch++, against their published variances.

    python -m benchmarks.random_matrices [--output random_matrices.png] [--seed 1] [--draws 50]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from calibration import AnchorProjector
from dfa.applications.optical_sketch import MatrixSketch, OpticalSketch, Sketch
from dfa.applications.randomised_svd import noisy_range_bound, range_basis, range_bound, range_error
from dfa.applications.trace_estimation import (
    hutch_plus_plus,
    hutch_plus_plus_variance,
    hutchinson_trace,
    trace_variance,
)
from optics import SimulatedBench, load_bench
from optics.plots import BLUE, GREEN, GREY, PURPLE, VERMILLION, canvas, draw_curve, draw_law

ROWS, COLUMNS, OVERSAMPLING = 120, 100, 5
RANKS = (5, 10, 20, 40)
SAMPLES = (12, 24, 48, 96)
DRAWS, LIGHT_DRAWS = 100, 8
COLOURS = (GREY, GREY, BLUE, BLUE, VERMILLION, VERMILLION, GREEN, PURPLE, GREEN)
"""Of the rows of the traces: a law has the colour of what it is the law of."""

FULL_SCALE = 20.0  # saturation over the mean: the second product of a trace focuses light on the output it came from


def orthogonal(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a random orthogonal matrix."""
    return np.linalg.qr(rng.standard_normal((size, size)))[0]


def falling(rng: np.random.Generator) -> np.ndarray:
    """Return a matrix with the singular values 1 / j."""
    values = 1 / np.arange(1, COLUMNS + 1.0)
    return (orthogonal(rng, ROWS)[:, :COLUMNS] * values) @ orthogonal(rng, COLUMNS).T


class Chosen:
    """Some columns of products that were made before: sketches by the bench, without asking it again."""

    def __init__(self, products: np.ndarray, columns: np.ndarray, *, inputs: int) -> None:
        self.products, self.columns, self.inputs, self.samples = products, columns, inputs, len(columns)

    def multiply(self, rows: np.ndarray) -> np.ndarray:
        """Return the products that were chosen; the rows are those that they were made of."""
        return self.products[:, self.columns]


def normal(rng: np.random.Generator, inputs: int, samples: int) -> Sketch:
    """Return a sketch by a standard normal matrix."""
    return MatrixSketch(rng.standard_normal((inputs, samples)))


def ranges(projector: AnchorProjector, *, rng: np.random.Generator, draws: int, axes: Axes) -> None:
    """Print and draw the error of sketched ranges."""
    matrix = falling(rng)
    sketch = OpticalSketch(projector)
    sketched = sketch.project(matrix)
    noise = np.sqrt(np.mean(sketched.standard_error**2, axis=1))
    signal = np.linalg.norm(matrix, axis=1)
    rounding = np.linalg.norm(sketch.quantise(matrix) - matrix) / np.linalg.norm(matrix)
    print(f"range of {ROWS} x {COLUMNS}, singular values 1 / j; noise of the bench {np.mean(noise / signal):.3f} of "
          f"the signal, rounding to six bits {rounding:.4f} of the norm")  # fmt: skip
    print("rank samples   best  normal  bound  over |   bench  bound with noise  over | bench over normal")
    values = np.linalg.svd(matrix)[1]
    table = []
    for rank in RANKS:
        samples = rank + OVERSAMPLING
        exact = np.mean([range_error(matrix, range_basis(matrix, normal(rng, COLUMNS, samples))) for _ in range(draws)])
        by_light = np.mean(
            [
                range_error(matrix, range_basis(matrix, Chosen(sketched.value, columns, inputs=COLUMNS)))
                for columns in (rng.choice(sketch.samples, samples, replace=False) for _ in range(draws))
            ]
        )
        best = np.sqrt(np.sum(values[rank:] ** 2))
        bound = range_bound(values, rank=rank, oversampling=OVERSAMPLING)
        noisy = noisy_range_bound(matrix, noise, rank=rank, oversampling=OVERSAMPLING)
        table.append((best, exact, bound, by_light, noisy))
        print(f"{rank:4d} {samples:7d} {best:6.4f}  {exact:6.4f} {bound:6.4f}  {exact / bound:4.2f} | {by_light:7.4f} "
              f"{noisy:17.4f}  {by_light / noisy:4.2f} | {by_light / exact:.3f}")  # fmt: skip
    best, exact, bound, by_light, noisy = np.transpose(table)
    draw_law(axes, RANKS, best, index=3, label="best of that rank")
    draw_curve(axes, RANKS, exact, kind="both", label="normal matrix")
    draw_law(axes, RANKS, bound, colour=BLUE, label="its bound (Halko et al.)")
    draw_curve(axes, RANKS, by_light, index=1, line_style="-", kind="both", label="bench")
    draw_law(axes, RANKS, noisy, colour=VERMILLION, label="bound with the bench's noise")
    axes.set(xscale="log", yscale="log", ylabel="missed part of the matrix, Frobenius norm",
             xlabel=f"rank, {OVERSAMPLING} samples fewer than the sketch",
             title="Range of a matrix from its sketch")  # fmt: skip
    axes.set_xticks(RANKS, [str(rank) for rank in RANKS])
    axes.minorticks_off()
    axes.legend()


def by_light(sketch: OpticalSketch, matrix: np.ndarray, *, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return errors of traces by the bench for each number of samples, by disjoint sets of its outputs."""
    first, truth = sketch.multiply(matrix.T), float(np.trace(matrix))
    samples = np.diagonal(sketch.multiply(first.T))  # of Omega^T A Omega: all sets come out of it
    found: dict[str, list[float]] = {"Hutchinson": [], "Hutch++": []}
    for number in SAMPLES:
        means = samples[: len(samples) // number * number].reshape(-1, number).mean(axis=1)
        found["Hutchinson"].append(relative(means, truth))
        improved = []
        for columns in rng.permuted(np.tile(np.arange(sketch.samples), (LIGHT_DRAWS, 1)), axis=1):
            span, rest = columns[: number // 3], columns[number // 3 : 2 * (number // 3)]
            estimate = hutch_plus_plus(
                matrix, range_sketch=Chosen(first, span, inputs=COLUMNS), trace_sketch=Some(sketch, rest)
            )
            improved.append(estimate.value)
        found["Hutch++"].append(relative(np.array(improved), truth))
    return {name: np.array(errors) for name, errors in found.items()}


def by_matrix(matrix: np.ndarray, *, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the same by random matrices in memory, normal ones and signs."""
    truth, found = float(np.trace(matrix)), {"normal": [], "signs": [], "Hutch++": []}
    for number in SAMPLES:
        signs = [MatrixSketch(rng.choice([-1.0, 1.0], (COLUMNS, number))) for _ in range(DRAWS)]
        found["signs"].append(relative([hutchinson_trace(matrix, one).value for one in signs], truth))
        gauss = [normal(rng, COLUMNS, number) for _ in range(DRAWS)]
        found["normal"].append(relative([hutchinson_trace(matrix, one).value for one in gauss], truth))
        pairs = [(normal(rng, COLUMNS, number // 3), normal(rng, COLUMNS, number // 3)) for _ in range(DRAWS)]
        values = [hutch_plus_plus(matrix, range_sketch=span, trace_sketch=rest).value for span, rest in pairs]
        found["Hutch++"].append(relative(values, truth))
    return {name: np.array(errors) for name, errors in found.items()}


def relative(values: np.ndarray | list[float], truth: float) -> float:
    """Return the rms relative error."""
    return float(np.sqrt(np.mean((np.asarray(values) / truth - 1) ** 2)))


def trace_laws(matrix: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return the standard deviations that the laws state, relative to the trace."""
    found = {
        law: np.sqrt(trace_variance(matrix, law=law) / np.array(SAMPLES)) / values.sum()
        for law in ("signs", "gaussian", "sphere")
    }
    bounds = [
        hutch_plus_plus_variance(values, range_samples=number // 3, trace_samples=number // 3) for number in SAMPLES
    ]
    return {**found, "Hutch++": np.sqrt(bounds) / values.sum()}


def traces(projector: AnchorProjector, *, rng: np.random.Generator, axes: Axes) -> None:
    """Print and draw the scatter of estimated traces."""
    values = 1 / np.arange(1, COLUMNS + 1.0)
    basis = orthogonal(rng, COLUMNS)
    matrix = (basis * values) @ basis.T
    laws, exact = trace_laws(matrix, values), by_matrix(matrix, rng=rng)
    light = by_light(OpticalSketch(projector), matrix, rng=rng)
    rows = {
        "signs": exact["signs"],
        "  law of signs": laws["signs"],
        "normal matrix": exact["normal"],
        "  law of normal samples": laws["gaussian"],
        "bench": light["Hutchinson"],
        "  law on the sphere": laws["sphere"],
        "Hutch++, normal matrix": exact["Hutch++"],
        "Hutch++, bench": light["Hutch++"],
        "  bound": laws["Hutch++"],
    }
    print(f"trace of {COLUMNS} x {COLUMNS}, eigenvalues 1 / j: rms relative error; samples:")
    print(" " * 24 + "".join(f"{number:9d}" for number in SAMPLES))
    for number, (name, errors) in enumerate(rows.items()):
        print(f"{name:24s}" + "".join(f"{one:9.4f}" for one in errors))
        if name.startswith(" "):
            draw_law(axes, SAMPLES, errors, colour=COLOURS[number], index=number % 4, label=name.strip())
        else:
            draw_curve(axes, SAMPLES, errors, index=number // 2, kind="points", colour=COLOURS[number], label=name)
    axes.set(
        xscale="log", yscale="log", xlabel="samples", ylabel="relative error, rms", title="Trace from random products"
    )
    axes.set_xticks(SAMPLES, [str(number) for number in SAMPLES])
    axes.minorticks_off()
    axes.legend(fontsize=7, ncols=2)


class Some:
    """Some outputs of a sketch by the bench."""

    def __init__(self, sketch: OpticalSketch, columns: np.ndarray) -> None:
        self.sketch, self.columns, self.inputs, self.samples = sketch, columns, sketch.inputs, len(columns)

    def multiply(self, rows: np.ndarray) -> np.ndarray:
        """Ask the bench and return the outputs that were chosen."""
        return self.sketch.multiply(rows)[:, self.columns]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("random_matrices.png"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draws", type=int, default=50)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    bench = SimulatedBench(load_bench("opu"), seed=options.seed)
    projector = AnchorProjector(bench, components=COLUMNS, outputs=1000, full_scale=FULL_SCALE)
    lengths = np.sqrt(np.mean(projector.truth() ** 2, axis=1))
    measured = OpticalSketch(projector).unit / lengths
    print(f"measured over true length of a column: {measured.mean():.4f}, scatter {measured.std():.4f}; "
          f"gains scatter by {np.std(lengths) / np.mean(lengths):.3f}")  # fmt: skip
    with canvas(10.0, 4.6) as figure:
        left, right = figure.subplots(1, 2)
        ranges(projector, rng=rng, draws=options.draws, axes=left)
        traces(projector, rng=rng, axes=right)
        figure.savefig(options.output, dpi=120)
    print(f"{projector.frames_exposed} frames; drawn into {options.output}")


if __name__ == "__main__":
    main()
