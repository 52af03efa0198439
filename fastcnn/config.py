"""Settings of the whole package: backend, threads and float type.

Everything here is plain Python and cheap to import: the compiled kernels are not touched until
something is computed.

    >>> import fastcnn
    >>> fastcnn.config.set_backend("reference")   # every kernel in plain NumPy
    >>> fastcnn.config.backend()
    'reference'
    >>> fastcnn.config.set_backend("native")

The environment variables `FASTCNN_BACKEND` and `OMP_NUM_THREADS` give the first values.
"""

from __future__ import annotations

import math
import os

BACKENDS = ("native", "reference")
FLOAT_TYPES = ("float32", "float64")

_backend = None
_num_threads = None
_floatx = "float32"
_epsilon = 1e-7
_generation = 0
_listeners = []


def backend() -> str:
    """The name of the backend: "native" (C) or "reference" (NumPy)."""
    if _backend is None:
        set_backend(os.environ.get("FASTCNN_BACKEND") or "native")
    return _backend


def set_backend(backend: str) -> None:
    """Choose the backend, "native" or "reference". Models use it from their next run on.

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


def changed():
    """Mark bound kernels as out of date: models bind theirs again at their next run."""
    global _generation
    _generation += 1
    for function in _listeners:
        function()


def on_change(function):
    """Call `function()` whenever a setting changes on which bound kernels depend."""
    _listeners.append(function)


def generation():
    """A number that grows when a setting changes on which bound kernels depend."""
    return _generation


def floatx() -> str:
    """The float type of new layers: "float32", or "float64" for checks on the reference backend."""
    return _floatx


def set_floatx(value: str) -> None:
    """Set the float type of layers built from now on ("float64": reference backend only)."""
    global _floatx
    if value not in FLOAT_TYPES:
        raise ValueError(f"floatx must be one of {FLOAT_TYPES}. Received {value!r}.")
    _floatx = value


def epsilon() -> float:
    """The small value that keeps losses away from log(0): 1e-7, as in Keras."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set the small value that losses clip with."""
    global _epsilon
    if not (isinstance(value, (int, float)) and 0 < value < 1):
        raise ValueError(f"epsilon must lie between 0 and 1. Received {value!r}.")
    _epsilon = float(value)


def image_data_format() -> str:
    """Always "channels_last": images are (batch, height, width, channels)."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Accepts "channels_last" and nothing else."""
    if data_format != "channels_last":
        raise ValueError(
            'Only data_format="channels_last" (batch, height, width, channels) is supported. '
            f"Received {data_format!r}."
        )


def num_threads():
    """How many threads the kernels may use: the number that was set, else the default.

    The default is the smallest of: the CPUs this process may run on, the whole CPUs of the
    control group's quota (containers), and `OMP_NUM_THREADS`; at least 1.
    """
    return _num_threads or default_num_threads()


def set_num_threads(count):
    """Set the number of threads; None goes back to the default. Results do not depend on it."""
    global _num_threads
    is_count = isinstance(count, int) and not isinstance(count, bool) and count >= 1
    if count is not None and not is_count:
        raise ValueError(f"The number of threads must be a positive integer. Received {count!r}.")
    _num_threads = count
    changed()  # kernels have working memory for each thread


def threads_were_set():
    """Whether `set_num_threads` was called: its number then takes precedence over OpenMP's."""
    return _num_threads is not None


def default_num_threads(cgroup="/sys/fs/cgroup"):
    """min(affinity, CPU quota of the control group, OMP_NUM_THREADS), at least 1."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        count = os.cpu_count() or 1
    quota = _cpu_quota(cgroup)
    if quota is not None:
        count = min(count, math.floor(quota))
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if asked.isdigit() and int(asked) > 0:
        count = min(count, int(asked))
    return max(count, 1)


def _cpu_quota(cgroup):
    """CPUs granted by control group version 2 or 1, or None where there is no limit."""
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
