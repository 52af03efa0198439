"""A linear layer with batch normalization behind it, as one step.

In training each layer does its own part. Otherwise the normalization is a constant factor and an
offset for each channel, so it goes into the weights (Jacob et al. 2018, section 3.2):

    factor  = gamma / sqrt(moving_variance + epsilon)
    kernel' = kernel * factor
    bias'   = (bias - moving_mean) * factor + beta

and one kernel does all, relu and max-pool included. The two agree but for rounding.
"""

import copy
from types import SimpleNamespace

import numpy as np

from fastcnn import kernels
from fastcnn.core.variables import aligned
from fastcnn.layers.base import Buffers, Call
from fastcnn.layers.convolutional import Conv2D
from fastcnn.layers.core import Dense, forward_from
from fastcnn.layers.depthwise import DepthwiseConv2D

# The last so many axes of a layer's kernel are its output channels.
CHANNEL_AXES = {Conv2D: 1, Dense: 1, DepthwiseConv2D: 2}


class NormalizedStep(Buffers):
    """A layer of `CHANNEL_AXES` without activation, a `BatchNormalization` and what follows.

    Args:
        linear: the layer.
        normalization: the `BatchNormalization` of the last axis; its `relu` says whether relu is
            part of it.
        pool: None, or a `MaxPooling2D` without padding behind a `Conv2D` of one group.
    """

    def __init__(self, linear, normalization, pool=None):
        self.linear, self.normalization, self.pool = linear, normalization, pool
        self.layers = [linear, normalization] + ([pool] if pool else [])
        self.name = " + ".join(layer.name for layer in self.layers)
        self.dtype = linear.dtype
        self._folded = None  # `linear` with the weights of both
        self._version = None  # the version of the weights that were folded
        self.release()

    @property
    def trainable_weights(self):
        return [weight for layer in self.layers for weight in layer.trainable_weights]

    @property
    def input_gradient(self):
        return self.linear.input_gradient

    @input_gradient.setter
    def input_gradient(self, value):
        self.linear.input_gradient = value
        self.normalization.input_gradient = value or bool(self.linear.trainable_weights)
        if self.pool:
            self.pool.input_gradient = True

    @property
    def consume_gradient(self):
        return self.linear.consume_gradient

    @consume_gradient.setter
    def consume_gradient(self, value):
        for layer in self.layers:
            layer.consume_gradient = value

    def forward(self, x, training=False):
        if training:
            for layer in self.layers:
                x = layer.forward(x, training)
            return x
        call = self._bound(len(x))
        if call is None or call.x is not x:
            call = self._bind(x)
        version = self.linear._store.version
        if version != self._version:
            self._fold(version)
        call.infer(version)
        return call.y

    def forward_from(self, x):
        """`Dense.forward_from` outside of training."""
        call = self._bound(len(x))
        return call and forward_from(x, call.infer, call.x, self.forward)

    def backward(self, dy):
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
            if dy is None:
                break
        return dy

    def _bound(self, n):
        """The call for n samples, if the last layer still writes the array that it did then."""
        call = self._calls.get(n)
        # a layer that bound itself anew, to a larger buffer, writes another one
        return call if call and call.last is self.layers[-1]._calls.get(n) else None

    def _bind(self, x):
        call = Call(x)
        y = x
        # The layers are bound as for training, and the result goes to the last one's array: so what
        # comes behind stays bound when training and prediction take turns.
        for layer in self.layers:
            bound = layer._calls.get(len(y))
            if bound is None or bound.x is not y:
                bound = layer._bind(y)
            y = bound.y
        call.y, call.last = y, bound
        if self._folded is None:
            self._folded = self._make_folded()
        relu = self.normalization.relu
        if self.pool is None:
            call.infer = self._folded.bind_linear(x, y, relu)
        else:
            call.infer = kernels.bind(
                "conv2d_max_pool2d_forward", x, *self._folded._weights_to_bind(), y, None,
                relu=relu, pool_size=self.pool.pool_size, pool_strides=self.pool.strides,
                **self.linear._geometry(x),
            )  # fmt: skip
        return self._remember(call)

    def _make_folded(self):
        """A copy of `linear` with weights of its own, for its `bind_linear` alone."""
        folded = copy.copy(self.linear)
        folded.kernel = SimpleNamespace(value=aligned(self.linear.kernel.shape, self.dtype))
        size = self.normalization.moving_mean.size
        folded.bias = SimpleNamespace(value=aligned((size,), self.dtype))
        return folded

    @np.errstate(all="ignore")  # NaN and infinity show in the result, as with the kernels
    def _fold(self, version):
        """Bring the folded weights up to date."""
        factor, offset = self.normalization.as_affine()
        w, b = self._folded._weights_to_bind()
        channels = w.shape[-CHANNEL_AXES[type(self.linear)] :]
        np.multiply(self.linear.kernel.value, factor.reshape(channels), out=w)
        b[...] = offset
        if self.linear.bias is not None:
            b += self.linear.bias.value * factor
        self._version = version
