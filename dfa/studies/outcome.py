"""What came out of a study: one tidy table, a row a run."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dfa.studies.plan import BASE, StudyPlan
from dfa.studies.store import Record
from optics.archive import save_archive
from optics.archives.durable import replace_file

if TYPE_CHECKING:  # the study imports this module
    from dfa.study import Study

LAYERED = ("alignment", "aligned_fraction")
"""Entries of a record that hold a number for each hidden layer: a column each."""

UNITS = {"seconds": "s", "bench_seconds": "s", "frames": "frame"}


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyResults:
    """A study and its finished runs.

    Parameters
    ----------
    study : Study
        The study.
    plan : StudyPlan
        Its points.
    records : tuple of dict
        Finished runs, in any order; they are kept in the order of the plan.
    """

    study: Study
    plan: StudyPlan
    records: tuple[Record, ...]

    def __post_init__(self) -> None:
        """Sort the runs: references first, then by point, method and seed."""
        points = {name: index for index, name in enumerate([BASE, *(point.name for point in self.plan.points)])}
        methods = {name: index for index, name in enumerate([*self.plan.references, *self.plan.methods])}

        def place(record: Record) -> tuple[int, int, int]:
            return points[record["point"]], methods[record["method"]], self.plan.seeds.index(record["seed"])

        object.__setattr__(self, "records", tuple(sorted(self.records, key=place)))

    @property
    def complete(self) -> bool:
        """Whether every run was finished or failed."""
        return len(self.records) == len(self.plan.tasks)

    @property
    def failed(self) -> list[Record]:
        """The runs that failed."""
        return [record for record in self.records if record["status"] == "failed"]

    @property
    def swept(self) -> list[str]:
        """Paths of all fields that any point sets."""
        return list(dict.fromkeys(path for point in self.plan.points for path in point.values))

    def of(self, method: str, *, point: str = "") -> list[Record]:
        """Return the runs of a method that went well.

        Parameters
        ----------
        method : str
            Short name of the method.
        point : str, optional
            Name of a point; all of them where empty.

        Returns
        -------
        list of dict
            Records.
        """
        return [
            record
            for record in self.records
            if record["status"] == "ok" and record["method"] == method and point in ("", record["point"])
        ]

    def rows(self) -> list[dict[str, Any]]:
        """Return the tidy table: a row a run, every row with the same columns.

        Returns
        -------
        list of dict
            Point, sweep, the swept fields, seed, method, status, what was measured, error; None where there is nothing.
        """
        values = {point.name: point for point in self.plan.points}
        rows = []
        for record in self.records:
            point = values.get(record["point"])
            head = {"point": record["point"], "sweep": point.sweep if point else ""}
            head |= {path: point.values.get(path) if point else None for path in self.swept}
            rows.append(head | {key: record[key] for key in ("seed", "method", "status")} | _measured(record))
        columns = list(dict.fromkeys(key for row in rows for key in row if key not in ("seconds", "error")))
        order = [*columns, "seconds", "error"]
        return [{column: row.get(column) for column in order} for row in rows]


def _measured(record: Record) -> dict[str, Any]:
    """Return the columns of what a run measured."""
    skipped = ("key", "point", "method", "seed", "status", "curves")
    columns: dict[str, Any] = {}
    for key, value in record.items():
        if key in LAYERED:
            columns |= {f"{key}_{layer}": number for layer, number in enumerate(value, start=1)}
        elif key not in skipped:
            columns[key] = value
    return columns


def csv_text(results: StudyResults) -> str:
    """Return the tidy table as comma-separated values.

    Parameters
    ----------
    results : StudyResults
        The results.

    Returns
    -------
    str
        A head and a line a run; numbers in full precision, empty where there is nothing.
    """
    rows = results.rows()
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]) if rows else ["point"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def save_study(folder: Path, results: StudyResults, *, packages: list[dict[str, str]]) -> None:
    """Write the tidy table as ``results.csv``, and with all curves as ``results.h5``; older ones are replaced.

    Parameters
    ----------
    folder : Path
        The results folder.
    results : StudyResults
        The results.
    packages : list of dict
        Versions of the packages that ran it.
    """
    write_file(folder / "results.csv", csv_text(results).encode())
    arrays, units = _columns(results)
    arrays |= _curves(results)
    partial = folder / f".results.{os.getpid()}.h5"
    partial.unlink(missing_ok=True)
    save_archive(partial, arrays, description=_description(results, packages), units=units)
    replace_file(partial, folder / "results.h5")


def write_file(path: Path, content: bytes) -> None:
    """Write a file that is there whole or as it was before.

    Parameters
    ----------
    path : Path
        The file.
    content : bytes
        What it shall hold.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    replace_file(partial, path)


def _columns(results: StudyResults) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the columns of the table that hold numbers; NaN where there is nothing."""
    rows = results.rows()
    arrays: dict[str, NDArray[Any]] = {}
    for column in rows[0] if rows else []:
        entries = [row[column] for row in rows]
        if all(entry is None or _is_number(entry) for entry in entries):
            whole = all(isinstance(entry, int) for entry in entries)
            arrays[f"table/{column}"] = np.array(
                [np.nan if entry is None else entry for entry in entries], np.int64 if whole else np.float64
            )
    return arrays, {f"table/{name}": unit for name, unit in UNITS.items() if f"table/{name}" in arrays}


def _is_number(value: object) -> bool:
    """Return whether a value is a number and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _curves(results: StudyResults) -> dict[str, NDArray[Any]]:
    """Return the curves of every run over its epochs."""
    return {
        f"runs/{record['key']}/{name}": np.array(curve)
        for record in results.records
        for name, curve in record.get("curves", {}).items()
    }


def _description(results: StudyResults, packages: list[dict[str, str]]) -> dict[str, Any]:
    """Return what the archive says beside its numbers."""
    words: dict[str, list[Any]] = {}
    for row in results.rows():
        for column, value in row.items():
            if isinstance(value, str | bool | list | Mapping):
                words.setdefault(column, [])
    table = {column: [row[column] for row in results.rows()] for column in words}
    return {
        "study": results.plan.identity,
        "complete": results.complete,
        "note": results.study.note,
        "table": table,
        "packages": packages,
    }
