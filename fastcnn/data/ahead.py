"""Work on data in threads or processes while the step before trains, always in order.

`Ahead` is an iterator of `function(item)` for some items. It asks for a result before it is needed,
and yields the results in the order of the items, so they do not depend on the number of workers. An
exception of the function is raised where its result would be, with the function's traceback.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from fastcnn import config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

AUTOTUNE = -1  # as in tf.data: as many threads as the package uses
END = object()  # what a function returns when there are no more results
PATIENCE = 5  # seconds to wait for a worker that is still in a function when its results are not


class Job:
    """One item and, once `done`, its result."""

    __slots__ = ("done", "error", "item", "value")

    def __init__(self, item):
        self.item = item
        self.done = False
        self.value = self.error = None


class Shared:
    """What an `Ahead` and its threads share: threads do not keep the iterator itself alive."""

    def __init__(self, function):
        self.function = function
        self.lock = threading.Lock()
        self.has_work = threading.Condition(self.lock)
        self.has_result = threading.Condition(self.lock)
        self.jobs = deque()
        self.closed = False


class Ahead:
    """Iterator of `function(item)` for each item, computed in threads.

    The threads start with the first result that is asked for, and end with the last one, with an
    error, with `close`, and when the iterator is deleted.

    Args:
        function: called in one of the threads. If it returns `END` there are no more results.
        items: an iterable, used by the consumer's thread.
        workers: number of threads.
        ahead: number of results that are computed before they are needed.
        limit: at most that many items are used before `allow` allows more; None is any number.
    """

    def __init__(
        self,
        function: Callable,
        items: Iterable,
        workers: int = 1,
        ahead: int = 1,
        limit: int | None = None,
    ) -> None:
        self._items = iter(items)
        self._workers = workers
        self._ahead = ahead
        self._limit = limit
        self._used = 0
        self._pending: deque[Job] = deque()
        self._shared = Shared(function)
        self._threads: list[threading.Thread] = []

    @property
    def function(self) -> Callable:
        """The function."""
        return self._shared.function

    def allow(self, count: int | None) -> None:
        """Let the results of `count` more items be computed, beyond those that were yielded."""
        self._limit = None if count is None else self._used - len(self._pending) + count
        if self._used and not self._shared.closed:
            self._ask(self._ahead)

    def __iter__(self) -> Ahead:
        return self

    def __next__(self) -> Any:
        if self._shared.closed:
            raise StopIteration
        try:
            value = self._next()
        except BaseException:
            self.close()
            raise
        if value is END:
            self.close()
            raise StopIteration
        return value

    def _next(self):
        self._ask(1)
        if not self._pending:
            return END
        self._ask(self._workers)
        job = self._pending.popleft()
        if not job.done:
            with self._shared.lock:
                while not job.done:
                    self._shared.has_result.wait()
        if job.error is not None:
            raise job.error
        if job.value is not END:
            self._ask(self._ahead)
        return job.value

    def _ask(self, count):
        """Hand out items until `count` results are pending."""
        while len(self._pending) < count:
            is_needed = not self._pending and count == 1
            if self._limit is not None and self._used >= self._limit and not is_needed:
                return
            item = next(self._items, END)
            if item is END:
                return
            self._used += 1
            job = Job(item)
            self._pending.append(job)
            if len(self._threads) < min(self._workers, self._used):
                self._start_thread()
            with self._shared.lock:
                self._shared.jobs.append(job)
                self._shared.has_work.notify()

    def _start_thread(self):
        thread = threading.Thread(
            target=_work, args=(self._shared,), name="fastcnn-data", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """Stop the threads, and close the items and the function if they have a `close`."""
        shared = self._shared
        with shared.lock:
            shared.closed = True
            shared.jobs.clear()
            shared.has_work.notify_all()
        threads, self._threads = self._threads, []
        self._pending.clear()
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(PATIENCE)
        close(self._items)
        close(shared.function)

    def __del__(self):
        if not self._shared.closed:
            self.close()


def _work(shared):
    """The loop of one thread."""
    while True:
        with shared.lock:
            while not shared.jobs and not shared.closed:
                shared.has_work.wait()
            if shared.closed:
                return
            job = shared.jobs.popleft()
        try:
            job.value = shared.function(job.item)
        except BaseException as error:  # it is raised in the consumer's thread
            job.error = error
        with shared.lock:
            job.done = True
            shared.has_result.notify()
        job = None  # the result may be freed while this thread waits


def close(iterator: Any) -> None:
    """Call the iterator's `close`, if it has one."""
    method = getattr(iterator, "close", None)
    if method is not None:
        method()


def iterate_ahead(iterator: Any, ahead: int = 2) -> Ahead:
    """The items of an iterator, which one thread asks for before they are needed."""
    return Ahead(_Next(iterator), _endlessly(iterator), ahead=ahead)


class _Next:
    """Function of one argument, which is ignored, that returns the next item of an iterator."""

    def __init__(self, iterator):
        self._iterator = iterator

    def __call__(self, _):
        return next(self._iterator, END)


def _endlessly(iterator):
    """Items for `_Next`; closed with the iterator, after its thread has ended."""
    try:
        while True:
            yield None
    finally:
        close(iterator)


def thread_count(calls: int | None) -> int:
    """The number of threads for `num_parallel_calls`; 0 is the consumer's own."""
    if calls is None:
        return 0
    return config.num_threads() if calls == AUTOTUNE else calls
