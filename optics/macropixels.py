"""Which mirrors carry which component of the input vector."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from optics.dmd import Dmd
from optics.mirrors.hilbert import hilbert_order
from optics.validation import check_choice, check_count, check_number

Owner = NDArray[np.int32]


class Layout(Protocol):
    """What gives every mirror to one component, or to none."""

    @property
    def inputs(self) -> int:
        """Return the number of macropixels."""

    @property
    def padding_on(self) -> bool:
        """Return whether the mirrors that carry no component are held on."""

    def check_fits(self, dmd: Dmd) -> None:
        """Refuse a mirror array that is too small for the layout.

        Parameters
        ----------
        dmd : Dmd
            The mirror array.
        """

    def mirror_inputs(self, dmd: Dmd) -> Owner:
        """Return the macropixel that each mirror belongs to.

        Parameters
        ----------
        dmd : Dmd
            The mirror array.

        Returns
        -------
        ndarray of int32, shape (dmd.rows, dmd.columns)
            Index of the component, -1 for mirrors that carry none.
        """


@dataclass(frozen=True, kw_only=True)
class MacropixelLayout:
    """Equal blocks of mirrors on a grid that is centred on the mirror array.

    Parameters
    ----------
    block_rows, block_columns : int
        Mirrors of one macropixel along y and x.
    grid_rows, grid_columns : int
        Macropixels along y and x.
    order : {"raster", "hilbert", "random"}, optional
        Where consecutive components lie: row by row, along a Hilbert curve, or anywhere.
    order_seed : int, optional
        Seed of the random order.
    anchor_rows : int, optional
        Rows of the grid, the last ones, that are numbered after all others and row by row: a region for the anchor,
        whatever the order of the components.
    gap : int, optional
        Mirrors between neighbouring macropixels that carry none.
    margin : int, optional
        Mirrors along each edge of the array that must stay free.
    padding_on : bool, optional
        Whether the mirrors that carry no component are held on; they are off otherwise.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    Blocks are blocks of mirror indices. On a staggered array equal numbers of rows and columns are not square in
    metres: `square_block` finds what is, `input_positions` tells where blocks are. Runs of components that are on
    together see the correlation of neighbouring columns of the medium, x^T C x / |x|^2 (law L35): along a Hilbert
    curve it is largest, in random order smallest.
    """

    block_rows: int
    block_columns: int
    grid_rows: int
    grid_columns: int
    order: str = "raster"
    order_seed: int = 0
    anchor_rows: int = 0
    gap: int = 0
    margin: int = 0
    padding_on: bool = False

    def __post_init__(self) -> None:
        for name in ("block_rows", "block_columns", "grid_rows", "grid_columns"):
            check_count(name, getattr(self, name), at_most=10_000)
        check_choice("order", self.order, ("raster", "hilbert", "random"))
        check_count("order_seed", self.order_seed, at_least=0)
        check_count("anchor_rows", self.anchor_rows, at_least=0, at_most=self.grid_rows)
        for name in ("gap", "margin"):
            check_count(name, getattr(self, name), at_least=0, at_most=10_000)

    @property
    def inputs(self) -> int:
        """Return the number of macropixels."""
        return self.grid_rows * self.grid_columns

    @property
    def mirrors_per_input(self) -> int:
        """Return the number of mirrors of one macropixel."""
        return self.block_rows * self.block_columns

    def check_fits(self, dmd: Dmd) -> None:
        """Refuse a mirror array that is too small for the layout.

        Parameters
        ----------
        dmd : Dmd
            The mirror array.

        Raises
        ------
        ValueError
            If blocks, gaps and margins need more mirrors along y or x than there are.
        """
        height, width = self._size()
        if height + 2 * self.margin > dmd.rows or width + 2 * self.margin > dmd.columns:
            margin = f" inside a margin of {self.margin}" if self.margin else ""
            raise ValueError(
                f"the layout needs {height} x {width} mirrors{margin}, the DMD has {dmd.rows} x {dmd.columns}: "
                "take smaller blocks or fewer macropixels"
            )

    def mirror_inputs(self, dmd: Dmd) -> Owner:
        """Return the macropixel that each mirror belongs to.

        Parameters
        ----------
        dmd : Dmd
            The mirror array.

        Returns
        -------
        ndarray of int32, shape (dmd.rows, dmd.columns)
            Index of the component, -1 for mirrors that carry none.

        Raises
        ------
        ValueError
            If the layout does not fit.
        """
        self.check_fits(dmd)
        height, width = self._size()
        top, left = (dmd.rows - height) // 2, (dmd.columns - width) // 2
        down, gap_down = np.divmod(np.arange(height), self.block_rows + self.gap)
        right, gap_right = np.divmod(np.arange(width), self.block_columns + self.gap)
        blocks = self._numbers()[np.ix_(down, right)]
        blocks[gap_down >= self.block_rows] = -1
        blocks[:, gap_right >= self.block_columns] = -1
        owner = np.full((dmd.rows, dmd.columns), -1, np.int32)
        owner[top : top + height, left : left + width] = blocks
        return owner

    def _size(self) -> tuple[int, int]:
        """Return the mirrors along y and x from the first block to the last."""
        height = self.grid_rows * (self.block_rows + self.gap) - self.gap
        width = self.grid_columns * (self.block_columns + self.gap) - self.gap
        return height, width

    def _numbers(self) -> Owner:
        """Return the component at each place of the grid."""
        free = self.grid_rows - self.anchor_rows
        count = free * self.grid_columns
        places = np.arange(count)
        if self.order == "hilbert":
            places = hilbert_order(free, self.grid_columns)
        elif self.order == "random":
            places = np.random.default_rng(self.order_seed).permutation(count)
        numbers = np.arange(self.inputs, dtype=np.int32)
        numbers[places] = np.arange(count)
        return numbers.reshape(self.grid_rows, self.grid_columns)


def input_positions(layout: Layout, dmd: Dmd) -> NDArray[np.float64]:
    """Return the centre of each macropixel.

    Parameters
    ----------
    layout : Layout
        Which mirrors carry which component.
    dmd : Dmd
        The mirror array.

    Returns
    -------
    ndarray, shape (input, 2)
        Mean positions (y, x) of its mirrors from the centre of the mirror array, in metres.
    """
    owner = layout.mirror_inputs(dmd).ravel()
    positions = dmd.mirror_positions().reshape(-1, 2)[owner >= 0]
    used = owner[owner >= 0]
    sums = [np.bincount(used, weights=positions[:, axis], minlength=layout.inputs) for axis in (0, 1)]
    return np.stack(sums, axis=-1) / np.bincount(used, minlength=layout.inputs)[:, np.newaxis]


def square_block(dmd: Dmd, *, side: float) -> tuple[int, int]:
    """Return the block of mirrors whose outline is nearest to a square of a given side.

    Parameters
    ----------
    dmd : Dmd
        The mirror array.
    side : float
        Side of the square, in metres.

    Returns
    -------
    tuple of int
        Rows and columns of a block: equal on a square lattice; on a staggered array, whose rows are pitch / sqrt(2) and
        whose columns sqrt(2) pitch apart, about twice as many rows as columns.

    Raises
    ------
    ValueError
        If the side is not positive.
    """
    check_number("side", side, unit="m", above=0)
    stretch = math.sqrt(2) if dmd.staggered else 1.0
    return max(1, round(side * stretch / dmd.pitch)), max(1, round(side / stretch / dmd.pitch))
