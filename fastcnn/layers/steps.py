"""Steps that more than one kind of layer uses; see `core.steps` for what a step is.

UserStep        a layer that has its own `forward` and `backward`
IdentityStep    a layer that returns its input
ViewStep        a layer that only changes the shape
PlainStep       a layer whose passes are a few lines of NumPy: `plain.PlainLayer`
BoundStep       a layer that binds one kernel forward and one backward
"""

import numpy as np

from fastcnn.core.memory import aligned
from fastcnn.core.steps import MAX_BUFFERS, Call, Step


class UserStep(Step):
    """A layer that has its own `forward` and `backward`; several inputs are passed as a list.

    Its results are copied into persistent arrays, so that the kernels of adjacent steps stay bound.
    The copy also makes them C-contiguous and converts them to the model's float type.
    """

    owns_output = owns_gradient = True

    def forward(self, x, training=False):
        return self._copy("y", self.layer.forward(list(x) if type(x) is tuple else x, training))

    def backward(self, dy):
        dx = self.layer.backward(dy)
        if type(self.input_gradient) is not tuple:
            return self._copy("dx", dx) if self.input_gradient else None
        if not isinstance(dx, (list, tuple)) or len(dx) != len(self.input_gradient):
            raise ValueError(
                f"`backward` of the layer {self.layer.name!r} must return a list of "
                f"{len(self.input_gradient)} arrays, one for each input. Received {type(dx)}."
            )
        return tuple(
            self._copy(f"dx {index}", gradient) if wanted else None
            for index, (wanted, gradient) in enumerate(zip(self.input_gradient, dx, strict=True))
        )

    def _copy(self, role, result):
        key = (role, *np.shape(result))
        buffer = self._buffers.get(key)
        if buffer is None:
            if len(self._buffers) >= MAX_BUFFERS:
                self._buffers.clear()
            buffer = self._buffers[key] = aligned(np.shape(result), self.dtype)
        buffer[...] = result
        return buffer


class IdentityStep(Step):
    """A layer that returns its input."""

    def forward(self, x, training=False):
        self._kept = x if training else None
        return x

    def backward(self, dy):
        self._last_call()
        return dy


class ViewStep(Step):
    """A layer that only changes the shape and returns views."""

    def forward(self, x, training=False):
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = Call(x)
            call.y = x.reshape(self.layer.compute_output_shape(x.shape))
            self._remember(call)
        self._kept = call if training else None
        return call.y

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._last_call()
            call.dy = dy
            call.dx = dy.reshape(call.x.shape)
        return call.dx


class PlainStep(Step):
    """A `PlainLayer`: the layer computes, the step keeps the arrays."""

    owns_output = owns_gradient = True

    def _bind(self, x):
        call = Call(x)
        call.y = self._buffer("y", self.layer.compute_output_shape(x.shape))
        self.layer.prepare(call)
        return self._remember(call)

    def forward(self, x, training=False):
        call = self.bound(x)
        self.layer.apply(call)
        self._kept = call if training else None
        return call.y

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._last_call()
            call.dy = dy
            call.dx = self._buffer("dx", call.x.shape) if self.input_gradient else None
            self._remember(call)
        if call.dx is not None or self.layer.weights:
            self.layer.apply_backward(call)
        return call.dx


class BoundStep(Step):
    """A layer that binds one forward and one backward kernel.

    The layer has `bind_forward(x, y)` and `bind_backward(dy, x, y, dx)`, which return the bound
    kernels.
    """

    owns_output = owns_gradient = True

    def forward(self, x, training=False):
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = self._bind(x)
        call.forward()
        self._kept = call if training else None
        return call.y

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._bind_backward(dy)
        if call.backward is not None:
            call.backward()
        return call.dx

    def _bind(self, x):
        call = Call(x)
        call.y = self._buffer("y", self.layer.compute_output_shape(x.shape))
        call.forward = self.layer.bind_forward(x, call.y)
        return self._remember(call)

    def _bind_backward(self, dy):
        call = self._last_call()
        call.dy = dy
        call.dx = call.backward = None
        if self.input_gradient:
            call.dx = self._input_gradient_buffer(dy, call)
            call.backward = self.layer.bind_backward(dy, call.x, call.y, call.dx)
        return self._remember(call)

    def _input_gradient_buffer(self, dy, call):
        return self._buffer("dx", call.x.shape)


class ElementwiseStep(BoundStep):
    """An elementwise `BoundStep`, whose dx may overwrite dy."""

    @property
    def owns_gradient(self):
        return not self.consume_gradient

    def _input_gradient_buffer(self, dy, call):
        return dy if self.consume_gradient else self._buffer("dx", dy.shape)
