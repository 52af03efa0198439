"""The other operations of a training step, with the sizes of the tutorial.

Adam is also measured with moments that have decayed to denormals, which must not slow it down.
"""

import numpy as np
import pytest

from tests.support.kernel_cases import Call, reals

N, CLASSES, WEIGHTS = 32, 10, 243786
CONV_OUTPUT = (N, 26, 26, 64)


def adam(denormal):
    random = np.random.default_rng(0)
    w, g, m = (reals(random, WEIGHTS) for _ in range(3))
    v = m * m
    if denormal:
        g, m, v = (np.full(WEIGHTS, value, np.float32) for value in (0, 1e-41, 1e-42))
    hyper = np.array([1e-3, 0.1, 0.001, 1e-7, 0, 0, np.inf, 0])
    arrays = [w, g, m, v, None, None, None, None, hyper]
    return Call("update_weights", arrays, {"rule": "adam"}, 8)


def adam_scale(call):
    """The scale of the rounding errors of w, m and v: the sum of the terms' magnitudes."""
    w, g, m, v = (np.abs(array, dtype=np.float64) for array in call.arrays[:4])
    alpha, *_, epsilon = call.arrays[-1][:4]
    v_after = call.reference(np.float64)[3]
    return [w + alpha * (m + g) / (np.sqrt(v_after) + epsilon), None, m + g, v + g * g]


def crossentropy_scale(call):
    """Scale of the rounding errors: |logits|, the probabilities, and (p + onehot) * scale."""
    logits, labels, scale = call.arrays[:3]
    _, _, _, losses, probabilities, _ = call.reference(np.float64)
    onehot = np.eye(CLASSES)[labels]
    sizes = losses + np.abs(logits).max(1), probabilities, (probabilities + onehot) * scale[:, None]
    return [None, None, None, *sizes]


def elementwise():
    random = np.random.default_rng(0)
    x, y, dx = (reals(random, *CONV_OUTPUT) for _ in range(3))
    yield Call("relu_forward", [x, y], {}, 1)
    yield Call("relu_backward", [x, y, dx], {}, 1)
    x, y, dx = (reals(random, N, CLASSES) for _ in range(3))
    yield Call("softmax_forward", [x, y], {}, CLASSES + 8)
    labels, scale = random.integers(0, CLASSES, N), np.full(N, 1 / N, np.float32)
    losses, probabilities = np.empty(N, np.float32), np.empty((N, CLASSES), np.float32)
    arrays = [x, labels, scale, losses, probabilities, dx]
    yield Call("softmax_sparse_crossentropy", arrays, {}, CLASSES + 8)


def gather(dtype):
    random = np.random.default_rng(0)
    source = random.integers(0, 256, (60000, 784)).astype(dtype)
    out = np.empty((N, 784), np.float32)
    return Call("gather", [source, random.integers(0, len(source), N), out], {}, 1)


ELEMENTWISE = {call.kernel: call for call in elementwise()}


@pytest.mark.parametrize("moments", ["normal", "denormal"])
def test_adam(moments, measure):
    call = adam(moments == "denormal")
    measure(call, moved=7 * 4 * WEIGHTS, scale=adam_scale(call))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name, measure):
    call = ELEMENTWISE[name]
    scale = crossentropy_scale(call) if "crossentropy" in name else None
    measure(call, moved=sum(array.nbytes for array in call.arrays), scale=scale)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_gather(dtype, measure):
    call = gather(dtype)
    _, indices, out = call.arrays
    moved = out.nbytes + len(indices) * call.arrays[0][0].nbytes
    measure(call, moved=moved)


@pytest.mark.parametrize("nearest", [False, True])
def test_resize(nearest, measure):
    pixels = np.random.default_rng(0).integers(0, 256, (240, 320, 4)).astype(np.uint8)
    call = Call("resize", [pixels, np.empty((128, 128, 3), np.float32)], {"nearest": nearest}, 1)
    measure(call, moved=sum(array.nbytes for array in call.arrays))
