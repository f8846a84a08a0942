"""What makes a bench imperfect, cause by cause, and how the same bench without one is described.

A cause is taken away from the description and from nothing else: the same seed then gives the same medium, the same
fixed pattern and the same noise of every other cause, so that two benches may be compared frame by frame. Where a cause
changes how much light there is (an uneven beam, dead macropixels, mirrors that leak), the laser's power makes up for
it.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optics.bench import BenchDescription
from optics.cause import Cause, any_of
from optics.instabilities.causes import TEMPORAL_CAUSES
from optics.media import DriftDescription, FiniteGrainDescription, GaussianDescription
from optics.mirrors.light import input_light
from optics.reference import STEADY, Reference
from optics.sensing.camera_causes import CAMERA_CAUSES
from optics.validation import check_choice

FOREVER = 1e15
"""Correlation time of a medium that stands still, in seconds: in an hour it loses 4e-12 of its correlation."""

Change = Callable[[BenchDescription], BenchDescription]


def present_causes(description: BenchDescription) -> tuple[str, ...]:
    """Return the names of the causes that a bench has.

    Parameters
    ----------
    description : BenchDescription
        The bench.

    Returns
    -------
    tuple of str
        Names of `CAUSES`, in its order.
    """
    return tuple(name for name, cause in CAUSES.items() if cause.present(description))


def without_causes(description: BenchDescription, causes: Iterable[str]) -> BenchDescription:
    """Return the description of a bench without some of its causes.

    Parameters
    ----------
    description : BenchDescription
        The bench.
    causes : iterable of str
        Names of `CAUSES`; those that are not present change nothing.

    Returns
    -------
    BenchDescription
        The bench without them.

    Raises
    ------
    ValueError
        If a cause is not known.

    Notes
    -----
    Shot noise is no part of a description: `settings_without` says what a simulation must be told.
    """
    for cause in _known(causes):
        if cause.present(description):
            description = cause.without(description)
    return description


def settings_without(causes: Iterable[str]) -> dict[str, str]:
    """Return what a simulated bench must be told beside the description to leave causes out.

    Parameters
    ----------
    causes : iterable of str
        Names of `CAUSES`.

    Returns
    -------
    dict of str to str
        Keywords of `optics.SimulatedBench`.

    Raises
    ------
    ValueError
        If a cause is not known.
    """
    return {key: value for cause in _known(causes) for key, value in cause.settings.items()}


def ideal_bench(description: BenchDescription, *, keep_medium: bool = True) -> BenchDescription:
    """Return the description of the same bench without any imperfection.

    Parameters
    ----------
    description : BenchDescription
        The bench.
    keep_medium : bool, optional
        Whether causes that belong to the medium (its drift, its grain) stay, so that its linear map is the same one.

    Returns
    -------
    BenchDescription
        The ideal bench; shot noise is not part of a description.
    """
    kept = [name for name, cause in CAUSES.items() if not (keep_medium and cause.of_medium)]
    return without_causes(description, kept)


def _known(causes: Iterable[str]) -> list[Cause]:
    """Return causes by their names, in the order of `CAUSES`, or name the nearest of an unknown one."""
    names = list(causes)
    for name in names:
        check_choice("cause", name, list(CAUSES))
    return [cause for name, cause in CAUSES.items() if name in names]


def _as_bright(change: Change) -> Change:
    """Return a change after which macropixels switch as many photons as before, on average."""

    def changed(bench: BenchDescription) -> BenchDescription:
        after = change(bench)
        powers = [float(np.mean(np.abs(_switched(one)) ** 2)) for one in (bench, after)]
        return replace(after, laser=replace(after.laser, power=after.laser.power * powers[0] / powers[1]))

    return changed


def _switched(bench: BenchDescription) -> NDArray[np.complex128]:
    """Return the amplitudes that macropixels switch."""
    light = input_light(bench.laser, bench.dmd, bench.layout, amplitudes=bench.macropixel_amplitudes)
    return light.switched[:-1]


def _laser(**changes: Any) -> Change:
    """Return what replaces fields of the laser."""
    return lambda bench: replace(bench, laser=replace(bench.laser, **changes))


def _dmd(**changes: Any) -> Change:
    """Return what replaces fields of the mirror array."""
    return lambda bench: replace(bench, dmd=replace(bench.dmd, **changes))


def _inside(kind: type, change: Callable[[Any], Any], medium: Any) -> Any:
    """Return a medium with all of a kind changed, however deep inside others."""
    if isinstance(medium, kind):
        medium = change(medium)
    inner = getattr(medium, "inside", None)
    return medium if inner is None else replace(medium, inside=_inside(kind, change, inner))


def _has(kind: type, medium: Any) -> bool:
    """Return whether a medium is of a kind, or has one of the kind inside."""
    while medium is not None:
        if isinstance(medium, kind):
            return True
        medium = getattr(medium, "inside", None)
    return False


def _of_medium(kind: type, change: Callable[[Any], Any]) -> Change:
    """Return what changes the media of a kind."""
    return lambda bench: replace(bench, medium=_inside(kind, change, bench.medium))


def _frozen(medium: DriftDescription) -> DriftDescription:
    """Return the medium as it is at time zero, for ever."""
    return replace(medium, correlation_time=FOREVER, exposure_time=0.0, slices=1)


def _drifts(bench: BenchDescription) -> bool:
    """Return whether a medium moves within any time that a bench lives."""
    medium: Any = bench.medium
    while medium is not None:
        if isinstance(medium, DriftDescription) and medium.correlation_time < FOREVER:
            return True
        medium = getattr(medium, "inside", None)
    return False


def _uneven_phase(bench: BenchDescription) -> bool:
    """Return whether the reference has phases that nobody commanded."""
    arm = bench.reference
    return arm is not None and (arm.step_scale != 1 or bool(arm.step_error) or arm.drift != STEADY)


def _steady(bench: BenchDescription) -> BenchDescription:
    """Return the bench with a reference that obeys."""
    arm: Reference | None = bench.reference
    if arm is None:
        return bench
    return replace(bench, reference=replace(arm, step_scale=1.0, step_error=0.0, drift=STEADY))


def _beam_uneven(bench: BenchDescription) -> bool:
    """Return whether mirrors get unequal light."""
    return math.isfinite(bench.laser.beam_radius)


OTHER_CAUSES = (
    Cause.described(
        "laser_noise",
        "noise",
        sentence="The laser's power changes from one exposure to the next.",
        present=any_of("laser", "intensity_noise"),
        without=_laser(intensity_noise=0.0),
    ),
    Cause(
        name="drift",
        group="drift",
        sentence="The medium changes.",
        present=_drifts,
        without=_of_medium(DriftDescription, _frozen),
        of_medium=True,
    ),
    Cause.described(
        "reference_phase",
        "drift",
        sentence="The reference's phase is not the commanded one.",
        present=_uneven_phase,
        without=_steady,
    ),
    Cause.described(
        "beam_profile",
        "static bias",
        sentence="The beam lights the mirrors unevenly.",
        present=_beam_uneven,
        without=_as_bright(_laser(beam_radius=math.inf, beam_y=0.0, beam_x=0.0)),
    ),
    Cause.described(
        "macropixel_amplitudes",
        "static bias",
        sentence="Macropixels send unequal light, or none.",
        present=lambda bench: len(set(bench.macropixel_amplitudes)) > 1,
        without=_as_bright(lambda bench: replace(bench, macropixel_amplitudes=())),
    ),
    Cause.described(
        "flatness",
        "static bias",
        sentence="The chip is not flat.",
        present=any_of("dmd", "flatness"),
        without=_as_bright(_dmd(flatness=())),
    ),
    Cause.described(
        "contrast",
        "static bias",
        sentence="Mirrors that are off send light.",
        present=any_of("dmd", "off_amplitude"),
        without=_as_bright(_dmd(contrast_ratio=math.inf)),
    ),
    Cause(
        name="grain",
        group="static bias",
        sentence="Speckle grains are not much finer than the pixels.",
        present=lambda bench: _has(FiniteGrainDescription, bench.medium),
        without=_of_medium(
            FiniteGrainDescription, lambda medium: GaussianDescription(collected_fraction=medium.collected_fraction)
        ),
        of_medium=True,
    ),
    Cause.described(
        "stuck_mirrors",
        "faults",
        sentence="Mirrors stay on, stay off, or send no light.",
        present=any_of("dmd", "stuck_on", "stuck_off", "dead"),
        without=_as_bright(_dmd(stuck_on=0.0, stuck_off=0.0, dead=0.0)),
    ),
)
"""Causes that are in light, mirrors, medium and reference."""

CAUSES: Mapping[str, Cause] = MappingProxyType(
    {cause.name: cause for cause in (*CAMERA_CAUSES, *OTHER_CAUSES, *TEMPORAL_CAUSES)}
)
"""Everything that a description can hold against a bench, by name."""
