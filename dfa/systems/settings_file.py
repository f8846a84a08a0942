"""Settings of systems in TOML files: those that ship with the project, and a person's own."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dfa.experiment import Method
from dfa.plan import TrainingPlan
from dfa.systems.settings import COMMON, SystemSettings, build_from
from optics import data_folder
from optics.validation import nearest

PLAN_KEYS = tuple(field.name for field in dataclasses.fields(TrainingPlan))
METHOD_KEYS = tuple(field.name for field in dataclasses.fields(Method) if field.name != "plan")


def shipped_systems() -> list[str]:
    """Return the names of the systems that ship with the project.

    Returns
    -------
    list of str
        Names that `load_settings` understands.
    """
    return sorted(path.stem.replace("_", "-") for path in (data_folder() / "systems").glob("*.toml"))


def load_settings(name: str | Path) -> SystemSettings:
    """Read the settings of a system from a file, or those that ship with the project by their name.

    Parameters
    ----------
    name : str or Path
        Path of a TOML file, or a name of `shipped_systems`.

    Returns
    -------
    SystemSettings
        The settings.

    Raises
    ------
    FileNotFoundError
        If there is neither such a file nor such a system.
    ValueError
        If the file is no TOML, or a key or a value is not what settings have.
    """
    path = Path(name)
    if not path.is_file():
        shipped = shipped_systems()
        wanted = str(name).replace("_", "-")
        if wanted not in shipped:
            raise FileNotFoundError(
                f"no system {str(name)!r}{nearest(wanted, shipped)}; there are {', '.join(shipped)}, or give the path "
                "of a TOML file"
            )
        path = data_folder() / "systems" / f"{wanted.replace('-', '_')}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a TOML file: {error}") from error
    try:
        settings = _settings(table, name=path.stem.replace("_", "-"))
        settings.build()  # so that a mistake in the system's own tables is told with the file's name
        return settings
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _settings(table: Mapping[str, Any], *, name: str) -> SystemSettings:
    """Return the settings that a file holds; without ``system`` the file's name says which one it is."""
    missing = [key for key in ("bench", "seeds", "methods") if key not in table]
    if missing:
        raise ValueError(f"the file lacks {', '.join(missing)}")
    kinds = {"seeds": list, "bench": str, "system": str, "note": str, "light": dict, "defaults": dict, "methods": dict}
    for key, kind in kinds.items():
        if not isinstance(table.get(key, kind()), kind):
            raise TypeError(f"{key} = {table[key]!r} must be a {kind.__name__}")
    shared = table.get("defaults", {})
    tables = {key: _merged(shared, own, where=f"[methods.{key}]") for key, own in table["methods"].items()}
    for key, own in tables.items():
        if not isinstance(own.get("balanced", False), bool):
            raise TypeError(f"[methods.{key}]: balanced = {own['balanced']!r} must be true or false")
    balanced = tuple(key for key, own in tables.items() if own.pop("balanced", False))
    methods = {key: _method(own, where=f"[methods.{key}]") for key, own in tables.items()}
    return SystemSettings(
        name=name,
        kind=table.get("system", name),
        tables={key: value for key, value in table.items() if key not in COMMON},
        methods=methods,
        seeds=tuple(table["seeds"]),
        bench=table["bench"],
        light=table.get("light", {}),
        balanced=balanced,
        note=table.get("note", ""),
    )


def _merged(shared: Mapping[str, Any], own: Any, *, where: str) -> dict[str, Any]:
    """Return a method's own settings, and those that all share where it has none."""
    if not isinstance(own, dict):
        raise TypeError(f"{where} = {own!r} must be a table")
    return {**shared, **own}


def _method(table: Mapping[str, Any], *, where: str) -> Method:
    """Return the settings of one method."""
    plan = {key: value for key, value in table.items() if key in PLAN_KEYS}
    rest = {key: value for key, value in table.items() if key not in PLAN_KEYS}
    for key in rest:
        if key not in METHOD_KEYS:
            known = [*PLAN_KEYS, *METHOD_KEYS, "balanced"]
            raise ValueError(f"{where} has no key {key!r}{nearest(key, known)}; it takes {', '.join(known)}")
    return build_from(Method, {"plan": build_from(TrainingPlan, plan, where=where), **rest}, where=where)
