"""Random changes of hue and saturation: RandomHue, RandomSaturation; HSV and its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config, kernels
from fastcnn.kernels.reference.images import hsv_to_rgb, ramps, rgb_to_hsv
from fastcnn.layers.augmentation import Augmentation, pixels, rescaled
from fastcnn.layers.ranges import check_range, check_value_range
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastcnn.core.types import Range


def hsv_gradient(images, changed, changed_gradient, saturation_slope=1):
    """The gradient at RGB `images` of a change (hue, saturation, value) -> `changed` -> RGB.

    Args:
        images: (..., 3).
        changed: (hue, saturation, value) after the change, which leaves value as it is, moves hue
            by a constant and multiplies saturation by `saturation_slope` (0 where it is clipped).
        changed_gradient: that of the RGB result.
    """
    hue, saturation, value = changed
    dy, turn, k = changed_gradient, hue * 6, ramps(hue)
    slopes = np.stack([np.sign(turn - 3), -np.sign(turn - 2), -np.sign(turn - 4)], -1)
    slopes *= 6 * ((k > 0) & (k < 1))
    d_value = (dy * (1 - saturation[..., None] * (1 - k))).sum(-1)
    d_saturation = -(dy * (1 - k)).sum(-1) * value * saturation_slope
    d_hue = (dy * slopes).sum(-1) * saturation * value

    top, least = images.argmax(-1)[..., None], images.argmin(-1)[..., None]
    high, low = images.max(-1), images.min(-1)
    following, last = (top + 1) % 3, (top + 2) % 3
    lead = np.take_along_axis(images, following, -1) - np.take_along_axis(images, last, -1)
    extent = high - low
    some = extent > 0
    over = np.where(some, extent, 1)
    positive = np.where(high > 0, high, 1)
    d_extent = np.where(some, -d_hue * lead[..., 0] / (6 * over**2), 0)
    d_lead = np.where(some, d_hue / (6 * over), 0)
    d_high = d_value + d_extent + np.where(high > 0, d_saturation * low / positive**2, 0)
    d_low = -d_extent - np.where(high > 0, d_saturation / positive, 0)
    dx = np.zeros_like(images)
    channel = np.arange(3)
    for index, gradient in ((top, d_high), (least, d_low), (following, d_lead), (last, -d_lead)):
        dx += (channel == index) * gradient[..., None]
    return dx


@register
class RandomHue(Augmentation):
    """Rotates the hue of each image, in either direction.

        hue = hue +- f / 2 (mod 1), f in factor

    Args:
        factor: in [0, 1], or two such values (lower, upper). One value stands for (0, factor).
        value_range: (lowest, highest) pixel value.
        data_format: None or "channels_last".
        seed: see `SeededLayer`.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, 3). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandomHue((1, 1))(np.array([[[[255.0, 0.0, 0.0]]]])).ravel().round().tolist()
    [0.0, 255.0, 255.0]
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
        self.factor = check_range(factor, "factor", 0, 1)
        self.value_range = check_value_range(value_range)

    def draw(self, shape, generator):
        size = (shape[0], 1, 1)
        sign = np.where(generator.random(size) > 0.5, -0.5, 0.5)
        return (sign * generator.uniform(*self.factor, size)).astype(self.dtype)

    def prepare(self, call):
        call.turn, call.factor = np.ones((2, len(call.x)), self.dtype)
        low, high = map(float, self.value_range)
        settings = {"low": 0.0, "high": 1.0, "lowest": low, "extent": high - low}
        arrays = pixels(call.x), call.turn, call.factor, pixels(call.y)
        call.forward = kernels.bind("change_hue", *arrays, **settings, bounded=True)

    def apply(self, call):
        call.turn[...] = call.drawn[:, 0, 0]
        call.forward()

    def apply_backward(self, call):
        images = rescaled(call.x, self.value_range, (0, 1))
        hue, saturation, value = rgb_to_hsv(images)
        hue = hue + call.drawn
        hue = np.where(hue > 1, hue - 1, hue)
        changed = np.where(hue < 0, hue + 1, hue), saturation, value
        result = hsv_to_rgb(*changed)
        inside = (result >= 0) & (result <= 1)
        call.dx[...] = hsv_gradient(images, changed, call.dy * inside)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


@register
class RandomSaturation(Augmentation):
    """Multiplies the saturation of each image.

        saturation = clip(saturation * f / (1 - f), *value_range), f in factor

    A factor of 0.5 changes nothing, and 0 makes the image gray. The pixels are not scaled: as in
    Keras, the default `value_range` lets saturations, whose largest sensible value is 1, grow.

    Args:
        factor: in [-1, 1], or two such values (lower, upper). One value v stands for (-|v|, |v|):
            as in Keras, where negative factors make images gray.
        value_range: (lowest, highest) saturation.
        data_format: None or "channels_last".
        seed: see `SeededLayer`.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, 3). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandomSaturation((0, 0))(np.array([[[[9.0, 6.0, 3.0]]]])).ravel().tolist()
    [9.0, 9.0, 9.0]
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
        factor = generator.uniform(*self.factor, (shape[0], 1, 1)).astype(self.dtype)
        return factor / (1 - factor + factor.dtype.type(config.epsilon()))

    def prepare(self, call):
        call.turn, call.factor = np.zeros((2, len(call.x)), self.dtype)
        low, high = map(float, self.value_range)
        arrays = pixels(call.x), call.turn, call.factor, pixels(call.y)
        call.forward = kernels.bind("change_hue", *arrays, low=low, high=high)

    def apply(self, call):
        call.factor[...] = call.drawn[:, 0, 0]
        call.forward()

    def apply_backward(self, call):
        low, high = self.value_range
        hue, saturation, value = rgb_to_hsv(call.x)
        unclipped = saturation * call.drawn
        changed = hue, np.clip(unclipped, low, high), value
        slope = call.drawn * ((unclipped >= low) & (unclipped <= high))
        call.dx[...] = hsv_gradient(call.x, changed, call.dy, slope)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}
