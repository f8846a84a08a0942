"""What keeps files whole when a program is killed or the power fails: ordered writes and a lock."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path


def sync_file(path: Path) -> None:
    """Wait until a file is on the disk.

    Parameters
    ----------
    path : Path
        The file.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(partial: Path, path: Path) -> None:
    """Give a complete file its name, so that after any crash it is there whole or not at all.

    Parameters
    ----------
    partial : Path
        The complete file, in the same folder.
    path : Path
        The name; what has it is replaced.
    """
    sync_file(partial)
    os.replace(partial, path)
    sync_file(path.parent)


def write_at(descriptor: int, data: memoryview, *, offset: int) -> None:
    """Write bytes at a place of an open file, all of them.

    Parameters
    ----------
    descriptor : int
        The open file.
    data : memoryview
        The bytes.
    offset : int
        Where the first one goes.
    """
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)


def read_at(descriptor: int, view: memoryview, *, offset: int) -> None:
    """Fill memory with bytes from a place of an open file.

    Parameters
    ----------
    descriptor : int
        The open file.
    view : memoryview
        Where the bytes go.
    offset : int
        Where the first one is in the file.

    Raises
    ------
    EOFError
        If the file ends before.
    """
    done = 0
    while done < len(view):
        count = os.preadv(descriptor, [view[done:]], offset + done)
        if not count:
            raise EOFError(f"the file ends {len(view) - done} bytes too early")
        done += count


class FileLock:
    """Keeps two programs from writing one file at once; the system releases it when a program dies.

    Parameters
    ----------
    path : Path
        The file that is written; the lock is a file beside it.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    BlockingIOError
        If another program, or another part of this one, holds the lock.

    Notes
    -----
    It is advisory (``flock``): it works between programs that use it, on POSIX systems, and on network file systems
    where these pass locks on.
    """

    def __init__(self, path: Path) -> None:
        if not path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} in: make it first")
        self._path = path.with_name(f"{path.name}.lock")
        self._descriptor = -1
        while self._descriptor < 0:
            self._try(path)

    def _try(self, path: Path) -> None:
        """Take the lock, unless its file was removed between opening and locking."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.stat(self._path).st_ino == os.fstat(descriptor).st_ino:
                    os.ftruncate(descriptor, 0)
                    write_at(descriptor, memoryview(str(os.getpid()).encode()), offset=0)
                    self._descriptor = descriptor
        except BlockingIOError as error:
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace") or "unknown"
            raise BlockingIOError(
                f"{path} is being written by another program (process {owner}): wait for it, stop it, or give "
                "another file"
            ) from error
        finally:
            if self._descriptor != descriptor:
                os.close(descriptor)

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1
