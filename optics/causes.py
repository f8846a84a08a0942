"""What makes a bench imperfect, cause by cause, and how the same bench without one is described.

A cause is taken away from the description and from nothing else: the same seed then gives the same medium, the same
fixed pattern and the same noise of every other cause, so that two benches may be compared frame by frame. Where a cause
changes how much light there is (an uneven beam, mirrors that leak), the laser's power makes up for it.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from optics.bench import BenchDescription
from optics.camera import Camera
from optics.media import DriftDescription, FiniteGrainDescription, GaussianDescription
from optics.mirrors.light import input_light
from optics.reference import STEADY, Reference
from optics.validation import check_choice

GROUPS = ("noise", "quantisation", "saturation", "anchor", "drift", "static bias", "faults")
"""Kinds of causes, in the order in which tables name them."""

FINEST_BITS = 16
"""Bits of a converter whose steps count as none."""

WIDER = 8.0
"""Factor by which full well and converter grow where nothing may saturate: speckle at twice its mean then clips in
exp(-16) of the pixels."""

FOREVER = 1e15
"""Correlation time of a medium that stands still, in seconds: in an hour it loses 4e-12 of its correlation."""

Change = Callable[[BenchDescription], BenchDescription]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cause:
    """Something that makes projections differ from what they should be.

    Parameters
    ----------
    name : str
        The field's standard term.
    sentence : str
        What it is, in a sentence.
    group : str
        One of `GROUPS`.
    present : callable
        Says of a description whether the cause is there.
    without : callable
        Returns the description of the same bench without the cause.
    settings : mapping of str to str, optional
        What `optics.SimulatedBench` must be told beside the description to leave the cause out.
    of_medium : bool, optional
        Whether the medium, and with it the linear map, is another one without the cause.

    Raises
    ------
    ValueError
        If the group is not known.
    """

    name: str
    sentence: str
    group: str
    present: Callable[[BenchDescription], bool]
    without: Change
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    of_medium: bool = False

    def __post_init__(self) -> None:
        check_choice("group", self.group, GROUPS)


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


def _camera(**changes: Any) -> Change:
    """Return what replaces fields of the camera."""
    return lambda bench: replace(bench, camera=replace(bench.camera, **changes))


def _as_bright(change: Change) -> Change:
    """Return a change after which macropixels switch as many photons as before, on average."""

    def changed(bench: BenchDescription) -> BenchDescription:
        after = change(bench)
        powers = [
            float(np.mean(np.abs(input_light(one.laser, one.dmd, one.layout).switched[:-1]) ** 2))
            for one in (bench, after)
        ]
        return replace(after, laser=replace(after.laser, power=after.laser.power * powers[0] / powers[1]))

    return changed


def _laser(**changes: Any) -> Change:
    """Return what replaces fields of the laser."""
    return lambda bench: replace(bench, laser=replace(bench.laser, **changes))


def _dmd(**changes: Any) -> Change:
    """Return what replaces fields of the mirror array."""
    return lambda bench: replace(bench, dmd=replace(bench.dmd, **changes))


def _any(part: str, *fields: str) -> Callable[[BenchDescription], bool]:
    """Return whether one of some fields of a part of the bench is not zero."""
    return lambda bench: any(bool(getattr(getattr(bench, part), name)) for name in fields)


def _finest(bench: BenchDescription) -> BenchDescription:
    """Return the bench with a converter of many bits over the same range of charge, without steps of its own."""
    camera = bench.camera
    finer = 2.0 ** (FINEST_BITS - camera.bits)
    return replace(bench, camera=_scaled(camera, finer, bits=FINEST_BITS, bow=finer))


def _scaled(camera: Camera, factor: float, *, bits: int, bow: float) -> Camera:
    """Return a camera of other bits whose counts are finer by a factor, and whose bow in DN is so many times as high.

    Counts keep their alignment: 16 bits fill a word.
    """
    steepest = (2**bits - 1) / 4
    bowed = min(max(bow * camera.integral_nonlinearity, -steepest), steepest)
    return replace(
        camera, bits=bits, gain=camera.gain * factor, black_level=camera.black_level * factor,
        integral_nonlinearity=bowed,
    )  # fmt: skip


def _endless(bench: BenchDescription) -> BenchDescription:
    """Return the bench with a deeper well and a converter of more bits, of the same response to the light."""
    camera = bench.camera
    bits = min(camera.bits + round(math.log2(WIDER)), FINEST_BITS)
    coarser = 2.0**bits / (2.0**camera.bits * WIDER)  # one, unless the converter has no bits left to grow
    # The loss at a charge e is alpha e / e_fw: a deeper well has as much more at its brim, half of it at most. A bow
    # has the curvature 8 A / L^2.
    deeper = min(WIDER, 0.5 / camera.nonlinearity) if camera.nonlinearity else WIDER
    wider = _scaled(camera, coarser, bits=bits, bow=coarser * WIDER**2)
    full_well = min(camera.full_well * deeper, 1e8)
    nonlinearity = camera.nonlinearity * full_well / camera.full_well
    return replace(bench, camera=replace(wider, full_well=full_well, nonlinearity=nonlinearity))


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


def _cause(name: str, group: str, sentence: str, present: Callable[[BenchDescription], bool], without: Change) -> Cause:
    """Return a cause that is all in the description."""
    return Cause(name=name, group=group, sentence=sentence, present=present, without=without)


def _listed() -> list[Cause]:
    """Return all causes, in the order in which light meets them within each group."""
    return [
        Cause(
            name="shot", group="noise", sentence="Photons come one by one.", present=lambda bench: True,
            without=lambda bench: bench, settings=MappingProxyType({"shot_noise": "none"}),
        ),
        _cause(
            "laser_noise", "noise", "The laser's power changes from one exposure to the next.",
            _any("laser", "intensity_noise"), _laser(intensity_noise=0.0),
        ),
        _cause(
            "background", "noise", "Stray light adds charge and its shot noise.",
            _any("camera", "background"), _camera(background=0.0, flicker_depth=0.0),
        ),
        _cause(
            "dark_current", "noise", "Charge gathers without light, and has shot noise.",
            _any("camera", "dark_current"), _camera(dark_current=0.0),
        ),
        _cause(
            "read", "noise", "Amplifiers of pixels, rows and columns add noise.",
            _any("camera", "read_noise", "row_noise", "column_noise"),
            _camera(read_noise=0.0, row_noise=0.0, column_noise=0.0),
        ),
        _cause(
            "quantisation", "quantisation", "Counts are whole numbers.",
            lambda bench: bench.camera.bits < FINEST_BITS, _finest,
        ),
        _cause(
            "saturation", "saturation", "Wells fill and the converter ends.", lambda bench: True, _endless,
        ),
        Cause(
            name="drift", group="drift", sentence="The medium changes.", present=_drifts,
            without=_of_medium(DriftDescription, _frozen), of_medium=True,
        ),
        _cause(
            "reference_phase", "drift", "The reference's phase is not the commanded one.", _uneven_phase, _steady,
        ),
        _cause(
            "beam_profile", "static bias", "The beam lights the mirrors unevenly.",
            _beam_uneven, _as_bright(_laser(beam_radius=math.inf, beam_y=0.0, beam_x=0.0)),
        ),
        _cause(
            "flatness", "static bias", "The chip is not flat.", _any("dmd", "flatness"), _as_bright(_dmd(flatness=())),
        ),
        _cause(
            "contrast", "static bias", "Mirrors that are off send light.",
            _any("dmd", "off_amplitude"), _as_bright(_dmd(contrast_ratio=math.inf)),
        ),
        Cause(
            name="grain", group="static bias", sentence="Speckle grains are not much finer than the pixels.",
            present=lambda bench: _has(FiniteGrainDescription, bench.medium),
            without=_of_medium(
                FiniteGrainDescription, lambda medium: GaussianDescription(collected_fraction=medium.collected_fraction)
            ),
            of_medium=True,
        ),
        _cause(
            "prnu", "static bias", "Pixels respond unequally to light.", _any("camera", "prnu"), _camera(prnu=0.0),
        ),
        _cause(
            "offsets", "static bias", "Pixels, rows and columns have offsets of their own (DSNU).",
            _any("camera", "dsnu", "row_offset", "column_offset"),
            _camera(dsnu=0.0, row_offset=0.0, column_offset=0.0),
        ),
        _cause(
            "crosstalk", "static bias", "Pixels see light of their neighbours.",
            _any("camera", "crosstalk"), _camera(crosstalk=0.0),
        ),
        _cause(
            "lag", "static bias", "Part of a frame shows in the next.", _any("camera", "lag"), _camera(lag=0.0),
        ),
        _cause(
            "nonlinearity", "static bias", "Counts do not follow the light in a straight line.",
            _any("camera", "nonlinearity", "integral_nonlinearity", "differential_nonlinearity"),
            _camera(nonlinearity=0.0, integral_nonlinearity=0.0, differential_nonlinearity=0.0),
        ),
        _cause(
            "stuck_mirrors", "faults", "Mirrors stay on, stay off, or send no light.",
            _any("dmd", "stuck_on", "stuck_off", "dead"), _as_bright(_dmd(stuck_on=0.0, stuck_off=0.0, dead=0.0)),
        ),
        _cause(
            "faulty_pixels", "faults", "Pixels are hot or dead.",
            _any("camera", "hot_pixels", "dead_pixels"), _camera(hot_pixels=0.0, dead_pixels=0.0),
        ),
    ]  # fmt: skip


CAUSES: Mapping[str, Cause] = MappingProxyType({cause.name: cause for cause in _listed()})
"""Everything that a description can hold against a bench, by name."""
