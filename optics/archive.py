"""HDF5 files of results: arrays with units and a content hash, written whole or not at all."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

FORMAT, FORMAT_VERSION = "opubench", 1
PACKAGES = ("opubench", "numpy", "scipy", "h5py")
Arrays = Mapping[str, NDArray[Any]]


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
    The file is written beside its place and moved there when it is complete, so that a killed program leaves
    no half-written file under the final name. It carries the format version, the versions of Python and of
    the packages, and the SHA-256 of its content.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists and is not overwritten: move it or choose another folder")
    text = json.dumps(description, sort_keys=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with h5py.File(partial, "w", libver=("earliest", "v110")) as file:
            file.attrs.update(format=FORMAT, format_version=FORMAT_VERSION, description=text)
            file.attrs.update(packages=json.dumps(_versions()), sha256=_content_hash(arrays, text))
            for name, array in arrays.items():
                dataset = file.create_dataset(name, data=array)
                dataset.attrs["units"] = (units or {}).get(name, "")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


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
        If the file is not one of ours, is of another version, or does not match its content hash.
    """
    try:
        with h5py.File(path, "r") as file:
            attributes = dict(file.attrs)
            arrays: dict[str, NDArray[Any]] = {}
            file.visititems(
                lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
    except OSError as error:
        if not path.exists():
            raise
        raise ValueError(f"{path} is damaged or not an HDF5 file: {error}") from error
    if attributes.get("format") != FORMAT:
        raise ValueError(f"{path} is an HDF5 file, but not an archive of {FORMAT}")
    if attributes.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"{path} has format version {attributes.get('format_version')}, this program reads {FORMAT_VERSION}"
        )
    text = str(attributes["description"])
    if attributes.get("sha256") != _content_hash(arrays, text):
        raise ValueError(f"{path} is damaged: its content does not match its hash")
    return arrays, json.loads(text)


def _content_hash(arrays: Arrays, text: str) -> str:
    """Return the SHA-256 of names, types, shapes, values and the description."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {np.shape(arrays[name])}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that compute."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
