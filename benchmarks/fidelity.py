"""Fidelity of anchor projections on the OPU-class bench, against the number of non-zeros of ternary vectors.

For 10, 100 and 1000 components: mean cosine of the retrieved with the true projection over vectors and 2048
outputs, and the rms of (retrieved - true) / standard error. Draws the curves into a picture.

    python benchmarks/fidelity.py [--output fidelity.png] [--seeds 1 2 3] [--vectors 60]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from calibration import AnchorProjector, cosine
from optics import SimulatedBench, load_bench
from optics.plots import canvas, draw_curve, draw_level

NON_ZEROS = {10: (1, 2, 3, 5, 7, 10), 100: (1, 2, 3, 5, 10, 20, 33, 60, 100), 1000: (1, 3, 10, 30, 100, 333, 600, 1000)}


def vectors(rng: np.random.Generator, *, number: int, components: int, non_zeros: int) -> np.ndarray:
    """Return ternary vectors with a given number of non-zeros each."""
    order = rng.random((number, components)).argsort(axis=1)
    return np.where(order < non_zeros, rng.choice([-1, 1], (number, components)), 0)


def random_density(rng: np.random.Generator, *, number: int, components: int) -> np.ndarray:
    """Return ternary vectors whose entries are each non-zero with probability 1/3; zero vectors are left out."""
    x = np.where(rng.random((number, components)) < 1 / 3, rng.choice([-1, 1], (number, components)), 0)
    return x[x.any(axis=1)]


def score(projector: AnchorProjector, x: np.ndarray, truth: np.ndarray) -> tuple[float, float, float, float]:
    """Return mean cosine, mean square error, mean square standard error (of valid outputs), and flagged share."""
    estimate = projector.project(x)
    true = x @ truth.T
    error = (estimate.value - true)[estimate.valid]
    expected = estimate.standard_error[estimate.valid].astype(np.float64)
    flagged = 1 - float(estimate.valid.mean())
    return float(cosine(estimate.value, true).mean()), float(np.mean((error / expected) ** 2)), error.size, flagged


def draw(curves: dict[int, list[float]], path: Path) -> None:
    """Draw the cosine against the number of non-zeros, a curve for each number of components."""
    with canvas(6.5, 4.2) as figure:
        axes = figure.add_subplot()
        for index, (components, cosines) in enumerate(curves.items()):
            steps = NON_ZEROS[components]
            draw_curve(axes, steps, cosines, index=index, kind="both", label=f"{components} components")
        draw_level(axes, 0.98, label="asked for")
        axes.set(xscale="log", xlabel="non-zeros of the ternary vector", ylabel="cosine with the true projection")
        axes.set(ylim=(0.97, 1.0), title="OPU-class bench: 8 bit, 10 000 e, 13 e read noise")
        axes.legend()
        figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("fidelity.png"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--vectors", type=int, default=60)
    options = parser.parse_args()
    curves, pulls = {}, []
    print("components  anchor  non-zeros  cosine   error/bar  flagged")
    for components, steps in NON_ZEROS.items():
        curve = {step: [] for step in (*steps, "1/3")}
        for seed in options.seeds:
            rng = np.random.default_rng([seed, components])
            projector = AnchorProjector(
                SimulatedBench(load_bench("opu"), seed=seed), components=components, outputs=2048
            )
            truth = projector.truth()
            for step in curve:
                number = options.vectors
                x = (
                    random_density(rng, number=number, components=components)
                    if step == "1/3"
                    else vectors(rng, number=number, components=components, non_zeros=step)
                )
                curve[step].append(score(projector, x, truth))
        anchor = len(projector.calibration.scheme.anchor)
        for step, scores in curve.items():
            mean = np.mean(scores, axis=0)
            pulls.append(mean[1])
            print(
                f"{components:10d}  {anchor:6d}  {step!s:>9}  {mean[0]:.4f}   "
                f"{np.sqrt(mean[1]):9.3f}  {100 * mean[3]:6.3f} %"
            )
        curves[components] = [float(np.mean([one[0] for one in curve[step]])) for step in steps]
    print(f"pooled rms of error / standard error: {np.sqrt(np.mean(pulls)):.3f}")
    draw(curves, options.output)
    print(f"drawn into {options.output}")


if __name__ == "__main__":
    main()
