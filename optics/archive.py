"""HDF5 files of results: arrays with units and a content hash, written whole or not at all.

Attributes of a file are its format and format version, its kind, the description of how it came about (JSON), the
versions of the packages that wrote it, and the SHA-256 of its content; attributes of an array are its unit and its own
SHA-256 (`optics.archives.content_hash`).
"""

import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike, NDArray

from optics.archives.chunks import write_chunks
from optics.archives.content_hash import ArrayHash, Rows, content_hash, description_text, row_blocks
from optics.archives.durable import replace_file
from optics.archives.storage import Place, Storage

FORMAT, FORMAT_VERSION = "opubench", 2
UNFINISHED = "unfinished"
"""The kind of a file that is still being written begins with this word."""
PACKAGES = ("opubench", "numpy", "scipy", "h5py")

Arrays = Mapping[str, NDArray[Any]]
Progress = Callable[[Sequence[Any]], Iterable[Any]]


def save_archive(
    path: Path, arrays: Arrays, *, description: Mapping[str, Any], units: Mapping[str, str] | None = None
) -> None:
    """Write arrays and the description of how they came about to one file.

    Parameters
    ----------
    path : Path
        Where to write; an existing file is refused.
    arrays : mapping of str to ndarray
        Arrays by name; a slash in a name makes a group.
    description : mapping
        Plain nested tables (bench, seeds, options), stored as JSON.
    units : mapping of str to str, optional
        Unit of an array, by its name.

    Raises
    ------
    FileExistsError
        If the file exists.

    Notes
    -----
    The file is written beside its place and moved there when it is complete and on the disk, so that a killed program
    leaves no half-written file under the final name.
    """
    write_archive(path, arrays, kind="results", description=description, units=units or {})


def write_archive(
    path: Path,
    arrays: Mapping[str, Rows],
    *,
    kind: str,
    description: Mapping[str, Any],
    units: Mapping[str, str],
    storage: Mapping[str, Storage] | None = None,
    partial: Path | None = None,
    progress: Progress = iter,
) -> None:
    """Write an archive of any kind and size, block by block.

    Parameters
    ----------
    path : Path
        Where to write; an existing file is refused.
    arrays : mapping of str to Rows
        Arrays in memory or on disk, by name.
    kind : str
        What the archive holds.
    description : mapping
        Plain nested tables, stored as JSON.
    units : mapping of str to str
        Unit of an array, by its name.
    storage : mapping of str to Storage, optional
        How arrays are chunked and compressed; the others are contiguous.
    partial : Path or None, optional
        Name under which the file is written; None takes one of its own for each process.
    progress : callable, optional
        Wraps the list of blocks, as ``tqdm`` does.

    Raises
    ------
    FileExistsError
        If the file exists.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists and is not overwritten: move it or choose another folder")
    text, storage = description_text(description), storage or {}
    partial = partial or path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with h5py.File(partial, "w", libver=("earliest", "v110")) as file:
            _mark(file, kind=kind, text=text)
            for name, array in arrays.items():
                dataset = file.create_dataset(
                    name, array.shape, array.dtype, **(storage[name].options if name in storage else {})
                )
                dataset.attrs["units"] = units.get(name, "")
            _fill(file, arrays, storage=storage, progress=progress)
        replace_file(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _fill(file: h5py.File, arrays: Mapping[str, Rows], *, storage: Mapping[str, Storage], progress: Progress) -> None:
    """Write values and hashes into an archive whose arrays are laid out."""
    digests = {name: ArrayHash(array, str(file[name].attrs["units"])) for name, array in arrays.items()}
    multiples = {name: how.chunks[0] for name, how in storage.items()}
    for name, rows in progress(list(row_blocks(arrays, multiples=multiples))):
        values = np.asarray(arrays[name][rows])
        digests[name].update(values)
        if name in storage:
            write_chunks(file[name], rows.start, values)
        else:
            file[name][rows] = values
    hashes = {name: digest.hexdigest() for name, digest in digests.items()}
    for name, digest in hashes.items():
        file[name].attrs["sha256"] = digest
    file.attrs["sha256"] = content_hash(str(file.attrs["kind"]), str(file.attrs["description"]), hashes)


def load_archive(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read back what `save_archive` wrote, bit for bit.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    arrays : dict of str to ndarray
        Arrays by name.
    description : dict
        The nested tables.

    Raises
    ------
    ValueError
        If the file is not one of ours, is of another version, unfinished, or does not match its content hash.
    """
    with open_archive(path) as file:
        if str(file.attrs["kind"]).startswith(UNFINISHED):
            raise ValueError(f"{path} is an {file.attrs['kind']}: finish it first, its complete rows are safe")
        arrays = {name: dataset[()] for name, dataset in archive_arrays(file).items()}
        hashes = {}
        for name, array in arrays.items():
            digest = ArrayHash(array, str(file[name].attrs.get("units", "")))
            digest.update(array)
            hashes[name] = digest.hexdigest()
        text = str(file.attrs["description"])
        if file.attrs.get("sha256") != content_hash(str(file.attrs["kind"]), text, hashes):
            raise ValueError(f"{path} is damaged: its content does not match its hash")
    return arrays, json.loads(text)


