"""Parts of a matrix whose rows are known up to a rotation and a reflection: turned onto each other and joined."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Field = NDArray[np.complex128]

SIGMAS = 2.0
"""Standard deviations of the mismatch of two parts by which it must exceed one before variances are blamed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RowTurn:
    """What turns rows onto a reference.

    .. math:: t' = e^{\\mathrm{i} \\alpha} t \\quad \\mathrm{or} \\quad e^{\\mathrm{i} \\alpha} \\bar t

    Parameters
    ----------
    phase : ndarray of complex, shape (output,)
        The factor exp(i alpha).
    conjugate : ndarray of bool, shape (output,)
        Where the row is conjugated first.
    evidence : ndarray, shape (output,)
        Logarithm of the likelihood of the orientation that was taken over that of the other, where the weights are
        inverse variances of the differences.
    mismatch : ndarray, shape (output,)
        chi^2 per degree of freedom of what the turned rows differ from the reference by: one where the variances are
        right.
    columns : int
        Columns that were compared.
    """

    phase: Field
    conjugate: NDArray[np.bool_]
    evidence: Real
    mismatch: Real
    columns: int

    @property
    def variance_scale(self) -> Real:
        """Return what variances must be multiplied by to explain the mismatch, shape (output,); 1 where chance does."""
        chance = SIGMAS / np.sqrt(_degrees(self.columns))
        return np.where(self.mismatch > 1 + chance, self.mismatch, 1.0)

    def apply(self, rows: NDArray[np.complexfloating]) -> Field:
        """Return turned rows.

        Parameters
        ----------
        rows : ndarray of complex, shape (output, ...)
            Rows, or one number a row.

        Returns
        -------
        ndarray of complex128, same shape
            Rows on the reference.
        """
        extra = (1,) * (rows.ndim - 1)
        flipped = np.where(self.conjugate.reshape(-1, *extra), rows.conj(), rows)
        return np.asarray(flipped * self.phase.reshape(-1, *extra), np.complex128)


def row_turn(
    rows: NDArray[np.complexfloating],
    reference: NDArray[np.complexfloating],
    *,
    weights: Real | None = None,
    opposite: bool = False,
) -> RowTurn:
    """Return what turns each row onto its reference: the ambiguity that intensities of binary inputs leave.

    .. math:: \\alpha = \\arg \\sum_n w_n \\bar t_n r_n \\quad \\mathrm{or} \\quad \\arg \\sum_n w_n t_n r_n

    whichever sum is larger.

    Parameters
    ----------
    rows, reference : ndarray of complex, shape (output, input)
        Rows and what they are turned onto.
    weights : ndarray or None, shape (output, input), optional
        Weights w; None for ones.
    opposite : bool, optional
        Take the orientation with the smaller sum instead: where a second look starts. Its evidence is negative.

    Returns
    -------
    RowTurn
        Phases and conjugations.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Real inputs give the same light for a row and its conjugate (law L55); the phase is that of least squares. With
    normal errors of variance 1 / w of each difference, 2 (|taken sum| - |other sum|) is the evidence, in nats. It
    says more than the ratio of the sums: a row with one dominant entry overlaps with its own conjugate.
    """
    if rows.shape != reference.shape or rows.ndim != 2:
        raise ValueError(
            f"rows of shape {rows.shape} cannot be turned onto a reference of shape {reference.shape}: "
            "both must be (output, input)"
        )
    held = np.ones(rows.shape) if weights is None else weights
    weighted = np.asarray(reference * held, np.complex128)
    upright = np.einsum("mn,mn->m", rows.conj(), weighted)
    mirrored = np.einsum("mn,mn->m", rows, weighted)
    conjugate = (np.abs(mirrored) > np.abs(upright)) ^ opposite
    taken, other = np.where(conjugate, mirrored, upright), np.where(conjugate, upright, mirrored)
    squares = np.sum(held * (np.abs(rows) ** 2 + np.abs(reference) ** 2), axis=1) - 2 * np.abs(taken)
    return RowTurn(
        phase=np.exp(1j * np.angle(taken)), conjugate=conjugate, evidence=2 * (np.abs(taken) - np.abs(other)),
        mismatch=np.maximum(squares, 0) / _degrees(rows.shape[1]), columns=rows.shape[1],
    )  # fmt: skip


