"""The hash of what a file holds: values, names, types, shapes, units and description, however they are laid down.

.. math:: h = \\mathrm{SHA256}(kind, description, name_1, h_1, name_2, h_2, \\dots), \\qquad
          h_i = \\mathrm{SHA256}(type_i, shape_i, unit_i, values_i)

with names in alphabetical order and values in C order. Chunks, compression, package versions and dates are outside.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from optics.archives.rows_on_disk import RowsOnDisk, as_bytes

BLOCK_BYTES = 2**24
"""Memory for the rows of an array that are read, hashed and written together."""

Rows: TypeAlias = NDArray[Any] | RowsOnDisk
"""An array in memory or on disk (`h5py.Dataset` too), of which rows along the first axis can be had."""


class ArrayHash:
    """SHA-256 of an array, fed block by block.

    Parameters
    ----------
    array : Rows
        The array, for its type and shape.
    unit : str
        Unit of its values.
    """

    def __init__(self, array: Rows, unit: str) -> None:
        shape = ",".join(str(size) for size in array.shape)
        self._digest = hashlib.sha256(f"{np.dtype(array.dtype).str} ({shape}) [{unit}]\n".encode())

    def update(self, block: NDArray[Any]) -> None:
        """Take in the next rows.

        Parameters
        ----------
        block : ndarray
            Rows that follow those before, in C order.
        """
        self._digest.update(as_bytes(block))

    def hexdigest(self) -> str:
        """Return the hash so far.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        return self._digest.hexdigest()


def content_hash(kind: str, text: str, hashes: Mapping[str, str]) -> str:
    """Return the hash of a whole file.

    Parameters
    ----------
    kind : str
        What the file holds.
    text : str
        The description, as JSON.
    hashes : mapping of str to str
        Hash of each array, by name.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(f"{kind}\n{text}\n".encode())
    for name in sorted(hashes):
        digest.update(f"{name} {hashes[name]}\n".encode())
    return digest.hexdigest()


def row_blocks(arrays: Mapping[str, Rows], *, multiples: Mapping[str, int]) -> Iterator[tuple[str, Any]]:
    """Yield the blocks of rows in which arrays are streamed.

    Parameters
    ----------
    arrays : mapping of str to Rows
        The arrays.
    multiples : mapping of str to int
        Rows of which a block takes a whole multiple (chunks), by name.

    Yields
    ------
    name : str
        Name of the array.
    rows : slice or tuple
        Rows of one block; an empty tuple for a single number.
    """
    for name, array in arrays.items():
        if not array.shape:
            yield name, ()
            continue
        row = max(1, int(np.prod(array.shape[1:])) * np.dtype(array.dtype).itemsize)
        step = multiples.get(name, 1)
        step *= max(1, BLOCK_BYTES // (row * step))
        for first in range(0, array.shape[0], step):
            yield name, slice(first, min(first + step, array.shape[0]))


def description_text(description: Mapping[str, Any]) -> str:
    """Return a description as the text that is stored and hashed.

    Parameters
    ----------
    description : mapping
        Plain nested tables.

    Returns
    -------
    str
        JSON with sorted keys.

    Raises
    ------
    TypeError
        If it holds something other than tables, lists, words, numbers, true, false and none.
    """
    try:
        return json.dumps(description, sort_keys=True)
    except TypeError as error:
        raise TypeError(
            f"the description must hold tables, lists, words and plain numbers only ({error}): "
            "turn arrays into lists and numpy numbers into Python's before it is stored"
        ) from error


def first_difference(stored: Any, given: Any, *, key: str = "") -> str:
    """Return where two descriptions differ first, in the order of their keys.

    Parameters
    ----------
    stored : object
        The description in a file: tables, lists and plain values.
    given : object
        The description to compare it with.
    key : str, optional
        Name under which both are found.

    Returns
    -------
    str
        Key with both values, empty where there is no difference.
    """
    if isinstance(stored, dict) and isinstance(given, dict):
        inner = [(name, stored.get(name, _MISSING), given.get(name, _MISSING)) for name in sorted({*stored, *given})]
    elif isinstance(stored, list) and isinstance(given, list) and len(stored) == len(given):
        inner = [(str(index), *both) for index, both in enumerate(zip(stored, given, strict=True))]
    else:
        # repr, since it tells 1 from 1.0 and True, and finds NaN equal to itself
        return "" if repr(stored) == repr(given) else f"{key} is {stored!r} in the file, {given!r} now"
    found = (first_difference(old, new, key=f"{key}.{name}" if key else name) for name, old, new in inner)
    return next((text for text in found if text), "")


class _Missing:
    """What stands for a key that is not there."""

    def __repr__(self) -> str:
        """Return what messages say."""
        return "missing"


_MISSING = _Missing()
