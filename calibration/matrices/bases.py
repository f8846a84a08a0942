"""Input bases: series of binary patterns from whose fields a transmission matrix follows.

Fields are affine in the states: S(b) = e + T b, with e the static field of the mirrors that are off and T (output,
input) what switching a macropixel on adds. The frames of a basis determine T, and e where they can.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from optics.validation import check_count

Values = NDArray[np.inexact[Any]]
Variances = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class BasisSolution:
    """What the fields of a basis tell, or the variances of that.

    Parameters
    ----------
    matrix : ndarray, shape (output, input)
        Matrix T, in the unit of the fields; or the variances of its entries (mean of the squared modulus of the
        complex error), in the square of it.
    static : ndarray, shape (output,)
        Static field e, or its variance; zero where the basis takes it to be zero.
    """

    matrix: Values
    static: Values


class InputBasis(Protocol):
    """A series of binary patterns and the solution for the matrix.

    Attributes
    ----------
    inputs : int
        Number of macropixels.
    frames : int
        Number of patterns.
    solves_static : bool
        Whether the static field is solved for; if not, it is taken to be zero and what there is of it spoils T.
    """

    @property
    def inputs(self) -> int:
        """Return the number of macropixels."""

    @property
    def frames(self) -> int:
        """Return the number of patterns."""

    @property
    def solves_static(self) -> bool:
        """Return whether the static field is solved for."""

    def patterns(self, frames: slice = slice(None)) -> NDArray[np.bool_]:
        """Return some of the patterns.

        Parameters
        ----------
        frames : slice, optional
            Which of them, all by default.

        Returns
        -------
        ndarray of bool, shape (frame, input)
            Macropixel states.
        """

    def solve(self, fields: Values) -> BasisSolution:
        """Return the matrix from the field of each pattern.

        Parameters
        ----------
        fields : ndarray, shape (frame, output)
            Fields S, complex or real, of any number of outputs; the solution has their precision.

        Returns
        -------
        BasisSolution
            Matrix and static field.
        """

    def solve_variance(self, variance: Variances) -> BasisSolution:
        """Return the variances of the solution.

        Parameters
        ----------
        variance : ndarray of float, shape (frame, output)
            Variances of the fields; errors of different frames are independent.

        Returns
        -------
        BasisSolution
            Variances of the entries and of the static field; the matrix may be a read-only view.
        """


def frame_indices(frames: slice, *, count: int) -> NDArray[np.int64]:
    """Return the frames that a slice names.

    Parameters
    ----------
    frames : slice
        The slice.
    count : int
        Number of frames of the basis.

    Returns
    -------
    ndarray of int
        Frame indices.
    """
    return np.arange(count)[frames]


def check_fields(fields: Values, basis: InputBasis) -> None:
    """Refuse fields that do not fit a basis.

    Parameters
    ----------
    fields : ndarray, shape (frame, output)
        Fields of the patterns, or their variances.
    basis : InputBasis
        The basis.

    Raises
    ------
    ValueError
        If there is not one row a pattern.
    TypeError
        If the numbers are not float or complex.
    """
    if fields.ndim != 2 or len(fields) != basis.frames:
        raise ValueError(
            f"fields must have shape ({basis.frames}, output), one row a pattern of the basis, got {fields.shape}"
        )
    if not np.issubdtype(fields.dtype, np.inexact):
        raise TypeError(f"fields must be float or complex, got {fields.dtype}; retrieve fields from the counts first")


@dataclass(frozen=True, kw_only=True)
class CanonicalBasis:
    """One macropixel on at a time, after frames with all of them off.

    .. math:: T_n = S_n - e, \\qquad \\mathrm{var}(T_n) = \\sigma^2 (1 + 1/R)

    Parameters
    ----------
    inputs : int
        Number of macropixels.
    off_frames : int, optional
        Number R of all-off frames, which come first; with none the static field is taken to be zero.

    Notes
    -----
    Frames are dark, so that read noise counts in full; the error of e is shared by all entries of a row.
    """

    inputs: int
    off_frames: int = 1

    def __post_init__(self) -> None:
        check_count("inputs", self.inputs)
        check_count("off_frames", self.off_frames, at_least=0)

    @property
    def frames(self) -> int:
        """Return the number of patterns."""
        return self.off_frames + self.inputs

    @property
    def solves_static(self) -> bool:
        """Return whether there are all-off frames."""
        return self.off_frames > 0

    def patterns(self, frames: slice = slice(None)) -> NDArray[np.bool_]:
        """Return some of the patterns.

        Parameters
        ----------
        frames : slice, optional
            Which of them, all by default.

        Returns
        -------
        ndarray of bool, shape (frame, input)
            Macropixel states.
        """
        lit = frame_indices(frames, count=self.frames) - self.off_frames
        return np.asarray(lit[:, np.newaxis] == np.arange(self.inputs))

    def solve(self, fields: Values) -> BasisSolution:
        """Return the matrix from the field of each pattern.

        Parameters
        ----------
        fields : ndarray, shape (frame, output)
            Fields of the patterns.

        Returns
        -------
        BasisSolution
            Matrix and static field.
        """
        check_fields(fields, self)
        off = fields[: self.off_frames]
        static = off.mean(axis=0) if self.off_frames else np.zeros(fields.shape[1], fields.dtype)
        return BasisSolution(np.ascontiguousarray((fields[self.off_frames :] - static).T), static)

    def solve_variance(self, variance: Variances) -> BasisSolution:
        """Return the variances of the solution.

        Parameters
        ----------
        variance : ndarray of float, shape (frame, output)
            Variances of the fields.

        Returns
        -------
        BasisSolution
            Variances of the entries and of the static field.
        """
        check_fields(variance, self)
        off = variance[: self.off_frames]
        zero = np.zeros(variance.shape[1], variance.dtype)
        static = off.mean(axis=0) / np.asarray(self.off_frames, variance.dtype) if self.off_frames else zero
        return BasisSolution(np.ascontiguousarray((variance[self.off_frames :] + static).T), static)
