"""The peak speed of this machine's FMA units, and a description of the machine.

    python -m benchmarks.peak [--threads N] [--isa avx2]

`fma_peak` compiles peak.c with the system's C compiler and runs it: multiply-adds on registers
only, without memory accesses. Speeds are reported as a fraction of this peak. Only figures of the
same run are comparable, because the speed of shared machines varies from minute to minute. Without
a C compiler a large NumPy matrix product is used instead, and the result says so.
"""

import argparse
import functools
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("peak.c")

# name: (vector size in bytes, compiler flags, register class for inline assembly), best first
INSTRUCTION_SETS = {
    "avx512": (64, ["-mavx512f", "-mfma"], "v"),
    "avx2": (32, ["-mavx2", "-mfma"], "x"),
    "baseline": (16, [], "x"),
    "neon": (16, [], "w"),
}


class Peak(NamedTuple):
    flops: float  # per second, all threads together
    method: str

    def __str__(self):
        return f"{self.flops / 1e9:.0f} GFLOP/s ({self.method})"


def instruction_sets():
    """The `INSTRUCTION_SETS` that this machine supports, best first."""
    if platform.machine() in ("aarch64", "arm64"):
        return ["neon"]
    flags = set(_cpu_info("flags").split())
    names = ["baseline"]
    if {"avx2", "fma"} <= flags:
        names.insert(0, "avx2")
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl", "fma"} <= flags:
        names.insert(0, "avx512")
    return names


def _cpu_info(field):
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    values = (line.partition(":")[2].strip() for line in lines if line.startswith(field))
    return next(values, "")


def cpu_name():
    return _cpu_info("model name") or platform.processor() or platform.machine()


def cpu_count():
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def fma_peak(threads, isa=None, seconds=0.3, runs=3):
    """The best of `runs` measurements with `threads` threads; `isa` defaults to the best set."""
    isa = isa or instruction_sets()[0]
    try:
        program = _program(isa)
    except (OSError, subprocess.CalledProcessError):
        return Peak(max(_matrix_product(seconds) for _ in range(runs)), "NumPy matrix product")
    command = [program, str(threads), str(seconds)]
    rates = [float(subprocess.check_output(command, text=True)) for _ in range(runs)]
    kind = "multiply and add" if isa == "baseline" else "FMA"
    return Peak(max(rates), f"{isa} {kind}, {threads} thread{'s' * (threads > 1)}")


@functools.cache
def _folder():
    return tempfile.TemporaryDirectory(prefix="fastcnn-peak-")  # removed when Python exits


@functools.cache
def _program(isa):
    size, flags, register = INSTRUCTION_SETS[isa]
    program = str(Path(_folder().name) / isa)
    compiler = os.environ.get("CC", "cc").split()
    flags = ["-O2", "-ffp-contract=fast", "-pthread", *flags]
    macros = [f"-DBYTES={size}", f'-DREGISTER="{register}"']
    subprocess.run(
        [*compiler, *flags, *macros, str(SOURCE), "-o", program], check=True, capture_output=True
    )
    return program


def _matrix_product(seconds, size=1024):
    import numpy as np

    a = np.random.RandomState(0).random_sample((size, size)).astype(np.float32)
    out, best, end = np.empty_like(a), 0.0, time.perf_counter() + seconds
    while not best or time.perf_counter() < end:
        begin = time.perf_counter()
        np.matmul(a, a, out=out)
        best = max(best, 2 * size**3 / (time.perf_counter() - begin))
    return best


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peak", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--threads", type=int, help="default: 1 and all")
    parser.add_argument(
        "--isa", choices=INSTRUCTION_SETS, help="default: all that the CPU supports"
    )
    options = parser.parse_args()
    counts = [options.threads] if options.threads else sorted({1, cpu_count()})
    print(f"{cpu_name()}, {cpu_count()} processors, Python {sys.version.split()[0]}")
    for isa in [options.isa] if options.isa else instruction_sets():
        for threads in counts:
            print(fma_peak(threads, isa))


if __name__ == "__main__":
    main()
