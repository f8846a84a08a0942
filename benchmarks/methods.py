"""All methods with their options on the digits that ship with scikit-learn: one table.

Network, plan and learning rates are those of data/presets/digits-methods.toml, which were chosen for each method on
validation splits (180 images) of seeds that the table does not use; its options run at the rate of their method.
`--choose` prints the validation accuracy of each row at several rates. Alignment is the mean over layers of the cosine
with the true gradient at the end, for the samples that send feedback.

    python benchmarks/methods.py [--seeds 0 1 2 3 4] [--rows fa dfa] [--table data/results/methods.csv]
    python benchmarks/methods.py --choose [--rates 0.01 0.03 0.1] [--choosing 100 101]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dfa.experiment import Experiment, Method, load_experiment
from dfa.runs import Run, load_experiment_data, run_once
from dfa.studies.intervals import confidence_interval
from optics import load_bench

import numpy as np  # isort: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """A method with its options."""

    title: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def method(self, experiment: Experiment, rate: float | None) -> Method:
        """Return the settings of the row, at another learning rate than that of the preset where one is given."""
        own = replace(experiment.methods[self.name], **self.options)
        return own if rate is None else replace(own, plan=replace(own.plan, learning_rate=rate))


ROWS = (
    Row(title="backpropagation", name="bp"),
    Row(title="feedback alignment", name="fa"),
    Row(title="  orthogonal", name="fa", options={"matrix": "orthogonal"}),
    Row(title="  signs of W, one size", name="fa", options={"matrix": "sign", "moduli": "one"}),
    Row(title="  signs of W, fixed sizes", name="fa", options={"matrix": "sign"}),
    Row(title="  signs of W, sizes drawn each step", name="fa", options={"matrix": "sign", "moduli": "drawn"}),
    Row(title="direct feedback alignment", name="dfa"),
    Row(title="  orthogonal", name="dfa", options={"matrix": "orthogonal"}),
    Row(title="  signs of the product of W", name="dfa", options={"matrix": "sign"}),
    Row(title="  one projection for each layer", name="dfa", options={"projections": "separate"}),
    Row(title="  one projection shared", name="dfa", options={"projections": "shared"}),
    Row(title="  scaling launay, shared", name="dfa", options={"projections": "shared", "scaling": "launay"}),
    Row(title="  scaling principled", name="dfa", options={"scaling": "principled"}),
    Row(title="  scaling filipovich", name="dfa", options={"scaling": "filipovich", "projections": "separate"}),
    Row(title="indirect feedback alignment", name="ifa"),
    Row(title="ternarised, threshold 0.2", name="ternary"),
    Row(title="  relative, 0.5 of the largest", name="ternary", options={"ternary_by": "relative", "threshold": 0.5}),
    Row(
        title="  relative, length restored",
        name="ternary",
        options={"ternary_by": "relative", "threshold": 0.5, "restore_length": True},
    ),
    Row(title="  running, share 0.1", name="ternary", options={"ternary_by": "share", "threshold": 0.1}),
    Row(title="  best of each, length restored", name="ternary", options={"threshold": "best", "restore_length": True}),
    Row(title="optical, ternarised at 0.2", name="optical"),
    Row(title="random target projection", name="drtp"),
    Row(title="shallow", name="shallow"),
    Row(title="noisy projection, 1.0 of the signal", name="noisy"),
    Row(title="photonic chip's noise", name="photonic"),
    Row(title="raw intensities", name="intensity"),
)


def runs(row: Row, experiment: Experiment, *, rate: float | None, seeds: list[int]) -> Iterator[Run]:
    """Train a row from some seeds."""
    bench = load_bench(experiment.bench)
    for seed in seeds:
        dataset = load_experiment_data(experiment, folder=None, seed=seed)
        yield run_once(row.name, row.method(experiment, rate), experiment, dataset=dataset, seed=seed, bench=bench)


def choose(rows: list[Row], experiment: Experiment, options: argparse.Namespace) -> None:
    """Print the validation accuracy of each row at each rate."""
    print(f"{'method':<36}" + "".join(f"{rate:>9g}" for rate in options.rates))
    for row in rows:
        found = []
        for rate in options.rates:
            try:
                each = list(runs(row, experiment, rate=rate, seeds=options.choosing))
                found.append(100 * float(np.mean([run.history.validation_accuracy[-1] for run in each])))
            except FloatingPointError:
                found.append(float("nan"))
        print(f"{row.title:<36}" + "".join(f"{value:9.2f}" for value in found), flush=True)


def table(rows: list[Row], experiment: Experiment, options: argparse.Namespace) -> None:
    """Print the table and write it."""
    lines = ["row,method,learning_rate,seed,test_accuracy,alignment"]
    print(f"{'method':<36}{'rate':>7}  test accuracy / %    alignment", flush=True)
    for row in rows:
        each = list(runs(row, experiment, rate=None, seeds=options.seeds))
        found = confidence_interval([100 * run.accuracy for run in each])
        cosines = [float(run.history.alignment[-1].mean()) for run in each]
        rate = row.method(experiment, None).plan.learning_rate
        print(
            f"{row.title:<36}{rate:7g}  {found.mean:6.2f} ± {found.half_width:.2f}      {np.mean(cosines):9.2f}",
            flush=True,
        )
        for run, cosine in zip(each, cosines, strict=True):
            lines.append(f"{row.title.strip()},{row.name},{rate:g},{run.seed},{run.accuracy:.4f},{cosine:.4f}")
        options.table.write_text("\n".join(lines) + "\n", encoding="utf-8")  # what is done is kept


def main() -> None:
    """Run the rows that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--preset", default="digits-methods", help="experiment: its name or a TOML file (default: %(default)s)"
    )
    parser.add_argument("--rows", nargs="+", help="short names of the methods whose rows are wanted (default: all)")
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0, 1, 2, 3, 4],
        help="one run for each method and seed (default: %(default)s)",
    )
    parser.add_argument(
        "--table",
        type=Path,
        default=Path("data/results/methods.csv"),
        help="table that is written, CSV (default: %(default)s)",
    )
    parser.add_argument("--choose", action="store_true", help="compare learning rates on validation splits instead")
    parser.add_argument(
        "--rates",
        type=float,
        nargs="+",
        default=[0.003, 0.01, 0.03, 0.1],
        help="learning rates that --choose compares (default: %(default)s)",
    )
    parser.add_argument("--choosing", type=int, nargs="+", default=[100, 101], help="seeds of the validation splits")
    options = parser.parse_args()
    experiment = load_experiment(options.preset)
    rows = [row for row in ROWS if options.rows is None or row.name in options.rows]
    if options.choose:
        choose(rows, experiment, options)
    else:
        table(rows, experiment, options)


if __name__ == "__main__":
    main()
