"""What limits a twin: the predicted error of its projections, cause by cause, and what each change buys."""

from dataclasses import dataclass, replace
from typing import Any

from calibration.budgets.advice import advice
from calibration.budgets.budget import MODELLED, Budget, predict_budget
from optics.bench import BenchDescription
from optics.causes import present_causes, without_causes
from optics.media import PartiallyCoherentDescription, PolarisedDescription

FIXED = ("beam_profile", "macropixel_amplitudes", "flatness", "contrast", "stuck_mirrors")
"""Causes that give a bench another matrix than even light would, and leave it that one for good."""

MODES_LEFT_OUT = (
    "the budget counts one mode of light: that several (polarisations, partial coherence) add up on a pixel is left "
    "out, and the fidelity measured on the twin has it"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Limits:
    """What limits the projections of a bench.

    Parameters
    ----------
    even : Budget
        Error against the matrix that the same medium would have under even light.
    own : Budget
        Error against the matrix that the bench has: uneven and off-state light, which always act alike, left out.
    advice : str
        What changes buy, in sentences; of `own`.
    flags : tuple of str
        What is not in the budgets.
    """

    even: Budget
    own: Budget
    advice: str
    flags: tuple[str, ...]


def find_limits(description: BenchDescription, *, components: int, outputs: int, batch: int = 64) -> Limits:
    """Predict what limits the projections of a bench.

    Parameters
    ----------
    description : BenchDescription
        The bench.
    components, outputs : int
        Length of the vectors, of -1, 0 and 1 with equal chances, and number of pixels that are delivered.
    batch : int, optional
        Vectors of one call: their frames lie between the frames of a vector, which matters where the medium drifts.

    Returns
    -------
    Limits
        Both budgets and the advice.

    Raises
    ------
    ValueError
        If the vectors do not fit the layout, or the medium is one that budgets do not know.
    """
    known = replace(description, medium=_one_mode(description.medium))
    settings: dict[str, Any] = {"components": components, "outputs": outputs, "density": 2 / 3, "batch": batch}
    even = predict_budget(known, **settings)
    own = predict_budget(without_causes(known, FIXED), **settings)
    more = (MODES_LEFT_OUT,) if known.medium != description.medium else ()
    said = [line for line in advice(own).splitlines() if line not in own.flags]
    return Limits(even=even, own=own, advice="\n".join(said), flags=(*even.flags, *more))


def left_out_causes(description: BenchDescription) -> tuple[str, ...]:
    """Return the causes of a bench that budgets do not know.

    Parameters
    ----------
    description : BenchDescription
        The bench.

    Returns
    -------
    tuple of str
        Names of `optics.causes.CAUSES`, pointing for instance.
    """
    return tuple(name for name in present_causes(description) if name not in MODELLED)


def _one_mode(medium: Any) -> Any:
    """Return a medium of the same grain and drift whose light is of one mode."""
    if isinstance(medium, PolarisedDescription | PartiallyCoherentDescription):
        return _one_mode(medium.inside)
    inside = getattr(medium, "inside", None)
    return medium if inside is None else replace(medium, inside=_one_mode(inside))
