"""Which macropixels carry the vector and which the anchor, and which frames a signed vector takes."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.validation import check_choice, check_count


@dataclass(frozen=True, kw_only=True)
class Role:
    """What a frame is for in the sum that gives the projection.

    Parameters
    ----------
    sign : int
        Sign of the frame for a positive half; a negative half turns it.
    anchored : bool
        Whether the anchor takes part: where the half is empty such a frame is the anchor's own.
    """

    sign: int
    anchored: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class AnchorScheme:
    """Which macropixels carry the vector, which the anchor, and how many frames a signed vector takes.

    Parameters
    ----------
    inputs : int
        Number of macropixels of the layout.
    components : ndarray of int, shape (component,)
        Macropixels of the vector's components.
    anchor : ndarray of int, shape (anchor input,)
        Macropixels of the anchor: none of the components (an anchor of its own), or all of them (overlapping).
    frames : {"four", "two"}, optional
        Four frames a signed vector, or the biased shortcut of two, which needs an anchor of its own.

    Raises
    ------
    ValueError
        If macropixels repeat, do not exist, or overlap in part.
    """

    inputs: int
    components: NDArray[np.int64]
    anchor: NDArray[np.int64]
    frames: str = "four"

    def __post_init__(self) -> None:
        check_choice("frames", self.frames, ("four", "two"))
        for name in ("components", "anchor"):
            indices = np.array(getattr(self, name), np.int64)
            indices.flags.writeable = False
            if indices.ndim != 1 or not len(indices):
                raise ValueError(f"{name} must be a list of at least one macropixel, got shape {indices.shape}")
            if indices.min() < 0 or indices.max() >= self.inputs:
                raise ValueError(
                    f"{name} run from macropixel {indices.min()} to {indices.max()}, the layout has {self.inputs}: "
                    "take fewer components, a smaller anchor or a layout with more macropixels"
                )
            if len(np.unique(indices)) < len(indices):
                raise ValueError(f"{name} name a macropixel twice")
            object.__setattr__(self, name, indices)
        shared = np.isin(self.components, self.anchor)
        if shared.any() and not shared.all():
            raise ValueError(
                f"the anchor shares {shared.sum()} of {len(shared)} macropixels with the vector: it must share none "
                "(an anchor of its own) or all (overlapping)"
            )
        if self.overlapping and self.frames == "two":
            raise ValueError("the two-frame shortcut needs an anchor on macropixels of its own")

    @cached_property
    def overlapping(self) -> bool:
        """Return whether the anchor contains the components."""
        return bool(np.isin(self.components[0], self.anchor))

    @cached_property
    def anchor_states(self) -> NDArray[np.bool_]:
        """Return the anchor's pattern, shape (input,)."""
        states = np.zeros(self.inputs, np.bool_)
        states[self.anchor] = True
        states.flags.writeable = False
        return states

    @property
    def roles(self) -> tuple[Role, ...]:
        """Return the frames that one half of a signed vector takes."""
        if self.overlapping:
            return (Role(sign=1, anchored=False), Role(sign=-1, anchored=True))
        return (Role(sign=1, anchored=True), Role(sign=-1, anchored=False))[: 2 if self.frames == "four" else 1]

    def patterns(self, halves: NDArray[np.bool_], role: Role) -> NDArray[np.bool_]:
        """Return the patterns that show one half of signed vectors in one role.

        Parameters
        ----------
        halves : ndarray of bool, shape (vector, component)
            Where the positive (or where the negative) components are.
        role : Role
            The role of the frame.

        Returns
        -------
        ndarray of bool, shape (vector, input)
            Macropixel states. They are the anchor's own where the half is empty and the role is anchored.
        """
        states = np.zeros((len(halves), self.inputs), np.bool_)
        states[:, self.components] = halves
        if role.anchored:
            states ^= self.anchor_states  # p + r where the anchor has its own macropixels, r - p where it overlaps
        return states

    def brightest(self, ones: ArrayLike) -> NDArray[np.int64]:
        """Return how many macropixels the brightest frame of a half has on.

        Parameters
        ----------
        ones : array_like of int
            Number of components that are on.

        Returns
        -------
        ndarray of int
            Macropixels that are on.
        """
        on = np.asarray(ones, np.int64)
        return np.maximum(on, len(self.anchor) - on) if self.overlapping else on + len(self.anchor)


def anchor_size(components: int) -> int:
    """Return the number of anchor macropixels that suits vectors of a given length.

    Parameters
    ----------
    components : int
        Length n of the vectors.

    Returns
    -------
    int
        1.9 times the square root of n, rounded.

    Notes
    -----
    The signal-to-noise ratio of a frame is best where the anchor sends sqrt(2) times the light of the half of
    the vector that it shows (law L58), and falls slowly on both sides. One anchor must serve vectors of any
    density: this one suits the geometric mean between a half of 3.6 components and a full half of n / 2, see
    the fidelity curves in ``benchmarks/README.md``.
    """
    check_count("components", components)
    return max(1, round(1.9 * math.sqrt(components)))


def check_ternary(x: ArrayLike, *, components: int) -> NDArray[np.int8]:
    """Return ternary vectors as int8, or say why they are none.

    Parameters
    ----------
    x : array_like, shape (vector, component)
        Vectors of -1, 0 and 1.
    components : int
        Their length.

    Returns
    -------
    ndarray of int8, shape (vector, component)
        The vectors.

    Raises
    ------
    ValueError
        If the shape does not fit or a value is not -1, 0 or 1; NaN is none of them.
    """
    array = np.asarray(x)
    if np.iscomplexobj(array):
        raise ValueError("x is complex: vectors must be ternary, of -1, 0 and 1")
    if array.ndim != 2 or array.shape[1] != components:
        raise ValueError(f"x must have shape (vector, {components}), got {array.shape}")
    if array.dtype == np.bool_:
        return array.astype(np.int8)
    wrong = ~((array == 0) | (array == 1) | (array == -1))
    if wrong.any():
        vector, component = np.argwhere(wrong)[0]
        raise ValueError(
            f"x[{vector}, {component}] = {array[vector, component]} is not a state of the mirrors: "
            "vectors must be ternary, of -1, 0 and 1; ternarise them first"
        )
    return array.astype(np.int8)
