"""What a designer can turn, and what each turn buys."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from calibration.budgets.budget import Budget
from calibration.budgets.expected_error import TERM_POINTS, expected_error
from calibration.budgets.scene import Task
from optics.bench import BenchDescription
from optics.causes import present_causes
from optics.media.drift import DriftDescription

Turned = tuple[BenchDescription, Task] | None

NOUNS = {
    "shot": "shot noise", "read": "read noise", "quantisation": "rounding",
    "background": "stray light", "prnu": "PRNU", "offsets": "DSNU", "nonlinearity": "the camera's non-linearity",
    "laser_noise": "laser noise", "beam_profile": "the beam's profile", "macropixel_amplitudes": "uneven macropixels",
    "flatness": "the chip's flatness", "grain": "the size of the grains", "dark_anchor": "dark places of the anchor",
}  # fmt: skip
"""Causes as people say them, where their names are not."""


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """What one change of a bench does to the error of its projections.

    Parameters
    ----------
    knob : str
        What is changed, and by how much.
    error : float
        Error after the change.
    before : float
        Error before it.
    """

    knob: str
    error: float
    before: float

    @property
    def gain(self) -> float:
        """Return the part of the error that the change takes away; negative where it adds to it."""
        return 1 - self.error / self.before

    def __str__(self) -> str:
        verb = "buys" if self.gain >= 0 else "costs"
        return f"{self.knob} {verb} {abs(self.gain):.1%} of the error ({self.before:.3g} to {self.error:.3g})"


def purchases(budget: Budget) -> tuple[Purchase, ...]:
    """Return what each knob buys, the best first.

    Parameters
    ----------
    budget : Budget
        A predicted budget.

    Returns
    -------
    tuple of Purchase
        Changes that the bench allows: an anchor that does not fit its layout is not among them.

    Notes
    -----
    Exposure times follow each change by the rules of the projector, at the full scale of the budget. Doubling the power
    of the laser alone only halves them; more electrons need a deeper well.
    """
    same = expected_error(budget.description, budget.task, like=budget.description, points=TERM_POINTS)
    scale = budget.error / same if same else 1.0
    found = []
    for knob, turn in _knobs(budget):
        turned = turn(budget.description, budget.task)
        if turned is not None:
            error = scale * expected_error(*turned, like=budget.description, points=TERM_POINTS)
            found.append(Purchase(knob=knob, error=error, before=budget.error))
    return tuple(sorted(found, key=lambda one: -one.gain))


def advice(budget: Budget) -> str:
    """Return a designer's answer in sentences: what limits the bench, and what each change buys.

    Parameters
    ----------
    budget : Budget
        A predicted budget.

    Returns
    -------
    str
        One sentence a line.
    """
    limit = budget.terms[0]
    after = budget.error - limit.saved
    what = f"{NOUNS.get(limit.name, limit.name.replace('_', ' '))} ({_clause(limit.sentence)})"
    lines = [f"Your limit is {what}: without it the error is {after:.3g} instead of {budget.error:.3g}."]
    bought = purchases(budget)
    if bought[0].gain > limit.saved / budget.error:
        lines[0] = f"Your limit is a setting: {_clause(bought[0].knob)} helps most."
    lines += [f"{one}." for one in bought]
    return "\n".join([*lines, *budget.flags])


def _clause(sentence: str) -> str:
    """Return a sentence as a part of another one."""
    return sentence[0].lower() + sentence[1:].rstrip(".")


Turn = Callable[[BenchDescription, Task], Turned]


def _knobs(budget: Budget) -> list[tuple[str, Turn]]:
    """Return the knobs that mean something on a bench."""
    present = set(present_causes(budget.description))
    knobs: list[tuple[str, Turn]] = [
        ("Doubling photons (a well twice as deep)", _deeper),
        ("One bit more", _finer),
        ("Doubling the anchor", lambda bench, task: _anchored(bench, task, 2.0)),
        ("Halving the anchor", lambda bench, task: _anchored(bench, task, 0.5)),
        ("Exposing 1.4 times shorter", lambda bench, task: (bench, _exposed(task, math.sqrt(2)))),
        ("Exposing 1.4 times longer", lambda bench, task: (bench, _exposed(task, math.sqrt(0.5)))),
        ("Four times as many stored exposures", _stored),
    ]
    knobs += [(text, turn) for name, text, turn in CAUSED if name in present]
    return knobs


def _deeper(bench: BenchDescription, task: Task) -> Turned:
    """Double the full well at the same range of counts."""
    camera = replace(bench.camera, full_well=2 * bench.camera.full_well, gain=bench.camera.gain / 2)
    return replace(bench, camera=camera), task


def _finer(bench: BenchDescription, task: Task) -> Turned:
    """Add a bit over the same range of charge."""
    camera = bench.camera
    if camera.bits == 16:
        return None
    finer = replace(
        camera, bits=camera.bits + 1, gain=2 * camera.gain, black_level=2 * camera.black_level,
        integral_nonlinearity=2 * camera.integral_nonlinearity,
    )  # fmt: skip
    return replace(bench, camera=finer), task


def _anchored(bench: BenchDescription, task: Task, factor: float) -> Turned:
    """Change the anchor's size, where the layout has room."""
    size = round(factor * task.anchor)
    if size < 1 or task.vectors.components + size > bench.layout.inputs:
        return None
    return bench, replace(task, anchor=size)


def _exposed(task: Task, factor: float) -> Task:
    """Change the saturation over the mean of the brightest frame."""
    scale = task.full_scale
    return replace(task, full_scale=None if scale is None else scale * factor)


def _stored(bench: BenchDescription, task: Task) -> Turned:
    """Average four times as many stored frames."""
    return bench, replace(task, stored_exposures=4 * task.stored_exposures)


def _scaled(part: str, field: str, factor: float) -> Turn:
    """Return what multiplies one field of a part of the bench."""

    def turn(bench: BenchDescription, task: Task) -> Turned:
        device = getattr(bench, part)
        changed = replace(device, **{field: factor * getattr(device, field)})
        return replace(bench, **{part: changed}), task

    return turn


def _steadier(bench: BenchDescription, task: Task) -> Turned:
    """Double the time in which the medium decorrelates."""
    medium = bench.medium
    if not isinstance(medium, DriftDescription):
        return None
    return replace(bench, medium=replace(medium, correlation_time=2 * medium.correlation_time)), task


def _healthier(bench: BenchDescription, task: Task) -> Turned:
    """Halve the number of faulty mirrors."""
    dmd = bench.dmd
    halved = replace(dmd, stuck_on=dmd.stuck_on / 2, stuck_off=dmd.stuck_off / 2, dead=dmd.dead / 2)
    return replace(bench, dmd=halved), task


CAUSED: tuple[tuple[str, str, Turn], ...] = (
    ("read", "Halving the read noise", _scaled("camera", "read_noise", 0.5)),
    ("dark_current", "Halving the dark current (7 K colder)", _scaled("camera", "dark_current", 0.5)),
    ("prnu", "Halving the PRNU", _scaled("camera", "prnu", 0.5)),
    ("laser_noise", "Halving the laser's noise", _scaled("laser", "intensity_noise", 0.5)),
    ("contrast", "Four times the contrast ratio", _scaled("dmd", "contrast_ratio", 4.0)),
    ("beam_profile", "A beam 1.4 times as wide", _scaled("laser", "beam_radius", math.sqrt(2))),
    ("stuck_mirrors", "Half the faulty mirrors", _healthier),
    ("drift", "Frames twice as fast, against the drift", _steadier),
)
"""Knobs of causes: the cause, what is done, and how."""
