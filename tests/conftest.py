"""Fixtures and options of all tests: instruction sets, random shapes, restored settings."""

import os
import signal

import pytest

# Let waiting threads sleep: on a shared machine, spinning threads slow each other down.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Background jobs of a shell ignore Ctrl-C, and the processes that tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import fastcnn
from fastcnn import kernels

ALL_SETS = ("avx512", "avx2", "baseline", "neon")
RANDOM_SHAPES = 1000  # per kernel


def pytest_addoption(parser):
    parser.addoption(
        "--shapes",
        type=int,
        default=int(os.environ.get("FASTCNN_TEST_SHAPES", RANDOM_SHAPES)),
        help="random shapes per kernel in test_exactness.py",
    )
    parser.addoption(
        "--every-byte",
        action="store_true",
        help="damage files at every byte in test_hostile_files.py, not at a sample",
    )


def pytest_collection_modifyitems(items):
    """Mark tests that already cover every instruction set and need not be repeated on each."""
    for item in items:
        if "instruction_set" in item.fixturenames:
            item.add_marker("every_set")


@pytest.fixture(scope="session")
def random_shapes(request):
    """Number of random shapes that each kernel is tested with."""
    return request.config.getoption("--shapes")


@pytest.fixture(autouse=True)
def _restore_settings():
    """Restore the backend, instruction set and thread count after each test."""
    backend, instruction_set = fastcnn.config.backend(), kernels.instruction_set()
    yield
    fastcnn.config.set_backend(backend)
    fastcnn.config.set_num_threads(None)
    kernels.set_instruction_set(instruction_set)


@pytest.fixture(params=ALL_SETS)
def instruction_set(request):
    """Run the test with every instruction set of this machine, and check that each is active."""
    if request.param not in kernels.instruction_sets():
        pytest.skip(f"this machine does not have {request.param}")
    fastcnn.config.set_backend("native")
    kernels.set_instruction_set(request.param)
    assert kernels.instruction_set() == request.param
    return request.param
