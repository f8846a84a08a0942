"""Cora: a graph convolutional network trained by each method, beside the published numbers of arXiv:2012.06373.

Settings are those of data/systems/cora.toml, with what they were chosen by. The figure of merit is the test accuracy at
the epoch of the best validation accuracy, the first of several. The optical method trains through the simulated bench
with all its noise. A finished run is kept in the tables and not repeated.

    python benchmarks/cora.py [--data FOLDER] [--rows bp dfa ternary optical shallow ...] [--seeds 0 1 ...]
                              [--table data/results/cora.csv]
    python benchmarks/cora.py --draw        only the table and the figure, from finished runs
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dfa  # before numpy: it sets how long idle BLAS threads spin
from calibration import AnchorProjector
from dfa.data.cora import load_cora
from dfa.data.graphs import Graph, normalised_adjacency
from dfa.experiment import METHODS, Method
from dfa.feedbacks.balanced import BalancedFeedback
from dfa.method_curves import STYLES
from dfa.networks.graph_network import graph_network
from dfa.rules.method_rule import credit_rule
from dfa.tasks.node_classification import NodeClassification
from optics import BenchDescription, SimulatedBench, data_folder, load_bench
from optics.plots import canvas, draw_curve

import numpy as np  # isort: skip
from matplotlib.axes import Axes  # isort: skip
from matplotlib.figure import Figure  # isort: skip

Table = dict[str, Any]
PUBLISHED = {"bp": 82.3, "dfa": 80.9, "ternary": 81.5, "optical": 80.6, "shallow": 48.2}
COLUMNS = ("row", "seed", "validation", "test", "epoch", "last_test", "seconds", "step_ms", "frames", "bench_seconds")
CURVE_COLUMNS = ("row", "seed", "epoch", "validation", "alignment")
EVERY = 5
"""Epochs from one point of the kept curves to the next."""
VARIANTS = {
    "": ("", {}),
    "_early": (", error carried before it is projected", {"gather": "last"}),
    "_uncarried": (", error not carried", {"carried": False}),
    "_unbalanced": (", mean of ternary vectors left in", {}),
}
"""By the end of a row's name, each also a list of methods in the settings: what it says to people, and what it changes
of the network."""
PLAN_KEYS = {field.name for field in dataclasses.fields(dfa.TrainingPlan)}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table: a method, its settings, and what is different in it from the method's own row."""

    method: str
    settings: Method
    balanced: bool
    variant: str


def load_settings(name: str = "cora") -> Table:
    """Read the settings; under "rows" each row of the table, with what all share filled in."""
    settings = tomllib.loads((data_folder() / "systems" / f"{name}.toml").read_text(encoding="utf-8"))
    shared = settings.pop("defaults")
    tables = {name: {**shared, **own} for name, own in settings.pop("methods").items()}
    names = [(name, "") for name in tables]
    names += [(name, variant) for variant in VARIANTS if variant for name in settings[variant[1:]]]
    settings["rows"] = {name + variant: make_row(name, tables[name], variant=variant) for name, variant in names}
    return settings


def make_row(name: str, table: Mapping[str, Any], *, variant: str) -> Row:
    """Make a row of the table of its method in the settings."""
    plan = dfa.TrainingPlan(**{key: value for key, value in table.items() if key in PLAN_KEYS})
    own = {key: value for key, value in table.items() if key not in (*PLAN_KEYS, "balanced")}
    balanced = table.get("balanced", False) and variant != "_unbalanced"
    return Row(method=name, settings=Method(plan=plan, **own), balanced=balanced, variant=variant)


def make_network(settings: Table, graph: Graph, *, variant: str = "", rng: np.random.Generator) -> dfa.Network:
    """Draw the network of the settings for a graph."""
    layers, adjacency = settings["layers"], normalised_adjacency(graph.adjacency)
    sizes = (graph.features.shape[1], *layers["hidden"], graph.classes)
    return graph_network(sizes, adjacency=adjacency, dropout=layers["dropout"], rng=rng, **VARIANTS[variant][1])


