"""Results of an experiment: the table, and the one HDF5 file that holds every curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dfa.experiment import METHODS, Experiment
from dfa.runs import Run
from optics import BenchDescription, bench_to_table
from optics.archive import save_archive


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """An experiment and the runs of it that were finished.

    Parameters
    ----------
    experiment : Experiment
        What was to be run.
    bench : BenchDescription
        The bench of the optical method.
    runs : tuple of Run
        Finished runs.
    """

    experiment: Experiment
    bench: BenchDescription
    runs: tuple[Run, ...]

    @property
    def complete(self) -> bool:
        """Whether every run of the experiment was finished."""
        return len(self.runs) == len(self.experiment.methods) * len(self.experiment.seeds)

    @property
    def methods(self) -> list[str]:
        """Methods with at least one finished run, in the order of the experiment."""
        return [name for name in self.experiment.methods if self.of(name)]

    def of(self, method: str) -> list[Run]:
        """Return the finished runs of a method.

        Parameters
        ----------
        method : str
            Short name of the method.

        Returns
        -------
        list of Run
            One a seed.
        """
        return [run for run in self.runs if run.method == method]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One method in the table of results; spreads are standard deviations over seeds.

    Parameters
    ----------
    method : str
        Full name of the method.
    seeds : int
        Number of finished runs.
    accuracy, spread : float
        Mean test accuracy after the last epoch and its spread, in per cent; NaN spread for one run.
    alignment : tuple of float
        Mean cosine with the true gradient in each hidden layer after the last epoch.
    aligned : float
        Fraction of the probe samples that the alignment is taken over.
    feedback : tuple of float
        Mean number of training samples that carried feedback in the first and in the last epoch.
    frames : float
        Mean number of camera frames of a run.
    fidelity : float
        Mean cosine of retrieved with true projections; NaN without optics.
    seconds : float
        Mean wall time of a run.
    """

    method: str
    seeds: int
    accuracy: float
    spread: float
    alignment: tuple[float, ...]
    aligned: float
    feedback: tuple[float, float]
    frames: float
    fidelity: float
    seconds: float


HEADER = ("method", "test accuracy / %", "alignment by layer", "samples with feedback", "frames", "fidelity", "seconds")
HEADER_NOTES = (
    "Accuracy after the last epoch, mean ± standard deviation over seeds. Alignment: cosine with the true gradient, "
    "layer by layer, over the given share of the probe samples: the others get no feedback. Samples with feedback: "
    "training samples that sent a signal to the hidden layers, first → last epoch. Frames: camera frames of a run, "
    "calibration and probes included. Fidelity: cosine of retrieved with true projections. Seconds: one run."
)


def summarise_runs(results: Results) -> list[Row]:
    """Return the table of results, one row a method.

    Parameters
    ----------
    results : Results
        The finished runs.

    Returns
    -------
    list of Row
        Rows in the order of the experiment.
    """
    return [_row(name, results.of(name)) for name in results.methods]


def format_row(row: Row) -> tuple[str, ...]:
    """Return the cells of a row as text, in the order of `HEADER`.

    Parameters
    ----------
    row : Row
        The row.

    Returns
    -------
    tuple of str
        One text a column.
    """
    spread = "" if np.isnan(row.spread) else f" ± {row.spread:.2f}"
    cosines = " ".join(f"{cosine:.2f}" for cosine in row.alignment)
    alignment = f"{cosines} ({100 * row.aligned:.0f} %)" if row.aligned else "–"
    feedback = "–" if not any(row.feedback) else f"{row.feedback[0]:.0f} → {row.feedback[1]:.0f}"
    fidelity = "–" if np.isnan(row.fidelity) else f"{row.fidelity:.4f}"
    frames = f"{row.frames:,.0f}".replace(",", " ") if row.frames else "–"
    return (row.method, f"{row.accuracy:.2f}{spread}", alignment, feedback, frames, fidelity, f"{row.seconds:.1f}")


def format_table(results: Results) -> str:
    """Return the table of results as text with aligned columns.

    Parameters
    ----------
    results : Results
        The finished runs.

    Returns
    -------
    str
        Several lines.
    """
    lines = [HEADER, *(format_row(row) for row in summarise_runs(results))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    texts = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([texts[0], "  ".join("-" * width for width in widths), *texts[1:]])


def save_results(path: Path, results: Results) -> None:
    """Write every curve, the experiment and the bench to one HDF5 file.

    Parameters
    ----------
    path : Path
        Where to write; an existing file is refused.
    results : Results
        The finished runs.
    """
    arrays: dict[str, NDArray[Any]] = {}
    units: dict[str, str] = {}
    for run in results.runs:
        for name, (array, unit) in _curves(run).items():
            arrays[f"runs/{run.method}/seed_{run.seed}/{name}"] = array
            units[f"runs/{run.method}/seed_{run.seed}/{name}"] = unit
    description = {
        "experiment": results.experiment.to_table(),
        "bench": bench_to_table(results.bench),
        "complete": results.complete,
    }
    save_archive(path, arrays, description=description, units=units)


def _row(name: str, runs: Sequence[Run]) -> Row:
    """Return the row of one method."""
    accuracy = 100 * np.array([run.accuracy for run in runs])
    alignment = np.mean([run.history.alignment[-1] for run in runs], axis=0)
    feedback = np.mean([run.history.feedback_samples[[0, -1]] for run in runs], axis=0)
    checks = [run.check.fidelity for run in runs if run.check is not None]
    return Row(
        method=METHODS[name],
        seeds=len(runs),
        accuracy=float(accuracy.mean()),
        spread=float(accuracy.std(ddof=1)) if len(runs) > 1 else float("nan"),
        alignment=tuple(float(cosine) for cosine in alignment),
        aligned=float(np.mean([run.history.aligned_fraction[-1] for run in runs])),
        feedback=(float(feedback[0]), float(feedback[1])),
        frames=float(np.mean([run.frames for run in runs])),
        fidelity=float(np.mean(checks)) if checks else float("nan"),
        seconds=float(np.mean([run.seconds for run in runs])),
    )


def _curves(run: Run) -> dict[str, tuple[NDArray[Any], str]]:
    """Return what is stored of a run: arrays with their units."""
    history = run.history
    curves: dict[str, tuple[NDArray[Any], str]] = {
        "training_loss": (history.training_loss, "nat"),
        "validation_accuracy": (history.validation_accuracy, "1"),
        "test_accuracy": (history.test_accuracy, "1"),
        "alignment": (history.alignment, "1"),
        "aligned_fraction": (history.aligned_fraction, "1"),
        "feedback_samples": (history.feedback_samples, "sample"),
        "epoch_seconds": (history.seconds, "s"),
        "seconds": (np.array(run.seconds), "s"),
        "frames": (np.array(run.frames), "frame"),
        "bench_seconds": (np.array(run.bench_seconds), "s"),
        "lost": (np.array(run.lost), "vector"),
    }
    if run.check is not None:
        curves |= {
            "projection/cosine": (run.check.cosines, "1"),
            "projection/retrieved": (run.check.retrieved, "rms entry of B"),
            "projection/true": (run.check.true, "rms entry of B"),
            "projection/standard_error": (run.check.standard_error, "rms entry of B"),
            "projection/pulls": (np.array(run.check.pulls), "1"),
            "projection/turned": (np.array(run.check.turned), "1"),
            "projection/frame": (run.check.frame, "DN"),
        }
    return curves
