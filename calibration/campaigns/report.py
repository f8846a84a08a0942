"""What a campaign found, for people: a text and a figure."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from calibration.campaigns.plan import CampaignPlan
from calibration.campaigns.prediction import Prediction
from calibration.campaigns.results import CampaignResults
from calibration.campaigns.settings import CampaignSettings
from calibration.matrices.row_ambiguity import align_rows, matrix_correlation
from calibration.matrices.spectrum import marchenko_pastur_density, marchenko_pastur_edges
from optics.matrix_file import MatrixFile
from optics.plots import GREY, VERMILLION, canvas, draw_curve, draw_histogram, draw_law, draw_level
from optics.simulated_bench import SimulatedBench

LAW = "Marchenko and Pastur"
WINDOWS, WINDOW = 64, 32
"""Parts of the frame that spectrum and summary are taken from, and the rows of each, at most."""

SHOWN_INPUTS = 1024
"""Inputs whose singular values are drawn, at most."""

MISSED = 0.2
"""Part of the expected shortfall of a prediction by which it may miss it."""


@dataclass(frozen=True, kw_only=True)
class TruthComparison:
    """A measured matrix against the true one, which only a simulation knows.

    Parameters
    ----------
    correlation : float
        Correlation, blind to what the method leaves open.
    error_over_quoted : float
        Rms of the errors over their standard errors, the shared factors of rows included, and what a fitted phase of
        each row takes put back.
    """

    correlation: float
    error_over_quoted: float


def compare_with_truth(
    bench: SimulatedBench, file: MatrixFile, results: CampaignResults, *, budget: int
) -> TruthComparison | None:
    """Compare a measured matrix with the truth of a simulated bench.

    Parameters
    ----------
    bench : SimulatedBench
        The bench.
    file : MatrixFile
        The measured matrix.
    results : CampaignResults
        What is known beside it.
    budget : int
        Memory for the true matrix, in bytes.

    Returns
    -------
    TruthComparison or None
        None where the true matrix does not fit, the medium has modes or samples that a matrix of pixels has not, or
        no row is good.
    """
    outputs, inputs = file.shape
    if 64 * outputs * inputs > budget or not results.valid.any():
        return None
    true = bench.truth.matrix()
    if len(true) != outputs:
        return None
    good = results.valid
    truth = np.asarray(true, np.complex128)[good]
    matrix = file.read()[good]
    aligned = align_rows(matrix, truth, ambiguity=results.ambiguity)
    errors = np.asarray(file.standard_error(), np.float64).reshape(outputs, -1)[good]
    quoted = errors**2 + np.abs(truth) ** 2 * results.gain_error[good, np.newaxis] ** 2
    pulls = np.abs(aligned.matrix - truth) ** 2 / np.maximum(quoted, np.finfo(float).tiny)
    fitted = 1 - 1 / (2 * inputs)  # part of the error that is left once the phase of the row is fitted
    return TruthComparison(
        correlation=matrix_correlation(matrix, truth, ambiguity=results.ambiguity),
        error_over_quoted=float(np.sqrt(np.mean(pulls) / fitted)),
    )


def good_rows(file: MatrixFile, valid: NDArray[np.bool_]) -> tuple[NDArray[np.complex64], NDArray[np.float64]]:
    """Return good rows from all over the frame, and their standard errors.

    Parameters
    ----------
    file : MatrixFile
        The matrix.
    valid : ndarray of bool, shape (output,)
        Which rows are good.

    Returns
    -------
    matrix : ndarray of complex64, shape (row, input)
        Some thousand rows at most.
    standard_error : ndarray, shape (row, ...)
        Their standard errors, one a row or an entry.
    """
    rows, errors = [], []
    for start in np.unique(np.linspace(0, max(len(valid) - WINDOW, 0), WINDOWS).astype(np.int64)):
        part = slice(int(start), int(min(start + WINDOW, len(valid))))
        good = valid[part]
        rows.append(file.read(rows=part)[good])
        errors.append(np.asarray(file.standard_error(rows=part), np.float64)[good])
    return np.concatenate(rows), np.concatenate(errors)


def format_campaign(
    results: CampaignResults,
    file: MatrixFile,
    plan: CampaignPlan,
    settings: CampaignSettings,
    *,
    truth: TruthComparison | None,
) -> str:
    """Return the summary of a campaign.

    Parameters
    ----------
    results : CampaignResults
        What is known beside the matrix.
    file : MatrixFile
        The matrix.
    plan : CampaignPlan
        The frames.
    settings : CampaignSettings
        What was chosen.
    truth : TruthComparison or None
        Comparison with the truth, where there is one.

    Returns
    -------
    str
        Lines of names and values.
    """
    outputs, inputs = file.shape
    entries, errors = good_rows(file, results.valid)
    signal = np.mean(np.abs(entries) ** 2, dtype=np.float64) if entries.size else math.nan
    noise = float(np.mean(errors**2) / signal) if entries.size else math.nan
    track, prediction = results.track, results.prediction
    phases = f", {len(plan.phases)} phases" if plan.phases else ""
    lines = [
        ("matrix", f"{outputs} outputs x {inputs} inputs, {100 * results.valid.mean():.4g} % of the rows good"),
        ("method", f"{settings.method}, {plan.series.frames} patterns{phases}"),
        (
            "frames",
            f"{plan.frames} of {1e6 * results.exposure_time:.4g} us, {_span(track.time)} between first and last look",
        ),
        ("rows known up to", results.ambiguity),
        ("noise over signal", f"{100 * np.sqrt(noise):.3g} % rms of an entry, as quoted"),
        ("row factors", f"{100 * float(np.median(results.gain_error[results.valid])):.2g} % median standard error"),
        (
            "held-out patterns",
            f"{len(prediction.correlation)}: light predicted with correlation {prediction.mean:.5f} +- "
            f"{prediction.standard_error:.5f} (frame noise taken off; {prediction.correlation.mean():.5f} with it)",
        ),
        ("", _verdict(prediction, noise, settings)),
        ("drift of the phase", _drift(track, results)),
        (
            "speckle of the drift",
            f"correlation {track.correlation.min():.4f} at worst, {track.correlation[-1]:.4f} at the end; light "
            f"{track.power.min():.4f} to {track.power.max():.4f} of the first",
        ),
        (
            "saturated readings",
            f"{100 * results.saturated:.2g} % of held-out frames and of a look at the reference pattern",
        ),
    ]
    if settings.find_steps and len(plan.phases) > 2:
        off = np.abs(np.angle(np.exp(1j * (track.steps - np.array(plan.phases))))).max()
        lines.append(("phases of the reference", f"found from the frames: up to {off:.3g} rad from the commanded ones"))
    if settings.basis == "s_matrix" and settings.method in ("phase_stepping", "off_axis"):
        lines.append(("static field", "not solved by this basis: what there is of it is in the entries"))
    if truth is None:
        lines.append(
            ("against the truth", "not compared: several modes or samples a pixel, or too large for the memory")
        )
    else:
        lines.append(
            (
                "against the truth",
                f"correlation {truth.correlation:.5f}, error over quoted error {truth.error_over_quoted:.3f} "
                "(only a simulation knows it)",
            )
        )
    return "\n".join(f"{name:<24}{value}" for name, value in lines)


def _verdict(prediction: Prediction, noise: float, settings: CampaignSettings) -> str:
    """Return what the quoted errors let expect of a prediction, and whether it is met."""
    expected = 1 / (1 + noise)
    light = f"measured over predicted light {float(np.nanmean(prediction.gain)):.4f}"
    slack = max(4 * prediction.standard_error, MISSED * (1 - expected))
    if settings.basis == "canonical" or not prediction.mean < expected - slack:
        return f"quoted errors let expect {expected:.5f}; {light}"
    return (
        f"LESS than the {expected:.5f} that quoted errors let expect; {light}: something is not in the error bars "
        "(drift, flicker, wrong phases, several modes or crosstalk of a pixel)"
    )


def _span(time: NDArray[np.float64]) -> str:
    """Return the duration of a series."""
    return f"{time[-1] - time[0]:.3g} s"


def _drift(track: Any, results: CampaignResults) -> str:
    """Return what became of the phase, or that it is not seen."""
    if not track.phase.any():
        return "not seen by this method: intensities only; the power was taken off"
    worst = float(np.abs(track.phase).max())
    return f"{worst:.3g} rad at most (+- {float(track.phase_error.max()):.2g}), taken off"


def write_figure(path: Path, results: CampaignResults, file: MatrixFile, plan: CampaignPlan) -> None:
    """Draw what a campaign found.

    Parameters
    ----------
    path : Path
        Picture to write.
    results : CampaignResults
        What is known beside the matrix.
    file : MatrixFile
        The matrix.
    plan : CampaignPlan
        The frames.
    """
    matrix, _ = good_rows(file, results.valid)
    with canvas(11.0, 7.0) as figure:
        axes = figure.subplots(2, 2)
        if len(matrix):
            _draw_moduli(axes[0, 0], matrix)
            _draw_spectrum(axes[0, 1], matrix[:, :SHOWN_INPUTS])
        else:
            axes[0, 0].set_title("No row is good")
        _draw_drift(axes[1, 0], results)
        _draw_prediction(axes[1, 1], results)
        figure.suptitle(f"Transmission matrix of {file.shape[0]} outputs and {file.shape[1]} inputs")
        figure.savefig(path, dpi=120)


def _draw_moduli(axis: Axes, matrix: NDArray[np.complex64]) -> None:
    """Draw the law of the moduli of the entries beside Rayleigh's."""
    modulus = np.abs(matrix).ravel()
    modulus = modulus / np.sqrt(np.mean(modulus**2, dtype=np.float64))
    draw_histogram(
        axis, modulus, quantity="modulus of an entry / rms of the matrix", bins=80, limits=(0.0, 4.0), label="measured",
        law=lambda r: 2 * r * np.exp(-(r**2)), law_label="Rayleigh: circular Gaussian entries",
    )  # fmt: skip
    axis.set_title("Entries")
    axis.legend()


