"""The steps of the merging layers, which have several inputs.

MergeStep             a layer that binds kernels to all its inputs
ElementwiseMergeStep  inputs of one shape, or of shapes that are broadcast to one
ConcatenateStep       rows of the inputs become columns of the output
DotStep               products of samples
"""

from __future__ import annotations

import math
from operator import is_

import numpy as np

from fastcnn import config, kernels
from fastcnn.core.steps import Call, Step


class MergeStep(Step):
    """Base of the merging steps. A subclass has `bind_forward` and `bind_backward`.

    A single input is returned as it is.
    """

    @property
    def owns_output(self):
        return len(self.input_shape) > 1

    @property
    def owns_gradient(self):
        return len(self.input_shape) > 1

    def bind_forward(self, call):
        """The kernels that write call.y from call.xs, a tuple."""
        raise NotImplementedError

    def bind_backward(self, call, dy, needed):
        """(kernels, gradients): a gradient for each input, None where it is not needed."""
        raise NotImplementedError

    def forward(self, xs, training=False):
        call = self._calls.get(len(xs[0]))
        if call is None or len(call.xs) != len(xs) or not all(map(is_, call.xs, xs)):
            call = self._bind(xs)
        for kernel in call.forward:
            kernel()
        self._kept = call if training else None
        return call.y

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._bind_gradients(dy)
        for kernel in call.backward:
            kernel()
        return call.dxs

    def _bind(self, xs):
        call = Call(xs[0])
        call.xs = tuple(xs)
        if len(call.xs) > 1:
            call.y = self._buffer("y", self.layer.compute_output_shape([x.shape for x in xs]))
            call.forward = self.bind_forward(call)
        else:
            call.y, call.forward = call.x, ()
        return self._remember(call)

    def _bind_gradients(self, dy):
        call = self._last_call()
        call.dy = dy
        needed = self.input_gradient
        needed = (needed,) * len(call.xs) if isinstance(needed, bool) else needed
        call.backward, call.dxs = (), (dy if needed[0] else None,)
        if len(call.xs) > 1:
            call.backward, gradients = self.bind_backward(call, dy, needed)
            call.dxs = tuple(gradients)
        return self._remember(call)

    def _gradient_buffers(self, call, needed):
        """A new array for the gradient of each input, None where it is not needed."""
        return [
            self._buffer(f"dx {index}", x.shape) if is_needed else None
            for index, (x, is_needed) in enumerate(zip(call.xs, needed, strict=True))
        ]


