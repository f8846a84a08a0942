"""Four maps in, one map out: a vision Transformer and a fully connected network, trained by each method.

Settings are those of data/systems/fields_vit.toml and fields_dense.toml. A run that was finished is kept and not
repeated; the table and the figures are of all runs that are there. Errors are those of the test set, weighted by
area: the mean square, its root over the standard deviation of the true maps (1 is no better than their mean), and the
same for the mean of each map over the globe. Published for ClimateBench is the figure, not a number.

    python benchmarks/fields.py [--network vit dense] [--methods bp dfa ternary optical shallow] [--seeds 0 1 2 3 4]
                                [--folder results/fields] [--figures benchmarks] [--table data/results/fields.csv]
    python benchmarks/fields.py --network dense --rates 3e-3 6e-3 1.2e-2 --seeds 100     # how the rates were chosen
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import json
import time
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import dfa
from calibration import AnchorProjector
from dfa.data.fields import standardise_fields
from dfa.data.synthetic_fields import make_fields
from dfa.experiment import METHODS, Method
from dfa.feedbacks.matrices import feedback_width
from dfa.networks.vision_transformer import vision_transformer
from dfa.rules.method_rule import credit_rule
from dfa.tasks.field_maps import FieldExample, draw_comparison, typical_map
from dfa.tasks.field_regression import FieldRegression, field_scores
from optics import SimulatedBench, data_folder, load_bench
from optics.bench import BenchDescription

Table = dict[str, Any]
PLAN_KEYS = {field.name for field in dataclasses.fields(dfa.TrainingPlan)}


def load_settings(network: str) -> Table:
    """Read the settings of a network; each method becomes a `Method`, with what all share filled in."""
    path = data_folder() / "systems" / f"fields_{network}.toml"
    settings = tomllib.loads(path.read_text(encoding="utf-8"))
    shared = settings.pop("defaults")
    settings["methods"] = {name: make_method({**shared, **own}) for name, own in settings["methods"].items()}
    return settings


def make_method(table: Mapping[str, Any]) -> Method:
    """Make a method of its table in the settings."""
    plan = dfa.TrainingPlan(**{key: value for key, value in table.items() if key in PLAN_KEYS})
    return Method(plan=plan, **{key: value for key, value in table.items() if key not in PLAN_KEYS})


def make_task(settings: Table) -> FieldRegression:
    """Make the fields and cut them as the network takes them."""
    data = settings["data"]
    made = make_fields(data["samples"], shape=tuple(data["shape"]), rng=np.random.default_rng(data["seed"]))
    fields = standardise_fields(made)
    patch = settings["layers"].get("patch")
    return FieldRegression(fields=fields, patch=None if patch is None else tuple(patch))


def make_network(settings: Table, task: FieldRegression, *, rng: np.random.Generator) -> dfa.Network:
    """Draw the network of the settings; `benchmarks/training_step.py` times the same."""
    layers = settings["layers"]
    batch = next(task.batches(1, rng=np.random.default_rng(0)))
    inputs, outputs, patches = batch.inputs.shape[1], batch.targets.shape[1], len(batch.inputs)
    if settings["network"] == "dense":
        return dfa.fully_connected((inputs, *layers["hidden"], outputs), activation=layers["activation"], rng=rng)
    chosen = {key: layers[key] for key in ("width", "heads", "blocks", "order", "activation", "expansion")}
    return vision_transformer(inputs=inputs, outputs=outputs, patches=patches, rng=rng, **chosen)


def source_of(settings: Table, network: dfa.Network) -> tuple[int, int]:
    """Return the stage whose gradient is projected, and its width; without blocks of stages, the error's."""
    if settings["network"] == "dense":
        return len(network.stages) - 1, int(network.stages[-1].width or 0)
    source = network.last_block if settings["layers"]["source"] == "top" else network.last_block - 1
    return source, network.hidden_widths[-1]


def small_bench(settings: Table) -> BenchDescription:
    """Return the bench with as many pixels and macropixels as are needed, each pixel as bright as before."""
    bench, light = load_bench(settings["bench"]), settings["light"]
    camera = replace(bench.camera, rows=light["rows"], columns=light["columns"])
    fraction = bench.medium.collected_fraction * camera.pixels / bench.camera.pixels
    layout = replace(bench.layout, grid_rows=light["grid_rows"], grid_columns=light["grid_columns"])
    return replace(bench, camera=camera, layout=layout, medium=replace(bench.medium, collected_fraction=fraction))


