"""A contiguous array in a file, read and written in place by rows and by columns."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from optics.archives.durable import read_at, write_at
from optics.archives.storage import Place


def as_bytes(array: NDArray[Any]) -> memoryview:
    """Return the bytes of an array, without a copy where it is contiguous.

    Parameters
    ----------
    array : ndarray
        The array.

    Returns
    -------
    memoryview
        Its bytes in C order.
    """
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


class RowsOnDisk:
    """A contiguous array in a file, read by rows and by columns without holding it.

    Parameters
    ----------
    descriptor : int
        The open file.
    place : Place
        Where the array is.
    """

    def __init__(self, descriptor: int, place: Place) -> None:
        self._descriptor, self._place = descriptor, place
        self.shape, self.dtype = place.shape, place.dtype
        self.row_bytes = int(np.prod(place.shape[1:], dtype=np.int64)) * place.dtype.itemsize

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """Return rows, given as a slice of step one."""
        first, stop, _ = rows.indices(self.shape[0])
        block = np.empty((max(0, stop - first), *self.shape[1:]), self.dtype)
        self.read(first, block)
        return block

    def read(self, first: int, block: NDArray[Any]) -> None:
        """Read rows into an array.

        Parameters
        ----------
        first : int
            First of them.
        block : ndarray, shape (row, ...)
            Contiguous, of the array's type; it is filled.
        """
        read_at(self._descriptor, as_bytes(block), offset=self._place.offset + first * self.row_bytes)

    def columns(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Read a block of columns, the axes behind the row taken as one.

        Parameters
        ----------
        rows, columns : slice
            Rows and columns, of step one.

        Returns
        -------
        ndarray, shape (row, column)
            The values.
        """
        width = self.row_bytes // self.dtype.itemsize
        first, stop, _ = rows.indices(self.shape[0])
        left, right, _ = columns.indices(width)
        if 2 * (right - left) > width:
            return np.ascontiguousarray(self[rows].reshape(-1, width)[:, left:right])
        block = np.empty((max(0, stop - first), max(0, right - left)), self.dtype)
        offset = self._place.offset + left * self.dtype.itemsize
        for row, values in enumerate(block):
            read_at(self._descriptor, as_bytes(values), offset=offset + (first + row) * self.row_bytes)
        return block

    def write(self, first: int, block: NDArray[Any]) -> None:
        """Write rows.

        Parameters
        ----------
        first : int
            First of them.
        block : ndarray, shape (row, ...)
            Their values, of the array's type.
        """
        write_at(self._descriptor, as_bytes(block), offset=self._place.offset + first * self.row_bytes)
