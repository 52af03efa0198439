"""Shared by the kernel benchmarks: instruction sets and threads, the check, the figures.

    pytest benchmarks/bench_*.py [--isa avx2 | --isa all] [--threads 2] [-k conv2d_2]

Each kernel is first compared with the reference, within the tests' tolerance, and only then timed.
Besides pytest-benchmark's times, `extra_info` (in --benchmark-json) contains GFLOP/s or GB/s,
the fraction of the FMA peak that was measured in the same session with the same number of threads
(it may exceed 1 because Winograd needs fewer multiplications than the direct algorithm, whose
FLOPs are counted), the instruction set and the number of threads.
"""

import functools
import itertools

import numpy as np
import pytest

import fastcnn
from benchmarks.peak import cpu_count, fma_peak
from fastcnn import kernels

EPS, TINY = np.finfo(np.float32).eps, np.finfo(np.float32).tiny


def pytest_addoption(parser):
    parser.addoption("--isa", help="an instruction set, or all (default: the best)")
    parser.addoption("--threads", type=int, help="number of threads (default: 1 and all)")


def pytest_generate_tests(metafunc):
    if "setup" not in metafunc.fixturenames:
        return
    isa, threads = (metafunc.config.getoption(name) for name in ("--isa", "--threads"))
    sets = kernels.instruction_sets()
    sets = sets if isa == "all" else [isa or sets[0]]
    counts = [threads] if threads else sorted({1, cpu_count()})
    pairs = list(itertools.product(sets, counts))
    ids = [f"{isa}-{count}T" for isa, count in pairs]
    metafunc.parametrize("setup", pairs, ids=ids, indirect=True, scope="function")


@pytest.fixture
def setup(request):
    """(instruction set, threads), active during the test."""
    isa, threads = request.param
    fastcnn.config.set_backend("native")
    kernels.set_instruction_set(isa)
    fastcnn.config.set_num_threads(threads)
    yield isa, threads
    kernels.set_instruction_set(None)
    fastcnn.config.set_num_threads(None)


@functools.cache
def peak(isa, threads):
    """FLOP/s, measured once per session."""
    return fma_peak(threads, isa, seconds=0.2, runs=5).flops


def check(call, scale=None):
    """|native - reference| <= 2 * terms * eps * scale, in float64.

    `scale` is the magnitude of each array's rounding errors; None: reference(|arrays|). Results
    below the smallest normal float32 may be 0.
    """
    arrays = call.fresh()
    kernels.bind(call.kernel, *arrays, **call.config)()
    expected, scale = call.reference(np.float64), scale or call.magnitude()
    for i in call.outputs:
        if arrays[i].dtype.kind == "f":
            bound = 2 * call.terms * EPS * scale[i] + TINY
            assert np.all(np.abs(arrays[i] - expected[i]) <= bound), (
                f"{call.kernel}, output {i}: beyond the tolerance"
            )


@pytest.fixture
def measure(benchmark, setup):
    """measure(call, flops=..., moved=...): check the kernel of a `kernel_cases.Call`, then time it.

    flops: the useful operations of a call with the direct algorithm; moved: the bytes that it must
    read and write; scale: see `check`.
    """
    isa, threads = setup

    def run(call, flops=0, moved=0, scale=None):
        check(call, scale)
        kernel = kernels.bind(call.kernel, *call.fresh(), **call.config)
        versions = itertools.count()  # the weights count as changed each time, as in training
        benchmark.group = call.kernel
        benchmark._max_time, benchmark._warmup = 0.3, True
        benchmark(lambda: kernel(next(versions)))
        benchmark.extra_info.update(isa=isa, threads=threads)
        if benchmark.stats is None:  # --benchmark-disable
            return
        seconds = benchmark.stats.stats.median
        if flops:
            rate = flops / seconds
            benchmark.extra_info["GFLOP/s"] = round(rate / 1e9, 1)
            benchmark.extra_info["share of peak"] = round(rate / peak(isa, threads), 3)
        if moved:
            benchmark.extra_info["GB/s"] = round(moved / seconds / 1e9, 1)

    return run
