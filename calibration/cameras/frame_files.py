"""Frames of a camera in files: ``.npz`` and HDF5, read without ever unpickling anything.

Arrays go by these names: ``bright`` and ``dark`` are pairs (level, 2, y, x) or, in a file of stacks,
(frame, y, x); ``bright_stack`` and ``dark_stack`` are stacks beside pairs. ``photons_per_pixel`` gives the light of
each level and ``exposure_s`` or ``exposure_ns`` its exposure time. ``bits`` and ``alignment`` may be given too.
"""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from calibration.cameras.light_series import FrameStacks, LightSeries
from optics.validation import nearest

ENDINGS = (".npz", ".h5", ".hdf5")
NAMES = ("bright", "dark", "bright_stack", "dark_stack", "photons_per_pixel", "exposure_s", "exposure_ns", "bits",
         "alignment")  # fmt: skip
USUAL_BITS = (8, 10, 12, 14, 16)

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraFrames:
    """What files held for the characterisation of a camera.

    Parameters
    ----------
    series : LightSeries
        Pairs of frames at growing exposure.
    stacks : FrameStacks or None
        Stacks for the fixed pattern, where there were any.
    flags : tuple of str
        What was assumed because no file says it.
    """

    series: LightSeries
    stacks: FrameStacks | None
    flags: tuple[str, ...]


def load_camera_frames(
    path: Path, *, stacks: Path | None = None, bits: int | None = None, alignment: str | None = None
) -> CameraFrames:
    """Read pairs, and stacks where there are any, from files.

    Parameters
    ----------
    path : Path
        An ``.npz`` or HDF5 file with pairs, or a folder that holds ``pairs*`` and perhaps ``stacks*``.
    stacks : Path or None, optional
        A file with stacks; None takes those beside the pairs, if any.
    bits : int or None, optional
        Significant bits of a count; None takes what the file states, or else what the largest count needs.
    alignment : {"right", "left"} or None, optional
        Where the bits sit in the word; None takes what the file states, or else "right".

    Returns
    -------
    CameraFrames
        The frames, checked.

    Raises
    ------
    FileNotFoundError
        If a file or its folder is not there.
    ValueError
        If a file is damaged, or lacks an array, or its frames cannot be characterised.
    """
    pairs_file, beside = _find(path)
    pairs = read_arrays(pairs_file)
    stacks_file = stacks or beside
    pattern = read_arrays(stacks_file) if stacks_file else _stacks_within(pairs)
    _require(pairs, ("bright", "dark"), file=pairs_file)
    flags: list[str] = []
    if bits is None:
        bits = _stated_bits(pairs["bits"]) if "bits" in pairs else _needed_bits(pairs)
        if "bits" not in pairs:
            flags.append(f"the bits were not stated: {bits} follow from the largest count")
    alignment = alignment or _text(pairs.get("alignment", np.array("right")))
    series = LightSeries(
        bright=pairs["bright"],
        dark=pairs["dark"],
        bits=bits,
        alignment=alignment,
        photons=pairs.get("photons_per_pixel"),
        exposure_times=_exposure_times(pairs),
    )
    if pattern is None:
        return CameraFrames(series=series, stacks=None, flags=tuple(flags))
    _require(pattern, ("bright", "dark"), file=stacks_file or pairs_file)
    found = FrameStacks(bright=pattern["bright"], dark=pattern["dark"], bits=bits, alignment=alignment)
    return CameraFrames(series=series, stacks=found, flags=tuple(flags))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of an ``.npz`` or HDF5 file that `NAMES` lists.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict of str to ndarray
        Arrays by name; others are left alone.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, is of another kind, or holds pickled objects.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"{path} ends in {path.suffix or 'nothing'}: frames are read from {', '.join(ENDINGS)}")
    try:
        if path.suffix.lower() == ".npz":
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                return {name: file[name] for name in file.files if name in NAMES}
        with h5py.File(path, "r") as file:
            arrays = {name: np.asarray(item[()]) for name, item in file.items() if _readable(name, item)}
            return {name: np.asarray(file.attrs[name]) for name in NAMES if name in file.attrs} | arrays
    except PermissionError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        writer = "numpy.savez" if path.suffix.lower() == ".npz" else "h5py"
        raise ValueError(
            f"{path} is not a {path.suffix} file of numbers, or is damaged: write it with {writer}"
        ) from error


def _readable(name: str, item: object) -> bool:
    """Return whether an entry of an HDF5 file is an array that we know."""
    return name in NAMES and isinstance(item, h5py.Dataset)


def _find(path: Path) -> tuple[Path, Path | None]:
    """Return the file of pairs and that of stacks in a folder, or the file itself."""
    if not path.is_dir():
        return path, None
    found: dict[str, list[Path]] = {}
    for start in ("pairs", "stacks"):
        found[start] = sorted(file for file in path.glob(f"{start}*") if file.suffix.lower() in ENDINGS)
        if len(found[start]) > 1:
            names = ", ".join(file.name for file in found[start])
            raise ValueError(f"{path} holds several files of {start} ({names}): name the one to read")
    if not found["pairs"]:
        raise FileNotFoundError(
            f"{path} holds no file pairs* that ends in {', '.join(ENDINGS)}: name the file of pairs"
        )
    return found["pairs"][0], next(iter(found["stacks"]), None)


def _stacks_within(pairs: Arrays) -> Arrays | None:
    """Return the stacks that lie beside pairs in one file."""
    names = ("bright_stack", "dark_stack")
    present = [name for name in names if name in pairs]
    if len(present) == 1:
        raise ValueError(f"the file holds {present[0]} alone: PRNU and DSNU need bright_stack and dark_stack")
    return {name.removesuffix("_stack"): pairs[name] for name in names} if present else None


def _require(arrays: Arrays, names: tuple[str, ...], *, file: Path) -> None:
    """Refuse a file that lacks an array."""
    for name in names:
        if name not in arrays:
            hint = nearest(name, arrays)
            raise ValueError(f"{file} has no array {name!r}{hint}; known arrays are {', '.join(NAMES)}")


def _stated_bits(value: NDArray[Any]) -> int:
    """Return the bits that a file states."""
    if value.size != 1 or value.dtype.kind not in "ui":
        raise ValueError(f"bits in the file are {value!r}: one whole number is wanted; give --bits or correct the file")
    return int(value.ravel()[0])


def _text(value: NDArray[Any]) -> str:
    """Return a word from a file; HDF5 keeps it as bytes."""
    word = value.ravel()[0] if value.size else ""
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)


def _needed_bits(pairs: Arrays) -> int:
    """Return the usual number of bits that the largest count needs."""
    arrays = [pairs[name] for name in ("bright", "dark") if pairs[name].size and pairs[name].dtype.kind in "ui"]
    largest = max((int(array.max()) for array in arrays), default=0)
    return next((bits for bits in USUAL_BITS if largest < 1 << bits), 16)


def _exposure_times(arrays: Arrays) -> NDArray[np.float64] | None:
    """Return exposure times in seconds."""
    for name, scale in (("exposure_s", 1.0), ("exposure_ns", 1e-9)):
        if name in arrays:
            return np.asarray(arrays[name], np.float64) * scale
    return None
