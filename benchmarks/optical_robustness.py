"""Adversarial attacks on handwritten digits behind an optical layer with binary outputs.

Three networks on scikit-learn's digits, of the same training: one on pixels; one on the binary states that the mirrors
show, without optics, which tells what binary inputs alone do; and one on the thresholded intensities of the OPU-class
bench. Attacks (FGSM and PGD) with smooth steps in place of sharp ones on the way back. Against the optical network the
attacker queries the bench for the way forward, and goes back by a matrix that he drew, or by the matrix that phase
retrieval found from camera frames; or he sends what he found for the network on pixels (transfer).

    python -m benchmarks.optical_robustness [--output optical_robustness.png] [--seed 1] [--samples 300]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from calibration import auto_exposure
from calibration.matrices import matrix_correlation, retrieve_rows
from dfa.applications.attacks import LossGradient, fast_gradient, input_gradient, projected_gradient
from dfa.applications.optical_layer import OpticalLayer, SurrogateGradient, Thermometer, fit_layer, measured_light
from dfa.data.datasets import Dataset
from dfa.data.images import load_digits_dataset
from dfa.networks.fully_connected import fully_connected
from dfa.networks.network import Network
from dfa.plan import TrainingPlan
from dfa.rules.credit import Backpropagation
from dfa.tasks.classification import Classification
from dfa.training import train
from optics import MacropixelLayout, SimulatedBench, load_bench
from optics.plots import canvas, draw_curve

EPSILONS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
ENCODING = Thermometer(levels=np.array([0.125, 0.4, 0.7]))
PLAN = TrainingPlan(epochs=30, batch_size=50, optimizer="adam", learning_rate=1e-3, decay="cosine", probe_size=0)
HIDDEN, STEPS, FRAMES_AN_INPUT = 100, 10, 5


def attacked_bench(seed: int) -> SimulatedBench:
    """Return the OPU-class bench with 192 macropixels and 25 x 32 pixels."""
    opu = load_bench("opu")
    camera = replace(opu.camera, rows=25, columns=32)
    light = opu.medium.collected_fraction * camera.pixels / opu.camera.pixels
    layout = MacropixelLayout(block_rows=90, block_columns=55, grid_rows=12, grid_columns=16)
    description = replace(opu, camera=camera, layout=layout, medium=replace(opu.medium, collected_fraction=light))
    return SimulatedBench(description, seed=seed)


def to_pixels(dataset: Dataset) -> Dataset:
    """Return the digits with pixels between 0 and 1 again."""
    low = float(dataset.train_inputs.min())
    span = float(dataset.train_inputs.max()) - low
    parts = {f"{name}_inputs": getattr(dataset, f"{name}_inputs") for name in ("train", "validation", "test")}
    return replace(dataset, **{name: np.clip((part - low) / span, 0, 1) for name, part in parts.items()})


def trained(dataset: Dataset, features: Callable[[np.ndarray], np.ndarray], seed: int) -> Network:
    """Return a network trained by backpropagation on features of the images."""
    parts = {f"{name}_inputs": features(getattr(dataset, f"{name}_inputs")) for name in ("train", "validation", "test")}
    shown = replace(dataset, **parts)
    rng = np.random.default_rng([seed, 2])
    network = fully_connected((shown.inputs, HIDDEN, shown.classes), activation="relu", rng=rng)
    train(network, Backpropagation(), task=Classification(shown), plan=PLAN, rng=rng)
    return network


def retrieved(layer: OpticalLayer, rng: np.random.Generator) -> SurrogateGradient:
    """Return the gradient of an attacker who retrieved the matrix from intensities of random states."""
    inputs = layer.bench.layout.inputs
    patterns = rng.random((FRAMES_AN_INPUT * (inputs + 1), inputs)) < 0.5
    before = layer.bench.exposure_time
    auto_exposure(layer.bench, patterns[:5])
    found = retrieve_rows(measured_light(layer.bench, patterns), patterns, rng=rng)
    layer.bench.exposure_time = before
    matrix, static = found.matrix.value, found.static.value
    same = matrix_correlation(matrix, layer.bench.truth.matrix(), ambiguity="phase and conjugation")
    print(f"phase retrieval from {len(patterns)} frames: {100 * found.converged.mean():.0f} % of the rows converged, "
          f"correlation with the truth {same:.4f}")  # fmt: skip
    return SurrogateGradient(
        encoding=layer.encoding, thresholds=layer.thresholds, matrix=matrix.astype(np.complex64),
        static=static.astype(np.complex64),
    )  # fmt: skip


def guessed(known: SurrogateGradient, rng: np.random.Generator) -> SurrogateGradient:
    """Return the gradient of an attacker who drew a matrix of the right size of entries."""
    rms = np.sqrt(np.mean(np.abs(known.matrix) ** 2) / 2)
    drawn = rms * (rng.standard_normal(known.matrix.shape) + 1j * rng.standard_normal(known.matrix.shape))
    return replace(known, matrix=drawn.astype(np.complex64), static=np.zeros_like(known.static))


def scores(
    network: Network, features: Callable[[np.ndarray], np.ndarray], gradient: LossGradient, x: np.ndarray,
    labels: np.ndarray, *, seed: int,
) -> dict[str, list[float]]:  # fmt: skip
    """Return accuracies under both attacks for each epsilon."""
    rng = np.random.default_rng([seed, 3])
    found: dict[str, list[float]] = {"FGSM": [], "PGD": []}
    for epsilon in EPSILONS:
        attacked = {
            "FGSM": fast_gradient(x, labels, gradient=gradient, epsilon=epsilon),
            "PGD": projected_gradient(x, labels, gradient=gradient, epsilon=epsilon, steps=STEPS, rng=rng),
        }
        for name, images in attacked.items():
            found[name].append(float(np.mean(network.predict(features(images)) == labels)))
    return found


def draw(found: dict[str, dict[str, list[float]]], path: Path) -> None:
    """Draw the accuracy of every case against the size of the attack."""
    with canvas(9.6, 3.8) as figure:
        panels = dict(zip(("FGSM", "PGD"), figure.subplots(1, 2, sharey=True), strict=True))
        for index, (name, attacks) in enumerate(found.items()):
            for attack, row in attacks.items():
                draw_curve(panels[attack], EPSILONS, 100 * np.array(row), index=index, kind="both", label=name)
        for attack, axes in panels.items():
            axes.set(xlabel="largest change of a pixel / black to white", title=attack)
        panels["FGSM"].set_ylabel("accuracy / %")
        figure.legend(*panels["PGD"].get_legend_handles_labels(), loc="outside right center")
        figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("optical_robustness.png"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, default=300)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    dataset = to_pixels(load_digits_dataset(rng=rng))
    bench = attacked_bench(options.seed)
    auto_exposure(bench, ENCODING.states(dataset.train_inputs[:5]))
    layer = fit_layer(bench, dataset.train_inputs, encoding=ENCODING)

    def states(x: np.ndarray) -> np.ndarray:
        return np.where(ENCODING.states(x), np.float32(1), np.float32(-1))

    plain, encoded = trained(dataset, lambda x: x, options.seed), trained(dataset, states, options.seed)
    optical = trained(dataset, layer.forward, options.seed)
    known = retrieved(layer, rng)

    def through(surrogate: SurrogateGradient) -> LossGradient:
        return lambda x, y: surrogate.pull_back(input_gradient(optical, layer.forward(x), y), x)

    def on_pixels(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return input_gradient(plain, x, y)

    cases = {
        "pixels": (plain, lambda x: x, on_pixels),
        "binary states, no optics": (
            encoded, states, lambda x, y: ENCODING.pull_back(2 * input_gradient(encoded, states(x), y), x),
        ),
        "optical, matrix retrieved": (optical, layer.forward, through(known)),
        "optical, matrix guessed": (optical, layer.forward, through(guessed(known, rng))),
        "optical, transfer from pixels": (optical, layer.forward, on_pixels),
        "binary states, transfer": (encoded, states, on_pixels),
    }  # fmt: skip
    x, labels = dataset.test_inputs[: options.samples], dataset.test_labels[: options.samples]
    found: dict[str, dict[str, list[float]]] = {}
    print(f"accuracy / % of {len(x)} digits; epsilon:" + "".join(f"{epsilon:8.2f}" for epsilon in EPSILONS))
    for name, case in cases.items():
        found[name] = scores(*case, x, labels, seed=options.seed)
        for attack, row in found[name].items():
            print(f"{name:30s} {attack}   " + "".join(f"{100 * one:8.1f}" for one in row), flush=True)
    draw(found, options.output)
    print(f"{bench.exposures} frames; drawn into {options.output}")


if __name__ == "__main__":
    main()
