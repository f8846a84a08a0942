"""Ternarised against exact DFA on MNIST, [784, 100, 10]: Fig. S1 of arXiv:2409.12965.

The figure compares the two over 50 epochs of batches of 100 from 20 seeds; backpropagation and ternarised errors that
are projected by light (the small camera region of the study mnist_curves) are trained beside them. All methods of a
seed see the same split, weights and order, so that the difference of two of them is paired. Each finished run is
added to the table at once, and one that is there already is not trained again.

    python benchmarks/ternary_curves.py [--data FOLDER] [--methods bp dfa ternary] [--seeds 20] [--table FILE]
    python benchmarks/ternary_curves.py --draw          only the figure and the figures, from the table
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path

from dfa.experiment import METHODS, load_experiment
from dfa.method_curves import STYLES
from dfa.runs import Run, load_experiment_data, run_once
from dfa.studies.fields import Setting, with_changes
from dfa.studies.intervals import confidence_interval
from dfa.studies.study_file import load_study
from optics import load_bench
from optics.plots import canvas, draw_curve, draw_level

import numpy as np  # isort: skip
from matplotlib.axes import Axes  # isort: skip
from matplotlib.figure import Figure  # isort: skip
from numpy.typing import NDArray  # isort: skip

COLUMNS = ("method", "seed", "epoch", "test_accuracy", "validation_accuracy", "training_loss", "alignment", "carried")
Curves = dict[str, dict[int, NDArray[np.float64]]]
"""For each method and seed the test accuracy after each epoch, in per cent."""


def train_missing(options: argparse.Namespace) -> None:
    """Train what the table lacks, one seed after the other."""
    experiment = load_experiment(options.preset)
    bench = with_changes(
        Setting(experiment=experiment, bench=load_bench(experiment.bench)), load_study("mnist_curves").base
    ).bench
    done = {(method, seed) for method, runs in read_curves(options.table).items() for seed in runs}
    for seed in range(options.seeds):
        missing = [name for name in options.methods if (name, seed) not in done]
        if not missing:
            continue
        dataset = load_experiment_data(experiment, folder=options.data, seed=seed)
        for name in missing:
            run = run_once(name, experiment.methods[name], experiment, dataset=dataset, seed=seed, bench=bench)
            append_run(options.table, run)
            print(f"{METHODS[name]}, seed {seed}: {100 * run.accuracy:.2f} % in {run.seconds:.0f} s", flush=True)


def append_run(path: Path, run: Run) -> None:
    """Add the epochs of a run to the table in one write."""
    history = run.history
    lines = "" if path.exists() else ",".join(COLUMNS) + "\n"
    for index in range(len(history.epochs)):
        cells = [run.method, run.seed, index + 1, f"{history.test_accuracy[index]:.4f}"]
        cells += [f"{history.validation_accuracy[index]:.4f}", f"{history.training_loss[index]:.5f}"]
        cells += [f"{history.alignment[index].mean():.4f}", int(history.feedback_samples[index])]
        lines += ",".join(str(cell) for cell in cells) + "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(lines)


def read_curves(path: Path) -> Curves:
    """Return the test accuracies of the table."""
    if not path.exists():
        return {}
    found: dict[str, dict[int, list[float]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            own = found.setdefault(row["method"], {}).setdefault(int(row["seed"]), [])
            own.append(100 * float(row["test_accuracy"]))
    return {name: {seed: np.array(curve) for seed, curve in runs.items()} for name, runs in found.items()}


def bands(curves: Iterable[NDArray[np.float64]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each epoch and the half width of its 95 % interval."""
    found = [confidence_interval(list(values)) for values in np.array(list(curves)).T]
    return np.array([one.mean for one in found]), np.array([one.half_width for one in found])


def differences(curves: Curves, one: str, other: str) -> list[NDArray[np.float64]]:
    """Return the curve of one method minus that of another, for each seed that both have."""
    return [curves[one][seed] - curves[other][seed] for seed in sorted(curves[one]) if seed in curves[other]]


def draw(curves: Curves) -> Figure:
    """Draw test accuracy against epochs, and the paired difference to exact DFA."""
    with canvas(10.5, 4.2) as figure:
        left, right = (figure.add_subplot(1, 2, index) for index in (1, 2))
        for name in (name for name in METHODS if name in curves):
            _line(left, name, list(curves[name].values()))
        for name in ("ternary", "optical"):
            if name in curves and "dfa" in curves:
                _line(right, name, differences(curves, name, "dfa"))
        lowest = min(float(bands(runs.values())[0][1]) for runs in curves.values())
        left.set(xlabel="epoch", ylabel="test accuracy / %", title="MNIST, 784-100-10: mean of seeds, 95 % band")
        left.set_ylim(bottom=np.floor(lowest))
        draw_level(right, 0)
        right.set(xlabel="epoch", ylabel="difference / points", title="Test accuracy minus exact DFA, paired by seed")
        for axes in (left, right):
            axes.legend(loc="lower right")
    return figure


def _line(axes: Axes, name: str, curves: list[NDArray[np.float64]]) -> None:
    """Draw the mean of some curves and its band."""
    mean, half = bands(curves)
    draw_curve(
        axes, np.arange(1, len(mean) + 1), mean, band=half, colour=STYLES[name].colour, line_style=STYLES[name].line,
        label=f"{METHODS[name]} ({len(curves)} seeds)",
    )  # fmt: skip


def tell(curves: Curves) -> None:
    """Print final accuracies and the paired differences of ternarised and exact DFA."""
    for name in (name for name in METHODS if name in curves):
        found = confidence_interval([float(curve[-1]) for curve in curves[name].values()])
        print(f"{METHODS[name]:<26}{found.mean:7.3f} ± {found.half_width:.3f} %   {len(curves[name])} seeds")
    for one, other in (("ternary", "dfa"), ("optical", "dfa"), ("optical", "ternary"), ("dfa", "bp")):
        if one in curves and other in curves:
            last = [float(curve[-1]) for curve in differences(curves, one, other)]
            found = confidence_interval(last)
            print(f"{one} - {other}: {found.mean:+.3f} ± {found.half_width:.3f} points (95 %, {len(last)} pairs)")


def main() -> None:
    """Train what is missing, write the table, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="s1-mnist")
    parser.add_argument("--data", type=Path, help="folder with the four MNIST files; else as `python -m dfa`")
    parser.add_argument("--methods", nargs="+", default=["bp", "dfa", "ternary"])
    parser.add_argument("--seeds", type=int, default=20, help="seeds 0 to this number less 1")
    parser.add_argument("--table", type=Path, default=Path("data/results/s1_mnist.csv"))
    parser.add_argument("--figure", type=Path, default=Path("benchmarks/ternary_curves.png"))
    parser.add_argument("--draw", action="store_true", help="train nothing")
    options = parser.parse_args()
    if not options.draw:
        train_missing(options)
    curves = read_curves(options.table)
    draw(curves).savefig(options.figure, dpi=110)
    tell(curves)


if __name__ == "__main__":
    main()
