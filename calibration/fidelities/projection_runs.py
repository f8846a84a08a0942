"""One campaign of projections on benches that differ by their causes: the same vectors, frames and noise for each."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.anchors import decode, plan
from calibration.exposure import choose_outputs
from calibration.fidelities.intervals import error_influence
from calibration.fidelities.remembered_light import RememberingMedium
from calibration.projector import AnchorProjector
from calibration.records import Calibration, Plan
from optics.bench import BenchDescription
from optics.camera import Camera
from optics.cause import Cause
from optics.causes import CAUSES, ideal_bench, settings_without, without_causes
from optics.macropixels import input_positions
from optics.media import MediumSite
from optics.simulated_bench import SimulatedBench
from optics.validation import check_choice

Value = TypeVar("Value")
Frames = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], float]

REFERENCES = ("ideal", "realised")
"""What projections are scored against: the linear map of the same bench without imperfections, or the one that the
bench has with its beam, its mirrors and its off-state light."""

TEMPORAL = ("shot", "laser_noise", "anchor_power", "read", "quantisation")
"""Causes that change from frame to frame: a bench without them shows the mean of its frames."""


def _retrieval(name: str, sentence: str) -> Cause:
    """Return a cause that is in the retrieval, not in the description."""
    return Cause(name=name, group="anchor", sentence=sentence, present=lambda bench: True, without=lambda bench: bench)


ANCHOR_CAUSES: Mapping[str, Cause] = MappingProxyType({
    "stored_frames": _retrieval("stored_frames", "The anchor's frames are means of few exposures, not exact."),
    "dark_anchor": _retrieval(
        "dark_anchor", "Rows are divided by the anchor's field, and noise grows where that is dark."
    ),
})  # fmt: skip
"""Causes of the retrieval by anchors. Without ``stored_frames`` they are exact. Without ``dark_anchor`` rows
count by the anchor's own field |Tr|, as before the division: no row is amplified."""

