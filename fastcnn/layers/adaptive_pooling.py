"""Pooling to a given output size: AdaptiveAveragePooling1D, AdaptiveMaxPooling1D, and 2D.

Output i of `count` along an axis pools the input from floor(i * size / count) to
ceil((i + 1) * size / count): windows of equal size without overlap where count divides the size,
otherwise of two sizes. The axes are pooled one after the other, rows first, as in Keras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_data_format
from fastcnn.core.memory import aligned
from fastcnn.kernels import shapes
from fastcnn.kernels.spec import argmax_type
from fastcnn.layers.base import Layer, check_rank
from fastcnn.layers.registry import register
from fastcnn.layers.resampling import AxisMaps, Taps
from fastcnn.layers.sequences import as_image
from fastcnn.layers.steps import BoundStep

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import IntOrPair


class Windows:
    """The windows along an axis: window i is first[i], ..., end[i] - 1; `length` is the longest."""

    def __init__(self, size, count):
        index = np.arange(count)
        self.size = size
        self.first, self.end = index * size // count, -(-(index + 1) * size // count)
        self.length = int((self.end - self.first).max())

    def columns(self):
        """(count, length): the positions in each window; a shorter one repeats its last."""
        longest = self.first[:, None] + np.arange(self.length)
        return np.minimum(longest, self.end[:, None] - 1)

    def covering(self):
        """(windows, is_inside), each (size, count): the windows over each position.

        Where there are fewer, `is_inside` is False and the last one is repeated.
        """
        positions = np.arange(self.size)
        low = np.searchsorted(self.end, positions, "right")
        high = np.searchsorted(self.first, positions, "right")
        index = low[:, None] + np.arange(int((high - low).max()))
        return np.minimum(index, high[:, None] - 1), index < high[:, None]

    def mean_taps(self, dtype):
        """The means of the windows for `AxisMaps`, and the transpose."""
        weights = 1 / (self.end - self.first)
        inside = self.first[:, None] + np.arange(self.length) < self.end[:, None]
        windows, covers = self.covering()
        forth = Taps(self.columns(), inside * weights[:, None], dtype)
        return forth, Taps(windows, weights[windows] * covers, dtype)


def even_window(image, out):
    """The pooling kernels' keywords if the windows have equal sizes, otherwise None."""
    if any(size % count for size, count in zip(image, out, strict=True)):
        return None
    window = tuple(size // count for size, count in zip(image, out, strict=True))
    return {"pool_size": window, "strides": window, "pads": (0, 0, 0, 0)}


class AdaptivePooling(Layer):
    """Base: `output_size` has one size for each axis that is pooled.

    Args:
        output_size: int, or one int for each axis; positive.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).
    """

    step_class = BoundStep
    rank = 2  # the number of axes that are pooled; 1 for sequences
    config_names = ("output_size", "data_format")

    def __init__(
        self, output_size: IntOrPair, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.output_size = shapes.ints(output_size, self.rank, "output_size")
        self.data_format = check_data_format(data_format)

    def compute_output_shape(self, input_shape):
        check_rank(self, input_shape, self.rank + 2)
        return (input_shape[0], *self.output_size, input_shape[-1])


class AdaptiveAveragePooling(AdaptivePooling):
    """Base of AdaptiveAveragePooling2D and AdaptiveAveragePooling1D."""

    def bind_forward(self, x, y):
        x, y = as_image(x), as_image(y)
        geometry = even_window(x.shape[1:3], y.shape[1:3])
        if geometry is not None:
            return kernels.bind("average_pool2d_forward", x, y, **geometry)
        return self._maps(x, y).bind(x, y)

    def bind_backward(self, dy, x, y, dx):
        dy, dx = as_image(dy), as_image(dx)
        geometry = even_window(dx.shape[1:3], dy.shape[1:3])
        if geometry is not None:
            return kernels.bind("average_pool2d_backward", dy, dx, **geometry)
        return self._maps(dx, dy).bind_transposed(dy, dx)

    def _maps(self, x, y):
        """The means along the axes whose size changes."""
        sizes = {axis: (x.shape[axis], y.shape[axis]) for axis in (1, 2)}
        changed = {axis: Windows(*pair) for axis, pair in sizes.items() if pair[0] != pair[1]}
        return AxisMaps({axis: w.mean_taps(self.dtype) for axis, w in changed.items()}, self.dtype)


class AdaptiveMaxPooling(AdaptivePooling):
    """Base of AdaptiveMaxPooling2D and AdaptiveMaxPooling1D.

    The first maximum of a window along an axis gets the gradient.
    """

    def bind_forward(self, x, y):
        return kernels.Sequence(*max_passes(as_image(x), as_image(y), training=False))

    def bind_backward(self, dy, x, y, dx):
        passes = max_passes(as_image(x), aligned(as_image(y).shape, y.dtype), training=True)
        gradients, calls = as_image(dy), []
        for index, one in reversed(list(enumerate(passes))):
            target = aligned(one.x.shape, dx.dtype) if index else as_image(dx)
            calls.append(one.bind_backward(gradients, target))
            gradients = target
        # the forward pass of inference does not keep the positions of the maxima
        return kernels.Sequence(*passes, *calls)


def max_passes(x, y, training):
    """The passes from x to y, images: one for each axis whose size changes, at least one."""
    axes = [axis for axis in (1, 2) if x.shape[axis] != y.shape[axis]] or [1]
    passes = []
    for axis in axes:
        shape = (*x.shape[:axis], y.shape[axis], *x.shape[axis + 1 :])
        out = y if axis == axes[-1] else aligned(shape, x.dtype)
        passes.append(MaxPass(x, out, axis, training))
        x = out
    return passes


class MaxPass:
    """The maximum of the windows along one axis of images, called like a bound kernel.

    Windows of two sizes are copied one after the other, the shorter ones with their last element
    twice, which changes neither their maximum nor its position. The rest is the pooling kernel.

    Args:
        x, y: images.
        axis: 1 or 2.
        training: whether the positions of the maxima are needed.
    """

    def __init__(self, x, y, axis, training):
        self.x, self.axis = x, axis
        self.windows = None
        if x.shape[axis] % y.shape[axis]:
            self.windows = Windows(x.shape[axis], y.shape[axis])
            columns = self.windows.columns().reshape(-1, 1)
            shape = (*x.shape[:axis], len(columns), *x.shape[axis + 1 :])
            self.copies = aligned(shape, x.dtype)
            taps = Taps(columns, np.ones(columns.shape), x.dtype)
            self.copy = AxisMaps({axis: (taps, None)}, x.dtype).bind(x, self.copies)
            x = self.copies
        self.geometry = even_window(x.shape[1:3], y.shape[1:3])
        self.argmax = None
        if training:
            self.argmax = np.empty(y.shape, argmax_type(self.geometry["pool_size"]))
        self.pool = kernels.bind("max_pool2d_forward", x, y, self.argmax, **self.geometry)

    def __call__(self, version=None):
        if self.windows is not None:
            self.copy()
        self.pool()

    def bind_backward(self, dy, dx):
        """A callable that writes dx."""
        if self.windows is None:
            return kernels.bind("max_pool2d_backward", dy, self.argmax, dx, **self.geometry)
        d_copies = aligned(self.copies.shape, dx.dtype)
        pool = kernels.bind("max_pool2d_backward", dy, self.argmax, d_copies, **self.geometry)
        windows, covers = self.windows.covering()
        offset = np.arange(self.windows.size)[:, None] - self.windows.first[windows]
        back = Taps(windows * self.windows.length + offset, covers, dx.dtype)
        maps = AxisMaps({self.axis: (None, back)}, dx.dtype)
        return kernels.Sequence(pool, maps.bind_transposed(d_copies, dx))


@register
class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    """The means of `output_size` windows that cover each sequence.

    Input shape: (n, steps, channels). Output shape: (n, output_size, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.AdaptiveAveragePooling1D(2)(np.arange(5.0).reshape(1, 5, 1)).ravel().tolist()
    [1.0, 3.0]
    """

    rank = 1


@register
class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    """The means of windows that cover each image, `output_size` of them.

    Input shape: (n, height, width, channels). Output shape: (n, *output_size, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.AdaptiveAveragePooling2D((1, 2))(np.arange(8.0).reshape(1, 2, 4, 1)).ravel().tolist()
    [2.5, 4.5]
    """


@register
class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    """The largest values of `output_size` windows that cover each sequence.

    Input shape: (n, steps, channels). Output shape: (n, output_size, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.AdaptiveMaxPooling1D(2)(np.arange(5.0).reshape(1, 5, 1)).ravel().tolist()
    [2.0, 4.0]
    """

    rank = 1


@register
class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    """The largest values of windows that cover each image, `output_size` of them.

    Input shape: (n, height, width, channels). Output shape: (n, *output_size, channels).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.AdaptiveMaxPooling2D((1, 2))(np.arange(8.0).reshape(1, 2, 4, 1)).ravel().tolist()
    [5.0, 7.0]
    """
