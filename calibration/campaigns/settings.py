"""What a person chooses of a campaign, and the method and the frames that follow from it."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibration.campaigns.intensity_methods import InterferometryMethod, PhaseRetrievalMethod
from calibration.campaigns.methods import MatrixMethod
from calibration.campaigns.off_axis_method import OffAxisMethod
from calibration.campaigns.phase_stepping_method import PhaseSteppingMethod
from calibration.campaigns.plan import CampaignPlan
from calibration.matrices.bases import CanonicalBasis, InputBasis
from calibration.matrices.hadamard_bases import HadamardBasis, HadamardPairsBasis, SMatrixBasis
from calibration.matrices.nested_anchors import plan_interferometry
from calibration.matrices.state_bases import CirculantBasis, circulant_sequence, random_basis
from optics.validation import check_choice, check_count, check_number

BASES = ("hadamard", "hadamard_pairs", "canonical", "s_matrix", "random", "circulant")
METHODS = ("phase_stepping", "off_axis", "interferometry", "phase_retrieval")
RANDOM_PATTERNS = 6
"""Random patterns an unknown of a row that phase retrieval is given: four suffice without noise."""

PATTERNS, JUDGED = 1, 2
"""Keys of the random streams: patterns of the method, and those that are repeated or held out."""


@dataclass(frozen=True, kw_only=True)
class CampaignSettings:
    """What a person chooses of a campaign.

    Parameters
    ----------
    method : str, optional
        How fields or rows are retrieved, one of `METHODS`.
    basis : str, optional
        Patterns of the methods that see fields, one of `BASES`.
    steps : int, optional
        Phases of the reference arm for each pattern, evenly over a turn.
    find_steps : bool, optional
        Whether the phases of the reference are found from the frames instead of taken as commanded.
    patterns : int, optional
        Patterns of the random basis and of the methods that see intensities; 0 takes what they need with a margin.
    anchors : int, optional
        Anchors of numerical interferometry; 0 takes up to twenty.
    polish : bool, optional
        Whether rows of numerical interferometry are fitted to all frames at once in the end: errors 1.5 to 3 times
        smaller for some hundred times the work.
    radius : float, optional
        Radius of the band of the field in off-axis frames, in cycles per pixel.
    reference_interval : int, optional
        Patterns between two repeats of the reference pattern.
    held_out : int, optional
        Random patterns that the matrix must predict.
    batch_frames : int, optional
        Frames of one exposure call.
    seed : int, optional
        Seed of random patterns.

    Raises
    ------
    ValueError
        If a name is not known or a number out of its range.
    """

    method: str = "phase_stepping"
    basis: str = "hadamard"
    steps: int = 4
    find_steps: bool = False
    patterns: int = 0
    anchors: int = 0
    polish: bool = False
    radius: float = 0.085
    reference_interval: int = 32
    held_out: int = 32
    batch_frames: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("method", self.method, METHODS)
        check_choice("basis", self.basis, BASES)
        check_count("steps", self.steps, at_least=3, at_most=360)
        check_count("held_out", self.held_out, at_least=2)
        check_number("radius", self.radius, unit="cycles/pixel", above=0, at_most=0.17)
        for name in ("reference_interval", "batch_frames"):
            check_count(name, getattr(self, name))
        for name in ("patterns", "anchors", "seed"):
            check_count(name, getattr(self, name), at_least=0)

    def table(self) -> dict[str, Any]:
        """Return the settings as a plain table.

        Returns
        -------
        dict
            Settings by name.
        """
        return dataclasses.asdict(self)


def make_basis(settings: CampaignSettings, *, inputs: int) -> InputBasis:
    """Return the patterns of the methods that see fields.

    Parameters
    ----------
    settings : CampaignSettings
        What was chosen.
    inputs : int
        Number of macropixels.

    Returns
    -------
    InputBasis
        The basis.
    """
    rng = np.random.default_rng([settings.seed, PATTERNS])
    if settings.basis == "random":
        return random_basis(inputs, settings.patterns or 2 * inputs + 1, rng=rng)
    if settings.basis == "circulant":
        return CirculantBasis(sequence=circulant_sequence(inputs, rng=rng))
    if settings.basis == "canonical":  # the error of the static field is shared by all entries of a row
        return CanonicalBasis(inputs=inputs, off_frames=round(math.sqrt(inputs)))
    kinds: dict[str, Callable[..., InputBasis]] = {
        "hadamard": HadamardBasis,
        "hadamard_pairs": HadamardPairsBasis,
        "s_matrix": SMatrixBasis,
    }
    return kinds[settings.basis](inputs=inputs)


def make_method(settings: CampaignSettings, *, inputs: int) -> MatrixMethod:
    """Return the method that was chosen.

    Parameters
    ----------
    settings : CampaignSettings
        What was chosen.
    inputs : int
        Number of macropixels.

    Returns
    -------
    MatrixMethod
        The method.
    """
    rng = np.random.default_rng([settings.seed, PATTERNS])
    if settings.method == "interferometry":
        anchors = settings.anchors or min(20, inputs - math.ceil(0.75 * inputs))
        return InterferometryMethod(plan=plan_interferometry(inputs, rng=rng, anchors=anchors), polish=settings.polish)
    if settings.method == "phase_retrieval":
        shown = settings.patterns or RANDOM_PATTERNS * (inputs + 1)
        return PhaseRetrievalMethod(states=rng.random((shown, inputs)) < 0.5, seed=settings.seed)
    basis = make_basis(settings, inputs=inputs)
    if settings.method == "off_axis":
        return OffAxisMethod(basis=basis, radius=settings.radius)
    phases = tuple(2 * math.pi * step / settings.steps for step in range(settings.steps))
    return PhaseSteppingMethod(basis=basis, phases=phases, find_steps=settings.find_steps)


def make_plan(settings: CampaignSettings, method: MatrixMethod) -> CampaignPlan:
    """Return the frames of a campaign.

    Parameters
    ----------
    settings : CampaignSettings
        What was chosen.
    method : MatrixMethod
        The method.

    Returns
    -------
    CampaignPlan
        The frames; the reference pattern and those held out are random, half on.
    """
    inputs = method.series.inputs
    drawn = np.random.default_rng([settings.seed, JUDGED]).random((settings.held_out + 1, inputs)) < 0.5
    return CampaignPlan(
        series=method.series,
        phases=method.phases,
        reference_pattern=drawn[0],
        reference_interval=settings.reference_interval,
        held_out=drawn[1:],
        batch_frames=settings.batch_frames,
    )
