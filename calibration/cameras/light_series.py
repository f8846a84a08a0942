"""Frames for the characterisation of a camera, checked before anything is computed from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.cameras.frame_pairs import Counts
from optics.validation import check_choice, check_count

FEWEST_LEVELS = 6
"""Levels below which a line and its uncertainty cannot be told from the scatter."""

TELLING_VALUES = 4
"""Different words from which on a step that divides all of them is no chance."""

FEWEST_PIXELS = 8
"""Rows, and columns, that a frame has at least."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LightSeries:
    """Pairs of bright and of dark frames at growing exposure.

    Parameters
    ----------
    bright : array_like of unsigned int, shape (level, 2, y, x)
        Two frames at each level, as the camera delivered them; they are kept right-justified, in DN.
    dark : array_like of unsigned int, shape (level, 2, y, x) or (1, 2, y, x)
        Dark frames of the same exposure times, or one pair for all levels.
    bits : int
        Significant bits of a count.
    alignment : {"right", "left"}, optional
        Where the significant bits sit in the word that was delivered.
    photons : array_like or None, optional, shape (level,)
        Mean photons per pixel of each level. Without them nothing that needs the light is computed.
    exposure_times : array_like or None, optional, shape (level,)
        Exposure time of each level, in seconds. Without them there is no dark current.
    even_light : bool, optional
        Whether all pixels get the same light, as the standard asks. Where they do not, as in speckle, no pixel may
        saturate at any level: mean and variance over the pixels then still lie on the line of the camera.

    Raises
    ------
    TypeError
        If frames are not whole numbers.
    ValueError
        If shapes disagree, a count exceeds the bits, the bits are not where they are said to be, or the light
        does not grow from level to level.
    """

    bright: ArrayLike
    dark: ArrayLike
    bits: int
    alignment: str = "right"
    photons: ArrayLike | None = None
    exposure_times: ArrayLike | None = None
    even_light: bool = True

    def __post_init__(self) -> None:
        check_count("bits", self.bits, at_least=1, at_most=16)
        check_choice("alignment", self.alignment, ("right", "left"))
        frames = right_justified({"bright": self.bright, "dark": self.dark}, bits=self.bits, alignment=self.alignment)
        for name, array in frames.items():
            object.__setattr__(self, name, array)
        levels = len(self.bright_frames)
        _check_pairs("bright", self.bright_frames, levels=(levels,))
        _check_pairs("dark", self.dark_frames, levels=(1, levels), pixels=self.bright_frames.shape[2:])
        if levels < FEWEST_LEVELS:
            raise ValueError(
                f"bright has {levels} exposure levels; at least {FEWEST_LEVELS} are needed, and EMVA 1288 asks for 50: "
                "take more levels between dark and saturation"
            )
        if self.photons is not None:
            object.__setattr__(self, "photons", _check_growing("photons", self.photons, levels=levels))
        if self.exposure_times is not None:
            object.__setattr__(self, "exposure_times", _check_times(self.exposure_times, levels=levels))

    @property
    def bright_frames(self) -> Counts:
        """Return the bright frames, in DN, shape (level, 2, y, x)."""
        return np.asarray(self.bright)

    @property
    def dark_frames(self) -> Counts:
        """Return the dark frames, in DN, shape (level or 1, 2, y, x)."""
        return np.asarray(self.dark)

    @property
    def largest_count(self) -> int:
        """Return the largest count that the bits allow, in DN."""
        return (1 << self.bits) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameStacks:
    """Many frames of one light, and as dark: what the fixed pattern is measured on.

    Parameters
    ----------
    bright : array_like of unsigned int or None, optional, shape (frame, y, x)
        Frames under even light that fills about half of the range; without them there is no PRNU.
    dark : array_like of unsigned int, shape (frame, y, x)
        Dark frames of the same exposure time.
    bits : int
        Significant bits of a count.
    alignment : {"right", "left"}, optional
        Where the significant bits sit in the word that was delivered.

    Raises
    ------
    TypeError
        If frames are not whole numbers.
    ValueError
        If shapes disagree, there are fewer than two frames, a count exceeds the bits, or the bits are not where
        they are said to be.
    """

    dark: ArrayLike
    bits: int
    bright: ArrayLike | None = None
    alignment: str = "right"

    def __post_init__(self) -> None:
        check_count("bits", self.bits, at_least=1, at_most=16)
        check_choice("alignment", self.alignment, ("right", "left"))
        given = {"dark stack": self.dark} | ({} if self.bright is None else {"bright stack": self.bright})
        stacks = right_justified(given, bits=self.bits, alignment=self.alignment)
        for name, frames in stacks.items():
            if frames.ndim != 3 or min(frames.shape[1:]) < FEWEST_PIXELS or len(frames) < 2:
                raise ValueError(
                    f"the {name} has shape {frames.shape}; it must be (frame, y, x) with at least 2 frames of "
                    f"{FEWEST_PIXELS} x {FEWEST_PIXELS} pixels"
                )
            object.__setattr__(self, name.split()[0], frames)
        bright = self.bright_frames
        if bright is not None and bright.shape[1:] != self.dark_frames.shape[1:]:
            raise ValueError(
                f"bright frames have {bright.shape[1:]} pixels and dark ones {self.dark_frames.shape[1:]}: both must "
                "show the same pixels"
            )

    @property
    def bright_frames(self) -> Counts | None:
        """Return the bright frames, in DN, shape (frame, y, x), where there are any."""
        return None if self.bright is None else np.asarray(self.bright)

    @property
    def dark_frames(self) -> Counts:
        """Return the dark frames, in DN, shape (frame, y, x)."""
        return np.asarray(self.dark)


