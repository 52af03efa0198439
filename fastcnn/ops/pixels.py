"""Operations on images (h, w, c) or (n, h, w, c): `keras.ops.image`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.arguments import check_choice, check_data_format
from fastcnn.layers.resampling import Resampling
from fastcnn.ops.base import convert, op, to_float

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

GRAY = (0.2989, 0.5870, 0.1140)
INTERPOLATIONS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")


def check_images(images: Any, data_format: Any = None, name: str = "images") -> NDArray:
    """`images` as an array (h, w, c) or (n, h, w, c)."""
    check_data_format(data_format)
    images = convert(images)
    if images.ndim not in (3, 4):
        raise ValueError(
            f"The argument `{name}` must have shape (height, width, channels) or (n, height, width,"
            f" channels). Received shape {images.shape}."
        )
    return images


def rounded_to(x: NDArray, dtype: np.dtype) -> NDArray:
    """Floats as another type: rounded and clipped to the range of integers."""
    if dtype.kind not in "iu":
        return x.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.round(x), limits.min, limits.max).astype(dtype)


# ------------------------------------------------------------------------------------------- colors


@op
def rgb_to_grayscale(images: ArrayLike, data_format: str | None = None) -> NDArray:
    """0.2989 red + 0.587 green + 0.114 blue, in the type of the images."""
    images = check_images(images, data_format)
    if images.shape[-1] == 1:
        return images
    if images.shape[-1] != 3:
        raise ValueError(f"`rgb_to_grayscale` needs 1 or 3 channels. Received {images.shape}.")
    x = to_float(images)
    return (x @ np.array(GRAY, x.dtype))[..., None].astype(images.dtype)


def _float_images(images: Any, data_format: Any) -> NDArray:
    images = check_images(images, data_format)
    if images.dtype.kind != "f" or images.shape[-1] != 3:
        raise ValueError(
            "Conversions of colors need floats with 3 channels. "
            f"Received {images.dtype} of shape {images.shape}."
        )
    return images


@op
def rgb_to_hsv(images: ArrayLike, data_format: str | None = None) -> NDArray:
    """Red, green, blue in [0, 1] to hue, saturation, value in [0, 1]."""
    images = _float_images(images, data_format)
    red, green, blue = np.moveaxis(images, -1, 0)
    value, spread = images.max(-1), np.ptp(images, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        saturation = np.where(value > 0, spread / value, 0)
        unit = 1 / (6 * spread)
        hue = np.where(
            red == value,
            unit * (green - blue),
            np.where(green == value, unit * (blue - red) + 2 / 6, unit * (red - green) + 4 / 6),
        )
    hue = np.where(spread > 0, hue, 0)
    hue = np.where(hue < 0, hue + 1, hue)
    return np.stack([hue, saturation, value], -1).astype(images.dtype)


@op
def hsv_to_rgb(images: ArrayLike, data_format: str | None = None) -> NDArray:
    """Hue, saturation, value in [0, 1] to red, green, blue in [0, 1]."""
    images = _float_images(images, data_format)
    hue, saturation, value = images[..., :1], images[..., 1:2], images[..., 2:]
    distance = np.array([3, 2, 4], images.dtype)
    ramp = np.abs(hue * 6 - distance)
    colors = np.clip(np.concatenate([ramp[..., :1] - 1, 2 - ramp[..., 1:]], -1), 0, 1)
    return ((1 - saturation) + saturation * colors) * value


# -------------------------------------------------------------------------------------------- sizes


@op
def resize(
    images: ArrayLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> NDArray:
    """Images of another size, in their type: integers are rounded.

    Args:
        size: (height, width).
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        antialias: when shrinking, average all pixels that a new one covers.
        crop_to_aspect_ratio: use the largest centered part of the new aspect ratio.
        pad_to_aspect_ratio: pad both sides with `fill_value` to the new aspect ratio.
        fill_mode: "constant".
    """
    images = check_images(images, data_format)
    check_choice(interpolation, "interpolation", INTERPOLATIONS)
    check_choice(fill_mode, "fill_mode", ("constant",))
    if len(size) != 2 or min(size) <= 0:
        raise ValueError(
            f"The argument `size` must be two positive integers. Received size={size}."
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(
            "Only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True."
        )
    new_height, new_width = (int(one) for one in size)
    height, width = images.shape[-3:-1]
    if crop_to_aspect_ratio:
        high = max(min(height, int(np.float32(width * new_height) / new_width)), 1)
        wide = max(min(width, int(np.float32(height * new_width) / new_height)), 1)
        top, left = (height - high) // 2, (width - wide) // 2
        images = images[..., top : top + high, left : left + wide, :]
    elif pad_to_aspect_ratio:
        above = max(int(np.float32(width * new_height) / new_width) - height, 0) // 2
        left = max(int(np.float32(height * new_width) / new_height) - width, 0) // 2
        margins = [(0, 0)] * (images.ndim - 3) + [(above, above), (left, left), (0, 0)]
        images = np.pad(images, margins, constant_values=np.asarray(fill_value, images.dtype))
    return rounded_to(
        resampled(images, (new_height, new_width), interpolation, antialias), images.dtype
    )


def resampled(
    images: NDArray, size: tuple[int, int], interpolation: str, antialias: bool
) -> NDArray:
    """Images (..., h, w, c) of another size, as floats; those of this size unchanged."""
    if images.shape[-3:-1] == size:
        return images
    is_bytes = images.dtype == np.uint8  # which the kernel reads
    x = images if is_bytes else to_float(images)
    one = x.ndim == 3
    x = x[None] if one else x
    dtype = config.floatx() if is_bytes else x.dtype.name
    x = Resampling(x.shape[1:3], size, interpolation, dtype, bool(antialias))(x)
    return x[0] if one else x


def _margins(
    size: int, before: Any, after: Any, target: Any, names: str, sign: int
) -> tuple[int, int, int]:
    """(before, after, target) where one of the three was None; sign is 1 to pad, -1 to crop."""
    given = {"before": before, "after": after, "target": target}
    if sum(value is None for value in given.values()) != 1:
        raise ValueError(
            f"Exactly two of {names} must be given. Received {before}, {after}, {target}."
        )
    if target is None:
        target = size + sign * (before + after)
    elif before is None:
        before = sign * (target - size) - after
    else:
        after = sign * (target - size) - before
    if min(before, after, target) < 0 or target == 0:
        raise ValueError(
            f"The arguments {names} do not fit an image of size {size}. They would be "
            f"{before}, {after} and {target}."
        )
    return before, after, target


@op
def pad_images(
    images: ArrayLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> NDArray:
    """Images with zeros around them, given two of top, bottom and height, and two for the width."""
    images = check_images(images, data_format)
    height, width = images.shape[-3:-1]
    names = "top_padding, bottom_padding and target_height"
    top, bottom, _ = _margins(height, top_padding, bottom_padding, target_height, names, 1)
    names = "left_padding, right_padding and target_width"
    left, right, _ = _margins(width, left_padding, right_padding, target_width, names, 1)
    margins = [(0, 0)] * (images.ndim - 3) + [(top, bottom), (left, right), (0, 0)]
    return np.pad(images, margins)


@op
def crop_images(
    images: ArrayLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> NDArray:
    """Images without margins, given two of top, bottom and height, and two for the width."""
    images = check_images(images, data_format)
    height, width = images.shape[-3:-1]
    names = "top_cropping, bottom_cropping and target_height"
    top, _, high = _margins(height, top_cropping, bottom_cropping, target_height, names, -1)
    names = "left_cropping, right_cropping and target_width"
    left, _, wide = _margins(width, left_cropping, right_cropping, target_width, names, -1)
    return images[..., top : top + high, left : left + wide, :]
