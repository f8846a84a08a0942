"""What an identification brings back, as those who report it see it: figures, choices, the described twin."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from calibration.cameras.uncertainty import Measured
from calibration.identification.observations import Observations
from optics.bench import BenchDescription


@dataclass(frozen=True, kw_only=True)
class TwinFigure:
    """One identified figure of a bench.

    Parameters
    ----------
    group : str
        Part of the bench, for instance ``"Camera"``: rows of a group stand together.
    name : str
        What it is, in words.
    symbol : str
        Its symbol, or an empty text.
    measured : Measured
        Value, standard uncertainty, bound.
    unit : str
        Unit, or an empty text.
    sentence : str
        What the figure means, or from which frames it comes.
    field : str, optional
        Dotted name in the bench file that it decides, such as ``"camera.gain"``; empty where it decides none.
    """

    group: str
    name: str
    symbol: str
    measured: Measured
    unit: str
    sentence: str
    field: str = ""


class IdentifiedBench(Protocol):
    """A twin: the description of a bench that was found from frames, and how it was found."""

    @property
    def description(self) -> BenchDescription:
        """Return the twin's description."""

    @property
    def figures(self) -> Sequence[TwinFigure]:
        """Return what was identified, each with its uncertainty."""

    @property
    def choices(self) -> tuple[str, ...]:
        """Return what frames cannot tell and was fixed by choice, in sentences."""

    @property
    def flags(self) -> tuple[str, ...]:
        """Return what a reader has to know before trusting the figures."""

    @property
    def exposures(self) -> int:
        """Return the number of frames that the identification took."""

    def save(self, path: Path) -> None:
        """Write the twin as a bench file, each figure with its uncertainty beside it."""

    @property
    def observations(self) -> Observations | None:
        """Return the frames, for pictures; None where they were not kept."""
