"""Figures of a system: how each method learns, and how far its gradients point along the true ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dfa.history import History
from dfa.method_curves import STYLES, draw_method
from dfa.systems.results import SystemResults
from dfa.systems.system import Plate
from optics.plots import canvas, draw_curve, draw_level

Curve = Callable[[History], NDArray[np.float64]]


def draw_system(results: SystemResults) -> dict[str, Plate]:
    """Return the figures that every system has, then those of its exhibits.

    Parameters
    ----------
    results : SystemResults
        Finished runs, at least one.

    Returns
    -------
    dict of str to Plate
        Figures by file name, without ending.
    """
    seeds = len(results.settings.seeds)
    over = (
        "one seed"
        if seeds == 1
        else f"mean over the seeds, with a band of one standard error ({seeds} seeds asked for)"
    )
    label = results.system.criterion.name
    plates = {"learning": Plate(figure=_learning(results), caption=(
        f"How each method learns, {over}. Left: the loss of the samples as they were trained on. Right: {label} on "
        "samples that are not trained on, by which the best epoch of a run is chosen."
    ))}  # fmt: skip
    if any(run.history.alignment.size for run in results.runs):
        plates["alignment"] = Plate(figure=_alignment(results), caption=(
            "Where each block of the network is pushed against where the true gradient would push it, the cosine of "
            f"the two: 1 is the same direction, 0 is unrelated; {over}. Left: mean over the blocks after each epoch. "
            "Right: block by block after the last one, from the input to the output. Random feedback works because the "
            "network learns to make this cosine positive."
        ))  # fmt: skip
    exhibits = {name: results.of(name)[0].exhibit for name in results.methods}
    return plates | results.system.draw(exhibits)


def _learning(results: SystemResults) -> Figure:
    """Return training loss and the criterion on the validation set against epochs."""
    criterion = results.system.criterion
    with canvas(9.6, 3.9) as figure:
        left, right = figure.subplots(1, 2)
        for name in results.methods:
            _band(left, results, name, lambda history: history.training_loss)
            _band(right, results, name, criterion.validation)
        left.set(xlabel="epoch", ylabel="training loss")
        right.set(xlabel="epoch", ylabel=f"validation {criterion.label}")
        if criterion.curve == "loss":
            _logarithmic(right)
        _logarithmic(left)
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _logarithmic(axes: Axes) -> None:
    """Take a logarithmic axis where losses are far apart, which a linear one would crush."""
    values = np.concatenate([np.asarray(line.get_ydata(), np.float64) for line in axes.lines])
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0 and values.max() > 10 * values.min():
        axes.set_yscale("log")


def _alignment(results: SystemResults) -> Figure:
    """Return the alignment against epochs, and block by block at the end."""
    with canvas(9.6, 3.9) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        for name in results.methods:
            last = [run.history.alignment[-1] for run in results.of(name)]
            if name == "bp" or not np.size(last) or np.isnan(last).all():
                continue  # one by definition, or nothing sent
            _band(left, results, name, lambda history: history.alignment.mean(axis=1))
            error = np.std(last, axis=0, ddof=1) / np.sqrt(len(last)) if len(last) > 1 else None
            blocks = np.arange(1, np.shape(last)[1] + 1)
            style = STYLES[name]
            draw_curve(right, blocks, np.mean(last, axis=0), bars=error, kind="both", colour=style.colour,
                line_style=style.line)  # fmt: skip
            right.set_xticks(blocks)
        for axes, text in ((left, "epoch"), (right, "block")):
            draw_level(axes, 0)
            axes.set(xlabel=text, ylabel="cosine with the true gradient")
        handles = left.get_legend_handles_labels()
        if handles[0]:
            figure.legend(*handles, loc="outside lower center", ncols=3)
    return figure


def _band(axes: Axes, results: SystemResults, name: str, curve: Curve) -> None:
    """Draw the mean of a curve over the seeds of a method and the band of its standard error."""
    curves = np.stack([curve(run.history) for run in results.of(name)])  # (seed, epoch)
    draw_method(axes, name, curves)
