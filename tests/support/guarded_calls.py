"""Run kernels on arrays that end or begin at an inaccessible page.

`python -m tests.support.guarded_calls COUNT [KERNEL ...]` calls each kernel `COUNT` times
(random_calls.py) with every instruction set and algorithm. Each kernel runs in a separate process,
and the program prints one line of JSON for it: [kernel, null or a description of the failure].
Access to a guard page ends that process with a signal. Inputs are on read-only pages. Working
memory is guarded in the same way and filled with NaN.
"""

import ctypes
import json
import mmap
import os
import signal
import sys

import numpy as np

from fastcnn import kernels
from fastcnn.kernels import native, spec
from tests.support.random_calls import TOLERANCES, algorithms, draw, taking

PAGE = mmap.PAGESIZE
FORBIDDEN, READ, READ_WRITE = 0, mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_WRITE

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class Guarded:
    """Arrays, each between two inaccessible pages, that are released together."""

    def __init__(self, at_end):
        self.at_end = at_end  # whether arrays end at the guard page, or begin after one
        self.maps = []

    def array(self, shape, dtype=np.float32):
        """A new array of arbitrary values: NaN, or 77 for integers."""
        dtype = np.dtype(dtype)
        size = int(np.prod(shape)) * dtype.itemsize
        pages = -(-size // PAGE) or 1
        total = (pages + 2) * PAGE
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        base = libc.mmap(None, total, FORBIDDEN, flags, -1, 0)
        if base in (None, ctypes.c_void_p(-1).value):
            raise MemoryError(os.strerror(ctypes.get_errno()))
        self.maps.append((base, total))
        self.protect(base + PAGE, pages * PAGE, READ_WRITE)
        start = base + PAGE + (pages * PAGE - size if self.at_end else 0)
        array = np.ndarray(shape, dtype, (ctypes.c_char * size).from_address(start))
        array[...] = np.nan if dtype.kind == "f" else 77
        return array

    def copy(self, array, writable):
        if array is None:
            return None
        copy = self.array(array.shape, array.dtype)
        copy[...] = array
        if not writable:
            base, total = self.maps[-1]
            self.protect(base + PAGE, total - 2 * PAGE, READ)
        return copy

    def aligned(self, shape, dtype=np.float32, zero=False):
        """Replaces the extension's `aligned`, which allocates working memory."""
        array = self.array(shape, dtype)
        if zero:
            array[...] = 0
        return array

    @staticmethod
    def protect(start, size, how):
        if libc.mprotect(start, size, how):
            raise OSError(ctypes.get_errno(), "mprotect")

    def release(self):
        for base, size in self.maps:
            libc.munmap(base, size)
        self.maps.clear()


def check(kernel, count, say):
    """Make the calls; `say` reports each one before it starts."""
    for trial in range(count):
        call = draw(kernel, trial)
        expected = None if kernel in TOLERANCES else call.reference()
        for name in kernels.instruction_sets():
            kernels.set_instruction_set(name)
            for algorithm in algorithms(call):
                for at_end in (True, False):
                    say(trial, name, algorithm, "end" if at_end else "begin")
                    guarded = Guarded(at_end)
                    native.aligned = guarded.aligned
                    arrays = [
                        guarded.copy(array, i in call.outputs)
                        for i, array in enumerate(call.fresh())
                    ]
                    with taking(kernel, algorithm):
                        bound = kernels.bind(kernel, *arrays, **call.config)
                    bound()
                    for i in call.outputs:
                        if expected is not None:
                            np.testing.assert_array_equal(arrays[i], expected[i])
                        elif arrays[i].dtype.kind == "f":
                            assert not np.isnan(arrays[i]).any()
                    del bound, arrays
                    guarded.release()


def outcome(kernel, count):
    """None, or a description of the failure of the process that calls this kernel."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiver)

        def say(*words):
            os.write(sender, (" ".join(map(str, words)) + "\n").encode())

        try:
            check(kernel, count, say)
        except BaseException as error:
            say(f"{type(error).__name__}: {error}".replace("\n", " "))
            os._exit(1)
        os._exit(0)
    os.close(sender)
    with open(receiver) as lines:
        said = lines.read().splitlines()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"{signal.Signals(os.WTERMSIG(status)).name} in call {said[-1]}"
    return " ".join(said[-2:]) if status else None


if __name__ == "__main__":
    for kernel in sys.argv[2:] or spec.ARRAYS:
        print(json.dumps([kernel, outcome(kernel, int(sys.argv[1]))]), flush=True)
