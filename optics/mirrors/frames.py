"""Mirror frames: rendered from macropixel states, packed eight mirrors to a byte, turned as the device wants them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.dmd import Dmd
from optics.macropixels import Layout
from optics.validation import check_count, check_states

Bits = NDArray[np.bool_]
Packed = NDArray[np.uint8]


class FrameRenderer:
    """Turns macropixel states into mirror frames and back, for one layout on one device.

    Parameters
    ----------
    layout : Layout
        Which mirrors carry which component.
    dmd : Dmd
        The mirror array.

    Raises
    ------
    ValueError
        If the layout does not fit.

    Notes
    -----
    Blocks are rendered row by row: only rows that differ are worked out, the others are copies. Paths whose
    macropixels are long runs of mirrors are written run by run, interleaved ones period by period: all at about the
    speed of a copy of the frame. What jumps from mirror to mirror is gathered, for eight frames at a time.
    """

    def __init__(self, layout: Layout, dmd: Dmd) -> None:
        self.layout, self.shape = layout, (dmd.rows, dmd.columns)
        self._padding = layout.inputs
        owner = layout.mirror_inputs(dmd)
        self._owner = np.where(owner < 0, self._padding, owner).astype(np.intp)
        rows, self._row_of = np.unique(self._owner, axis=0, return_inverse=True)
        self._few_rows = 4 * len(rows) <= self.shape[0]
        self._drawn = rows if self._few_rows else self._owner
        flat = self._drawn.ravel()
        self._starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]])
        self._lengths = np.diff(np.r_[self._starts, flat.size])
        self._runs = flat[self._starts]
        self._period = 0 if self._few_rows else _period(flat, layout.inputs)

    def render(self, states: ArrayLike) -> Bits:
        """Return the mirror frames that show macropixel states.

        Parameters
        ----------
        states : array_like of bool, shape (frame, input)
            Macropixel states.

        Returns
        -------
        ndarray of bool, shape (frame, y, x)
            Mirror states; mirrors that carry no component as the layout holds them.

        Raises
        ------
        TypeError
            If the states are not boolean.
        ValueError
            If their shape does not fit the layout.
        """
        padded = self._padded(states)
        frames = np.empty((len(padded), *self.shape), np.bool_)
        for frame, drawn in zip(frames, self._drawn_frames(padded), strict=True):
            if self._few_rows:
                np.take(drawn, self._row_of, axis=0, out=frame, mode="clip")
            else:
                frame[...] = drawn
        return frames

    def render_packed(self, states: ArrayLike) -> Packed:
        """Return the frames eight mirrors to a byte, the first mirror of a row in the highest bit.

        Parameters
        ----------
        states : array_like of bool, shape (frame, input)
            Macropixel states.

        Returns
        -------
        ndarray of uint8, shape (frame, y, ceil(x / 8))
            Packed rows; bits beyond the last mirror of a row are zero.

        Raises
        ------
        TypeError
            If the states are not boolean.
        ValueError
            If their shape does not fit the layout.
        """
        padded = self._padded(states)
        frames = np.empty((len(padded), self.shape[0], -(-self.shape[1] // 8)), np.uint8)
        for frame, drawn in zip(frames, self._drawn_frames(padded), strict=True):
            packed = np.packbits(drawn, axis=1)
            if self._few_rows:
                np.take(packed, self._row_of, axis=0, out=frame, mode="clip")
            else:
                frame[...] = packed
        return frames

    def read_back(self, frames: ArrayLike) -> Bits:
        """Return the macropixel states that mirror frames show.

        Parameters
        ----------
        frames : array_like of bool, shape (frame, y, x)
            Mirror frames.

        Returns
        -------
        ndarray of bool, shape (frame, input)
            Macropixel states.

        Raises
        ------
        TypeError
            If the frames are not boolean.
        ValueError
            If their shape is not the device's, or the mirrors of a macropixel (or those that carry none) disagree.
        """
        mirrors = check_binary_frames(frames)
        if mirrors.shape[1:] != self.shape:
            raise ValueError(f"frames have {mirrors.shape[1:]} mirrors, the DMD has {self.shape}")
        inputs = self._padding
        count = np.bincount(self._owner.ravel(), minlength=inputs + 1)
        states = np.empty((len(mirrors), inputs), np.bool_)
        for index, frame in enumerate(mirrors):
            on = np.bincount(self._owner.ravel(), weights=frame.ravel(), minlength=inputs + 1)
            mixed = np.flatnonzero((on[:inputs] > 0) & (on[:inputs] < count[:inputs]))
            if mixed.size:
                raise ValueError(
                    f"frame {index}: {int(on[mixed[0]])} of the {count[mixed[0]]} mirrors of macropixel {mixed[0]} are "
                    "on: the frame is not one of this layout, or it is turned or flipped"
                )
            if on[inputs] != (count[inputs] if self.layout.padding_on else 0):
                raise ValueError(f"frame {index}: mirrors that carry no component are not held as the layout says")
            states[index] = on[:inputs] > 0
        return states

    def _padded(self, states: ArrayLike) -> Bits:
        """Return checked states with one more, that of the mirrors that carry none."""
        checked = check_states(states, inputs=self.layout.inputs)
        return np.pad(checked, ((0, 0), (0, 1)), constant_values=self.layout.padding_on)

    def _drawn_frames(self, padded: Bits) -> Iterator[Bits]:
        """Give each frame, or those of its rows that differ; the next one overwrites it."""
        drawn = np.empty(self._drawn.shape, np.bool_)
        if self._period or 64 * len(self._starts) <= drawn.size:
            for states in padded:
                self._write_runs(states, drawn.reshape(-1))
                yield drawn
            return
        for first in range(0, len(padded), 8):
            # Eight frames are gathered as the bits of one byte, which costs as much as one frame.
            group = padded[first : first + 8]
            bits = np.packbits(group, axis=0, bitorder="little")[0].take(self._drawn, mode="clip")
            for index in range(len(group)):
                np.not_equal(bits & np.uint8(1 << index), 0, out=drawn)
                yield drawn

    def _write_runs(self, states: Bits, flat: Bits) -> None:
        """Write one frame period by period or run by run."""
        if self._period:
            whole = flat.size // self._period * self._period
            flat[:whole].reshape(-1, self._period)[...] = states[: self._period]
            flat[whole:] = states[-1]
        else:
            flat[...] = np.repeat(states[self._runs], self._lengths)


def pack_frames(frames: ArrayLike) -> Packed:
    """Return mirror frames eight mirrors to a byte, the first mirror of a row in the highest bit.

    Parameters
    ----------
    frames : array_like of bool, shape (frame, y, x)
        Mirror frames.

    Returns
    -------
    ndarray of uint8, shape (frame, y, ceil(x / 8))
        Packed rows; bits beyond the last mirror of a row are zero.

    Raises
    ------
    TypeError
        If the frames are not boolean.
    ValueError
        If they are not three-dimensional.
    """
    return np.packbits(check_binary_frames(frames), axis=2)


def unpack_frames(packed: NDArray[np.uint8], *, columns: int) -> Bits:
    """Return the mirror frames that were packed.

    Parameters
    ----------
    packed : ndarray of uint8, shape (frame, y, ceil(columns / 8))
        Packed rows.
    columns : int
        Mirrors of a row.

    Returns
    -------
    ndarray of bool, shape (frame, y, columns)
        Mirror frames.

    Raises
    ------
    TypeError
        If the input is not uint8.
    ValueError
        If its shape does not fit the number of columns.
    """
    check_count("columns", columns)
    if packed.dtype != np.uint8:
        raise TypeError(f"packed frames are uint8, got {packed.dtype}")
    if packed.ndim != 3 or packed.shape[2] != -(-columns // 8):
        raise ValueError(f"rows of {columns} mirrors pack into {-(-columns // 8)} bytes, got shape {packed.shape}")
    return np.unpackbits(packed, axis=2, count=columns).view(np.bool_)


def check_binary_frames(frames: ArrayLike) -> Bits:
    """Return mirror frames as a boolean array, or say why they are none.

    Parameters
    ----------
    frames : array_like of bool, shape (frame, y, x)
        Mirror frames.

    Returns
    -------
    ndarray of bool, shape (frame, y, x)
        The frames.

    Raises
    ------
    TypeError
        If the frames are not boolean: 0/255 and 0/1 are told apart in the message.
    ValueError
        If they are not three-dimensional.
    """
    array = np.asarray(frames)
    if array.dtype != np.bool_:
        values = set(np.unique(array).tolist()) if array.size else set()
        kind = {(0, 255): "0/255 images", (0, 1): "0/1 numbers"}.get(tuple(sorted(values)), "grey levels")
        mend = {"0/255 images": "frames > 127", "0/1 numbers": "frames > 0"}.get(kind, "a threshold or a dither first")
        raise TypeError(f"frames must be boolean, got {kind} of type {array.dtype}: a mirror is on or off; take {mend}")
    if array.ndim != 3:
        raise ValueError(f"frames must have shape (frame, y, x), got {array.shape}")
    return array


@dataclass(frozen=True, kw_only=True)
class Orientation:
    """How the device's rows and columns lie to those of the optics.

    A frame of the optics becomes one of the device by transposing it, if so, and then reversing rows and columns.

    Parameters
    ----------
    transpose, flip_rows, flip_columns : bool, optional
        What is done, in this order.
    """

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    def to_device(self, frames: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return frames as the device takes them.

        Parameters
        ----------
        frames : ndarray, shape (..., y, x)
            Frames of the optics.

        Returns
        -------
        ndarray, shape (..., y, x) or (..., x, y)
            A view.
        """
        turned = np.swapaxes(frames, -1, -2) if self.transpose else frames
        return turned[..., :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]

    def from_device(self, frames: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return what the device shows as the optics see it.

        Parameters
        ----------
        frames : ndarray, shape (..., y, x)
            Frames of the device.

        Returns
        -------
        ndarray, shape (..., y, x) or (..., x, y)
            A view: what `to_device` was given.
        """
        turned = frames[..., :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]
        return np.swapaxes(turned, -1, -2) if self.transpose else turned


def _period(owner: NDArray[np.intp], inputs: int) -> int:
    """Return the period of the owners along the mirrors, 0 where they have none."""
    whole = owner.size // inputs * inputs
    fits = whole > inputs and np.array_equal(owner[inputs:whole], owner[: whole - inputs])
    return (
        inputs if fits and np.array_equal(owner[:inputs], np.arange(inputs)) and np.all(owner[whole:] == inputs) else 0
    )
