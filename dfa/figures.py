"""Figures of an experiment: how methods learn, where they are pushed, and what the light delivers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dfa.history import History
from dfa.method_curves import STYLES, draw_method
from dfa.projection_check import ProjectionCheck
from dfa.results import Results
from optics.plots import GREY, canvas, draw_curve, draw_frame, draw_level, draw_scatter

__all__ = ["STYLES", "draw_all"]


def draw_all(results: Results) -> dict[str, Figure]:
    """Return every figure that the results allow.

    Parameters
    ----------
    results : Results
        Finished runs, at least one.

    Returns
    -------
    dict of str to Figure
        Figures by file name, without ending: an overview first, then one figure a question.
    """
    panels: dict[str, Callable[[Axes], None]] = {"learning": lambda axes: _learning(axes, results)}
    panels["alignment"] = lambda axes: _alignment(axes, results)
    check = next((run.check for run in results.runs if run.check is not None), None)
    if check is not None:
        panels = {
            "camera_frame": lambda axes: _camera_frame(axes, check),
            "projection": lambda axes: _projection(axes, check),
            **panels,
        }
    figures = {"overview": _overview(list(panels.values()))}
    for name, panel in panels.items():
        with canvas(6.0, 4.0) as figure:
            panel(figure.add_subplot())
        figures[name] = figure
    return figures


def _overview(panels: list[Callable[[Axes], None]]) -> Figure:
    """Return all panels side by side, two a row."""
    rows = -(-len(panels) // 2)
    with canvas(10.5, 3.9 * rows) as figure:
        for index, panel in enumerate(panels):
            panel(figure.add_subplot(rows, 2, index + 1))
    return figure


def _learning(axes: Axes, results: Results) -> None:
    """Test accuracy against epochs: mean over seeds and its standard error."""
    lowest = 100.0
    for name in results.methods:
        curves = 100 * np.stack([run.history.test_accuracy for run in results.of(name)])
        draw_method(axes, name, curves, quantity="test accuracy", unit="%")
        # Leave out the first steep epochs of the slowest method: the differences are at the top.
        lowest = min(lowest, float(curves[:, curves.shape[1] // 6].mean()))
    axes.set_title(f"Learning: {_seeds(results)}")
    axes.set_ylim(bottom=np.floor(lowest) - 1)
    _legend_below(axes)


def _seeds(results: Results) -> str:
    """Return what curves and bands are."""
    return "one seed" if len(results.experiment.seeds) == 1 else "mean over seeds ± standard error"


def _alignment(axes: Axes, results: Results) -> None:
    """Cosine with the true gradient against epochs, a line for each hidden layer."""
    most = 0
    for name in results.methods:
        histories: list[History] = [run.history for run in results.of(name)]
        curves = np.stack([history.alignment for history in histories])  # (seed, epoch, layer)
        if name == "bp" or np.isnan(curves).any():
            continue  # one by definition, or without any signal
        most = max(most, curves.shape[2])
        for layer in range(curves.shape[2]):
            draw_method(axes, name, curves[:, :, layer], label="" if layer == 0 else None)
            end = np.array([curves.shape[1]]), curves[:, -1, layer].mean(keepdims=True)
            draw_curve(axes, *end, index=layer, kind="points", colour=STYLES[name].colour)
    for layer in range(most):
        draw_curve(axes, [], [], index=layer, kind="points", colour=GREY, label=f"layer {layer + 1}")
    draw_level(axes, 0)
    axes.set(ylabel="cosine with the true gradient", title="Alignment of hidden-layer gradients")
    _legend_below(axes)


def _legend_below(axes: Axes) -> None:
    """Put the legend, if there is any, where no curve is."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)


def _camera_frame(axes: Axes, check: ProjectionCheck) -> None:
    """Camera frame of the anchor and one half of a vector."""
    draw_frame(axes, check.frame)
    axes.set_title("One camera frame: anchor and vector")


def _projection(axes: Axes, check: ProjectionCheck) -> None:
    """Retrieved against true projection of one vector, with its error bars."""
    draw_scatter(
        axes, check.true, check.retrieved, bars=check.standard_error, quantity="projection", unit="rms entry of B",
        names=("true", "retrieved"),
    )  # fmt: skip
    axes.text(
        0.04, 0.96,
        f"cosine {check.fidelity:.4f} over {len(check.cosines)} vectors\n"
        f"rms of error / standard error {check.pulls:.2f}",
        transform=axes.transAxes, va="top",
    )  # fmt: skip
    axes.set_title("One projection by light: every output")
