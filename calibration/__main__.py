"""Calibration from the command line: cameras, transmission matrices, twins of benches, archives."""

import argparse
import sys
from functools import partial

from calibration.commands.camera import add_camera
from calibration.commands.matrix import add_matrix
from calibration.commands.twin import add_twin
from calibration.commands.verify import add_verify

DESCRIPTION = """\
Calibration of benches of optics, simulated or real: from camera frames to figures with their uncertainties."""

EPILOG = """\
python -m calibration COMMAND --help tells what a command does, its options, and examples. To begin with:
  python -m calibration twin --bench table_top --quick    let a simulated bench describe itself
  python -m calibration camera --bench opu                the data sheet of its camera
  python -m calibration matrix                            a transmission matrix, into the folder results/matrix
  python -m calibration verify results/matrix             whether its files are whole
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : list of str or None, optional
        Command line without the program's name; None takes that of the process.

    Returns
    -------
    int
        Exit status: 0 done, 1 an archive is damaged, 2 bad input, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print(f"interrupted: {options.left_behind}", file=sys.stderr)
        return 130
    except (OSError, TypeError, ValueError, MemoryError) as error:
        print(f"error: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m calibration",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.set_defaults(left_behind="nothing was written")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in (add_camera, add_matrix, add_twin, add_verify):
        add(commands)
    parser.set_defaults(run=partial(_refuse, tuple(commands.choices)))
    return parser


def _refuse(names: tuple[str, ...], _: argparse.Namespace) -> int:
    """Name the commands where none was given."""
    raise ValueError(f"give a command: {', '.join(names[:-1])} or {names[-1]}; see python -m calibration --help")


if __name__ == "__main__":
    sys.exit(main())
