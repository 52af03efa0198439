"""Random distortions of images: RandomShear, RandomPerspective, RandomElasticTransform."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_choice
from fastcnn.layers.affine import FILL_MODES, INTERPOLATIONS, RandomAffine
from fastcnn.layers.augmentation import Augmentation
from fastcnn.layers.filters import filtered, gaussian
from fastcnn.layers.ranges import check_range, check_value_range
from fastcnn.layers.registry import register
from fastcnn.layers.tones import chosen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastcnn.core.types import Range


@register
class RandomShear(RandomAffine):
    """Shears each image along its rows and columns.

    The pixel at column x and row y is that of the image at (x + sx * y, y + sy * x). sx and sy are
    drawn from the factors, and about half of the images have both signs changed.

    Args:
        x_factor: in [0, 1]; one value v stands for (-v, v), two for (lower, upper).
        y_factor: likewise.
        interpolation, fill_mode, fill_value, data_format, seed, **kwargs: see `RandomAffine`.

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandomShear(0.3, 0.1)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        x_factor: Range = 0.0,
        y_factor: Range = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed, data_format, **kwargs)
        self.x_factor = _shear_range(x_factor, "x_factor")
        self.y_factor = _shear_range(y_factor, "y_factor")

    def draw(self, shape, generator):
        sign = np.where(generator.random(shape[0]) > 0.5, -1, 1)
        transforms = np.zeros((shape[0], 8))
        transforms[:, [0, 4]] = 1
        transforms[:, 3] = sign * generator.uniform(*self.y_factor, shape[0])
        transforms[:, 1] = sign * generator.uniform(*self.x_factor, shape[0])
        return transforms

    def get_config(self):
        return {**super().get_config(), "x_factor": self.x_factor, "y_factor": self.y_factor}


def _shear_range(value, name):
    """(lower, upper); a config repeats a single value v as (-v, v)."""
    if isinstance(value, (tuple, list)) and len(value) == 2 and value[0] == -value[1]:
        value = value[1]
    low, high = check_range(value, name, 0, 1)
    return (low, high) if np.ndim(value) else (-high, high)


