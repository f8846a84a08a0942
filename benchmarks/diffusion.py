"""A small denoising diffusion model on digits, trained by five methods: losses, Frechet distances and pictures.

Network, schedule and the settings of each method are those of data/systems/diffusion.toml, which says how they were
chosen. Every method of a seed starts from the same weights, sees the same images, steps and noise, and its samples
start from the same noise. Samples are judged against the test digits, which no method was trained or tuned on:

* the squared Frechet distance of 1000 samples in the space of the 64 pixels, beside that of as many training digits
  (the floor, what two draws of real digits leave),
* how often a support vector machine, trained on the training digits, reads the class that was asked for,
* the distance of a sample to the nearest training digit, over that of a test digit: 1 for new digits, 0 for copies.

No one of them is enough: draws of a Gaussian with the mean and the covariance of the digits have a Frechet distance
near the floor and show no digits, and blurred means of a class are read without fail.

    python benchmarks/diffusion.py [--methods bp optical] [--seeds 0 1 2] [--again]
    python benchmarks/diffusion.py --tune 1e-3 2e-3 [--methods bp optical]

Finished runs are kept in data/results/diffusion.csv and not run again without --again; the table and
benchmarks/diffusion.png are drawn from there. --tune trains the methods at other rates, with seed 100 and for a
part of the epochs, and prints validation losses only.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from scipy.spatial.distance import cdist
from sklearn.svm import SVC

from calibration import AnchorProjector
from dfa import train
from dfa.diffusions.frechet import frechet_distance
from dfa.diffusions.samples import draw_image_rows, sample_images
from dfa.experiment import METHODS, Method
from dfa.history import History
from dfa.method_curves import STYLES
from dfa.networks.network import Network
from dfa.projection_check import check_projection
from dfa.rules.method_rule import credit_rule
from dfa.systems.projecting import make_projector
from dfa.systems.settings import SystemSettings
from dfa.systems.settings_file import load_settings
from dfa.tasks.denoising import Denoising
from optics import load_bench
from optics.plots import canvas, draw_curve

import numpy as np  # isort: skip
from matplotlib.axes import Axes  # isort: skip

HERE = Path(__file__).parent
TABLE = HERE.parent / "data/results/diffusion.csv"
CURVES = HERE.parent / "data/results/diffusion_curves.csv"
PICTURES = HERE.parent / "data/results/diffusion_images.npz"
SHOWN = ("bp", "dfa", "optical", "shallow")
SHAPE = (8, 8)
IMAGES = 1000  # that each network makes to be judged by
IMPLICIT_STEPS = 50
COLUMNS = (
    *("method", "seed", "learning_rate", "training_loss", "validation_loss", "test_loss", "frechet"),
    *("frechet_implicit", "accuracy", "novelty", "alignment", "frames", "fidelity", "seconds"),
)


def train_once(
    name: str, method: Method, settings: SystemSettings, *, task: Denoising, seed: int
) -> tuple[Network, History, AnchorProjector | None]:
    """Train one denoiser by one method, as `python -m dfa system diffusion` does."""
    weights, order, signals = (np.random.default_rng([seed, stream]) for stream in (1, 2, 3))
    network = settings.build().network(task, rng=weights)
    projector = None
    if name == "optical":
        bench = settings.shape_bench(load_bench(settings.bench))
        projector = make_projector(method, network, bench=bench, components=task.inputs.pixels, seed=seed)
    rule = credit_rule(name, method, network, classes=task.inputs.pixels, rng=signals, projector=projector)
    return network, train(network, rule, task=task, plan=method.plan, rng=order), projector


def make_task(settings: SystemSettings, seed: int) -> Denoising:
    """Split the digits as a seed does."""
    task: Denoising = settings.build().task(seed=seed, folder=None)
    return task


def run(name: str, settings: SystemSettings, *, seed: int) -> tuple[dict[str, object], History, np.ndarray]:
    """Train, sample and judge; return a line of the table, the history and the samples."""
    method, task, begin = settings.methods[name], make_task(settings, seed), time.perf_counter()
    network, history, projector = train_once(name, method, settings, task=task, seed=seed)
    seconds = time.perf_counter() - begin
    made = sample_images(network, task, count=IMAGES, rng=np.random.default_rng([seed, 5]))
    short = sample_images(
        network,
        task,
        count=IMAGES,
        rng=np.random.default_rng([seed, 5]),
        implicit_steps=IMPLICIT_STEPS,
    )
    data = task.dataset
    reader = SVC().fit(data.train_inputs, data.train_labels)
    fidelity = check_projection(projector, rng=np.random.default_rng([seed, 4])).fidelity if projector else float("nan")
    line = {
        "method": name,
        "seed": seed,
        "learning_rate": method.plan.learning_rate,
        "training_loss": history.training_loss[-1],
        "validation_loss": history.validation_loss[-1],
        "test_loss": history.test_loss[-1],
        "frechet": frechet_distance(made.images, data.test_inputs),
        "frechet_implicit": frechet_distance(short.images, data.test_inputs),
        "accuracy": reader.score(made.images, made.labels),
        "novelty": nearest(made.images, data.train_inputs) / nearest(data.test_inputs, data.train_inputs),
        "alignment": " ".join(f"{cosine:.3f}" for cosine in history.alignment[-1]),
        "frames": projector.frames_exposed if projector else 0,
        "fidelity": fidelity,
        "seconds": seconds,
    }
    return line, history, made.images


def nearest(images: np.ndarray, among: np.ndarray) -> float:
    """Return the mean distance of images to the nearest of others."""
    return float(cdist(images, among).min(axis=1).mean())


def floor_line(settings: SystemSettings, seed: int) -> dict[str, object]:
    """Judge training digits as if they were samples."""
    data = make_task(settings, seed).dataset
    kept = data.train_inputs[np.random.default_rng([seed, 6]).permutation(len(data.train_inputs))[:IMAGES]]
    reader = SVC().fit(data.train_inputs, data.train_labels)
    distance = frechet_distance(kept, data.test_inputs)
    line: dict[str, object] = dict.fromkeys(COLUMNS, float("nan"))
    accuracy = reader.score(data.test_inputs, data.test_labels)
    return {**line, "method": "real", "seed": seed, "frechet": distance, "accuracy": accuracy, "alignment": ""}


def tune(settings: SystemSettings, names: list[str], rates: list[float], *, epochs: int, seed: int) -> None:
    """Print the validation loss of other learning rates."""
    task = make_task(settings, seed)
    for name in names:
        for rate in rates:
            method = settings.methods[name]
            method = replace(method, plan=replace(method.plan, learning_rate=rate, epochs=epochs, probe_size=0))
            _, history, _ = train_once(name, method, settings, task=task, seed=seed)
            print(f"{name:<8} rate {rate:<8g} validation loss {history.validation_loss[-1]:.4f}", flush=True)


def read_lines(path: Path) -> list[dict[str, str]]:
    """Read what is finished."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_lines(path: Path, lines: list[dict[str, object]], *, columns: list[str]) -> None:
    """Write a table, in the order of methods and seeds."""
    order = ["real", *METHODS]
    lines = sorted(lines, key=lambda line: (order.index(str(line["method"])), int(str(line["seed"]))))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for line in lines:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in line.items()})