def small_bench(settings: Table) -> BenchDescription:
    """Return the bench with as many pixels and macropixels as are needed, each pixel as bright as before."""
    bench, light = load_bench(settings["bench"]), settings["light"]
    camera = replace(bench.camera, rows=light["rows"], columns=light["columns"])
    fraction = bench.medium.collected_fraction * camera.pixels / bench.camera.pixels
    layout = replace(bench.layout, grid_rows=light["grid_rows"], grid_columns=light["grid_columns"])
    return replace(bench, camera=camera, layout=layout, medium=replace(bench.medium, collected_fraction=fraction))


def make_rule(
    row: Row, settings: Table, network: dfa.Network, *, classes: int, seed: int
) -> tuple[dfa.CreditRule, AnchorProjector | None]:
    """Make the credit rule of a row, through the bench for the optical one."""
    method, projector = row.settings, None
    if row.method == "optical":
        projector = AnchorProjector(
            SimulatedBench(small_bench(settings), seed=seed),
            components=classes,
            outputs=sum(network.hidden_widths),
            anchor=method.anchor,
            full_scale=method.full_scale,
            stored_exposures=method.stored_exposures,
            refresh_interval=method.refresh_frames,
        )
    rng = np.random.default_rng([seed, 3])
    rule = credit_rule(row.method, method, network, classes=classes, rng=rng, projector=projector)
    if row.balanced and isinstance(rule, dfa.DirectFeedback) and isinstance(rule.feedback, dfa.TernarisedFeedback):
        inner = BalancedFeedback(inner=rule.feedback.inner)
        rule = replace(rule, feedback=replace(rule.feedback, inner=inner))
    return rule, projector


