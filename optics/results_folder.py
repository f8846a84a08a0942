"""Folders of results: complete or not there, and never written over."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_folder(folder: Path) -> Path:
    """Return the folder itself, or the first of folder-2, folder-3, ... that does not exist.

    Parameters
    ----------
    folder : Path
        The folder that is wanted.

    Returns
    -------
    Path
        A folder that does not exist.
    """
    candidates = [folder, *(folder.with_name(f"{folder.name}-{number}") for number in range(2, 10_000))]
    return next(candidate for candidate in candidates if not candidate.exists())


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write into, which gets its name when the block ends without an exception.

    Parameters
    ----------
    folder : Path
        The folder to make; it must not exist.

    Yields
    ------
    Path
        A folder beside it, made at once, so that what cannot be written to is found before any work. It is
        removed if the block is left by an exception.

    Raises
    ------
    FileExistsError
        If the folder exists, at the start or at the end.
    OSError
        If it cannot be made.
    """
    _check_free(folder)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise OSError(
            f"the results folder {folder} cannot be made ({error.strerror}): give another with --output"
        ) from error
    try:
        yield partial
        _check_free(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check_free(folder: Path) -> None:
    """Refuse a folder that exists."""
    if folder.exists():
        raise FileExistsError(f"the results folder {folder} exists and is not overwritten: give another with --output")
