"""How arrays lie in a file: places, chunks, compression."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Storage:
    """How an array is laid down in a file; its values and its hash do not depend on it.

    Parameters
    ----------
    chunks : tuple of int
        Shape of the parts that are compressed and read as one, by `optics.archives.chunks`.
    shuffle : bool
        Whether the bytes of like significance are put side by side first.
    """

    chunks: tuple[int, ...]
    shuffle: bool

    @property
    def options(self) -> dict[str, Any]:
        """Return the options that h5py takes for a new array."""
        return {"chunks": self.chunks, "compression": "gzip", "compression_opts": 1, "shuffle": self.shuffle}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the values of an array are in a file.

    Parameters
    ----------
    offset : int
        Byte at which they begin, in C order.
    shape : tuple of int
        Shape of the array.
    dtype : dtype
        Type of its numbers.
    """

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def check_slice(name: str, given: slice, size: int) -> slice:
    """Return a slice with its ends, or say why it is none of the axis.

    Parameters
    ----------
    name : str
        Name of the axis.
    given : slice
        The slice.
    size : int
        Length of the axis.

    Returns
    -------
    slice
        With start and stop.

    Raises
    ------
    ValueError
        If it reaches beyond the axis or its step is not one.
    """
    first = 0 if given.start is None else given.start
    stop = size if given.stop is None else given.stop
    if given.step not in (None, 1) or not 0 <= first <= stop <= size:
        raise ValueError(f"{name} = {given} is not allowed: it must have step 1 and lie within 0 and {size}")
    return slice(first, stop)
