"""What a method cannot know of the rows of a matrix: the ambiguities by name, and the one function that fixes them.

A comparison never depends on more than the method left open: `align_rows` turns (and where said, conjugates or
scales) rows of an estimate towards the truth, `matrix_correlation` is blind to the same.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import poch

from calibration.fidelity import null_correlation
from optics.validation import check_choice, check_count

AMBIGUITIES = (
    "none",
    "gain",
    "phase",
    "phase and conjugation",
    "complex factor",
    "complex factor and conjugation",
)
"""What is open in an estimate.

- "none": nothing; external reference whose field is known.
- "gain": one complex factor for the whole matrix; an external reference of unknown phase and strength.
- "phase": a phase a row; an external reference whose phase differs from pixel to pixel.
- "phase and conjugation": that, and whether the row is conjugated; intensities of binary inputs without a reference.
- "complex factor": phase and modulus of each row; a reference of unknown speckle that travels with the light.
- "complex factor and conjugation": all of it; intensities in unknown units of each pixel.
"""

BLOCK_ENTRIES = 2**22
"""Entries of a matrix that are widened to double precision together."""

EITHER_OF_TWO = 2 - 1 / np.sqrt(2)
"""Mean of the larger of two equal and independent Rayleigh variables, over the mean of one."""

Rows = NDArray[np.complexfloating[Any, Any]]


@dataclass(frozen=True, eq=False)
class AlignedRows:
    """An estimate whose open questions were answered by the truth.

    Parameters
    ----------
    matrix : ndarray of complex, shape (output, input)
        The aligned estimate: factor times the row, conjugated first where said.
    factor : ndarray of complex128, shape (output,)
        Factor that each row was multiplied with: of modulus 1 where only a phase is open.
    conjugated : ndarray of bool, shape (output,)
        Rows that were conjugated before.
    """

    matrix: Rows
    factor: NDArray[np.complex128]
    conjugated: NDArray[np.bool_]


def align_rows(estimate: ArrayLike, truth: ArrayLike, *, ambiguity: str) -> AlignedRows:
    """Turn the rows of an estimate towards the truth, as far as the method left them open.

    .. math:: \\hat t_m \\to f_m \\hat t_m \\; \\text{or} \\; f_m \\overline{\\hat t_m}, \\qquad
              f_m = \\arg \\min_f \\| f \\hat t_m - t_m \\|

    Parameters
    ----------
    estimate : array_like, shape (output, input)
        Estimated matrix.
    truth : array_like, shape (output, input)
        True matrix, or another estimate.
    ambiguity : str
        What is open, one of `AMBIGUITIES`.

    Returns
    -------
    AlignedRows
        The aligned matrix, in the precision of the estimate, and what was done to each row.

    Raises
    ------
    ValueError
        If the ambiguity is not known, shapes differ, or an entry is not finite.

    Notes
    -----
    The factor is that of least squares: over phases only where moduli are known, over all complex numbers where
    they are not, and over one number for all rows where the gain alone is open. A row that is zero keeps the factor
    one. Where conjugation is open the row is conjugated if it correlates better so. A phase that is fitted takes the
    error along the row's own direction of phase away, 1 / (2 N) of the noise; conjugation takes nothing while rows
    are recognised.
    """
    check_choice("ambiguity", ambiguity, AMBIGUITIES)
    a, b = _checked_pair(estimate, truth)
    products, conjugated = _products(a, b, ambiguity)
    factor = np.ones(len(a), np.complex128)
    if ambiguity == "gain":
        factor[:] = _divided(products.sum(keepdims=True), _energies(a).sum(keepdims=True))[0]
    elif ambiguity.startswith("phase"):
        factor = _divided(products, np.abs(products))
    elif ambiguity.startswith("complex factor"):
        factor = _divided(products, _energies(a))
    matrix = np.where(conjugated[:, np.newaxis], a.conj(), a) if conjugated.any() else a
    return AlignedRows(matrix * factor.astype(a.dtype)[:, np.newaxis], factor, conjugated)


def matrix_correlation(first: ArrayLike, second: ArrayLike, *, ambiguity: str) -> float:
    """Return how well two matrices agree, blind to what a method leaves open.

    .. math:: \\rho = \\frac{\\sum_m |\\langle a_m, b_m \\rangle|}{\\|A\\| \\|B\\|} \\; \\text{(phase)}, \\qquad
              \\rho = \\frac1M \\sum_m \\frac{|\\langle a_m, b_m \\rangle|}{\\|a_m\\| \\|b_m\\|} \\;
              \\text{(complex factor)}

    Parameters
    ----------
    first, second : array_like, shape (output, input)
        Matrices.
    ambiguity : str
        What is open, one of `AMBIGUITIES`. Where conjugation is, the better of the two products counts in each row;
        for "gain" the sum is taken before the modulus, for "none" its real part is taken.

    Returns
    -------
    float
        At most 1; NaN where a matrix, or with open moduli a row, is zero. Noise of relative variance s leaves
        1 / sqrt(1 + s) and s / (4 N) of it more at most; unrelated matrices give `null_level`, not 0 (law L68).

    Raises
    ------
    ValueError
        If the ambiguity is not known, shapes differ, or an entry is not finite.
    """
    check_choice("ambiguity", ambiguity, AMBIGUITIES)
    a, b = _checked_pair(first, second)
    products = _products(a, b, ambiguity)[0]
    energies = _energies(a), _energies(b)
    if ambiguity.startswith("complex factor"):
        norms = np.sqrt(energies[0] * energies[1])
        return float(np.mean(np.divide(np.abs(products), norms, out=np.full(len(a), np.nan), where=norms > 0)))
    total = float(np.sqrt(energies[0].sum() * energies[1].sum()))
    if total == 0:
        return float("nan")
    if ambiguity in ("none", "gain"):
        common = products.sum()
        return float(common.real if ambiguity == "none" else abs(common)) / total
    return float(np.abs(products).sum()) / total


def null_level(*, inputs: int, outputs: int, ambiguity: str) -> float:
    """Return the correlation that unrelated matrices reach on average.

    .. math:: \\rho_0 = \\frac{\\Gamma(3/2) \\Gamma(N + 1/2)}{N \\Gamma(N)} \\approx \\sqrt{\\frac{\\pi}{4 N}}

    Parameters
    ----------
    inputs, outputs : int
        Columns N and rows M of the matrices.
    ambiguity : str
        What is open, one of `AMBIGUITIES`.

    Returns
    -------
    float
        Mean of `matrix_correlation` over independent circular Gaussian matrices (laws L67 and L68).

    Raises
    ------
    ValueError
        If the ambiguity is not known or a size is not positive.

    Notes
    -----
    The formula is that of open phases and of many rows. With open moduli each row counts alike, which gives
    Gamma(3/2) Gamma(N) / Gamma(N + 1/2). Open conjugation multiplies both by 2 - 1 / sqrt(2) = 1.293, up to
    O(1 / N). One open gain gives the level of a vector of N M entries.
    """
    check_choice("ambiguity", ambiguity, AMBIGUITIES)
    check_count("inputs", inputs)
    check_count("outputs", outputs)
    if ambiguity == "none":
        return 0.0
    if ambiguity == "gain":
        return null_correlation(inputs * outputs)
    either = EITHER_OF_TWO if ambiguity.endswith("conjugation") else 1.0
    if ambiguity.startswith("complex factor"):
        return float(either * null_correlation(inputs))
    return float(either * np.sqrt(np.pi) / 2 * poch(inputs, 0.5) / inputs)


def conjugated_level(*, inputs: int) -> float:
    """Return what perfect rows score that are conjugated, where the metric does not allow for it.

    .. math:: \\sqrt{\\frac{\\pi}{2 N}}

    Parameters
    ----------
    inputs : int
        Columns N of the matrix.

    Returns
    -------
    float
        Correlation with open phases, for circular Gaussian rows; up to O(N^(-3/2)) (law L68).

    Raises
    ------
    ValueError
        If there is no input.
    """
    check_count("inputs", inputs)
    return float(np.sqrt(np.pi / (2 * inputs)))


def _checked_pair(first: ArrayLike, second: ArrayLike) -> tuple[Rows, Rows]:
    """Return two finite complex matrices of one shape, or say what is wrong."""
    pair = []
    for name, given in (("first", first), ("second", second)):
        array = np.asarray(given)
        if array.ndim != 2 or array.shape != np.shape(first):
            raise ValueError(
                f"the {name} matrix has shape {array.shape}: both must have the same shape (output, input), "
                f"the first has {np.shape(first)}"
            )
        if not np.isfinite(array).all():
            rows = int(np.sum(~np.isfinite(array).all(axis=1)))
            raise ValueError(f"{rows} rows of the {name} matrix are not finite: leave them out of both matrices")
        pair.append(array.astype(np.result_type(array, np.complex64), copy=False))
    return pair[0], pair[1]


def _products(first: Rows, second: Rows, ambiguity: str) -> tuple[NDArray[np.complex128], NDArray[np.bool_]]:
    """Return <a_m, b_m> of each row, or <conj a_m, b_m> where that is open and larger, and where it was taken."""
    plain = np.empty(len(first), np.complex128)
    conjugated = np.zeros(len(first), np.bool_)
    for rows in _blocks(first.shape):
        a, b = first[rows].astype(np.complex128), second[rows].astype(np.complex128)
        plain[rows] = np.vecdot(a, b)
        if ambiguity.endswith("conjugation"):
            other = np.vecdot(a.conj(), b)
            conjugated[rows] = np.abs(other) > np.abs(plain[rows])
            plain[rows] = np.where(conjugated[rows], other, plain[rows])
    return plain, conjugated


def _energies(matrix: Rows) -> NDArray[np.float64]:
    """Return the squared norms of the rows, in double precision."""
    squared = np.empty(len(matrix))
    for rows in _blocks(matrix.shape):
        wide = matrix[rows].astype(np.complex128)
        squared[rows] = np.vecdot(wide, wide).real
    return squared


def _blocks(shape: tuple[int, ...]) -> list[slice]:
    """Return slices over rows that hold a bounded number of entries."""
    step = max(BLOCK_ENTRIES // max(shape[1], 1), 1)
    return [slice(start, start + step) for start in range(0, shape[0], step)]


def _divided(numbers: NDArray[np.complex128], by: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return quotients, one where the divisor is zero."""
    return np.asarray(np.divide(numbers, by, out=np.ones(len(numbers), np.complex128), where=by > 0))
