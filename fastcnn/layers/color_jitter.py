"""RandomColorJitter: brightness, contrast, saturation and hue in one layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.layers.colors import RandomBrightness, RandomContrast
from fastcnn.layers.hues import RandomHue, RandomSaturation
from fastcnn.layers.policies import Policy
from fastcnn.layers.ranges import check_value_range, without_numpy
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastcnn.core.types import Range


@register
class RandomColorJitter(Policy):
    """Changes brightness, contrast, saturation and hue, in this order.

    Args:
        value_range: (lowest, highest) pixel value.
        brightness_factor: see `RandomBrightness`; None: brightness stays.
        contrast_factor: see `RandomContrast`; None: contrast stays.
        saturation_factor: see `RandomSaturation`; None: saturation stays.
        hue_factor: see `RandomHue`; None: hue stays.
        seed: see `SeededLayer`.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, 3), or any number of channels without saturation and hue. Output
    shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layer = layers.RandomColorJitter(brightness_factor=0.2, hue_factor=0.1)
    >>> layer(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        brightness_factor: Range | None = None,
        contrast_factor: Range | None = None,
        saturation_factor: Range | None = None,
        hue_factor: Range | None = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.value_range = check_value_range(value_range)
        self.brightness_factor = without_numpy(brightness_factor)
        self.contrast_factor = without_numpy(contrast_factor)
        self.saturation_factor = without_numpy(saturation_factor)
        self.hue_factor = without_numpy(hue_factor)
        factors = {
            "random_brightness": (RandomBrightness, brightness_factor),
            "random_contrast": (RandomContrast, contrast_factor),
            "random_saturation": (RandomSaturation, saturation_factor),
            "random_hue": (RandomHue, hue_factor),
        }
        self.parts = {
            name: make(factor, value_range, dtype=self.dtype)
            for name, (make, factor) in factors.items()
            if factor is not None
        }
        if saturation_factor is not None or hue_factor is not None:
            self.channels = (3,)

    def draw(self, shape, generator):
        return self._with_draws(self.parts.values(), shape, generator)

    def get_config(self):
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "brightness_factor": self.brightness_factor,
            "contrast_factor": self.contrast_factor,
            "saturation_factor": self.saturation_factor,
            "hue_factor": self.hue_factor,
        }
