"""The runs of a study on the disk: one file, a line a run, that survives a kill at any instant.

Each line is the first 16 digits of the SHA-256 of what follows, a space, and a JSON table. The first line describes
the study; it is there from the moment that the file has its name. Every other line is appended in one piece and is on
the disk before the run counts as finished. A kill can only tear the last line, and that one is dropped.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

from dfa.studies.plan import first_difference, identity_hash
from optics.archives.durable import FileLock, replace_file

Record = dict[str, Any]
"""What is stored of a run: plain numbers, texts and lists."""

FILE_NAME = "runs.log"
FORMAT, FORMAT_VERSION = "opubench study", 1
PACKAGES = ("opubench", "numpy", "scipy")


class RunStore:
    """The runs of one study in one folder, open for writing and locked; a context manager.

    Parameters
    ----------
    folder : Path
        The folder; it is made where it does not exist.
    identity : mapping
        Plain tables that say which study it is, see `StudyPlan.identity`.

    Raises
    ------
    BlockingIOError
        If another program writes the folder.
    FileExistsError
        If the folder holds other files than a study.
    ValueError
        If it holds another study, or a damaged one.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.path = folder / FILE_NAME
        self._identity = dict(identity)
        self.records: dict[str, Record] = {}
        self._descriptor = -1
        _make_folder(folder)
        self._lock = _locked(self.path)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> RunStore:
        """Return the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file and give the lock back."""
        self.close()

    def append(self, record: Record) -> None:
        """Add a finished run and wait until it is on the disk.

        Parameters
        ----------
        record : dict
            The run; its ``key`` replaces an earlier one.

        Raises
        ------
        OSError
            If the disk is full; the file is as it was before.
        """
        self._write(_line({"kind": "run", **record}))
        self.records[record["key"]] = record

    def close(self) -> None:
        """Close the file and give the lock back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._lock.release()

    def _open(self) -> None:
        """Read what is there, cut a torn line off, and open the file for appending."""
        packages = _versions()
        if not self.path.exists():
            self._begin(packages)
        lines, length = _read_lines(self.path)
        if _is_ours(lines) and not _records(lines):  # a study that never ran holds nothing that could be lost
            self._begin(packages)
            lines, length = _read_lines(self.path)
        _check_header(self.path, lines, self._identity)
        self.records = _records(lines)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        if length < self.path.stat().st_size:
            os.ftruncate(self._descriptor, length)
        if packages != _last_packages(lines):
            self._write(_line({"kind": "continued", "packages": packages}))

    def _begin(self, packages: dict[str, str]) -> None:
        """Write the file with the description of the study in it, whole or not at all."""
        header = {"kind": "study", "format": FORMAT, "version": FORMAT_VERSION, "packages": packages}
        header |= {"sha256": identity_hash(self._identity), "identity": self._identity}
        partial = self.path.with_name(f".{FILE_NAME}.partial")
        partial.write_bytes(_line(header))
        replace_file(partial, self.path)

    def _write(self, line: bytes) -> None:
        """Append a line as a whole or not at all."""
        before = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, line)
            if written < len(line):
                raise OSError(f"{self.path}: only {written} of {len(line)} bytes could be written; is the disk full?")
            os.fsync(self._descriptor)
        except BaseException:
            os.ftruncate(self._descriptor, before)
            raise


def read_records(folder: Path, identity: Mapping[str, Any]) -> dict[str, Record]:
    """Return the stored runs of a study without locking or changing anything.

    Parameters
    ----------
    folder : Path
        The results folder.
    identity : mapping
        Which study it must be.

    Returns
    -------
    dict of str to dict
        Runs by their key.

    Raises
    ------
    FileNotFoundError
        If there is no study.
    ValueError
        If it is another study, or damaged.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no study: there is no file {FILE_NAME} in it; run the study first")
    lines, _ = _read_lines(path)
    _check_header(path, lines, identity)
    return _records(lines)


def stored_packages(folder: Path) -> list[dict[str, str]]:
    """Return the versions of the packages that a study was run with, one entry for each change of them.

    Parameters
    ----------
    folder : Path
        The results folder.

    Returns
    -------
    list of dict
        Versions by package.
    """
    lines, _ = _read_lines(folder / FILE_NAME)
    return [line["packages"] for line in lines if "packages" in line]


def _make_folder(folder: Path) -> None:
    """Make the results folder, or refuse one that holds other things."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or "it is no folder"
        raise OSError(f"the results folder {folder} cannot be made ({reason}): give another with --output") from error
    names = {path.name for path in folder.iterdir()}
    ours = {FILE_NAME, f"{FILE_NAME}.lock", f".{FILE_NAME}.partial"}
    if FILE_NAME not in names and names - ours:
        raise FileExistsError(
            f"the results folder {folder} holds {sorted(names - ours)[0]!r} and no study: give another with --output"
        )


def _locked(path: Path) -> FileLock:
    """Return the lock of the store, or say who holds it."""
    try:
        return FileLock(path)
    except BlockingIOError as error:
        raise BlockingIOError(f"{error}: this folder is in use, its runs are safe") from error


def _line(table: Mapping[str, Any]) -> bytes:
    """Return a table as one line with its checksum."""
    text = json.dumps(table).encode()
    return _checksum(text) + b" " + text + b"\n"


def _checksum(text: bytes) -> bytes:
    """Return the first digits of the SHA-256."""
    return hashlib.sha256(text).hexdigest()[:16].encode()


def _read_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the tables of a file and the length that is whole: a torn last line is left out."""
    content = path.read_bytes()
    tables, length = [], 0
    lines = content.split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        checksum, _, text = line.partition(b" ")
        if checksum != _checksum(text):
            if number == len(lines) - 1 and not lines[-1]:
                break
            raise ValueError(
                f"{path} is damaged: line {number} does not match its checksum. The other lines are whole: put a copy "
                "of the file back, or delete that line to have its run done again"
            )
        tables.append(json.loads(text))
        length += len(line) + 1
    return tables, length


def _is_ours(lines: list[dict[str, Any]]) -> bool:
    """Return whether a file is one that this program wrote."""
    return bool(lines) and (lines[0].get("format"), lines[0].get("version")) == (FORMAT, FORMAT_VERSION)


def _check_header(path: Path, lines: list[dict[str, Any]], identity: Mapping[str, Any]) -> None:
    """Refuse what is no study, of another version, or another study."""
    header = lines[0] if lines else {}
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} is not the file of a study: give another folder with --output")
    if header["version"] != FORMAT_VERSION:
        raise ValueError(f"{path} has format version {header['version']}, this program reads {FORMAT_VERSION}")
    if header["sha256"] != identity_hash(identity):
        raise ValueError(
            f"{path.parent} holds the runs of another study ({first_difference(header['identity'], dict(identity))}); "
            "nothing was changed: give another folder with --output, or take the change back"
        )


def _records(lines: list[dict[str, Any]]) -> dict[str, Record]:
    """Return the runs by their key; of a run that was done again the last one holds."""
    runs = [line for line in lines if line["kind"] == "run"]
    return {run["key"]: {key: value for key, value in run.items() if key != "kind"} for run in runs}


def _last_packages(lines: list[dict[str, Any]]) -> dict[str, str]:
    """Return the versions that the last change of them left."""
    found: dict[str, str] = [line["packages"] for line in lines if "packages" in line][-1]
    return found


def _versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that compute."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
