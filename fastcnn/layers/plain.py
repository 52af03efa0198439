"""Base of the light layers, whose forward and backward pass are a few lines of NumPy."""

import numpy as np

from fastcnn.layers.base import Layer
from fastcnn.layers.steps import PlainStep, ViewStep


class PlainLayer(Layer):
    """A layer that writes its results into buffers of its own.

    A subclass implements `apply` and `apply_backward`; `prepare` makes what both need of a batch
    size, once.
    """

    step_class = PlainStep

    def prepare(self, call):
        """Keep as attributes of `call` what the two others need besides x, y, dy and dx."""

    def apply(self, call):
        """Write call.y from call.x."""
        raise NotImplementedError

    def apply_backward(self, call):
        """Write call.dx from call.dy, and the weights' gradients."""
        raise NotImplementedError


class ImageLayer(PlainLayer):
    """A layer that changes images; called by hand it takes a single one (h, w, c), too."""

    def __call__(self, inputs, training=None):
        if np.ndim(inputs) == 3:
            return super().__call__(np.asarray(inputs)[None], training)[0]
        return super().__call__(inputs, training)


class ViewLayer(Layer):
    """A layer that only changes the shape: a view, nothing is copied."""

    step_class = ViewStep
    is_view = True
