"""Chains of two-dimensional Fourier transforms and masks, taken through memory once a transform.

A transform along y and one along x commute. A pass therefore ends one transform along its axis, multiplies by a mask,
and begins the next transform along the same axis, on blocks that stay in the cache; passes along rows and columns
alternate. The arithmetic of a frame does not depend on the number of threads: blocks have a fixed size.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft, ifft

BLOCK = 64
"""Rows, or columns, that are transformed together: a megabyte where they have 2048 samples."""

Plane = NDArray[np.complex64]


@dataclass(frozen=True, eq=False)
class Chain:
    """Masks, and orthonormal transforms between them: mask 0, transform 0, mask 1, ... transform k - 1, mask k.

    Parameters
    ----------
    masks : tuple of (ndarray of complex64, shape (y, x), or None)
        What multiplies each plane; None for nothing. A mask that is even in x may hold columns 0 to n // 2 alone.
    inverse : tuple of bool
        Direction of each transform; one fewer than masks.
    conjugate : bool, optional
        Whether the masks are to be conjugated.
    """

    masks: tuple[Plane | None, ...]
    inverse: tuple[bool, ...]
    conjugate: bool = False

    @property
    def transforms(self) -> int:
        """Return the number of two-dimensional transforms."""
        return len(self.inverse)

    def adjoint(self) -> "Chain":
        """Return the chain that is the conjugate transpose of this one.

        Returns
        -------
        Chain
            Masks and transforms backwards, conjugated.
        """
        return Chain(self.masks[::-1], tuple(not one for one in self.inverse[::-1]), not self.conjugate)


def run_chain(
    field: Plane,
    chain: Chain,
    *,
    lit: Sequence[slice],
    seen: tuple[Sequence[slice], Sequence[slice]],
    pool: Executor | None = None,
) -> None:
    """Take a field through a chain, in place.

    Parameters
    ----------
    field : ndarray of complex64, shape (y, x)
        The field; what is not ``seen`` afterwards is left unfinished.
    chain : Chain
        What it passes.
    lit : sequence of slice
        Rows that are not zero.
    seen : tuple of two sequences of slice
        Rows and columns that are wanted.
    pool : Executor or None, optional
        Threads to share the blocks among.
    """
    last = chain.transforms
    for index in range(last + 1):
        axis = 1 - index % 2  # even passes transform rows along x, odd ones columns along y
        whole = [slice(0, field.shape[1 - axis])]
        parts = lit if index == 0 else whole
        if index == last and index > 0:
            parts = seen[1 - axis]

        def work(block: slice, index: int = index, axis: int = axis) -> None:
            _pass_block(field, block, chain, index=index, axis=axis)

        blocks = [
            slice(first, min(first + BLOCK, part.stop))
            for part in parts
            for first in range(part.start, part.stop, BLOCK)
        ]
        if pool is None:
            for block in blocks:
                work(block)
        else:
            list(pool.map(work, blocks))


def _pass_block(field: Plane, block: slice, chain: Chain, *, index: int, axis: int) -> None:
    """Take some rows (``axis`` 1) or columns (``axis`` 0) through one pass."""
    where = (block, slice(None)) if axis == 1 else (slice(None), block)
    part = field[where] if axis == 1 else field[where].copy()  # columns 16 kB apart would share one cache line
    if index > 0:
        part = _transform(part, axis, inverse=chain.inverse[index - 1])
    mask = chain.masks[index]
    if mask is not None:
        _multiply(part, mask, where, width=field.shape[1], conjugate=chain.conjugate)
    if index < chain.transforms:
        part = _transform(part, axis, inverse=chain.inverse[index])
    field[where] = part


def _multiply(part: Plane, mask: Plane, where: tuple[slice, slice], *, width: int, conjugate: bool) -> None:
    """Multiply a block by its part of a mask, in place; a mask that is even in x holds its first half alone."""
    rows, columns = where
    first, stop, _ = columns.indices(width)
    middle = min(max(mask.shape[1], first), stop)
    pieces = [(part[:, : middle - first], mask[rows, first:middle])]
    if middle < stop:  # column j is column width - j
        mirrored = mask[rows, width - stop + 1 : width - middle + 1]
        pieces.append((part[:, middle - first :], mirrored[:, ::-1]))
    for own, factor in pieces:
        own *= factor.conj() if conjugate else factor


def _transform(part: Plane, axis: int, *, inverse: bool) -> Plane:
    """Return the orthonormal transform of a block along an axis, in its own memory where scipy can."""
    result: Plane = (ifft if inverse else fft)(part, axis=axis, norm="ortho", overwrite_x=True)
    return result
