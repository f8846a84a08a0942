"""TOML tables that become frozen descriptions, every key and every value checked."""

import dataclasses
import math
import tomllib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optics.files.resources import data_folder
from optics.validation import nearest

Table = Mapping[str, Any]

WANTED = {int: "a whole number", float: "a number", str: "a text in quotes", bool: "true or false"}
"""What messages ask for in place of a value of another type."""


def shipped_names(folder: str) -> list[str]:
    """Return the names of the descriptions of one kind that ship with the project.

    Parameters
    ----------
    folder : str
        Folder below ``data``, for instance ``benches``.

    Returns
    -------
    list of str
        Names, sorted.
    """
    return sorted(path.stem for path in (data_folder() / folder).glob("*.toml"))


def find_description(name: str | Path, *, folder: str, kind: str) -> Path:
    """Return the path of a description: a file, or one that ships with the project.

    Parameters
    ----------
    name : str or Path
        Path of a TOML file, or a name of `shipped_names`.
    folder : str
        Folder below ``data``.
    kind : str
        What messages call it, for instance ``bench``.

    Returns
    -------
    Path
        An existing file.

    Raises
    ------
    FileNotFoundError
        If there is neither such a file nor such a name.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = shipped_names(folder)
    if str(name) not in shipped:
        raise FileNotFoundError(
            f"no {kind} file {str(name)!r}, and none of that name ships with the project"
            f"{nearest(str(name), shipped)}; it has {', '.join(shipped)}"
        )
    return data_folder() / folder / f"{name}.toml"


def load_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        Its tables.

    Raises
    ------
    ValueError
        If it is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a TOML file: {error}") from error


def read_description(kind: type, table: object, *, where: str) -> Any:
    """Return the frozen description that a table holds.

    Parameters
    ----------
    kind : type
        A dataclass; fields that are dataclasses themselves are tables within the table.
    table : object
        The table; a value in it that is a description already is kept.
    where : str
        Name of the table in messages, in square brackets.

    Returns
    -------
    object
        An instance of ``kind``.

    Raises
    ------
    TypeError
        If it is no table, or a value is of another type than its field.
    ValueError
        If a key or a value is not what the description has.
    """
    checked = as_table(table, where=where)
    fields = dataclasses.fields(kind)
    required = [field.name for field in fields if field.default is dataclasses.MISSING]
    check_keys(checked, known=[field.name for field in fields], required=required, where=where)
    types = typing.get_type_hints(kind)
    values = {
        key: value
        if dataclasses.is_dataclass(value)
        else read_description(types[key], value, where=f"{where[:-1]}.{key}]")
        if dataclasses.is_dataclass(types[key])
        else read_value(key, value, types[key], where=where)
        for key, value in checked.items()
    }
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} {error}") from error


def as_table(value: object, *, where: str) -> Table:
    """Return a table, or say that it is none.

    Parameters
    ----------
    value : object
        What stands where a table should.
    where : str
        Its name in messages.

    Returns
    -------
    mapping
        The table.

    Raises
    ------
    TypeError
        If it is no table.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{where} must be a table, got {value!r}")
    return value


def check_keys(table: Table, *, known: Sequence[str], required: Sequence[str], where: str) -> None:
    """Refuse unknown and missing keys.

    Parameters
    ----------
    table : mapping
        The table.
    known, required : sequence of str
        Keys that it may and that it must have.
    where : str
        Its name in messages.

    Raises
    ------
    ValueError
        If a key is unknown (with the nearest that is known) or missing.
    """
    for key in table:
        if key not in known:
            raise ValueError(f"{where} has no key {key!r}{nearest(key, known)}; it takes {', '.join(known)}")
    missing = [key for key in required if key not in table]
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}")


def read_value(key: str, value: object, kind: type, *, where: str) -> Any:
    """Return a value in the type of its field: whole numbers pass as floats and lists as tuples, no more is converted.

    Parameters
    ----------
    key : str
        Name of the value.
    value : object
        The value.
    kind : type
        Type of its field.
    where : str
        Name of its table.

    Returns
    -------
    object
        The value.

    Raises
    ------
    TypeError
        If it is of another type.
    ValueError
        If it is not a number, or absurdly large.
    """
    name = f"{where} {key}".strip()
    if typing.get_origin(kind) is tuple:
        return _read_tuple(key, value, typing.get_args(kind)[0], where=where)
    if isinstance(value, int) and abs(value) > 2**63:
        raise ValueError(f"{name} is a whole number of {len(str(value))} digits: nothing on a bench is that large")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        mend = f": give {WANTED[kind]}" if kind in WANTED else ""
        raise TypeError(f"{name} = {value!r} must be of type {kind.__name__}, got {type(value).__name__}{mend}")
    if isinstance(value, float) and math.isnan(value):
        raise ValueError(f"{name} is not a number (nan)")
    return value


def _read_tuple(key: str, value: object, kind: type, *, where: str) -> tuple[Any, ...]:
    """Return a list as a tuple, each entry in the type that all have."""
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{f'{where} {key}'.strip()} = {value!r} must be a list of {kind.__name__}")
    if dataclasses.is_dataclass(kind):
        return tuple(
            entry if isinstance(entry, kind) else read_description(kind, entry, where=f"{where[:-1]}.{key}[{index}]]")
            for index, entry in enumerate(value)
        )
    return tuple(read_value(f"{key}[{index}]", entry, kind, where=where) for index, entry in enumerate(value))
