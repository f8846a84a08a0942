"""Variances of means over vectors and outputs, which cross: what either shares counts, not the number of entries."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

LEAST_SHARE = 0.5
"""Part of the variance of independent entries below which two estimates that nearly cancel are not trusted."""


def mean_variance(influence: ArrayLike) -> tuple[Array, Array]:
    """Return the variance of a mean over vectors and outputs, both of which share something.

    .. math:: \\operatorname{var} = \\frac{\\mathrm{MS}_\\mathrm{vectors} + \\mathrm{MS}_\\mathrm{outputs}
              - \\mathrm{MS}_\\mathrm{rest}}{V M}

    Parameters
    ----------
    influence : array_like, shape (..., vector, output)
        Entries; their mean need not be zero.

    Returns
    -------
    variance : ndarray, shape (...)
        Variance of the mean over vectors and outputs.
    freedom : ndarray, shape (...)
        Degrees of freedom of that variance.

    Raises
    ------
    ValueError
        If there are fewer than two vectors or outputs.
    """
    entries = np.asarray(influence, np.float64)
    check_units(entries.shape)
    entries = entries - entries.mean(axis=(-2, -1), keepdims=True)
    sides = []
    for axis in (-1, -2):
        means = entries.mean(axis=axis)
        units = means.shape[-1]
        sides.append((np.sum(means**2, axis=-1) / (units * (units - 1)), degrees_of_freedom(means)))
    rest = rest_variance(entries, np.ones_like(entries)), float(math.prod(size - 1 for size in entries.shape[-2:]))
    return two_way(sides, rest)


def check_units(shape: tuple[int, ...]) -> None:
    """Refuse what has too few vectors or outputs to show their scatter.

    Parameters
    ----------
    shape : tuple of int
        Shape (..., vector, output).

    Raises
    ------
    ValueError
        If there are fewer than two of either.
    """
    if len(shape) < 2 or min(shape[-2:]) < 2:
        raise ValueError(
            f"projections have shape {shape}: an interval needs at least 2 vectors and 2 outputs, (vector, output)"
        )


def rest_variance(influence: Array, used: Array) -> Array:
    """Return the variance of the mean that independent entries alone would give it.

    .. math:: v = \\frac{\\sum_{ij} r_{ij}^2}{V M (V - 1) (M - 1)}, \\qquad
              r_{ij} = \\psi_{ij} - \\bar\\psi_{i \\cdot} - \\bar\\psi_{\\cdot j}

    Parameters
    ----------
    influence : ndarray, shape (..., vector, output)
        Entries of mean zero; zero where they do not count.
    used : ndarray, shape (..., vector, output)
        One where an entry counts, else zero. The formula is that of all ones.

    Returns
    -------
    ndarray, shape (...)
        The variance.
    """
    rows, columns = used.sum(axis=-1, keepdims=True), used.sum(axis=-2, keepdims=True)
    centred = influence - influence.sum(axis=-1, keepdims=True) / np.maximum(rows, 1)
    centred = centred - influence.sum(axis=-2, keepdims=True) / np.maximum(columns, 1)
    vectors, outputs = influence.shape[-2:]
    count = used.sum(axis=(-2, -1))
    share = (vectors - 1) * (outputs - 1) / (vectors * outputs)
    return np.asarray(np.sum(used * centred**2, axis=(-2, -1)) / (share * count**2))


def two_way(sides: Sequence[tuple[Array, Array]], rest: tuple[Array, float]) -> tuple[Array, Array]:
    """Return the variance over two crossed kinds of units, and its degrees of freedom.

    .. math:: v = v_V + v_M - v_R, \\qquad
              \\nu = \\frac{v^2}{v_V^2 / \\nu_V + v_M^2 / \\nu_M + v_R^2 / \\nu_R}

    Parameters
    ----------
    sides : sequence of tuple of ndarray
        For vectors and for outputs, variance over the units of the kind, which holds the independent rest, and its
        degrees of freedom.
    rest : tuple
        Variance of the independent rest and its degrees of freedom.

    Returns
    -------
    variance, freedom : ndarray
        Variance, at least half of the rest's, and degrees of freedom by Welch and Satterthwaite, at least those of the
        kind that has fewer.
    """
    (v, v_freedom), (m, m_freedom) = sides
    r, r_freedom = rest
    variance = np.maximum(v + m - r, LEAST_SHARE * r)
    spread = v**2 / v_freedom + m**2 / m_freedom + r**2 / r_freedom
    freedom = np.divide(variance**2, spread, out=np.full(np.shape(variance), 1.0), where=spread > 0)
    return variance, np.maximum(freedom, np.minimum(v_freedom, m_freedom))


def degrees_of_freedom(values: Array) -> Array:
    """Return the degrees of freedom of a variance from its units: n - 1, fewer where tails are heavy.

    .. math:: \\nu = \\min\\left(\\frac{2 (n - 1)}{\\kappa - 1}, \\; n - 1\\right), \\qquad
              \\kappa = \\frac{\\langle x^4 \\rangle}{\\langle x^2 \\rangle^2}

    Parameters
    ----------
    values : ndarray, shape (..., unit)
        Values of the units, of mean zero.

    Returns
    -------
    ndarray, shape (...)
        Degrees of freedom, at least one for two units or more.
    """
    units = values.shape[-1]
    square, fourth = np.mean(values**2, axis=-1), np.mean(values**4, axis=-1)
    kurtosis = np.divide(fourth, square**2, out=np.full(square.shape, 3.0), where=square > 0)
    return np.asarray(np.minimum(2 * (units - 1) / np.maximum(kurtosis - 1, 1e-9), units - 1.0))
