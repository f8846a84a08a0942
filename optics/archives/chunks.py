"""Chunks of frames, compressed by their histogram alone and on all processors, in the format of HDF5's gzip filter.

Speckle counts hardly repeat: all that can be gained is that small counts are more frequent. Huffman codes without a
search for repetitions reach the entropy of the counts within a percent, closer than gzip at its highest level, at
several times its speed; they are ordinary zlib streams, which every reader of HDF5 understands, with a checksum.
"""

import itertools
import os
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

WORKERS = min(4, os.cpu_count() or 1)


def pack_chunk(block: NDArray[Any], chunk: Sequence[int], *, shuffled: bool) -> bytes:
    """Compress the part of an array that lies in one chunk.

    Parameters
    ----------
    block : ndarray
        The part, smaller than a chunk at the end of an axis.
    chunk : sequence of int
        Shape of a chunk.
    shuffled : bool
        Whether the bytes of like significance are put side by side first.

    Returns
    -------
    bytes
        A zlib stream of the whole chunk.
    """
    if block.shape != tuple(chunk):
        block = np.pad(block, [(0, size - have) for size, have in zip(chunk, block.shape, strict=True)])
    data = np.ascontiguousarray(block).reshape(-1).view(np.uint8)
    if shuffled:
        data = np.ascontiguousarray(data.reshape(-1, block.dtype.itemsize).T)
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    return packer.compress(data.data) + packer.flush()


def unpack_chunk(data: bytes, chunk: Sequence[int], *, dtype: np.dtype[Any], shuffled: bool) -> NDArray[Any]:
    """Return what one chunk holds.

    Parameters
    ----------
    data : bytes
        The zlib stream.
    chunk : sequence of int
        Shape of a chunk.
    dtype : dtype
        Type of its numbers.
    shuffled : bool
        Whether the bytes of like significance were put side by side.

    Returns
    -------
    ndarray
        The numbers, of the shape of a chunk.

    Raises
    ------
    OSError
        If the stream is damaged.
    """
    size = int(np.prod(chunk)) * dtype.itemsize
    try:
        plain = np.frombuffer(zlib.decompress(data, bufsize=size), np.uint8)
    except zlib.error as error:
        raise OSError(f"a chunk is damaged: {error}") from error
    if plain.size != size:
        raise OSError(f"a chunk is damaged: it holds {plain.size} bytes, not {size}")
    if shuffled:
        plain = np.ascontiguousarray(plain.reshape(dtype.itemsize, -1).T).reshape(-1)
    return plain.view(dtype).reshape(chunk)


def write_chunks(dataset: Any, first: int, block: NDArray[Any]) -> None:
    """Write rows of an array whose filter is gzip.

    Parameters
    ----------
    dataset : h5py.Dataset
        The array.
    first : int
        First row, the first of a chunk.
    block : ndarray
        Whole chunks of rows, or all up to the end.
    """
    chunk, shuffled = dataset.chunks, dataset.shuffle
    corners = list(itertools.product(*(range(0, size, step) for size, step in zip(block.shape, chunk, strict=True))))

    def pack(corner: tuple[int, ...]) -> bytes:
        part = tuple(slice(start, start + step) for start, step in zip(corner, chunk, strict=True))
        return pack_chunk(block[part], chunk, shuffled=shuffled)

    with ThreadPoolExecutor(WORKERS) as pool:
        for corner, data in zip(corners, pool.map(pack, corners), strict=True):
            dataset.id.write_direct_chunk((first + corner[0], *corner[1:]), data)


def read_chunks(dataset: Any, parts: tuple[slice, ...]) -> NDArray[Any]:
    """Read a part of an array whose filter is gzip.

    Parameters
    ----------
    dataset : h5py.Dataset
        The array.
    parts : tuple of slice
        What to read of each axis, with start and stop.

    Returns
    -------
    ndarray
        The numbers.

    Raises
    ------
    OSError
        If a chunk is damaged.
    """
    chunk, shuffled, dtype = dataset.chunks, dataset.shuffle, dataset.dtype
    result = np.empty([part.stop - part.start for part in parts], dtype)
    firsts = [range(part.start // step * step, part.stop, step) for part, step in zip(parts, chunk, strict=True)]

    def unpack(corner: tuple[int, ...]) -> None:
        skipped, data = dataset.id.read_direct_chunk(corner)
        if skipped:
            raise OSError("a chunk is damaged: its filters were left out")
        found = unpack_chunk(data, chunk, dtype=dtype, shuffled=shuffled)
        begins = [max(part.start, start) for part, start in zip(parts, corner, strict=True)]
        ends = [min(part.stop, start + step) for part, start, step in zip(parts, corner, chunk, strict=True)]
        axes = list(zip(begins, ends, strict=True))
        target = tuple(slice(a - part.start, b - part.start) for (a, b), part in zip(axes, parts, strict=True))
        result[target] = found[tuple(slice(a - start, b - start) for (a, b), start in zip(axes, corner, strict=True))]

    if result.size:
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(unpack, itertools.product(*firsts)))
    return result


def gzip_only(dataset: Any) -> bool:
    """Return whether an array is chunked with gzip and nothing else but the shuffle before it.

    Parameters
    ----------
    dataset : h5py.Dataset
        The array.

    Returns
    -------
    bool
        True where `read_chunks` and `write_chunks` understand it.
    """
    return dataset.compression == "gzip" and not dataset.fletcher32 and dataset.scaleoffset is None
