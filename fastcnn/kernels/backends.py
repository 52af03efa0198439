"""What the kernels run on: the compiled extension, its instruction sets and its threads."""

import contextlib
from functools import cache

from fastcnn import config
from fastcnn.core import forks

try:
    from fastcnn.kernels import native

    if native.__file__ is None:  # not the extension but the folder of its sources
        raise ImportError("no module native.abi3.so")
except ImportError as error:
    raise ImportError(
        "fastcnn's compiled kernels are missing beside its Python files. Build them with "
        f"`pip install .` or `pip install -e .` in the source folder. ({error})"
    ) from error

# The float types that each backend computes in.
FLOATS = {"native": ("float32",), "reference": ("float32", "float64")}


def instruction_set() -> str:
    """The instruction set that the native kernels use: "avx512", "avx2", "baseline" or "neon"."""
    return native.instruction_set()


def instruction_sets() -> list[str]:
    """The instruction sets that this machine can run, best first."""
    return native.instruction_sets()


def set_instruction_set(name: str | None):
    """Use another instruction set for kernels bound from now on; None: the best one.

    Results of different sets agree within rounding, not to the last bit.

    Raises:
        ValueError: the machine does not have it; the error lists those it has.
    """
    native.set_instruction_set(name or instruction_sets()[0])
    config.changed()  # models bind their kernels again


# How many blocks `config.threads` are entered, in all threads. OpenMP keeps a number of threads for
# each thread that starts teams, and kernels ask for it at each call, unless the number of the
# process is exact. So it is not exact while there are blocks.
_limits = 0
_limits_lock = forks.Lock()


def _update_threads():
    is_exact = config.threads_were_set() and not _limits
    native.set_num_threads(config.process_num_threads(), is_exact)


@contextlib.contextmanager
def _limit_team(count):
    """What `config.threads` does to the kernels."""
    if not native.has_openmp():
        yield
        return
    openmp = _openmp()
    before = openmp.omp_get_max_threads()
    _add_limits(1)
    openmp.omp_set_num_threads(count)
    try:
        yield
    finally:
        openmp.omp_set_num_threads(before)
        _add_limits(-1)


def _add_limits(change):
    global _limits
    with _limits_lock:
        _limits += change
        if _limits == max(change, 0):  # the first or the last one
            _update_threads()


@cache
def _openmp():
    """The OpenMP library that the extension uses: names are looked up in what it was linked to."""
    import ctypes  # slow to import

    return ctypes.CDLL(native.__file__)


config.on_change(_update_threads)
config.on_threads(_limit_team)
_update_threads()