def _draw_spectrum(axis: Axes, matrix: NDArray[np.complex64]) -> None:
    """Draw the singular values, rows brought to one length, beside the law of independent entries."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    rows = np.divide(matrix, lengths, out=np.zeros_like(matrix), where=lengths > 0)
    squares = np.linalg.svd(rows, compute_uv=False) ** 2
    values = np.sqrt(squares / squares.mean())
    bins = max(10, min(60, len(values) // 4))
    draw_histogram(axis, values, quantity="singular value / rms of all", bins=bins, label="measured")
    ratio = min(rows.shape) / max(rows.shape)
    low, high = marchenko_pastur_edges(ratio)
    grid = np.linspace(math.sqrt(low), math.sqrt(high), 400)
    draw_law(axis, grid, 2 * grid * marchenko_pastur_density(grid**2, aspect_ratio=ratio), label=LAW)
    axis.set_title("Singular values, rows of one length")
    axis.legend()


def _draw_drift(axis: Axes, results: CampaignResults) -> None:
    """Draw what the reference pattern showed."""
    track = results.track
    draw_curve(axis, track.time, track.correlation, kind="both", label="correlation with the first")
    draw_curve(axis, track.time, track.power, index=2, kind="both", label="light over that of the first")
    axis.set(xlabel="time / s", ylabel="part of the first look", title="Drift, by the repeated pattern")
    low = min(float(track.correlation.min()), float(track.power.min()), 0.99)
    axis.set_ylim(low - 0.1 * (1.02 - low), 1.02 + 0.1 * (1.02 - low))
    if track.phase.any():
        other = axis.twinx()
        draw_curve(other, track.time, track.phase, bars=track.phase_error, index=1, kind="both")
        draw_curve(axis, [], [], index=1, kind="both", label="phase (right)")
        other.set_ylabel("phase / rad", color=VERMILLION)
        other.spines["right"].set_visible(True)
    axis.legend(loc="lower left")


def _draw_prediction(axis: Axes, results: CampaignResults) -> None:
    """Draw how well held-out patterns are predicted."""
    prediction = results.prediction
    number = np.arange(1, len(prediction.correlation) + 1)
    draw_curve(axis, number, prediction.without_noise, kind="points", label="frame noise taken off")
    draw_curve(axis, number, prediction.correlation, index=1, kind="points", colour=GREY, label="as measured")
    draw_level(axis, prediction.mean)
    axis.set(xlabel="held-out pattern", ylabel="correlation of light", title="Predicted against measured light")
    axis.legend()