class ElementwiseMergeStep(MergeStep):
    """y = f(f(x0, x1), x2) ... of inputs that are broadcast to the shape of y.

    A smaller input is repeated in an array of the full shape, and its gradient is summed over the
    axes that were repeated.
    """

    keeps_partial_results = False  # whether `gradients` reads them

    def bind_pair(self, a, b, y, is_last, count):
        """The kernel that computes y = f(a, b); `count` is that of all inputs."""
        raise NotImplementedError

    def gradients(self, call, dy, needed, bound):
        """The gradient of each operand in the full shape; kernels are added to the list `bound`."""
        raise NotImplementedError

    def bind_forward(self, call):
        bound = []
        call.operands = [
            self._expand(index, x, call.y.shape, bound) for index, x in enumerate(call.xs)
        ]
        call.partial = [call.operands[0]]  # and the result after each of the other operands
        last = len(call.xs) - 1
        for index, operand in enumerate(call.operands[1:], 1):
            y = call.y
            if self.keeps_partial_results and index < last:
                y = self._buffer(f"partial {index}", call.y.shape)
            pair = self.bind_pair(call.partial[-1], operand, y, index == last, last + 1)
            bound.append(pair)
            call.partial.append(y)
        return bound

    def bind_backward(self, call, dy, needed):
        bound = []
        gradients = self.gradients(call, dy, needed, bound)
        return bound, [
            self._sum(index, gradient, x.shape, bound) if is_needed else None
            for index, (gradient, x, is_needed) in enumerate(
                zip(gradients, call.xs, needed, strict=True)
            )
        ]

    def _expand(self, index, x, shape, bound):
        """x in the full shape: x itself, or an array that kernels in `bound` fill."""
        for stage, (before, after) in enumerate(expansions(x.shape, shape)):
            y = self._buffer(f"x {index} {stage}", (len(x), math.prod(after) // max(len(x), 1)))
            bound.append(kernels.bind("repeat_forward", x.reshape(before), y.reshape(after)))
            x = y
        return x.reshape(shape)

    def _sum(self, index, dx, shape, bound):
        """The gradient of an input of this shape: dx, or its sum over the repeated axes."""
        for stage, (before, after) in reversed(list(enumerate(expansions(shape, dx.shape)))):
            y = self._buffer(f"dx {index} {stage}", (len(dx), math.prod(before) // max(len(dx), 1)))
            bound.append(kernels.bind("repeat_backward", dx.reshape(after), y.reshape(before)))
            dx = y
        return dx.reshape(shape)


def expansions(shape, full):
    """How to repeat an array until it has the shape `full`: ((n, c), (n, times, c)) of each step.

    A shorter shape gets its missing axes behind the batch axis, as in Keras. Each step repeats
    adjacent axes, the last ones first.
    """
    shape = [shape[0], *[1] * (len(full) - len(shape)), *shape[1:]]
    steps, end = [], len(full)
    while end > 0:
        start = end
        while start > 0 and shape[start - 1] != full[start - 1]:
            start -= 1
        if start < end:
            n, c = math.prod(shape[:start]), math.prod(full[end:])
            steps.append(((n, c), (n, math.prod(full[start:end]), c)))
        end = start if start < end else end - 1
    return steps


class AddStep(ElementwiseMergeStep):
    """Add, fused with relu if `relu` is true. Each input's gradient is the same array."""

    owns_gradient = False

    def __init__(self, layer, relu=False, **shapes):
        super().__init__(layer, **shapes)
        self.relu = relu
        if relu:
            self.name = f"{layer.name} + relu"

    def bind_pair(self, a, b, y, is_last, count):
        return kernels.bind("add", a, b, y, relu=self.relu and is_last)

    def gradients(self, call, dy, needed, bound):
        if self.relu:
            dx = dy if self.consume_gradient else self._buffer("dz", dy.shape)
            bound.append(kernels.bind("relu_backward", dy, call.y, dx))
            dy = dx
        return [dy] * len(needed)


class AverageStep(ElementwiseMergeStep):
    """Average: the sum, divided at the end. Each input's gradient is the same array."""

    owns_gradient = False

    def bind_pair(self, a, b, y, is_last, count):
        if is_last:
            return kernels.bind("average", a, b, y, count=count)
        return kernels.bind("add", a, b, y, relu=False)

    def gradients(self, call, dy, needed, bound):
        dx = dy if self.consume_gradient else self._buffer("dz", dy.shape)
        bound.append(kernels.bind("divide", dy, dx, divisor=float(len(needed))))
        return [dx] * len(needed)


class SubtractStep(ElementwiseMergeStep):
    """Subtract: the first gradient is dy, the second -dy."""

    owns_gradient = False, True

    def bind_pair(self, a, b, y, is_last, count):
        return kernels.bind("subtract", a, b, y)

    def gradients(self, call, dy, needed, bound):
        negative = None
        if needed[1]:
            negative = self._buffer("dz", dy.shape)
            bound.append(kernels.bind("divide", dy, negative, divisor=-1.0))
        return [dy, negative]


class MultiplyStep(ElementwiseMergeStep):
    """Multiply: the gradient of each operand is dy times the others, as they were multiplied."""

    keeps_partial_results = True

    def bind_pair(self, a, b, y, is_last, count):
        return kernels.bind("multiply", a, b, y)

    def gradients(self, call, dy, needed, bound):
        found = [None] * len(needed)
        for index in range(len(needed) - 1, 0, -1):
            if needed[index]:
                found[index] = self._buffer(f"dz {index}", call.y.shape)
                bound.append(kernels.bind("multiply", dy, call.partial[index - 1], found[index]))
            if not any(needed[:index]):
                return found
            dx = self._buffer("dz", call.y.shape)  # dy the first time, then dx itself
            bound.append(kernels.bind("multiply", dy, call.operands[index], dx))
            dy = dx
        found[0] = dy
        return found


class MaximumStep(ElementwiseMergeStep):
    """Maximum or Minimum: dy goes to the operand that won, of equal ones to the first."""

    keeps_partial_results = True

    def bind_pair(self, a, b, y, is_last, count):
        return kernels.bind(f"{self.layer.kernel}_forward", a, b, y)

    def gradients(self, call, dy, needed, bound):
        found = [None] * len(needed)
        for index in range(len(needed) - 1, 0, -1):
            dx = self._buffer("dz", call.y.shape) if any(needed[:index]) else None
            if needed[index]:
                found[index] = self._buffer(f"dz {index}", call.y.shape)
            if dx is None and not needed[index]:
                return found
            a, b = call.partial[index - 1], call.operands[index]
            arrays = dy, a, b, dx, found[index]
            bound.append(kernels.bind(f"{self.layer.kernel}_backward", *arrays))
            dy = dx
        found[0] = dy
        return found


class ConcatenateStep(MergeStep):
    """Concatenate: copies rows of each input into columns of y.

    Nothing is copied from the steps that write their results there themselves.

    Attributes:
        writers: {a step that does so: the index of its input}.
    """

    def __init__(self, *layers, **shapes):
        self.writers = {}
        super().__init__(*layers, **shapes)

    @property
    def can_open_gradients(self):
        return len(self.input_shape) > 1

    @property
    def joins_columns(self):
        """Whether columns of y are an input, each row in a row."""
        return len(self.input_shape) > 1 and self.layer.axis in (-1, len(self.output_shape) - 1)

    reads_columns = joins_columns

    def algorithms(self):
        return f"{len(self.writers)} of {len(self.input_shape)} in place" if self.writers else ""

    def columns(self, writer, shape):
        """The columns of y that are the result of a writer, an array of this shape."""
        sizes = [columns for *_, columns in self.input_shape]
        index = self.writers[writer]
        y = self._buffer("y", (*shape[:-1], sum(sizes)))
        if y.base is not self._base:
            self._base = y.base
            for step in self.writers:  # they are bound to the array that y was before
                step._calls.clear()
        start = sum(sizes[:index])
        return y[..., start : start + sizes[index]]

    def release(self):
        super().release()
        self._base = None

    def _matrices(self, call, arrays, whole):
        """(array as a matrix or None, `whole` as a matrix, first column) for each input."""
        axis = self.layer.axis % whole.ndim
        rows = math.prod(whole.shape[:axis])
        matrix, start = whole.reshape(rows, math.prod(whole.shape[axis:])), 0
        for x, array in zip(call.xs, arrays, strict=True):
            columns = math.prod(x.shape[axis:])
            yield None if array is None else array.reshape(rows, columns), matrix, start
            start += columns

    def bind_forward(self, call):
        return [
            kernels.bind("concatenate_forward", x, y, start=start)
            for x, y, start in self._matrices(call, call.xs, call.y)
            if not np.may_share_memory(x, y)
        ]

    def bind_backward(self, call, dy, needed):
        gradients = self._gradient_buffers(call, needed)
        bound = []
        # Outside of a plan a step has no `reads`.
        relus = [value in self.opens_gradients for value in self.reads] or [False] * len(call.xs)
        y = call.y
        for (dx, whole, start), is_relu in zip(
            self._matrices(call, gradients, dy), relus, strict=True
        ):
            if dx is not None:
                result = y.reshape(whole.shape) if is_relu else None
                arrays = whole, dx, result
                bound.append(kernels.bind("concatenate_backward", *arrays, start=start))
        return bound, gradients


class DotStep(MergeStep):
    """Dot: sums over one axis of each input, which may be normalized before."""

    def bind_forward(self, call):
        bound, call.views, call.factors = [], [], []
        call.most = 1 / config.epsilon()  # as in Keras
        axes = self.layer.axes_of([x.shape for x in call.xs])
        for index, (x, axis) in enumerate(zip(call.xs, axes, strict=True)):
            shape = x.shape
            split = len(x), math.prod(shape[1:axis]), shape[axis], math.prod(shape[axis + 1 :])
            view = x.reshape(split)
            if self.layer.normalize:
                view = self._normalize(index, call, view, bound)
            call.views.append(view)
        bound.append(kernels.bind("dot_forward", *call.views, self._products(call, call.y)))
        return bound

    def bind_backward(self, call, dy, needed):
        gradients = self._gradient_buffers(call, needed)
        das = [
            None if dx is None else dx.reshape(view.shape)
            for dx, view in zip(gradients, call.views, strict=True)
        ]
        bound = [kernels.bind("dot_backward", self._products(call, dy), *call.views, *das)]
        if self.layer.normalize:
            for da, view, factor in zip(das, call.views, call.factors, strict=True):
                if da is not None:
                    rows = _rows(da)
                    arrays = rows, _rows(view), factor, rows
                    bound.append(kernels.bind("unit_norm_backward", *arrays, most=call.most))
        return bound, gradients

    def _normalize(self, index, call, view, bound):
        """The view of an input (n, p, k, q) with norm 1 along k."""
        n, p, _, q = view.shape
        unit = self._buffer(f"unit {index}", view.shape)
        factor = self._buffer(f"factor {index}", (n, p, q)).reshape(n * p, q)
        call.factors.append(factor)
        arrays = _rows(view), _rows(unit), factor
        bound.append(kernels.bind("unit_norm_forward", *arrays, most=call.most))
        return unit

    @staticmethod
    def _products(call, y):
        """y or dy as (n, p, q, r, s), for inputs (n, p, k, q) and (n, r, k, s)."""
        (n, p, _, q), (_, r, _, s) = (view.shape for view in call.views)
        return y.reshape(n, p, q, r, s)


def _rows(view):
    n, p, k, q = view.shape
    return view.reshape(n * p, k, q)
