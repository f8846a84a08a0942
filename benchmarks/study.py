"""Cost of a study: overhead of a point, two workers against one, Dask against local processes, 500 runs projected.

Four questions, each with its bound from issue 7:

- overhead: 100 points that train a tiny network in milliseconds, on one and on two processes. Wall time less the time
  of the runs themselves (shared by the workers), for each point; once with the start of the processes and once without.
- scaling: the same runs of the digits network through the optical bench on one process and on two; wall time from the
  first run's start to the last one's end, so that the start of the processes counts in neither.
- same: the table from Dask (two workers of a local cluster), from two processes and from one, compared entry by entry.
- projection: 500 such runs on two processes, from the throughput that was seen.

Run it from the top of the checkout on an idle machine with two cores: ``python -m benchmarks.study``. It takes about
two minutes and needs the extra ``study`` for Dask. What else runs on the cores falls on all of it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from dfa.studies import StudyResults, grid
from dfa.studies.study_file import load_study
from dfa.study import Study, run_study

OVERHEAD_TARGET, SCALING_TARGET, MINUTES_TARGET = 0.050, 1.8, 10.0
RUNS = 500


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Results with when they came, in seconds from the call."""

    results: StudyResults
    wall: float
    arrivals: list[float]

    @property
    def work(self) -> float:
        """Seconds that the runs took, all of them."""
        return float(sum(record["seconds"] for record in self.results.records))

    @property
    def busy(self) -> float:
        """Seconds from the first run's start to the last one's end."""
        first = self.results.records[0]["seconds"]
        return self.arrivals[-1] - self.arrivals[0] + float(first)


def timed(study: Study, *, workers: int = 1, executor: Executor | None = None) -> Timed:
    """Run a study in a folder that is thrown away."""
    arrivals: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        results = run_study(
            study,
            Path(folder) / "out",
            workers=workers,
            executor=executor,
            on_record=lambda record: arrivals.append(time.perf_counter() - begin),
        )
        wall = time.perf_counter() - begin
    return Timed(results=results, wall=wall, arrivals=arrivals)


def trivial(points: int) -> Study:
    """Return points that train a tiny network by backpropagation, each within milliseconds."""
    rates = [0.001 * (1 + index) for index in range(points)]
    base = {"hidden": [4], "methods.bp.epochs": 1, "methods.bp.batch_size": 500}
    sweep = grid("rate", {"methods.bp.learning_rate": rates})
    return Study(name="trivial", preset="digits", sweeps=(sweep,), seeds=(0,), base=base, methods=("bp",))


def optical(points: int) -> Study:
    """Return the first points of the shipped study of 100 points, one seed, without references."""
    study = load_study("digits_100")
    sweep = study.sweeps[0]
    return replace(study, sweeps=(replace(sweep, points=sweep.points[:points]),), seeds=(0,), references=())


def overhead(points: int) -> None:
    """Print the overhead of a point."""
    for workers in (1, 2):
        run = timed(trivial(points), workers=workers)
        each = (run.wall - run.work / workers) / points
        gaps = sorted(later - earlier for earlier, later in pairwise(run.arrivals[4 * workers :]))
        steady = max(gaps[len(gaps) // 2] - run.work / points / workers, 0.0)
        print(
            f"overhead, {points} trivial points, {workers} processes: {1e3 * each:.1f} ms a point with the processes' "
            f"start ({run.arrivals[0]:.1f} s to the first run), {1e3 * steady:.1f} ms without; "
            f"target below {1e3 * OVERHEAD_TARGET:.0f} ms"
        )


def rows(results: StudyResults) -> list[str]:
    """Return the rows without times, and the curves."""
    table = [{key: value for key, value in row.items() if key != "seconds"} for row in results.rows()]
    return [repr(row) for row in table] + [repr(record.get("curves")) for record in results.records]


def scaling(points: int) -> tuple[Timed, Timed]:
    """Print the ratio of one process to two, and what 500 runs would take."""
    one, two = timed(optical(points), workers=1), timed(optical(points), workers=2)
    print(
        f"scaling, {points} optical runs of the digits network: {one.busy:.1f} s on one process, {two.busy:.1f} s on "
        f"two, ratio {one.busy / two.busy:.2f}, target {SCALING_TARGET}; one run {one.work / points:.2f} s alone, "
        f"{two.work / points:.2f} s beside another"
    )
    minutes = (two.busy / points * RUNS + two.arrivals[0]) / 60
    print(f"projection: {RUNS} runs on two processes in {minutes:.1f} min, target {MINUTES_TARGET:.0f}")
    return one, two


def dask_against_local(points: int, one: Timed, two: Timed) -> None:
    """Print whether Dask and local processes give the same table."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        dask = timed(optical(points), executor=client.get_executor())
    same = rows(dask.results) == rows(two.results) == rows(one.results)
    print(f"same table, bit for bit, on one process, on two and on Dask: {same}; Dask took {dask.busy:.1f} s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--points",
        type=int,
        default=100,
        help="points that do nothing, to time what a point costs beside its training (default: 100)",
    )
    parser.add_argument(
        "--runs",
        type=int,
        default=24,
        help="trainings through light that are shared by processes (default: 24, at most 100)",
    )
    options = parser.parse_args()
    overhead(options.points)
    one, two = scaling(options.runs)
    dask_against_local(options.runs, one, two)


if __name__ == "__main__":
    main()
