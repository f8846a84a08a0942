"""Kernel features |Tx|^2 by light: their error against the exact kernel, and MNIST by ridge regression on them.

The first part compares kernels of MNIST digits by the OPU-class bench, and by a matrix without noise, with the exact
kernel, for growing numbers of outputs. Mirrors that are off send a thousandth of the light of those that are on, that
is three hundredths of the field: the kernel of the bench is that of the vectors that its mirrors show. The second part
trains a ridge regression on 10 000 features of binarised digits: one exposure of the bench each, 8 bits, all noise of
the camera. The penalty is chosen on 5000 training digits that are held out, then the model is fitted to all 60 000.
The test set is looked at once.

    OPUBENCH_DATA=FOLDER python -m benchmarks.kernel_features [--output kernel_features.png] [--features 10000]
        [--kernel-only] [--seed 1]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from calibration import auto_exposure
from dfa.applications.kernel_features import feature_kernel, kernel_standard_error, optical_features, optical_kernel
from dfa.applications.ridge import RidgeSums
from dfa.data.datasets import Dataset
from dfa.data.images import load_mnist
from optics import MacropixelLayout, SimulatedBench, load_bench
from optics.plots import canvas, draw_curve, draw_law

OUTPUTS = (128, 256, 512, 1024, 2048, 4096, 8192)
PENALTIES = (1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
PIXELS = 784


def digits_bench(outputs: int, *, seed: int) -> SimulatedBench:
    """Return the OPU-class bench with a macropixel for each pixel of a digit, and a region of so many pixels."""
    opu = load_bench("opu")
    rows = int(np.sqrt(outputs))
    while outputs % rows:
        rows -= 1
    camera = replace(opu.camera, rows=rows, columns=outputs // rows)
    # The region grows, the light on a pixel does not.
    light = opu.medium.collected_fraction * camera.pixels / opu.camera.pixels
    layout = MacropixelLayout(block_rows=40, block_columns=32, grid_rows=28, grid_columns=28)
    description = replace(opu, camera=camera, layout=layout, medium=replace(opu.medium, collected_fraction=light))
    return SimulatedBench(description, seed=seed)


def shown(states: np.ndarray, bench: SimulatedBench) -> np.ndarray:
    """Return the amplitudes of the mirrors for binary vectors; mirrors of no macropixel are the last input."""
    dmd, layout = bench.description.dmd, bench.description.layout
    off = dmd.contrast_ratio**-0.5
    spare = dmd.rows * dmd.columns / (layout.block_rows * layout.block_columns) - layout.inputs
    return np.hstack([np.where(states, 1.0, off), np.full((len(states), 1), off * np.sqrt(spare))])


def relative_error(estimate: np.ndarray, exact: np.ndarray) -> float:
    """Return the rms of the error over the exact kernel."""
    return float(np.sqrt(np.mean((estimate / exact - 1) ** 2)))


def kernels(first: np.ndarray, second: np.ndarray, *, seed: int) -> dict[str, list[float]]:
    """Return relative errors of the kernel between two sets of binary vectors for each number of outputs."""
    bench = digits_bench(OUTPUTS[-1], seed=seed)
    choice = auto_exposure(bench, first[:5])
    print(f"exposure {1e6 * choice.exposure_time:.0f} us, mean signal {choice.mean_signal:.1f} DN")
    both = np.concatenate([first, second])
    light, truth = optical_features(bench, both), shown(both, bench)
    rng = np.random.default_rng([seed, 1])
    matrix = (rng.standard_normal((PIXELS, OUTPUTS[-1])) + 1j * rng.standard_normal((PIXELS, OUTPUTS[-1]))) / np.sqrt(2)
    exact = optical_kernel(first, second)
    found = {
        "exact features": (np.abs(both.astype(np.float64) @ matrix) ** 2, exact),
        "bench": (light, exact),
        "bench, as shown": (
            light * (np.sum(truth**2) / both.sum()),
            optical_kernel(truth[: len(first)], truth[len(first) :]),
        ),
    }
    errors = {
        name: [disjoint_error(*pair, samples=len(first), outputs=outputs) for outputs in OUTPUTS]
        for name, pair in found.items()
    }
    laws = (kernel_standard_error(first, second, outputs=outputs) / exact for outputs in OUTPUTS)
    return {**errors, "law": [float(np.sqrt(np.mean(law**2))) for law in laws]}


def disjoint_error(features: np.ndarray, exact: np.ndarray, *, samples: int, outputs: int) -> float:
    """Return the rms relative error over all disjoint sets of so many outputs."""
    sets = [features[:, start : start + outputs] for start in range(0, OUTPUTS[-1], outputs)]
    found = [relative_error(feature_kernel(one[:samples], one[samples:]), exact) for one in sets]
    return float(np.sqrt(np.mean(np.square(found))))


def show_kernels(errors: dict[str, list[float]], path: Path) -> None:
    """Print and draw the errors of the kernels."""
    print("outputs  " + "  ".join(f"{name:>15s}" for name in errors))
    for row, outputs in enumerate(OUTPUTS):
        print(f"{outputs:7d}  " + "  ".join(f"{errors[name][row]:15.4f}" for name in errors))
    with canvas(5.6, 4.0) as figure:
        axes = figure.add_subplot()
        draw_law(axes, OUTPUTS, errors["law"], label="law, goes as one over the root")
        for index, name in enumerate(("exact features", "bench", "bench, as shown")):
            slope = np.polyfit(np.log(OUTPUTS), np.log(errors[name]), 1)[0]
            print(f"{name}: exponent {slope:.3f} (law: -0.5)")
            draw_curve(axes, OUTPUTS, errors[name], index=index, kind="points", label=f"{name}: exponent {slope:.2f}")
        axes.set(xscale="log", yscale="log", xlabel="outputs", ylabel="relative error of the kernel, rms")
        axes.set_title("Kernel of optical features, MNIST")
        axes.legend()
        figure.savefig(path, dpi=120)
    print(f"drawn into {path}")


def binarised(dataset: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the three sets as states of mirrors: on where a pixel is above half of the range."""
    sets = (dataset.train_inputs, dataset.validation_inputs, dataset.test_inputs)
    low, high = float(sets[0].min()), float(sets[0].max())
    train, validation, test = (part > (low + high) / 2 for part in sets)
    return train, validation, test


