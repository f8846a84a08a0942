"""Maps of hidden activations by t-SNE: digits, before training, and after it by backpropagation and by DFA.

The same network starts from the same weights each time; scikit-learn's digits of the training set that are held out
for validation and the test set together. How many of ten neighbours agree on the class is printed for the pixels and
for both hidden layers, on the map and, without t-SNE, among the activations themselves.

    python -m benchmarks.hidden_maps [--output hidden_maps.png] [--seed 1]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from dfa.applications.hidden_maps import draw_hidden_maps, hidden_activations, hidden_map, neighbour_accuracy
from dfa.data.images import load_digits_dataset
from dfa.feedbacks.feedback import gaussian_feedback
from dfa.networks.fully_connected import fully_connected
from dfa.networks.network import Network
from dfa.plan import TrainingPlan
from dfa.rules.credit import Backpropagation, CreditRule
from dfa.rules.direct_feedback import DirectFeedback, consecutive_slices
from dfa.tasks.classification import Classification, accuracy
from dfa.training import train

WIDTH = 64
PLAN = TrainingPlan(epochs=40, batch_size=32, optimizer="adam", learning_rate=1e-3, decay="cosine", probe_size=0)


def direct(network: Network, rng: np.random.Generator) -> CreditRule:
    """Return direct feedback by a Gaussian matrix."""
    width = sum(network.hidden_widths)
    feedback = gaussian_feedback(hidden=width, classes=10, scale=width**-0.5, rng=rng)
    return DirectFeedback(feedback=feedback, slices=consecutive_slices(network.hidden_widths))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output", type=Path, default=Path("hidden_maps.png"), help="picture that is drawn (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of everything that is random (default: %(default)s)")
    options = parser.parse_args()
    dataset = load_digits_dataset(rng=np.random.default_rng(options.seed))
    x = np.concatenate([dataset.validation_inputs, dataset.test_inputs])
    labels = np.concatenate([dataset.validation_labels, dataset.test_labels])
    maps = {"pixels": hidden_map(x, labels, seed=options.seed)}
    print(
        f"pixels: {100 * neighbour_accuracy(x, labels):.1f} %, on the map {100 * maps['pixels'].neighbour_accuracy:.1f}"
    )
    for name in ("before training", "backpropagation", "DFA"):
        rng = np.random.default_rng([options.seed, 1])
        network = fully_connected((dataset.inputs, WIDTH, WIDTH, 10), activation="tanh", rng=rng)
        rule = direct(network, rng) if name == "DFA" else Backpropagation()
        if name != "before training":
            train(network, rule, task=Classification(dataset), plan=PLAN, rng=rng)
        score = accuracy(network, dataset.test_inputs, dataset.test_labels)
        for block in (0, 1):
            hidden = hidden_activations(network, x, block=block)
            found = hidden_map(hidden, labels, seed=options.seed)
            print(f"{name}, layer {block + 1}: {100 * neighbour_accuracy(hidden, labels):.1f} %, on the map "
                  f"{100 * found.neighbour_accuracy:.1f} %; test accuracy {100 * score:.1f} %", flush=True)  # fmt: skip
        maps[f"{name}, layer 2"] = found
    draw_hidden_maps(maps).savefig(options.output, dpi=110)
    print(f"drawn into {options.output}")


if __name__ == "__main__":
    main()
