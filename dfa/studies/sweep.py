"""Sweeps: lists of points, each a few fields with their values, and how their axes are drawn."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optics.validation import check_count


@dataclass(frozen=True, kw_only=True)
class Axis:
    """How a swept quantity is drawn.

    Parameters
    ----------
    name : str
        What stands at the axis.
    unit : str, optional
        Its unit, empty for none.
    log : bool, optional
        Whether the axis is logarithmic.

    Raises
    ------
    TypeError
        If a text is none, or ``log`` is neither true nor false.
    """

    name: str
    unit: str = ""
    log: bool = False

    def __post_init__(self) -> None:
        """Check the types."""
        if not isinstance(self.name, str) or not isinstance(self.unit, str):
            raise TypeError(f"an axis has a name and a unit in words, got {self.name!r} and {self.unit!r}")
        if not isinstance(self.log, bool):
            raise TypeError(f"axis {self.name}: log = {self.log!r} must be true or false")

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name} / {self.unit}" if self.unit else self.name


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Points that belong together.

    Parameters
    ----------
    name : str
        Name for the table and the figures.
    axes : tuple of str
        Fields that figures are drawn against, each a field of every point.
    points : tuple of mapping
        The points: values by the path of their field.

    Raises
    ------
    ValueError
        If there is no point, or the points differ in their fields.
    """

    name: str
    axes: tuple[str, ...]
    points: tuple[Mapping[str, Any], ...]

    def __post_init__(self) -> None:
        """Check that the points have the same fields."""
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"a sweep needs a name in words, got {self.name!r}")
        if not self.points:
            raise ValueError(f"sweep {self.name!r} has no points")
        object.__setattr__(self, "points", tuple(plain_values(point) for point in self.points))
        fields = list(self.points[0])
        for index, point in enumerate(self.points):
            if sorted(point) != sorted(fields):
                raise ValueError(
                    f"sweep {self.name!r}: point {index} sets {sorted(point)} and the first one {sorted(fields)}; "
                    "all points of a sweep set the same fields"
                )
        if not fields or any(axis not in fields for axis in self.axes):
            raise ValueError(f"sweep {self.name!r}: its axes {list(self.axes)} must be among its fields {fields}")

    @property
    def shared(self) -> dict[str, Any]:
        """Fields that are not axes and have one value at all points."""
        first = self.points[0]
        same = [path for path in first if all(point[path] == first[path] for point in self.points)]
        return {path: first[path] for path in same if path not in self.axes}


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as Python has them, where they came from NumPy.

    Parameters
    ----------
    values : mapping
        Values by path.

    Returns
    -------
    dict
        The same values; NumPy's numbers are Python's, arrays are lists.
    """
    numpy = (np.generic, np.ndarray)
    return {path: value.tolist() if isinstance(value, numpy) else value for path, value in values.items()}


def grid(name: str, values: Mapping[str, Sequence[Any]]) -> Sweep:
    """Return every combination of the values of some fields.

    Parameters
    ----------
    name : str
        Name of the sweep.
    values : mapping of str to sequence
        The values of each field, by its path; the last field changes fastest.

    Returns
    -------
    Sweep
        The points, with every field as an axis.
    """
    points = tuple(dict(zip(values, each, strict=True)) for each in itertools.product(*values.values()))
    return Sweep(name=name, axes=tuple(values), points=points)


def together(name: str, values: Mapping[str, Sequence[Any]]) -> Sweep:
    """Return points in which several fields change together.

    Parameters
    ----------
    name : str
        Name of the sweep.
    values : mapping of str to sequence
        As many values for each field as there are points; the first field is the axis.

    Returns
    -------
    Sweep
        The points.

    Raises
    ------
    ValueError
        If the numbers of values differ.
    """
    lengths = {path: len(each) for path, each in values.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"sweep {name!r}: fields that change together need as many values each, got {lengths}")
    points = tuple(dict(zip(values, each, strict=True)) for each in zip(*values.values(), strict=True))
    return Sweep(name=name, axes=tuple(values)[:1], points=points)


def spaced(start: float, stop: float, *, count: int, log: bool = False) -> list[float]:
    """Return evenly spaced values, both ends included.

    Parameters
    ----------
    start, stop : float
        First and last value.
    count : int
        Number of values, at least two.
    log : bool, optional
        Whether their ratios are equal instead of their differences.

    Returns
    -------
    list of float
        The values, rounded to twelve digits.

    Raises
    ------
    ValueError
        If there are fewer than two values, or a logarithmic range does not lie above zero.
    """
    check_count("count", count, at_least=2, at_most=100_000)
    if log and not (start > 0 and stop > 0):
        raise ValueError(f"a logarithmic range lies above zero, got {start:g} to {stop:g}")
    parts = [index / (count - 1) for index in range(count)]
    values = [start * (stop / start) ** part if log else start + (stop - start) * part for part in parts]
    return [float(f"{value:.12g}") for value in values]
