"""Random affine transformations of images: RandomTranslation, RandomRotation, RandomZoom."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_choice
from fastcnn.layers.augmentation import Augmentation
from fastcnn.layers.ranges import check_range, without_numpy
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Range

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


class RandomAffine(Augmentation):
    """Base: `draw` returns eight coefficients per image that map output to input positions.

    Args:
        fill_mode: values outside of the image: "reflect" (d c b a | a b c d | d c b a), "wrap"
            (a b c d | a b c d | a b c d), "nearest" (a a a a | a b c d | d d d d), or
            "constant": `fill_value`.
        interpolation: "bilinear" or "nearest".
        fill_value: a number.
        seed: see `SeededLayer`.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).
    """

    def __init__(self, fill_mode, interpolation, fill_value, seed, data_format, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        self.fill_mode = check_choice(fill_mode, "fill_mode", FILL_MODES)
        self.interpolation = check_choice(interpolation, "interpolation", INTERPOLATIONS)
        self.fill_value = float(fill_value)

    def _settings(self):
        return {
            "interpolation": self.interpolation,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
        }

    def apply(self, call):
        drawn = np.ascontiguousarray(call.drawn, self.dtype)
        if getattr(call, "transforms", None) is None:
            call.transforms = np.empty_like(drawn)
            call.transform = kernels.bind(
                "affine_transform_forward", call.x, call.transforms, call.y, **self._settings()
            )
            call.bound_dy = None
        call.transforms[...] = drawn
        call.transform()

    def apply_backward(self, call):
        if call.bound_dy is not call.dy:
            call.transform_backward = kernels.bind(
                "affine_transform_backward", call.dy, call.transforms, call.dx, **self._settings()
            )
            call.bound_dy = call.dy
        call.transform_backward()

    def change_masks(self, masks, drawn):
        """The masks, moved like the images, without new values between those of neighbors."""
        settings = {**self._settings(), "interpolation": "nearest"}
        moved = kernels.functions.affine_transform_forward(
            masks.astype(self.dtype), np.asarray(drawn, self.dtype), **settings
        )
        return moved.astype(masks.dtype)

    def get_config(self):
        return {**super().get_config(), **self._settings()}


def _transforms(size, **columns):
    """(size, 8) transforms: the identity, except for the given columns a0 a1 a2 b0 b1 b2."""
    transforms = np.zeros((size, 8))
    transforms[:, [0, 4]] = 1
    for name, values in columns.items():
        transforms[:, ("a0", "a1", "a2", "b0", "b1", "b2").index(name)] = values
    return transforms


@register
class RandomTranslation(RandomAffine):
    """Shifts each image by a random fraction of its height and width.

    Args:
        height_factor: in [-1, 1], fraction of the height; v stands for (-v, v). Positive values
            shift down.
        width_factor: fraction of the width; positive values shift right.
        fill_mode, interpolation, fill_value, seed, data_format, **kwargs: see `RandomAffine`.

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layer = layers.RandomTranslation(0, (0.5, 0.5), fill_mode="constant")
    >>> layer(np.array([[[[1.0], [2.0]]]])).ravel().tolist()
    [0.0, 1.0]
    """

    def __init__(
        self,
        height_factor: Range,
        width_factor: Range | None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed, data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        self._height = check_range(height_factor, "height_factor", -1, 1, symmetric=True)
        self._width = check_range(width_factor, "width_factor", -1, 1, symmetric=True)

    def draw(self, shape, generator):
        down = generator.uniform(*self._height, shape[0]) * shape[1]
        right = generator.uniform(*self._width, shape[0]) * shape[2]
        return _transforms(shape[0], a2=-right, b2=-down)

    def get_config(self):
        return {
            **super().get_config(),
            "height_factor": without_numpy(self.height_factor),
            "width_factor": without_numpy(self.width_factor),
        }


@register
class RandomRotation(RandomAffine):
    """Rotates each image about its center by a random angle.

    Args:
        factor: in [-1, 1], fraction of a full turn; v stands for (-v, v).
        fill_mode, interpolation, fill_value, seed, data_format, **kwargs: see `RandomAffine`.

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandomRotation((0.25, 0.25))(np.array([[[[1], [2]], [[3], [4]]]])).ravel().tolist()
    [2.0, 4.0, 1.0, 3.0]
    """

    def __init__(
        self,
        factor: Range,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed, data_format, **kwargs)
        self.factor = check_range(factor, "factor", -1, 1, symmetric=True)

    def draw(self, shape, generator):
        angle = generator.uniform(*self.factor, shape[0]) * 2 * math.pi
        cos, sin = np.cos(angle), np.sin(angle)
        x, y = (shape[2] - 1) / 2, (shape[1] - 1) / 2
        return _transforms(
            shape[0],
            a0=cos, a1=-sin, a2=x - x * cos + y * sin,
            b0=sin, b1=cos, b2=y - x * sin - y * cos,
        )  # fmt: skip

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@register
class RandomZoom(RandomAffine):
    """Shrinks or enlarges each image about its center.

    Args:
        height_factor: in (-1, 1]; v stands for (-v, v). The output shows 1 + v times the height of
            the image: positive values zoom out.
        width_factor: likewise; None: the factor drawn for the height.
        fill_mode, interpolation, fill_value, seed, data_format, **kwargs: see `RandomAffine`.

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandomZoom(0.3)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        height_factor: Range,
        width_factor: Range | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed, data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        limits = {"lowest": -1, "highest": 1, "symmetric": True, "open_below": True}
        self._height = check_range(height_factor, "height_factor", **limits)
        self._width = None
        if width_factor is not None:
            self._width = check_range(width_factor, "width_factor", **limits)

    def draw(self, shape, generator):
        vertical = 1 + generator.uniform(*self._height, shape[0])
        horizontal = vertical
        if self._width is not None:
            horizontal = 1 + generator.uniform(*self._width, shape[0])
        return _transforms(
            shape[0],
            a0=horizontal, a2=(shape[2] - 1) / 2 * (1 - horizontal),
            b1=vertical, b2=(shape[1] - 1) / 2 * (1 - vertical),
        )  # fmt: skip

    def get_config(self):
        return {
            **super().get_config(),
            "height_factor": without_numpy(self.height_factor),
            "width_factor": without_numpy(self.width_factor),
        }
