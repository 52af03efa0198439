"""Random changes of hue and saturation: RandomHue, RandomSaturation; HSV and its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.layers.augmentation import Augmentation, rescaled
from fastcnn.layers.ranges import check_range, check_value_range
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastcnn.core.types import Range


def rgb_to_hsv(images):
    """(hue, saturation, value), each (..., ), of `images` (..., 3); hue is in [0, 1).

    value = max, saturation = (max - min) / max; hue = i / 3 + (next - last) / (6 (max - min)),
    where i is the channel of the maximum, and the two others follow in the order of r g b r g.
    """
    value = images.max(-1)
    extent = value - images.min(-1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        saturation = np.where(value > 0, extent / value, 0)
        unit = 1 / (6 * extent)
        red, green, blue = np.moveaxis(images, -1, 0)
        hue = np.where(
            red == value,
            unit * (green - blue),
            np.where(
                green == value,
                unit * (blue - red) + images.dtype.type(2 / 6),
                unit * (red - green) + images.dtype.type(4 / 6),
            ),
        )
    hue = np.where(extent > 0, hue, 0)
    hue = np.where(hue < 0, hue + 1, hue)
    return hue, saturation, value


def hsv_to_rgb(hue, saturation, value):
    """The images (..., 3): value * (1 - saturation * (1 - k)), k by hue and channel."""
    scaled = saturation[..., None]
    return ((1 - scaled) + scaled * _ramps(hue)) * value[..., None]


def _ramps(hue):
    """k (..., 3): 1 in the third of the circle around the channel's own hue, 0 opposite of it."""
    turn = hue * 6
    ramps = [abs(turn - 3) - 1, 2 - abs(turn - 2), 2 - abs(turn - 4)]
    return np.clip(np.stack(ramps, -1), 0, 1)


def hsv_gradient(images, changed, changed_gradient, saturation_slope=1):
    """The gradient at RGB `images` of a change (hue, saturation, value) -> `changed` -> RGB.

    Args:
        images: (..., 3).
        changed: (hue, saturation, value) after the change, which leaves value as it is, moves hue
            by a constant and multiplies saturation by `saturation_slope` (0 where it is clipped).
        changed_gradient: that of the RGB result.
    """
    hue, saturation, value = changed
    dy, turn, ramps = changed_gradient, hue * 6, _ramps(hue)
    slopes = np.stack([np.sign(turn - 3), -np.sign(turn - 2), -np.sign(turn - 4)], -1)
    slopes *= 6 * ((ramps > 0) & (ramps < 1))
    d_value = (dy * (1 - saturation[..., None] * (1 - ramps))).sum(-1)
    d_saturation = -(dy * (1 - ramps)).sum(-1) * value * saturation_slope
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

    def apply(self, call):
        hue, saturation, value = rgb_to_hsv(rescaled(call.x, self.value_range, (0, 1)))
        hue = hue + call.drawn
        hue = np.where(hue > 1, hue - 1, hue)
        hue = np.where(hue < 0, hue + 1, hue)
        call.changed = hue, saturation, value
        call.images = hsv_to_rgb(hue, saturation, value)
        call.y[...] = rescaled(np.clip(call.images, 0, 1), (0, 1), self.value_range)

    def apply_backward(self, call):
        inside = (call.images >= 0) & (call.images <= 1)
        images = rescaled(call.x, self.value_range, (0, 1))
        call.dx[...] = hsv_gradient(images, call.changed, call.dy * inside)

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

    def apply(self, call):
        hue, saturation, value = rgb_to_hsv(call.x)
        call.unclipped = saturation * call.drawn
        call.changed = hue, np.clip(call.unclipped, *self.value_range), value
        call.y[...] = hsv_to_rgb(*call.changed)

    def apply_backward(self, call):
        low, high = self.value_range
        slope = call.drawn * ((call.unclipped >= low) & (call.unclipped <= high))
        call.dx[...] = hsv_gradient(call.x, call.changed, call.dy, slope)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}
