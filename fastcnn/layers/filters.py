"""Layers that blur or sharpen images: RandomSharpness, RandomGaussianBlur."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_count
from fastcnn.kernels.functions import depthwise_conv2d_forward
from fastcnn.layers.augmentation import Augmentation
from fastcnn.layers.ranges import check_range, check_value_range
from fastcnn.layers.registry import register
from fastcnn.layers.tones import chosen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastcnn.core.types import Range

EDGE, CENTER = 1 / 13, 5 / 13
SMOOTHING = [[[EDGE, EDGE, EDGE], [EDGE, CENTER, EDGE], [EDGE, EDGE, EDGE]]]


def filtered(images, filters):
    """`images` after a convolution of each channel with each filter (odd sides), padded with 0.

    For filters that are symmetric about their center this is also the gradient.
    """
    for weights in filters:
        weights = np.asarray(weights, images.dtype)[:, :, None, None]
        weights = np.repeat(weights, images.shape[3], 2)
        images = depthwise_conv2d_forward(images, weights, padding="same")
    return images


def gaussian(size, sigma, dtype):
    """The values of a Gauss curve at `size` positions about its center; their sum is 1."""
    position = np.arange(size, dtype=dtype) - (size - 1) / 2
    values = np.exp(-0.5 * np.square(position / sigma)).astype(dtype)
    return values / values.sum()


@register
class RandomSharpness(Augmentation):
    """Blurs or sharpens each image.

        y = clip(x + (1 - 2 f) * (smooth - x), *value_range), f in factor

    where smooth is a mean of 3 x 3 pixels, with five times the weight for the center. A factor of
    0.5 changes nothing.

    Args:
        factor: in [0, 1], or two such values (lower, upper). One value stands for (0, factor).
        value_range: (lowest, highest) pixel value.
        data_format: None or "channels_last".
        seed: see `SeededLayer`.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandomSharpness((0, 0))(np.array([[[[13.0], [26.0]]]])).round().ravel().tolist()
    [7.0, 11.0]
    """

    def __init__(
        self,
        factor: Range,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(factor, "factor", 0, 1)
        self.value_range = check_value_range(value_range)

    def draw(self, shape, generator):
        factor = generator.uniform(*self.factor, (shape[0], 1, 1, 1)).astype(self.dtype)
        return 1 - 2 * factor

    def prepare(self, call):
        call.smooth = np.empty_like(call.x)
        weights = np.asarray(SMOOTHING[0], self.dtype)[:, :, None, None]
        weights = np.repeat(weights, call.x.shape[3], 2)
        geometry = {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilation": (1, 1)}
        arrays = call.x, weights, None, call.smooth
        call.smoothing = kernels.bind("depthwise_conv2d_forward", *arrays, **geometry, relu=False)
        call.share, call.rest = np.empty((2, len(call.x)), self.dtype)
        low, high = map(float, self.value_range)
        image = np.arange(len(call.x))
        arrays = call.x, call.smooth, image, call.share, call.rest, call.y
        call.forward = kernels.bind("mix", *arrays, low=low, high=high)

    def apply(self, call):
        call.smoothing()
        call.rest[...] = call.drawn[:, 0, 0, 0]
        call.share[...] = 1 - call.rest
        call.forward()

    def apply_backward(self, call):
        low, high = self.value_range
        unclipped = call.x + call.drawn * (call.smooth - call.x)
        dy = np.where((unclipped >= low) & (unclipped <= high), call.dy, 0)
        call.dx[...] = dy + filtered(call.drawn * dy, SMOOTHING) - call.drawn * dy

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


@register
class RandomGaussianBlur(Augmentation):
    """Blurs some of the images with a Gaussian filter, the same for a batch.

    Args:
        factor: probability that an image is blurred; with two values each image draws its own
            probability between them. One value stands for (0, factor), as in Keras.
        kernel_size: an odd number of pixels, or two (height, width).
        sigma: in [0, 1], the standard deviation in pixels, or two such values (lower, upper). One
            value stands for (0, sigma). Width and height draw their own.
        value_range: (lowest, highest) pixel value.
        data_format: None or "channels_last".
        seed: see `SeededLayer`.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layer = layers.RandomGaussianBlur((1, 1), kernel_size=(1, 3), sigma=(1, 1))
    >>> layer(np.array([[[[0.0], [100.0], [0.0]]]])).round().ravel().tolist()
    [27.0, 45.0, 27.0]
    """

    def __init__(
        self,
        factor: Range = 1.0,
        kernel_size: int | Sequence[int] = 3,
        sigma: Range = 1.0,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(factor, "factor", 0, 1)
        sides = kernel_size if isinstance(kernel_size, (tuple, list)) else (kernel_size,) * 2
        self.kernel_size = tuple(check_count(side, "kernel_size") for side in sides)
        if len(self.kernel_size) != 2 or any(side % 2 == 0 for side in self.kernel_size):
            raise ValueError(
                "The argument `kernel_size` must be an odd number or two odd numbers. "
                f"Received kernel_size={kernel_size!r}."
            )
        self.sigma = check_range(sigma, "sigma", 0, 1)
        self.value_range = check_value_range(value_range)

    def draw(self, shape, generator):
        """(which images are blurred (n, 1, 1, 1), the sigmas of width and height)."""
        blurred = chosen(self.factor, shape, generator)
        return blurred, (generator.uniform(*self.sigma, 2) + 1e-6).astype(self.dtype)

    def _kernels(self, sigma):
        """One kernel, or two of one row and one column, which compute the same faster."""
        height, width = self.kernel_size
        # as in Keras, the first size goes with the first sigma, and both with the columns
        row, column = gaussian(height, sigma[0], self.dtype), gaussian(width, sigma[1], self.dtype)
        if height == width:
            return column[:, None], row[None]
        return (np.outer(column, row).reshape(height, width),)

    def apply(self, call):
        blurred, sigma = call.drawn
        result = filtered(call.x, self._kernels(sigma))
        call.unclipped = np.where(blurred, result, call.x)
        np.clip(call.unclipped, *self.value_range, out=call.y)

    def apply_backward(self, call):
        blurred, sigma = call.drawn
        low, high = self.value_range
        dy = np.where((call.unclipped >= low) & (call.unclipped <= high), call.dy, 0)
        back = filtered(np.where(blurred, dy, 0), self._kernels(sigma))
        call.dx[...] = back + np.where(blurred, 0, dy)

    def get_config(self):
        return {
            **super().get_config(),
            "factor": self.factor,
            "kernel_size": self.kernel_size,
            "sigma": self.sigma,
            "value_range": self.value_range,
        }
