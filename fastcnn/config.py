"""Settings of the whole package: backend, threads, float type, and what `show_config` tells.

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
import sys

BACKENDS = ("native", "reference")
FLOAT_TYPES = ("float32", "float64")

_backend = None
_num_threads = None
_floatx = "float32"
_epsilon = 1e-7
_generation = 0


def backend() -> str:
    """The name of the backend that computes: "native" (C) or "reference" (NumPy)."""
    if _backend is None:
        set_backend(os.environ.get("FASTCNN_BACKEND") or "native")
    return _backend


def set_backend(backend: str) -> None:
    """Choose who computes from now on: "native" or "reference". Models follow at their next run.

    Raises:
        ValueError: another name.
    """
    global _backend, _generation
    if backend not in BACKENDS:
        raise ValueError(
            f"The backend must be one of {', '.join(map(repr, BACKENDS))}. Received {backend!r} "
            "(from `set_backend` or the environment variable FASTCNN_BACKEND)."
        )
    if backend != _backend:
        _backend = backend
        _generation += 1


def changed():
    """Say that bound kernels are out of date: models bind theirs anew at their next run."""
    global _generation
    _generation += 1


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
    """The small number that keeps losses away from log(0): 1e-7, as in Keras."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set the small number that losses clip with."""
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
    """How many threads the kernels may use: what was set, else what the machine grants.

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
    kernels = sys.modules.get("fastcnn.kernels")  # which asks here when it is first imported
    if kernels is not None:
        kernels.update_threads()
        changed()  # kernels have working memory for so many threads


def threads_were_set():
    """Whether `set_num_threads` was called: then its number holds, whatever OpenMP would grant."""
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


def show_config():
    """Print version, backend, instruction set and threads: what a bug report needs."""
    import platform

    import numpy as np

    from fastcnn import __version__, kernels

    rows = [
        ("fastcnn", __version__),
        ("backend", backend()),
        ("instruction set", kernels.instruction_set()),
        ("threads", kernels.native.num_threads()),  # 1 in a build without OpenMP
        ("numpy", np.__version__),
        ("python", platform.python_version()),
        # not platform.platform(), which runs the program `uname`
        ("platform", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("libc", " ".join(platform.libc_ver())),
    ]
    for name, value in rows:
        print(f"{name + ':':<17}{value}")