def _degrees(columns: int) -> float:
    """Return complex numbers that differ by chance: half a one of the columns goes into the phase."""
    return max(columns, 1) - 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Some columns of a matrix, each row turned and perhaps conjugated in an unknown way.

    Parameters
    ----------
    columns : ndarray of int, shape (column,)
        Where the columns belong.
    value : ndarray of complex, shape (output, column)
        Entries.
    variance : ndarray, shape (output, column)
        Mean squared moduli of their errors.
    """

    columns: NDArray[np.int64]
    value: Field
    variance: Real


def stitch(first: Part, second: Part, *, inputs: int, opposite: bool = False) -> tuple[Part, RowTurn]:
    """Join two parts that share columns: the second is turned onto the first.

    Parameters
    ----------
    first, second : Part
        The parts; together they hold every column.
    inputs : int
        Columns of the whole matrix.
    opposite : bool, optional
        Join in the less likely orientation.

    Returns
    -------
    tuple of Part and RowTurn
        The whole, columns in order, and how the second part was turned. Shared columns are the means weighted by the
        inverse variances; variances hold the error of the angle between the parts.

    Raises
    ------
    ValueError
        If a column is in neither part, or fewer than two are in both.

    Notes
    -----
    The angle has the variance 1 / sum of 2 |t|^2 / (v_1 + v_2) over shared columns. It turns the columns of one part
    against the others; as the phase of the whole row is free, only what is left after a common turn is an error.
    Variances are those that the parts state; `RowTurn.variance_scale` says where the shared columns contradict them.
    """
    places = [np.full(inputs, -1), np.full(inputs, -1)]
    for place, part in zip(places, (first, second), strict=True):
        place[part.columns] = np.arange(len(part.columns))
    held = np.stack(places) >= 0
    both = np.flatnonzero(held.all(axis=0))
    if not held.any(axis=0).all() or len(both) < 2:
        raise ValueError(
            f"parts of {len(first.columns)} and {len(second.columns)} columns share {len(both)} and leave out "
            f"{np.count_nonzero(~held.any(axis=0))} of {inputs}: take parts that cover all columns and share at least 2"
        )
    noise = first.variance[:, places[0][both]] + second.variance[:, places[1][both]]
    weights = 1 / np.maximum(noise, np.finfo(np.float64).tiny)
    reference = first.value[:, places[0][both]]
    turn = row_turn(second.value[:, places[1][both]], reference, weights=weights, opposite=opposite)
    angle_variance = 1 / np.maximum(2 * np.sum(weights * np.abs(reference) ** 2, axis=1), np.finfo(np.float64).tiny)
    joined = _join(first, second, turn.apply(second.value), places)
    value, variance, share = joined
    power = np.abs(value) ** 2
    share = share - np.sum(power * share, axis=1, keepdims=True) / np.sum(power, axis=1, keepdims=True)
    variance += power * share**2 * np.minimum(angle_variance, np.pi**2)[:, np.newaxis]
    return Part(columns=np.arange(inputs), value=value, variance=variance), turn


def _join(first: Part, second: Part, turned: Field, places: list[NDArray[np.int64]]) -> tuple[Field, Real, Real]:
    """Return means of the parts weighted by inverse variances, their variances, and the weight of the second part."""
    shape = (len(first.value), len(places[0]))
    precision, total, of_second = np.zeros(shape), np.zeros(shape, np.complex128), np.zeros(shape)
    for index, (part, value) in enumerate(((first, first.value), (second, turned))):
        weight = 1 / np.maximum(part.variance, np.finfo(np.float64).tiny)
        precision[:, part.columns] += weight
        total[:, part.columns] += weight * value
        of_second[:, part.columns] += weight * index
    return total / precision, 1 / precision, of_second / precision
