"""No kernel touches memory outside its arrays, or writes to an input: see guarded_calls.py."""

import json
import subprocess
import sys

import pytest

from fastcnn.kernels import spec
from tests.support.paths import ROOT

COUNT = 40  # calls per kernel, instruction set and algorithm, at both ends of a page


@pytest.fixture(scope="module")
def outcomes(random_shapes):
    """{kernel: None or a description of the failure}."""
    count = str(max(COUNT, random_shapes // 10))
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.guarded_calls", count],
        cwd=ROOT, capture_output=True, text=True, timeout=3600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.every_set
@pytest.mark.parametrize("kernel", spec.ARRAYS)
def test_memory_outside_the_arrays_is_not_accessed(kernel, outcomes):
    assert outcomes[kernel] is None


def test_touching_a_guard_page_is_detected():
    """Reading one element past the end must crash."""
    program = (
        "from tests.support.guarded_calls import Guarded; import ctypes;"
        "a = Guarded(True).array((5,));"
        "print(ctypes.c_float.from_address(a.ctypes.data + 20).value)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)
    assert done.returncode == -11
