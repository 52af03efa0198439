"""Settings of the whole package: backend, threads and float type.

This module is plain Python and cheap to import: it does not load the compiled kernels.

    >>> import fastcnn
    >>> fastcnn.config.set_backend("reference")   # every kernel in plain NumPy
    >>> fastcnn.config.backend()
    'reference'
    >>> fastcnn.config.set_backend("native")

The environment variables `FASTCNN_BACKEND` and `OMP_NUM_THREADS` set the initial values.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BACKENDS = ("native", "reference")
FLOAT_TYPES = ("float32", "float64")

_backend: str | None = None
_num_threads: int | None = None
_floatx = "float32"
_epsilon = 1e-7
_generation = 0
_listeners: list[Callable[[], None]] = []


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
    _epsilon = float(value)


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
    """The number of threads that the kernels may use: the value that was set, else the default.

    The default is the smallest of: the CPUs this process may run on, the control group's CPU quota
    (in containers) rounded down, and `OMP_NUM_THREADS`; at least 1.
    """
    return _num_threads or default_num_threads()


def set_num_threads(count: int | None) -> None:
    """Set the number of threads; None restores the default. Results do not depend on it."""
    global _num_threads
    is_count = isinstance(count, int) and not isinstance(count, bool) and count >= 1
    if count is not None and not is_count:
        raise ValueError(f"The number of threads must be a positive integer. Received {count!r}.")
    _num_threads = count
    changed()  # kernels have working memory for each thread


def threads_were_set() -> bool:
    """Whether `set_num_threads` was called: its number then takes precedence over OpenMP's."""
    return _num_threads is not None


def default_num_threads(cgroup: str = "/sys/fs/cgroup") -> int:
    """min(affinity, CPU quota of the control group, OMP_NUM_THREADS), at least 1."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        count = os.cpu_count() or 1
    quota = _cpu_quota(cgroup)
    if quota is not None:
        count = min(count, math.floor(quota))
    requested = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if requested.isdigit() and int(requested) > 0:
        count = min(count, int(requested))
    return max(count, 1)


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