@register
class RandomPerspective(RandomAffine):
    """Moves the corners of some of the images, as if seen from the side.

    A corner (x, y) moves to (x + x * u, y + y * v), with u and v in [-scale / 2, scale / 2]; the
    upper left corner stays.

    Args:
        factor: probability that an image is changed; with two values each image draws its own
            probability between them. One value stands for (0, factor), as in Keras.
        scale: in [0, 1].
        interpolation: "bilinear" or "nearest".
        fill_value: the value outside of the image.
        seed: see `SeededLayer`.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandomPerspective((1, 1), 0.3)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: Range = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__("constant", interpolation, fill_value, seed, data_format, **kwargs)
        self.factor = check_range(factor, "factor", 0, 1)
        self.scale = check_range(scale, "scale", 0, 1)[1]
        if np.ndim(scale):
            raise ValueError(f"The argument `scale` must be one number. Received scale={scale!r}.")

    def draw(self, shape, generator):
        """Transforms (n, 8); the identity for images that are not changed."""
        n, height, width, _ = shape
        if min(height, width) < 2:
            raise ValueError(
                f"Layer {self.name!r} expects images of at least 2 x 2 pixels. "
                f"Received images of {height} x {width}."
            )
        moved = chosen(self.factor, shape, generator)
        shifts = generator.uniform(-0.5 * self.scale, 0.5 * self.scale, (n, 4, 2))
        return self.transforms(height, width, shifts * moved[..., 0])

    def transforms(self, height, width, shifts):
        """The transforms for corners (x, y) that move by (x, y) * shifts (n, 4, 2)."""
        corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]])
        return homographies(corners, corners + corners * shifts)

    def get_config(self):
        config = {**super().get_config(), "factor": self.factor, "scale": self.scale}
        del config["fill_mode"]
        return config


def homographies(start, end):
    """(n, 8): the projective maps of four points `end` (n, 4, 2) to `start` (4, 2) or (n, 4, 2).

    In the form of `kernels.functions.affine_transform_forward`.
    """
    start, end = np.broadcast_arrays(np.asarray(start, float), end)
    x, y = end[..., 0], end[..., 1]
    one, zero = np.ones_like(x), np.zeros_like(x)
    rows = [
        [x, y, one, zero, zero, zero, -start[..., 0] * x, -start[..., 0] * y],
        [zero, zero, zero, x, y, one, -start[..., 1] * x, -start[..., 1] * y],
    ]
    system = np.stack([np.stack(row, -1) for row in rows], 2).reshape(-1, 8, 8)
    return np.linalg.solve(system, start.reshape(-1, 8, 1))[..., 0]


@register
class RandomElasticTransform(Augmentation):
    """Moves the pixels of some of the images by smooth random distances.

    With d in `scale`, drawn for the batch, s = 0.05 * d * min(height, width) and
    a = 0.1 * d * max(height, width), pixel (x, y) is that of the image at (x + a * r, y + a * r):
    r is normal noise of deviation s, smoothed by a Gaussian filter of deviation s. As in Keras, it
    is the same for both directions.

    Args:
        factor: probability that an image is changed; with two values each image draws its own
            probability between them. One value stands for (0, factor).
        scale: in [0, 1], or two such values (lower, upper). One value stands for (0, scale).
        interpolation: "bilinear" or "nearest".
        fill_mode: what is outside of the image: "reflect" (which reflects about the first pixel and
            behind the last), "wrap", "nearest", or "constant": `fill_value`.
        fill_value: a number.
        value_range: (lowest, highest) pixel value.
        seed: see `SeededLayer`.
        data_format: None or "channels_last".
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels). Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.RandomElasticTransform(scale=0.5)(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        factor: Range = 1.0,
        scale: Range = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(factor, "factor", 0, 1)
        self.scale = check_range(scale, "scale", 0, 1)
        self.interpolation = check_choice(interpolation, "interpolation", INTERPOLATIONS)
        self.fill_mode = check_choice(fill_mode, "fill_mode", FILL_MODES)
        self.fill_value = float(fill_value)
        self.value_range = check_value_range(value_range)

    def draw(self, shape, generator):
        """(which images are changed (n, 1, 1, 1), d, standard normal noise (n, h, w))."""
        moved = chosen(self.factor, shape, generator)
        if self.scale[1] == 0 or self.factor[1] == 0:
            moved[...] = False
        return moved, generator.uniform(*self.scale), generator.standard_normal(shape[:3])

    def _shifts(self, strength, noise):
        """How far each pixel is moved, in both directions."""
        _, height, width = noise.shape
        dtype = np.dtype(self.dtype).type
        strength = dtype(strength)
        deviation = dtype(min(height, width)) * (dtype(0.05) * strength)
        kernel = gaussian(6 * int(deviation) | 1, max(deviation, dtype(1e-30)), self.dtype)
        noise = noise.astype(self.dtype)[..., None] * deviation
        smooth = filtered(noise, (kernel[:, None], kernel[None]))
        return dtype(max(height, width)) * (dtype(0.1) * strength) * smooth[..., 0]

    def _taps(self, drawn, interpolation):
        """For each pixel its source pixels: (flat index or -1 outside, weight), each (n, h, w)."""
        _, strength, noise = drawn
        n, height, width = noise.shape
        shifts = self._shifts(strength, noise)
        rows = _neighbors(np.arange(height)[:, None] + shifts, interpolation)
        columns = _neighbors(np.arange(width) + shifts, interpolation)
        first = height * width * np.arange(n)[:, None, None]
        for row, row_weight in rows:
            row, is_row = _inside(row, height, self.fill_mode)
            for column, weight in columns:
                column, is_column = _inside(column, width, self.fill_mode)
                index = np.where(is_row & is_column, first + row * width + column, -1)
                yield index, (row_weight * weight).astype(self.dtype)[..., None]

    def _moved(self, images, drawn, interpolation):
        pixels = images.reshape(-1, images.shape[3])
        total = np.zeros(images.shape, self.dtype)
        if images.size:
            for index, weight in self._taps(drawn, interpolation):
                outside = (index < 0)[..., None]
                total += weight * np.where(
                    outside, images.dtype.type(self.fill_value), pixels[index]
                )
        return np.where(drawn[0], total, images)

    def apply(self, call):
        call.unclipped = self._moved(call.x, call.drawn, self.interpolation)
        np.clip(call.unclipped, *self.value_range, out=call.y)

    def apply_backward(self, call):
        low, high = self.value_range
        dy = np.where((call.unclipped >= low) & (call.unclipped <= high), call.dy, 0)
        moved = call.drawn[0]
        call.dx[...] = np.where(moved, 0, dy)
        dy = np.where(moved, dy, 0)
        pixels = np.zeros((call.dx.size // max(dy.shape[3], 1), dy.shape[3]), self.dtype)
        if dy.size:
            for index, weight in self._taps(call.drawn, self.interpolation):
                inside = index >= 0
                np.add.at(pixels, index[inside], (weight * dy)[inside])
        call.dx += pixels.reshape(call.dx.shape)

    def change_masks(self, masks, drawn):
        changed = self._moved(masks, drawn, "nearest")
        return np.clip(changed, *self.value_range).astype(masks.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "factor": self.factor,
            "scale": self.scale,
            "interpolation": self.interpolation,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "value_range": self.value_range,
        }


def _neighbors(position, interpolation):
    """The pixels along an axis that a position is made of: [(index, weight)]."""
    if interpolation == "nearest":
        return [(np.round(position).astype(np.intp), np.ones_like(position))]
    low = np.floor(position)
    index = low.astype(np.intp)
    return [(index, 1 - (position - low)), (index + 1, position - low)]


def _inside(index, size, fill_mode):
    """(index within [0, size), whether it is known), as in `keras.ops.image.map_coordinates`."""
    if fill_mode == "constant":
        return np.clip(index, 0, size - 1), (index >= 0) & (index < size)
    if fill_mode == "nearest":
        index = np.clip(index, 0, size - 1)
    elif fill_mode == "wrap":
        index = index % size
    else:
        index = abs(index) % (2 * size)
        index = np.where(index < size, index, 2 * size - index - 1)
    return index, True
