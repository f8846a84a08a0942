"""The answer to who has identified a bench: what limits it, how faithful it is, whether a network learns on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from calibration.fidelities.measured import FidelityReport, measure_fidelity
from calibration.projector import AnchorProjector
from calibration.twins.known_camera import BenchWithCamera
from calibration.twins.limits import Limits, left_out_causes
from calibration.twins.training import Training
from calibration.twins.twin_figures import IdentifiedBench
from optics.bench import Bench, BenchDescription
from optics.causes import present_causes, without_causes
from optics.sensing.binning import delivered_camera
from optics.simulated_bench import SimulatedBench

TREMBLES = 24
"""Directions of a trembling beam over which a map is averaged: what is left of one falls with their number."""

SETTLED = 4.0
"""Correlation times after which the beam has another direction."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TwinAnswer:
    """What a twin says about its bench.

    Parameters
    ----------
    twin : IdentifiedBench
        The twin and its figures.
    components, outputs : int
        Size of the projections that were tried.
    limits : Limits or None, optional
        What limits the bench; None where it could not be predicted.
    on_twin : FidelityReport or None, optional
        Fidelity of the twin, against the matrix that it has.
    costs : mapping of str to float, optional
        Error that causes cost which budgets do not know, or only in part, as measured on the twin (`measured_costs`).
    on_bench : FidelityReport or None, optional
        Fidelity of the bench itself: from repeats, where nobody knows its matrix.
    training : Training or None, optional
        Accuracies; None where nothing was trained.
    shortcomings : tuple of str, optional
        What could not be found out, and why.
    """

    twin: IdentifiedBench
    components: int
    outputs: int
    limits: Limits | None = None
    on_twin: FidelityReport | None = None
    costs: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    on_bench: FidelityReport | None = None
    training: Training | None = None
    shortcomings: tuple[str, ...] = ()

    @property
    def main_limit(self) -> str:
        """Return the cause that costs most against the bench's own matrix; empty where none is known."""
        predicted = {term.name: term.saved for term in self.limits.own.terms} if self.limits else {}
        costs = {**predicted, **self.costs}
        return max(costs, key=lambda name: costs[name], default="")


def twin_fidelity(
    description: BenchDescription, *, components: int, outputs: int, vectors: int = 64, seed: int = 0
) -> FidelityReport:
    """Measure the fidelity of a twin in simulation.

    Parameters
    ----------
    description : BenchDescription
        The twin.
    components, outputs : int
        Length of the vectors, number of outputs.
    vectors : int, optional
        Random ternary vectors.
    seed : int, optional
        Seed of the twin's medium, its noise, and the vectors.

    Returns
    -------
    FidelityReport
        Against the matrix that the simulated twin has: where the beam trembles, its mean (`steady_map`).

    Raises
    ------
    ValueError
        If the vectors do not fit the layout, or the light does not suit the camera.
    """
    bench = SimulatedBench(description, seed=seed)
    projector = AnchorProjector(bench, components=components, outputs=outputs)
    reference = steady_map(bench, projector)
    return measure_fidelity(projector, vectors=vectors, rng=np.random.default_rng(seed), reference=reference)


def measured_costs(
    description: BenchDescription, whole: FidelityReport, *, components: int, outputs: int, vectors: int, seed: int
) -> dict[str, float]:
    """Measure on the twin what causes cost that budgets do not know, and drift, of which they know one call alone.

    Parameters
    ----------
    description : BenchDescription
        The twin.
    whole : FidelityReport
        What `twin_fidelity` found with the same settings.
    components, outputs : int
        Length of the vectors, number of outputs.
    vectors : int
        Random ternary vectors.
    seed : int
        Seed of the twin.

    Returns
    -------
    dict of str to float
        By cause, what the error 1 - cos^2 falls by without it; the same seeds with and without.

    Raises
    ------
    ValueError
        If the twin cannot be calibrated without a cause.
    """
    names = [*left_out_causes(description), *(name for name in ("drift",) if name in present_causes(description))]
    costs = {}
    for name in names:
        steadier = without_causes(description, [name])
        report = twin_fidelity(steadier, components=components, outputs=outputs, vectors=vectors, seed=seed)
        costs[name] = _error(whole) - _error(report)
    return costs


def _error(report: FidelityReport) -> float:
    """Return the error against the truth, or that which repeats show."""
    return (report.against_truth or report.from_repeats).error.value


def bench_fidelity(
    bench: Bench, description: BenchDescription, *, components: int, outputs: int, vectors: int = 64, seed: int = 0
) -> FidelityReport:
    """Measure the fidelity of the bench itself, its camera's figures being those of the twin.

    Parameters
    ----------
    bench : Bench
        The bench that was identified.
    description : BenchDescription
        Its twin.
    components, outputs : int
        Length of the vectors, number of outputs.
    vectors : int, optional
        Random ternary vectors.
    seed : int, optional
        Seed of the vectors.

    Returns
    -------
    FidelityReport
        From repeats; against the truth as well where the bench is a simulated stand-in.

    Raises
    ------
    ValueError
        If the vectors do not fit the layout, or the light does not suit the camera.
    """
    own = delivered_camera(description.camera)
    # The alignment of the words is the device's, and so are the exposure times that it grants.
    camera = replace(own, alignment=bench.camera.alignment, shutter=bench.camera.shutter)
    projector = AnchorProjector(BenchWithCamera(bench, camera), components=components, outputs=outputs)
    reference = steady_map(bench, projector) if isinstance(bench, SimulatedBench) else None
    return measure_fidelity(projector, vectors=vectors, rng=np.random.default_rng(seed), reference=reference)


def steady_map(bench: SimulatedBench, projector: AnchorProjector) -> NDArray[np.float64]:
    """Return the linear map that a simulated bench has when it is calibrated, averaged over a trembling beam.

    Parameters
    ----------
    bench : SimulatedBench
        The bench.
    projector : AnchorProjector
        What was calibrated on it.

    Returns
    -------
    ndarray of float64, shape (output, component)
        The map at the time of the stored frames; where the pointing changes faster than the frames, its mean over
        `TREMBLES` directions within a frame.

    Notes
    -----
    One direction of a beam that trembles is a map that no other frame has: the stored frames hold the mean of many.
    """
    calibration, pointing = projector.calibration, bench.description.laser.pointing
    start, period = calibration.levels[0].timestamp, bench.description.frame_period
    trembles = pointing.present and SETTLED * TREMBLES * pointing.correlation_time < period
    times = start + period * np.arange(TREMBLES) / TREMBLES if trembles else np.array([start])
    scheme = calibration.scheme
    chosen = np.ix_(calibration.outputs, scheme.components)
    return np.asarray(
        np.mean([bench.truth.linear_map(scheme.anchor_states, time=float(time))[chosen] for time in times], axis=0)
    )
