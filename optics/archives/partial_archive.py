"""An archive while it is written: rows of arrays in batches, each with a record that vouches for it.

Killed at any instant, the file opens and tells which batches are complete:

- The HDF5 structure is written once, before the file gets its name, and never again; batches go to the reserved places
  of their arrays as plain bytes. HDF5 itself, whose metadata a kill can tear, is not open for writing meanwhile.
- A batch is written first and forced to the disk; then its record is written, in one piece of 64 bytes, and forced to
  the disk. A record carries the SHA-256 of its batch and a checksum of itself: a torn one counts as none.
- A record that is whole while its batch is not is damage that no kill makes, and is refused.
"""

import hashlib
import json
import os
import shutil
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from optics.archive import array_places, open_archive, reserve_archive
from optics.archives.content_hash import description_text, first_difference
from optics.archives.rows_on_disk import RowsOnDisk, as_bytes

RECORD = struct.Struct("<qqd32s")
RECORD_BYTES = 64
RECORDS = "records"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What vouches for one batch.

    Parameters
    ----------
    first : int
        First row of the batch.
    count : int
        Number of its rows.
    clock : float
        Time of the bench after the batch, in seconds; NaN where none was given.
    digest : bytes
        SHA-256 of the rows.
    """

    first: int
    count: int
    clock: float
    digest: bytes

    @property
    def rows(self) -> slice:
        """Return the rows of the batch."""
        return slice(self.first, self.first + self.count)

    def pack(self) -> bytes:
        """Return the record as it is stored.

        Returns
        -------
        bytes
            64 bytes, the last four of them a checksum of the others.
        """
        body = RECORD.pack(self.first, self.count, self.clock, self.digest).ljust(RECORD_BYTES - 4, b"\0")
        return body + zlib.crc32(body).to_bytes(4, "little")

    @classmethod
    def unpack(cls, data: bytes) -> "Record | None":
        """Return a stored record.

        Parameters
        ----------
        data : bytes
            64 bytes.

        Returns
        -------
        Record or None
            The record; None where there is none, or one that was cut off.
        """
        body, checksum = data[:-4], int.from_bytes(data[-4:], "little")
        if zlib.crc32(body) != checksum:
            return None
        first, count, clock, digest = RECORD.unpack(body[: RECORD.size])
        return cls(first=first, count=count, clock=clock, digest=digest)


class PartialArchive:
    """An archive that is being written, or one that was left unfinished.

    Parameters
    ----------
    path : Path
        The unfinished file.
    kind : str
        What it must hold.
    writable : bool
        Whether batches are to be written.
    """

    def __init__(self, path: Path, *, kind: str, writable: bool) -> None:
        self.path = path
        with open_archive(path, kind=kind) as file:
            places = array_places(file)
            self.units = {name: str(file[name].attrs["units"]) for name in places}
            self.description: dict[str, Any] = json.loads(str(file.attrs["description"]))
        self._descriptor = os.open(path, os.O_RDWR if writable else os.O_RDONLY)
        arrays = {name: RowsOnDisk(self._descriptor, place) for name, place in places.items()}
        self._records = arrays.pop(RECORDS)
        self.arrays = arrays

    @staticmethod
    def reserve(
        path: Path,
        arrays: Mapping[str, tuple[tuple[int, ...], DTypeLike]],
        *,
        kind: str,
        description: Mapping[str, Any],
        units: Mapping[str, str],
        batches: int,
    ) -> None:
        """Make the file.

        Parameters
        ----------
        path : Path
            Where to make it.
        arrays : mapping of str to (shape, dtype)
            Arrays to make room for; the first axis of each is the row.
        kind : str
            What the file holds.
        description : mapping
            Plain nested tables.
        units : mapping of str to str
            Unit of an array, by its name.
        batches : int
            Most batches that it may get.
        """
        records = {RECORDS: ((batches, RECORD_BYTES), np.uint8)}
        reserve_archive(path, {**arrays, **records}, kind=kind, description=description, units=units)

    def records(self) -> list[Record | None]:
        """Return the record of each batch.

        Returns
        -------
        list of Record or None
            One a place for a batch, None where it is not complete.
        """
        stored = self._records[:].tobytes()
        return [Record.unpack(stored[at : at + RECORD_BYTES]) for at in range(0, len(stored), RECORD_BYTES)]

    def complete_batches(self, *, discard_damaged: bool = False) -> list[Record]:
        """Return the records of the batches that are complete, each begun where the one before ends.

        Parameters
        ----------
        discard_damaged : bool, optional
            Whether batches from the first damaged one on are taken back.

        Returns
        -------
        list of Record
            Their records; the values were compared with their hashes.

        Raises
        ------
        ValueError
            If one is damaged.
        """
        complete: list[Record] = []
        records = self.records()
        for record in records:
            if record is None:
                break
            follows = record.first == (complete[-1].rows.stop if complete else 0)
            if not follows or not self.intact(record):
                if discard_damaged:
                    break
                raise self._damage(record)
            complete.append(record)
        for slot, record in enumerate(records):
            if discard_damaged and slot >= len(complete) and record is not None:
                self.forget(slot)
        return complete

    def intact_batches(self, *, discard_damaged: bool = False) -> dict[int, Record]:
        """Return the records of the batches that are complete, of batches that do not depend on one another.

        Parameters
        ----------
        discard_damaged : bool, optional
            Whether damaged batches are taken back.

        Returns
        -------
        dict of int to Record
            Records by place; the values were compared with their hashes.

        Raises
        ------
        ValueError
            If one is damaged.
        """
        found = {slot: record for slot, record in enumerate(self.records()) if record is not None}
        for slot, record in list(found.items()):
            if not self.intact(record):
                if not discard_damaged:
                    raise self._damage(record)
                self.forget(slot)
                del found[slot]
        return found

    def write(self, slot: int, first: int, blocks: Mapping[str, NDArray[Any]], *, clock: float = np.nan) -> Record:
        """Write a batch, and when it is on the disk its record.

        Parameters
        ----------
        slot : int
            Place of the batch among all.
        first : int
            First of its rows.
        blocks : mapping of str to ndarray
            Rows of every array.
        clock : float, optional
            Time of the bench after the batch, in seconds.

        Returns
        -------
        Record
            What vouches for it.
        """
        for name, block in blocks.items():
            self.arrays[name].write(first, block)
        os.fdatasync(self._descriptor)
        count = len(next(iter(blocks.values())))
        record = Record(first=first, count=count, clock=clock, digest=_digest(blocks))
        self._write_record(slot, record.pack())
        return record

    def forget(self, slot: int) -> None:
        """Take back the record of a batch.

        Parameters
        ----------
        slot : int
            Place of the batch among all.
        """
        self._write_record(slot, bytes(RECORD_BYTES))

    def intact(self, record: Record) -> bool:
        """Return whether a batch is what its record says.

        Parameters
        ----------
        record : Record
            The record.

        Returns
        -------
        bool
            True where the hash agrees.
        """
        return _digest({name: array[record.rows] for name, array in self.arrays.items()}) == record.digest

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _damage(self, record: Record) -> ValueError:
        """Return an error that says which rows are damaged."""
        return ValueError(
            f"{self.path} is damaged: rows {record.first} to {record.first + record.count - 1} do not match their "
            "hash; resume with discard_damaged=True to write them again (of frames all later ones, too)"
        )

    def _write_record(self, slot: int, data: bytes) -> None:
        """Write a record and wait until it is on the disk."""
        self._records.write(slot, np.frombuffer(data, np.uint8))
        os.fdatasync(self._descriptor)


def _digest(blocks: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the SHA-256 of the rows of all arrays."""
    digest = hashlib.sha256()
    for name in sorted(blocks):
        digest.update(as_bytes(blocks[name]))
    return digest.digest()


def check_settings(path: Path, stored: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse to go on with a file under other settings than it was begun with.

    Parameters
    ----------
    path : Path
        Its name, for the message.
    stored : mapping
        Settings in the file.
    given : mapping
        Settings now.

    Raises
    ------
    ValueError
        If they differ; the first key that does is named.
    """
    difference = first_difference(json.loads(description_text(stored)), json.loads(description_text(given)))
    if difference:
        raise ValueError(
            f"{path} was begun with other settings: {difference}; go on with those of the file, or give another "
            "name. Nothing was changed"
        )


def check_space(path: Path, *, needed: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Parameters
    ----------
    path : Path
        The file to make.
    needed : int
        Bytes that it takes.

    Raises
    ------
    OSError
        If less is free.
    """
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise OSError(f"{path.name} needs {needed:,} bytes and {path.parent} has {free:,} free: make room first")


def partial_path(path: Path) -> Path:
    """Return the name of a file while it is not finished.

    Parameters
    ----------
    path : Path
        Name of the finished file.

    Returns
    -------
    Path
        Name of the unfinished one, in the same folder.
    """
    return path.with_name(f"{path.name}.partial")
