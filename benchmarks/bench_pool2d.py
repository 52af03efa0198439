"""Max and average pooling of the networks, and an overlapping case, 32 images: both directions."""

import numpy as np
import pytest

from tests.support.kernel_cases import pool2d_calls, reals
from tests.support.shapes import NETS, Pool2DCase

CASES = {
    f"{net.name}.{name}": case
    for net in NETS.values()
    for name, case in net.cases(32).items()
    if isinstance(case, Pool2DCase)
}
CASES["overlapping"] = Pool2DCase(32, (28, 28), 64, (3, 3), (2, 2))
KERNELS = (
    *("max_pool2d_forward", "max_pool2d_backward"),
    *("average_pool2d_forward", "average_pool2d_backward"),
)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", CASES)
def test_pool2d(name, kernel, measure):
    calls = {
        call.kernel: call for call in pool2d_calls(CASES[name], np.random.default_rng(0), reals)
    }
    call = calls[kernel]
    measure(call, moved=sum(array.nbytes for array in call.arrays))
