"""What noise on the projection of the error costs a network that learns from it, and what raw intensities do.

The network and its settings are those of data/presets/noise-mnist.toml; noise is Gaussian, its standard deviation a
multiple of the rms of each projection. Published: noise of 0.3, 1, 3 and 10 leaves about 96, 96, 94 and 81 %. The
alignment at the end is compared with that of noiseless DFA divided by sqrt(1 + noise^2) (law L62; the network that
learned from noisier feedback is another one, so that it need not agree).

    python benchmarks/noise_and_learning.py [--data FOLDER] [--noise 0.3 1 3 10] [--seeds 0 1 2]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from dfa.experiment import METHODS, Method, load_experiment
from dfa.runs import load_experiment_data, run_once
from optics import load_bench

import numpy as np  # isort: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the four MNIST files; else as `python -m dfa`")
    parser.add_argument(
        "--noise",
        type=float,
        nargs="+",
        default=[0.3, 1.0, 3.0, 10.0],
        help="sizes of the noise, in units of the rms of each projection (default: %(default)s)",
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], help="one run for each noise and seed (default: %(default)s)"
    )
    parser.add_argument(
        "--preset", default="noise-mnist", help="experiment: its name or a TOML file (default: %(default)s)"
    )
    options = parser.parse_args()
    experiment = load_experiment(options.preset)
    bench = load_bench(experiment.bench)
    lines: list[tuple[str, str, Method]] = []
    for name, method in experiment.methods.items():
        if name == "noisy":
            lines += [(f"{METHODS[name]}, {sigma:g}", name, replace(method, noise=sigma)) for sigma in options.noise]
        else:
            lines.append((METHODS[name], name, method))
    scores: dict[str, list[tuple[float, float]]] = {title: [] for title, _, _ in lines}
    for seed in options.seeds:
        dataset = load_experiment_data(experiment, folder=options.data, seed=seed)
        for title, name, method in lines:
            run = run_once(name, method, experiment, dataset=dataset, seed=seed, bench=bench)
            scores[title].append((100 * run.accuracy, float(run.history.alignment[-1].mean())))
    print(f"{'method':<28}test accuracy / %, mean and each seed      alignment")
    for title, found in scores.items():
        accuracies, alignments = np.array(found).T
        each = " ".join(f"{accuracy:.2f}" for accuracy in accuracies)
        print(f"{title:<28}{accuracies.mean():6.2f}   {each:<32}{alignments.mean():6.3f}")


if __name__ == "__main__":
    main()
