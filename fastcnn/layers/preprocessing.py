"""Layers that prepare images: Rescaling."""

import numpy as np

from fastcnn.layers.base import Call, Layer
from fastcnn.layers.registry import register


@register
class Rescaling(Layer):
    """y = x * scale + offset: lets a uint8 data set train without a float copy of the whole.

    Args:
        scale: a number, or an array that broadcasts against one sample.
        offset: likewise.

    Input shape: any. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Rescaling(1 / 127.5, offset=-1)(np.array([[0, 255]], np.uint8)).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset

    def build(self, input_shape):
        self._factor = np.asarray(self.scale, self.dtype)
        self._summand = np.asarray(self.offset, self.dtype)
        self._has_summand = bool(self._summand.any())

    def forward(self, x, training=False):
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = Call(x)
            call.y = self._buffer("y", x.shape)
            self._remember(call)
        np.multiply(x, self._factor, call.y)
        if self._has_summand:
            np.add(call.y, self._summand, call.y)
        self._kept = call if training else None
        return call.y

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._last_call()
            call.dy = dy
            call.dx = self._buffer("dx", call.x.shape) if self.input_gradient else None
            self._remember(call)
        if call.dx is not None:
            np.multiply(dy, self._factor, call.dx)
        return call.dx

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}
