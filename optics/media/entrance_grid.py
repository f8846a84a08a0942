"""Where inputs fall on a sampled plane, and how their amplitudes get there and back.

The origin of a plane is at index (0, 0); what lies before it is at the end of the axis.
"""

import math

import numpy as np
from numpy.typing import NDArray

Amplitudes = NDArray[np.inexact]


def wrapped_slices(first: int, count: int, size: int) -> list[tuple[slice, slice]]:
    """Return where consecutive offsets from the origin lie on a periodic axis.

    Parameters
    ----------
    first : int
        First offset.
    count : int
        Number of offsets, at most ``size``.
    size : int
        Samples of the axis.

    Returns
    -------
    list of tuple of slice
        Pairs: part of the offsets, samples of the axis.
    """
    start = first % size
    before = min(count, size - start)
    pieces = [(slice(0, before), slice(start, start + before))]
    if before < count:
        pieces.append((slice(before, count), slice(0, count - before)))
    return pieces


class EntranceGrid:
    """Inputs as blocks of samples; one input may have no place and then lights all samples without an input.

    Parameters
    ----------
    positions : ndarray, shape (input, 2)
        Where the inputs are, (y, x) in metres; NaN for the one that has no place.
    pitch : float
        Distance between samples in the plane of the inputs, in metres. Inputs are moved to the nearest samples.
    footprint : tuple of int
        Samples of an input along (y, x).
    shape : tuple of int
        Samples of the plane along (y, x).

    Raises
    ------
    ValueError
        If inputs overlap or leave the grid, or more than one has no place.

    Notes
    -----
    Painting is an isometry: an input of amplitude a puts |a|^2 on the grid, spread evenly over its samples.
    """

    def __init__(
        self, positions: NDArray[np.float64], *, pitch: float, footprint: tuple[int, int], shape: tuple[int, int]
    ) -> None:
        self.inputs, self.shape, self.footprint = len(positions), shape, footprint
        placed = np.isfinite(positions).all(axis=1)
        self._placed = np.flatnonzero(placed)
        lost = np.flatnonzero(~placed)
        if len(lost) > 1:
            raise ValueError(f"{len(lost)} inputs have no place, at most one may have none")
        self._lost = int(lost[0]) if len(lost) else None
        half = (np.array(footprint) - 1) / 2
        # Positions half way between samples go down together, as camera samples do; 1e-6 bears rounding errors.
        starts = np.floor(positions[placed] / pitch - half + 0.5 - 1e-6).astype(np.int64)
        self._check_inside(starts, pitch)
        self._block = self._find_block(starts)
        self._samples = None if self._block else self._scatter(starts)
        self._amplitude = np.float32(1 / math.sqrt(footprint[0] * footprint[1]))
        self._free = self._free_samples() if self._lost is not None else None
        self.lit_rows = self._rows(starts)

    def _check_inside(self, starts: NDArray[np.int64], pitch: float) -> None:
        """Refuse inputs that leave the grid."""
        for axis, name in enumerate(("rows", "columns")):
            size, own = self.shape[axis], self.footprint[axis]
            low, high = -(size // 2), size - size // 2
            if len(starts) and (starts[:, axis].min() < low or starts[:, axis].max() + own > high):
                need = 2 * max(-int(starts[:, axis].min()), int(starts[:, axis].max()) + own)
                raise ValueError(
                    f"the inputs reach over {need} grid {name} of {pitch:g} m around the origin, the grid has {size}: "
                    f"take at least {need} {name}, or a coarser input_pitch"
                )

    def _find_block(self, starts: NDArray[np.int64]) -> tuple[int, int, int, int] | None:
        """Return first row and column, and counts, where inputs fill a rectangle in raster order."""
        if not len(starts) or self._placed[-1] != len(starts) - 1:
            return None
        first, (rows, columns) = starts[0], self.footprint
        across = int(np.argmax(starts[:, 0] != first[0])) or len(starts)
        if len(starts) % across:
            return None
        grid = starts.reshape(-1, across, 2)
        steps = first + np.stack(
            np.meshgrid(np.arange(len(grid)) * rows, np.arange(across) * columns, indexing="ij"), -1
        )
        return (int(first[0]), int(first[1]), len(grid), across) if np.array_equal(grid, steps) else None

    def _scatter(self, starts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the samples of each placed input, shape (input, samples of an input)."""
        rows, columns = (
            (starts[:, axis, np.newaxis] + np.arange(self.footprint[axis])) % self.shape[axis] for axis in (0, 1)
        )
        samples = (rows[:, :, np.newaxis] * self.shape[1] + columns[:, np.newaxis]).reshape(len(starts), -1)
        shared = samples.size - len(np.unique(samples))
        if shared:
            raise ValueError(
                f"inputs overlap on {shared} samples of the grid: take a finer input_pitch, or smaller footprints than "
                f"{self.footprint[0]} x {self.footprint[1]} samples"
            )
        return samples

    def _free_samples(self) -> NDArray[np.bool_]:
        """Return which samples no input covers."""
        covered = np.zeros(self.shape, np.complex64)
        ones = np.ones(self.inputs)
        ones[self._lost] = 0
        self._paint_placed(ones, covered)
        return np.asarray(covered == 0)

    def _rows(self, starts: NDArray[np.int64]) -> list[slice]:
        """Return the rows that placed inputs reach."""
        if not len(starts):
            return [slice(0, self.shape[0])]
        low = int(starts[:, 0].min())
        count = int(starts[:, 0].max()) + self.footprint[0] - low
        return [own for _, own in wrapped_slices(low, count, self.shape[0])]

    def paint(self, amplitudes: Amplitudes, field: NDArray[np.complex64]) -> list[slice]:
        """Write amplitudes onto a plane of zeros.

        Parameters
        ----------
        amplitudes : ndarray, shape (input,)
            Amplitudes.
        field : ndarray of complex64, shape (y, x)
            Plane of zeros, changed in place.

        Returns
        -------
        list of slice
            Rows that may be lit.
        """
        self._paint_placed(amplitudes, field)
        if self._lost is None or self._free is None or not amplitudes[self._lost]:
            return self.lit_rows
        free = int(self._free.sum())
        if free:
            field[self._free] = amplitudes[self._lost] / math.sqrt(free)
        return [slice(0, self.shape[0])]

    def _paint_placed(self, amplitudes: Amplitudes, field: NDArray[np.complex64]) -> None:
        """Write the amplitudes of the inputs that have a place."""
        own = amplitudes[self._placed] if self._samples is not None else amplitudes[: len(self._placed)]
        own = own * self._amplitude
        if self._samples is not None:
            field.reshape(-1)[self._samples] = own[:, np.newaxis]
        elif self._block:
            block = own.reshape(self._block[2:])
            for axis, count in enumerate(self.footprint):
                block = np.repeat(block, count, axis=axis) if count > 1 else block
            for part, where in self._windows(self._block):
                field[where] = block[part]

    def collect(self, field: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Return the adjoint of painting.

        Parameters
        ----------
        field : ndarray of complex64, shape (y, x)
            Field on the plane.

        Returns
        -------
        ndarray of complex64, shape (input,)
            Amplitudes.
        """
        amplitudes = np.zeros(self.inputs, np.complex64)
        if self._samples is not None:
            amplitudes[self._placed] = field.reshape(-1)[self._samples].sum(axis=1)
        elif self._block:
            (rows, columns), (down, across) = self._block[2:], self.footprint
            block = np.empty((rows * down, columns * across), np.complex64)
            for part, where in self._windows(self._block):
                block[part] = field[where]
            amplitudes[: len(self._placed)] = block.reshape(rows, down, columns, across).sum(axis=(1, 3)).reshape(-1)
        amplitudes *= self._amplitude
        if self._lost is not None and self._free is not None and self._free.any():
            amplitudes[self._lost] = field[self._free].sum() / math.sqrt(int(self._free.sum()))
        return amplitudes

    def _windows(self, block: tuple[int, int, int, int]) -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
        """Return parts of a block of inputs and where they lie on the plane."""
        down = wrapped_slices(block[0], block[2] * self.footprint[0], self.shape[0])
        across = wrapped_slices(block[1], block[3] * self.footprint[1], self.shape[1])
        return [((a, b), (y, x)) for a, y in down for b, x in across]
