"""One BLAS thread where work is spread over threads of our own."""

import functools
from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[Any]:
    """Return a context in which matrix products run in the thread that asks for them.

    Returns
    -------
    context manager
        The limit ends with it.

    Notes
    -----
    Finding the BLAS libraries takes some milliseconds, so they are looked up once.
    """
    limit: AbstractContextManager[Any] = _libraries().limit(limits=1)
    return limit


@functools.cache
def _libraries() -> ThreadpoolController:
    """Return the BLAS libraries of this process."""
    return ThreadpoolController()