def run(name: str, settings: Table, task: NodeClassification, *, seed: int) -> tuple[Table, list[Table]]:
    """Train one network; all rows of a seed start from the same weights and leave out the same entries."""
    begin, row = time.perf_counter(), settings["rows"][name]
    network = make_network(settings, task.graph, variant=row.variant, rng=np.random.default_rng([seed, 1]))
    rule, projector = make_rule(row, settings, network, classes=task.graph.classes, seed=seed)
    probed = seed in settings["seeds"][: settings["probed"]] and row.method != "shallow"
    plan = row.settings.plan if probed else replace(row.settings.plan, probe_size=0)
    history = dfa.train(network, rule, task=task, plan=plan, rng=np.random.default_rng([seed, 2]))
    validation, test = 100 * history.validation_accuracy, 100 * history.test_accuracy
    best = int(np.argmax(validation))
    summary = {
        "row": name,
        "seed": seed,
        "validation": f"{validation[best]:.1f}",
        "test": f"{test[best]:.1f}",
        "epoch": best + 1,
        "last_test": f"{test[-1]:.1f}",
        "seconds": f"{time.perf_counter() - begin:.2f}",
        "step_ms": f"{1e3 * np.median(history.seconds):.2f}",
        "frames": projector.frames_exposed if projector else 0,
        "bench_seconds": f"{projector.elapsed if projector else 0:.1f}",
    }
    aligned = history.alignment[:, 0] if probed else np.full(len(validation), np.nan)
    points = range(0, len(validation), EVERY)
    cells = [(name, seed, i + 1, f"{validation[i]:.1f}", f"{aligned[i]:.3f}") for i in points]
    curve = [dict(zip(CURVE_COLUMNS, line, strict=True)) for line in cells]
    return summary, curve


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the lines of a table, none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def append(path: Path, columns: tuple[str, ...], lines: list[Table]) -> None:
    """Add lines to a table in one write."""
    text = "" if path.exists() else ",".join(columns) + "\n"
    text += "".join(",".join(str(line[column]) for column in columns) + "\n" for line in lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def curves_beside(table: Path) -> Path:
    """Return the path of the curves that belong to a table."""
    return table.with_name(f"{table.stem}_curves.csv")


def train_missing(options: argparse.Namespace, settings: Table) -> None:
    """Train what the table lacks, one seed after the other."""
    done = {(line["row"], int(line["seed"])) for line in read_table(options.table)}
    missing = [(seed, name) for seed in options.seeds for name in options.rows if (name, seed) not in done]
    if not missing:
        return
    task = NodeClassification(load_cora(options.data))
    for seed, name in missing:
        summary, curve = run(name, settings, task, seed=seed)
        append(curves_beside(options.table), CURVE_COLUMNS, curve)
        append(options.table, COLUMNS, [summary])
        print(f"{name}, seed {seed}: test {summary['test']} % in {summary['seconds']} s", flush=True)


def title(name: str) -> str:
    """Name a row for people."""
    method, _, end = name.partition("_")
    return METHODS[method] + VARIANTS[f"_{end}" if end else ""][0]


def format_table(lines: list[dict[str, str]]) -> str:
    """Write the table in Markdown: mean and standard deviation over the seeds, and seconds of a run."""
    text = "| | seeds | validation, % | test, % | published, % | s a run |\n|---|---|---|---|---|---|\n"
    for name in dict.fromkeys(line["row"] for line in lines):
        own = [line for line in lines if line["row"] == name]
        cells = [f"{title(name)}", str(len(own))]
        for column in ("validation", "test"):
            values = np.array([float(line[column]) for line in own])
            spread = f" +- {values.std(ddof=1):.2f}" if len(values) > 1 else ""
            cells.append(f"{values.mean():.2f}{spread}")
        seconds = np.mean([float(line["seconds"]) for line in own])
        cells += [f"{PUBLISHED[name]}" if name in PUBLISHED else "", f"{seconds:.1f}"]
        text += "| " + " | ".join(cells) + " |\n"
    return text


def draw_curves(lines: list[dict[str, str]]) -> Figure:
    """Draw validation accuracy and alignment over the epochs, the mean over the seeds with a band of one deviation."""
    with canvas(9.0, 3.6) as figure:
        left, right = figure.subplots(1, 2)
        for axes, column in ((left, "validation"), (right, "alignment")):
            for name in [name for name in dict.fromkeys(line["row"] for line in lines) if name in METHODS]:
                _draw_row(axes, [line for line in lines if line["row"] == name], name=name, column=column)
            axes.set(xlabel="epoch")
        left.set(ylabel="validation accuracy / %", ylim=(30, 85))
        left.legend(fontsize=7.5)
        right.set(ylabel="cosine with the true gradient, hidden layer")
        return figure


def _draw_row(axes: Axes, lines: list[dict[str, str]], *, name: str, column: str) -> None:
    """Draw mean and band of one row, from the seeds that have values."""
    runs = {seed: [line for line in lines if line["seed"] == seed] for seed in {line["seed"] for line in lines}}
    values = np.array([[float(line[column]) for line in one] for one in runs.values()])
    values = values[np.isfinite(values).all(axis=1)]
    if not len(values):
        return
    epochs = [int(line["epoch"]) for line in next(iter(runs.values()))]
    draw_curve(
        axes, epochs, values.mean(axis=0), band=values.std(axis=0), colour=STYLES[name].colour,
        line_style=STYLES[name].line, label=title(name),
    )  # fmt: skip


def main() -> None:
    """Train what is missing, print the table and draw the figure."""
    settings = load_settings()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of Cora; otherwise OPUBENCH_DATA or a download")
    parser.add_argument("--rows", nargs="+", choices=list(settings["rows"]), default=list(settings["rows"]))
    parser.add_argument("--seeds", nargs="+", type=int, default=settings["seeds"])
    parser.add_argument("--table", type=Path, default=data_folder() / "results" / "cora.csv")
    parser.add_argument("--figure", type=Path, default=Path(__file__).with_name("cora.png"))
    parser.add_argument("--draw", action="store_true", help="train nothing")
    options = parser.parse_args()
    if not options.draw:
        train_missing(options, settings)
    print(format_table(read_table(options.table)))
    draw_curves(read_table(curves_beside(options.table))).savefig(options.figure, dpi=150)


if __name__ == "__main__":
    main()
