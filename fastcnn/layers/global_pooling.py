"""Pooling over whole images: GlobalAveragePooling2D, GlobalMaxPooling2D.

Their base classes are also those of the layers for sequences: see `sequences`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn import kernels
from fastcnn.core.arguments import check_data_format
from fastcnn.layers.base import Layer, check_rank
from fastcnn.layers.registry import register
from fastcnn.layers.sequences import as_image
from fastcnn.layers.steps import BoundStep

if TYPE_CHECKING:
    from typing import Any


class GlobalPooling(Layer):
    """Base: one value per sample and channel.

    Args:
        data_format: None or "channels_last".
        keepdims: whether the output keeps an axis of size 1 for each one that is pooled.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).
    """

    step_class = BoundStep
    rank = 2  # the number of axes that are pooled; 1 for sequences

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format)
        self.keepdims = bool(keepdims)

    def compute_output_shape(self, input_shape):
        check_rank(self, input_shape, self.rank + 2)
        sizes = [1] * self.rank if self.keepdims else ()
        return (input_shape[0], *sizes, input_shape[-1])

    def geometry(self, x):
        """The kernels' keywords for images x."""
        return {"pool_size": x.shape[1:3], "strides": (1, 1), "pads": (0, 0, 0, 0)}

    def bind_forward(self, x, y):
        return self.bind_pool(as_image(x), y.reshape(len(x), 1, 1, x.shape[-1]))

    def bind_backward(self, dy, x, y, dx):
        shape = len(x), 1, 1, x.shape[-1]
        dy, y = dy.reshape(shape), y.reshape(shape)
        return self.bind_pool_backward(dy, as_image(x), y, as_image(dx))

    def bind_pool(self, x, y):
        """A callable that pools x (n, h, w, c) into y (n, 1, 1, c)."""
        raise NotImplementedError

    def bind_pool_backward(self, dy, x, y, dx):
        """A callable that writes dx."""
        raise NotImplementedError

    def get_config(self):
        return {
            **super().get_config(),
            "data_format": self.data_format,
            "keepdims": self.keepdims,
        }


class GlobalAveragePooling(GlobalPooling):
    """Base of GlobalAveragePooling2D and GlobalAveragePooling1D."""

    def bind_pool(self, x, y):
        return kernels.bind("average_pool2d_forward", x, y, **self.geometry(x))

    def bind_pool_backward(self, dy, x, y, dx):
        return kernels.bind("average_pool2d_backward", dy, dx, **self.geometry(x))


class GlobalMaxPooling(GlobalPooling):
    """Base of GlobalMaxPooling2D and GlobalMaxPooling1D."""

    def bind_pool(self, x, y):
        return kernels.bind("max_pool2d_forward", x, y, None, **self.geometry(x))

    def bind_pool_backward(self, dy, x, y, dx):
        n, height, width, channels = x.shape
        pixels, one = (n, height * width, channels), (n, channels)
        arrays = dy.reshape(one), x.reshape(pixels), y.reshape(one), dx.reshape(pixels)
        return kernels.bind("global_max_backward", *arrays)


@register
class GlobalAveragePooling2D(GlobalAveragePooling):
    """The mean of each channel of each image.

    Input shape: (n, height, width, channels). Output shape: (n, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.GlobalAveragePooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).tolist()
    [[1.5]]
    """


@register
class GlobalMaxPooling2D(GlobalMaxPooling):
    """The largest value of each channel of each image; ties share the gradient.

    Input shape: (n, height, width, channels). Output shape: (n, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.GlobalMaxPooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).tolist()
    [[3.0]]
    """


GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool2D = GlobalMaxPooling2D
