"""The answer in words and tables that a newcomer understands."""

import math

from calibration.budgets.budget import DARK_ANCHOR_SENTENCE
from calibration.cameras.report import format_measured
from calibration.cameras.uncertainty import Measured
from calibration.fidelities.measured import FidelityReport
from calibration.twins.answer import TwinAnswer
from calibration.twins.training import METHODS
from calibration.twins.twin_figures import IdentifiedBench
from optics.bench import BenchDescription
from optics.causes import CAUSES

NOUNS = {"shot": "shot noise", "read": "read noise", "prnu": "PRNU", "offsets": "DSNU", "laser_noise": "laser noise"}
"""Names of causes that are not words by themselves."""

TERMS_SHOWN = 6
"""Causes that are listed; the others are drawn."""


def format_answer(answer: TwinAnswer) -> str:
    """Return the whole answer as text.

    Parameters
    ----------
    answer : TwinAnswer
        What was found.

    Returns
    -------
    str
        Several sections; what weakens the figures and what could not be found out stands in them.
    """
    sections = [
        ("WHAT THE FRAMES TELL", figure_lines(answer.twin)),
        ("WHAT LIMITS THE BENCH", limit_lines(answer)),
        ("WHAT FIDELITY TO EXPECT", fidelity_lines(answer)),
        ("WHETHER A NETWORK LEARNS", training_lines(answer)),
        ("WHAT COULD NOT BE FOUND OUT", [f"! {line}" for line in answer.shortcomings]),
        ("VERDICT", [verdict(answer)]),
    ]
    return "\n\n".join(f"{title}\n" + "\n".join(lines) for title, lines in sections if lines)


def verdict(answer: TwinAnswer) -> str:
    """Return the answer in one sentence.

    Parameters
    ----------
    answer : TwinAnswer
        What was found.

    Returns
    -------
    str
        What limits the bench, which fidelity its projections have, how well the digits network learns.
    """
    parts = []
    if answer.main_limit:
        parts.append(f"limited by {_called(answer.main_limit)}")
    if answer.on_twin:
        parts.append(f"projections of fidelity {_correlation(answer.on_twin)}")
    training = answer.training
    if training and "optical" in training.accuracy:
        ideal = training.accuracy.get("ternary")
        beside = f" against {percent(ideal)} with an ideal bench" if ideal else ""
        parts.append(f"the digits network reaches {percent(training.accuracy['optical'])}{beside}")
    sentence = "; ".join(parts) or "nothing could be found out beyond the figures"
    return f"{sentence[0].upper()}{sentence[1:]}."


def figure_rows(twin: IdentifiedBench) -> list[tuple[str, list[tuple[str, str, str, str]]]]:
    """Return the figures in their groups.

    Parameters
    ----------
    twin : IdentifiedBench
        The twin.

    Returns
    -------
    list of tuple
        Group, and rows of name, symbol, figure with unit, sentence.
    """
    groups: dict[str, list[tuple[str, str, str, str]]] = {}
    for row in twin.figures:
        figure = format_measured(row.measured, unit=row.unit)
        groups.setdefault(row.group, []).append((row.name, row.symbol, figure, row.sentence))
    return list(groups.items())


def figure_lines(twin: IdentifiedBench) -> list[str]:
    """Return the table of figures, the choices and the reservations as lines.

    Parameters
    ----------
    twin : IdentifiedBench
        The twin.

    Returns
    -------
    list of str
        Lines; "±" is one standard uncertainty, "<" a bound that the truth does not exceed.
    """
    lines = [f"{twin.exposures} frames; ± is one standard uncertainty, < and > are bounds."]
    for group, rows in figure_rows(twin):
        lines.append(f"  {group}")
        lines += [f"    {name:<38}{symbol:<8}{figure:>30}".rstrip() for name, symbol, figure, _ in rows]
    if twin.choices:
        lines += ["  Chosen, because no frame can tell:", *(f"    - {choice}" for choice in twin.choices)]
    return [*lines, *(f"  ! {flag}" for flag in twin.flags)]


