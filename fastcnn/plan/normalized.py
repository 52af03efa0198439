"""A linear layer followed by batch normalization, as one step of inference.

Outside of training, normalization is a constant factor and offset for each channel, so it is folded
into the weights (Jacob et al. 2018, section 3.2):

    factor  = gamma / sqrt(moving_variance + epsilon)
    kernel' = kernel * factor
    bias'   = (bias - moving_mean) * factor + beta

and one kernel computes everything, including relu and max-pooling. Both agree up to rounding.
"""

import math

import numpy as np

from fastcnn.core.memory import aligned
from fastcnn.core.steps import Call, Step
from fastcnn.layers.core import read_from
from fastcnn.layers.normalization import relu_names
from fastcnn.layers.sequences import bind
from fastcnn.plan.steps import pool_settings


class FoldedStep(Step):
    """A linear layer without activation, its batch normalization, and optionally relu and max-pool.

    Args:
        linear: the use of a layer with `channel_axes`.
        normalization: the use of a `BatchNormalization` of the last axis.
        relu_max: the upper bound of the relu that follows (infinity: no bound); None without relu.
        pool: None, or the use of a max-pool without padding after a convolution.
        output_shape: the shape of the result.
    """

    owns_output = True

    def __init__(self, linear, normalization, relu_max, pool, output_shape):
        super().__init__(
            linear.layer,
            normalization.layer,
            *([pool.layer] if pool else []),
            input_shape=linear.input_shape,
            output_shape=output_shape,
        )
        names = linear.layer.name, normalization.layer.name, *relu_names(relu_max)
        self.name = " + ".join([*names, *([pool.layer.name] if pool else [])])
        self.linear, self.normalization = linear.make_step(), normalization.layer
        self.relu, self.pool = relu_max is not None, pool and pool.layer
        self.relu_max = relu_max
        self._folded = None  # the weights of both layers: (kernel, bias)
        self._versions = None  # of the weights that were folded

    @property
    def writes_columns(self):
        return self.layer.writes_columns and self.pool is None and not self.takes_list

    def algorithms(self):
        return self.linear.algorithms()

    def forward(self, x, training=False):
        call = self.bound(x)
        versions = self.linear.block.version, self.normalization.block.version
        if versions != self._versions:
            self._fold()
            self._versions = versions
        call.infer(versions)
        return call.y

    def read_from(self, x):
        call = self._calls.get(len(x))
        return call and read_from(x, call.infer, call.x, self.forward)

    def _bind(self, x, residual=None):
        call, layer = Call(x), self.layer
        shape = layer.compute_output_shape(x.shape)
        if self.pool is not None:
            shape = self.pool.compute_output_shape(shape)
        call.y = self._buffer("y", shape)
        if self._folded is None:
            kernel = aligned(layer.weights_to_bind()[0].shape, self.dtype)
            self._folded = kernel, aligned((self.normalization.moving_mean.size,), self.dtype)
        if self.pool is None:
            settings = {} if residual is None else {"residual": residual}
            if self.relu and self.relu_max < math.inf:
                settings["relu_max"] = self.relu_max
            call.infer = layer.bind_linear(x, call.y, self._folded, self.relu, **settings)
        else:
            call.infer = bind(
                "conv2d_max_pool2d_forward", x, *self._folded, call.y, None,
                relu=self.relu, **pool_settings(self.pool), **layer.geometry(x),
            )  # fmt: skip
        return self._remember(call)

    @np.errstate(all="ignore")  # NaN and infinity show up in the result, as with the kernels
    def _fold(self):
        """Bring the folded weights up to date."""
        layer = self.layer
        factor, offset = self.normalization.as_affine()
        w, b = self._folded
        channels = w.shape[-layer.channel_axes :]
        np.multiply(layer.weights_to_bind()[0], factor.reshape(channels), out=w)
        b[...] = offset
        if layer.bias is not None:
            b += layer.bias.value * factor
