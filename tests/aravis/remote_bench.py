"""The near end of a bench that another process serves: its mirrors, its laser's switch, and the process itself."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.aravis.served_bench import serve

START, STEP = 60.0, 20.0
"""Time that the served bench is given to start, and to do what it is asked to, in seconds."""


class Remote:
    """The pipe to a bench that is served."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def ask(self, name: str, *arguments: Any) -> Any:
        """Have the served bench do something, and return what it answers once it is done."""
        self._pipe.send((name, arguments))
        return self.answer(patience=STEP)

    def answer(self, *, patience: float) -> Any:
        """Return the next answer; one that is an error is raised."""
        if not self._pipe.poll(patience):
            raise TimeoutError(f"the served bench did not answer within {patience:g} s")
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


class RemoteModulator:
    """The mirrors of a bench that is served."""

    def __init__(self, remote: Remote, *, shape: tuple[int, int]) -> None:
        self._remote, self.shape, self.capacity = remote, shape, 64
        self._masks = np.zeros((0, *shape), np.bool_)

    def load(self, masks: NDArray[np.bool_]) -> None:
        """Put masks in the place of those that are loaded."""
        if masks.shape[1:] != self.shape or len(masks) > self.capacity:
            raise ValueError(f"{masks.shape} is no stack of at most {self.capacity} masks of {self.shape}")
        self._masks = masks.copy()

    def show(self, index: int) -> None:
        """Show a mask that is loaded."""
        self._remote.ask("show", self._masks[index])

    def close(self) -> None:
        """Do nothing: the mirrors go with the process that serves them."""


class RemoteSwitch:
    """The laser's switch of a bench that is served."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def set_light(self, on: bool) -> None:
        """Let light through, or block it."""
        self._remote.ask("switch", on)

    def close(self) -> None:
        """Do nothing: the switch goes with the process that serves it."""


@contextmanager
def served() -> Iterator[Remote]:
    """Serve benches from another process, which ends with the block."""
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    process = context.Process(target=serve, args=(far,), daemon=True)
    process.start()
    far.close()
    try:
        remote = Remote(near)
        remote.answer(patience=START)
        yield remote
    finally:
        near.close()
        process.join(5)
        if process.exitcode is None:
            process.kill()
            process.join()
        process.close()
