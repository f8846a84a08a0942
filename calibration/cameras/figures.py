"""The plots of EMVA 1288: photon transfer, signal to noise, linearity, histograms of the fixed pattern."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from calibration.cameras.noise_model import signal_to_noise
from calibration.cameras.nonuniformity import Nonuniformity
from calibration.cameras.photon_transfer import PhotonTransfer
from calibration.cameras.report import CameraReport, format_measured
from optics.plots import BLUE, GREY, VERMILLION, canvas, draw_curve, draw_law, draw_level

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


def _photon_transfer(report: CameraReport) -> Figure:
    """Draw temporal variance against signal with the line of the gain."""
    transfer = report.transfer
    curve, top = transfer.curve, transfer.curve.saturation
    with canvas(6.0, 4.2) as figure:
        axes = figure.add_subplot()
        for index, (chosen, colour, label) in enumerate(
            ((curve.used, BLUE, "in the fit"), (~curve.used, GREY, "left out"))
        ):
            if chosen.any():
                draw_curve(
                    axes, curve.signal[chosen], curve.variance[chosen], bars=curve.variance_uncertainty[chosen],
                    index=index, kind="points", colour=colour, label=label,
                )  # fmt: skip
        line = np.array([0.0, curve.signal[top]])
        draw_curve(axes, line, transfer.gain.value * line, colour=VERMILLION,
            label=f"K = {format_measured(transfer.gain)} DN/e")  # fmt: skip
        if report.exact:
            exact = report.exact.gain
            draw_law(axes, line, exact.value * line, label=f"exact converter: {format_measured(exact)} DN/e")
        if curve.saturates:
            draw_level(axes, curve.signal[top], vertical=True)
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
    unit = "light / photons per pixel" if transfer.quantum_efficiency else "charge / electrons per pixel"
    good = (np.arange(len(curve.signal)) <= curve.saturation) & (curve.signal > 0)
    with canvas(6.0, 4.2) as figure:
        axes = figure.add_subplot()
        noise = np.sqrt(np.maximum(curve.variance + dark, 1e-12))
        light = curve.signal / gain / efficiency if not curve.in_photons or curve.exposure is None else curve.exposure
        draw_curve(axes, light[good], (curve.signal / noise)[good], kind="points", label="measured")
        charge = np.geomspace(transfer.threshold_charge.value / 2, transfer.saturation_charge.value, 200)
        model = signal_to_noise(charge, gain=gain, dark_variance=dark)
        draw_curve(axes, charge / efficiency, model, index=0, colour=VERMILLION, label="linear model")
        draw_law(axes, charge / efficiency, np.sqrt(charge), index=3, label="shot noise alone")
        if report.pattern and report.pattern.prnu:
            dsnu, prnu = report.pattern.dsnu["total"].value, report.pattern.prnu["total"].value
            total = signal_to_noise(charge, gain=gain, dark_variance=dark, dsnu=dsnu, prnu=prnu)
            draw_curve(axes, charge / efficiency, total, index=2, label="a single image")
        _draw_limits(axes, transfer, efficiency=efficiency)
        axes.set(xscale="log", yscale="log", xlabel=unit, ylabel="signal-to-noise ratio", title="Signal-to-noise ratio")
        axes.legend(loc="upper left", frameon=True, framealpha=0.9, edgecolor="none")
    return figure


def _draw_limits(axes: Axes, transfer: PhotonTransfer, *, efficiency: float) -> None:
    """Draw where the signal equals its noise, and where pixels are full."""
    draw_level(axes, 1)
    for limit, name in ((transfer.threshold_charge, "threshold"), (transfer.saturation_charge, "saturation")):
        draw_level(axes, limit.value / efficiency, vertical=True)
        side = "left" if limit is transfer.threshold_charge else "right"
        axes.text(
            limit.value / efficiency, 0.02, f" {name} ", rotation=90, va="bottom", ha=side, color=GREY,
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip


def _linearity(transfer: PhotonTransfer) -> Figure:
    """Draw signal against exposure and, below, the relative deviation from the line."""
    curve, line = transfer.curve, transfer.linearity
    if line is None or curve.exposure is None:
        raise ValueError("linearity cannot be drawn without photons or growing exposure times")
    scale, label = (1.0, "light / photons per pixel") if curve.in_photons else (1e3, "exposure time / ms")
    with canvas(6.0, 5.0) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        draw_curve(upper, scale * curve.exposure, curve.signal, kind="points", label="measured")
        ends = np.array([0.0, curve.exposure[curve.saturation]])
        fitted = line.intercept + line.slope * ends
        draw_curve(upper, scale * ends, fitted, colour=VERMILLION, label="line, 5 to 95 %")
        upper.set(ylabel="signal above dark / DN", title=f"Linearity: mean error {100 * line.error.value:.2g} %")
        upper.legend(loc="lower right")
        used = line.used
        spread = 100 * curve.signal_uncertainty[used] / curve.signal[used]
        draw_curve(lower, scale * curve.exposure[used], 100 * line.deviation[used], bars=spread, kind="points")
        draw_level(lower, 0)
        lower.set(xlabel=label, ylabel="deviation / %")
    return figure


def _histograms(pattern: Nonuniformity) -> Figure:
    """Draw logarithmic histograms of the averaged stacks about their means; that of the response needs light."""
    response = pattern.bright is not None and pattern.bright_image is not None
    with canvas(9.0 if response else 4.8, 3.8) as figure:
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
    axes.set(xlabel="deviation of the response / %", ylabel="pixels", title="Response (PRNU)")


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
    laws = (
        (float(values.std()), VERMILLION, 0, "normal, same rms"),
        (math.sqrt(left), GREY, 3, "temporal noise in it"),
    )
    for rms, colour, index, label in laws:
        if rms > 0:
            normal = area / (rms * math.sqrt(2 * math.pi)) * np.exp(-((x / rms) ** 2) / 2)
            draw_law(axes, x, normal, colour=colour, index=index, label=label)
    axes.set_yscale("log")
    axes.set_ylim(0.5, 8 * max(counts.max(), 1))
    axes.legend(loc="upper right")
