"""Transforms of one image that Keras's older scripts call, and `smart_resize`.

An image is an array of three axes. Random numbers come from `np.random`, as in Keras, so that
`np.random.seed` and `utils.set_random_seed` make them reproducible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_choice, check_count, check_data_format
from fastcnn.layers.resampling import INTERPOLATIONS, Resampling
from fastcnn.preprocessing.image.affine import affine_transform, transform_matrices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


def apply_affine_transform(
    x: NDArray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> NDArray:
    """Rotate, shift, shear and zoom an image about its center.

    Args:
        x: image of three axes.
        theta, shear: angles in degrees.
        tx, ty: shifts in pixels. With `row_axis` before `col_axis`, `tx` is along a row, as in
            Keras.
        zx, zy: factors: larger ones show more of the image, smaller.
        row_axis, col_axis, channel_axis: where the axes are; the channels are first or last.
        fill_mode, cval, order: see `affine.affine_transform`.

    Raises:
        ValueError: axes that are not a permutation of 0, 1, 2, an image of another rank, an unknown
            fill mode or order.
    """
    axes = (row_axis, col_axis, channel_axis)
    if sorted(axes) != [0, 1, 2] or channel_axis == 1:
        raise ValueError(
            "The arguments `row_axis`, `col_axis` and `channel_axis` must be a permutation of "
            f"0, 1, 2, with the channels first or last. Received {axes}."
        )
    if x.ndim != 3:
        raise ValueError(f"The argument `x` must be an image of 3 axes. Received shape {x.shape}.")
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    first = min(row_axis, col_axis)
    images = np.moveaxis(x, channel_axis, 2)[None]
    size = (x.shape[row_axis], x.shape[col_axis])
    matrices = transform_matrices(size, theta, tx, ty, shear, zx, zy, first == row_axis)
    moved = affine_transform(images, *matrices, fill_mode, cval, order)[0]
    return np.moveaxis(moved, 2, channel_axis)


def random_rotation(
    x: NDArray,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> NDArray:
    """Rotate an image by an angle from -rg to rg degrees; see `apply_affine_transform`."""
    theta = np.random.uniform(-rg, rg)
    axes = row_axis, col_axis, channel_axis
    return apply_affine_transform(
        x, theta, 0, 0, 0, 1, 1, *axes, fill_mode, cval, interpolation_order
    )


def random_shift(
    x: NDArray,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> NDArray:
    """Shift an image by up to these fractions of its width and height; see
    `apply_affine_transform`.
    """
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    axes = row_axis, col_axis, channel_axis
    return apply_affine_transform(
        x, 0, tx, ty, 0, 1, 1, *axes, fill_mode, cval, interpolation_order
    )


def random_shear(
    x: NDArray,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> NDArray:
    """Shear an image by an angle up to `intensity` degrees; see `apply_affine_transform`."""
    shear = np.random.uniform(-intensity, intensity)
    axes = row_axis, col_axis, channel_axis
    return apply_affine_transform(
        x, 0, 0, 0, shear, 1, 1, *axes, fill_mode, cval, interpolation_order
    )


def random_zoom(
    x: NDArray,
    zoom_range: Sequence[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> NDArray:
    """Zoom an image by two factors in `zoom_range`; see `apply_affine_transform`."""
    check_two(zoom_range, "zoom_range")
    zx, zy = 1.0, 1.0
    if tuple(zoom_range) != (1, 1):
        zx, zy = np.random.uniform(zoom_range[0], zoom_range[1], 2)
    axes = row_axis, col_axis, channel_axis
    return apply_affine_transform(
        x, 0, 0, 0, 0, zx, zy, *axes, fill_mode, cval, interpolation_order
    )


def apply_channel_shift(x: NDArray, intensity: float, channel_axis: int = 0) -> NDArray:
    """clip(x + intensity, lowest value of x, highest value of x)"""
    return shift_channels(np.asarray(x)[None], np.array([intensity]))[0]


def shift_channels(images, intensities):
    """`apply_channel_shift` of images (n, ...) by (n,); integers become float64."""
    if not images.size:
        return images
    shape = (-1, *[1] * (images.ndim - 1))
    axes = tuple(range(1, images.ndim))
    low, high = (end(images, axis=axes, keepdims=True) for end in (np.min, np.max))
    dtype = images.dtype if images.dtype.kind == "f" else np.float64
    intensities = np.asarray(intensities, dtype).reshape(shape)
    return np.clip(images + intensities, low, high)


def random_channel_shift(x: NDArray, intensity_range: float, channel_axis: int = 0) -> NDArray:
    """`apply_channel_shift` by a value from -intensity_range to intensity_range."""
    intensity = np.random.uniform(-intensity_range, intensity_range)
    return apply_channel_shift(x, intensity, channel_axis)


def apply_brightness_shift(x: ArrayLike, brightness: float, scale: bool = True) -> NDArray:
    """Multiply an image (height, width, channels) by `brightness`, rounding to values of 8 bits.

    Args:
        x: the image, of 1, 3 or 4 channels; the fourth stays.
        brightness: 0 is black, 1 the image.
        scale: whether the values are moved to the range from 0 to 255 before. Without it that is
            done only for images with other values, and undone.
    """
    return shift_brightness(np.asarray(x)[None], np.array([brightness]), scale)[0]


def shift_brightness(images, factors, scale):
    """`apply_brightness_shift` of images (n, h, w, c) by (n,)."""
    if images.shape[3] not in (1, 3, 4):
        raise ValueError(
            "A brightness shift needs images of 1, 3 or 4 channels. "
            f"Received shape {images.shape[1:]}."
        )
    if not images.size:
        return images.astype(np.float32)
    low, high = (
        end(images, (1, 2, 3), keepdims=True).astype(np.float32) for end in (np.min, np.max)
    )
    beyond = (low < 0) | (high > 255)
    values = np.asarray(images, np.float32)
    extent = high - low
    moved = (values - low) / np.where(extent == 0, 1, extent) * 255
    # as Pillow's ImageEnhance.Brightness: bytes, and products rounded toward zero
    values = np.where(beyond | scale, moved, values).astype(np.uint8)
    brighter = values * np.asarray(factors, np.float32)[:, None, None, None]
    result = np.floor(np.clip(brighter, 0, 255))
    if images.shape[3] == 4:
        result[..., 3] = values[..., 3]
    return result if scale else np.where(beyond, result / 255 * extent + low, result)


def random_brightness(
    x: ArrayLike, brightness_range: Sequence[float], scale: bool = True
) -> NDArray:
    """`apply_brightness_shift` by a factor in `brightness_range`."""
    check_two(brightness_range, "brightness_range")
    return apply_brightness_shift(
        x, np.random.uniform(brightness_range[0], brightness_range[1]), scale
    )


def smart_resize(
    x: ArrayLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    data_format: str | None = "channels_last",
) -> NDArray:
    """Resize the largest centered part of images that has the new aspect ratio.

    Args:
        x: (height, width, channels) or (n, height, width, channels).
        size: (new height, new width).
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        data_format: "channels_last".

    Returns:
        float32, with "nearest" the dtype of x.
    """
    check_data_format(data_format)
    check_choice(interpolation, "interpolation", INTERPOLATIONS)
    check_two(size, "size")
    height, width = (check_count(side, "size") for side in size)
    x = np.asarray(x)
    if x.ndim not in (3, 4):
        raise ValueError(
            "The argument `x` must be of shape (height, width, channels) or "
            f"(batch, height, width, channels). Received shape {x.shape}."
        )
    images = x if x.ndim == 4 else x[None]
    rows = max(min(images.shape[1], int(images.shape[2] * height / width)), 1)
    columns = max(min(images.shape[2], int(images.shape[1] * width / height)), 1)
    top, left = (images.shape[1] - rows) // 2, (images.shape[2] - columns) // 2
    images = images[:, top : top + rows, left : left + columns].astype(np.float32)
    resized = Resampling((rows, columns), (height, width), interpolation, np.float32)(images)
    if interpolation == "nearest":
        resized = resized.astype(x.dtype)
    return resized if x.ndim == 4 else resized[0]


def check_two(value, name):
    """Check that an argument is a pair."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"The argument `{name}` must be two numbers. Received {name}={value!r}.")
