"""Which mirrors carry which component of the input vector."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.dmd import Dmd
from optics.validation import check_count, check_states


@dataclass(frozen=True, kw_only=True)
class MacropixelLayout:
    """Equal blocks of mirrors in raster order, centred on the mirror array.

    Parameters
    ----------
    block_rows, block_columns : int
        Mirrors of one macropixel along y and x.
    grid_rows, grid_columns : int
        Macropixels along y and x; component k sits at row ``k // grid_columns``, column ``k % grid_columns``.

    Raises
    ------
    ValueError
        If a number is not at least one.

    Notes
    -----
    Blocks are blocks of mirror indices. On a staggered array they are not square in metres:
    `input_positions` tells where they are.
    """

    block_rows: int
    block_columns: int
    grid_rows: int
    grid_columns: int

    def __post_init__(self) -> None:
        for name in ("block_rows", "block_columns", "grid_rows", "grid_columns"):
            check_count(name, getattr(self, name), at_most=10_000)

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
            If the blocks need more mirrors along y or x than there are.
        """
        need = (self.grid_rows * self.block_rows, self.grid_columns * self.block_columns)
        if need[0] > dmd.rows or need[1] > dmd.columns:
            raise ValueError(
                f"the layout needs {need[0]} x {need[1]} mirrors, the DMD has {dmd.rows} x {dmd.columns}: "
                "take smaller blocks or fewer macropixels"
            )

    def mirror_inputs(self, dmd: Dmd) -> NDArray[np.int64]:
        """Return the macropixel that each mirror belongs to.

        Parameters
        ----------
        dmd : Dmd
            The mirror array.

        Returns
        -------
        ndarray of int, shape (dmd.rows, dmd.columns)
            Index of the component, -1 for mirrors that carry none.
        """
        self.check_fits(dmd)
        inputs = np.arange(self.inputs).reshape(self.grid_rows, self.grid_columns)
        blocks = np.repeat(np.repeat(inputs, self.block_rows, axis=0), self.block_columns, axis=1)
        top, left = (dmd.rows - blocks.shape[0]) // 2, (dmd.columns - blocks.shape[1]) // 2
        owner = np.full((dmd.rows, dmd.columns), -1)
        owner[top : top + blocks.shape[0], left : left + blocks.shape[1]] = blocks
        return owner

    def input_positions(self, dmd: Dmd) -> NDArray[np.float64]:
        """Return the centre of each macropixel.

        Parameters
        ----------
        dmd : Dmd
            The mirror array.

        Returns
        -------
        ndarray, shape (input, 2)
            Positions (y, x) from the centre of the mirror array, in metres.
        """
        owner = self.mirror_inputs(dmd).ravel()
        positions = dmd.mirror_positions().reshape(-1, 2)[owner >= 0]
        used = owner[owner >= 0]
        sums = [np.bincount(used, weights=positions[:, axis], minlength=self.inputs) for axis in (0, 1)]
        return np.stack(sums, axis=-1) / self.mirrors_per_input

    def render(self, states: ArrayLike, *, dmd: Dmd) -> NDArray[np.bool_]:
        """Return the full mirror frames that show macropixel states.

        Parameters
        ----------
        states : array_like of bool, shape (frame, input)
            Macropixel states.
        dmd : Dmd
            The mirror array.

        Returns
        -------
        ndarray of bool, shape (frame, dmd.rows, dmd.columns)
            Mirror states; mirrors that carry no component are off.

        Raises
        ------
        TypeError
            If the states are not boolean.
        ValueError
            If their shape does not fit the layout.
        """
        checked = check_states(states, inputs=self.inputs)
        padded = np.concatenate([checked, np.zeros((len(checked), 1), dtype=np.bool_)], axis=1)
        return padded[:, self.mirror_inputs(dmd)]  # index -1 finds the padding