def right_justified(arrays: Mapping[str, ArrayLike], *, bits: int, alignment: str) -> dict[str, Counts]:
    """Return frames of one camera in DN, or say why they cannot be counts of this many bits.

    Parameters
    ----------
    arrays : mapping of str to array_like of int
        Words as the camera delivered them, by the name that messages use. Where the bits sit is judged on all
        of them together: dark frames alone may hold too few counts to tell.
    bits : int
        Significant bits of a count.
    alignment : {"right", "left"}
        Where the significant bits sit in the word.

    Returns
    -------
    dict of str to ndarray of uint8 or uint16
        Counts in DN.

    Raises
    ------
    TypeError
        If the frames are not whole numbers.
    ValueError
        If a count is negative or exceeds the bits, or the words look justified the other way.
    """
    words = {name: _whole_words(array, name=name) for name, array in arrays.items()}
    width = 8 if all(array.dtype.itemsize == 1 for array in words.values()) else 16
    step = _common_step(list(words.values()))
    names, shift = " and ".join(words), 0
    if alignment == "right" and step == 1:
        _check_each(words)
    if alignment == "left":
        shift = width - bits
        if shift < 0:
            raise ValueError(f"bits = {bits}: words of {width} bits cannot carry them left-justified")
        if step < 1 << shift:
            raise ValueError(
                f"{names} hold words that are no multiples of {1 << shift}, as {bits} bits left-justified in {width} "
                "would be: state alignment='right', or more bits"
            )
    elif step > 1:
        raise ValueError(
            f"{names} hold only multiples of {step}: these are counts of {width - step.bit_length() + 1} bits, "
            f"left-justified in words of {width}, though they are declared right-justified; state alignment='left'"
        )
    for name, array in words.items():
        if int(array.max()) >> shift >= 1 << bits:
            raise ValueError(
                f"{name} holds the count {array.max()}, and {bits} bits allow at most {(1 << bits) - 1}: state the "
                "bits that the camera was set to"
            )
    word = np.uint8 if bits <= 8 else np.uint16
    return {name: (array >> shift).astype(word, copy=False) for name, array in words.items()}


