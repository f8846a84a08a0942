"""Study files: TOML that becomes the same `Study` that Python builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dfa.studies.sweep import Axis, Sweep, grid, spaced, together
from dfa.study import Study
from optics.files.description_file import as_table, check_keys, find_description, load_toml, shipped_names
from optics.validation import nearest

VERSION = 1
"""Version of study files that this program reads."""

KEYS = ("version", "name", "preset", "bench", "seeds", "sweep", "methods", "references", "base", "axis", "note")
KINDS: dict[str, Callable[..., Sweep]] = {"grid": grid, "together": together}


def shipped_studies() -> list[str]:
    """Return the names of the studies that ship with the project.

    Returns
    -------
    list of str
        Names that `load_study` understands.
    """
    return shipped_names("studies")


def load_study(study: str | Path) -> Study:
    """Read a study from a file, or one that ships with the project by its name.

    Parameters
    ----------
    study : str or Path
        Path of a TOML file, or a name of `shipped_studies`.

    Returns
    -------
    Study
        The study; its points are not looked at yet, see `Study.plan`.

    Raises
    ------
    FileNotFoundError
        If there is neither such a file nor such a study.
    ValueError
        If the file is no TOML, of another version, or a key or a value is not what a study has.
    """
    path = find_description(study, folder="studies", kind="study")
    table = load_toml(path)
    try:
        return _study(table, name=path.stem, folder=path.parent)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _study(table: Mapping[str, Any], *, name: str, folder: Path) -> Study:
    """Return the study of a file."""
    version = table.get("version")
    if version != VERSION or isinstance(version, bool):
        was = "says no version" if version is None else f"is of version {version!r}"
        raise ValueError(f"the study file {was}, this program reads version = {VERSION}; see docs or an example")
    check_keys(table, known=KEYS, required=("preset", "seeds", "sweep"), where="the study")
    _check_types(table)
    base = {} if "bench" not in table else {"bench": table["bench"]}
    return Study(
        name=table.get("name", name),
        preset=table["preset"],
        sweeps=tuple(_sweep(each, number=index) for index, each in enumerate(table["sweep"], start=1)),
        seeds=tuple(table["seeds"]),
        base=base | dict(table.get("base", {})),
        methods=tuple(table.get("methods", ["optical"])),
        references=tuple(table.get("references", [])),
        axes={path: _axis(path, axis) for path, axis in table.get("axis", {}).items()},
        note=table.get("note", ""),
        folder=folder,
    )


def _check_types(table: Mapping[str, Any]) -> None:
    """Refuse values of another kind."""
    kinds = {"name": str, "preset": str, "bench": str, "note": str, "seeds": list, "methods": list}
    kinds |= {"references": list, "base": dict, "axis": dict, "sweep": list}
    words = {str: "text", list: "list", dict: "table"}
    for key, kind in kinds.items():
        if key in table and not isinstance(table[key], kind):
            hint = "; write [[sweep]]" if key == "sweep" else ""
            raise TypeError(f"{key} = {table[key]!r} must be a {words[kind]}{hint}")


def _sweep(table: object, *, number: int) -> Sweep:
    """Return one sweep of a file."""
    own = as_table(table, where=f"sweep {number}")
    where = f"sweep {own.get('name', number)!r}"
    check_keys(own, known=["name", "axes", "base", *KINDS, "points"], required=["name"], where=where)
    base = as_table(own.get("base", {}), where=f"{where} base")
    given = [kind for kind in (*KINDS, "points") if kind in own]
    if len(given) != 1:
        raise ValueError(f"{where} needs one of grid, together and points, it has {' and '.join(given) or 'none'}")
    if given[0] != "points":
        fields = as_table(own[given[0]], where=f"{where} {given[0]}")
        values = {path: _values(path, entry, where=where) for path, entry in fields.items()}
        sweep = KINDS[given[0]](own["name"], values)
    else:
        sweep = _listed(own, where=where)
    points = tuple({**base, **point} for point in sweep.points)
    return Sweep(name=sweep.name, axes=tuple(own.get("axes", sweep.axes)), points=points)


def _listed(own: Mapping[str, Any], *, where: str) -> Sweep:
    """Return a sweep of points that are written out; the fields that differ among them are its axes."""
    if not isinstance(own["points"], list):
        raise TypeError(f"{where}: points must be tables, write [[sweep.points]]")
    points = tuple(dict(as_table(point, where=f"{where} points")) for point in own["points"])
    fields = list(points[0]) if points else []
    differing = [path for path in fields if any(point.get(path) != points[0][path] for point in points)]
    return Sweep(name=own["name"], axes=tuple(differing or fields), points=points)


def _values(path: str, entry: object, *, where: str) -> list[Any]:
    """Return the values of one field: a list, or a range {start, stop, count, log}."""
    if isinstance(entry, Mapping):
        if set(entry) - {"start", "stop", "count", "log"}:
            word = sorted(set(entry) - {"start", "stop", "count", "log"})[0]
            hint = nearest(word, ["start", "stop", "count", "log"])
            quotes = f'; a path with dots needs quotes: "{path}.{word}"'
            raise ValueError(f"{where}: {path} is a table with {word!r}{hint or quotes}")
        check_keys(entry, known=["start", "stop", "count", "log"], required=["start", "stop", "count"], where=path)
        return list(spaced(entry["start"], entry["stop"], count=entry["count"], log=entry.get("log", False)))
    if not isinstance(entry, list) or not entry:
        raise TypeError(f"{where}: {path} = {entry!r} must be a list of values or a range with start, stop and count")
    return entry


def _axis(path: str, table: object) -> Axis:
    """Return how a field is drawn."""
    own = as_table(table, where=f"axis {path!r}")
    check_keys(own, known=["name", "unit", "log"], required=["name"], where=f"axis {path!r}")
    return Axis(**own)
