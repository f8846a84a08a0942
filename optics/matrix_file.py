"""A matrix on disk, larger than memory, multiplied in tiles of rows; `optics.matrix_writer` makes it."""

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.archive import Progress, archive_description, array_places, open_archive
from optics.archives.rows_on_disk import RowsOnDisk
from optics.archives.storage import check_slice
from optics.validation import check_count

KIND = "matrix"
ARRAYS = ("matrix", "standard_error", "valid")
MEMORY = 2**28
"""Memory for tiles, in bytes, where nothing else is said."""

Complex = NDArray[np.complexfloating[Any, Any]]


class MatrixFile:
    """A finished matrix T of shape (output, input), complex64, with its standard errors.

    Parameters
    ----------
    path : Path
        The archive.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, foreign, of another version or no matrix.

    Notes
    -----
    Opening reads no values; `optics.archive_check.verify_archive` compares all of them with their hash.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_archive(path, kind=KIND) as file:
            places = array_places(file)
            missing = set(ARRAYS) - set(places)
            if missing:
                raise ValueError(f"{path} is damaged: it has no array {', '.join(sorted(missing))}")
            self.description = archive_description(file)
            self.unit = str(file["matrix"].attrs["units"])
        self._resources = ExitStack()
        descriptor = os.open(path, os.O_RDONLY)
        self._resources.callback(os.close, descriptor)
        self._rows = {name: RowsOnDisk(descriptor, places[name]) for name in ARRAYS}

    @property
    def shape(self) -> tuple[int, int]:
        """Return the number of outputs and of inputs."""
        outputs, inputs = self._rows["matrix"].shape
        return outputs, inputs

    def read(self, *, rows: slice = slice(None), columns: slice = slice(None)) -> NDArray[np.complex64]:
        """Read entries.

        Parameters
        ----------
        rows, columns : slice, optional
            Outputs and inputs, of step one; all where left out.

        Returns
        -------
        ndarray of complex64, shape (output, input)
            The entries.
        """
        rows, columns = check_slice("rows", rows, self.shape[0]), check_slice("columns", columns, self.shape[1])
        return self._rows["matrix"].columns(rows, columns)

    def standard_error(self, *, rows: slice = slice(None)) -> NDArray[np.float32]:
        """Read standard errors, in the unit of the matrix.

        Parameters
        ----------
        rows : slice, optional
            Outputs, of step one; all where left out.

        Returns
        -------
        ndarray of float32, shape (output,) or (output, input)
            One a row or one an entry, as they were written.
        """
        return self._rows["standard_error"][check_slice("rows", rows, self.shape[0])]

    def valid(self, *, rows: slice = slice(None)) -> NDArray[np.bool_]:
        """Read which rows, or entries, are good.

        Parameters
        ----------
        rows : slice, optional
            Outputs, of step one; all where left out.

        Returns
        -------
        ndarray of bool, shape (output,) or (output, input)
            False where the value means nothing.
        """
        return self._rows["valid"][check_slice("rows", rows, self.shape[0])]

    def multiply(self, vectors: ArrayLike, *, memory: int = MEMORY, progress: Progress = iter) -> Complex:
        """Multiply the matrix with vectors.

        .. math:: y_{bm} = \\sum_n T_{mn} x_{bn}

        Parameters
        ----------
        vectors : array_like, shape (..., input)
            Vectors x.
        memory : int, optional
            Bytes for tiles; vectors and products come on top.
        progress : callable, optional
            Wraps the list of tiles, as ``tqdm`` does.

        Returns
        -------
        ndarray of complex, shape (..., output)
            Products, complex128 where the vectors are in double precision.

        Raises
        ------
        ValueError
            If the vectors do not fit, or the memory does not hold two rows.
        """
        outputs, inputs = self.shape
        flat, lead = _vectors(vectors, inputs)
        result = np.empty((len(flat), outputs), flat.dtype)
        for rows, tile in self._tiles(flat.dtype, memory, progress):
            result[:, rows] = flat @ tile.T
        return result.reshape(*lead, outputs)

    def multiply_adjoint(self, vectors: ArrayLike, *, memory: int = MEMORY, progress: Progress = iter) -> Complex:
        """Multiply the conjugate transpose of the matrix with vectors.

        .. math:: x_{bn} = \\sum_m \\overline{T_{mn}} y_{bm}

        Parameters
        ----------
        vectors : array_like, shape (..., output)
            Vectors y.
        memory : int, optional
            Bytes for tiles; vectors and products come on top.
        progress : callable, optional
            Wraps the list of tiles, as ``tqdm`` does.

        Returns
        -------
        ndarray of complex, shape (..., input)
            Products, complex128 where the vectors are in double precision; tiles are summed in complex128.

        Raises
        ------
        ValueError
            If the vectors do not fit, or the memory does not hold two rows.
        """
        outputs, inputs = self.shape
        flat, lead = _vectors(vectors, outputs)
        conjugate = flat.conj()
        total = np.zeros((len(flat), inputs), np.complex128)
        for rows, tile in self._tiles(flat.dtype, memory, progress):
            total += conjugate[:, rows] @ tile
        return np.conj(total, out=total).astype(flat.dtype, copy=False).reshape(*lead, inputs)

    def close(self) -> None:
        """Close the file."""
        self._resources.close()

    def __enter__(self) -> Self:
        """Return the file."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file."""
        self.close()

    def _tiles(self, dtype: np.dtype[Any], memory: int, progress: Progress) -> Iterator[tuple[slice, Complex]]:
        """Yield tiles of rows; the next one is read while this one is multiplied."""
        check_count("memory", memory)
        outputs = self.shape[0]
        # Two tiles at a time; in double precision a copy of one, of twice the bytes, besides.
        row = self._rows["matrix"].row_bytes * (2 if dtype == np.complex64 else 4)
        step = memory // row
        if not step:
            raise ValueError(f"memory = {memory} bytes does not hold two rows of {self.path}: give at least {row}")
        tiles = [slice(first, min(first + step, outputs)) for first in range(0, outputs, step)]
        buffers = [np.empty((min(step, outputs), self.shape[1]), np.complex64) for _ in range(min(2, len(tiles)))]

        def read(number: int) -> Complex:
            tile = buffers[number % 2][: tiles[number].stop - tiles[number].start]
            self._rows["matrix"].read(tiles[number].start, tile)
            return tile

        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(read, 0)
            for number, rows in enumerate(progress(tiles)):
                tile = coming.result()
                if number + 1 < len(tiles):
                    coming = reader.submit(read, number + 1)
                yield rows, tile


def _vectors(vectors: ArrayLike, size: int) -> tuple[Complex, tuple[int, ...]]:
    """Return vectors as rows of complex numbers, and their leading axes."""
    array = np.asarray(vectors)
    if not array.ndim or array.shape[-1] != size:
        raise ValueError(f"vectors must have shape (..., {size}), got {array.shape}")
    dtype = np.result_type(np.complex64, array.dtype)
    return array.reshape(math.prod(array.shape[:-1]), size).astype(dtype, copy=False), array.shape[:-1]
