"""Plain convolutions of the networks in shapes.py, 32 images: forward and both gradients."""

import numpy as np
import pytest

from tests.support.kernel_cases import conv2d_calls, reals
from tests.support.shapes import NETS, Conv2DCase

CASES = {
    f"{net.name}.{name}": case
    for net in NETS.values()
    for name, case in net.cases(32).items()
    if isinstance(case, Conv2DCase)
}
KERNELS = ("conv2d_forward", "conv2d_backward_data", "conv2d_backward_weights")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", CASES)
def test_conv2d(name, kernel, measure):
    case = CASES[name]
    calls = {call.kernel: call for call in conv2d_calls(case, np.random.default_rng(0), reals)}
    measure(calls[kernel], flops=case.flops)
