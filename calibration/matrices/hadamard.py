"""Sums over the rows of a Hadamard matrix, by blocks that stay in the cache.

Rows are in natural order, H[f, n] = (-1)^popcount(f AND n): the first row and the first column are ones, the matrix is
symmetric, and H H = order.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.blas_threads import one_blas_thread
from optics.validation import check_count

BLOCK_BYTES = 2**20
"""Memory of a block of outputs that one thread transforms: about a processor's second cache."""

FACTOR_BITS = 7
"""A factor of the transform has at most 2^7 rows: products of that size run at the speed of the processor."""

Values = NDArray[np.inexact[Any]]


def hadamard_order(at_least: int) -> int:
    """Return the least power of two that is not below a number.

    Parameters
    ----------
    at_least : int
        The number, at least 1.

    Returns
    -------
    int
        Order of the Hadamard matrix.
    """
    check_count("at_least", at_least)
    return 1 << (at_least - 1).bit_length()


def hadamard_minus(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where a Hadamard matrix is -1.

    .. math:: (1 - H_{fn}) / 2 = \\mathrm{popcount}(f \\wedge n) \\bmod 2

    Parameters
    ----------
    rows : ndarray of int, shape (row,)
        Row indices f.
    columns : ndarray of int, shape (column,)
        Column indices n.

    Returns
    -------
    ndarray of bool, shape (row, column)
        True where the entry is -1.

    Notes
    -----
    An entry depends on its two indices alone: any rows of any order come without the others.
    """
    shared = rows.astype(np.uint32)[:, np.newaxis] & columns.astype(np.uint32)
    return np.asarray(np.bitwise_count(shared) & 1, np.bool_)


def flat_signs(order: int) -> NDArray[np.int8]:
    """Return signs whose Hadamard transform is as even as can be, and positive at 0.

    .. math:: d_n = (-1)^{\\mathrm{popcount}(n_{high} \\wedge n_{low})}, \\qquad |(H d)_f| = \\sqrt{order}

    Parameters
    ----------
    order : int
        Length, a power of two.

    Returns
    -------
    ndarray of int8, shape (order,)
        Signs, +1 first.

    Notes
    -----
    A bent function where the order is a power of four. Otherwise no flat signs of this kind exist; these are a bent
    function twice, and half of the transform is sqrt(2 order), the other half zero.

    References
    ----------
    .. [1] O. S. Rothaus, On "bent" functions, J. Combin. Theory A 20, 300 (1976). doi:10.1016/0097-3165(76)90024-8
    """
    half = (order.bit_length() - 1) // 2
    indices = np.arange(order, dtype=np.uint32)
    low = indices & np.uint32((1 << half) - 1)
    high = (indices >> np.uint32(half)) & np.uint32((1 << half) - 1)
    return (1 - 2 * (np.bitwise_count(low & high) & 1).astype(np.int8)).astype(np.int8)


def hadamard_sums(
    block: Callable[[slice], Values], *, order: int, outputs: int, dtype: np.dtype[Any], scale: float = 1.0
) -> Values:
    """Return the Hadamard transform over the frames of each output.

    .. math:: y_{on} = c \\sum_f H_{fn} \\, x_{fo}

    Parameters
    ----------
    block : callable
        Takes a slice of outputs and returns x of these, shape (order, output), contiguous, which may be overwritten.
        It is called from several threads.
    order : int
        Number of frames f and of sums n, a power of two.
    outputs : int
        Number of outputs.
    dtype : numpy.dtype
        Float or complex type of x and of the result.
    scale : float, optional
        Factor c.

    Returns
    -------
    ndarray of ``dtype``, shape (output, order)
        The sums, an output a row.

    Raises
    ------
    ValueError
        If the order is not a power of two.

    Notes
    -----
    H of order 2^(a+b) is a Kronecker product, so that the transform is a product with H of order 2^a along one axis
    and with H of order 2^b along another. These products run near the peak of the processor, on blocks of outputs
    that stay in its cache: memory is read and written once, about 3 blocks of memory a thread beside the result.
    Rounding errors are those of sums of ``order`` terms in the precision of ``dtype``.
    """
    check_count("order", order)
    if order & (order - 1):
        raise ValueError(f"order = {order} must be a power of two; take {hadamard_order(order)}")
    sums = np.empty((outputs, order), dtype)
    factors = _factors(order, np.empty(0, dtype).real.dtype, scale)
    width = max(8, BLOCK_BYTES // (order * np.dtype(dtype).itemsize))

    def transform(start: int) -> None:
        columns = slice(start, min(start + width, outputs))
        sums[columns] = _transformed(block(columns), factors).T

    with one_blas_thread(), ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        list(pool.map(transform, range(0, outputs, width)))
    return sums


def _factors(order: int, dtype: np.dtype[Any], scale: float) -> list[Values]:
    """Return the Hadamard matrices whose Kronecker product is the whole one, the scale in the first of them."""
    bits = order.bit_length() - 1
    count = max(1, -(-bits // FACTOR_BITS))
    sizes = [1 << (bits * (place + 1) // count - bits * place // count) for place in range(count)]
    factors = [(1 - 2 * hadamard_minus(np.arange(size), np.arange(size))).astype(dtype) for size in sizes]
    factors[0] *= dtype.type(scale)
    return list(factors)


def _transformed(values: Values, factors: list[Values]) -> Values:
    """Return the transform of one block along its first axis."""
    shape, dtype = values.shape, values.dtype
    reals = values.view(factors[0].dtype)
    before = 1
    for factor in factors:
        reals = np.matmul(factor, reals.reshape(before, len(factor), -1))
        before *= len(factor)
    return reals.reshape(shape[0], -1).view(dtype)
