"""Verification of archives of any kind and size: is the file whole, and is what it holds what was written?"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from optics.archive import UNFINISHED, Progress, archive_arrays, open_archive
from optics.archives.content_hash import ArrayHash, content_hash, row_blocks
from optics.archives.partial_archive import PartialArchive


@dataclass(frozen=True, kw_only=True)
class ArrayReport:
    """What verification found about one array.

    Parameters
    ----------
    name : str
        Name in the file.
    shape : tuple of int
        Shape.
    dtype : str
        Type of its numbers.
    unit : str
        Unit of its values; empty for bare numbers.
    problem : str
        What is wrong with it; empty where it is intact.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    unit: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class ArchiveReport:
    """What verification found about a file.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        What it holds.
    arrays : tuple of ArrayReport
        Its arrays.
    packages : dict of str to str
        Versions of the packages that wrote it.
    sha256 : str
        Hash of its content as it was found; empty for an unfinished file.
    problems : tuple of str
        Everything that is wrong.
    rows_done, rows : int
        Complete rows (frames, outputs) of an unfinished file and rows that it will have; both 0 for a finished one.
    """

    path: Path
    kind: str
    arrays: tuple[ArrayReport, ...]
    packages: dict[str, str]
    sha256: str
    problems: tuple[str, ...]
    rows_done: int = 0
    rows: int = 0

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def text(self) -> str:
        """Return the report for people.

        Returns
        -------
        str
            One line an array, what is wrong, and the verdict.
        """
        packages = ", ".join(f"{name} {version}" for name, version in self.packages.items())
        lines = [f"{self.path}: {self.kind}", f"written by {packages}"]
        for array in self.arrays:
            unit = f" {array.unit}" if array.unit else ""
            lines.append(f"  {array.name:<20} {array.dtype} {array.shape}{unit}: {array.problem or 'intact'}")
        lines += [f"wrong: {problem}" for problem in self.problems]
        if self.rows:
            lines.append(f"unfinished: {self.rows_done} of {self.rows} rows are complete")
        if self.sha256:
            lines.append(f"content sha256 {self.sha256}")
        lines.append("intact" if self.intact else "DAMAGED")
        return "\n".join(lines)


def verify_archive(path: Path, *, progress: Progress = iter) -> ArchiveReport:
    """Compare a whole file with its hashes.

    Parameters
    ----------
    path : Path
        An archive of results, frames or a matrix, finished or not.
    progress : callable, optional
        Wraps the list of blocks, as ``tqdm`` does.

    Returns
    -------
    ArchiveReport
        What it holds, and everything that is wrong with it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be opened (cut off, foreign) or is of another version.

    Notes
    -----
    Memory is that of one block of rows (16 MiB, or one row of chunks). Nothing in a file is ever executed.
    """
    with open_archive(path) as file:
        kind, packages = str(file.attrs["kind"]), json.loads(str(file.attrs["packages"]))
        if not kind.startswith(UNFINISHED):
            return _verify_finished(path, kind, file, packages=packages, progress=progress)
    return _verify_unfinished(path, kind, packages=packages, progress=progress)


def _verify_finished(
    path: Path, kind: str, file: Any, *, packages: dict[str, str], progress: Progress
) -> ArchiveReport:
    """Verify array by array, then the whole."""
    found = archive_arrays(file)
    units = {name: str(array.attrs.get("units", "")) for name, array in found.items()}
    digests = {name: ArrayHash(array, units[name]) for name, array in found.items()}
    wrong = dict.fromkeys(found, "")
    depths = {name: array.chunks[0] for name, array in found.items() if array.chunks}
    for name, rows in progress(list(row_blocks(found, multiples=depths))):
        try:
            digests[name].update(np.asarray(found[name][rows]))
        except OSError as error:
            place = f"rows {rows.start} to {rows.stop - 1}" if isinstance(rows, slice) else "its number"
            wrong[name] = wrong[name] or f"{place} cannot be read ({error})"
    hashes = {name: digest.hexdigest() for name, digest in digests.items()}
    for name, array in found.items():
        if not wrong[name] and array.attrs.get("sha256") != hashes[name]:
            wrong[name] = "values, type, shape or unit do not match the hash"
    whole = content_hash(kind, str(file.attrs.get("description", "")), hashes)
    problems = [f"{name}: {problem}" for name, problem in wrong.items() if problem]
    if not problems and whole != file.attrs.get("sha256"):
        problems = ["kind, description or list of arrays do not match the content hash"]
    return ArchiveReport(
        path=path,
        kind=kind,
        arrays=tuple(
            ArrayReport(name=name, shape=array.shape, dtype=str(array.dtype), unit=units[name], problem=wrong[name])
            for name, array in found.items()
        ),
        packages=packages,
        sha256=whole,
        problems=tuple(problems),
    )


def _verify_unfinished(path: Path, kind: str, *, packages: dict[str, str], progress: Progress) -> ArchiveReport:
    """Verify batch by batch."""
    archive = PartialArchive(path, kind=kind, writable=False)
    try:
        records = [record for record in archive.records() if record is not None]
        intact = {record.first: archive.intact(record) for record in progress(records)}
        arrays = tuple(
            ArrayReport(name=name, shape=array.shape, dtype=str(array.dtype), unit=archive.units[name], problem="")
            for name, array in archive.arrays.items()
        )
    finally:
        archive.close()
    return ArchiveReport(
        path=path,
        kind=kind,
        arrays=arrays,
        packages=packages,
        sha256="",
        problems=tuple(
            f"rows {record.first} to {record.first + record.count - 1} do not match their hash"
            for record in records
            if not intact[record.first]
        ),
        rows_done=sum(record.count for record in records if intact[record.first]),
        rows=next(iter(arrays)).shape[0],
    )
