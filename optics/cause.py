"""The record of a cause: something that makes a bench imperfect, and how the bench without it is described."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from optics.bench import BenchDescription
from optics.validation import check_choice

GROUPS = ("noise", "quantisation", "saturation", "anchor", "drift", "static bias", "faults")
"""Kinds of causes, in the order in which tables name them."""


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
    without: Callable[[BenchDescription], BenchDescription]
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    of_medium: bool = False

    def __post_init__(self) -> None:
        check_choice("group", self.group, GROUPS)

    @classmethod
    def described(
        cls,
        name: str,
        group: str,
        *,
        sentence: str,
        present: Callable[[BenchDescription], bool],
        without: Callable[[BenchDescription], BenchDescription],
    ) -> "Cause":
        """Return a cause that is all in the description and leaves the medium alone.

        Parameters
        ----------
        name : str
            The field's standard term.
        group : str
            One of `GROUPS`.
        sentence : str
            What it is, in a sentence.
        present : callable
            Says of a description whether the cause is there.
        without : callable
            Returns the description of the same bench without the cause.

        Returns
        -------
        Cause
            The cause.
        """
        return cls(name=name, group=group, sentence=sentence, present=present, without=without)


def any_of(part: str, *fields: str) -> Callable[[BenchDescription], bool]:
    """Return whether one of some fields of a part of the bench is not zero, as a function of the bench.

    Parameters
    ----------
    part : str
        Field of the description, such as ``"camera"``.
    *fields : str
        Fields of that part.

    Returns
    -------
    callable
        Takes a `BenchDescription` and answers.
    """
    return lambda bench: any(bool(getattr(getattr(bench, part), name)) for name in fields)
