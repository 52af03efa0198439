"""What every test file shares: the machine's instruction sets, and settings put back afterwards."""

import os
import signal

import pytest

# Threads of tests wait asleep: where others use the machine too, spinning ones wait for each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell's background jobs ignore Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import fastcnn
from fastcnn import kernels

ALL_SETS = ("avx512", "avx2", "baseline", "neon")
RANDOM_SHAPES = 2000  # for each kernel


def pytest_addoption(parser):
    parser.addoption(
        "--shapes",
        type=int,
        default=int(os.environ.get("FASTCNN_TEST_SHAPES", RANDOM_SHAPES)),
        help="random shapes for each kernel in test_exactness.py",
    )


def pytest_collection_modifyitems(items):
    """Mark what runs on every instruction set by itself, and need not be repeated on each."""
    for item in items:
        if "instruction_set" in item.fixturenames:
            item.add_marker("every_set")


@pytest.fixture(scope="session")
def random_shapes(request):
    """How many random shapes each kernel is tested on."""
    return request.config.getoption("--shapes")


@pytest.fixture(autouse=True)
def _settings_as_they_were():
    """No test leaves another backend, instruction set or thread count behind."""
    backend, instruction_set = fastcnn.config.backend(), kernels.instruction_set()
    yield
    fastcnn.config.set_backend(backend)
    fastcnn.config.set_num_threads(None)
    kernels.set_instruction_set(instruction_set)


@pytest.fixture(params=ALL_SETS)
def instruction_set(request):
    """Runs the test once on every instruction set of this machine, and proves that it ran."""
    if request.param not in kernels.instruction_sets():
        pytest.skip(f"this machine does not have {request.param}")
    fastcnn.config.set_backend("native")
    kernels.set_instruction_set(request.param)
    assert kernels.instruction_set() == request.param
    return request.param
