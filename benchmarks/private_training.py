"""Accuracy of private training by direct feedback through light, against epsilon, on scikit-learn's digits.

A network of one hidden layer. Batches are Poisson draws; errors, inputs and hidden activations are clipped, and every
update gets normal noise of one size, of which the noise of the projection brings a part and the rest is drawn
(`dfa.applications.private_feedback`). Feedback comes from the OPU-class bench, by ternary errors, or from an exact
matrix. The accountant is that of dp-accounting (privacy loss distributions); delta is 1e-4, for 1257 samples, the
chance of the bound on the norm of the bench's matrix included. The mean and the spread of all pixels, by which inputs
are standardised, are taken as public. Without noise: what clipping alone leaves.

    python -m benchmarks.private_training [--output private_training.png] [--seeds 1 2 3] [--steps 150]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calibration import AnchorProjector
from dfa.applications.privacy_accountant import privacy_epsilon
from dfa.applications.private_feedback import (
    PrivateFeedback,
    clip_rows,
    matrix_norm_bound,
    private_update,
    smallest_noise,
)
from dfa.data.datasets import Dataset
from dfa.data.images import load_digits_dataset
from dfa.feedbacks.feedback import Feedback, TernarisedFeedback, gaussian_feedback
from dfa.feedbacks.optical import OpticalFeedback
from dfa.feedbacks.ternary import FixedThreshold
from dfa.losses import softmax_cross_entropy
from optics import SimulatedBench, load_bench
from optics.plots import canvas, colour_of, draw_curve, draw_level

HIDDEN, RATE, DELTA, CHANCE = 32, 0.1, 9e-5, 1e-5
INPUT_LENGTH, HIDDEN_LENGTH, CLIP = 6.0, 4.0, 1.0
MULTIPLIERS = (0.0, 0.8, 1.2, 2.0, 4.0, 8.0)


@dataclass(frozen=True, kw_only=True)
class Mechanism:
    """A private feedback, the norm of its matrix, and what goes before it."""

    feedback: PrivateFeedback
    norm: float
    threshold: float | None

    @property
    def sending(self) -> Feedback:
        """The feedback behind its ternariser."""
        if self.threshold is None:
            return self.feedback
        return TernarisedFeedback(inner=self.feedback, rule=FixedThreshold(self.threshold))


def by_light(seed: int, rng: np.random.Generator) -> Mechanism:
    """Return feedback by the OPU-class bench, with a small region of its camera."""
    opu = load_bench("opu")
    camera = replace(opu.camera, rows=6, columns=10)
    share = opu.medium.collected_fraction * camera.pixels / opu.camera.pixels
    description = replace(opu, camera=camera, medium=replace(opu.medium, collected_fraction=share))
    projector = AnchorProjector(SimulatedBench(description, seed=seed), components=10, outputs=HIDDEN)
    optical = OpticalFeedback(projector, scale=HIDDEN**-0.5)
    own = smallest_noise(optical, rng.integers(-1, 2, (200, 10)).astype(np.float32))
    feedback = PrivateFeedback(inner=optical, clip=CLIP, noise=own, inner_noise=own, rng=rng)
    # The matrix measured, one class at a time, and a bound on what noise may hide of it: a triangle inequality.
    single = np.eye(10, dtype=np.float32)
    measured = np.mean([optical.project(single) for _ in range(64)], axis=0)
    doubt = projector.project(single).standard_error.max() / 8 * optical.scale / projector.calibration.entry_rms
    norm = float(np.linalg.norm(measured, 2))
    norm += matrix_norm_bound(hidden=HIDDEN, classes=10, scale=float(doubt), chance=CHANCE)
    return Mechanism(feedback=feedback, norm=norm, threshold=0.1)


def by_matrix(rng: np.random.Generator) -> Mechanism:
    """Return feedback by a matrix in memory."""
    exact = gaussian_feedback(hidden=HIDDEN, classes=10, scale=HIDDEN**-0.5, rng=rng)
    feedback = PrivateFeedback(inner=exact, clip=CLIP, noise=0.0, rng=rng)
    return Mechanism(feedback=feedback, norm=float(np.linalg.norm(exact.matrix, 2)), threshold=None)


def with_ones(rows: np.ndarray, longest: float) -> np.ndarray:
    """Return rows with a column of ones for the bias, clipped."""
    return clip_rows(np.hstack([rows, np.ones((len(rows), 1), rows.dtype)]), longest=longest)


def train_privately(
    dataset: Dataset, mechanism: Mechanism, *, multiplier: float, steps: int, step: float, rng: np.random.Generator
) -> float:
    """Train by noisy updates and return the test accuracy; the multiplier is split evenly between the two layers."""
    inputs = with_ones(dataset.train_inputs, INPUT_LENGTH)
    labels, samples = dataset.train_labels, len(dataset.train_labels)
    first = rng.standard_normal((HIDDEN, inputs.shape[1])) / 8
    last = np.zeros((dataset.classes, HIDDEN + 1))
    expected, sending = RATE * samples, mechanism.sending
    noise = np.sqrt(2) * multiplier * CLIP
    for number in range(steps):
        drawn = np.flatnonzero(rng.random(samples) < RATE)
        x = inputs[drawn]
        hidden = np.tanh(x @ first.T)
        tall = with_ones(hidden, HIDDEN_LENGTH)
        error = softmax_cross_entropy(tall @ last.T, labels[drawn])[1]
        feedback = sending.project(error.astype(np.float32))
        slopes = 1 - hidden**2
        if multiplier:
            update = private_update(
                feedback, slopes, x, feedback_noise=mechanism.feedback.noise,
                update_noise=noise * mechanism.norm * INPUT_LENGTH, rng=rng,
            )  # fmt: skip
        else:
            update = (feedback * slopes).T @ x
        top = clip_rows(error, longest=CLIP).T @ tall + noise * HIDDEN_LENGTH * rng.standard_normal(last.shape)
        rate = step * (1 - number / steps)
        first -= rate * update / expected
        last -= rate * top / expected
    test = with_ones(np.tanh(with_ones(dataset.test_inputs, INPUT_LENGTH) @ first.T), HIDDEN_LENGTH)
    return float(np.mean((test @ last.T).argmax(axis=1) == dataset.test_labels))


def brought(mechanism: Mechanism, multiplier: float, *, samples: int) -> float:
    """Return the largest share of the wanted variance that light brings: slopes of 1, rows as long as allowed."""
    wanted = np.sqrt(2) * multiplier * CLIP * mechanism.norm
    return RATE * samples * (mechanism.feedback.noise / wanted) ** 2


def draw(tables: dict[str, np.ndarray], epsilons: list[float], path: Path) -> None:
    """Draw the accuracy against epsilon, mean and standard error of the seeds."""
    with canvas(5.6, 4.0) as figure:
        axes = figure.add_subplot()
        for index, (name, table) in enumerate(tables.items()):
            mean = table.mean(axis=0)
            bars = table.std(axis=0, ddof=1) / np.sqrt(len(table)) if len(table) > 1 else np.zeros(len(mean))
            draw_curve(
                axes, epsilons[1:], mean[1:], index=index, kind="both", bars=bars[1:], label=f"feedback by {name}"
            )
            draw_level(axes, mean[0]).set(color=colour_of(index), linestyle=":")
        axes.set(xscale="log", xlabel="epsilon, at a delta of 1e-4", ylabel="test accuracy / %",
                 title="Private training of digits (dotted: no noise in updates)")  # fmt: skip
        axes.legend()
        figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("private_training.png"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--step", type=float, default=0.5)
    options = parser.parse_args()
    tables = {}
    print(f"{options.steps} steps, batches of {RATE:g} of all samples, delta {DELTA + CHANCE:g}")
    print("feedback  noise/sensitivity  epsilon  accuracy / %           variance brought by light")
    epsilons = [
        privacy_epsilon(multiplier, sampling_rate=RATE, steps=options.steps, delta=DELTA) if multiplier else np.inf
        for multiplier in MULTIPLIERS
    ]
    for name in ("light", "matrix"):
        rows = []
        for seed in options.seeds:
            rng = np.random.default_rng([seed, 5])
            dataset = load_digits_dataset(rng=rng)
            mechanism = by_light(seed, rng) if name == "light" else by_matrix(rng)
            rows.append(
                [
                    100 * train_privately(
                        dataset, mechanism, multiplier=multiplier, steps=options.steps, step=options.step, rng=rng
                    )
                    for multiplier in MULTIPLIERS
                ]
            )  # fmt: skip
        table = tables[name] = np.array(rows)
        for column, (multiplier, epsilon) in enumerate(zip(MULTIPLIERS, epsilons, strict=True)):
            share = brought(mechanism, multiplier, samples=len(dataset.train_labels)) if multiplier else np.nan
            every = ", ".join(f"{one:.1f}" for one in table[:, column])
            print(f"{name:8s} {multiplier:18g} {epsilon:8.2f}  {table[:, column].mean():6.1f} ({every})  {share:.2g}")
    draw(tables, epsilons, options.output)
    print(f"drawn into {options.output}")


if __name__ == "__main__":
    main()