def make_rule(
    name: str, method: Method, settings: Table, network: dfa.Network, *, seed: int
) -> tuple[dfa.CreditRule, AnchorProjector | None]:
    """Make the credit rule of a method, through the bench for the optical one."""
    source, width = source_of(settings, network)
    projector = None
    if name == "optical":
        projector = AnchorProjector(
            SimulatedBench(small_bench(settings), seed=seed),
            components=width,
            outputs=feedback_width(network.hidden_widths, projections=method.projections),
            anchor=method.anchor,
            full_scale=method.full_scale,
            stored_exposures=method.stored_exposures,
            refresh_interval=method.refresh_frames,
        )
    rng = np.random.default_rng([seed, 3])
    rule = credit_rule(name, method, network, classes=width, rng=rng, projector=projector, source=source)
    return rule, projector


def run(name: str, method: Method, settings: Table, task: FieldRegression, *, seed: int) -> dict[str, Any]:
    """Train one network by one method; all methods of a seed start from the same weights and see the same batches."""
    begin = time.perf_counter()
    network = make_network(settings, task, rng=np.random.default_rng([seed, 1]))
    rule, projector = make_rule(name, method, settings, network, seed=seed)
    history = dfa.train(network, rule, task=task, plan=method.plan, rng=np.random.default_rng([seed, 2]))
    predicted = task.predict(network, task.fields.test)
    scores = field_scores(predicted, task.fields, task.fields.test)
    return {
        "training": history.training_loss,
        "validation": history.validation_loss,
        "test": history.test_loss,
        "alignment": history.alignment,
        "scores": np.array(scores),
        "predicted": task.fields.offset + task.fields.scale * predicted,
        "seconds": time.perf_counter() - begin,
        "step_seconds": history.seconds.sum() / (method.plan.epochs * task.steps(method.plan.batch_size)),
        "frames": 0 if projector is None else projector.frames_exposed,
    }


def fingerprint(settings: Table, method: Method, task: FieldRegression) -> str:
    """Return what tells runs of other settings apart, and of other maps: the law behind them is not in the settings."""
    parts = {key: settings[key] for key in ("data", "layers", "light", "bench")}
    text = json.dumps([parts, dataclasses.asdict(method)], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode())
    for maps in (task.fields.inputs, task.fields.outputs):
        digest.update(np.ascontiguousarray(maps))
    return digest.hexdigest()[:12]


def finished_run(name: str, settings: Table, task: FieldRegression, *, seed: int, folder: Path) -> dict[str, Any]:
    """Return a run, from the folder where it is there."""
    method = settings["methods"][name]
    path = folder / f"{settings['network']}_{name}_{seed}_{fingerprint(settings, method, task)}.npz"
    if not path.is_file():
        result = run(name, method, settings, task, seed=seed)
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")  # a run that is killed while it is written leaves no run
        np.savez(part, **result)
        part.replace(path)
    with np.load(path) as archive:
        return dict(archive)


def compare_rates(settings: Table, task: FieldRegression, *, rates: list[float], seeds: list[int]) -> None:
    """Print the validation error of each method at several rates."""
    for name, method in settings["methods"].items():
        for rate in rates:
            tried = replace(method, plan=replace(method.plan, learning_rate=rate))
            try:
                found = [run(name, tried, settings, task, seed=seed) for seed in seeds]
                losses = [np.mean([one[part][-1] for one in found]) for part in ("validation", "training")]
                said = f"validation {losses[0]:.4f}  training {losses[1]:.4f}"
            except FloatingPointError as error:
                said = str(error)
            print(f"{settings['network']:6s} {METHODS[name]:26s} rate {rate:8.1e}  {said}", flush=True)


def print_table(network: str, runs: Mapping[str, list[dict[str, Any]]]) -> None:
    """Print means over the seeds, each with its standard error, and how far optical is from shallow."""
    print(f"\n{network}: test error weighted by area, mean over seeds ± standard error")
    print(f"{'method':26s}{'mean square':>18s}{'normalised':>12s}{'global mean':>12s}{'ms a step':>11s}  alignment")
    for name, found in runs.items():
        scores = np.stack([one["scores"] for one in found])
        align = np.nanmean(np.stack([one["alignment"][-1] for one in found]), axis=0) if name != "shallow" else []
        print(
            f"{METHODS[name]:26s}{scores[:, 0].mean():9.4f} ± {standard_error(scores[:, 0]):6.4f}"
            f"{scores[:, 1].mean():12.3f}{scores[:, 2].mean():12.3f}"
            f"{1e3 * np.median([one['step_seconds'] for one in found]):11.1f}  "
            + " ".join(f"{value:.3f}" for value in align)
        )
    if "optical" in runs and "shallow" in runs:
        optical, shallow = (np.array([one["scores"][0] for one in runs[name]]) for name in ("optical", "shallow"))
        error = np.hypot(standard_error(optical), standard_error(shallow))
        gain = shallow.mean() - optical.mean()
        print(f"shallow - optical: {gain:.4f}, {gain / error:.1f} combined standard errors")


