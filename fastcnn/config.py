"""Settings of the whole package: backend, threads and float type.

This module is plain Python and cheap to import: it does not load the compiled kernels.

    >>> import fastcnn
    >>> fastcnn.config.set_backend("reference")   # every kernel in plain NumPy
    >>> fastcnn.config.backend()
    'reference'
    >>> fastcnn.config.set_backend("native")

The environment variables `FASTCNN_BACKEND` and `OMP_NUM_THREADS` set the initial values. Settings
are those of the process, except for what `threads` sets for the thread that calls it.
"""

from __future__ import annotations

import contextlib
import math
import os
from threading import local  # `config.threading` is a name of TensorFlow, which has a hint
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

BACKENDS = ("native", "reference")
FLOAT_TYPES = ("float32", "float64")

_backend: str | None = None
_num_threads: int | None = None
_floatx = "float32"
_epsilon = 1e-7
_generation = 0
_listeners: list[Callable[[], None]] = []
_own = local()  # `threads`: what the innermost `threads` set in the thread
_limiters: list[Callable[[int], AbstractContextManager[None]]] = []


def backend() -> str:
    """The name of the current backend: "native" (C) or "reference" (NumPy)."""
    if _backend is None:
        set_backend(os.environ.get("FASTCNN_BACKEND") or "native")
        assert _backend is not None
    return _backend


def set_backend(backend: str) -> None:
    """Select the backend: "native" or "reference". Models use it from their next run on.

    Raises:
        ValueError: there is no such backend.
    """
    global _backend
    if backend not in BACKENDS:
        raise ValueError(
            f"The backend must be one of {', '.join(map(repr, BACKENDS))}. Received {backend!r} "
            "(from `set_backend` or the environment variable FASTCNN_BACKEND)."
        )
    if backend != _backend:
        _backend = backend
        changed()


def changed() -> None:
    """Invalidate bound kernels: models bind theirs again at their next run."""
    global _generation
    _generation += 1
    for function in _listeners:
        function()


def on_change(function: Callable[[], None]) -> None:
    """Call `function()` whenever a setting changes on which bound kernels depend."""
    _listeners.append(function)


def generation() -> int:
    """A counter that increases whenever a setting changes that bound kernels depend on."""
    return _generation


def floatx() -> str:
    """The float type of new layers: "float32", or "float64" on the reference backend only."""
    return _floatx


def set_floatx(value: str) -> None:
    """Set the float type of new layers ("float64": reference backend only)."""
    global _floatx
    if value not in FLOAT_TYPES:
        raise ValueError(f"floatx must be one of {FLOAT_TYPES}. Received {value!r}.")
    _floatx = value


def epsilon() -> float:
    """The small constant that losses use to avoid log(0): 1e-7 by default, as in Keras."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set the small constant that losses use for clipping."""
    global _epsilon
    if not (isinstance(value, (int, float)) and 0 < value < 1):
        raise ValueError(f"epsilon must be between 0 and 1. Received {value!r}.")
    if value != _epsilon:
        _epsilon = float(value)
        changed()  # losses and constraints are bound to it


def image_data_format() -> str:
    """Always "channels_last": images are (batch, height, width, channels)."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Accept "channels_last", the only supported layout."""
    if data_format != "channels_last":
        raise ValueError(
            'Only data_format="channels_last" (batch, height, width, channels) is supported. '
            f"Received {data_format!r}."
        )


def num_threads() -> int:
    """The number of threads that the kernels may use when the calling thread runs them.

    It is what `set_num_threads` set for the process, else the default; inside of `threads(count)`,
    at most `count`. The default is the smallest of: the CPUs this process may run on, the control
    group's CPU quota (in containers) rounded down, and `OMP_NUM_THREADS`; at least 1.
    """
    whole = process_num_threads()
    return min(getattr(_own, "threads", whole), whole)


def process_num_threads() -> int:
    """`num_threads` for threads that are not inside of `threads`."""
    return _num_threads or default_num_threads()


def set_num_threads(count: int | None) -> None:
    """Set the number of threads of the process; None: the default. Results do not depend on it."""
    global _num_threads
    if count is not None:
        _check_threads(count)
    _num_threads = count
    changed()  # kernels have working memory for each thread


def threads(count: int) -> AbstractContextManager[None]:
    """Context manager: kernels that the calling thread runs use at most `count` threads.

    Other threads are not limited, also those that are started inside. So several models can be
    trained at once, each in a thread of its own and on a single core:

    >>> import fastcnn
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> def trial(seed):
    ...     with fastcnn.config.threads(1):  # here one would build and fit a model
    ...         return fastcnn.config.num_threads()
    >>> with ThreadPoolExecutor(2) as pool:
    ...     list(pool.map(trial, range(3)))
    [1, 1, 1]

    It can be nested, where the innermost applies, and decorate a function. It never exceeds the
    number of the process (see `set_num_threads`); if that is larger than OpenMP's own number, other
    threads use OpenMP's in the meantime. Results do not depend on it.

    Raises:
        ValueError: `count` is not a positive integer.
    """
    _check_threads(count)
    return _threads(count)


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    before = getattr(_own, "threads", None)
    with contextlib.ExitStack() as stack:
        for limiter in _limiters:
            stack.enter_context(limiter(count))
        _own.threads = count
        try:
            yield
        finally:
            if before is None:
                del _own.threads
            else:
                _own.threads = before


def on_threads(limiter: Callable[[int], AbstractContextManager[None]]) -> None:
    """Enter the context manager `limiter(count)` inside of each `threads(count)`."""
    _limiters.append(limiter)


def _check_threads(count):
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"The number of threads must be a positive integer. Received {count!r}.")


def threads_were_set() -> bool:
    """Whether `set_num_threads` was called: its number then takes precedence over OpenMP's."""
    return _num_threads is not None


def default_num_threads(cgroup: str = "/sys/fs/cgroup") -> int:
    """min(affinity, CPU quota of the control group, OMP_NUM_THREADS), at least 1."""
    return max(min(count for count, _ in thread_limits(cgroup)), 1)


def thread_limits(cgroup: str = "/sys/fs/cgroup") -> list[tuple[int, str]]:
    """(count, what it is) of all that limits the default number of threads."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        count = os.cpu_count() or 1
    limits = [(count, f"{count} CPU{'s' * (count > 1)} that this process may use")]
    quota = _cpu_quota(cgroup)
    if quota is not None:
        limits.append((math.floor(quota), f"the control group's CPU quota of {quota:g}"))
    requested = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if requested.isdigit() and int(requested) > 0:
        limits.append((int(requested), f"OMP_NUM_THREADS={requested}"))
    return limits


def _cpu_quota(cgroup):
    """The CPU quota of the control group (version 2 or 1), or None if there is no limit."""
    try:
        with open(os.path.join(cgroup, "cpu.max")) as file:
            quota, period = file.read().split()
    except (OSError, ValueError):
        try:
            with open(os.path.join(cgroup, "cpu", "cpu.cfs_quota_us")) as file:
                quota = file.read().strip()
            with open(os.path.join(cgroup, "cpu", "cpu.cfs_period_us")) as file:
                period = file.read().strip()
        except OSError:
            return None
    if not (quota.isdigit() and period.isdigit() and int(period) > 0):
        return None  # "max" or -1: no limit
    return int(quota) / int(period)
