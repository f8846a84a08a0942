"""The answer to who has identified a bench: what limits it, how faithful it is, whether a network learns on it."""

from dataclasses import dataclass, replace

import numpy as np

from calibration.fidelities.measured import FidelityReport, measure_fidelity
from calibration.identification.known_camera import BenchWithCamera
from calibration.identification.limits import Limits
from calibration.identification.training import Training
from calibration.identification.twin_figures import IdentifiedBench
from calibration.projector import AnchorProjector
from optics.bench import Bench, BenchDescription
from optics.sensing.binning import delivered_camera
from optics.simulated_bench import SimulatedBench


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
    on_bench: FidelityReport | None = None
    training: Training | None = None
    shortcomings: tuple[str, ...] = ()


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
        Against the matrix that the simulated twin has.

    Raises
    ------
    ValueError
        If the vectors do not fit the layout, or the light does not suit the camera.
    """
    projector = AnchorProjector(SimulatedBench(description, seed=seed), components=components, outputs=outputs)
    return measure_fidelity(projector, vectors=vectors, rng=np.random.default_rng(seed))


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
    known = BenchWithCamera(bench, camera)
    projector = AnchorProjector(known, components=components, outputs=outputs)
    return measure_fidelity(projector, vectors=vectors, rng=np.random.default_rng(seed))
