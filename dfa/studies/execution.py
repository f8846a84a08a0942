"""Runs spread over an executor: a bounded number under way, each kept as soon as it is finished."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfa.studies.plan import StudyPlan, Task
from dfa.studies.store import Record
from dfa.studies.worker import check_point, describe, run_task
from optics.validation import check_count

IN_FLIGHT = 256
"""Runs that an executor of the user holds at once, enough for any cluster that these runs are worth."""


MOST_IDLE_BREAKS = 3
"""Pools of processes that may die in a row before any of them took a run."""


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Who computes.

    Parameters
    ----------
    count : int
        Local processes.
    executor : Executor or None
        What computes instead of local processes.
    data : Path or None
        Folder of the MNIST files.

    Raises
    ------
    ValueError
        If the number of processes is not positive.
    """

    count: int = 1
    executor: Executor | None = None
    data: Path | None = None

    def __post_init__(self) -> None:
        """Check the number."""
        check_count("workers", self.count, at_most=4096)

    @property
    def in_flight(self) -> int:
        """Runs under way or waiting for a worker at once."""
        return IN_FLIGHT if self.executor is not None else 2 * self.count

    def open(self) -> AbstractContextManager[Executor]:
        """Return the executor for a ``with`` block; local processes end with it.

        Returns
        -------
        context manager
            The executor.
        """
        return local_processes(self.count) if self.executor is None else nullcontext(self.executor)


def run_tasks(
    tasks: Sequence[Task], workers: Workers, *, on_record: Callable[[Record], None], check: StudyPlan | None = None
) -> None:
    """Run tasks and hand every result over as soon as it is there, in whatever order they end.

    Parameters
    ----------
    tasks : sequence of Task
        The runs.
    workers : Workers
        Who computes.
    on_record : callable
        Takes the record of a run; called in this thread.
    check : StudyPlan or None, optional
        Plan whose benches are built before the first run starts.

    Raises
    ------
    ValueError
        If a bench is impossible; nothing has run then.
    RuntimeError
        If the user's executor breaks, or local processes cannot start; what is finished was handed over.

    Notes
    -----
    A local process that dies (killed, or out of memory) takes what was under way with it. These runs are done again,
    one after the other, so that the one that kills its process is found; that one is recorded as failed.
    """
    left = deque(tasks)
    idle = 0
    while left and idle < MOST_IDLE_BREAKS:
        before = len(left)
        with workers.open() as executor:
            if check is not None:
                _check(check, executor)
                check = None
            suspects = _drive(left, executor, workers, on_record=on_record)
        if workers.executor is not None and (suspects or left):
            raise RuntimeError("the executor broke: what is finished is stored, run the study again to continue")
        idle = idle + 1 if len(left) == before else 0
        for suspect in suspects:
            with workers.open() as executor:
                lost = _drive(deque([suspect]), executor, workers, on_record=on_record)
            if lost:
                on_record(_failed(suspect, "its process died: it was killed, or memory ran out"))
    if left:
        raise RuntimeError("the local processes end before they take a run: what is finished is stored")


def _check(plan: StudyPlan, executor: Executor) -> None:
    """Build the bench of every point that uses one."""
    if "optical" not in plan.methods:
        return
    for message in executor.map(check_point, plan.points, [plan.seeds[0]] * len(plan.points)):
        if message:
            raise ValueError(message)


def _drive(
    left: deque[Task], executor: Executor, workers: Workers, *, on_record: Callable[[Record], None]
) -> list[Task]:
    """Empty the queue, unless the executor breaks; return the tasks that were under way then."""
    pending: dict[Future[dict[str, Any]], Task] = {}
    try:
        while left or pending:
            while left and len(pending) < workers.in_flight:
                pending[executor.submit(run_task, left[0], workers.data)] = left[0]
                left.popleft()
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                on_record(_outcome(future, pending[future]))
                del pending[future]
    except BrokenExecutor:
        return _after_break(pending, on_record=on_record)
    except BaseException:
        for future in pending:
            future.cancel()
        _after_break(pending, on_record=on_record)
        raise
    return []


def _after_break(pending: dict[Future[dict[str, Any]], Task], *, on_record: Callable[[Record], None]) -> list[Task]:
    """Keep what was finished and return the tasks that were not."""
    lost = []
    for future, task in pending.items():
        if future.done() and not future.cancelled() and not isinstance(future.exception(), BrokenExecutor):
            on_record(_outcome(future, task))
        else:
            lost.append(task)
    return lost


def _outcome(future: Future[dict[str, Any]], task: Task) -> Record:
    """Return the record of a finished run; what an executor itself reports is a failure of the run."""
    error = future.exception()
    if isinstance(error, BrokenExecutor):
        raise error
    return future.result() if error is None else _failed(task, describe(error))


def _failed(task: Task, error: str) -> Record:
    """Return the record of a run that left none itself."""
    own = {"key": task.key, "point": task.point, "method": task.method, "seed": task.seed}
    return {**own, "status": "failed", "error": error}


@contextmanager
def local_processes(count: int) -> Iterator[Executor]:
    """Give a pool of fresh processes, which end with the block, at once if it ends by an exception.

    Parameters
    ----------
    count : int
        Number of processes.

    Yields
    ------
    Executor
        The pool.

    Notes
    -----
    The processes are spawned, not forked: a fork would copy threads' locks. They leave Ctrl-C to their parent and
    end when it dies, however it dies.
    """
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=_start)
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start() -> None:
    """Prepare a local process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    """End this process when its parent ends."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
