"""Bench files: TOML tables that become the same frozen descriptions that a notebook builds."""

import dataclasses
import math
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optics.bench import BenchDescription, GaussianDescription
from optics.camera import Camera
from optics.dmd import Dmd
from optics.laser import Laser
from optics.macropixels import MacropixelLayout
from optics.resources import data_folder
from optics.validation import check_choice, nearest

MEDIA = {"gaussian": GaussianDescription}
PARTS = {"laser": Laser, "dmd": Dmd, "layout": MacropixelLayout, "camera": Camera}


def shipped_benches() -> list[str]:
    """Return the names of the benches that ship with the project.

    Returns
    -------
    list of str
        Names that `load_bench` understands.
    """
    return sorted(path.stem for path in (data_folder() / "benches").glob("*.toml"))


def load_bench(bench: str | Path) -> BenchDescription:
    """Read a bench from a file, or one that ships with the project by its name.

    Parameters
    ----------
    bench : str or Path
        Path of a TOML file, or a name of `shipped_benches`.

    Returns
    -------
    BenchDescription
        The bench.

    Raises
    ------
    FileNotFoundError
        If there is neither such a file nor such a bench.
    ValueError
        If the file is no TOML, or a key or a value is not what a bench has; the message names it.
    """
    path = Path(bench)
    if not path.is_file():
        shipped = shipped_benches()
        if str(bench) not in shipped:
            raise FileNotFoundError(
                f"no bench file {str(bench)!r}, and no bench of that name ships with the project"
                f"{nearest(str(bench), shipped)}; it has {', '.join(shipped)}"
            )
        path = data_folder() / "benches" / f"{bench}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a TOML file: {error}") from error
    try:
        return bench_from_table(table)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def bench_from_table(table: Mapping[str, Any]) -> BenchDescription:
    """Return the bench that nested tables describe.

    Parameters
    ----------
    table : mapping
        The content of a bench file.

    Returns
    -------
    BenchDescription
        The bench.

    Raises
    ------
    ValueError
        If a key or a value is not what a bench has.
    """
    known = [field.name for field in dataclasses.fields(BenchDescription)]
    _check_keys(table, known=known, required=known, where="the bench")
    parts: dict[str, Any] = {name: _read(PARTS[name], table[name], where=f"[{name}]") for name in PARTS}
    medium = _as_table(table["medium"], where="[medium]")
    kind = medium.get("kind", "gaussian")
    check_choice("[medium] kind", kind, list(MEDIA))
    parts["medium"] = _read(
        MEDIA[kind], {key: value for key, value in medium.items() if key != "kind"}, where="[medium]"
    )
    name = _convert("", table["name"], str, where="name")
    exposure_time = _convert("", table["exposure_time"], float, where="exposure_time")
    return BenchDescription(name=name, exposure_time=exposure_time, **parts)


def bench_to_table(description: BenchDescription) -> dict[str, Any]:
    """Return nested tables from which `bench_from_table` makes the same bench.

    Parameters
    ----------
    description : BenchDescription
        The bench.

    Returns
    -------
    dict
        Plain tables of numbers and strings.
    """
    table = dataclasses.asdict(description)
    kind = next(name for name, cls in MEDIA.items() if isinstance(description.medium, cls))
    table["medium"] = {"kind": kind, **table["medium"]}
    return table


def _read(cls: type, table: object, *, where: str) -> Any:
    """Return the frozen description ``cls`` that a table holds; errors carry the name of the table."""
    checked = _as_table(table, where=where)
    fields = dataclasses.fields(cls)
    required = [field.name for field in fields if field.default is dataclasses.MISSING]
    _check_keys(checked, known=[field.name for field in fields], required=required, where=where)
    types = typing.get_type_hints(cls)
    values = {key: _convert(key, value, types[key], where=where) for key, value in checked.items()}
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} {error}") from error


def _as_table(value: object, *, where: str) -> Mapping[str, Any]:
    """Return a TOML table, or say that it is none."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{where} must be a table, got {value!r}")
    return value


def _check_keys(table: Mapping[str, Any], *, known: list[str], required: list[str], where: str) -> None:
    """Refuse unknown and missing keys."""
    for key in table:
        if key not in known:
            raise ValueError(f"{where} has no key {key!r}{nearest(key, known)}; it takes {', '.join(known)}")
    missing = [key for key in required if key not in table]
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}")


def _convert(key: str, value: object, kind: type, *, where: str) -> Any:
    """Return a TOML value in the type of its field: whole numbers pass as floats, nothing else is converted."""
    name = f"{where} {key}".strip()
    if isinstance(value, int) and abs(value) > 2**63:
        raise ValueError(f"{name} is a whole number of {len(str(value))} digits: nothing on a bench is that large")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise TypeError(f"{name} = {value!r} must be of type {kind.__name__}, got {type(value).__name__}")
    if isinstance(value, float) and math.isnan(value):
        raise ValueError(f"{name} is not a number (nan)")
    return value
