"""The accuracy that a network reaches when it learns through a twin: the main job, run as another program."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.uncertainty import Measured
from optics.archive import load_archive

METHODS = {
    "bp": "backpropagation, no optics",
    "dfa": "direct feedback alignment, exact matrix",
    "ternary": "the same, errors made ternary: an ideal bench",
    "optical": "the same, projected by the twin",
    "shallow": "last layer only: what no feedback reaches",
}
"""Methods that are trained, and what they stand for."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """Test accuracies of the digits network.

    Parameters
    ----------
    accuracy : mapping of str to Measured
        Mean over seeds by method of `METHODS`, as a part of one; the uncertainty is the scatter of single seeds, nan
        for one seed.
    seeds : int
        Number of seeds.
    complete : bool
        Whether every run was finished.
    """

    accuracy: Mapping[str, Measured]
    seeds: int
    complete: bool


class RunningTraining:
    """A training of the digits network through the bench of a file, and by methods without a bench, while it runs.

    Parameters
    ----------
    bench : Path
        A bench file.
    folder : Path
        Results folder of the training; it must not exist.
    seeds : sequence of int
        Seeds of network, data split and bench.

    Notes
    -----
    It runs ``python -m dfa`` as another program, beside whatever else is done: calibration does not know of learning.
    Use it in a ``with`` block, at whose end a training that still runs is stopped.
    """

    def __init__(self, bench: Path, folder: Path, *, seeds: Sequence[int]) -> None:
        words = [sys.executable, "-m", "dfa", "--bench", str(bench), "--methods", *METHODS]
        words += ["--seeds", *map(str, seeds), "--output", str(folder)]
        self._folder = folder
        self._said = TemporaryFile()  # noqa: SIM115 (closed by __exit__); a pipe that nobody reads would stop it
        self._program = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=self._said)

    def result(self) -> Training:
        """Return the accuracies, once it is done.

        Returns
        -------
        Training
            Accuracies.

        Raises
        ------
        OSError
            If the program fails; the message is its own.
        """
        status = self._program.wait()
        if status:
            self._said.seek(0)
            said = self._said.read().decode("utf-8", "replace").strip().splitlines()
            reason = said[-1].removeprefix("error: ") if said else f"exit status {status}, and it did not say why"
            raise OSError(f"python -m dfa: {reason}")
        return read_training(self._folder / "results.h5")

    def __enter__(self) -> Self:
        """Return the training."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the training if it still runs."""
        if self._program.poll() is None:
            self._program.terminate()
            self._program.wait()
        self._said.close()


def read_training(path: Path) -> Training:
    """Read the accuracies of a training.

    Parameters
    ----------
    path : Path
        ``results.h5`` of ``python -m dfa``.

    Returns
    -------
    Training
        Accuracies after the last epoch.

    Raises
    ------
    OSError
        If the file is missing or damaged.
    ValueError
        If it holds no finished run.
    """
    arrays, description = load_archive(path)
    found = {method: _last_accuracies(arrays, method) for method in METHODS}
    finished = {method: values for method, values in found.items() if values.size}
    if not finished:
        raise ValueError(f"{path} holds no finished training: run it again")
    accuracy = {
        method: Measured(
            value=float(values.mean()), uncertainty=float(values.std(ddof=1)) if values.size > 1 else float("nan")
        )
        for method, values in finished.items()
    }
    seeds = max(values.size for values in finished.values())
    return Training(accuracy=accuracy, seeds=seeds, complete=bool(description.get("complete", False)))


def _last_accuracies(arrays: Mapping[str, NDArray[Any]], method: str) -> NDArray[np.float64]:
    """Return the accuracies of a method after its last epoch, one a seed."""
    names = [name for name in arrays if name.startswith(f"runs/{method}/") and name.endswith("/test_accuracy")]
    return np.array([arrays[name][-1] for name in sorted(names)], np.float64)
