"""The main job: train the same network by every method, through a simulated optical bench too, and report."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the imports below come late, so that --help is quick and a foreign package is named first
    from dfa.experiment import Experiment
    from dfa.results import Results
    from optics import BenchDescription

FAILURES = (OSError, TypeError, ValueError, ArithmeticError, MemoryError)
"""What bad input, a full disk or a diverging training raise: each gets one line."""

DESCRIPTION = """\
Trains the same small network by backpropagation, by direct feedback alignment (DFA) with an exact matrix, with
ternarised errors, with errors that are projected by light through a simulated optical bench, and with only its
last layer; then writes a table, figures, an HTML report and one HDF5 file into a results folder. The preset
digits-methods has their relatives too: feedback alignment, indirect feedback, random target projection.

Without options: the 1797 digits that ship with scikit-learn, five seeds, offline, in under a minute."""

EPILOG = """\
methods:
  bp         backpropagation                     optical    dfa, its ternary errors projected by light
  fa         feedback alignment                  shallow    the last layer only, on random features
  dfa        direct feedback, exact matrix       noisy      dfa with noise on each projection
  ifa        indirect feedback                   photonic   dfa with the noise of a photonic chip
  ternary    dfa with errors of -1, 0 and 1      intensity  raw intensities as feedback: fails, as it should
  drtp       random projections of the target

examples:
  python -m dfa                                        the main job
  python -m dfa --methods bp optical --seeds 0 1       two methods, two seeds
  python -m dfa --bench table_top --threshold best     another bench, the best ternary vector of each error
  python -m dfa --preset launay2020-mnist --data DIR   MNIST as in arXiv:2012.06373, files in DIR or downloaded
  python -m dfa --preset digits-methods --methods fa dfa ifa drtp --matrix orthogonal
  python -m dfa study digits_bits                      a study of many points; see python -m dfa study --help
  python -m dfa system cora                            graph, text, fields, images; see python -m dfa system --help
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : list of str or None, optional
        Command line without the program's name; None takes that of the process.

    Returns
    -------
    int
        Exit status: 0 done, 2 bad input, 130 interrupted.
    """
    foreign = _foreign_packages()
    if foreign:
        print(f"error: {foreign}", file=sys.stderr)
        return 2
    words = sys.argv[1:] if arguments is None else arguments
    try:
        if words[:1] == ["study"]:
            from dfa.studies.command import study_command

            return study_command(words[1:])
        if words[:1] == ["system"]:
            from dfa.systems.command import system_command

            return system_command(words[1:])
        _check_word(words)
        options = _parser().parse_args(words)
        with _terminable():
            return _work(options, command=shlex.join(["python", "-m", "dfa", *words]))
    except KeyboardInterrupt:
        print("interrupted before the first run was finished: nothing was written", file=sys.stderr)
        return 130
    except FAILURES as error:
        print(f"error: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        return 2


def _check_word(words: list[str]) -> None:
    """Refuse a first word that is no option: the commands with a name of their own are called before."""
    if words and not words[0].startswith("-"):
        from optics.validation import nearest

        raise ValueError(
            f"there is no command {words[0]!r}{nearest(words[0], ('study', 'system'))}; the main job takes options "
            "alone, the other commands are study and system: see python -m dfa --help"
        )


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    from optics import shipped_benches

    parser = argparse.ArgumentParser(
        prog="python -m dfa", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--preset", default="digits", metavar="NAME|FILE", help="experiment: digits (default), digits-methods,\n"
        "launay2020-mnist, s1-mnist, mnist-curves, noise-mnist or a TOML file; other options change it")  # fmt: skip
    add("--dataset", choices=("digits", "mnist", "fashion-mnist"), help="data set; digits ships with scikit-learn")
    add("--data", type=Path, metavar="FOLDER", help="folder with the four files of (Fashion-)MNIST, plain or .gz;\n"
        "without it the subfolder of that name of $OPUBENCH_DATA, or a download into a cache")  # fmt: skip
    add("--bench", metavar="NAME|FILE", help="bench of the optical method:\n"
        f"{', '.join(shipped_benches())}, or a TOML file")  # fmt: skip
    add("--methods", nargs="+", metavar="METHOD", help="some of the methods of the preset; see below")  # fmt: skip
    add("--epochs", type=int, help="passes through the training set, for every method")
    add("--seeds", nargs="+", type=int, metavar="SEED", help="one run for each method and seed")
    add("--hidden", nargs="+", type=int, metavar="WIDTH", help="widths of the hidden layers, for instance 256 256")
    add("--threshold", help="threshold of the ternarised errors, 0 <= t < 1, or best (per sample)")
    add("--ternary-by", metavar="RULE", help="what the threshold is: fixed (default), relative to the largest entry\n"
        "of each sample, or the share of entries that a running threshold keeps")  # fmt: skip
    add("--matrix", metavar="KIND", help="feedback matrices: random (default), orthogonal, or sign (of the weights)")
    add("--moduli", metavar="KIND", help="sizes of entries with the signs of the weights: one, fixed (default), drawn")
    add("--scaling", metavar="NAME", help="scaling of the feedback: width (default), launay, principled, filipovich")
    add("--projections", metavar="KIND", help="one projection sliced across the layers (default: sliced), separate\n"
        "ones for each layer, or one shared by all")  # fmt: skip
    add("--restore-length", action="store_true", help="give the feedback of each sample the length back that its\n"
        "ternary vector lost; makes small thresholds and best work")  # fmt: skip
    add(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="results folder; it must not exist (default: a new one below results)",
    )
    return parser


def _work(options: argparse.Namespace, *, command: str) -> int:
    """Run the experiment and write its results into a folder that is complete or not there."""
    from optics import load_bench
    from optics.results_folder import new_folder

    experiment = _experiment(options)
    if options.data is not None and experiment.dataset == "digits":
        raise ValueError("--data goes with --dataset mnist or fashion-mnist: leave it out")
    bench = load_bench(experiment.bench)
    wanted = options.output or Path("results") / experiment.name
    with new_folder(wanted, renumber=options.output is None) as (partial, folder):
        results, stopped = _train(experiment, bench, options.data)
        if not results.runs:
            raise stopped or ValueError("the experiment has no runs")
        with _deaf_to_interrupts():  # a second Ctrl-C would lose what the first one left
            _write(results, partial, command=command)
    _tell(results, folder)
    if isinstance(stopped, Exception):
        print(f"error: {stopped}", file=sys.stderr)
        return 2
    return 130 if stopped else 0


def _experiment(options: argparse.Namespace) -> Experiment:
    """Return the preset with the changes that the options make to it."""
    from dfa.experiment import load_experiment, with_options
    from dfa.methods import CHOICES
    from optics.validation import check_count

    if options.epochs is not None:
        check_count("--epochs", options.epochs)
    for seed in options.seeds or ():
        check_count("--seeds", seed, at_least=0)
    preset = load_experiment(options.preset)
    changes = {key: getattr(options, key) for key in ("dataset", "bench", "seeds", "hidden")}
    given = {key: value for key, value in changes.items() if value is not None}
    experiment = replace(
        with_options(
            preset,
            epochs=options.epochs,
            threshold=_threshold(options.threshold),
            methods=options.methods,
            restore_length=options.restore_length or None,
            settings={key: value for key in CHOICES if (value := getattr(options, key)) is not None},
        ),
        **given,
    )
    if experiment == preset:
        return experiment
    note = f"Settings of the preset {preset.name}, changed by options. {preset.note}"
    name = experiment.dataset if experiment.dataset != preset.dataset else experiment.name
    return replace(experiment, note=note, name=name)


def _train(
    experiment: Experiment, bench: BenchDescription, data: Path | None
) -> tuple[Results, KeyboardInterrupt | Exception | None]:
    """Run the experiment with a progress bar; return the finished runs and what stopped it, if anything did."""
    from tqdm import tqdm

    from dfa.experiment import METHODS
    from dfa.results import Results
    from dfa.runs import run_experiment

    runs = []
    epochs = sum(method.plan.epochs for method in experiment.methods.values()) * len(experiment.seeds)
    stopped: KeyboardInterrupt | Exception | None = None
    with tqdm(total=epochs, unit="epoch", dynamic_ncols=True, disable=None) as bar:

        def show_run(method: str, seed: int) -> None:
            bar.set_description(f"{METHODS[method]}, seed {seed}")

        def show_epoch(_: object) -> None:
            bar.update()

        try:
            for run in run_experiment(experiment, bench=bench, folder=data, on_run=show_run, on_epoch=show_epoch):
                runs.append(run)
                if bar.disable:  # nobody sees the bar: a log gets a line
                    print(f"finished: {METHODS[run.method]}, seed {run.seed}", file=sys.stderr)
        except (KeyboardInterrupt, *FAILURES) as reason:
            stopped = reason
    return Results(experiment=experiment, bench=bench, runs=tuple(runs)), stopped


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let Ctrl-C, and SIGTERM, pass unheard."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _terminable() -> Iterator[None]:
    """Take SIGTERM, which a batch system sends at the end of its time, for Ctrl-C: what is finished is kept."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _write(results: Results, folder: Path, *, command: str) -> None:
    """Write table, figures, report and curves into a folder."""
    from dfa.figures import draw_all
    from dfa.report import html_report, png_bytes
    from dfa.results import format_table, save_results

    save_results(folder / "results.h5", results)
    images = {name: png_bytes(figure) for name, figure in draw_all(results).items()}
    for name, image in images.items():
        (folder / f"{name}.png").write_bytes(image)
    (folder / "table.txt").write_text(format_table(results) + "\n", encoding="utf-8")
    (folder / "report.html").write_text(html_report(results, images, command=command), encoding="utf-8")


