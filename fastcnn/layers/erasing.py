"""RandomErasing: covers a rectangle of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.layers.augmentation import Augmentation, pixels
from fastcnn.layers.ranges import check_range, check_value_range, without_numpy
from fastcnn.layers.registry import register
from fastcnn.layers.seeded import draw_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike

    from fastcnn.core.types import Range


@register
class RandomErasing(Augmentation):
    """Covers a rectangle of an image with noise or with a value (Zhong et al. 2020).

    Args:
        factor: probability that an image is changed; with two values each image draws its own
            probability between them. One value stands for (0, factor), as in Keras.
        scale: (lowest, highest) fraction of the area that the rectangle covers.
        fill_value: a number, or one per channel; None: normal noise times `value_range[1]`. Clipped
            to `value_range`.
        value_range: (lowest, highest) pixel value.
        seed: see `SeededLayer`.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layer = layers.RandomErasing((1, 1), scale=0.5, fill_value=0, seed=0)
    >>> bool((layer(np.ones((1, 8, 8, 1))) == 0).any())
    True
    """

    def __init__(
        self,
        factor: Range = 1.0,
        scale: Range = (0.02, 0.33),
        fill_value: ArrayLike | None = None,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(factor, "factor", 0, 1)
        self.scale = check_range(scale, "scale", 0, 1)
        self.value_range = check_value_range(value_range)
        self.fill_value = fill_value
        self._fill = None
        if fill_value is not None:
            self._fill = np.clip(np.asarray(fill_value, self.dtype), *self.value_range)

    def compute_output_shape(self, input_shape):
        shape = super().compute_output_shape(input_shape)
        if self._fill is not None and self._fill.size not in (1, shape[3]):
            raise ValueError(
                f"Layer {self.name!r}: `fill_value` must be one number, or one for each of the "
                f"{shape[3]} channels. Received fill_value={self.fill_value!r}."
            )
        return shape

    def draw(self, shape, generator):
        """(mask (n, h, w, 1) of the pixels to cover, their new values)."""
        size = shape[0]
        sides = np.sqrt(generator.uniform(*self.scale, (2, size)))
        covered = []
        for side, length in zip(sides, shape[1:3], strict=True):
            extent = side * length
            start = generator.random(size) * (length - extent)
            position = np.arange(length)
            covered.append((position >= start[:, None]) & (position < (start + extent)[:, None]))
        rows, columns = covered
        erase = generator.random(size) < generator.uniform(*self.factor, size)
        mask = erase[:, None, None] & rows[:, :, None] & columns[:, None, :]
        fill = self._fill
        if fill is None:
            key, fill = np.zeros(2, np.int64), np.zeros(shape, self.dtype)
            draw_key(generator, key)
            settings = {"stddev": float(self.value_range[1]), "multiplies": False}
            kernels.bind("gaussian_noise", fill.copy(), key, fill, **settings)()
            np.clip(fill, *self.value_range, out=fill)
        return mask[..., None], fill

    def prepare(self, call):
        x, y = pixels(call.x), pixels(call.y)
        call.fill, call.mask = np.empty_like(x), np.empty(x.shape[:2], np.uint8)
        image = np.arange(len(x))
        call.forward = kernels.bind("select", x, call.fill, image, call.mask, y)

    def apply(self, call):
        mask, fill = call.drawn
        call.mask[...] = mask.reshape(call.mask.shape)
        call.fill.reshape(call.x.shape)[...] = fill
        call.forward()

    def apply_backward(self, call):
        np.multiply(call.dy, ~call.drawn[0], out=call.dx)

    def get_config(self):
        return {
            **super().get_config(),
            "factor": self.factor,
            "scale": self.scale,
            "fill_value": without_numpy(self.fill_value),
            "value_range": self.value_range,
        }