def classify(dataset: Dataset, *, features: int, seed: int) -> None:
    """Train and test the ridge regression, and print what came out."""
    begin = time.perf_counter()
    train, validation, test = binarised(dataset)
    bench = digits_bench(features, seed=seed)
    choice = auto_exposure(bench, train[:5])
    frames = [bench.expose(part).counts.reshape(len(part), -1) for part in (train, validation, test)]
    exposed = time.perf_counter()
    sums = RidgeSums(features=features, classes=dataset.classes)
    sums.add(frames[0], dataset.train_labels)
    scores = {
        penalty: float(np.mean(sums.solve(penalty).predict(frames[1]) == dataset.validation_labels))
        for penalty in PENALTIES
    }
    best = max(scores, key=lambda penalty: scores[penalty])
    sums.add(frames[1], dataset.validation_labels)
    accuracy = float(np.mean(sums.solve(best).predict(frames[2]) == dataset.test_labels))
    print("validation: " + ", ".join(f"{penalty:g}: {100 * score:.2f} %" for penalty, score in scores.items()))
    print(
        f"MNIST, {features} optical features, {sums.samples} digits, exposure {1e6 * choice.exposure_time:.0f} us, "
        f"mean {choice.mean_signal:.1f} DN, penalty {best:g}: test accuracy {100 * accuracy:.2f} % "
        f"(a real OPU: 96.57 %)\n{exposed - begin:.0f} s exposing, {time.perf_counter() - exposed:.0f} s solving"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("kernel_features.png"))
    parser.add_argument("--features", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kernel-only", action="store_true", help="leave the ridge regression out")
    options = parser.parse_args()
    dataset = load_mnist(rng=np.random.default_rng(options.seed))
    train = binarised(dataset)[0]
    show_kernels(kernels(train[:60], train[60:130], seed=options.seed), options.output)
    if not options.kernel_only:
        classify(dataset, features=options.features, seed=options.seed)


if __name__ == "__main__":
    main()
