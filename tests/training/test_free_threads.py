"""Threads of a Python without the GIL: kernels and nets give the bits that they give one by one.

The extension does not declare that it runs without the GIL, so a free-threaded Python enables the
GIL when it imports it, unless `-X gil=0` forbids that: this is how the last test runs the others.
It has to pass before the extension may be declared safe (setup.py, docs/wheels.md).
"""

import os
import subprocess
import sys
import sysconfig

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import kernels
from fastcnn.kernels import native
from tests.support.paths import ROOT
from tests.support.threads import run_in_threads

THREADS = 8
HERE = "tests/training/test_free_threads.py"
TESTS = (
    f"{HERE}::test_kernels_are_bound_and_called_in_many_threads",
    f"{HERE}::test_one_model_predicts_in_many_threads",
    "tests/training/test_many_nets.py::test_threads",
    "tests/training/test_same_bits.py::test_eight_python_threads_match_sequential_training",
)


@pytest.fixture(autouse=True)
def _share_small_work():
    before = native.set_work_per_thread(1)
    keras.config.set_num_threads(2)
    yield
    native.set_work_per_thread(before)


def arrays(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype("f4") for shape in ((3, 9, 9, 5), (3, 3, 5, 7), (7,))]


def convolutions(seed):
    """Outputs and gradients of convolutions, from kernels of their own, as bytes."""
    x, w, b = arrays(seed)
    y = kernels.conv2d_forward(x, w, b, relu=True)
    dx = kernels.conv2d_backward_data(y, w, x.shape[1:3])
    dw, db = kernels.conv2d_backward_weights(x, y, (3, 3))
    return b"".join(array.tobytes() for array in (y, dx, dw, db))


def test_kernels_are_bound_and_called_in_many_threads():
    expected = [convolutions(seed) for seed in range(THREADS)]
    assert len(set(expected)) == THREADS
    found = [None] * THREADS

    def run(seed):
        found[seed] = {convolutions(seed) for _ in range(30)}

    run_in_threads(run, THREADS)
    assert found == [{bits} for bits in expected]


def test_one_model_predicts_in_many_threads():
    model = keras.Sequential(
        [keras.Input((9, 9, 5)), keras.layers.Conv2D(7, 3), keras.layers.Flatten()]
    )
    expected = [model.predict(arrays(seed)[0], verbose=0) for seed in range(THREADS)]
    found = [None] * THREADS

    def run(seed):
        x = arrays(seed)[0]
        found[seed] = [model.predict(x, verbose=0).copy() for _ in range(20)]

    run_in_threads(run, THREADS)
    for seed in range(THREADS):
        for result in found[seed]:
            np.testing.assert_array_equal(result, expected[seed])


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"),
    reason="this Python cannot run without its GIL: python3.14t is needed",
)
def test_threads_without_the_gil():
    """In a process of its own, whose `sys` says at the end that the GIL was never enabled."""
    program = (
        "import pytest, sys\n"
        "code = pytest.main(sys.argv[1:])\n"
        "sys.exit(code or ('the GIL is enabled' if sys._is_gil_enabled() else 0))"
    )
    options = ["-q", "-x", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-X", "gil=0", "-c", program, *options, *TESTS],
        cwd=ROOT, env={**os.environ, "PYTEST_ADDOPTS": ""}, timeout=600,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "skipped" not in done.stdout
