"""A disk on which a program is killed at a chosen write: what it wrote before stays, nothing after it happens."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

CALLS = ("pwrite", "fdatasync", "fsync", "replace", "unlink")


class Killed(BaseException):
    """The program is dead."""


class KilledDisk:
    """Counts the calls that change a disk and dies before, or in the middle of, one of them.

    Every call after the fatal one fails too, so that handlers of the dying program can tidy up nothing.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, fatal: int) -> None:
        self.fatal, self.calls = fatal, 0
        self.log: list[str] = []
        self._open, self._descriptors = os.open, list[int]()
        monkeypatch.setattr(os, "open", self._remember)
        for name in CALLS:
            monkeypatch.setattr(os, name, self._fatal(name, getattr(os, name)))

    def bury(self) -> None:
        """Close the files of the dead program, as the system does."""
        for descriptor in self._descriptors:
            with suppress(OSError):
                os.close(descriptor)

    def _remember(self, *given: Any, **options: Any) -> int:
        """Open a file and remember it."""
        self._descriptors.append(self._open(*given, **options))
        return self._descriptors[-1]

    def _fatal(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that counts, and dies when its time has come; a fatal write is cut off in the middle."""

        def counted(*given: Any, **options: Any) -> Any:
            self.calls += 1
            self.log.append(name)
            if self.calls < self.fatal:
                return call(*given, **options)
            if self.calls == self.fatal and name == "pwrite":
                descriptor, data, offset = given
                call(descriptor, data[: len(data) // 2], offset)
            raise Killed

        return counted