def keep(line: dict[str, object], history: History | None, images: np.ndarray) -> None:
    """Put a finished run into the three files."""

    def others(path: Path) -> Iterator[dict[str, object]]:
        same = str(line["method"]), str(line["seed"])
        return ({**row} for row in read_lines(path) if (row["method"], row["seed"]) != same)

    write_lines(TABLE, [*others(TABLE), line], columns=list(COLUMNS))
    if history is not None:
        curve = [
            {
                "method": line["method"],
                "seed": line["seed"],
                "epoch": epoch,
                "training_loss": one,
                "validation_loss": two,
            }
            for epoch, (one, two) in enumerate(zip(history.training_loss, history.validation_loss, strict=True), 1)
        ]
        write_lines(CURVES, [*others(CURVES), *curve], columns=list(curve[0]))
    if line["seed"] == 0:
        pictures = dict(np.load(PICTURES)) if PICTURES.exists() else {}
        pictures[str(line["method"])] = images[:20].astype(np.float16)
        np.savez_compressed(PICTURES, **pictures)


def print_table() -> None:
    """Print means and standard errors over the seeds, and how far the optical method is from the shallow one."""
    lines = read_lines(TABLE)
    columns = ["validation_loss", "test_loss", "frechet", "frechet_implicit", "accuracy", "novelty", "seconds"]
    found: dict[str, dict[str, np.ndarray]] = {}
    for name in dict.fromkeys(line["method"] for line in lines):
        found[name] = {c: np.array([float(line[c]) for line in lines if line["method"] == name]) for c in columns}
    print(f"{'method':<28}" + "".join(f"{c:>22}" for c in columns))
    for name, values in found.items():
        cells = [f"{v.mean():.4g} ± {standard_error(v):.2g}" if np.isfinite(v).all() else "" for v in values.values()]
        print(f"{METHODS.get(name, 'training digits'):<28}" + "".join(f"{cell:>22}" for cell in cells))
    if {"optical", "shallow"} <= found.keys():
        for column in ("validation_loss", "frechet"):
            one, other = found["optical"][column], found["shallow"][column]
            apart = (other.mean() - one.mean()) / np.hypot(standard_error(one), standard_error(other))
            print(f"{column}: optical below shallow by {apart:.1f} combined standard errors")


