"""The command ``verify``: whether archives are whole."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

VERIFY = """\
Reads archives of this project (results, frames of a campaign, matrices, finished or not) from end to end and compares
them with the hashes that they carry. Exit status 0: all are whole; 1: one is damaged, and the report says where."""

EPILOG = """\
examples:
  python -m calibration verify results/matrix
  python -m calibration verify results/digits/results.h5 results/twin
"""


def add_verify(commands: Any) -> None:
    """Add the command to a parser.

    Parameters
    ----------
    commands : argparse subparsers
        What `argparse.ArgumentParser.add_subparsers` returns.
    """
    parser = commands.add_parser(
        "verify",
        help="check whether archives are whole",
        description=VERIFY,
        epilog=EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.set_defaults(run=_verify)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="archive (HDF5), or folder of archives")


def _verify(options: argparse.Namespace) -> int:
    """Verify every file."""
    from tqdm import tqdm

    from optics.archive_check import verify_archive

    broken = 0
    for path in _archives(options.files):
        report = verify_archive(path, progress=lambda blocks: tqdm(list(blocks), desc="reading", file=sys.stderr))
        print(report.text())
        broken += not report.intact
    return 1 if broken else 0


def _archives(given: list[Path]) -> list[Path]:
    """Return the files, those of folders among them."""
    found: list[Path] = []
    for path in given:
        if not path.exists():
            raise FileNotFoundError(
                f"there is no file or folder {str(path)!r}: give an archive (.h5), or a folder of them"
            )
        inside = sorted([*path.glob("*.h5"), *path.glob("*.h5.partial")]) if path.is_dir() else [path]
        if not inside:
            raise FileNotFoundError(f"{path} holds no archive: give a folder with .h5 files, or a file")
        found += inside
    return found
