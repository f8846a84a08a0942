"""Folders of results: complete or not there, and never written over."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def new_folder(folder: Path, *, renumber: bool = False) -> Iterator[tuple[Path, Path]]:
    """Give a folder to write into, which gets its name when the block ends without an exception.

    Parameters
    ----------
    folder : Path
        The folder to make.
    renumber : bool, optional
        Whether folder-2, folder-3, ... is taken where it exists.

    Yields
    ------
    partial : Path
        Where to write. If the block is left by an exception it is removed, and with it every folder that was made.
    folder : Path
        The name that it will get. An empty folder holds the name until then, so that what cannot be written to
        is found before any work and two programs do not take the same name.

    Raises
    ------
    FileExistsError
        If the folder exists.
    OSError
        If it cannot be made.
    """
    parents = [parent for parent in folder.parents if not parent.exists()]
    reserved = _reserve(folder, renumber=renumber)
    partial = reserved.with_name(f".{reserved.name}.{os.getpid()}.partial")
    done = False
    try:
        partial.mkdir()
        yield partial, reserved
        reserved.rmdir()
        partial.rename(reserved)
        done = True
    finally:
        if not done:
            shutil.rmtree(partial, ignore_errors=True)
            for made in (reserved, *parents):
                with suppress(OSError):
                    made.rmdir()


def _reserve(folder: Path, *, renumber: bool) -> Path:
    """Make the empty folder, or the first of folder-2, folder-3, ... that does not exist, and return it."""
    names = [folder, *(folder.with_name(f"{folder.name}-{number}") for number in range(2, 10_000 if renumber else 2))]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_be_made(folder, error) from error
    for name in names:
        try:
            name.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise _cannot_be_made(folder, error) from error
        return name
    raise FileExistsError(f"the results folder {folder} exists and is not overwritten: give another with --output")


def _cannot_be_made(folder: Path, error: OSError) -> OSError:
    """Return an error that says why a folder cannot be made."""
    return OSError(f"the results folder {folder} cannot be made ({error.strerror}): give another with --output")
