"""Frames of a campaign as arrays: what there is for each frame, what fits, how it is laid down and read by pixels."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from optics.archives.chunks import gzip_only, read_chunks
from optics.archives.content_hash import Rows
from optics.archives.storage import Storage
from optics.camera import Counts
from optics.validation import check_count

CHUNK_BYTES = 2**18
PIXEL_BLOCK_BYTES = 2**12
UNITS = {"counts": "DN", "timestamps": "s", "frame_ids": "", "valid": "", "exposure_time": "s"}
COLUMNS = {"timestamps": np.float64, "frame_ids": np.int64, "valid": np.bool_, "exposure_time": np.float64}
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class FrameLayout:
    """Number, shape and type of the frames of a campaign.

    Parameters
    ----------
    frames : int
        Number of frames.
    shape : tuple of int
        Rows and columns of a frame.
    word : dtype
        Type of the camera's words, uint8 or uint16.

    Raises
    ------
    ValueError
        If there is nothing to hold, or the words are of another type.
    """

    frames: int
    shape: tuple[int, int]
    word: np.dtype[Any]

    def __post_init__(self) -> None:
        for name, size in (("frames", self.frames), ("rows", self.shape[0]), ("columns", self.shape[1])):
            check_count(name, size)
        if self.word not in (np.dtype(np.uint8), np.dtype(np.uint16)):
            raise ValueError(f"word = {self.word} is not allowed: cameras deliver uint8 or uint16")

    @classmethod
    def of(cls, counts: Rows) -> "FrameLayout":
        """Return the layout of frames that exist.

        Parameters
        ----------
        counts : Rows, shape (frame, y, x)
            The frames.

        Returns
        -------
        FrameLayout
            Their layout.
        """
        return cls(frames=counts.shape[0], shape=(counts.shape[1], counts.shape[2]), word=np.dtype(counts.dtype))

    @property
    def pixels(self) -> int:
        """Return the number of pixels of a frame."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Return the bytes of all frames."""
        return self.frames * self.pixels * self.word.itemsize

    @property
    def arrays(self) -> dict[str, tuple[tuple[int, ...], DTypeLike]]:
        """Return shape and type of every array, one row a frame."""
        columns: dict[str, tuple[tuple[int, ...], DTypeLike]] = {
            name: ((self.frames,), dtype) for name, dtype in COLUMNS.items()
        }
        return {"counts": ((self.frames, *self.shape), self.word), **columns}

    @property
    def storage(self) -> Storage:
        """Return chunks of a few rows of pixels over many frames: as good to read by frames as by pixels."""
        row = self.shape[1] * self.word.itemsize
        rows = max(1, min(self.shape[0], PIXEL_BLOCK_BYTES // row))
        depth = max(1, min(self.frames, CHUNK_BYTES // (rows * row)))
        return Storage(chunks=(depth, rows, self.shape[1]), shuffle=self.word.itemsize > 1)

    def batch(self, first: int, counts: Counts, *, done: int, columns: Mapping[str, ArrayLike]) -> Arrays:
        """Return the arrays of a batch, checked.

        Parameters
        ----------
        first : int
            Number of its first frame.
        counts : ndarray of uint8 or uint16, shape (frame, y, x)
            The words.
        done : int
            Number of frames before it.
        columns : mapping of str to array_like, a number or shape (frame,)
            What else there is for each frame.

        Returns
        -------
        dict of str to ndarray
            One row a frame.

        Raises
        ------
        TypeError
            If the words are of another type.
        ValueError
            If frames do not fit or do not follow.
        """
        if counts.dtype != self.word:
            raise TypeError(f"counts are {counts.dtype}, the campaign holds {self.word}: append the camera's words")
        if counts.ndim != 3 or counts.shape[1:] != self.shape or not len(counts):
            raise ValueError(f"counts must have shape (frame, {self.shape[0]}, {self.shape[1]}), got {counts.shape}")
        if first != done:
            raise ValueError(f"first = {first} does not follow: {done} frames are complete, so append frame {done}")
        if first + len(counts) > self.frames:
            raise ValueError(
                f"frames {first} to {first + len(counts) - 1} are too many: the campaign has {self.frames}"
            )
        return {
            "counts": counts,
            **{name: _column(name, columns[name], dtype, len(counts)) for name, dtype in COLUMNS.items()},
        }


def read_pixels(counts: Any, *, frames: slice, outputs: slice) -> NDArray[Any]:
    """Read words of chunked frames.

    Parameters
    ----------
    counts : h5py.Dataset, shape (frame, y, x)
        The frames.
    frames, outputs : slice
        Frames, and pixels as flat indices, both with their ends.

    Returns
    -------
    ndarray, shape (frame, output)
        The words.
    """
    columns = counts.shape[2]
    top, bottom = outputs.start // columns, -(-outputs.stop // columns)
    # h5py unpacks on one processor; its way is for files that another program has packed anew
    whole = (frames, slice(top, bottom), slice(0, columns))
    block = read_chunks(counts, whole) if gzip_only(counts) else counts[whole]
    flat = block.reshape(len(block), (bottom - top) * columns)
    return np.ascontiguousarray(flat[:, outputs.start - top * columns : outputs.stop - top * columns])


def _column(name: str, values: ArrayLike, dtype: DTypeLike, count: int) -> NDArray[Any]:
    """Return one number a frame, checked."""
    array = np.asarray(values)
    if array.shape not in ((), (count,)) or not np.can_cast(array.dtype, dtype, "same_kind"):
        raise ValueError(f"{name} must hold {np.dtype(dtype)} of shape ({count},), got {array.dtype} {array.shape}")
    return np.broadcast_to(array, count).astype(dtype)
