"""Base of the light layers, whose forward and backward pass are a few lines of code."""

import numpy as np

from fastcnn.layers.base import Layer
from fastcnn.layers.steps import PlainStep, ViewStep


class PlainLayer(Layer):
    """A layer whose step provides the buffers.

    A subclass implements `apply` and `apply_backward`; `prepare` runs once per batch size.
    """

    step_class = PlainStep

    def prepare(self, call):
        """Store what `apply` and `apply_backward` need as attributes of `call`."""

    def apply(self, call):
        """Write call.y from call.x."""
        raise NotImplementedError

    def apply_backward(self, call):
        """Write call.dx from call.dy, and the weights' gradients."""
        raise NotImplementedError


class BoundPasses:
    """Mixin of a `PlainLayer` whose passes are bound kernels.

    `prepare` sets `call.forward`; `bind_gradients(call)` returns the backward pass from call.dy.
    """

    def prepare(self, call):
        call.bound_dy = None

    def apply(self, call):
        call.forward()

    def apply_backward(self, call):
        if call.bound_dy is not call.dy:
            call.backward, call.bound_dy = self.bind_gradients(call), call.dy
        call.backward()


class ImageLayer(PlainLayer):
    """A layer that changes images; a direct call also takes a single image (h, w, c)."""

    def __call__(self, inputs, training=None):
        if np.ndim(inputs) == 3:
            return super().__call__(np.asarray(inputs)[None], training)[0]
        return super().__call__(inputs, training)


class ViewLayer(Layer):
    """A layer that only changes the shape and returns a view."""

    step_class = ViewStep
    is_view = True