@contextmanager
def open_archive(path: Path, *, kind: str = "") -> Iterator[h5py.File]:
    """Open an archive for reading, checked to be one of ours.

    Parameters
    ----------
    path : Path
        The file.
    kind : str, optional
        What it must hold; any kind where empty.

    Yields
    ------
    h5py.File
        The open file; its content is not verified.

    Raises
    ------
    ValueError
        If it is damaged, foreign, of another version or of another kind.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        if not path.exists():
            raise
        raise ValueError(f"{path} is damaged or not an HDF5 file: {error}") from error
    with file:
        try:
            attributes = dict(file.attrs)
        except (OSError, RuntimeError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged: its attributes cannot be read ({error})") from error
        if attributes.get("format") != FORMAT:
            raise ValueError(f"{path} is an HDF5 file, but not an archive of {FORMAT}")
        if attributes.get("format_version") != FORMAT_VERSION:
            raise ValueError(
                f"{path} has format version {attributes.get('format_version')}, this program reads {FORMAT_VERSION}"
            )
        missing = {"kind", "description", "packages"} - set(attributes)
        if missing:
            raise ValueError(f"{path} is damaged: it says nothing of its {', '.join(sorted(missing))}")
        if kind and attributes["kind"] != kind:
            raise ValueError(f"{path} holds {attributes['kind']!r}, wanted is {kind!r}")
        try:
            yield file
        except (OSError, RuntimeError, KeyError, TypeError, OverflowError) as error:  # what HDF5 makes of torn metadata
            raise ValueError(f"{path} is damaged: {error}") from error


def archive_arrays(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Return the arrays of an open archive.

    Parameters
    ----------
    file : h5py.File
        The open file.

    Returns
    -------
    dict of str to h5py.Dataset
        Arrays by name, in alphabetical order.

    Raises
    ------
    ValueError
        If one is larger than the file, or of a type that is never written.
    """
    found: dict[str, h5py.Dataset] = {}
    file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
    size = os.path.getsize(file.filename)
    for name, item in found.items():
        if item.dtype.hasobject or (item.chunks is None and item.nbytes > size):
            raise ValueError(f"{file.filename} is damaged: {name} cannot be {item.dtype} of shape {item.shape}")
    return dict(sorted(found.items()))


def archive_description(file: h5py.File) -> dict[str, Any]:
    """Return the description of an open archive.

    Parameters
    ----------
    file : h5py.File
        The open file.

    Returns
    -------
    dict
        The nested tables.
    """
    description: dict[str, Any] = json.loads(str(file.attrs["description"]))
    return description


def read_checked(file: h5py.File, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Read arrays of an open archive whole, each against its own hash.

    Parameters
    ----------
    file : h5py.File
        The open file.
    names : sequence of str
        Names of the arrays.

    Returns
    -------
    dict of str to ndarray
        The arrays.

    Raises
    ------
    ValueError
        If one is missing or does not match its hash.
    """
    arrays = {}
    for name in names:
        if name not in file:
            raise ValueError(f"{file.filename} is damaged: it has no array {name!r}")
        array, attributes = file[name][()], file[name].attrs
        digest = ArrayHash(array, str(attributes.get("units", "")))
        digest.update(array)
        if attributes.get("sha256") != digest.hexdigest():
            raise ValueError(f"{file.filename} is damaged: {name} does not match its hash")
        arrays[name] = array
    return arrays


def reserve_archive(
    path: Path,
    arrays: Mapping[str, tuple[tuple[int, ...], DTypeLike]],
    *,
    kind: str,
    description: Mapping[str, Any],
    units: Mapping[str, str],
) -> None:
    """Make a file with room for arrays, whose HDF5 structure then never changes.

    Parameters
    ----------
    path : Path
        Where to make it.
    arrays : mapping of str to (shape, dtype)
        Arrays to make room for; they begin as zeros.
    kind : str
        What the archive holds.
    description : mapping
        Plain nested tables, stored as JSON.
    units : mapping of str to str
        Unit of an array, by its name.

    Notes
    -----
    Arrays are contiguous, allocated at once (sparse where the file system can) and never filled, so that values are
    written at their `Place` without HDF5, and the file is a valid one at every instant. The caller holds its lock.
    """
    partial = path.with_name(f".{path.name}.new")
    try:
        with h5py.File(partial, "w", libver=("earliest", "v110")) as file:
            _mark(file, kind=kind, text=description_text(description))
            for name, (shape, dtype) in arrays.items():
                plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
                plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
                dataset = file.create_dataset(name, shape, dtype, dcpl=plan)
                dataset.attrs["units"] = units.get(name, "")
        replace_file(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def array_places(file: h5py.File) -> dict[str, Place]:
    """Return where the values of the contiguous arrays of an open archive are.

    Parameters
    ----------
    file : h5py.File
        The open file.

    Returns
    -------
    dict of str to Place
        Places by name of the array; chunked arrays have none.
    """
    found = {name: (item, item.id.get_offset()) for name, item in archive_arrays(file).items()}
    return {
        name: Place(offset=offset, shape=item.shape, dtype=item.dtype)
        for name, (item, offset) in found.items()
        if offset is not None
    }


def _mark(file: h5py.File, *, kind: str, text: str) -> None:
    """Write the attributes of a file, all but the hash."""
    file.attrs.update(format=FORMAT, format_version=FORMAT_VERSION, kind=kind, description=text)
    file.attrs["packages"] = json.dumps(_versions())


def _versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that compute."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
