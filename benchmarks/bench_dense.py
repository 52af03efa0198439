"""Dense layers of the networks, 32 images and one: forward and both gradients."""

import numpy as np
import pytest

from tests.support.kernel_cases import dense_calls, reals
from tests.support.shapes import NETS, DenseCase

CASES = {
    f"{net.name}.{name}-n{n}": case
    for n in (32, 1)
    for net in NETS.values()
    for name, case in net.cases(n).items()
    if isinstance(case, DenseCase)
}
KERNELS = ("dense_forward", "dense_backward_data", "dense_backward_weights")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", CASES)
def test_dense(name, kernel, measure):
    case = CASES[name]
    calls = {call.kernel: call for call in dense_calls(case, np.random.default_rng(0), reals)}
    measure(calls[kernel], flops=case.flops)
