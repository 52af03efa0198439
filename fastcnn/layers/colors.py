"""Random changes of colors: contrast, brightness, gray, and less color."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.layers.augmentation import Augmentation, bind_linear, pixels
from fastcnn.layers.ranges import check_range, check_value_range
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastcnn.core.types import Range


@register
class RandomContrast(Augmentation):
    """Moves the pixels of each channel toward the channel's mean, or away from it.

        y = clip((x - mean) * f + mean, *value_range), f in [1 - factor[0], 1 + factor[1]]

    Args:
        factor: in [0, 1], or two such values (lower, upper). One value stands for (0, factor), as
            in Keras.
        value_range: (lowest, highest) pixel value.
        seed: see `SeededLayer`.
        **kwargs: data_format ("channels_last"), name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> x = np.array([[[[100.0], [200.0]]]])
    >>> layers.RandomContrast(0.5, seed=0)(x).mean().round().item()
    150.0
    """

    def __init__(
        self,
        factor: Range,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.factor = check_range(factor, "factor", 0, 1)
        self.value_range = check_value_range(value_range)

    def draw(self, shape, generator):
        low, high = 1 - self.factor[0], 1 + self.factor[1]
        return generator.uniform(low, high, (shape[0], 1, 1, 1)).astype(self.dtype)

    def prepare(self, call):
        n, height, width, channels = call.x.shape
        call.mean, call.scale = np.empty((2, n, channels), self.dtype)
        geometry = {"pool_size": (height, width), "strides": (1, 1), "pads": (0, 0, 0, 0)}
        mean = call.mean.reshape(n, 1, 1, channels)
        call.find_mean = kernels.bind("average_pool2d_forward", call.x, mean, **geometry)
        call.forward = bind_linear(
            call, call.scale, center=call.mean, offset=call.mean, bounds=self.value_range
        )

    def apply(self, call):
        call.find_mean()
        call.scale[...] = call.drawn[:, 0, 0]
        call.forward()

    def apply_backward(self, call):
        low, high = self.value_range
        mean = call.mean[:, None, None]
        unclipped = (call.x - mean) * call.drawn + mean
        open_ = np.where((unclipped >= low) & (unclipped <= high), call.dy, 0)
        mean = open_.mean((1, 2), keepdims=True)
        call.dx[...] = open_ * call.drawn + (1 - call.drawn) * mean

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


@register
class RandomBrightness(Augmentation):
    """Makes each image brighter or darker.

        y = clip(x + d * (value_range[1] - value_range[0]), *value_range), d in factor

    Args:
        factor: in [-1, 1], or two such values (lower, upper); v stands for (-|v|, |v|).
        value_range: (lowest, highest) pixel value.
        seed: see `SeededLayer`.
        **kwargs: data_format ("channels_last"), name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandomBrightness((0.2, 0.2))(np.array([[[[100.0], [250.0]]]])).ravel().tolist()
    [151.0, 255.0]
    """

    def __init__(
        self,
        factor: Range,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.factor = check_range(factor, "factor", -1, 1, symmetric=True)
        self.value_range = check_value_range(value_range)

    def draw(self, shape, generator):
        low, high = self.value_range
        drawn = generator.uniform(*self.factor, (shape[0], 1, 1, 1)) * (high - low)
        return drawn.astype(self.dtype)

    def prepare(self, call):
        shape = len(call.x), call.x.shape[3]
        call.offset, call.ones = np.empty(shape, self.dtype), np.ones(shape, self.dtype)
        call.bound_dy = None
        call.forward = bind_linear(call, call.ones, offset=call.offset, bounds=self.value_range)

    def apply(self, call):
        call.offset[...] = call.drawn[:, 0, 0]
        call.forward()

    def apply_backward(self, call):
        if call.bound_dy is not call.dy:
            call.backward, call.bound_dy = self._bind_gradient(call), call.dy
        call.backward()

    def _bind_gradient(self, call):
        low, high = map(float, self.value_range)
        dy, x, dx = map(pixels, (call.dy, call.x, call.dx))
        arrays = dy, x, call.ones, dx, None, call.offset
        return kernels.bind("scale_rows_backward", *arrays, low=low, high=high)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


GRAY = (0.2989, 0.5870, 0.1140)  # the weights of red, green and blue


class Graying(Augmentation):
    """Base of the layers that mix colors with their gray value, of which call.drawn is the share.

    Images are red, green and blue, or gray.
    """

    channels: tuple[int, ...] = (1, 3)

    def prepare(self, call):
        call.bound_dy = None
        if call.x.shape[3] == 3:
            call.matrix = np.empty((len(call.x), 3, 3), self.dtype)
            arrays = pixels(call.x), call.matrix, pixels(call.y)
            call.forward = kernels.bind("color_matrix_forward", *arrays, **self._bounds())

    def apply(self, call):
        if call.x.shape[3] == 1:  # which is gray
            call.y[...] = call.x
            return
        gray = np.array(GRAY, self.dtype)[:, None]
        share = np.asarray(call.drawn, self.dtype)[:, 0]
        call.matrix[...] = (1 - share) * np.eye(3, dtype=self.dtype) + share * gray
        call.forward()

    def apply_backward(self, call):
        if call.x.shape[3] == 1:
            call.dx[...] = call.dy
            return
        if call.bound_dy is not call.dy:
            dy, x, dx = map(pixels, (call.dy, call.x, call.dx))
            arrays = dy, x, call.matrix, dx
            call.backward = kernels.bind("color_matrix_backward", *arrays, **self._bounds())
            call.bound_dy = call.dy
        call.backward()

    def _bounds(self):
        """The kernels' bounds of the result."""
        return {}


@register
class RandomGrayscale(Graying):
    """Turns some of the images gray: y = 0.2989 r + 0.587 g + 0.114 b in all channels.

    Args:
        factor: probability that an image is changed.
        data_format: None or "channels_last".
        seed: see `SeededLayer`.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, 1 or 3). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandomGrayscale(1)(np.array([[[[0.0, 100.0, 0.0]]]])).round().ravel().tolist()
    [59.0, 59.0, 59.0]
    """

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(factor, "factor", 0, 1)[1]
        if np.ndim(factor):
            raise ValueError(f"The argument `factor` must be one number. Received {factor!r}.")

    def draw(self, shape, generator):
        return generator.random((shape[0], 1, 1, 1)) < self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@register
class RandomColorDegeneration(Graying):
    """Moves the colors of each image toward gray.

        y = clip(x + f * (gray - x), *value_range), f in factor

    Args:
        factor: in [-1, 1], or two such values (lower, upper). One value v stands for (-|v|, |v|),
            as in Keras, where negative factors strengthen the colors.
        value_range: (lowest, highest) pixel value.
        data_format: None or "channels_last".
        seed: see `SeededLayer`.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, 3). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layer = layers.RandomColorDegeneration((0.5, 0.5))
    >>> layer(np.array([[[[0.0, 100.0, 0.0]]]])).round().ravel().tolist()
    [29.0, 79.0, 29.0]
    """

    channels = (3,)

    def __init__(
        self,
        factor: Range,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(factor, "factor", -1, 1, symmetric=True)
        self.value_range = check_value_range(value_range)

    def draw(self, shape, generator):
        return generator.uniform(*self.factor, (shape[0], 1, 1, 1)).astype(self.dtype)

    def _bounds(self):
        low, high = map(float, self.value_range)
        return {"low": low, "high": high}

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}
