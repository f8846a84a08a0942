"""Superpixels: blocks of 4 x 4 mirrors whose phases, seen along a tilted order, are the 16th roots of one.

Along the order (1/4, 1/16) cycles per mirror, mirror (j, k) of a block has the phase -2 pi (4 j + k) / 16. A block
shows the sum of the phasors that are on. A mirror and the one two rows below cancel, so that each of the 8 pairs
gives -1, 0 or 1 times its phasor: 3^8 = 6561 fields, all different, the largest of modulus 1 / sin(pi / 16).
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from optics.encodings.encoding import Frames
from optics.encodings.targets import check_binary, check_target
from optics.order_filter import OrderFilter, check_separated

SIZE = 4
CARRIER = (1 / 4, 1 / 16)
LARGEST = 1 / math.sin(math.pi / 16)


@dataclass(frozen=True, eq=False)
class FieldTable:
    """The fields that one superpixel can show, and the states that show them.

    Parameters
    ----------
    fields : ndarray, shape (6561,)
        Sums of phasors, in units of the amplitude of one mirror.
    states : ndarray of bool, shape (6561, 4, 4)
        Mirrors that are on: at most one of each cancelling pair, so none wastes light.
    """

    fields: NDArray[np.complex128]
    states: NDArray[np.bool_]


@cache
def field_table() -> FieldTable:
    """Return the table of all fields of a superpixel.

    .. math:: S = \\sum_{p=0}^{7} s_p e^{-2 \\pi i p / 16}, \\qquad s_p \\in \\{-1, 0, 1\\}

    Returns
    -------
    FieldTable
        Fields and states; computed once, read-only.
    """
    signs = np.stack(np.meshgrid(*[np.array([-1, 0, 1])] * 8, indexing="ij"), axis=-1).reshape(-1, 8)
    fields = signs @ np.exp(-2j * np.pi * np.arange(8) / 16)
    states = np.concatenate([signs == 1, signs == -1], axis=1).reshape(-1, SIZE, SIZE)  # mirror p + 8 is minus p
    for array in (fields, states):
        array.flags.writeable = False
    return FieldTable(fields, states)


@cache
def _search_tree() -> KDTree:
    fields = field_table().fields
    return KDTree(np.stack([fields.real, fields.imag], axis=1))


@dataclass(frozen=True, kw_only=True)
class Superpixel:
    """4 x 4 mirrors for each value of the target, the nearest of 6561 fields.

    .. math:: E = \\frac{A}{16 \\sin(\\pi / 16)} e^{i \\phi}

    The target is taken at the centre of each block, with no correction for what the pinhole and the block's own
    width do to it. On a square array only.

    References
    ----------
    .. [1] S. A. Goorden, J. Bertolotti, A. P. Mosk, Superpixel-based spatial amplitude and phase modulation using a
       digital micromirror device, Opt. Express 22, 17999 (2014). doi:10.1364/OE.22.017999
    """

    def order_filter(self, radius: float) -> OrderFilter:
        """Return the pinhole around the order that the superpixels' phases belong to.

        Parameters
        ----------
        radius : float
            Radius of the pinhole, in cycles per mirror.

        Returns
        -------
        OrderFilter
            The filter.

        Raises
        ------
        ValueError
            If such a pinhole passes the zero order or the twin image.
        """
        order = OrderFilter(carrier=CARRIER, radius=radius)
        check_separated(order)
        return order

    def frames(self, target: ArrayLike) -> Frames:
        """Return the frames that show target fields.

        Parameters
        ----------
        target : array_like, shape (..., y, x)
            Field at each mirror, of modulus up to 1; rows and columns are multiples of 4.

        Returns
        -------
        ndarray of bool, shape (..., y, x)
            Frames, one for each field.

        Raises
        ------
        ValueError
            If the target is not finite, exceeds 1 or does not divide into blocks.
        """
        field = check_target(target)
        _check_blocks(field.shape)
        wanted = LARGEST * _centres(field)
        wanted = wanted * _block_phases(wanted.shape)
        _, index = _search_tree().query(np.stack([wanted.real, wanted.imag], axis=-1))
        blocks = np.moveaxis(field_table().states[index], -2, -3)  # (..., block row, row, block column, column)
        return np.ascontiguousarray(blocks).reshape(field.shape)

    def decode(self, frames: ArrayLike) -> NDArray[np.complex128]:
        """Return the value that each superpixel shows, exactly.

        .. math:: \\hat t = \\sin(\\pi / 16) \\sum_{jk} b_{jk} e^{-2 \\pi i \\nu r_{jk}}

        Parameters
        ----------
        frames : array_like of bool, shape (..., y, x)
            Frames.

        Returns
        -------
        ndarray, shape (..., y / 4, x / 4)
            Target as shown, at the centres of the blocks.

        Raises
        ------
        TypeError
            If the frames are not boolean.
        ValueError
            If they do not divide into blocks.
        """
        states = check_binary(frames)
        _check_blocks(states.shape)
        *batch, rows, columns = states.shape
        blocks = states.reshape(*batch, rows // SIZE, SIZE, columns // SIZE, SIZE)
        phasors = np.exp(-2j * np.pi * np.arange(SIZE**2) / SIZE**2).reshape(SIZE, SIZE)
        sums = np.einsum("...jk,jk->...", np.swapaxes(blocks, -3, -2), phasors)
        return np.asarray(sums * np.conj(_block_phases(sums.shape)) / LARGEST)


def _centres(field: NDArray[np.complexfloating]) -> NDArray[np.complexfloating]:
    """Return the mean of the four mirrors around the centre of each block."""
    rows = field[..., 1::SIZE, :] + field[..., 2::SIZE, :]
    return np.asarray((rows[..., 1::SIZE] + rows[..., 2::SIZE]) / 4)


def _block_phases(shape: tuple[int, ...]) -> NDArray[np.complex128]:
    """Return the carrier's phase factor at the first mirror of each block: a quarter turn a block along x."""
    y, x = np.arange(shape[-2])[:, np.newaxis] * SIZE, np.arange(shape[-1]) * SIZE
    return np.asarray(np.exp(2j * np.pi * (CARRIER[0] * y + CARRIER[1] * x)))


def _check_blocks(shape: tuple[int, ...]) -> None:
    """Refuse a frame that does not divide into superpixels."""
    if shape[-2] % SIZE or shape[-1] % SIZE:
        raise ValueError(
            f"{shape[-2]} x {shape[-1]} mirrors do not divide into superpixels of 4 x 4: cut or pad to multiples of 4"
        )