ALL_CAUSES: Mapping[str, Cause] = MappingProxyType({**CAUSES, **ANCHOR_CAUSES})
"""Causes of bench and retrieval."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """How far projections are from what they should be.

    Parameters
    ----------
    error : float
        Error 1 - cos^2 after the best gain, over all vectors and outputs.
    influence : ndarray, shape (vector, pixel)
        What each entry has to do with it (`calibration.fidelities.intervals.error_influence`), spread over all pixels
        of the camera with zeros where none is delivered: its mean over all is that over the outputs.
    flagged : float
        Part of the entries that saturated or were lost.
    """

    error: float
    influence: NDArray[np.float64]
    flagged: float


def random_ternary(
    vectors: int, *, components: int, rng: np.random.Generator, non_zeros: int | None = None
) -> NDArray[np.int8]:
    """Return random ternary vectors, none of them zero.

    Parameters
    ----------
    vectors : int
        Number of vectors.
    components : int
        Their length.
    rng : numpy.random.Generator
        Source of random numbers.
    non_zeros : int or None, optional
        Non-zero components of each; None makes each component -1, 0 or 1 with equal chances.

    Returns
    -------
    ndarray of int8, shape (vector, component)
        The vectors.

    Raises
    ------
    ValueError
        If there are more non-zeros than components.
    """
    if non_zeros is not None and not 1 <= non_zeros <= components:
        raise ValueError(f"non_zeros = {non_zeros} is not allowed: it must be 1 to {components}, the components")
    signs = rng.choice(np.array([-1, 1], np.int8), (vectors, components))
    order = rng.random((vectors, components))
    if non_zeros is not None:
        return np.asarray(np.where(order.argsort(axis=1).argsort(axis=1) < non_zeros, signs, 0), np.int8)
    # The smallest of a row is always on: no vector is zero.
    on = (order < 2 / 3) | (order == order.min(axis=1, keepdims=True))
    return np.asarray(np.where(on, signs, 0), np.int8)


class ProjectionRun:
    """Vectors, exposure times and outputs that a bench chose, to be projected with any of its causes taken away.

    Parameters
    ----------
    description : BenchDescription
        The whole bench.
    seed : int
        Seed of medium, fixed pattern and noise.
    x : array_like, shape (vector, component)
        Ternary vectors.
    outputs : int
        Number of outputs.
    reference : {"ideal", "realised"}, optional
        What projections are scored against.
    **options : object
        Passed to `calibration.projector.AnchorProjector`.

    Notes
    -----
    The whole bench is calibrated once. Benches without a cause show the same patterns for the same times in the same
    order, so that what noise they have left is drawn from the same streams, and differences are those of the cause.
    Each chooses the outputs that its own anchor lights best, as it would without the cause.
    """

    def __init__(
        self, description: BenchDescription, *, seed: int, x: ArrayLike, outputs: int, reference: str = "ideal",
        **options: Any,
    ) -> None:  # fmt: skip
        check_choice("reference", reference, REFERENCES)
        self._x = np.asarray(x)
        self._description, self._seed, self._reference = description, seed, reference
        self._media: list[tuple[object, RememberingMedium]] = []
        self._maps: list[tuple[object, tuple[NDArray[np.float64], NDArray[np.float64]]]] = []
        bench = self._bench(description, ())
        projector = AnchorProjector(bench, components=self._x.shape[1], outputs=outputs, **options)
        self.calibration: Calibration = projector.calibration
        self._stored_exposures = projector.stored_exposures
        self._plan: Plan = plan(self._x, self.calibration)

    def score(self, without: Iterable[str] = ()) -> Scored:
        """Return the error of the bench without some causes.

        Parameters
        ----------
        without : iterable of str, optional
            Names of `ALL_CAUSES`.

        Returns
        -------
        Scored
            Error and influences.

        Raises
        ------
        ValueError
            If a cause is not known.
        """
        removed = set(without)
        for name in removed:
            check_choice("cause", name, list(ALL_CAUSES))
        optical = sorted(removed & set(CAUSES))
        description = without_causes(self._description, optical)
        bench = self._bench(description, optical)
        exact = self._bench(without_causes(description, TEMPORAL), [*optical, *TEMPORAL])
        calibration = self._stored(bench, exact if "stored_frames" in removed else None)
        exposures = []
        for series in self._plan.series:
            bench.exposure_time = series.exposure_time
            exposures.append(bench.expose(series.patterns))
        estimate = decode(self._plan, exposures, calibration)
        rows, anchor = self._target(bench, description, calibration)
        weight = anchor if "dark_anchor" in removed else np.ones_like(anchor)
        error, influence = error_influence(estimate.value * weight, self._x @ rows.T * weight)
        spread = np.zeros((len(self._x), calibration.camera.pixels))
        spread[:, calibration.outputs] = influence * (spread.shape[1] / influence.shape[1])
        return Scored(error=float(error), influence=spread, flagged=float(np.mean(~estimate.valid)))

    def _bench(self, description: BenchDescription, removed: Iterable[str]) -> SimulatedBench:
        """Return a simulated bench whose medium is shared with all others that have the same."""
        medium = self._medium_of(description)
        return SimulatedBench(description, seed=self._seed, medium=medium, **settings_without(removed))

    def _medium_of(self, description: BenchDescription) -> RememberingMedium:
        """Return the medium of a description, the same one for all that have the same."""
        return _found(self._media, description.medium, lambda: _medium(description, self._seed))

    def _stored(self, bench: SimulatedBench, exact: SimulatedBench | None) -> Calibration:
        """Return the calibration with stored frames of a bench, as it takes them or, by its quiet twin, exact."""
        whole, levels, frames = self.calibration, list(self.calibration.levels), {}
        for series in self._plan.series:
            frames[series.level] = self._take(bench, series.exposure_time)
            if exact is not None:
                frames[series.level] = _in_counts_of(
                    bench.camera, exact.camera, self._take(exact, series.exposure_time)
                )
        longest = min(frames)
        dark, _, anchor, _ = frames[longest]
        signal = (anchor - dark) * (levels[0].exposure_time / levels[longest].exposure_time)
        chosen = choose_outputs(signal, np.zeros_like(signal), camera=bench.camera, outputs=len(whole.outputs))
        for level, (dark, off, anchor, time) in frames.items():
            levels[level] = replace(
                levels[level], dark=dark[chosen], off=off[chosen], anchor=anchor[chosen], timestamp=time
            )
        return replace(whole, camera=bench.camera, levels=tuple(levels), outputs=chosen)

    def _take(self, bench: SimulatedBench, exposure_time: float) -> Frames:
        """Return the mean dark, off-state and anchor frames of a bench, and when the last of them began."""
        anchor = self.calibration.scheme.anchor_states
        nothing = np.zeros_like(anchor)
        bench.exposure_time = exposure_time
        means = []
        time = 0.0
        for states, light in ((nothing, False), (nothing, True), (anchor, True)):
            exposure = bench.expose(np.tile(states, (self._stored_exposures, 1)), light=light)
            frames = bench.camera.digital_numbers(exposure.counts).reshape(self._stored_exposures, -1)
            means.append(frames[exposure.valid].mean(axis=0, dtype=np.float64).astype(np.float32))
            time = float(exposure.timestamps[0])
        return means[0], means[1], means[2], time

    def _target(
        self, bench: SimulatedBench, description: BenchDescription, calibration: Calibration
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the linear map to score against, (output, component), and the anchor's field, (output,)."""
        time = calibration.levels[self._plan.series[0].level].timestamp
        ideal = ideal_bench(description) if self._reference == "ideal" else None
        # The camera has no part in the map.
        key: object = (replace(ideal or description, camera=self._description.camera), time)

        def target() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            known = self._bench(ideal, ()).truth if ideal else bench.truth
            states = calibration.scheme.anchor_states
            rows = known.linear_map(states, time=time)[:, calibration.scheme.components]
            light = known.intensity(states[np.newaxis], time=time).reshape(-1)
            return rows, np.sqrt(light.astype(np.float64))

        rows, anchor = _found(self._maps, key, target)
        return rows[calibration.outputs], anchor[calibration.outputs]


def _in_counts_of(camera: Camera, fine: Camera, frames: Frames) -> Frames:
    """Return dark, off-state and anchor frames of a finer converter in the DN of a camera."""
    scale = np.float32(camera.gain / fine.gain)
    dark, off, anchor = (
        scale * (mean - np.float32(fine.black_level)) + np.float32(camera.black_level) for mean in frames[:3]
    )
    return dark, off, anchor, frames[3]


def _medium(description: BenchDescription, seed: int) -> RememberingMedium:
    """Return the medium of a bench, with a memory."""
    camera = description.camera
    places = input_positions(description.layout, description.dmd)
    site = MediumSite(
        input_positions=np.concatenate([places, np.full((1, 2), math.nan)]),  # the mirrors that carry none
        output_shape=camera.shape,
        output_pitch=camera.pixel_pitch,
        wavelength=description.laser.wavelength,
    )
    return RememberingMedium(description.medium.build(site, seed=seed))


def _found(known: list[tuple[object, Value]], key: object, make: Callable[[], Value]) -> Value:
    """Return what is known by a key, or make it; keys need be comparable only."""
    for one, value in known:
        if one == key:
            return value
    value = make()
    known.append((key, value))
    return value
