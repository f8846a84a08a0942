"""The command ``python -m dfa study``: run a study, continue it, draw it."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the imports below come late, so that --help is quick
    from concurrent.futures import Executor

    from dfa.studies.outcome import StudyResults
    from dfa.study import Study

MOST_LINES = 40
"""Lines of the summary that are printed; the report has all."""

DESCRIPTION = """\
Trains a network at many points: a grid or a list of values of any field of the bench or of the training, each from
several seeds; then writes one tidy table (results.csv), all curves (results.h5), figures and an HTML report.

FILE is a TOML file, or the name of a study that ships with the project (--list). Every finished run is on the disk at
once: stop the command whenever you like, give the same command again and it goes on where it was. A run that fails is
kept with its error and does not stop the others."""

EPILOG = """\
examples:
  python -m dfa study digits_bits                      a small study, about a minute; results in results/digits-bits
  python -m dfa study mine.toml --workers 8            eight processes
  python -m dfa study mine.toml --dask tcp://HOST:8786 on a Dask cluster (pip install "opubench[study]")
  python -m dfa study mine.toml --plot-only            table and figures of what is there, even while it runs

a study file:
  version = 1
  preset = "digits"
  seeds = [0, 1, 2]
  references = ["bp"]                                  trained once for each seed, as lines to compare with
  [base]
  "bench.camera.rows" = 16                             what all points share
  [[sweep]]
  name = "power"
  [sweep.grid]                                         every combination; or [sweep.together], one value after the
                                                       other, or [[sweep.points]]; [sweep.base] holds for this sweep
  "bench.laser.power" = { start = 1e-4, stop = 0.1, count = 7, log = true }
  "methods.optical.threshold" = [0.1, 0.2]
  [axis."bench.laser.power"]
  name = "laser power"
  unit = "W"
  log = true
"""


def study_command(words: list[str]) -> int:
    """Run the command.

    Parameters
    ----------
    words : list of str
        Command line after ``python -m dfa study``.

    Returns
    -------
    int
        Exit status: 0 done, 1 done but runs failed, 130 interrupted; bad input raises.
    """
    options = _parser().parse_args(words)
    if options.list:
        from dfa.studies.study_file import shipped_studies

        print("\n".join(shipped_studies()))
        return 0
    if options.file is None:
        raise ValueError("give the FILE of a study, or a name of python -m dfa study --list; see --help")
    from dfa.studies.study_file import load_study

    study = load_study(options.file)
    folder = options.output or Path("results") / study.name
    again = shlex.join(["python", "-m", "dfa", "study", *_words_to_go_on(words)])
    if options.plot_only:
        return _plot(study, folder, command=again)
    return _run(study, folder, options, command=again)


def _words_to_go_on(words: list[str]) -> list[str]:
    """Return the command line without --plot-only and --limit N, which would not finish the study."""
    kept = [word for word in words if word != "--plot-only" and not word.startswith("--limit=")]
    if "--limit" in kept:
        place = kept.index("--limit")
        del kept[place : place + 2]
    return kept


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m dfa study",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    add = parser.add_argument
    add("file", nargs="?", metavar="FILE", help="study: a TOML file, or the name of a shipped one")
    add("--output", type=Path, metavar="FOLDER", help="results folder; one with part of the same study is continued\n"
        "(default: results/NAME)")  # fmt: skip
    add("--workers", type=int, metavar="N", help="local processes (default: one for each processor)")
    add("--dask", metavar="ADDRESS", help="scheduler of a Dask cluster that computes instead")
    add("--data", type=Path, metavar="FOLDER", help="folder with the four MNIST files, on every worker")
    add("--retry-failed", action="store_true", help="run the failed runs again")
    add("--limit", type=int, metavar="N", help="stop after N runs, to see whether all is well")
    add("--plot-only", action="store_true", help="run nothing: write table, figures and report of what is there")
    add("--list", action="store_true", help="name the studies that ship with the project")
    return parser


def _plot(study: Study, folder: Path, *, command: str) -> int:
    """Write the report of what is there."""
    from dfa.study import load_results

    results = load_results(study, folder)
    _write(results, folder, command=command)
    return 0


def _run(study: Study, folder: Path, options: argparse.Namespace, *, command: str) -> int:
    """Run what is missing with a progress bar, then write the report."""
    from tqdm import tqdm

    from dfa.study import load_results, run_study

    workers = options.workers if options.workers is not None else _processors()
    with _executor(options) as executor, tqdm(unit="run", dynamic_ncols=True, disable=None, desc=study.name) as bar:

        def begin(total: int, stored: int) -> None:
            bar.reset(total=total)
            bar.initial = bar.n = stored
            bar.refresh()
            if stored:
                tqdm.write(f"{stored} of {total} runs are stored in {folder} already", file=sys.stderr)

        def show(record: dict[str, object]) -> None:
            bar.update()
            if record["status"] == "failed":
                tqdm.write(f"{record['key']} failed: {record['error']}", file=sys.stderr)

        try:
            results = run_study(
                study,
                folder,
                workers=workers,
                executor=executor,
                data=options.data,
                retry_failed=options.retry_failed,
                limit=options.limit,
                on_start=begin,
                on_record=show,
            )
        except KeyboardInterrupt:
            bar.close()
            stored = len(load_results(study, folder).records)
            print(f"interrupted: {stored} runs are stored in {folder}; go on with\n  {command}", file=sys.stderr)
            return 130
    _write(results, folder, command=command)
    return 1 if results.failed else 0


def _write(results: StudyResults, folder: Path, *, command: str) -> None:
    """Write the report, then print the points and where everything is."""
    from dfa.studies.report import summary_lines, write_report

    write_report(folder, results, command=command)
    lines = summary_lines(results)
    print("\n" + "\n".join(lines[:MOST_LINES]))
    if len(lines) > MOST_LINES:
        print(f"... {len(lines) - MOST_LINES} more lines in {folder / 'report.html'}")
    if not results.complete:
        print(f"\n{len(results.records)} of {len(results.plan.tasks)} runs are finished; go on with\n  {command}")
    if results.failed:
        print(f"\n{len(results.failed)} runs failed, see results.csv; --retry-failed runs them again")
    print(f"\nReport: {(folder / 'report.html').resolve().as_uri()}")


@contextmanager
def _executor(options: argparse.Namespace) -> Iterator[Executor | None]:
    """Give the executor of a Dask cluster, or none for local processes."""
    if options.dask is None:
        yield None
        return
    if options.workers is not None:
        raise ValueError("--workers has no meaning with --dask: the cluster has its own workers; leave one out")
    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError('--dask needs the package distributed: pip install "opubench[study]"') from error
    try:
        client = Client(options.dask, timeout=10)
    except (OSError, ValueError) as error:
        raise ValueError(f"no Dask scheduler answers at {options.dask!r} ({error})") from error
    with client:
        yield client.get_executor()


def _processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
