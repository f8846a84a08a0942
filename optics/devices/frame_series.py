"""Frames of a series while they come in: their places, what is lost, and what cannot be a frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.camera import Camera, Counts
from optics.devices.errors import DeviceError, FrameLostError
from optics.devices.protocols import Burst


@dataclass(kw_only=True, eq=False)
class Series:
    """Frames of a series of patterns, in the order of the patterns, while they come in.

    Parameters
    ----------
    counts : ndarray of uint8 or uint16, shape (frame, y, x)
        Counts in DN; zero where a frame is missing.
    timestamps : ndarray of float, shape (frame,)
        Start of each exposure on the clock, in seconds.
    valid : ndarray of bool, shape (frame,)
        Whether the frame came.
    first : int
        Absolute number of the first frame.
    """

    counts: Counts
    timestamps: NDArray[np.float64]
    valid: NDArray[np.bool_]
    first: int

    @staticmethod
    def empty(count: int, camera: Camera, *, first: int) -> "Series":
        """Return memory for a series.

        Parameters
        ----------
        count : int
            Number of frames.
        camera : Camera
            Its shape and words.
        first : int
            Absolute number of the first frame.

        Returns
        -------
        Series
            No frame has come.
        """
        counts: Counts = np.empty((count, *camera.shape), camera.word)
        return Series(counts=counts, timestamps=np.empty(count), valid=np.zeros(count, np.bool_), first=first)


@dataclass(frozen=True, kw_only=True)
class RetryRule:
    """How often a frame that was lost is taken again, and what becomes of one that stays lost.

    Parameters
    ----------
    retries : int
        Further tries.
    mark : bool
        Whether a frame that stays lost is marked as such, its counts zero; it is an error otherwise.
    """

    retries: int
    mark: bool

    def give_up(self, series: Series, frame: int, *, reason: FrameLostError | None) -> None:
        """Mark a frame as lost, or say so with an error.

        Parameters
        ----------
        series : Series
            The series; its frame becomes zero.
        frame : int
            Number of the frame in the series.
        reason : FrameLostError or None
            How it was lost the last time; None where its trigger brought nothing.

        Raises
        ------
        FrameLostError
            Unless lost frames are marked.
        """
        series.counts[frame] = 0
        series.valid[frame] = False
        if self.mark:
            return
        number, why = series.first + frame, reason or "no frame came for its trigger"
        raise FrameLostError(
            f"frame {number} ({frame} of {len(series.valid)} in this call) was lost {self.retries + 1} times, each "
            f"with its own pattern; the last time: {why}. Check the link of the camera, its trigger and its time-out, "
            "allow more retries, or take lost_frames = 'mark'",
            frame=number,
        ) from reason


def check_frames(counts: Counts, figures: Camera) -> None:
    """Refuse frames that are not those of the camera.

    Parameters
    ----------
    counts : ndarray, shape (frame, y, x)
        Frames as an adapter delivered them.
    figures : Camera
        Shape and bits that they have to have.

    Raises
    ------
    FrameLostError
        If they have another shape: they arrived damaged.
    DeviceError
        If they have other words: the pixel format is another one.
    """
    if counts.shape[1:] != figures.shape:
        raise FrameLostError(
            f"a frame of shape {counts.shape[1:]} arrived, the camera reads {figures.shape}: was its region changed?"
        )
    if counts.dtype != figures.word:
        raise DeviceError(
            f"the camera sends {counts.dtype} words, counts of {figures.bits} bits are {figures.word}: set the pixel "
            f"format of {figures.bits} bits, or give the bench figures of the bits that it has"
        )


def check_range(counts: Counts, figures: Camera) -> None:
    """Refuse counts that the bits of the camera do not hold.

    Parameters
    ----------
    counts : ndarray
        Counts as an adapter delivered them.
    figures : Camera
        Bits that they have to have.

    Raises
    ------
    DeviceError
        If there are larger ones: the pixel format is another one, or significant bits are at the left.
    """
    if figures.bits < figures.word_bits and counts.size and counts.max() > figures.largest_count:
        raise DeviceError(
            f"the camera sends counts up to {counts.max()} DN, {figures.bits} bits end at {figures.largest_count}: "
            "its significant bits are at the left, or its pixel format has more bits; the adapter has to shift them"
        )


def check_triggers(burst: Burst, *, count: int) -> None:
    """Refuse a burst whose frames cannot be put in their places.

    Parameters
    ----------
    burst : Burst
        What came.
    count : int
        Triggers that were given.

    Raises
    ------
    DeviceError
        If triggers are not as many as frames, do not rise, or are none that were given.
    """
    triggers, sizes = np.asarray(burst.triggers), (len(burst.counts), len(burst.timestamps))
    if sizes != (len(triggers), len(triggers)):
        raise DeviceError(f"a burst has {sizes[0]} frames, {sizes[1]} timestamps and {len(triggers)} trigger numbers")
    if len(triggers) and not (triggers[0] >= 0 and triggers[-1] < count and (np.diff(triggers) > 0).all()):
        raise DeviceError(
            f"a burst of {count} triggers came with the numbers {triggers[:8].tolist()}...: they must rise from 0 to "
            f"{count - 1}; does something else trigger the camera?"
        )
