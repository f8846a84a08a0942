"""Tables of a devices file that name a driver: which class it is, and the arguments that its table holds."""

import dataclasses
import importlib
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from optics.files.description_file import Table, check_keys, read_description, read_value
from optics.validation import nearest

PLAIN = (bool, int, float, str)
"""Types that a file can hold as they are."""


def find_driver(name: object, drivers: Mapping[str, str], *, where: str) -> Callable[..., Any]:
    """Return the class or function that a driver's name stands for; only then is its module imported.

    Parameters
    ----------
    name : object
        A name of ``drivers``, or ``package.module:Class`` for an adapter of one's own.
    drivers : mapping of str to str
        Modules and classes (or functions) by name.
    where : str
        Name of the table in messages.

    Returns
    -------
    callable
        What opens the device.

    Raises
    ------
    ValueError
        If there is no such driver, module or class.
    """
    name = check_driver(name, drivers, where=where)
    module, _, attribute = drivers.get(name, name).partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"{where} driver = {name!r}: there is no class {attribute} in module {module} ({error}); check its name, "
            "and that Python finds the module"
        ) from error
    return found


def check_driver(name: object, drivers: Mapping[str, str], *, where: str) -> str:
    """Return the name of a driver, or refuse one that is neither known nor an adapter of one's own.

    Parameters
    ----------
    name : object
        A name of ``drivers``, or ``package.module:Class``.
    drivers : mapping of str to str
        Modules and classes (or functions) by name.
    where : str
        Name of the table in messages.

    Returns
    -------
    str
        The name.

    Raises
    ------
    ValueError
        If it is neither; the nearest that is known is named.
    """
    if not isinstance(name, str) or (name not in drivers and ":" not in name):
        raise ValueError(
            f"{where} driver = {name!r} is not known{nearest(str(name), drivers)}; it must be one of {list(drivers)}, "
            "or 'package.module:Class' for an adapter of your own"
        )
    return name


def read_arguments(
    kind: Callable[..., Any], table: Table, *, where: str, given: tuple[str, ...] = (), besides: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the keyword arguments of a class that a table holds, each in its type.

    Parameters
    ----------
    kind : callable
        The class, or a function; annotations say what is allowed.
    table : mapping
        The table, the driver's name taken out.
    where : str
        Name of the table in messages.
    given : tuple of str, optional
        Arguments that come from elsewhere.
    besides : tuple of str, optional
        Keys that the table has besides, for messages.

    Returns
    -------
    dict
        Arguments by name.

    Raises
    ------
    TypeError
        If a value is of another type.
    ValueError
        If a key is unknown (with the nearest that is known) or missing.
    """
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(kind, eval_str=True).parameters.items()
        if name not in given and _readable(parameter.annotation)
    }
    required = [name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty]
    check_keys(table, known=[*besides, *parameters], required=required, where=where)
    hints = {name: parameter.annotation for name, parameter in parameters.items()}
    return {key: _argument(key, value, hints[key], where=where) for key, value in table.items()}


def _kinds(hint: Any) -> list[Any]:
    """Return the types that a hint allows, None left out."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return [kind for kind in (typing.get_args(hint) if union else (hint,)) if kind is not types.NoneType]


def _readable(hint: Any) -> bool:
    """Return whether a file can hold a value of a hint."""
    return any(
        kind in PLAIN or dataclasses.is_dataclass(kind) or typing.get_origin(kind) is tuple for kind in _kinds(hint)
    )


def _argument(key: str, value: object, hint: Any, *, where: str) -> Any:
    """Return a value in a type that its hint allows."""
    kinds = [kind for kind in _kinds(hint) if _readable(kind)]
    if any(type(value) is kind for kind in kinds):
        return read_value(key, value, type(value), where=where)
    if dataclasses.is_dataclass(kinds[0]):
        return read_description(kinds[0], value, where=f"{where[:-1]}.{key}]")  # type: ignore[arg-type]
    return read_value(key, value, kinds[0], where=where)
