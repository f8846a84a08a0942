"""The command ``python -m dfa system``: train one of the systems, continue it, show what it learned."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the imports below come late, so that --help is quick
    from tqdm import tqdm

    from dfa.history import History
    from dfa.systems.results import SystemResults
    from dfa.systems.running import Watch
    from dfa.systems.settings import SystemSettings

FAILURES = (OSError, TypeError, ValueError, ArithmeticError, MemoryError)
"""What bad input, a full disk or a diverging training raise."""

DESCRIPTION = """\
Trains a system that was published with optical training, in small: by backpropagation, by direct feedback alignment
(DFA) with an exact matrix, with ternarised errors, with errors that are projected by light through a simulated optical
bench, and with only its last block; each from several seeds. Then writes a table, curves, what the trained networks
have to show (texts they write, images they make, maps they predict) and an HTML report into a results folder.

  cora           a graph network sorts 2708 papers into 7 fields, from 140 labels and who cites whom
  characters     a causal Transformer learns to write, character by character
  fields-vit     a vision Transformer predicts one map of the globe from four others
  fields-dense   a fully connected network does the same
  diffusion      a network learns to turn noise into images of digits
  digits         a small classifier of 8 x 8 digits: to try the command out, in about a minute

Nothing is downloaded without need: what has no data of its own works offline. Every epoch is kept: stop the command
whenever you like, give the same command again and it goes on where it was, to the same bits."""

EPILOG = """\
examples:
  python -m dfa system digits                                 quick; results in results/digits-system
  python -m dfa system cora --data FOLDER                     Cora's files are in FOLDER
  python -m dfa system characters --methods bp optical --seeds 0
  python -m dfa system fields-vit --epochs 2 --output try     a short look, in the folder try
  python -m dfa system mine.toml                              your own settings; data/systems has those that ship
"""


def system_command(words: list[str]) -> int:
    """Run the command.

    Parameters
    ----------
    words : list of str
        Command line after ``python -m dfa system``.

    Returns
    -------
    int
        Exit status: 0 done, 2 a training failed, 130 interrupted; bad input raises.
    """
    options = _parser().parse_args(words)
    from dfa.systems.settings import with_options
    from dfa.systems.settings_file import load_settings, shipped_systems
    from optics.validation import check_count

    if options.list:
        print("\n".join(shipped_systems()))
        return 0
    if options.name is None:
        raise ValueError("give the NAME of a system: one of python -m dfa system --list, or a TOML file; see --help")
    if options.epochs is not None:
        check_count("--epochs", options.epochs)
    for seed in options.seeds or ():
        check_count("--seeds", seed, at_least=0)
    settings = with_options(
        load_settings(options.name),
        methods=options.methods,
        seeds=options.seeds,
        epochs=options.epochs,
        bench=options.bench,
    )
    folder = options.output or Path("results") / f"{settings.name}-system"
    return _run(settings, folder, data=options.data, command=shlex.join(["python", "-m", "dfa", "system", *words]))


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    from optics import shipped_benches

    parser = argparse.ArgumentParser(
        prog="python -m dfa system",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="system: one of the above, or a TOML file")
    add("--methods", nargs="+", metavar="METHOD", help="some of its methods: bp dfa ternary optical shallow, and what\n"
        "its settings have besides")  # fmt: skip
    add("--seeds", nargs="+", type=int, metavar="SEED", help="one run for each method and seed")
    add("--epochs", type=int, metavar="N", help="epochs of every method")
    add("--data", type=Path, metavar="FOLDER", help="folder (or text file) with the data of the system; without it\n"
        "$OPUBENCH_DATA, a download into a cache, or what ships offline")  # fmt: skip
    add("--bench", metavar="NAME|FILE", help="bench of the optical method:\n"
        f"{', '.join(shipped_benches())}, or a TOML file")  # fmt: skip
    add("--output", type=Path, metavar="FOLDER", help="results folder; one with part of the same runs is continued\n"
        "(default: results/NAME-system)")  # fmt: skip
    add("--list", action="store_true", help="name the systems that ship with the project")
    return parser


def _run(settings: SystemSettings, folder: Path, *, data: Path | None, command: str) -> int:
    """Train what is missing with a progress bar, then write the report."""
    from dfa.systems.results import SystemResults
    from dfa.systems.running import run_system
    from optics import load_bench

    bench, runs = load_bench(settings.bench), []
    wanted = len(settings.methods) * len(settings.seeds)
    stopped: KeyboardInterrupt | Exception | None = None
    with _bar() as bar:
        try:
            for run in run_system(settings, folder, bench=bench, data=data, watch=_watch(bar, settings)):
                runs.append(run)
        except (KeyboardInterrupt, *FAILURES) as reason:
            stopped = reason
    if isinstance(stopped, Exception) and not runs:
        raise stopped
    if runs:
        shaped = settings.shape_bench(bench)
        results = SystemResults(settings=settings, system=settings.build(), bench=shaped, runs=tuple(runs))
        with _deaf_to_interrupts():  # a second Ctrl-C would lose what the first one left
            _write(results, folder, command=command)
    if stopped is None:
        return 0
    return _tell_stop(stopped, finished=len(runs), wanted=wanted, command=command)


def _watch(bar: tqdm[None], settings: SystemSettings) -> Watch:
    """Return what moves the progress bar, whose unit is a step."""
    from dfa.experiment import METHODS
    from dfa.systems.running import Watch

    per_epoch = 1

    def begin(method: str, seed: int, steps: int) -> None:
        nonlocal per_epoch
        per_epoch = max(1, steps // settings.methods[method].plan.epochs)
        bar.reset(total=steps)
        bar.set_description(f"{METHODS[method]}, seed {seed}")

    def epoch(history: History) -> None:
        done = len(history.epochs)
        bar.n = done * per_epoch  # also after a run that went on from its checkpoint
        bar.set_postfix_str(f"epoch {done}, loss {history.training_loss[-1]:.4g}")

    def step(_: float) -> None:
        bar.update()

    return Watch(on_run=begin, on_epoch=epoch, on_step=step)


@contextmanager
def _bar() -> Iterator[tqdm[None]]:
    """Give a progress bar; none is drawn where nobody sees it."""
    from tqdm import tqdm

    with tqdm(unit="step", dynamic_ncols=True, disable=None, leave=False) as bar:
        yield bar


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let Ctrl-C pass unheard."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _write(results: SystemResults, folder: Path, *, command: str) -> None:
    """Write the report, then print the table and where everything is."""
    from dfa.systems.report import write_report
    from dfa.systems.results import HEADER_NOTES, format_rows, table_rows

    write_report(folder, results, command=command)
    print(f"\n{format_rows(table_rows(results))}\n\n{HEADER_NOTES}")
    print(f"\nReport: {(folder / 'report.html').resolve().as_uri()}")


def _tell_stop(stopped: BaseException, *, finished: int, wanted: int, command: str) -> int:
    """Say what stopped the command and how to go on; return its exit status."""
    if isinstance(stopped, KeyboardInterrupt):
        print(
            f"interrupted: {finished} of {wanted} runs are finished, the one under way is kept up to its last epoch; "
            f"go on with\n  {command}",
            file=sys.stderr,
        )
        return 130
    print(f"error: {' '.join(str(stopped).split())}", file=sys.stderr)
    return 2
