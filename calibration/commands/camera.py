"""The command ``camera``: a data sheet from frames or on a bench."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the imports below come late, so that --help is quick
    from calibration.cameras.report import CameraReport

CAMERA = """\
Characterises a camera, from files of frames or on a bench, by EMVA 1288 Release 4.0 Linear: gain, quantum
efficiency, dark noise, black level, dark current, saturation, threshold, dynamic range, linearity, and from stacks
DSNU and PRNU. Beside the standard's estimators it fits the exact converter, which holds where rounding hides the
noise.

Give either FRAMES or --bench.

FRAMES is an .npz or HDF5 file, or a folder with the files pairs* and stacks*. The arrays in it are
  bright, dark          two frames at each exposure level, whole counts, (level, 2, y, x); even light
  photons_per_pixel     mean photons of each level; without it there is no quantum efficiency
  exposure_s            exposure time of each level, in seconds (or exposure_ns, in nanoseconds)
  bits                  significant bits of a count
A file of stacks holds bright and dark as (frame, y, x), bright at about half of saturation; in one file with
pairs they are called bright_stack and dark_stack.

--bench simulates a bench and characterises its camera as one would that of a real bench: it finds the exposure, shows
one pattern and lets the exposure time grow. The light there is speckle, which gives gain, dark noise, dark current,
saturation, DSNU and the noise of the laser, but not PRNU: no frame tells an uneven response from uneven light.
--flat-field declares that the light of the bench is even; then PRNU is measured too, and the declaration is checked."""

EPILOG = """\
examples:
  python -m calibration camera frames.npz
  python -m calibration camera folder --bits 12 --output results/my_camera
  python -m calibration camera pairs.h5 --stacks stacks.h5 --bits 10 --alignment left
  python -m calibration camera --bench table_top
  python -m calibration camera --bench mine.toml --seed 3 --output results/mine
"""


def add_camera(commands: Any) -> None:
    """Add the command to a parser.

    Parameters
    ----------
    commands : argparse subparsers
        What `argparse.ArgumentParser.add_subparsers` returns.
    """
    from optics import shipped_benches

    camera = commands.add_parser(
        "camera",
        help="the data sheet of a camera, from its frames or on a bench",
        description=CAMERA,
        epilog=EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    camera.set_defaults(run=_camera)
    add = camera.add_argument
    add("frames", type=Path, nargs="?", metavar="FRAMES", help="file or folder of frames")
    add("--bench", metavar="NAME|FILE", help="bench whose camera is characterised:\n"
        f"{', '.join(shipped_benches())}, or a TOML file")  # fmt: skip
    add("--seed", type=int, metavar="N", help="seed of the simulated bench (default: 0)")
    add("--flat-field", action="store_true", help="declare that the light on the bench's camera is even")
    add("--stacks", type=Path, metavar="FILE", help="file of stacks, for DSNU and PRNU")
    add("--bits", type=int, metavar="N", help="significant bits of a count (default: what the file states)")
    add("--alignment", choices=("right", "left"), help="where the bits sit in the word (default: right)")
    add(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="results folder; it must not exist (default: a new one below results)",
    )
    add("--quick", action="store_true", help="leave the likelihood fit out")


def _camera(options: argparse.Namespace) -> int:
    """Characterise a camera; its results folder is complete or not there."""
    from calibration.cameras.report import format_datasheet
    from optics.results_folder import new_folder

    _check_source(options)
    wanted = options.output or Path("results") / "camera"
    with new_folder(wanted, renumber=options.output is None) as (partial, folder):
        report = _on_bench(options) if options.bench else _from_files(options)
        _write(report, partial)
    print(format_datasheet(report))
    print(f"\nTable and figures: {folder}")
    return 0


def _check_source(options: argparse.Namespace) -> None:
    """Refuse anything but one source of frames, and options that belong to the other."""
    if bool(options.frames) == bool(options.bench):
        raise ValueError("give either FRAMES, a file or folder of frames, or --bench, a bench; see --help")
    others = ("stacks", "bits", "alignment") if options.bench else ("seed", "flat_field")
    for name in others:
        given = getattr(options, name)
        if given is not None and given is not False:
            source = "FRAMES" if options.bench else "--bench"
            raise ValueError(f"--{name.replace('_', '-')} goes with {source}: leave it out")


def _from_files(options: argparse.Namespace) -> CameraReport:
    """Return the characterisation from files."""
    from calibration.cameras.frame_files import load_camera_frames
    from calibration.cameras.report import characterise_camera

    frames = load_camera_frames(options.frames, stacks=options.stacks, bits=options.bits, alignment=options.alignment)
    return characterise_camera(frames.series, stacks=frames.stacks, likelihood=not options.quick, flags=frames.flags)


def _on_bench(options: argparse.Namespace) -> CameraReport:
    """Return the characterisation on a simulated bench, with a progress bar over the exposure times."""
    from tqdm import tqdm

    from calibration.cameras.bench_camera import characterise_bench_camera
    from optics import SimulatedBench, load_bench
    from optics.validation import check_count

    check_count("--seed", options.seed or 0, at_least=0)
    bench = SimulatedBench(load_bench(options.bench), seed=options.seed or 0)
    return characterise_bench_camera(
        bench,
        flat_field=options.flat_field,
        likelihood=not options.quick,
        progress=lambda times: tqdm(times, desc="exposure times", file=sys.stderr),
    )


def _write(report: CameraReport, folder: Path) -> None:
    """Write table, figures and curves into a folder."""
    from calibration.cameras.figures import draw_camera
    from calibration.cameras.report import format_datasheet, report_arrays, report_table
    from optics.archive import save_archive

    (folder / "datasheet.txt").write_text(format_datasheet(report) + "\n", encoding="utf-8")
    for name, figure in draw_camera(report).items():
        figure.savefig(folder / f"{name}.png", dpi=130)
    arrays, units = report_arrays(report)
    save_archive(folder / "camera.h5", arrays, description=report_table(report), units=units)
