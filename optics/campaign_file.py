"""The frames of a campaign: appended in batches, safe from a kill at any instant, gathered into one archive.

While frames come in they stand in ``NAME.partial`` (`optics.archives.partial_archive`); `CampaignFile.finish` writes
them, compressed, to ``NAME`` and removes it. The content hash of the finished file depends on the frames and on the
description alone, not on the batches in which the frames came.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from optics.archive import Progress
from optics.archives.campaign_frames import PARTIAL_KIND, FinishedFrames, UnfinishedFrames, open_frames
from optics.archives.durable import FileLock
from optics.archives.frame_layout import UNITS, FrameLayout
from optics.archives.partial_archive import PartialArchive, check_settings, check_space, partial_path
from optics.archives.storage import check_slice
from optics.camera import Counts


class CampaignFile:
    """Frames of a campaign on disk; made by `create`, `resume` or `open`.

    Parameters
    ----------
    path : Path
        Name of the finished file.
    lock : FileLock or None, optional
        The lock under which frames are appended; None only reads.
    expected : dict or None, optional
        Settings that the file must have been begun with.
    discard_damaged : bool, optional
        Whether frames from the first damaged batch on are given up.

    Notes
    -----
    One thread appends; frames that are complete may be read by others meanwhile, also by other programs.
    """

    def __init__(
        self,
        path: Path,
        *,
        lock: FileLock | None = None,
        expected: dict[str, Any] | None = None,
        discard_damaged: bool = False,
    ) -> None:
        self.path = path
        self._stored = open_frames(path, writable=lock is not None)
        try:
            if expected is not None:
                check_settings(path, _settings(self._stored.layout, self.description), expected)
            if isinstance(self._stored, UnfinishedFrames):
                self._stored.recover(discard_damaged=discard_damaged)
        except BaseException:
            self._stored.close()
            raise
        self._lock = lock

    @classmethod
    def create(
        cls, path: Path, *, frames: int, shape: tuple[int, int], word: DTypeLike, description: Mapping[str, Any]
    ) -> Self:
        """Begin a campaign.

        Parameters
        ----------
        path : Path
            Name of the finished file.
        frames : int
            Number of frames of the whole campaign.
        shape : tuple of int
            Rows and columns of a frame.
        word : dtype
            Type of the camera's words, uint8 or uint16.
        description : mapping
            Bench, seeds and settings, as plain nested tables: what a resumed campaign must agree with.

        Returns
        -------
        CampaignFile
            The empty file, locked for this program.

        Raises
        ------
        FileExistsError
            If the campaign exists, finished or not.
        BlockingIOError
            If another program is writing it.
        OSError
            If the disk is too small.
        """
        lock = FileLock(path)
        try:
            if path.exists() or partial_path(path).exists():
                raise FileExistsError(f"{path} has been begun or finished before: resume it, or give another name")
            _reserve(path, FrameLayout(frames=frames, shape=shape, word=np.dtype(word)), description=description)
            return cls(path, lock=lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def resume(
        cls,
        path: Path,
        *,
        frames: int,
        shape: tuple[int, int],
        word: DTypeLike,
        description: Mapping[str, Any],
        discard_damaged: bool = False,
    ) -> Self:
        """Go on with a campaign where it was left, or begin it where there is none.

        Parameters
        ----------
        path : Path
            Name of the finished file.
        frames : int
            Number of frames of the whole campaign.
        shape : tuple of int
            Rows and columns of a frame.
        word : dtype
            Type of the camera's words.
        description : mapping
            Bench, seeds and settings; all four must be those that the campaign was begun with.
        discard_damaged : bool, optional
            Whether frames from the first damaged batch on are given up, to be taken again.

        Returns
        -------
        CampaignFile
            The file, locked for this program; `done` is the frame to go on from. If it is finished, it only reads.

        Raises
        ------
        ValueError
            If the campaign was begun with other settings (the first that differs is named), or is damaged.
        BlockingIOError
            If another program is writing it.
        """
        layout = FrameLayout(frames=frames, shape=shape, word=np.dtype(word))
        lock = FileLock(path)
        try:
            if not path.exists() and not partial_path(path).exists():
                _reserve(path, layout, description=description)
            file = cls(path, lock=lock, expected=_settings(layout, description), discard_damaged=discard_damaged)
            if file.finished:
                partial_path(path).unlink(missing_ok=True)
                lock.release()
            return file
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a campaign for reading, finished or not.

        Parameters
        ----------
        path : Path
            Name of the finished file.

        Returns
        -------
        CampaignFile
            The frames that are complete now; what a program appends later is not seen.

        Raises
        ------
        FileNotFoundError
            If there is none.
        ValueError
            If it is damaged, foreign or of another version.
        """
        return cls(path)

    @property
    def frames(self) -> int:
        """Return the number of frames of the whole campaign."""
        return self._stored.layout.frames

    @property
    def shape(self) -> tuple[int, int]:
        """Return the rows and columns of a frame."""
        return self._stored.layout.shape

    @property
    def word(self) -> np.dtype[Any]:
        """Return the type of the words."""
        return self._stored.layout.word

    @property
    def description(self) -> dict[str, Any]:
        """Return bench, seeds and settings."""
        return self._stored.description

    @property
    def finished(self) -> bool:
        """Whether this is the finished archive."""
        return isinstance(self._stored, FinishedFrames)

    @property
    def done(self) -> int:
        """Return the number of complete frames, all of them at the beginning of the campaign."""
        return self._stored.done

    @property
    def clock(self) -> float:
        """Return the time of the bench after the last complete batch, in seconds; NaN where none was given."""
        return self._stored.clock

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """Return the start of each complete exposure, in seconds, shape (frame,)."""
        return self._stored.column("timestamps")

    @property
    def frame_ids(self) -> NDArray[np.int64]:
        """Return the absolute index of each complete exposure, shape (frame,)."""
        return self._stored.column("frame_ids")

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Return which complete frames are good, shape (frame,)."""
        return self._stored.column("valid")

    @property
    def exposure_time(self) -> NDArray[np.float64]:
        """Return the exposure time of each complete frame, in seconds, shape (frame,)."""
        return self._stored.column("exposure_time")

    def append(
        self,
        first: int,
        counts: Counts,
        *,
        timestamps: ArrayLike,
        frame_ids: ArrayLike,
        valid: ArrayLike,
        exposure_time: ArrayLike,
        clock: float = math.nan,
    ) -> None:
        """Write a batch; when this returns it survives a kill and a power cut.

        Parameters
        ----------
        first : int
            Number of its first frame in the campaign: `done`, for nothing is left out.
        counts : ndarray of uint8 or uint16, shape (frame, y, x)
            Words as the camera delivered them.
        timestamps : array_like of float, shape (frame,)
            Start of each exposure, in seconds.
        frame_ids : array_like of int, shape (frame,)
            Absolute index of each exposure.
        valid : array_like of bool, a truth value or shape (frame,)
            False where a frame was lost or damaged.
        exposure_time : array_like of float, a number or shape (frame,)
            Exposure times, in seconds.
        clock : float, optional
            Time of the bench after the batch, in seconds, for `clock` to give back; not part of the finished file.

        Raises
        ------
        TypeError
            If the words are not of the campaign's type.
        ValueError
            If the batch does not fit or does not follow, or the file only reads.
        """
        columns = {
            "timestamps": timestamps,
            "frame_ids": frame_ids,
            "valid": valid,
            "exposure_time": exposure_time,
        }
        self._writable().append(first, counts, columns=columns, clock=clock)

    def read(self, *, frames: slice = slice(None), outputs: slice = slice(None)) -> Counts:
        """Read words of complete frames, by frames or by pixels.

        Parameters
        ----------
        frames : slice, optional
            Frames, of step one; all complete ones where left out.
        outputs : slice, optional
            Pixels as flat indices (row * columns + column), of step one; all where left out.

        Returns
        -------
        ndarray of uint8 or uint16, shape (frame, output)
            The words.

        Raises
        ------
        ValueError
            If a slice reaches beyond what is there, or what is read is damaged.

        Notes
        -----
        Memory is that of the result and, in a finished file, of the rows of pixels that hold it.
        """
        frames = check_slice("frames", frames, self.done)
        outputs = check_slice("outputs", outputs, self._stored.layout.pixels)
        return self._stored.pixels(frames, outputs)

    def finish(self, *, progress: Progress = iter) -> None:
        """Write the finished archive and remove the unfinished file; from then on this object reads the archive.

        Parameters
        ----------
        progress : callable, optional
            Wraps the list of blocks, as ``tqdm`` does.

        Raises
        ------
        ValueError
            If frames are missing, or the file only reads.

        Notes
        -----
        It may be killed too, and repeated; of a finished file there is nothing left to do. The disk must hold both.
        """
        if self.finished:
            return
        stored = self._writable()
        if self.done < self.frames:
            raise ValueError(f"{self.path} cannot be finished: only {self.done} of {self.frames} frames are there")
        stored.gather(self.path, progress=progress)
        stored.path.unlink(missing_ok=True)
        self.close()
        self._stored = FinishedFrames(self.path)

    def close(self) -> None:
        """Close the file and give its lock back."""
        self._stored.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        """Return the file."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file."""
        self.close()

    def _writable(self) -> UnfinishedFrames:
        """Return the unfinished frames, or say why none can be added."""
        if isinstance(self._stored, UnfinishedFrames) and self._lock is not None:
            return self._stored
        state = "finished" if self.finished else "open for reading only, or closed: resume it"
        raise ValueError(f"{self.path} takes no frames: it is {state}")


def _settings(layout: FrameLayout, description: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a campaign that goes on must agree with."""
    frames = {"frames": layout.frames, "shape": list(layout.shape), "word": layout.word.name}
    return {**frames, "description": description}


def _reserve(path: Path, layout: FrameLayout, *, description: Mapping[str, Any]) -> None:
    """Make the unfinished file."""
    check_space(path, needed=layout.nbytes)
    PartialArchive.reserve(
        partial_path(path),
        layout.arrays,
        kind=PARTIAL_KIND,
        description=description,
        units=UNITS,
        batches=layout.frames,
    )
