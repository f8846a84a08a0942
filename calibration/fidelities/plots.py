"""Pictures of fidelities: what was measured, and what each cause costs."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calibration.fidelities.figures_of_merit import Interval
from calibration.fidelities.measured import FidelityReport
from calibration.fidelities.split import Contribution, FidelitySplit
from optics.cause import GROUPS
from optics.plots import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, canvas, draw_curve

GROUP_COLOURS = dict(zip(GROUPS, (BLUE, SKY, ORANGE, GREEN, PURPLE, VERMILLION, BLACK), strict=True))
"""Colour of the causes of each group, which is written beside its bar."""

SMALLEST = 1e-4
"""Part of the largest bar below which a logarithmic axis ends."""


def draw_measured_fidelity(report: FidelityReport) -> Figure:
    """Return the picture of a measured fidelity.

    Parameters
    ----------
    report : FidelityReport
        What was measured.

    Returns
    -------
    Figure
        Cosines of the vectors, and the correlation in its intervals.
    """
    with canvas(9.0, 3.6) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        label = "with the truth" if report.against_truth else "root of that with its repeat"
        draw_curve(left, np.arange(1, report.vectors + 1), report.by_vector, kind="points")
        whole = report.against_truth or report.from_repeats
        _band(left, whole.correlation)
        left.set(
            xlabel="held-out vector", ylabel=f"cosine {label}", title="each vector; line and band: mean, 95 % interval"
        )
        _draw_intervals(right, report)
        figure.suptitle(f"{report.outputs} outputs, {report.vectors} vectors of {report.components} components")
        return figure


def draw_fidelity_split(split: FidelitySplit) -> Figure:
    """Return the picture of what each cause costs.

    Parameters
    ----------
    split : FidelitySplit
        Errors with causes taken away.

    Returns
    -------
    Figure
        A waterfall of the groups from the whole error down, and bars of the single causes on a logarithmic axis.
    """
    with canvas(11.0, 0.28 * len(split.causes) + 2.4) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1))
        _draw_waterfall(left, split)
        _draw_causes(right, split)
        figure.suptitle(
            f"{split.bench}: error {1e3 * split.whole.value:.3g} ‰ of the signal, cos "
            f"{math.sqrt(max(1 - split.whole.value, 0)):.4f}, against the {split.reference} projection"
        )
        return figure


def _band(axis: Axes, interval: Interval) -> None:
    """Draw a value and its interval across."""
    axis.axhline(interval.value, color=ORANGE)
    axis.axhspan(interval.low, interval.high, color=ORANGE, alpha=0.25, lw=0)


def _draw_intervals(axis: Axes, report: FidelityReport) -> None:
    """Draw the correlations of a report, each with its interval."""
    rows = [("from repeats\n(upper bound)", report.from_repeats)]
    if report.of_valid:
        rows.append(("valid outputs", report.of_valid))
    if report.against_truth:
        rows.append(("all outputs", report.against_truth))
    for place, (_, figures) in enumerate(rows):
        one = figures.correlation
        axis.errorbar(
            [one.value], [place], xerr=[[one.value - one.low], [one.high - one.value]], fmt="o", color=BLUE, capsize=3
        )
        axis.annotate(
            f"{figures.signal_to_noise_db.value:.1f} dB, {figures.effective_bits.value:.2f} effective bits",
            (one.value, place), (0, 9), textcoords="offset points", ha="center", color=GREY,
        )  # fmt: skip
    axis.set_yticks(range(len(rows)), [label for label, _ in rows])
    title = f"95 % intervals; {100 * report.flagged:.2g} % of the values flagged"
    axis.set(xlabel="correlation", ylim=(-0.6, len(rows) - 0.3), title=title)
    axis.margins(x=0.35)


def _draw_waterfall(axis: Axes, split: FidelitySplit) -> None:
    """Draw what is left of the error as one group after the other is taken away; steps add up to the whole."""
    before = 1e3 * split.whole.value
    axis.barh(0, before, color=GREY)
    for place, (row, left) in enumerate(zip(split.groups, split.left, strict=True), start=1):
        after = 1e3 * left.value
        axis.barh(place, before - after, left=after, color=GROUP_COLOURS[row.group])
        axis.annotate(f"  {before - after:.2g}", (max(before, after), place), ha="left", va="center", color=GREY)
        before = after
    names = ["whole bench", *(row.name for row in split.groups)]
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.15e3 * max(split.whole.value, *(left.value for left in split.left)))
    axis.set(xlabel="error 1 − cos² / ‰ of the signal", title="Taken away one after the other")


def _draw_causes(axis: Axes, split: FidelitySplit) -> None:
    """Draw single causes: bars for what they contribute, marks for what they cost alone."""
    largest = max([1e3 * split.whole.value, *(1e3 * row.alone.high for row in split.causes)])
    floor = SMALLEST * largest
    for place, row in enumerate(split.causes):
        _draw_cause(axis, row, place, floor)
    axis.set_yticks(range(len(split.causes)), [row.name.replace("_", " ") for row in split.causes])
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.set_xlim(floor, 2 * largest)
    axis.plot([], [], "D", ms=4, color=BLACK, mfc="white", label="alone on an ideal bench")
    axis.plot([], [], "s", color=GREY, label="contribution to this bench")
    axis.legend(loc="lower right")
    axis.set(xlabel="error 1 − cos² / ‰ of the signal", title="Single causes (no bar: zero or negative)")


def _draw_cause(axis: Axes, row: Contribution, place: int, floor: float) -> None:
    """Draw a bar and a mark; what lies below the end of the axis is not drawn."""
    one = row.contribution
    if 1e3 * one.high > floor:
        low, value = (max(1e3 * number, floor) for number in (one.low, one.value))
        axis.barh(place, value - floor, left=floor, color=GROUP_COLOURS[row.group], alpha=0.85)
        axis.plot([low, 1e3 * one.high], [place, place], "-", color=BLACK, lw=1)
    if 1e3 * row.alone.value > floor:
        axis.plot([1e3 * row.alone.value], [place], "D", ms=4, color=BLACK, mfc="white")