def limit_lines(answer: TwinAnswer) -> list[str]:
    """Return what limits the bench as lines.

    Parameters
    ----------
    answer : TwinAnswer
        What was found.

    Returns
    -------
    list of str
        Lines; none where nothing could be predicted.
    """
    limits = answer.limits
    if limits is None:
        return []
    lines = [
        f"Predicted from the twin, for vectors of {answer.components} components and {answer.outputs} outputs.",
        f"Against the matrix that the bench has the error 1 - cos² is {limits.own.error:.2g}; without",
    ]
    for term in limits.own.terms[:TERMS_SHOWN]:
        change = f"falls by {term.saved / limits.own.error:.1%}" if term.saved >= 0 else "does not fall"
        lines.append(f"  {_noun(term.name):<24}it {change:<16}{term.sentence}")
    if answer.costs:
        measured = ", ".join(f"{_noun(name)} {max(cost, 0.0):.2g}" for name, cost in answer.costs.items())
        lines.append(
            f"Measured on the twin, because no prediction has all of it, the error that causes cost: {measured}."
        )
    lines += [f"  {line}" for line in limits.advice.splitlines()]
    lines.append(
        f"Against the matrix that even light would give the error is {limits.even.error:.2g}, most of it by "
        f"{_noun(limits.even.terms[0].name)}. Learning does not mind this difference, who needs a known matrix does."
    )
    return [*lines, *(f"  ! {flag}" for flag in limits.flags)]


def fidelity_lines(answer: TwinAnswer) -> list[str]:
    """Return the fidelities as lines.

    Parameters
    ----------
    answer : TwinAnswer
        What was found.

    Returns
    -------
    list of str
        Lines: cosine of projections with their truth, 95 % intervals.
    """
    lines = []
    if answer.on_twin:
        lines.append(f"  on the twin, against its own matrix       {_correlation(answer.on_twin)}")
        lines.append(f"  on the twin, what repeats would say       {answer.on_twin.from_repeats.correlation}")
    if answer.on_bench:
        lines.append(f"  on the bench, what repeats say            {answer.on_bench.from_repeats.correlation}")
        if answer.on_bench.against_truth:
            lines.append(f"  on the bench, which is simulated          {_correlation(answer.on_bench)}")
    if not lines:
        return []
    title = "Cosine of a projection with what it should be, 95 % interval; 1 is perfect, repeats hide what stays."
    return [title, *lines]


def training_lines(answer: TwinAnswer) -> list[str]:
    """Return the accuracies as lines.

    Parameters
    ----------
    answer : TwinAnswer
        What was found.

    Returns
    -------
    list of str
        Lines, one a method.
    """
    training = answer.training
    if training is None:
        return []
    scatter = "one seed" if training.seeds == 1 else f"{training.seeds} seeds, ± the scatter from seed to seed"
    lines = [f"Test accuracy on the 1797 digits, {scatter}."]
    lines += [f"  {METHODS[method]:<46}{percent(figure)}" for method, figure in training.accuracy.items()]
    return [*lines, *([] if training.complete else ["  ! stopped early: only finished runs count"])]


def percent(figure: Measured) -> str:
    """Return an accuracy in per cent.

    Parameters
    ----------
    figure : Measured
        A part of one.

    Returns
    -------
    str
        For instance ``96.9 ± 1.4 %``.
    """
    spread = "" if math.isnan(figure.uncertainty) else f" ± {100 * figure.uncertainty:.1f}"
    return f"{100 * figure.value:.1f}{spread} %"


def twin_title(description: BenchDescription) -> str:
    """Return the title of a report.

    Parameters
    ----------
    description : BenchDescription
        The twin.

    Returns
    -------
    str
        Its name and size.
    """
    camera = description.camera
    return (
        f"{description.name}: {description.layout.inputs} macropixels, {camera.rows} × {camera.columns} pixels, "
        f"{camera.bits} bit"
    )


def _correlation(report: FidelityReport) -> str:
    """Return the correlation with the truth, or the bound that repeats give."""
    figures = report.against_truth or report.from_repeats
    return f"{'' if report.against_truth else 'at most '}{figures.correlation}"


def _called(name: str) -> str:
    """Return the name of a cause and what it is."""
    sentence = CAUSES[name].sentence if name in CAUSES else DARK_ANCHOR_SENTENCE
    return f"{_noun(name)} ({_clause(sentence)})"


def _noun(name: str) -> str:
    """Return the name of a cause as people say it."""
    return NOUNS.get(name, name.replace("_", " "))


def _clause(sentence: str) -> str:
    """Return a sentence as a part of another one."""
    return sentence[0].lower() + sentence[1:].rstrip(".") if sentence else sentence