def standard_error(values: np.ndarray) -> float:
    """Return the standard error of a mean; NaN for a single value."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def table_rows(network: str, runs: Mapping[str, list[dict[str, Any]]], seeds: list[int]) -> list[list[Any]]:
    """Return a line for each run and epoch; the scores of the whole run stand in its last one."""
    rows = []
    for name, found in runs.items():
        for seed, one in zip(seeds, found, strict=True):
            last = len(one["training"])
            for epoch in range(1, last + 1):
                losses = [f"{one[part][epoch - 1]:.6f}" for part in ("training", "validation", "test")]
                alignment = " ".join(f"{value:.4f}" for value in one["alignment"][epoch - 1])
                scores = [f"{value:.6f}" for value in one["scores"][1:]] if epoch == last else ["", ""]
                rows.append([network, name, seed, epoch, *losses, *scores, alignment, int(one["frames"])])
    return rows


def draw(settings: Table, task: FieldRegression, runs: Mapping[str, list[dict[str, Any]]], folder: Path) -> None:
    """Draw the losses, and of the first seed a map that is typical for the methods that are shown."""
    data = task.fields
    truth = data.offset + data.scale * data.outputs[data.test]
    shown = {name: runs[name][0]["predicted"] for name in ("bp", "optical", "shallow") if name in runs}
    shown = shown or {name: found[0]["predicted"] for name, found in runs.items()}
    chosen = typical_map(truth, shown, latitude=data.latitude)
    example = FieldExample(
        truth=truth[chosen],
        predictions={name: predicted[chosen] for name, predicted in shown.items()},
        latitude=data.latitude,
        longitude=(np.arange(data.shape[1]) + 0.5) * 360 / data.shape[1],
        unit=data.unit,
    )
    curves = {name: np.stack([one["validation"] for one in found]) for name, found in runs.items()}
    path = folder / f"fields_{settings['network']}.png"
    draw_comparison(example, curves).savefig(path, dpi=90)
    print(f"test map {chosen + 1} of {len(truth)}, whose errors are near the medians; wrote {path}")


def main() -> None:
    """Run what is asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--network",
        nargs="+",
        choices=["vit", "dense"],
        default=["vit", "dense"],
        help="vision Transformer, fully connected network, or both",
    )
    parser.add_argument(
        "--methods", nargs="+", choices=list(METHODS), help="methods to train; all of the settings without"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", help="one run for each method and seed; those of the settings without"
    )
    parser.add_argument("--rates", type=float, nargs="+", help="compare learning rates on the validation set instead")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("results/fields"),
        help="where finished runs are kept (default: %(default)s)",
    )
    parser.add_argument(
        "--figures", type=Path, default=Path("benchmarks"), help="folder of the pictures (default: %(default)s)"
    )
    parser.add_argument(
        "--table", type=Path, default=Path("data/results/fields.csv"), help="table of all runs (default: %(default)s)"
    )
    options = parser.parse_args()
    rows: list[list[Any]] = []
    for network in options.network:
        settings = load_settings(network)
        if options.methods:
            settings["methods"] = {name: settings["methods"][name] for name in options.methods}
        seeds = options.seeds or settings["seeds"]
        task = make_task(settings)
        if options.rates:
            compare_rates(settings, task, rates=options.rates, seeds=seeds)
            continue
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in settings["methods"]}
        for seed in seeds:
            for name, found in runs.items():
                found.append(finished_run(name, settings, task, seed=seed, folder=options.folder))
        print_table(network, runs)
        draw(settings, task, runs, options.figures)
        rows += table_rows(network, runs, seeds)
    if rows:
        write_table(options.table, rows)


def write_table(path: Path, rows: list[list[Any]]) -> None:
    """Write every run, epoch by epoch; networks that were not run keep their lines."""
    header = ["network", "method", "seed", "epoch", "training_mse", "validation_mse", "test_mse"]
    header += ["test_normalised", "test_global_mean", "alignment", "frames"]
    kept: list[list[Any]] = []
    if path.is_file():
        with path.open(newline="") as file:
            kept = [row for row in list(csv.reader(file))[1:] if row[0] not in {row[0] for row in rows}]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *sorted(kept), *rows])
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
