"""The plots of EMVA 1288: photon transfer, signal to noise, linearity, histograms of the fixed pattern."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from calibration.cameras.noise_model import signal_to_noise
from calibration.cameras.nonuniformity import Nonuniformity
from calibration.cameras.photon_transfer import PhotonTransfer
from calibration.cameras.report import CameraReport, format_measured

# Okabe and Ito's palette: colour-blind readers can tell these apart.
BLUE, ORANGE, RED, GREY = "#0072B2", "#E69F00", "#D55E00", "#777777"
LOOK: Any = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.0,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
}
BINS = 256
"""Largest number of bins of a histogram, as the standard has it."""


def draw_camera(report: CameraReport) -> dict[str, Figure]:
    """Return the plots of a characterisation.

    Parameters
    ----------
    report : CameraReport
        The characterisation.

    Returns
    -------
    dict of str to Figure
        Figures by file name, without ending. Linearity needs a known exposure, histograms need stacks.
    """
    figures = {"photon_transfer": _photon_transfer(report), "signal_to_noise": _signal_to_noise(report)}
    if report.transfer.linearity:
        figures["linearity"] = _linearity(report.transfer)
    if report.pattern:
        figures["histograms"] = _histograms(report.pattern)
    return figures


@contextmanager
def _canvas(width: float, height: float) -> Iterator[Figure]:
    """Give an empty figure in the common look."""
    with rc_context(LOOK):
        yield Figure(figsize=(width, height), layout="constrained")


def _photon_transfer(report: CameraReport) -> Figure:
    """Draw temporal variance against signal with the line of the gain."""
    transfer = report.transfer
    curve, top = transfer.curve, transfer.curve.saturation
    with _canvas(6.0, 4.2) as figure:
        axes = figure.add_subplot()
        for chosen, colour, label in ((curve.used, BLUE, "in the fit"), (~curve.used, GREY, "left out")):
            axes.errorbar(
                curve.signal[chosen], curve.variance[chosen], yerr=curve.variance_uncertainty[chosen], fmt="o",
                markersize=3.5, color=colour, label=label,
            )  # fmt: skip
        line = np.array([0.0, curve.signal[top]])
        axes.plot(line, transfer.gain.value * line, color=RED, zorder=0,
            label=f"K = {format_measured(transfer.gain)} DN/e")  # fmt: skip
        if report.exact:
            axes.plot(line, report.exact.gain.value * line, color=ORANGE, linestyle="--", zorder=0,
                label=f"exact converter: {format_measured(report.exact.gain)} DN/e")  # fmt: skip
        if curve.saturates:
            axes.axvline(curve.signal[top], color=GREY, linestyle=":", linewidth=1)
            axes.annotate("saturation ", (curve.signal[top], 0), ha="right", va="bottom", color=GREY)
        axes.set(xlabel="signal above dark / DN", ylabel="temporal variance above dark / DN²", title="Photon transfer")
        axes.set_xlim(left=0)
        axes.legend(loc="upper left")
    return figure


def _signal_to_noise(report: CameraReport) -> Figure:
    """Draw the signal-to-noise ratio against light on logarithmic axes, with its model and limits."""
    transfer, curve = report.transfer, report.transfer.curve
    gain, dark = transfer.gain.value, transfer.dark.variance.value
    efficiency = transfer.quantum_efficiency.value if transfer.quantum_efficiency else 1.0
    unit = "photons per pixel" if transfer.quantum_efficiency else "electrons per pixel"
    good = (np.arange(len(curve.signal)) <= curve.saturation) & (curve.signal > 0)
    with _canvas(6.0, 4.2) as figure:
        axes = figure.add_subplot()
        noise = np.sqrt(np.maximum(curve.variance + dark, 1e-12))
        light = curve.signal / gain / efficiency if not curve.in_photons or curve.exposure is None else curve.exposure
        axes.loglog(light[good], (curve.signal / noise)[good], "o", markersize=3.5, color=BLUE, label="measured")
        charge = np.geomspace(transfer.threshold_charge.value / 2, transfer.saturation_charge.value, 200)
        model = signal_to_noise(charge, gain=gain, dark_variance=dark)
        axes.loglog(charge / efficiency, model, color=RED, label="linear model")
        axes.loglog(charge / efficiency, np.sqrt(charge), color=GREY, linestyle=":", label="shot noise alone")
        if report.pattern and report.pattern.prnu:
            dsnu, prnu = report.pattern.dsnu["total"].value, report.pattern.prnu["total"].value
            total = signal_to_noise(charge, gain=gain, dark_variance=dark, dsnu=dsnu, prnu=prnu)
            axes.loglog(charge / efficiency, total, color=ORANGE, linestyle="--", label="a single image")
        axes.axhline(1, color=GREY, linewidth=0.8)
        for limit, name in ((transfer.threshold_charge, "threshold"), (transfer.saturation_charge, "saturation")):
            axes.axvline(limit.value / efficiency, color=GREY, linewidth=0.8)
            axes.annotate(f" {name}", (limit.value / efficiency, 1), rotation=90, va="bottom", ha="right", color=GREY)
        axes.set(xlabel=unit, ylabel="signal-to-noise ratio", title="Signal-to-noise ratio")
        axes.legend(loc="upper left", frameon=True, framealpha=0.9, edgecolor="none")
    return figure


def _linearity(transfer: PhotonTransfer) -> Figure:
    """Draw signal against exposure and, below, the relative deviation from the line."""
    curve, line = transfer.curve, transfer.linearity
    if line is None or curve.exposure is None:
        raise ValueError("linearity cannot be drawn without photons or growing exposure times")
    scale, label = (1.0, "photons per pixel") if curve.in_photons else (1e3, "exposure time / ms")
    with _canvas(6.0, 5.0) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        upper.plot(scale * curve.exposure, curve.signal, "o", markersize=3.5, color=BLUE, label="measured")
        ends = np.array([0.0, curve.exposure[curve.saturation]])
        upper.plot(scale * ends, line.intercept + line.slope * ends, color=RED, zorder=0, label="line, 5 to 95 %")
        upper.set(ylabel="signal above dark / DN", title=f"Linearity: mean error {100 * line.error.value:.2g} %")
        upper.legend(loc="lower right")
        used = line.used
        lower.errorbar(
            scale * curve.exposure[used], 100 * line.deviation[used],
            yerr=100 * curve.signal_uncertainty[used] / curve.signal[used], fmt="o", markersize=3.5, color=BLUE,
        )  # fmt: skip
        lower.axhline(0, color=RED)
        lower.set(xlabel=label, ylabel="deviation / %")
    return figure


def _histograms(pattern: Nonuniformity) -> Figure:
    """Draw logarithmic histograms of the averaged stacks about their means; that of the response needs light."""
    response = pattern.bright is not None and pattern.bright_image is not None
    with _canvas(9.0 if response else 4.8, 3.8) as figure:
        left, *right = figure.subplots(1, 2 if response else 1, squeeze=False)[0]
        dark = pattern.dark_image - pattern.dark.mean
        _histogram(left, dark, left=pattern.dark.temporal / pattern.dark.frames, step=1 / pattern.dark.frames)
        left.set(xlabel="deviation of a dark pixel / DN", ylabel="pixels", title="Dark signal (DSNU)")
        for axes in right:
            _response_histogram(axes, pattern)
    return figure


def _response_histogram(axes: Axes, pattern: Nonuniformity) -> None:
    """Draw the histogram of the response."""
    if pattern.bright is None or pattern.bright_image is None:
        raise ValueError("the response cannot be drawn without a bright stack")
    signal = pattern.bright.mean - pattern.dark.mean
    response = pattern.bright_image - pattern.dark_image
    noise = pattern.bright.temporal / pattern.bright.frames + pattern.dark.temporal / pattern.dark.frames
    step = 100 / signal / math.lcm(pattern.dark.frames, pattern.bright.frames)
    _histogram(axes, 100 * (response / signal - 1), left=noise * (100 / signal) ** 2, step=step)
    axes.set(xlabel="deviation of the response / %", title="Response (PRNU)")


def _histogram(axes: Axes, values: NDArray[np.float64], *, left: float, step: float) -> None:
    """Draw one histogram, the normal curve of the same rms, and that of the temporal noise still in the average.

    Averages of counts are multiples of a step: bins hold as many multiples each, or the histogram would beat.
    """
    low, span = float(values.min()), float(np.ptp(values))
    width = step * max(1, math.ceil(span / (min(BINS, 16 + values.size // 50) * step)))
    edges = low - step / 2 + width * np.arange(math.ceil(span / width) + 2)
    counts, edges = np.histogram(values, bins=edges)
    axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.5, label="pixels")
    x = np.linspace(edges[0], edges[-1], 400)
    area = values.size * (edges[1] - edges[0])
    for rms, colour, style, label in (
        (float(values.std()), RED, "-", "normal, same rms"),
        (float(np.sqrt(left)), GREY, ":", "temporal noise in it"),
    ):
        if rms > 0:
            axes.plot(x, area / (rms * np.sqrt(2 * np.pi)) * np.exp(-((x / rms) ** 2) / 2), color=colour,
                linestyle=style, label=label)  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylim(0.5, 8 * max(counts.max(), 1))
    axes.legend(loc="upper right")
