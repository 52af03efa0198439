"""Convolution, bias, relu and max-pool as one kernel, and its pool-sparse gradients, 32 images.

`live` is the fraction of windows with a positive maximum (40 to 70 % on Fashion-MNIST). Their
maxima are at random positions or, for `corner`, always at the same one. Only useful FLOPs are
counted: forward those of the outputs that a window reads, backward those of the live windows.
"""

import math

import numpy as np
import pytest

from tests.support.kernel_cases import Call, conv2d_max_pool2d_calls, reals
from tests.support.shapes import NETS, Conv2DCase

CLOSED = 255
POOL = (2, 2)
CASES = {
    f"{net}.{name}": case
    for net in ("tutorial", "mnist_convnet", "cifar10")
    for name, case in NETS[net].cases(32).items()
    if isinstance(case, Conv2DCase) and min(case.y_shape[1:3]) > 4  # a max-pool follows
}
PATTERNS = {"all-live": (1.0, False), "half-live": (0.5, False), "corner": (1.0, True)}


def taps(case):
    return math.prod(case.kernel_size) * case.ic


def calls(case):
    random = np.random.default_rng(0)
    found = conv2d_max_pool2d_calls(case, random, reals, POOL, POOL)
    return {call.kernel.removeprefix("conv2d_max_pool2d_"): call for call in found}


@pytest.mark.parametrize("name", CASES)
def test_forward(name, measure):
    call = calls(CASES[name])["forward"]
    measure(call, flops=2 * math.prod(call.arrays[3].shape) * 4 * taps(CASES[name]))


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("kernel", ["backward_data", "backward_weights"])
@pytest.mark.parametrize("name", CASES)
def test_backward(name, kernel, pattern, measure):
    call = calls(CASES[name])[kernel]
    arrays = list(call.arrays)
    index = next(i for i, array in enumerate(arrays) if array.dtype == np.uint8)
    random, (fraction, corner) = np.random.default_rng(1), PATTERNS[pattern]
    argmax = np.zeros_like(arrays[index])
    if not corner:
        argmax = random.integers(0, 4, argmax.shape, np.uint8)
    argmax[random.random(argmax.shape) >= fraction] = CLOSED
    arrays[index] = argmax
    live = np.count_nonzero(argmax != CLOSED)
    measure(Call(call.kernel, arrays, call.config, call.terms), flops=2 * live * taps(CASES[name]))
