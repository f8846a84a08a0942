"""Figures of a study: accuracy and alignment against what is swept, and against the fidelity that was measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dfa.experiment import METHODS
from dfa.method_curves import STYLES
from dfa.studies.intervals import Interval, confidence_interval
from dfa.studies.outcome import StudyResults
from dfa.studies.plan import BASE, Point
from dfa.studies.store import Record
from dfa.studies.sweep import Sweep
from optics.plots import VERMILLION, canvas, draw_curve, shades

MOST_LINES = 20
"""Lines of one panel beyond which the legend is left out."""

Quantity = Callable[[Record], float]


def draw_study(results: StudyResults) -> dict[str, Figure]:
    """Return every figure that the finished runs allow.

    Parameters
    ----------
    results : StudyResults
        The results.

    Returns
    -------
    dict of str to Figure
        Figures by file name, without ending: one a swept field, and ``fidelity``.
    """
    figures = {}
    for sweep in results.study.sweeps:
        for axis in sweep.axes:
            field = re.sub(r"[^A-Za-z0-9_]+", "_", f"{sweep.name}_{axis.split('.')[-1]}" if axis else sweep.name)
            name = f"sweep_{field}"
            while name in figures:
                name += "_"
            figures[name] = _sweep_figure(results, sweep, axis)
    if any(record.get("fidelity") is not None for record in results.records):
        figures["fidelity"] = _fidelity_figure(results)
    return figures


def _accuracy(record: Record) -> float:
    """Return the test accuracy of a run in per cent."""
    return 100 * float(record["accuracy"])


def _alignment(record: Record) -> float:
    """Return the alignment of a run, averaged over the hidden layers; NaN where no sample carried feedback."""
    return float(np.mean(record["alignment"])) if record["alignment"] else float("nan")


def _quantities(results: StudyResults) -> list[tuple[str, Quantity]]:
    """Return what the panels show: accuracy, alignment, and where there is a reference the difference to it.

    Seeds differ in their split, which moves all methods alike; the difference at equal seeds is free of that.
    """
    found: list[tuple[str, Quantity]] = [
        ("test accuracy / %", _accuracy),
        ("alignment (mean of layers)", _alignment),
    ]
    names = [name for name in results.plan.references if results.of(name, point=BASE)]
    if names:
        name = "ternary" if "ternary" in names else names[0]
        known = {record["seed"]: _accuracy(record) for record in results.of(name, point=BASE)}

        def difference(record: Record) -> float:
            return _accuracy(record) - known.get(record["seed"], float("nan"))

        found.insert(1, (f"accuracy minus that of {METHODS[name]} / points", difference))
    return found


@contextmanager
def _panels(number: int) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give a figure with a few panels in the common look."""
    with canvas(4.3 * number + 1.9, 3.9) as figure:
        yield figure, [figure.add_subplot(1, number, index + 1) for index in range(number)]


def _sweep_figure(results: StudyResults, sweep: Sweep, axis: str) -> Figure:
    """Return accuracy and alignment against one field of a sweep, a line for each value of the others."""
    points = [point for point in results.plan.points if point.sweep == sweep.name]
    lines = _lines(results, sweep, points, axis)
    shown = results.study.axis(axis)
    quantities = _quantities(results)
    with _panels(len(quantities)) as (figure, panels):
        for axes, (label, quantity) in zip(panels, quantities, strict=True):
            places = _places([point.values[axis] for point in points])
            for index, (text, method, own) in enumerate(lines):
                style = _style(index, len(lines), method)
                _line(
                    axes, results, own, method, quantity, xs=[places(p.values[axis]) for p in own], text=text, **style
                )
            _references(axes, results, quantity)
            _failures(axes, results, points, xs=[places(point.values[axis]) for point in points])
            axes.set(xlabel=shown.label, ylabel=label)
            _scale(axes, [point.values[axis] for point in points], log=shown.log)
            _bound(axes, results, points, quantity)
        _legend(figure, panels[0])
        figure.suptitle(f"{results.plan.name}: {sweep.name}; {_seeds(results)}")
    return figure


