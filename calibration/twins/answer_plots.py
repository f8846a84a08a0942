"""Pictures of the answer: the twin beside its bench, its weights, what limits it, what is learned."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from calibration.budgets.waterfall import draw_waterfall
from calibration.fidelities.plots import draw_measured_fidelity
from calibration.identification.observations import Observations
from calibration.twins.answer import TwinAnswer
from calibration.twins.frame_statistics import Curve, decorrelation_curve, photon_transfer_curve
from calibration.twins.limits import Limits
from calibration.twins.training import METHODS, Training
from optics.bench import BenchDescription
from optics.plots import BLUE, VERMILLION, canvas, draw_curve, draw_histogram, draw_surface

MOST_MIRRORS = 400
"""Mirrors along an axis that a map shows; of larger arrays every second, third, ... one is drawn."""

LEAST_FALL = 0.01
"""Fall of a correlation that is shown as drift; where there is less, the axis shows the scatter about one."""

CAPTIONS: Mapping[str, str] = {
    "transfer": "Temporal variance of pixels against their signal; a point is the pixels of one brightness in one "
    "pair of frames. The noise of the dark is the floor at the left, the slope is the camera's gain, and it bends "
    "down where pixels saturate. Crosses: the same exposures of the twin in simulation. Where they lie on the "
    "points, the twin has the camera's noise.",
    "decorrelation": "How alike frames of one pattern are that were taken some time apart, noise taken out: 1 is the "
    "speckle of frames that follow each other. A fall is drift of the medium; vibration faster than the frames does "
    "not show here.",
    "weights": "Amplitude that each macropixel sends, on the mirrors and counted; the darkest are dead. The spread of "
    "the beam and the speckle of the camera's few pixels are both in it.",
    "limits": "What each cause adds to the predicted error of a projection, in per cent of the whole (right bar), "
    "each found by taking it away; they do not add up exactly, and the interaction is the difference. Left: against "
    "the matrix that the bench has, which is what counts for learning. Right: against the one that even light would "
    "give.",
    "fidelity_twin": "Projections of the twin in simulation against the matrix that it has. Left: every vector; the "
    "line and the band are all of them together and the 95 % interval. Right: the same for all outputs, for those "
    "that were not flagged as saturated or dark, and as repeats alone would tell it.",
    "fidelity_bench": "The same of the bench itself. Nobody knows the matrix of a real one: there only repeats tell, "
    "which hide what stays the same from one to the next.",
    "accuracy": "Test accuracy of the digits network; bars are the scatter from seed to seed (one standard "
    "deviation). Where the orange one lies within those of the ideal bench, this bench does not limit the learning.",
}
"""What the pictures show, in the order of the report."""


def draw_answer(answer: TwinAnswer, *, twin_frames: Observations | None = None) -> dict[str, Figure]:
    """Return the pictures of an answer.

    Parameters
    ----------
    answer : TwinAnswer
        What was found.
    twin_frames : Observations or None, optional
        The same exposures as those of the identification, taken of the simulated twin.

    Returns
    -------
    dict of str to Figure
        Figures by file name, without ending, in the order of `CAPTIONS`; what was not found out is not drawn.
    """
    figures = {}
    seen = answer.twin.observations
    if seen is not None:
        figures["transfer"] = draw_transfer(seen, twin_frames)
        figures["decorrelation"] = draw_decorrelation(seen, twin_frames)
    if answer.twin.description.macropixel_amplitudes:
        figures["weights"] = draw_weights(answer.twin.description)
    if answer.limits:
        figures["limits"] = draw_limits(answer.limits)
    for name, report in (("fidelity_twin", answer.on_twin), ("fidelity_bench", answer.on_bench)):
        if report:
            figures[name] = draw_measured_fidelity(report)
    if answer.training:
        figures["accuracy"] = draw_accuracy(answer.training)
    return {name: figures[name] for name in CAPTIONS if name in figures}


def draw_transfer(bench: Observations, twin: Observations | None) -> Figure:
    """Return the photon-transfer curves of a bench and its twin.

    Parameters
    ----------
    bench : Observations
        Frames of the bench.
    twin : Observations or None
        Frames of the twin.

    Returns
    -------
    Figure
        Variance against signal on logarithmic axes.
    """
    with canvas(6.0, 4.2) as figure:
        axes = figure.add_subplot()
        _draw_curves(axes, photon_transfer_curve(bench), photon_transfer_curve(twin) if twin else None)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(left=max(axes.get_xlim()[0], 0.1))
        axes.set(xlabel="signal above dark / DN", ylabel="temporal variance / DN²", title="Photon transfer")
    return figure


def draw_decorrelation(bench: Observations, twin: Observations | None) -> Figure:
    """Return the decorrelation of a bench and its twin.

    Parameters
    ----------
    bench : Observations
        Frames of the bench.
    twin : Observations or None
        Frames of the twin.

    Returns
    -------
    Figure
        Correlation of frames against the time between them.
    """
    with canvas(6.0, 4.2) as figure:
        axes = figure.add_subplot()
        curve, of_twin = decorrelation_curve(bench), decorrelation_curve(twin) if twin else None
        _draw_curves(axes, curve, of_twin)
        axes.set_xscale("log")
        values = np.concatenate([curve.y, of_twin.y if of_twin else curve.y])
        drifts = float(values.min()) < 1 - LEAST_FALL
        off = 1.5 * float(np.abs(values - 1).max()) or LEAST_FALL
        axes.set_ylim(*((float(values.min()) - 0.02, 1.02) if drifts else (1 - off, 1 + off)))
        axes.ticklabel_format(axis="y", useOffset=False)
        title = "Drift" if drifts else f"No drift: within {np.abs(values - 1).max():.2g} of 1"
        axes.set(xlabel="time between frames / s", ylabel="correlation of the speckle", title=title)
    return figure


def draw_weights(description: BenchDescription) -> Figure:
    """Return the map of the amplitudes of the macropixels.

    Parameters
    ----------
    description : BenchDescription
        A bench with amplitudes.

    Returns
    -------
    Figure
        The map on the mirrors, and a histogram.
    """
    weights = np.array(description.macropixel_amplitudes)
    with canvas(8.5, 3.6) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        shown = _on_mirrors(description, weights)
        middles = [(np.arange(n) + 0.5) * whole / n for n, whole in zip(
            shown.shape, (description.dmd.rows, description.dmd.columns), strict=True)]  # fmt: skip
        draw_surface(left, shown, x=middles[1], y=middles[0], x_label="column / mirror", y_label="row / mirror",
            quantity="relative amplitude", limits=(0.0, float(weights.max())))  # fmt: skip
        left.set(title="Macropixels", aspect="equal")
        left.invert_yaxis()
        draw_histogram(right, weights, quantity="relative amplitude", share="number",
            bins=max(10, round(weights.size**0.5)))  # fmt: skip
        dead = int(np.count_nonzero(weights == 0))
        right.set(ylabel="number of macropixels", title=f"{dead} of {weights.size} are dead")
    return figure


def draw_limits(limits: Limits) -> Figure:
    """Return both budgets as waterfalls.

    Parameters
    ----------
    limits : Limits
        The budgets.

    Returns
    -------
    Figure
        A waterfall each.
    """
    with canvas(11.0, 4.4) as figure:
        left, right = figure.subplots(1, 2)
        named = ((left, limits.own, "Against its own matrix"), (right, limits.even, "Against that of even light"))
        for axes, budget, title in named:
            draw_waterfall(budget, axes)
            axes.set_title(f"{title}: error {budget.error:.3g}, cosine {budget.cosine:.4f}")
    return figure


def draw_accuracy(training: Training) -> Figure:
    """Return the accuracies of the methods.

    Parameters
    ----------
    training : Training
        Accuracies.

    Returns
    -------
    Figure
        A point and its scatter a method.
    """
    with canvas(7.0, 2.6) as figure:
        axes = figure.add_subplot()
        for place, (method, one) in enumerate(training.accuracy.items()):
            spread = 0.0 if np.isnan(one.uncertainty) else one.uncertainty
            colour = VERMILLION if method == "optical" else BLUE
            axes.errorbar([100 * one.value], [place], xerr=[100 * spread], fmt="o", color=colour, capsize=3)
        axes.set_yticks(range(len(training.accuracy)), [METHODS[method] for method in training.accuracy])
        axes.invert_yaxis()
        plural = "" if training.seeds == 1 else "s"
        axes.set(xlabel="test accuracy / %", title=f"Digits, {training.seeds} seed{plural}")
    return figure


def _draw_curves(axes: Axes, bench: Curve, twin: Curve | None) -> None:
    """Draw the points of the bench, and those of its twin beside."""
    draw_curve(axes, bench.x, bench.y, kind="points", label="bench")
    if twin is not None:
        crosses = draw_curve(axes, twin.x, twin.y, kind="points", colour=VERMILLION, label="twin")
        crosses.set(marker="x", markersize=4.5)
    axes.legend(loc="best")


def _on_mirrors(description: BenchDescription, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weight of each mirror, NaN where none belongs to a macropixel, large arrays thinned."""
    owner = description.layout.mirror_inputs(description.dmd)
    step = max(1, -(-max(owner.shape) // MOST_MIRRORS))
    owner = owner[::step, ::step]
    return np.where(owner < 0, np.nan, weights[np.maximum(owner, 0)])