def standard_error(values: np.ndarray) -> float:
    """Return that of the mean over the seeds; NaN for one."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def draw(path: Path) -> None:
    """Draw rows of digits of one seed and the curves of all."""
    pictures, lines = np.load(PICTURES), read_lines(CURVES)
    titles = {"real": "training digits", **METHODS}
    rows = {titles[name]: pictures[name].astype(float) for name in ("real", *SHOWN) if name in pictures}
    real = pictures["real"]
    draw_image_rows(rows, shape=SHAPE, bounds=(float(real.min()), float(real.max()))).savefig(path, dpi=110)
    with canvas(6.0, 4.0) as figure:
        draw_losses(figure.add_subplot(), lines)
        figure.savefig(path.with_name(f"{path.stem}_curves.png"), dpi=110)


def draw_losses(axes: Axes, lines: list[dict[str, str]]) -> None:
    """Draw the validation loss of every method, with the range of the seeds."""
    for name in dict.fromkeys(line["method"] for line in lines):
        own = [line for line in lines if line["method"] == name]
        epochs = sorted({int(line["epoch"]) for line in own})
        curves = [[float(line["validation_loss"]) for line in own if int(line["epoch"]) == epoch] for epoch in epochs]
        mean = np.mean(curves, axis=1)
        band = np.stack([mean - np.min(curves, axis=1), np.max(curves, axis=1) - mean])
        style = STYLES[name]
        draw_curve(axes, epochs, mean, band=band, colour=style.colour, line_style=style.line, label=METHODS[name])
    axes.set(xlabel="epoch", ylabel="validation loss, mean square of a pixel", title="mean and range of the seeds")
    axes.legend()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    settings = load_settings("diffusion")
    parser.add_argument("--methods", nargs="+", choices=list(settings.methods), default=list(settings.methods))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(settings.seeds))
    parser.add_argument("--again", action="store_true", help="run what is finished again")
    parser.add_argument("--tune", type=float, nargs="+", metavar="RATE", help="rates to judge on validation digits")
    parser.add_argument("--epochs", type=int, default=3, help="epochs of --tune")
    options = parser.parse_args()
    if options.tune:
        return tune(settings, options.methods, options.tune, epochs=options.epochs, seed=100)
    finished = set() if options.again else {(line["method"], line["seed"]) for line in read_lines(TABLE)}
    for seed in options.seeds:
        if ("real", str(seed)) not in finished:
            data = make_task(settings, seed).dataset
            first = [np.flatnonzero(data.train_labels == k % 10)[k // 10] for k in range(20)]
            keep(floor_line(settings, seed), None, data.train_inputs[first])
        for name in options.methods:
            if (name, str(seed)) not in finished:
                line, history, images = run(name, settings, seed=seed)
                keep(line, history, images)
                print(f"{name}, seed {seed}: validation loss {history.validation_loss[-1]:.4f}", flush=True)
    print_table()
    draw(HERE / "diffusion.png")
    return None


if __name__ == "__main__":
    main()
