"""Names in single backticks, as docstrings write them, found where Python would find them.

A docstring says `Camera`, `phase_steps.field_weights` or `optics.SimulatedBench`; the manual knows things by the place
where they are defined. What is looked up, in this order: the class and the module that the docstring stands in, its
room, the three packages, and every module that has such a name. Attributes and constants lead to their class or module.
"""

import importlib
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from api_pages import PACKAGES


def defining_names(name: str, *, module: str | None, cls: str | None) -> Iterator[str]:
    """Yield the full names that a name may lead to in the manual, the best first."""
    for scope in _scopes(module, cls):
        yield from _names_in(scope, name)
    for loaded in sorted(key for key in sys.modules if key.startswith(tuple(f"{package}." for package in PACKAGES))):
        first, _, rest = name.partition(".")
        if loaded.endswith(f".{first}"):
            yield from _names_in(sys.modules[loaded], rest) if rest else iter([loaded])
        elif hasattr(sys.modules[loaded], first):
            yield from _names_in(sys.modules[loaded], name)


def _scopes(module: str | None, cls: str | None) -> Iterator[Any]:
    """Yield the namespaces in which a name of a docstring is looked up."""
    if module:
        home = importlib.import_module(module)
        if cls and hasattr(home, cls.split(".")[0]):
            yield getattr(home, cls.split(".")[0])
        yield home
        if room := module.rpartition(".")[0]:
            yield importlib.import_module(room)
    for package in PACKAGES:
        yield importlib.import_module(package)


def _names_in(scope: Any, name: str) -> Iterator[str]:
    """Yield the full name of what a dotted name means in a namespace, then those of what it is part of."""
    parts = name.split(".")
    if parts[0] in PACKAGES:
        scope, parts = importlib.import_module(parts[0]), parts[1:]
    if isinstance(scope, ModuleType):
        _import_inside(scope, parts)
    trail = [scope]
    for part in parts:
        if not hasattr(trail[-1], part) and part not in getattr(trail[-1], "__annotations__", {}):
            return
        trail.append(getattr(trail[-1], part, None))
    if len(trail) > 1:
        yield from (
            full for item, last in zip(trail[::-1], [None, *parts[::-1]], strict=False) if (full := _full(item, last))
        )


def _import_inside(scope: ModuleType, parts: list[str]) -> None:
    """Import the modules that a dotted name goes through, where it goes through any."""
    where = scope.__name__
    for part in parts:
        where = f"{where}.{part}"
        try:
            importlib.import_module(where)
        except ModuleNotFoundError:
            return


def _full(item: Any, member: str | None) -> str | None:
    """Return the name under which the manual knows a module, a class or a function; None for anything else."""
    if inspect.ismodule(item):
        return item.__name__
    if inspect.isclass(item) or inspect.isfunction(item):
        full = f"{item.__module__}.{item.__qualname__}"
        return f"{full}.{member}" if member and isinstance(vars(item).get(member), property) else full
    return None
