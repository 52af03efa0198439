"""The arrays of every kernel for a named case: shared by the kernel tests.

A `Call` is a kernel's name, its arrays in order (outputs hold arbitrary values), its keywords, and
the length of its longest sum, from which the tolerance on real data is derived.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from fastcnn.kernels import checks, reference, spec

# What a kernel writes and also reads.
UPDATES = {
    "factored_moments": ("r", "c"),
    "limit_norms": ("w",),
    "penalize": ("dx",),
    "update_weights": ("w", "a", "b", "c", "averages"),
}


@dataclass
class Call:
    """One kernel on one set of arrays."""

    kernel: str
    arrays: list
    config: dict
    terms: int  # of the longest sum

    def __post_init__(self):
        missing = len(spec.arrays_of(self.kernel)) - len(self.arrays)
        self.arrays = [*self.arrays, *[None] * missing]  # the last ones may be left out

    @property
    def outputs(self):
        """The indices of the arrays that are present and written to."""
        written = [is_written for *_, is_written, _ in spec.arrays_of(self.kernel)]
        present = [array is not None for array in self.arrays]
        return [i for i, both in enumerate(zip(written, present, strict=True)) if all(both)]

    def updates(self, i):
        """Whether output i is also an input."""
        if self.kernel in UPDATES and spec.arrays_of(self.kernel)[i][0] in UPDATES[self.kernel]:
            return True
        if self.config.get("accumulate"):
            return True
        return spec.arrays_of(self.kernel)[i][0].startswith("moving_")

    def fresh(self, dtype=None):
        """Copies of the arrays, outputs that are not read filled with NaN (or 77)."""
        copies = []
        for i, array in enumerate(self.arrays):
            copy = None if array is None else array.copy()
            if copy is not None and dtype and copy.dtype == np.float32:
                copy = copy.astype(dtype)
            if i in self.outputs and not self.updates(i):
                copy[...] = np.nan if copy.dtype.kind == "f" else 77
            copies.append(copy)
        return copies

    def reference(self, dtype=None):
        """The arrays after the reference kernel."""
        arrays = self.fresh(dtype)
        getattr(reference, self.kernel)(*arrays, **self.config)
        return arrays

    def magnitude(self):
        """The reference kernel on |arrays| in float64: what rounding errors scale with."""
        arrays = self.fresh(np.float64)
        for array in arrays:
            if array is not None and array.dtype == np.float64:
                np.abs(array, out=array)
        getattr(reference, self.kernel)(*arrays, **self.config)
        return arrays


def integers(rng, *shape, most=4):
    """Small integers as float32: sums of their products are exact in any order."""
    return rng.integers(-most, most + 1, shape).astype(np.float32)


def reals(rng, *shape):
    """Normally distributed values as float32."""
    return rng.standard_normal(shape).astype(np.float32)


def variants(call):
    """The call, and the same one with an optional setting or array."""
    yield call
    if call.kernel == "conv2d_forward":
        y = call.arrays[3]  # whose values are as good as any others
        yield replace(call, arrays=[*call.arrays[:4], y], terms=call.terms + 1)
    if call.kernel == "conv2d_backward_data":
        bias = call.arrays[1][0, 0, :, 0].copy()
        arrays, config = [*call.arrays[:3], bias], {**call.config, "relu": True}
        yield replace(call, arrays=arrays, config=config, terms=call.terms + 1)
    if "accumulate" in checks.keywords_of(call.kernel):
        yield replace(call, config={**call.config, "accumulate": True}, terms=call.terms + 1)


def conv2d_calls(case, rng, draw, relu=True, bias=True):
    """Forward and both gradients of one convolution."""
    config = {"strides": case.strides, "pads": case.pads, "dilation": case.dilation}
    x, w, y = draw(rng, *case.x_shape), draw(rng, *case.w_shape), draw(rng, *case.y_shape)
    b = draw(rng, case.oc) if bias else None
    pixels, taps = math.prod(case.y_shape[:3]), math.prod(case.kernel_size)
    yield Call("conv2d_forward", [x, w, b, y], {**config, "relu": relu}, taps * case.ic + 1)
    yield Call("conv2d_backward_data", [y, w, x], config, taps * case.oc)
    yield Call("conv2d_backward_weights", [x, y, w, b], config, max(pixels, 1))


def conv2d_max_pool2d_calls(case, rng, draw, pool_size, pool_strides, relu=True, bias=True):
    """The three kernels of a convolution followed by a max-pool; none where it does not fit."""
    _, oh, ow, oc = case.y_shape
    size = [
        (full - window) // stride + 1
        for full, window, stride in zip((oh, ow), pool_size, pool_strides, strict=True)
    ]
    if min(size) < 1:
        return
    forward, data, weights = conv2d_calls(case, rng, draw, relu, bias)
    pool = {"pool_size": pool_size, "pool_strides": pool_strides}
    y = draw(rng, case.n, *size, oc)
    argmax = np.empty(y.shape, np.uint8)
    x, w, b, *_ = forward.arrays
    config = {**forward.config, **pool}
    forward = Call("conv2d_max_pool2d_forward", [x, w, b, y, argmax], config, forward.terms)
    yield forward
    argmax = forward.reference()[4]
    config = {**data.config, **pool}
    overlap = math.prod(
        -(-window // stride) for window, stride in zip(pool_size, pool_strides, strict=True)
    )
    terms = data.terms * overlap
    yield Call("conv2d_max_pool2d_backward_data", [y, argmax, w, x], config, terms)
    terms = weights.terms * overlap
    yield Call("conv2d_max_pool2d_backward_weights", [x, y, argmax, w, b], config, terms)


def pool2d_calls(case, rng, draw):
    """Forward and gradient of max- and average-pooling."""
    config = {"pool_size": case.pool_size, "strides": case.strides, "pads": case.pads}
    x, y = draw(rng, *case.x_shape), draw(rng, *case.y_shape)
    argmax = np.empty(case.y_shape, spec.argmax_type(case.pool_size))
    elements = math.prod(case.pool_size)
    forward = Call("max_pool2d_forward", [x, y, argmax], config, 1)
    yield forward
    yield Call("max_pool2d_backward", [y, forward.reference()[2], x], config, elements)
    yield Call("average_pool2d_forward", [x, y], config, elements + 1)
    yield Call("average_pool2d_backward", [y, x], config, elements + 1)


def dense_calls(case, rng, draw, relu=True, bias=True):
    """Forward and both gradients of one dense layer."""
    x, w = draw(rng, case.n, case.inputs), draw(rng, case.inputs, case.outputs)
    y = draw(rng, case.n, case.outputs)
    b = draw(rng, case.outputs) if bias else None
    yield Call("dense_forward", [x, w, b, y], {"relu": relu}, case.inputs + 1)
    yield Call("dense_backward_data", [y, w, x], {}, case.outputs)
    yield Call("dense_backward_weights", [x, y, w, b], {}, max(case.n, 1))


def elementwise_calls(shape, rng, draw):
    """The functions of two arrays of one shape, and the gradients of the largest and the least."""
    a, b, dy, other = (draw(rng, *shape) for _ in range(4))
    b.flat[::3] = a.flat[::3]  # equal: the gradient goes to the first
    for kernel in ("subtract", "multiply", "maximum_forward", "minimum_forward"):
        yield Call(kernel, [a, b, dy], {}, 1)
    for relu in (True, False):
        yield Call("add", [a, b, dy], {"relu": relu}, 1)
    yield Call("average", [a, b, dy], {"count": 3}, 1)
    yield Call("divide", [a, dy], {"divisor": -3.0}, 1)
    for kernel in ("maximum_backward", "minimum_backward"):
        yield Call(kernel, [dy, a, b, other, other], {}, 1)
        yield Call(kernel, [dy, a, b, other, None], {}, 1)


def concatenate_calls(rows, sizes, rng, draw):
    """Each of the inputs with these numbers of columns, forth and back."""
    whole = draw(rng, rows, sum(sizes))
    for index, size in enumerate(sizes):
        part, config = draw(rng, rows, size), {"start": sum(sizes[:index])}
        yield Call("concatenate_forward", [part, whole], config, 1)
        yield Call("concatenate_backward", [whole, part], config, 1)
        yield Call("concatenate_backward", [whole, part, draw(rng, *whole.shape)], config, 1)


def repeat_calls(n, times, c, rng, draw):
    """Each row several times, and the sum of these."""
    x, y = draw(rng, n, c), draw(rng, n, times, c)
    yield Call("repeat_forward", [x, y], {}, 1)
    yield Call("repeat_backward", [y, x], {}, times)


def dot_calls(n, p, q, r, s, k, rng, draw):
    """Products of samples and both gradients."""
    a, b, y = draw(rng, n, p, k, q), draw(rng, n, r, k, s), draw(rng, n, p, q, r, s)
    yield Call("dot_forward", [a, b, y], {}, k)
    yield Call("dot_backward", [y, a, b, a, b], {}, max(r * s, p * q))
