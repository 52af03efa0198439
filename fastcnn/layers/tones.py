"""Changes of the values of single pixels: Solarization, RandomPosterization, RandomInvert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.layers.augmentation import Augmentation, bind_linear, rescaled
from fastcnn.layers.ranges import check_range, check_value_range, without_numpy
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastcnn.core.types import Range

BYTES = (0, 255)


def as_extent(value_range):
    """A range of values as the kernels' keywords."""
    low, high = map(float, value_range)
    return {"lowest": low, "extent": high - low}


@register
class Solarization(Augmentation):
    """Inverts the pixels that are not below a threshold.

        s = clip(x + addition, 0, 255), y = s if s < threshold else 255 - s

    with x, and then y, scaled from and to `value_range`.

    Args:
        addition_factor: in [0, 1], or two such values (lower, upper); one value stands for
            (0, addition_factor). The addition is drawn from [lower, 255 * upper], as in Keras.
        threshold_factor: likewise for the threshold; by default all pixels are inverted.
        value_range: (lowest, highest) pixel value.
        seed: see `SeededLayer`.
        **kwargs: data_format ("channels_last"), name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Solarization()(np.array([[[[59.0], [62.0], [63.0]]]])).ravel().tolist()
    [196.0, 193.0, 192.0]
    """

    def __init__(
        self,
        addition_factor: Range = 0.0,
        threshold_factor: Range = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.addition_factor = check_range(addition_factor, "addition_factor", 0, 1)
        self.threshold_factor = check_range(threshold_factor, "threshold_factor", 0, 1)
        self.value_range = check_value_range(value_range)

    def draw(self, shape, generator):
        """(addition, threshold), each (n, 1, 1, 1)."""
        size = (shape[0], 1, 1, 1)
        return tuple(
            (low + (255 * high - low) * generator.random(size)).astype(self.dtype)
            for low, high in (self.addition_factor, self.threshold_factor)
        )

    def prepare(self, call):
        call.addition, call.threshold = np.empty((2, len(call.x)), self.dtype)
        arrays = call.x, call.addition, call.threshold, call.y
        call.forward = kernels.bind("solarize", *arrays, **as_extent(self.value_range))

    def apply(self, call):
        call.addition[...], call.threshold[...] = (drawn[:, 0, 0, 0] for drawn in call.drawn)
        call.forward()

    def apply_backward(self, call):
        sums = rescaled(call.x, self.value_range, BYTES) + call.drawn[0]
        inside = (sums >= 0) & (sums <= 255)
        sign = np.where(np.clip(sums, *BYTES) < call.drawn[1], 1, -1)
        np.multiply(call.dy, inside * sign, out=call.dx)

    def get_config(self):
        return {
            **super().get_config(),
            "addition_factor": self.addition_factor,
            "threshold_factor": self.threshold_factor,
            "value_range": self.value_range,
        }


@register
class RandomPosterization(Augmentation):
    """Keeps the highest bits of the pixels, as values from 0 to 255.

    Args:
        factor: the number of bits to keep, from 1 to 8. Two values (lower, upper): each image draws
            its own, below upper unless they are equal; one value stands for (1, factor), as in
            Keras.
        value_range: (lowest, highest) pixel value.
        data_format: None or "channels_last".
        seed: see `SeededLayer`.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same. Its gradient is 0.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandomPosterization((2, 2))(np.array([[[[100.0], [200.0]]]])).ravel().tolist()
    [64.0, 192.0]
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
        self.factor = check_range(factor, "factor", 1, 8)
        if any(bits != int(bits) for bits in self.factor):
            raise ValueError(f"The argument `factor` must be integers. Received factor={factor!r}.")
        self.value_range = check_value_range(value_range)

    def draw(self, shape, generator):
        """The number of bits to remove of each image, (n, 1, 1, 1)."""
        low, high = (int(bits) for bits in self.factor)
        bits = generator.integers(low, max(high, low + 1), (shape[0], 1, 1, 1))
        return (8 - bits).astype(np.uint8)

    def prepare(self, call):
        call.bits = np.empty(len(call.x), np.uint8)
        arrays = call.x, call.bits, call.y
        call.forward = kernels.bind("posterize", *arrays, **as_extent(self.value_range))

    def apply(self, call):
        call.bits[...] = call.drawn[:, 0, 0, 0]
        call.forward()

    def apply_backward(self, call):
        call.dx[...] = 0

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


@register
class RandomInvert(Augmentation):
    """Inverts some of the images: y = value_range[1] - x

    Args:
        factor: probability that an image is inverted; with two values each image draws its own
            probability between them. One value stands for (0, factor), as in Keras.
        value_range: (lowest, highest) pixel value.
        seed: see `SeededLayer`.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandomInvert((1, 1))(np.array([[[[55.0], [255.0]]]])).ravel().tolist()
    [200.0, 0.0]
    """

    def __init__(
        self,
        factor: Range = 1.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(factor, "factor", 0, 1)
        check_value_range(value_range)
        self.value_range = tuple(without_numpy(value_range))

    def draw(self, shape, generator):
        return chosen(self.factor, shape, generator)

    def prepare(self, call):
        call.scale, call.offset = np.empty((2, len(call.x), call.x.shape[3]), self.dtype)
        call.forward = bind_linear(call, call.scale, offset=call.offset)

    def apply(self, call):
        drawn = call.drawn[:, 0, 0]
        call.scale[...] = np.where(drawn, -1, 1)
        call.offset[...] = np.where(drawn, self.value_range[1], 0)
        call.forward()

    def apply_backward(self, call):
        np.multiply(call.dy, call.scale[:, None, None], out=call.dx)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


def chosen(factor, shape, generator):
    """Which images (n, 1, 1, 1) are changed, each with a probability drawn from `factor`."""
    size = (shape[0], 1, 1, 1)
    probability = generator.uniform(*factor, size)
    return generator.random(size) < probability
