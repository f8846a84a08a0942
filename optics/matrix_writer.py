"""A matrix that comes in tiles of rows, in any order, safe from a kill at any instant, larger than memory.

While tiles come in they stand in ``NAME.partial`` (`optics.archives.partial_archive`), each vouched for by a record;
`MatrixWriter.finish` copies them to ``NAME``, hashed. The content hash of the finished file depends on the entries and
on the description alone, not on tiles and their order.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from optics.archive import Progress, write_archive
from optics.archives.durable import FileLock
from optics.archives.partial_archive import PartialArchive, check_settings, check_space, partial_path
from optics.matrix_file import ARRAYS, KIND
from optics.validation import check_choice, check_count

PARTIAL_KIND = "unfinished matrix"
TILE_BYTES = 2**26
ERRORS = ("row", "entry")


class MatrixWriter:
    """A matrix on disk that is being written; made by `resume`.

    Parameters
    ----------
    path : Path
        Name of the finished file.
    archive : PartialArchive
        The unfinished file.
    lock : FileLock
        The lock under which it is written.
    tile_rows : int
        Rows of a tile.
    discard_damaged : bool, optional
        Whether damaged tiles are given up, to be written again.
    """

    def __init__(
        self, path: Path, archive: PartialArchive, *, lock: FileLock, tile_rows: int, discard_damaged: bool = False
    ) -> None:
        self.path = path
        self._archive, self._lock = archive, lock
        self._done = set(archive.intact_batches(discard_damaged=discard_damaged))
        self.shape = archive.arrays["matrix"].shape
        self.tiles = tuple(
            slice(first, min(first + tile_rows, self.shape[0])) for first in range(0, self.shape[0], tile_rows)
        )

    @classmethod
    def resume(
        cls,
        path: Path,
        *,
        shape: tuple[int, int],
        errors: str,
        unit: str,
        description: Mapping[str, Any],
        tile_rows: int | None = None,
        discard_damaged: bool = False,
    ) -> Self:
        """Go on with a matrix where it was left, or begin it where there is none.

        Parameters
        ----------
        path : Path
            Name of the finished file.
        shape : tuple of int
            Outputs and inputs.
        errors : {"row", "entry"}
            Whether there is one standard error, and one mark of validity, a row or an entry.
        unit : str
            Unit of the entries.
        description : mapping
            Bench, seeds, method: plain nested tables. All four must be those that it was begun with.
        tile_rows : int or None, optional
            Rows of a tile; None takes tiles of 64 MiB.
        discard_damaged : bool, optional
            Whether damaged tiles are given up, to be written again.

        Returns
        -------
        MatrixWriter
            The file, locked for this program; `missing` tells what is still to be written.

        Raises
        ------
        FileExistsError
            If the matrix is finished.
        ValueError
            If it was begun with other settings (the first that differs is named), or is damaged.
        BlockingIOError
            If another program is writing it.
        OSError
            If the disk is too small.
        """
        check_count("outputs", shape[0])
        check_count("inputs", shape[1])
        check_choice("errors", errors, ERRORS)
        rows = min(tile_rows or max(1, TILE_BYTES // (8 * shape[1])), shape[0])
        check_count("tile_rows", rows)
        settings = {
            "shape": list(shape), "errors": errors, "unit": unit, "tile_rows": rows, "description": dict(description)
        }  # fmt: skip
        lock = FileLock(path)
        try:
            if path.exists():
                partial_path(path).unlink(missing_ok=True)
                raise FileExistsError(f"{path} is finished: open it with MatrixFile, or give another name")
            if not partial_path(path).exists():
                _reserve(path, settings)
            archive = PartialArchive(partial_path(path), kind=PARTIAL_KIND, writable=True)
            try:
                check_settings(path, archive.description, settings)
                return cls(path, archive, lock=lock, tile_rows=rows, discard_damaged=discard_damaged)
            except BaseException:
                archive.close()
                raise
        except BaseException:
            lock.release()
            raise

    @property
    def missing(self) -> list[slice]:
        """Return the rows of the tiles that are still to be written."""
        return [rows for slot, rows in enumerate(self.tiles) if slot not in self._done]

    def write(self, rows: slice, values: ArrayLike, *, standard_error: ArrayLike, valid: ArrayLike = True) -> None:
        """Write a tile; when this returns it survives a kill and a power cut.

        Parameters
        ----------
        rows : slice
            One of ``tiles``.
        values : array_like of complex, shape (row, input)
            Entries, rounded to complex64.
        standard_error : array_like of float, a number, shape (row,) or (row, input)
            Standard errors of the rows, or of the entries, rounded to float32.
        valid : array_like of bool, a truth value, shape (row,) or (row, input), optional
            False where the value means nothing.

        Raises
        ------
        ValueError
            If the rows are no tile, or the arrays do not fit or are not finite.
        """
        if rows not in self.tiles:
            raise ValueError(f"rows = {rows} are no tile of {self.path}: write one of `tiles`, as {self.tiles[0]}")
        count = rows.stop - rows.start
        blocks: dict[str, NDArray[Any]] = {}
        for name, given in zip(ARRAYS, (values, standard_error, valid), strict=True):
            stored, array = self._archive.arrays[name], np.asarray(given)
            wanted = (count, *stored.shape[1:])
            if array.shape != wanted and (name == "matrix" or array.shape != ()):
                raise ValueError(f"{name} must have shape {wanted}, got {array.shape}")
            if not np.can_cast(array.dtype, stored.dtype, "same_kind"):
                raise TypeError(f"{name} must be {stored.dtype}, got {array.dtype}")
            blocks[name] = np.broadcast_to(array, wanted).astype(stored.dtype, copy=False)
        if not np.isfinite(blocks["matrix"]).all():
            raise ValueError(
                f"entries of rows {rows.start} to {rows.stop - 1} are not finite: set them to 0, not valid"
            )
        slot = self.tiles.index(rows)
        self._archive.write(slot, rows.start, blocks)
        self._done.add(slot)

    def finish(self, *, progress: Progress = iter) -> None:
        """Write the finished archive, remove the unfinished file and close.

        Parameters
        ----------
        progress : callable, optional
            Wraps the list of blocks, as ``tqdm`` does.

        Raises
        ------
        ValueError
            If tiles are missing.

        Notes
        -----
        It may be killed too, and repeated. The disk must hold both files until then.
        """
        if self.missing:
            raise ValueError(
                f"{self.path} cannot be finished: {len(self.missing)} of {len(self.tiles)} tiles are missing, the "
                f"first from row {self.missing[0].start} on"
            )
        check_space(self.path, needed=sum(array.shape[0] * array.row_bytes for array in self._archive.arrays.values()))
        write_archive(
            self.path,
            self._archive.arrays,
            kind=KIND,
            description=self._archive.description["description"],
            units=self._archive.units,
            partial=self.path.with_name(f".{self.path.name}.new"),
            progress=progress,
        )
        partial_path(self.path).unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Close the file and give its lock back."""
        self._archive.close()
        self._lock.release()

    def __enter__(self) -> Self:
        """Return the file."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file."""
        self.close()


def _reserve(path: Path, settings: Mapping[str, Any]) -> None:
    """Make the unfinished file."""
    outputs, inputs = settings["shape"]
    each = (outputs, inputs) if settings["errors"] == "entry" else (outputs,)
    arrays: dict[str, tuple[tuple[int, ...], DTypeLike]] = {
        "matrix": ((outputs, inputs), np.complex64),
        "standard_error": (each, np.float32),
        "valid": (each, np.bool_),
    }
    check_space(path, needed=8 * outputs * inputs)
    PartialArchive.reserve(
        partial_path(path),
        arrays,
        kind=PARTIAL_KIND,
        description=settings,
        units={"matrix": settings["unit"], "standard_error": settings["unit"]},
        batches=-(-outputs // settings["tile_rows"]),
    )
