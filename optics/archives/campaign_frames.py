"""Frames of a campaign as they lie on disk: compressed in the finished archive, plain in the unfinished one."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.archive import Progress, archive_description, open_archive, read_checked, write_archive
from optics.archives.frame_layout import COLUMNS, UNITS, FrameLayout, read_pixels
from optics.archives.partial_archive import PartialArchive, Record, partial_path

KIND, PARTIAL_KIND = "campaign", "unfinished campaign"


class FramesOnDisk(ABC):
    """Complete frames of a campaign, read by frames or by pixels.

    Parameters
    ----------
    path : Path
        The file.
    layout : FrameLayout
        Number, shape and type of the frames of the whole campaign.
    description : dict
        Bench, seeds and settings.
    """

    def __init__(self, path: Path, *, layout: FrameLayout, description: dict[str, Any]) -> None:
        self.path, self.layout, self.description = path, layout, description

    @property
    @abstractmethod
    def done(self) -> int:
        """Return the number of complete frames."""

    @property
    @abstractmethod
    def clock(self) -> float:
        """Return the time of the bench after the last complete frame, in seconds, or NaN."""

    @abstractmethod
    def column(self, name: str) -> NDArray[Any]:
        """Return one number a complete frame.

        Parameters
        ----------
        name : str
            Name of the array.

        Returns
        -------
        ndarray, shape (frame,)
            The numbers.
        """

    @abstractmethod
    def pixels(self, frames: slice, outputs: slice) -> NDArray[Any]:
        """Read words.

        Parameters
        ----------
        frames, outputs : slice
            Frames, and pixels as flat indices, both with their ends.

        Returns
        -------
        ndarray, shape (frame, output)
            The words.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the file."""


class FinishedFrames(FramesOnDisk):
    """Frames in the finished archive.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    ValueError
        If it is damaged, foreign or of another version.
    """

    def __init__(self, path: Path) -> None:
        with open_archive(path, kind=KIND) as file:
            self._columns = read_checked(file, list(COLUMNS))
            layout, description = FrameLayout.of(file["counts"]), archive_description(file)
        super().__init__(path, layout=layout, description=description)
        self._resources = ExitStack()
        self._file = self._resources.enter_context(open_archive(path, kind=KIND))

    @property
    def done(self) -> int:
        """Return the number of frames."""
        return self.layout.frames

    @property
    def clock(self) -> float:
        """Return NaN: a finished archive has no bench to go on with."""
        return math.nan

    def column(self, name: str) -> NDArray[Any]:
        """Return one number a frame.

        Parameters
        ----------
        name : str
            Name of the array.

        Returns
        -------
        ndarray, shape (frame,)
            The numbers.
        """
        return np.array(self._columns[name])

    def pixels(self, frames: slice, outputs: slice) -> NDArray[Any]:
        """Read words.

        Parameters
        ----------
        frames, outputs : slice
            Frames, and pixels as flat indices, both with their ends.

        Returns
        -------
        ndarray, shape (frame, output)
            The words.

        Raises
        ------
        ValueError
            If a chunk does not match its checksum.
        """
        try:
            return read_pixels(self._file["counts"], frames=frames, outputs=outputs)
        except (OSError, RuntimeError, KeyError, TypeError) as error:
            raise ValueError(f"{self.path} is damaged: counts cannot be read ({error}); verify it") from error

    def close(self) -> None:
        """Close the file."""
        self._resources.close()


class UnfinishedFrames(FramesOnDisk):
    """Frames in the unfinished archive, which takes more.

    Parameters
    ----------
    path : Path
        The unfinished file.
    writable : bool
        Whether frames are to be written; the caller holds the lock.
    """

    def __init__(self, path: Path, *, writable: bool) -> None:
        self._archive = PartialArchive(path, kind=PARTIAL_KIND, writable=writable)
        self._records: list[Record] = []
        layout = FrameLayout.of(self._archive.arrays["counts"])
        super().__init__(path, layout=layout, description=self._archive.description)

    @property
    def done(self) -> int:
        """Return the number of complete frames."""
        return self._records[-1].rows.stop if self._records else 0

    @property
    def clock(self) -> float:
        """Return the time of the bench after the last complete batch, in seconds; NaN where none was given."""
        return self._records[-1].clock if self._records else math.nan

    def recover(self, *, discard_damaged: bool) -> None:
        """Find the complete frames.

        Parameters
        ----------
        discard_damaged : bool
            Whether frames from the first damaged batch on are given up.

        Raises
        ------
        ValueError
            If a batch is damaged.
        """
        self._records = self._archive.complete_batches(discard_damaged=discard_damaged)

    def column(self, name: str) -> NDArray[Any]:
        """Return one number a complete frame.

        Parameters
        ----------
        name : str
            Name of the array.

        Returns
        -------
        ndarray, shape (frame,)
            The numbers.
        """
        return self._archive.arrays[name][: self.done]

    def pixels(self, frames: slice, outputs: slice) -> NDArray[Any]:
        """Read words.

        Parameters
        ----------
        frames, outputs : slice
            Frames, and pixels as flat indices, both with their ends.

        Returns
        -------
        ndarray, shape (frame, output)
            The words.
        """
        return self._archive.arrays["counts"].columns(frames, outputs)

    def append(self, first: int, counts: NDArray[Any], *, columns: Mapping[str, ArrayLike], clock: float) -> None:
        """Write a batch.

        Parameters
        ----------
        first : int
            Number of its first frame.
        counts : ndarray, shape (frame, y, x)
            The words.
        columns : mapping of str to array_like
            What else there is for each frame.
        clock : float
            Time of the bench after the batch, in seconds.
        """
        blocks = self.layout.batch(first, counts, done=self.done, columns=columns)
        self._records.append(self._archive.write(len(self._records), first, blocks, clock=clock))

    def gather(self, path: Path, *, progress: Progress) -> None:
        """Write the finished archive.

        Parameters
        ----------
        path : Path
            Its name.
        progress : callable
            Wraps the list of blocks.
        """
        write_archive(
            path,
            self._archive.arrays,
            kind=KIND,
            description=self.description,
            units=UNITS,
            storage={"counts": self.layout.storage},
            partial=path.with_name(f".{path.name}.new"),
            progress=progress,
        )

    def close(self) -> None:
        """Close the file."""
        self._archive.close()


def open_frames(path: Path, *, writable: bool) -> FramesOnDisk:
    """Open the finished archive of a campaign, or the unfinished one.

    Parameters
    ----------
    path : Path
        Name of the finished file.
    writable : bool
        Whether frames are to be written to an unfinished one.

    Returns
    -------
    FramesOnDisk
        The frames.

    Raises
    ------
    FileNotFoundError
        If there is neither.
    """
    if path.exists():
        return FinishedFrames(path)
    if partial_path(path).exists():
        return UnfinishedFrames(partial_path(path), writable=writable)
    raise FileNotFoundError(f"there is no campaign {path}, neither finished nor begun")
