"""The command ``matrix``: a transmission matrix of a bench, measured, resumed, judged."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the imports below come late, so that --help is quick
    from calibration.campaigns.settings import CampaignSettings
    from optics import BenchDescription, SimulatedBench

MATRIX = """\
Measures the transmission matrix of a simulated bench as one would that of a real one: finds the exposure, shows the
patterns of a basis, follows the drift by a pattern that is repeated, solves the matrix with standard errors, and judges
it by the light behind patterns that it was not made from.

How fields are seen (--method):
  phase_stepping     a reference beam, shifted through some phases: one frame each
  off_axis           a tilted reference beam: its fringes give the field from one frame
  interferometry     no reference: known groups of macropixels (anchors) interfere with each other
  phase_retrieval    no reference: random patterns, intensities alone, and a search

With a reference, what is shown (--basis): hadamard (half of the macropixels on, the usual choice), hadamard_pairs
(each pattern and its complement), canonical (one macropixel at a time), s_matrix, circulant, random.

The folder then holds
  frames.h5    every frame, compressed, with its time
  matrix.h5    the matrix (output, input), its standard errors, which rows are good
  results.h5   static field, drift, prediction
  report.txt, matrix.png

The command may be interrupted or killed at any instant. Given again with the same options it goes on from the last
complete batch, to the same bits; with other options it is refused. `python -m calibration verify FOLDER` checks the
files."""

EPILOG = """\
examples:
  python -m calibration matrix
  python -m calibration matrix --bench mine.toml --output results/mine
  python -m calibration matrix --basis canonical --steps 8
  python -m calibration matrix --bench opu --method interferometry
