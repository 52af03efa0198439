"""Pooling layers: MaxPooling2D, AveragePooling2D."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn import kernels
from fastcnn.core.arguments import check_data_format
from fastcnn.core.steps import Call, Step
from fastcnn.kernels import shapes
from fastcnn.kernels.spec import argmax_type
from fastcnn.layers.base import Layer, check_rank
from fastcnn.layers.convolutional import window_output
from fastcnn.layers.registry import register
from fastcnn.layers.steps import BoundStep

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import IntOrPair


class Pooling2D(Layer):
    """Base: a window slides over each channel.

    Args:
        pool_size: int or two ints, (height, width) of the window.
        strides: int or two ints; by default `pool_size`.
        padding: "valid" or "same"; padded positions are never part of a window's maximum or mean.
        data_format: None or "channels_last".
        name: a string.
        **kwargs: trainable, dtype, input_shape (see `Layer`).
    """

    def __init__(
        self,
        pool_size: IntOrPair = (2, 2),
        strides: IntOrPair | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = shapes.pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else shapes.pair(strides, "strides")
        self.padding = shapes.check_padding(padding)
        self.data_format = check_data_format(data_format)

    def compute_output_shape(self, input_shape):
        check_rank(self, input_shape, 4)
        image = window_output(self, input_shape[1:3], self.pool_size, self.strides, self.padding)
        return (input_shape[0], *image, input_shape[3])

    def geometry(self, x):
        _, pads = shapes.window_geometry(x.shape[1:3], self.pool_size, self.strides, self.padding)
        return {"pool_size": self.pool_size, "strides": self.strides, "pads": pads}

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class MaxPoolStep(Step):
    """MaxPooling2D; in training it stores the position of each maximum."""

    owns_output = owns_gradient = adds_gradient = can_open_gradients = True

    def forward(self, x, training=False):
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = self._bind(x)
        if training:
            if call.train is None:
                self._bind_training(call)
            call.train()
            self._kept = call
        else:
            call.infer()
            self._kept = None
        return call.y

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._bind_backward(dy)
        if call.backward is not None:
            call.backward()
        return call.dx

    def add_backward(self, dy, dx):
        call = self._kept
        if call.added_dy is not dy or call.added_dx is not dx:
            call.added_dy, call.added_dx = dy, dx
            call.add = kernels.bind(
                "max_pool2d_backward", dy, call.argmax, dx, accumulate=True,
                **self.layer.geometry(call.x),
            )  # fmt: skip
        call.add()

    def _bind(self, x):
        layer, call = self.layer, Call(x)
        call.added_dy = call.added_dx = None
        call.y = self._buffer("y", layer.compute_output_shape(x.shape))
        call.infer = kernels.bind("max_pool2d_forward", x, call.y, None, **layer.geometry(x))
        call.train = None
        return self._remember(call)

    def _bind_training(self, call):
        layer = self.layer
        call.argmax = self._buffer("argmax", call.y.shape, argmax_type(layer.pool_size))
        # what relu made 0 gets no gradient
        call.train = kernels.bind(
            "max_pool2d_forward", call.x, call.y, call.argmax, relu=bool(self.opens_gradients),
            **layer.geometry(call.x),
        )  # fmt: skip
        self._remember(call)

    def _bind_backward(self, dy):
        call = self._last_call()
        call.dy = dy
        call.dx = call.backward = None
        if self.input_gradient:
            call.dx = self._buffer("dx", call.x.shape)
            call.backward = kernels.bind(
                "max_pool2d_backward", dy, call.argmax, call.dx, **self.layer.geometry(call.x)
            )
        return self._remember(call)


@register
class MaxPooling2D(Pooling2D):
    """The largest value of each window; the first one in row-major order gets the gradient.

    Input shape: (n, height, width, channels). Output shape: (n, height', width', channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> layers.MaxPooling2D(2, 2)(x)[0, :, :, 0].tolist()
    [[5.0, 7.0], [13.0, 15.0]]
    """

    step_class = MaxPoolStep
    is_max_pool = True


@register
class AveragePooling2D(Pooling2D):
    """The mean of each window's elements inside the image.

    Input shape: (n, height, width, channels). Output shape: (n, height', width', channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.AveragePooling2D(2)(np.arange(4.0).reshape(1, 2, 2, 1)).item()
    1.5
    """

    step_class = BoundStep

    def bind_forward(self, x, y):
        return kernels.bind("average_pool2d_forward", x, y, **self.geometry(x))

    def bind_backward(self, dy, x, y, dx):
        return kernels.bind("average_pool2d_backward", dy, dx, **self.geometry(x))


MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
