"""Steps that run several layers as one kernel, and steps that wrap other steps."""

from functools import partial
from typing import Any

import numpy as np

from fastcnn import kernels
from fastcnn.core.steps import Call, Step
from fastcnn.layers.convolutional import chosen_algorithms
from fastcnn.layers.sequences import as_pair, bind


class ConvMaxPoolStep(Step):
    """A convolution, optionally relu, and a max-pool, as one kernel for each direction.

    In the backward pass only the maximum of each window gets a gradient.

    Args:
        conv, pool: the uses of the two layers.
        relu: whether relu is computed between them.
    """

    owns_output = owns_gradient = True

    def __init__(self, conv, relu, pool):
        super().__init__(
            conv.layer, pool.layer, input_shape=conv.input_shape, output_shape=pool.output_shape
        )
        self.conv, self.relu, self.pool = conv.layer, relu, pool.layer
        self.name = " + ".join([self.conv.name, *["relu"] * relu, self.pool.name])

    def algorithms(self):
        pool = as_pair(self.pool.pool_size), as_pair(self.pool.strides)
        return chosen_algorithms("conv2d_max_pool2d_", self, self.output_shape, *pool)

    def forward(self, x, training=False):
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = self._bind(x)
        (call.train if training else call.infer)(self.block.version)
        self._kept = call if training else None
        return call.y

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._bind_gradients(dy)
        if call.weight_gradients is not None:
            call.weight_gradients()
        if call.input_gradient is not None:
            call.input_gradient(self.block.version)
        return call.dx

    def _geometry(self, x):
        return {**self.conv.geometry(x), **pool_settings(self.pool)}

    def _bind(self, x):
        call = Call(x)
        shape = self.pool.compute_output_shape(self.conv.compute_output_shape(x.shape))
        call.y = self._buffer("y", shape)
        call.argmax = self._buffer("argmax", shape, np.uint8)
        w, b = self.conv.weights_to_bind()
        settings = {"relu": self.relu, **self._geometry(x)}
        forward = partial(bind, "conv2d_max_pool2d_forward", x, w, b, call.y)
        call.train = forward(call.argmax, **settings)
        call.infer = forward(None, **settings)
        return self._remember(call)

    def _bind_gradients(self, dy):
        call = self._last_call()
        call.dy = dy
        call.weight_gradients = call.input_gradient = call.dx = None
        geometry = self._geometry(call.x)
        if self.conv.trains_weights:
            dw, db = self.conv.gradients_to_bind()
            call.weight_gradients = bind(
                "conv2d_max_pool2d_backward_weights", call.x, dy, call.argmax, dw, db, **geometry
            )
        if self.input_gradient:
            call.dx = self._buffer("dx", call.x.shape)
            w, _ = self.conv.weights_to_bind()
            call.input_gradient = bind(
                "conv2d_max_pool2d_backward_data", dy, call.argmax, w, call.dx, **geometry
            )
        return self._remember(call)


def pool_settings(pool):
    """The keywords of a max-pool that is part of a convolution's kernel."""
    return {"pool_size": as_pair(pool.pool_size), "pool_strides": as_pair(pool.strides)}


class WrappedStep(Step):
    """Base of the steps that change how another one runs."""

    def __init__(self, step):
        super().__init__(*step.layers, input_shape=step.input_shape, output_shape=step.output_shape)
        self.step = step
        self.name = step.name
        self.reads, self.writes = step.reads, step.writes
        self.owns_output = step.owns_output

    @property
    def owns_gradient(self):
        return self.step.owns_gradient

    def expect_gradient(self, read, consume):
        super().expect_gradient(read, consume)
        self.step.expect_gradient(read, consume)

    @property
    def adds_gradient(self):
        return self.step.adds_gradient

    def backward(self, dy):
        return self.step.backward(dy)

    def add_backward(self, dy, dx):
        self.step.add_backward(dy, dx)

    def algorithms(self):
        return self.step.algorithms()


class LinearStep(WrappedStep):
    """A step without its activation, which is part of the loss."""

    def __init__(self, step):
        super().__init__(step)
        self.name = f"{step.name} without {step.layer.activation.name}"
        self.forward = step.forward_linear
        self.backward = step.backward_linear

    @property
    def adds_gradient(self):
        return False


class TrainingStep(WrappedStep):
    """A layer that was called with `training=True`."""

    def forward(self, x, training=False):
        return self.step.forward(x, True)


class InferenceStep(WrappedStep):
    """A layer that was called with `training=False`."""

    owns_gradient: Any = False
    adds_gradient: Any = False

    def forward(self, x, training=False):
        y = self.step.forward(x, False)
        self._is_identity = y is x
        return y

    def backward(self, dy):
        if self._is_identity:
            return dy
        if self.layer.is_opaque:
            return self.step.backward(dy)
        raise NotImplementedError(
            f"The layer {self.layer.name!r} was called with training=False: the gradient cannot "
            "pass through it."
        )


class AccumulatingStep(WrappedStep):
    """The backward pass of a step whose weights already have gradients from another position.

    The step overwrites the gradients as usual; the previous ones are then added to them.
    """

    def __init__(self, step, weights):
        super().__init__(step)
        self._gradients = [(w.gradient, np.empty_like(w.gradient)) for w in weights]

    def backward(self, dy):
        self._save()
        dx = self.step.backward(dy)
        self._add()
        return dx

    def add_backward(self, dy, dx):
        self._save()
        self.step.add_backward(dy, dx)
        self._add()

    def _save(self):
        for gradient, copy in self._gradients:
            copy[...] = gradient

    def _add(self):
        for gradient, copy in self._gradients:
            gradient += copy


class GradientSum(Step):
    """Adds gradients of one value, in place or in an array of its own."""

    def __init__(self, layer, in_place):
        super().__init__(layer)
        self._in_place = in_place

    def add(self, a, b):
        """a + b, in the array of a if `in_place`."""
        call = self._calls.get(len(a))
        if call is None or call.x is not a or call.other is not b:
            call = Call(a)
            call.other = b
            call.y = a if self._in_place else self._buffer("sum", a.shape)
            call.add = kernels.bind("add", a, b, call.y, relu=False)
            self._remember(call)
        call.add()
        return call.y