def _tell(results: Results, folder: Path) -> None:
    """Print the table and where the results are."""
    from dfa.results import HEADER_NOTES, format_table

    print(f"\n{format_table(results)}\n\n{HEADER_NOTES}")
    if not results.complete:
        print("\nStopped early: only the runs that were finished are shown.")
    print(f"\nReport: {(folder / 'report.html').resolve().as_uri()}")


def _threshold(text: str | None) -> float | str | None:
    """Return a threshold from the command line: a number, "best", or None where it was not given."""
    if text is None or text == "best":
        return text
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"--threshold {text!r} is neither a number, 0 <= threshold < 1, nor best") from None
    if not number >= 0:  # nan too; how large it may be depends on --ternary-by
        raise ValueError(f"--threshold {text} is not allowed: give 0 <= threshold < 1, or best")
    return number


def _foreign_packages() -> str:
    """Return a sentence if projects that own one of our import names are installed, else an empty text."""
    names = [name for name in ("optics", "calibration", "dfa") if _is_distribution(name)]
    if not names:
        return ""
    return (
        f"this environment holds the project{'s' * (len(names) > 1)} {' and '.join(names)} from PyPI, which overwrite "
        "packages of opubench; install opubench in a virtual environment of its own"
    )


def _is_distribution(name: str) -> bool:
    """Return whether a project of this name is installed."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