def _legend(figure: Figure, axes: Axes) -> None:
    """Put one legend beside all panels, unless it would have too many lines."""
    handles, labels = axes.get_legend_handles_labels()
    if 0 < len(labels) <= MOST_LINES:
        figure.legend(handles, labels, fontsize=7.5, loc="outside right center")


def _seeds(results: StudyResults) -> str:
    """Return what the bands are, in words."""
    groups = [results.of(method, point=point.name) for point in results.plan.points for method in results.plan.methods]
    numbers = sorted({len(group) for group in groups if group})
    if not numbers or numbers[-1] == 1:
        return "one seed"
    seeds = str(numbers[-1]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    return f"mean of {seeds} seeds and its 95 % interval"


def _lines(results: StudyResults, sweep: Sweep, points: list[Point], axis: str) -> list[tuple[str, str, list[Point]]]:
    """Return the lines of a panel: label, method, points in the order of the axis."""
    others = [path for path in sweep.axes if path != axis]
    groups: dict[str, list[Point]] = {}
    for point in points:
        words = [f"{results.study.axis(path).name} {_word(point.values[path])}" for path in others]
        groups.setdefault(", ".join(words), []).append(point)
    lines = []
    for text, own in groups.items():
        for method in results.plan.methods:
            name = METHODS[method] if not text or len(results.plan.methods) > 1 else ""
            ordered = sorted(own, key=lambda point: _sortable(point.values[axis]))
            lines.append((", ".join(part for part in (name, text) if part), method, ordered))
    return lines


def _word(value: object) -> str:
    """Return a value for a legend."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sortable(value: object) -> tuple[int, float, str]:
    """Return a key that sorts numbers before words."""
    return (0, value, "") if isinstance(value, int | float) and _is_number(value) else (1, 0.0, "")


def _is_number(value: object) -> bool:
    """Return whether a value has a place on an axis of numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _places(values: list[Any]) -> Callable[[Any], float]:
    """Return the rule that gives a value its place: its own if all are numbers, else its turn."""
    if all(_is_number(value) for value in values):
        return float
    turns = list(dict.fromkeys(map(_word, values)))
    return lambda value: float(turns.index(_word(value)))


def _scale(axes: Axes, values: list[Any], *, log: bool) -> None:
    """Scale the axis of what is swept."""
    if not all(_is_number(value) for value in values):
        turns = list(dict.fromkeys(map(_word, values)))
        axes.set_xticks(range(len(turns)), turns)
    elif log and min(values) > 0:
        axes.set_xscale("log")
        room = max((max(values) / min(values)) ** 0.05, 1.05)
        axes.set_xlim(min(values) / room, max(values) * room)  # an axis without a finished run cannot find its own
    elif log:  # zero has no place on a logarithmic axis, but belongs to many sweeps
        axes.set_xscale("symlog", linthresh=min(abs(value) for value in values if value))


def _style(index: int, number: int, method: str) -> dict[str, Any]:
    """Return the colour and the number of a line."""
    return {"colour": STYLES[method].colour if number == 1 else shades(number)[index], "index": index}


def _line(
    axes: Axes,
    results: StudyResults,
    points: list[Point],
    method: str,
    quantity: Quantity,
    *,
    xs: list[float],
    text: str,
    colour: Any,
    index: int,
) -> None:
    """Draw the mean over seeds of every point, and the band of its interval."""
    found = [_interval(results.of(method, point=point.name), quantity) for point in points]
    mean = np.array([interval.mean for interval in found])
    half = np.array([interval.half_width for interval in found])
    draw_curve(axes, xs, mean, band=half, kind="both", colour=colour, index=index, label=text)


def _interval(records: list[Record], quantity: Quantity) -> Interval:
    """Return the interval of a quantity over the seeds of a point."""
    return confidence_interval([quantity(record) for record in records])


def _bound(axes: Axes, results: StudyResults, points: Sequence[Point], quantity: Quantity) -> None:
    """Show all means and a typical interval: with two or three seeds a few intervals are wider than all there is."""
    groups = [results.of(method, point=point.name) for point in points for method in results.plan.methods]
    found = [_interval(group, quantity) for group in groups]
    found += [interval for _, interval in _reference_intervals(results, quantity)]
    means = [interval.mean for interval in found if np.isfinite(interval.mean)]
    halves = [interval.half_width for interval in found if np.isfinite(interval.half_width)]
    if means:
        room = max(0.08 * (max(means) - min(means)), 1.2 * float(np.median(halves)) if halves else 0.0, 1e-3)
        top = max(means) + room
        axes.set_ylim(min(means) - room, min(top, 100.5) if quantity is _accuracy else top)


def _reference_intervals(results: StudyResults, quantity: Quantity) -> list[tuple[str, Interval]]:
    """Return the reference methods that a quantity says something about."""
    silent = ("bp", "shallow") if quantity is _alignment else ()  # one by definition, and no signal
    names = [name for name in results.plan.references if name not in silent]
    return [(name, _interval(results.of(name, point=BASE), quantity)) for name in names]


def _references(axes: Axes, results: StudyResults, quantity: Quantity) -> None:
    """Draw the reference methods as level lines."""
    for name, found in _reference_intervals(results, quantity):
        if np.isfinite(found.mean):
            colour, style = STYLES[name]
            axes.axhline(found.mean, color=colour, linestyle=style, linewidth=1.1, label=METHODS[name], zorder=0)


def _failures(axes: Axes, results: StudyResults, points: list[Point], *, xs: list[float]) -> None:
    """Mark points with failed runs at the bottom."""
    failed = {record["point"] for record in results.failed}
    marked = [x for point, x in zip(points, xs, strict=True) if point.name in failed]
    if marked:
        floor = [0.02] * len(marked)
        axes.plot(marked, floor, "x", color=VERMILLION, transform=axes.get_xaxis_transform(), label="runs failed")


def _fidelity_figure(results: StudyResults) -> Figure:
    """Return accuracy and alignment against the error 1 - cos^2 that the fidelity leaves, a dot a point."""
    sweeps = results.study.sweeps
    quantities = _quantities(results)
    with _panels(len(quantities)) as (figure, panels):
        for axes, (label, quantity) in zip(panels, quantities, strict=True):
            for index, sweep in enumerate(sweeps):
                points = [point for point in results.plan.points if point.sweep == sweep.name]
                colour = shades(len(sweeps))[index]
                _dots(axes, results, points, quantity, text=sweep.name, colour=colour, index=index)
            _references(axes, results, quantity)
            axes.set_xscale("log")
            axes.set(xlabel="measured error of the projection, 1 − cos²", ylabel=label)
            _bound(axes, results, results.plan.points, quantity)
        _legend(figure, panels[0])
        figure.suptitle(f"{results.plan.name}: against the fidelity measured on the bench; {_seeds(results)}")
    return figure


def _dots(
    axes: Axes,
    results: StudyResults,
    points: list[Point],
    quantity: Quantity,
    *,
    text: str,
    colour: Any,
    index: int,
) -> None:
    """Draw one dot a point, with the interval of its seeds."""
    groups = [results.of("optical", point=point.name) for point in points]
    ys = [_interval(group, quantity) for group in groups if group]
    xs = [float(np.mean([_error(record) for record in group])) for group in groups if group]
    mean, half = np.array([y.mean for y in ys]), np.array([y.half_width for y in ys])
    draw_curve(axes, xs, mean, bars=np.nan_to_num(half), kind="points", colour=colour, index=index, label=text)


def _error(record: Record) -> float:
    """Return 1 - cos^2 of a run, from the mean cosine of its projections."""
    return float(max(1 - record["fidelity"] ** 2, 1e-16))
