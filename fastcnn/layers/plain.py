"""Base of the light layers, whose forward and backward pass are a few lines of NumPy."""

import numpy as np

from fastcnn.layers.base import Call, Layer


class PlainLayer(Layer):
    """A layer that writes its results into buffers of its own.

    A subclass implements `apply` and `apply_backward`; `prepare` makes what both need of a batch
    size, once.
    """

    def prepare(self, call):
        """Keep as attributes of `call` what the two others need besides x, y, dy and dx."""

    def apply(self, call):
        """Write call.y from call.x."""
        raise NotImplementedError

    def apply_backward(self, call):
        """Write call.dx from call.dy, and the weights' gradients."""
        raise NotImplementedError

    def bound(self, x):
        """The `Call` of the batch x."""
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = Call(x)
            call.y = self._buffer("y", self.compute_output_shape(x.shape))
            self.prepare(call)
            self._remember(call)
        return call

    def forward(self, x, training=False):
        call = self.bound(x)
        self.apply(call)
        self._kept = call if training else None
        return call.y

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._last_call()
            call.dy = dy
            call.dx = self._buffer("dx", call.x.shape) if self.input_gradient else None
            self._remember(call)
        if call.dx is not None or self._variables:
            self.apply_backward(call)
        return call.dx


class ImageLayer(PlainLayer):
    """A layer that changes images; called by hand it takes a single one (h, w, c), too."""

    def __call__(self, x, training=None):
        if np.ndim(x) == 3:
            return super().__call__(np.asarray(x)[None], training)[0]
        return super().__call__(x, training)


class ViewLayer(Layer):
    """A layer that only gives the numbers another shape: views, nothing is copied."""

    def forward(self, x, training=False):
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = Call(x)
            call.y = x.reshape(self.compute_output_shape(x.shape))
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