def _whole_words(frames: ArrayLike, *, name: str) -> NDArray[Any]:
    """Return frames as an array of whole numbers that fit 16 bits."""
    words = np.asarray(frames)
    if words.dtype.kind not in "ui":
        raise TypeError(
            f"{name} frames must be whole counts as the camera delivered them, got {words.dtype}: "
            "averages, differences or calibrated frames cannot be characterised"
        )
    if words.size == 0:
        raise ValueError(f"{name} has shape {words.shape}: there is not one pixel in it")
    if int(words.min()) < 0:
        raise ValueError(f"{name} holds the count {words.min()}: counts are not negative; give the frames undisturbed")
    if int(words.max()) > 65_535:
        raise ValueError(f"{name} holds the count {words.max()}: words of at most 16 bits can be read, up to 65535")
    return words


def _common_step(arrays: list[NDArray[Any]]) -> int:
    """Return the largest power of two that divides every word; 1 where all are alike and cannot tell."""
    used = 0
    for words in arrays:
        used |= int(np.bitwise_or.reduce(words, axis=None))
    alike = all(int(words.min()) == int(words.max()) for words in arrays)
    return 1 if alike or not used else used & -used


def _check_each(words: Mapping[str, NDArray[Any]]) -> None:
    """Refuse one array of left-justified words among others that are not."""
    for name, array in words.items():
        own = _common_step([array])
        if own > 1 and np.unique(array).size >= TELLING_VALUES:
            raise ValueError(
                f"{name} holds only multiples of {own} and the other frames do not: these are left-justified words, "
                "the others are not; bring all frames to the same alignment"
            )


def _check_pairs(name: str, frames: Counts, *, levels: tuple[int, ...], pixels: tuple[int, ...] | None = None) -> None:
    """Refuse frames that are not pairs of the right number and size."""
    wanted = "(level, 2, y, x)" if pixels is None else f"({' or '.join(map(str, levels))}, 2, {pixels[0]}, {pixels[1]})"
    fits = frames.ndim == 4 and frames.shape[1] == 2 and len(frames) in levels
    if not fits or (pixels is not None and frames.shape[2:] != pixels):
        raise ValueError(f"{name} has shape {frames.shape}; it must be {wanted}: two frames at each exposure level")
    if min(frames.shape[2:]) < FEWEST_PIXELS:
        raise ValueError(
            f"{name} frames have {frames.shape[2]} x {frames.shape[3]} pixels; at least "
            f"{FEWEST_PIXELS} x {FEWEST_PIXELS} are needed for a variance"
        )


def _check_growing(name: str, values: ArrayLike, *, levels: int) -> NDArray[np.float64]:
    """Return one number a level, each above the one before."""
    array = _one_each(name, values, levels=levels)
    falls = np.flatnonzero(np.diff(array) <= 0)
    if falls.size:
        level = int(falls[0]) + 1
        raise ValueError(
            f"{name} must grow from level to level, but level {level} has {array[level]:g} after {array[level - 1]:g}: "
            "sort the levels, and merge those of the same light"
        )
    return array


def _check_times(values: ArrayLike, *, levels: int) -> NDArray[np.float64]:
    """Return one exposure time a level, in seconds."""
    array = _one_each("exposure_times", values, levels=levels)
    if np.any(array > 3600):
        raise ValueError(f"exposure_times reach {array.max():g} s: they are in seconds; convert nanoseconds by 1e-9")
    return array


def _one_each(name: str, values: ArrayLike, *, levels: int) -> NDArray[np.float64]:
    """Return one finite number a level, not negative."""
    array = np.array(values, np.float64)
    if array.shape != (levels,):
        raise ValueError(f"{name} has shape {array.shape}; it must be ({levels},), one number for each exposure level")
    if not np.all(np.isfinite(array)) or np.any(array < 0):
        raise ValueError(f"{name} must be finite and not negative, got {array[~(array >= 0) | np.isinf(array)][0]:g}")
    array.flags.writeable = False
    return array
