"""Calls of a function in other processes, for `PyDataset(use_multiprocessing=True)`."""

from __future__ import annotations

import signal
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_function: Any = None  # of a process that works for another one


class Processes:
    """A function that is called in one of several processes.

    Args:
        function: it is copied to the processes when they start.
        count: number of processes.
    """

    def __init__(self, function: Callable, count: int) -> None:
        self._pool = ProcessPoolExecutor(count, initializer=_start, initargs=(function,))
        self._pool.submit(int)  # start them now, from the thread that trains

    def __call__(self, item: Any) -> Any:
        return self._pool.submit(_call, item).result()

    def close(self) -> None:
        """Stop the processes."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _start(function):
    global _function
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that trains
    _function = function


def _call(item):
    return _function(item)
