"""TOML text from nested tables: floats that reload bit for bit, and a comment beside each figure."""

import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from optics.files.description_file import Table
from optics.validation import nearest

WIDTH = 120
"""Characters after which a list goes on in the next line."""

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
ESCAPES = {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r", '"': r"\"", "\\": r"\\"}
HIDDEN = re.compile(r"[\x00-\x1f\x7f]")
"""Characters that a line of TOML must not hold."""


def to_toml(table: Table, comments: Mapping[str, str] | None = None) -> str:
    """Return the text of a TOML file that holds nested tables.

    Parameters
    ----------
    table : mapping of str
        Numbers, truth values, strings, lists or tuples of these, and mappings, which become tables; mappings in lists
        become inline tables.
    comments : mapping of str to str or None, optional
        Comments by dotted name, such as ``"camera.gain"``; ``""`` is the comment on the whole file. One of a single
        line stands behind a value, all others above.

    Returns
    -------
    str
        Text that `tomllib.loads` reads back: the same table, lists for tuples.

    Raises
    ------
    TypeError
        If TOML has nothing for a value, None for instance, or a key is no string.
    ValueError
        If a comment belongs to nothing in the table, or a text cannot be written in UTF-8.

    Notes
    -----
    Floats are written by ``repr``, the shortest digits that reload to the same bits, infinities and nan included.
    ``tomli-w`` writes no comments; here each figure has its uncertainty beside it.

    References
    ----------
    .. [1] TOML v1.0.0, toml.io/en/v1.0.0.
    """
    remarks = dict(comments or {})
    unknown = sorted(set(remarks) - {"", *_names(table, "")})
    if unknown:
        raise ValueError(f"there is no {unknown[0]!r} to comment on{nearest(unknown[0], list(_names(table, '')))}")
    lines = _comment_lines(remarks.get("", ""))
    lines += [line for part in _table_lines(table, "", (), remarks) for line in part]
    text = "\n".join(lines) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{text[error.start : error.end]!r} cannot be written to a file in UTF-8") from error
    return text


def _names(table: Table, above: str) -> Iterator[str]:
    """Yield the dotted names of all values and tables."""
    for key, value in table.items():
        if not isinstance(key, str):
            raise TypeError(f"the key {key!r} of {above or 'the table'} must be a string")
        name = f"{above}.{key}" if above else key
        yield name
        if isinstance(value, Mapping):
            yield from _names(value, name)


def _table_lines(table: Table, name: str, keys: tuple[str, ...], comments: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the lines of a table: its values first, as TOML wants it, then the tables in it."""
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    if keys and (values or not inner or name in comments):
        yield ["", *_comment_lines(comments.get(name, "")), f"[{'.'.join(map(_key, keys))}]"]
    for key, value in values.items():
        path = f"{name}.{key}" if name else key
        yield _value_lines(_key(key), _value(value, path), comments.get(path, ""))
    for key, value in inner.items():
        yield from _table_lines(value, f"{name}.{key}" if name else key, (*keys, key), comments)


def _value_lines(key: str, text: str, comment: str) -> list[str]:
    """Return the lines of a value and its comment: beside it where both are one line."""
    remark = _comment_lines(comment)
    line = f"{key} = {text}"
    if len(line) > WIDTH and text.startswith("["):
        return [*remark, f"{key} = [", *_wrapped(text[1:-1]), "]"]
    if len(remark) == 1 and len(line) + len(remark[0]) + 2 <= WIDTH:
        return [f"{line:<32}{remark[0]}" if len(line) < 32 else f"{line}  {remark[0]}"]
    return [*remark, line]


def _wrapped(entries: str) -> Iterator[str]:
    """Yield the entries of a long list, as many numbers a line as fit; those of other kinds stay in one line."""
    if re.search(r"[\"\[{]", entries):
        yield f"    {entries},"
        return
    line = ""
    for entry in entries.split(", "):
        if line and len(line) + len(entry) + 6 > WIDTH:
            yield f"    {line},"
            line = ""
        line += f", {entry}" if line else entry
    yield f"    {line},"


def _comment_lines(comment: str) -> list[str]:
    """Return a comment as lines of TOML."""
    if not comment:
        return []
    wrapped = (textwrap.wrap(HIDDEN.sub(" ", line), WIDTH - 2) or [""] for line in comment.splitlines())
    return [f"# {line}".rstrip() for lines in wrapped for line in lines]


def _key(key: str) -> str:
    """Return a key, in quotes where it needs them."""
    return key if BARE_KEY.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    """Return a string in quotes, what cannot stand there escaped."""
    quoted = "".join(ESCAPES.get(one, one) for one in text)
    return '"' + HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted) + '"'


def _value(value: object, name: str) -> str:
    """Return a value as TOML."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return "nan" if math.isnan(value) else repr(float(value))
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Mapping):
        pairs = [f"{_key(key)} = {_value(one, f'{name}.{key}')}" for key, one in value.items()]
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return "[" + ", ".join(_value(one, f"{name}[{index}]") for index, one in enumerate(value)) + "]"
    raise TypeError(f"{name} = {value!r} has no form in TOML: give a number, a truth value, a text, a list or a table")
