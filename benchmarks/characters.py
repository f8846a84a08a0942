"""Block-wise optical DFA of a character Transformer, as in arXiv:2409.12965: five methods on the same text.

Run it from the top of the checkout: ``python -m benchmarks.characters --data FOLDER`` with a folder that has
``tinyshakespeare_input.txt`` (without it, ``text`` below OPUBENCH_DATA, or a download). Every finished run is kept in
the folder of ``--runs``, so the command goes on where it was stopped; ``--methods`` and ``--seeds`` do a part. When all
runs are there it prints the table, writes ``data/results/characters.csv`` and draws the curves.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import dfa  # before numpy: it sets how long idle BLAS threads spin
from calibration import AnchorProjector
from dfa.data.texts import Text, load_tinyshakespeare
from dfa.feedbacks.optical import OpticalFeedback
from dfa.method_curves import STYLES
from dfa.networks.transformer import causal_transformer
from dfa.projection_check import check_projection
from dfa.tasks.characters import Characters, sample_text
from optics import BenchDescription, SimulatedBench, load_bench
from optics.plots import canvas, draw_curve

import numpy as np  # isort: skip
from tqdm import tqdm  # isort: skip

CONTEXT, WIDTH, HEADS, BLOCKS = 64, 96, 4, 4
STEPS, BATCH, EPOCHS = 3000, 16, 10
SEEDS = (0, 1, 2)
NAMES = {
    "bp": "backpropagation",
    "dfa": "block DFA, exact matrix",
    "ternary": "block DFA, ternarised",
    "optical": "block DFA, optical ternarised",
    "shallow": "last block and head only (SHLW)",
}
# Chosen on the validation part with seed 100, 2000 steps: see the note in benchmarks/README.md.
RATES = {"bp": 3e-3, "dfa": 8e-3, "ternary": 5e-3, "optical": 5e-3, "shallow": 5e-3}
REGION = (10, 16)
PROMPT = "ROMEO:\n"


def read_out(bench: BenchDescription, rows: int, columns: int) -> BenchDescription:
    """Return a bench that reads a region of its camera, with as much light on a pixel as before."""
    share = rows * columns / (bench.camera.rows * bench.camera.columns)
    medium = replace(bench.medium, collected_fraction=bench.medium.collected_fraction * share)
    return replace(bench, camera=replace(bench.camera, rows=rows, columns=columns), medium=medium)


def credit_rule(method: str, *, seed: int, rng: np.random.Generator) -> tuple[dfa.CreditRule, AnchorProjector | None]:
    """Return the rule of a method: the gradient behind the last block, projected once, goes to all blocks before it."""
    if method in ("bp", "shallow"):
        return (dfa.Backpropagation() if method == "bp" else dfa.Shallow()), None
    projector = None
    feedback: dfa.Feedback
    if method == "optical":
        bench = SimulatedBench(read_out(load_bench("opu"), *REGION), seed=seed)
        projector = AnchorProjector(bench, components=WIDTH, outputs=WIDTH)
        feedback = OpticalFeedback(projector, scale=WIDTH**-0.5)
    else:
        feedback = dfa.gaussian_feedback(hidden=WIDTH, classes=WIDTH, scale=WIDTH**-0.5, rng=rng)
    if method != "dfa":
        feedback = dfa.TernarisedFeedback(inner=feedback, rule=dfa.BestTernary(), restore_length=True)
    return dfa.DirectFeedback(feedback=feedback, slices=(slice(0, WIDTH),) * (BLOCKS - 1), source=BLOCKS), projector


def run(method: str, *, seed: int, text: Text, steps: int, rate: float) -> dict[str, object]:
    """Train once and return what is kept: curves, alignment, a sample, seconds."""
    weights, order, signals, sampling = (np.random.default_rng([seed, stream]) for stream in (1, 2, 3, 4))
    network = causal_transformer(text.characters, context=CONTEXT, width=WIDTH, heads=HEADS, blocks=BLOCKS, rng=weights)
    rule, projector = credit_rule(method, seed=seed, rng=signals)
    task = Characters(text=text, context=CONTEXT, steps_per_epoch=steps // EPOCHS)
    plan = dfa.TrainingPlan(
        epochs=EPOCHS,
        batch_size=BATCH,
        optimizer="adam",
        learning_rate=rate,
        betas=(0.9, 0.99),
        decay="cosine",
        warm_up=0.05,
        probe_size=32,
    )
    begin = time.perf_counter()
    with tqdm(total=steps, desc=f"{NAMES[method]}, seed {seed}", unit="step", disable=None) as bar:
        history = dfa.train(network, rule, task=task, plan=plan, rng=order, on_step=lambda _: bar.update())
    seconds = time.perf_counter() - begin
    check = check_projection(projector, rng=np.random.default_rng([seed, 5])) if projector else None
    steps_alignment = dfa.gradient_alignment(network, rule, batch=task.probe(32), loss=task.loss)
    return {
        "training_loss": history.training_loss.tolist(),
        "validation_loss": history.validation_loss.tolist(),
        "test_loss": history.test_loss.tolist(),
        "validation_accuracy": history.validation_accuracy.tolist(),
        "alignment": history.alignment.tolist(),
        "steps_alignment": list(steps_alignment),
        "train_seconds": float(history.seconds.sum()),
        "seconds": seconds,
        "frames": projector.frames_exposed if projector else 0,
        "fidelity": check.fidelity if check else None,
        "sample": sample_text(network, text, context=CONTEXT, prompt=PROMPT, length=400, rng=sampling, temperature=0.8),
    }


def print_table(runs: dict[str, list[dict]]) -> None:
    """Print losses, the share of the gap that each method closes, and the the alignment of its blocks."""
    last = {method: np.array([one["validation_loss"][-1] for one in runs[method]]) for method in runs}
    gap = last["shallow"].mean() - last["bp"].mean()
    print(f"{'method':34s} validation loss / nat   each seed              gap closed  test   minutes  fidelity")
    for method, loss in last.items():
        closed = 100 * (last["shallow"].mean() - loss.mean()) / gap
        each = " ".join(f"{one:.3f}" for one in loss)
        test = np.mean([one["test_loss"][-1] for one in runs[method]])
        minutes = np.mean([one["seconds"] for one in runs[method]]) / 60
        fidelity = np.mean([one["fidelity"] or np.nan for one in runs[method]])
        print(
            f"{NAMES[method]:34s} {loss.mean():.3f} ± {loss.std(ddof=1):.3f}           {each:20s}  {closed:6.1f} %   "
            f"{test:.3f}  {minutes:5.1f}  {fidelity:.4f}"
        )
    print("\nalignment with the true gradient after the last epoch, block by block: rows; steps of the whole block")
    for method in ("dfa", "ternary", "optical"):
        rows = np.mean([one["alignment"][-1] for one in runs[method]], axis=0)
        steps = np.mean([one["steps_alignment"] for one in runs[method]], axis=0)
        print(f"{NAMES[method]:34s} {np.round(rows, 3)}  {np.round(steps, 3)}")


def draw(runs: dict[str, list[dict]], path: Path) -> None:
    """Draw the validation loss with the range of the seeds, and the alignment of the blocks."""
    steps = STEPS / EPOCHS * np.arange(1, EPOCHS + 1)
    with canvas(9.6, 4.0) as figure:
        left, right = figure.subplots(1, 2)
        for method, own in runs.items():
            losses, style = np.array([one["validation_loss"] for one in own]), STYLES[method]
            mean = losses.mean(axis=0)
            band = np.stack([mean - losses.min(axis=0), losses.max(axis=0) - mean])
            draw_curve(left, steps, mean, band=band, colour=style.colour, line_style=style.line, label=NAMES[method])
        left.set(ylabel="validation loss / nat a character", title="mean and range of 3 seeds")
        left.legend(fontsize=7)
        for method in ("dfa", "ternary", "optical"):
            cosines = np.mean([one["alignment"] for one in runs[method]], axis=0)
            for block in range(3):
                draw_curve(
                    right, steps, cosines[:, block], index=block, kind="both", colour=STYLES[method].colour,
                    line_style=STYLES[method].line, label=f"{method}, block {block + 1}",
                )  # fmt: skip
        right.set(ylabel="cosine with the true gradient", ylim=(0, 1), title="alignment")
        right.legend(fontsize=7, ncols=3, loc="upper center")
        for axes in (left, right):
            axes.set_xlabel("steps of 16 windows")
        figure.savefig(path, dpi=120)


def write_csv(runs: dict[str, list[dict]], path: Path) -> None:
    """Write one line for each method, seed and epoch."""
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["method", "seed", "steps", "training_loss", "validation_loss", "test_loss", "alignment"])
        for method, own in runs.items():
            for seed, one in zip(SEEDS, own, strict=True):
                for epoch in range(EPOCHS):
                    losses = [f"{one[key][epoch]:.5f}" for key in ("training_loss", "validation_loss", "test_loss")]
                    cosines = " ".join(f"{cosine:.4f}" for cosine in one["alignment"][epoch])
                    lines.writerow([method, seed, STEPS // EPOCHS * (epoch + 1), *losses, cosines])


def main() -> None:
    """Train what is missing, then show all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with tinyshakespeare_input.txt")
    parser.add_argument("--methods", nargs="+", choices=list(NAMES), default=list(NAMES))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--runs", type=Path, default=Path("results/characters"), help="where finished runs are kept")
    parser.add_argument("--steps", type=int, default=STEPS, help="for trials; the table takes the default")
    parser.add_argument("--rate", type=float, help="for trials: a learning rate in place of the method's own")
    options = parser.parse_args()
    text = load_tinyshakespeare(options.data)
    options.runs.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        for method in options.methods:
            path = options.runs / f"{method}_{seed}.json"
            if not path.exists():
                kept = run(method, seed=seed, text=text, steps=options.steps, rate=options.rate or RATES[method])
                path.with_suffix(".part").write_text(json.dumps(kept), encoding="utf-8")
                os.replace(path.with_suffix(".part"), path)
    paths = {method: [options.runs / f"{method}_{seed}.json" for seed in SEEDS] for method in NAMES}
    missing = [path.name for own in paths.values() for path in own if not path.exists()]
    if missing:
        print(f"still missing: {', '.join(missing)}")
        return
    runs = {method: [json.loads(path.read_text(encoding="utf-8")) for path in own] for method, own in paths.items()}
    print_table(runs)
    draw(runs, options.runs / "characters.png")
    write_csv(runs, Path("data/results/characters.csv"))
    samples = [f"--- {NAMES[method]}\n{PROMPT}{own[0]['sample']}\n" for method, own in runs.items()]
    Path("data/results/characters_samples.txt").write_text("\n".join(samples), encoding="utf-8")
    print("\n" + "\n".join(samples))
    print(f"figure: {options.runs / 'characters.png'}; curves and texts: data/results/characters*")


if __name__ == "__main__":
    main()
