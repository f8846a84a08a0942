"""Frames as files that pylon's camera emulation plays: one that stands, or a series in order."""

import os
import struct
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from optics.camera import Counts

SLOTS = 2
"""Files of a frame that stands: the emulation plays the files of a folder in turn, each read when its turn comes."""


def tiff_bytes(words: NDArray[np.uint16]) -> bytes:
    """Return an image as a TIFF file: 16 bits a pixel, grey, one strip, not compressed.

    Parameters
    ----------
    words : ndarray of uint16, shape (y, x)
        The image.

    Returns
    -------
    bytes
        The file.

    References
    ----------
    .. [1] Adobe, TIFF Revision 6.0 (1992), sec. 2 (structure), sec. 4 (grey-scale images).
    """
    rows, columns = words.shape
    data = np.ascontiguousarray(words, "<u2").tobytes()
    short, long = 3, 4
    entries = [
        (256, long, columns), (257, long, rows), (258, short, 16), (259, short, 1), (262, short, 1), (273, long, 0),
        (277, short, 1), (278, long, rows), (279, long, len(data)),
    ]  # fmt: skip
    begin = 8 + 2 + 12 * len(entries) + 4
    directory = b"".join(
        struct.pack("<HHII", tag, kind, 1, begin if tag == 273 else value) for tag, kind, value in entries
    )
    return b"II" + struct.pack("<HIH", 42, 8, len(entries)) + directory + struct.pack("<I", 0) + data


class EmulatorFiles:
    """A temporary folder with the frames that the emulation plays.

    Parameters
    ----------
    bits : int
        Bits of the emulated pixel format. The emulation takes the upper ones of a 16-bit image, so a count c is
        written as :math:`2^{16 - b} c`.

    Attributes
    ----------
    still, series : Path
        Folders to give to the emulation: a frame that stands, frames in order.
    """

    def __init__(self, *, bits: int) -> None:
        self._shift = np.uint16(16 - bits)
        self._folder = tempfile.TemporaryDirectory(prefix="opubench-frames-")
        self.still, self.series = Path(self._folder.name) / "still", Path(self._folder.name) / "series"
        self.still.mkdir()
        self.series.mkdir()
        self._places = 0

    def show(self, counts: Counts) -> None:
        """Let a frame stand: whatever file comes next, it holds this one.

        Parameters
        ----------
        counts : ndarray of uint8 or uint16, shape (y, x)
            Counts in DN.
        """
        first, *others = [self.still / f"{slot}.tif" for slot in range(SLOTS)]
        _write_anew(first, self._file(counts))
        for other in others:
            other.unlink(missing_ok=True)
            os.link(first, other)

    def put_series(self, frames: Counts) -> None:
        """Put frames in the place of the series, while nothing is played.

        Parameters
        ----------
        frames : ndarray of uint8 or uint16, shape (frame, y, x)
            Counts in DN.
        """
        for place in range(len(frames), self._places):
            self._place(place).unlink()
        for place, counts in enumerate(frames):
            _write_anew(self._place(place), self._file(counts))
        self._places = len(frames)

    def remove(self) -> None:
        """Remove the folder; removing twice does no harm."""
        self._folder.cleanup()

    def _file(self, counts: Counts) -> bytes:
        """Return the file of a frame."""
        return tiff_bytes(counts.astype(np.uint16) << self._shift)

    def _place(self, index: int) -> Path:
        """Return the file of a place of the series."""
        return self.series / f"{index:08d}.tif"


def _write_anew(path: Path, data: bytes) -> None:
    """Write a file in the place of another: a new one, as some file systems flush what is overwritten or renamed."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)
