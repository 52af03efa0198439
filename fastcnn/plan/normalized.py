"""A linear layer followed by batch normalization, as one step.

In training, each layer runs separately. In inference, normalization is a constant factor and offset
for each channel, so it is folded into the weights (Jacob et al. 2018, section 3.2):

    factor  = gamma / sqrt(moving_variance + epsilon)
    kernel' = kernel * factor
    bias'   = (bias - moving_mean) * factor + beta

and one kernel computes everything, including relu and max-pooling. Both agree up to rounding.
"""

import numpy as np

from fastcnn import kernels
from fastcnn.core.memory import aligned
from fastcnn.core.steps import Call, Step
from fastcnn.layers.core import read_from


class NormalizedStep(Step):
    """A linear layer without activation, batch normalization, and optionally relu and max-pooling.

    Args:
        linear: the step of a layer with `channel_axes`.
        normalization: the `BatchNormalizationStep` of the last axis; it may include relu.
        pool: None, or the step of a max-pool without padding after a convolution.
    """

    def __init__(self, linear, normalization, pool=None):
        self.steps = [linear, normalization] + ([pool] if pool else [])
        super().__init__(
            *(step.layer for step in self.steps),
            input_shape=linear.input_shape,
            output_shape=self.steps[-1].output_shape,
        )
        self.name = " + ".join(step.name for step in self.steps)
        self.linear, self.normalization, self.pool = linear, normalization, pool
        self._folded = None  # the weights of both layers: (kernel, bias)
        self._versions = None  # of the weights that were folded

    def algorithms(self):
        return self.linear.algorithms()

    def expect_gradient(self, read, consume):
        self.linear.expect_gradient(read, consume)
        self.normalization.expect_gradient(read or bool(self.linear.trainable_weights), consume)
        if self.pool:
            self.pool.expect_gradient(True, consume)

    def forward(self, x, training=False):
        if training:
            for step in self.steps:
                x = step.forward(x, training)
            return x
        call = self._bound(len(x))
        if call is None or call.x is not x:
            call = self._bind(x)
        versions = self.linear.block.version, self.normalization.block.version
        if versions != self._versions:
            self._fold()
            self._versions = versions
        call.infer(versions)
        return call.y

    def read_from(self, x):
        call = self._bound(len(x))
        return call and read_from(x, call.infer, call.x, self.forward)

    def backward(self, dy):
        for step in reversed(self.steps):
            dy = step.backward(dy)
            if dy is None:
                break
        return dy

    def _bound(self, n):
        """The call for n samples, if the last step still writes to the same array."""
        call = self._calls.get(n)
        # a step that was bound again, to a larger buffer, writes to another array
        return call if call and call.last is self.steps[-1]._calls.get(n) else None

    def _bind(self, x):
        call = Call(x)
        y = x
        # The steps are bound as for training, and the result goes to the last one's array: later
        # steps then stay bound when training and prediction alternate.
        for step in self.steps:
            call.last = step.bound(y)
            y = call.last.y
        call.y = y
        if self._folded is None:
            kernel = aligned(self.linear.layer.kernel.shape, self.dtype)
            self._folded = kernel, aligned((self.normalization.layer.moving_mean.size,), self.dtype)
        layer, relu = self.linear.layer, self.normalization.relu
        if self.pool is None:
            call.infer = layer.bind_linear(x, y, self._folded, relu)
        else:
            pool = self.pool.layer
            call.infer = kernels.bind(
                "conv2d_max_pool2d_forward", x, *self._folded, y, None,
                relu=relu, pool_size=pool.pool_size, pool_strides=pool.strides,
                **layer.geometry(x),
            )  # fmt: skip
        return self._remember(call)

    @np.errstate(all="ignore")  # NaN and infinity show up in the result, as with the kernels
    def _fold(self):
        """Bring the folded weights up to date."""
        layer = self.linear.layer
        factor, offset = self.normalization.layer.as_affine()
        w, b = self._folded
        channels = w.shape[-layer.channel_axes :]
        np.multiply(layer.kernel.value, factor.reshape(channels), out=w)
        b[...] = offset
        if layer.bias is not None:
            b += layer.bias.value * factor