"""


def add_matrix(commands: Any) -> None:
    """Add the command to a parser.

    Parameters
    ----------
    commands : argparse subparsers
        What `argparse.ArgumentParser.add_subparsers` returns.
    """
    from calibration.campaigns.settings import BASES, METHODS, CampaignSettings
    from optics import shipped_benches

    default = CampaignSettings()
    parser = commands.add_parser(
        "matrix",
        help="the transmission matrix of a bench: measured, resumed, judged",
        description=MATRIX,
        epilog=EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.set_defaults(run=_matrix, left_behind="give the command again to go on from the last complete batch")
    add = parser.add_argument
    add(
        "--bench",
        default="holography",
        metavar="NAME|FILE",
        help=f"bench (default: holography):\n{', '.join(shipped_benches())}, or a TOML file",
    )
    add("--method", choices=METHODS, default=default.method, help=f"how fields are seen (default: {default.method})")
    add(
        "--basis",
        choices=BASES,
        default=default.basis,
        help=f"what is shown, with a reference (default: {default.basis})",
    )
    add(
        "--steps",
        type=int,
        default=default.steps,
        metavar="N",
        help=f"phases of the reference, for phase_stepping (default: {default.steps})",
    )
    add(
        "--find-steps",
        action="store_true",
        help="find the phases of the reference from the frames, in place of trusting them",
    )
    add(
        "--patterns",
        type=int,
        default=0,
        metavar="N",
        help="random patterns, for --basis random and phase_retrieval\n(default: enough for the bench)",
    )
    add(
        "--anchors",
        type=int,
        default=default.anchors,
        metavar="N",
        help="groups of macropixels of interferometry (default: as many as fit, up to 20)",
    )
    add(
        "--polish",
        action="store_true",
        help="interferometry: fit rows to all frames at once; slow, and halves the errors",
    )
    add(
        "--radius",
        type=float,
        default=default.radius,
        metavar="F",
        help=f"off_axis: band of the fields in cycles per pixel (default: {default.radius:g})",
    )
    add(
        "--reference-interval",
        type=int,
        default=default.reference_interval,
        metavar="N",
        help=f"patterns between two looks at the drift (default: {default.reference_interval})",
    )
    add(
        "--held-out",
        type=int,
        default=default.held_out,
        metavar="N",
        help=f"patterns that the matrix must predict (default: {default.held_out})",
    )
    add("--exposure-time", type=float, metavar="SECONDS", help="exposure time in seconds (default: found from frames)")
    add(
        "--least-correlation",
        type=float,
        default=0.9,
        metavar="C",
        help="of neighbouring looks at the drift; below it frames count as lost\n(default: 0.9; 0 solves in any case)",
    )
    add("--memory", type=int, default=1024, metavar="MIB", help="memory for fields and rows in MiB (default: 1024)")
    add(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of the simulated bench and of random patterns (default: 0)",
    )
    add(
        "--output",
        type=Path,
        default=Path("results") / "matrix",
        metavar="FOLDER",
        help="where the campaign is or will be (default: results/matrix)",
    )


def _matrix(options: argparse.Namespace) -> int:
    """Measure, judge, report."""
    import optics  # noqa: F401 - before numpy: it sets how long idle BLAS threads spin
    from calibration.campaigns.measure import MATRIX, measure_matrix
    from calibration.campaigns.report import compare_with_truth, format_campaign, write_figure
    from calibration.campaigns.settings import make_method, make_plan
    from optics import SimulatedBench, bench_to_table, load_bench
    from optics.matrix_file import MatrixFile

    _check_options(options)
    settings = _settings(options)
    described = load_bench(options.bench)
    _check_arm(described, options)
    bench = SimulatedBench(described, seed=options.seed)
    method = make_method(settings, inputs=bench.layout.inputs)
    plan = make_plan(settings, method)
    folder: Path = options.output
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: give a folder with --output")
    folder.mkdir(parents=True, exist_ok=True)
    bench.exposure_time = _exposure_time(options, bench, plan.held_out[:4], method.phases, folder)
    description = {
        "bench": bench_to_table(bench.description),
        "seed": options.seed,
        "settings": settings.table(),
        "exposure_time": bench.exposure_time,
    }
    results = measure_matrix(
        bench,
        plan,
        method,
        folder=folder,
        description=description,
        stand_after=lambda index, time: bench.continue_after(frame_id=index, timestamp=time),
        budget=options.memory * 2**20,
        least_correlation=options.least_correlation,
        progress=_bars,
    )
    with MatrixFile(folder / MATRIX) as file:
        truth = compare_with_truth(bench, file, results, budget=options.memory * 2**20)
        text = format_campaign(results, file, plan, settings, truth=truth)
        write_figure(folder / "matrix.png", results, file, plan)
    (folder / "report.txt").write_text(text + "\n", encoding="utf-8")
    print(text)
    print(f"\nFrames, matrix, results and figure: {folder}")
    return 0


REFERENCED = ("phase_stepping", "off_axis")
"""Methods that need a bench with a reference arm."""

OWN = {
    "basis": REFERENCED,
    "steps": ("phase_stepping",),
    "find_steps": ("phase_stepping",),
    "radius": ("off_axis",),
    "anchors": ("interferometry",),
    "polish": ("interferometry",),
}
"""Methods that an option is for."""


def _check_options(options: argparse.Namespace) -> None:
    """Refuse options that the method does not have, and amounts that make no sense."""
    from calibration.campaigns.settings import CampaignSettings

    default = CampaignSettings()
    for name, methods in OWN.items():
        if getattr(options, name) != getattr(default, name) and options.method not in methods:
            option = name.replace("_", "-")
            raise ValueError(
                f"--{option} is for --method {' or '.join(methods)}, not for {options.method}: leave it out"
            )
    if options.patterns and options.method != "phase_retrieval" and options.basis != "random":
        raise ValueError("--patterns is for --method phase_retrieval and for --basis random: leave it out")
    if options.memory < 1:
        raise ValueError(f"--memory {options.memory} is no memory: give at least 1, in MiB")


def _settings(options: argparse.Namespace) -> CampaignSettings:
    """Return what was chosen; what is out of its range is named as on the command line."""
    from calibration.campaigns.settings import CampaignSettings

    names = ["method", "basis", "steps", "find_steps", "patterns", "anchors", "polish", "radius"]
    names += ["reference_interval", "held_out", "seed"]
    try:
        return CampaignSettings(**{name: getattr(options, name) for name in names})
    except ValueError as error:
        name, _, rest = str(error).partition(" ")
        if name not in names:
            raise
        raise ValueError(f"--{name.replace('_', '-')} {rest}") from error


def _check_arm(bench: BenchDescription, options: argparse.Namespace) -> None:
    """Refuse a method that needs a reference arm on a bench that has none."""
    from calibration.campaigns.settings import METHODS
    from optics import load_bench, shipped_benches

    if bench.reference is not None or options.method not in REFERENCED:
        return
    others = [method for method in METHODS if method not in REFERENCED]
    benches = [name for name in shipped_benches() if load_bench(name).reference is not None]
    raise ValueError(
        f"the bench {str(options.bench)!r} has no reference arm, which --method {options.method} needs: give --method "
        f"{' or '.join(others)}, or a bench with an arm: {', '.join(benches)}"
    )


def _exposure_time(
    options: argparse.Namespace, bench: SimulatedBench, patterns: Any, phases: tuple[float, ...], folder: Path
) -> float:
    """Return the exposure time: that of the campaign in the folder, the one that was asked for, or one that suits."""
    from calibration.campaigns.exposure import find_campaign_exposure
    from calibration.campaigns.measure import FRAMES
    from optics import SimulatedBench
    from optics.campaign_file import CampaignFile

    if options.exposure_time is not None:
        return float(options.exposure_time)
    try:
        with CampaignFile.open(folder / FRAMES) as file:
            if "exposure_time" not in file.description:
                raise ValueError(f"{folder / FRAMES} was not made by this command: give another folder with --output")
            return float(file.description["exposure_time"])
    except FileNotFoundError:
        # Another bench of the same kind searches: the frames of the campaign are the first of its own.
        scout = SimulatedBench(bench.description, seed=bench.seed)
        return find_campaign_exposure(scout, patterns, phases=phases).exposure_time


def _bars(steps: list[Any], description: str) -> Iterable[Any]:
    """Return steps behind a progress bar."""
    from tqdm import tqdm

    bars: Iterable[Any] = tqdm(steps, desc=description, file=sys.stderr)
    return bars
