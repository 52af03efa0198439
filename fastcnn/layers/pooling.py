"""MaxPooling2D, AveragePooling2D, and their base classes, also for sequences: see `sequences`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.arguments import check_data_format, hand_on
from fastcnn.core.steps import Call, Step
from fastcnn.kernels import shapes
from fastcnn.kernels.spec import argmax_type
from fastcnn.layers.base import Layer, check_rank
from fastcnn.layers.convolutional import window_output
from fastcnn.layers.registry import register
from fastcnn.layers.sequences import as_pads, as_pair, bind
from fastcnn.layers.steps import BoundStep

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import IntOrPair


class Pooling(Layer):
    """Base: a window slides over each channel. See `Pooling2D` for the arguments."""

    rank = 2  # the number of axes that the window slides along; 1 for sequences

    def __init__(self, pool_size, strides, padding, data_format, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = shapes.ints(pool_size, self.rank, "pool_size")
        strides = self.pool_size if strides is None else strides
        self.strides = shapes.ints(strides, self.rank, "strides")
        self.padding = shapes.check_padding(padding)
        self.data_format = check_data_format(data_format)

    def compute_output_shape(self, input_shape):
        check_rank(self, input_shape, self.rank + 2)
        image = window_output(self, input_shape[1:-1], *self._window())
        return (input_shape[0], *image, input_shape[-1])

    def geometry(self, x):
        """The kernels' keywords for a batch x."""
        return {
            "pool_size": as_pair(self.pool_size),
            "strides": as_pair(self.strides),
            "pads": as_pads(self.pads(x.shape[1:-1])),
        }

    def pads(self, image):
        """(before, after) of each axis in a row, for the sizes of an image."""
        return shapes.window_geometry(image, *self._window())[1]

    def _window(self):
        return self.pool_size, self.strides, self.padding, (1,) * self.rank

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class MaxPoolStep(Step):
    """A max-pool; in training it stores the position of each maximum."""

    owns_output = owns_gradient = adds_gradient = can_open_gradients = reads_columns = True

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
            call.add = bind(
                "max_pool2d_backward", dy, call.argmax, dx, accumulate=True,
                **self.layer.geometry(call.x),
            )  # fmt: skip
        call.add()

    def _bind(self, x):
        layer, call = self.layer, Call(x)
        call.added_dy = call.added_dx = None
        call.y = self._buffer("y", layer.compute_output_shape(x.shape))
        call.infer = bind("max_pool2d_forward", x, call.y, None, **layer.geometry(x))
        call.train = None
        return self._remember(call)

    def _bind_training(self, call):
        layer = self.layer
        call.argmax = self._buffer("argmax", call.y.shape, argmax_type(layer.pool_size))
        # what relu made 0 gets no gradient
        call.train = bind(
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
            call.backward = bind(
                "max_pool2d_backward", dy, call.argmax, call.dx, **self.layer.geometry(call.x)
            )
        return self._remember(call)


class MaxPooling(Pooling):
    """Base of MaxPooling2D and MaxPooling1D."""

    step_class = MaxPoolStep
    is_max_pool = True


class AveragePooling(Pooling):
    """Base of AveragePooling2D and AveragePooling1D."""

    step_class = BoundStep

    def bind_forward(self, x, y):
        return bind("average_pool2d_forward", x, y, **self.geometry(x))

    def bind_backward(self, dy, x, y, dx):
        return bind("average_pool2d_backward", dy, dx, **self.geometry(x))


class Pooling2D(Pooling):
    """Base of the layers for images.

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
        super().__init__(**hand_on(locals()))


@register
class MaxPooling2D(MaxPooling, Pooling2D):
    """The largest value of each window; the first one in row-major order gets the gradient.

    Input shape: (n, height, width, channels). Output shape: (n, height', width', channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> layers.MaxPooling2D(2, 2)(x)[0, :, :, 0].tolist()
    [[5.0, 7.0], [13.0, 15.0]]
    """


@register
class AveragePooling2D(AveragePooling, Pooling2D):
    """The mean of each window's elements inside the image.

    Input shape: (n, height, width, channels). Output shape: (n, height', width', channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.AveragePooling2D(2)(np.arange(4.0).reshape(1, 2, 2, 1)).item()
    1.5
    """


MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
