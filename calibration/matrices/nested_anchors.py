"""Frames of numerical interferometry: signals, anchors that contain them, and the differences of the two."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from calibration.matrices.circulant import CirculantInputs, well_conditioned_inputs
from optics.validation import check_count

States = NDArray[np.bool_]

LEAST_ANCHORS = 4
"""Anchors that a plane and a static field need at least: five points have ten distances for nine unknowns."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HalfPlan:
    """Signals on some of the inputs, and anchors that grow over the others.

    Parameters
    ----------
    columns : ndarray of int, shape (column,)
        Inputs on which the signals live.
    circulant : CirculantInputs
        The signals, on these inputs.
    anchors : ndarray of bool, shape (anchor + 1, input)
        No input at all, then patterns that each contain the one before; the first of them contains all ``columns``.

    Notes
    -----
    A difference of two patterns can only be shown where one contains the other. All signals are inside all anchors but
    the empty one, which is inside all signals: the frame of signal x and anchor s is s without x, or x alone.
    """

    columns: NDArray[np.int64]
    circulant: CirculantInputs
    anchors: States

    @property
    def pairs(self) -> int:
        """Return the number of frames of differences of anchors, the empty one included."""
        return math.comb(len(self.anchors), 2)

    @property
    def frames(self) -> int:
        """Return the number of frames: differences of anchors, then of each signal to all anchors."""
        return self.pairs + self.circulant.signals * len(self.anchors)

    def patterns(self) -> States:
        """Return the frames.

        Returns
        -------
        ndarray of bool, shape (frame, input)
            Differences of anchors in the order of `numpy.triu_indices`; then signal by signal the differences to all
            anchors, the empty one first.
        """
        inner, outer = np.triu_indices(len(self.anchors), 1)
        signals = np.zeros((self.circulant.signals, self.anchors.shape[1]), np.bool_)
        signals[:, self.columns] = self.circulant.patterns()
        differences = signals[:, np.newaxis] ^ self.anchors
        return np.concatenate([
            self.anchors[outer] ^ self.anchors[inner], differences.reshape(-1, self.anchors.shape[1])
        ])  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class InterferometryPlan:
    """All frames of a matrix.

    Parameters
    ----------
    inputs : int
        Macropixels.
    off_frames : int
        Frames with everything off, which come first.
    halves : tuple of HalfPlan
        Two plans whose signals together live on all inputs, and share some.
    """

    inputs: int
    off_frames: int
    halves: tuple[HalfPlan, HalfPlan]

    @property
    def frames(self) -> int:
        """Return the number of frames."""
        return self.off_frames + sum(half.frames for half in self.halves)

    @cached_property
    def patterns(self) -> States:
        """Return macropixel states, bool, shape (frame, input): frames without any, then those of each half."""
        off = np.zeros((self.off_frames, self.inputs), np.bool_)
        return np.concatenate([off, *(half.patterns() for half in self.halves)])


def plan_interferometry(
    inputs: int,
    *,
    rng: np.random.Generator,
    anchors: int = 20,
    columns: int | None = None,
    blocks: int = 2,
    off_frames: int = 1,
) -> InterferometryPlan:
    """Return the frames that tell a matrix by numerical interferometry.

    Parameters
    ----------
    inputs : int
        Number N of macropixels.
    rng : numpy.random.Generator
        Where sequences and anchors come from.
    anchors : int, optional
        Number K of anchors, the empty one not counted.
    columns : int or None, optional
        Inputs n of the signals of a half; None takes three quarters.
    blocks : int, optional
        Circulant blocks of a half, of n signals each.
    off_frames : int, optional
        Frames with everything off.

    Returns
    -------
    InterferometryPlan
        off_frames + 2 (K (K + 1) / 2 + blocks n (K + 1)) frames.

    Raises
    ------
    ValueError
        If there are too few anchors, too few inputs for the anchors to grow over, or halves that do not overlap.

    Notes
    -----
    Anchors contain all signals, so what distinguishes them are inputs without a signal: a matrix takes two halves. For
    100 inputs the published program shows 6804 frames: 2 (210 + 150 x 21) = 6720 different ones, as here, and in each
    half 20 anchors, the empty frame and the 21 frames of its first signal once more. Those 84 say more as
    ``off_frames``.

    References
    ----------
    .. [1] S. Gupta, R. Gribonval, L. Daudet and I. Dokmanic, "Fast optical system identification by numerical
       interferometry", ICASSP 2020, 1474-1478. arXiv:1911.01006
    """
    check_count("inputs", inputs, at_least=8)
    check_count("blocks", blocks)
    check_count("off_frames", off_frames)
    size = math.ceil(0.75 * inputs) if columns is None else columns
    check_count("columns", size, at_least=math.ceil((inputs + 3) / 2), at_most=inputs - 1)
    _check_anchors(anchors, inputs=inputs, columns=size)
    order = rng.permutation(inputs)
    circulant = well_conditioned_inputs(size, blocks=blocks, rng=rng)
    first, second = (
        _half(order[rest], inputs=inputs, anchors=anchors, circulant=circulant)
        for rest in (slice(0, inputs - size), slice(inputs - size, 2 * (inputs - size)))
    )
    return InterferometryPlan(inputs=inputs, off_frames=off_frames, halves=(first, second))


def _check_anchors(anchors: int, *, inputs: int, columns: int) -> None:
    """Refuse anchors that are too few for a plane, or more than there are inputs for them to grow over."""
    check_count("anchors", anchors)
    if anchors < LEAST_ANCHORS:
        raise ValueError(
            f"{anchors} anchors are too few to find points and a static field: take {LEAST_ANCHORS} or more"
        )
    if anchors > inputs - columns:
        raise ValueError(
            f"{anchors} anchors cannot all differ on the {inputs - columns} inputs that carry no signal: take at most "
            f"{inputs - columns} anchors, or columns of at most {inputs - anchors}"
        )


def _half(rest: NDArray[np.int64], *, inputs: int, anchors: int, circulant: CirculantInputs) -> HalfPlan:
    """Return a half whose anchors grow over given inputs, in their order, and whose signals are on all others."""
    states = np.zeros((anchors + 1, inputs), np.bool_)
    states[1:] = True
    for step, part in enumerate(np.array_split(rest, anchors), start=1):
        states[:step, part] = False
    return HalfPlan(columns=np.setdiff1d(np.arange(inputs), rest), circulant=circulant, anchors=states)
