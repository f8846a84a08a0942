"""Masks and times as ViALUX's library takes them: packed rows or a byte a mirror, and whole microseconds."""

import math

import numpy as np
from numpy.typing import NDArray

from optics.mirrors.frames import check_binary_frames
from optics.validation import check_number

ROW_BYTES = {1024: 128, 1920: 256}
"""Bytes of a packed row by its mirrors, as the vendor's header states them; other rows go a byte a mirror."""

MICROSECOND = 1e-6


def check_masks(masks: NDArray[np.bool_], *, shape: tuple[int, int], capacity: int) -> NDArray[np.bool_]:
    """Return masks that a DMD can take, or say what is wrong with them.

    Parameters
    ----------
    masks : ndarray of bool, shape (mask, y, x)
        Mirror states.
    shape : tuple of int
        Mirrors of the DMD along (y, x).
    capacity : int
        Masks that fit its memory.

    Returns
    -------
    ndarray of bool, shape (mask, y, x)
        The masks.

    Raises
    ------
    TypeError
        If they are not boolean.
    ValueError
        If their shape is not the DMD's, there are none, or more than fit.
    """
    frames = check_binary_frames(masks)
    if frames.shape[1:] != shape:
        turned = "; rows and columns are swapped" if frames.shape[:0:-1] == shape else ""
        raise ValueError(
            f"masks have {frames.shape[1]} x {frames.shape[2]} mirrors, the DMD has {shape[0]} x {shape[1]} (rows x "
            f"columns){turned}: make them for this DMD, or state its orientation"
        )
    if not 1 <= len(frames) <= capacity:
        raise ValueError(f"{len(frames)} masks cannot be loaded: the board takes 1 to {capacity} at once")
    return frames


def picture_words(frames: NDArray[np.generic], *, row_bytes: int) -> NDArray[np.uint8]:
    """Return mirror frames in one run of bytes.

    Parameters
    ----------
    frames : ndarray of bool, shape (frame, y, x)
        Mirror states.
    row_bytes : int
        Bytes of a packed row (ALP_DATA_BINARY_TOPDOWN); 0 makes a byte of each mirror (ALP_DATA_MSB_ALIGN).

    Returns
    -------
    ndarray of uint8, shape (frame * y * row_bytes,) or (frame * y * x,)
        Top row first. Packed, the first mirror of a row is the highest bit of its first byte and rows are filled up
        with zeros; otherwise a mirror that is on is 255, because of a byte the library shows the highest bit.
    """
    states = np.asarray(frames, np.bool_)
    if not row_bytes:
        return np.multiply(states, np.uint8(255), dtype=np.uint8, order="C").ravel()
    words = np.zeros((*states.shape[:2], row_bytes), np.uint8)
    packed = np.packbits(states, axis=2)
    words[:, :, : packed.shape[2]] = packed
    return words.ravel()


def whole_microseconds(name: str, period: float, *, limits: tuple[int, int]) -> int:
    """Return a time in the board's unit, never shorter than it was asked for.

    Parameters
    ----------
    name : str
        Name of the quantity, as the user wrote it.
    period : float
        Time from one mask to the next, in seconds.
    limits : tuple of int
        Shortest and longest, in microseconds.

    Returns
    -------
    int
        Time, in microseconds; what is over by less than a nanosecond is rounding and left out.

    Raises
    ------
    ValueError
        If it is beyond the limits.
    """
    check_number(name, period, unit="s", above=0)
    shortest, longest = limits
    microseconds = math.ceil(round(period / MICROSECOND, 3))
    if not shortest <= microseconds <= longest:
        raise ValueError(
            f"{name} = {period:g} s is not allowed: the board shows a mask for {shortest * MICROSECOND:g} s at the "
            f"shortest and {longest * MICROSECOND:g} s at the longest"
        )
    return microseconds
