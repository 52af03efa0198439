"""Pooling layers: MaxPooling2D, AveragePooling2D."""

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_data_format
from fastcnn.kernels import shapes
from fastcnn.layers.base import Call, Layer, check_rank
from fastcnn.layers.convolutional import window_output
from fastcnn.layers.registry import register


class Pooling2D(Layer):
    """Base: a window slides over each channel by itself.

    Args:
        pool_size: int or two ints, (height, width) of the window.
        strides: int or two ints; by default `pool_size`.
        padding: "valid" or "same"; padded places are never part of the result.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).
    """

    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = shapes.pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else shapes.pair(strides, "strides")
        self.padding = shapes.check_padding(padding)
        self.data_format = check_data_format(data_format)

    def compute_output_shape(self, input_shape):
        check_rank(self, input_shape, 4)
        image = window_output(self, input_shape[1:3], self.pool_size, self.strides, self.padding)
        return (input_shape[0], *image, input_shape[3])

    def _geometry(self, x):
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

    def _bind(self, x):
        call = Call(x)
        call.y = self._buffer("y", self.compute_output_shape(x.shape))
        call.infer = kernels.bind("max_pool2d_forward", x, call.y, None, **self._geometry(x))
        call.train = None
        return self._remember(call)

    def _bind_training(self, call):
        places = self.pool_size[0] * self.pool_size[1]
        dtype = np.uint8 if places <= 255 else np.int32
        call.argmax = self._buffer("argmax", call.y.shape, dtype)
        call.train = kernels.bind(
            "max_pool2d_forward", call.x, call.y, call.argmax, **self._geometry(call.x)
        )
        self._remember(call)

    def _bind_backward(self, dy):
        call = self._last_call()
        call.dy = dy
        call.dx = call.backward = None
        if self.input_gradient:
            call.dx = self._buffer("dx", call.x.shape)
            call.backward = kernels.bind(
                "max_pool2d_backward", dy, call.argmax, call.dx, **self._geometry(call.x)
            )
        return self._remember(call)


@register
class AveragePooling2D(Pooling2D):
    """The mean of each window's places that lie inside the image.

    Input shape: (n, height, width, channels). Output shape: (n, height', width', channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.AveragePooling2D(2)(np.arange(4.0).reshape(1, 2, 2, 1)).item()
    1.5
    """

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
        call.y = self._buffer("y", self.compute_output_shape(x.shape))
        call.forward = kernels.bind("average_pool2d_forward", x, call.y, **self._geometry(x))
        return self._remember(call)

    def _bind_backward(self, dy):
        call = self._last_call()
        call.dy = dy
        call.dx = call.backward = None
        if self.input_gradient:
            call.dx = self._buffer("dx", call.x.shape)
            call.backward = kernels.bind(
                "average_pool2d_backward", dy, call.dx, **self._geometry(call.x)
            )
        return self._remember(call)


MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
