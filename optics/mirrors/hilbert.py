"""The Hilbert curve: an order of the cells of a grid that keeps cells which follow each other close together."""

import numpy as np
from numpy.typing import NDArray


def hilbert_order(rows: int, columns: int) -> NDArray[np.int64]:
    """Return the cells of a grid in the order of a Hilbert curve.

    Parameters
    ----------
    rows, columns : int
        Cells along y and x.

    Returns
    -------
    ndarray of int, shape (rows columns,)
        Raster indices of the cells, ``row * columns + column``, in the order in which the curve meets them.

    Notes
    -----
    The curve is that of the smallest square of 2^k cells around the grid; cells outside are skipped. Where the grid is
    such a square, cells that follow each other are neighbours; elsewhere the curve jumps where it was outside.

    References
    ----------
    .. [1] D. Hilbert, Math. Ann. 38, 459 (1891). doi:10.1007/BF01199431
    """
    y, x = (grid.ravel() for grid in np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"))
    distance = np.zeros(y.shape, np.int64)
    side = 1 << max(int(max(rows, columns) - 1).bit_length() - 1, 0)
    while side:
        right, down = (x & side) > 0, (y & side) > 0
        # The four quadrants are met in the order up-left, down-left, down-right, up-right.
        distance += side * side * np.where(right, 3 - down, down.astype(np.int64))
        x, y = x & (side - 1), y & (side - 1)
        # The curve within a quadrant is turned: mirrored on the diagonal, in the last one on the other diagonal.
        flipped = ~down & right
        x, y = np.where(flipped, side - 1 - x, x), np.where(flipped, side - 1 - y, y)
        x, y = np.where(down, x, y), np.where(down, y, x)
        side >>= 1
    return np.argsort(distance, kind="stable")
