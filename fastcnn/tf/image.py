"""`tf.image`: images (h, w, c) or (n, h, w, c). `name` has no effect."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import ops
from fastcnn.core.arguments import check_choice
from fastcnn.core.lazy import explain_missing
from fastcnn.ops.base import convert, op, standard_dtype, to_float
from fastcnn.ops.pixels import INTERPOLATIONS, check_images, resampled
from fastcnn.tf.image_random import (
    random_brightness as random_brightness,
    random_contrast as random_contrast,
    random_crop as random_crop,
    random_flip_left_right as random_flip_left_right,
    random_flip_up_down as random_flip_up_down,
    random_hue as random_hue,
    random_saturation as random_saturation,
    stateless_random_brightness as stateless_random_brightness,
    stateless_random_contrast as stateless_random_contrast,
    stateless_random_crop as stateless_random_crop,
    stateless_random_flip_left_right as stateless_random_flip_left_right,
    stateless_random_flip_up_down as stateless_random_flip_up_down,
)
from fastcnn.tf.io import (
    decode_image as decode_image,
    decode_jpeg as decode_jpeg,
    decode_png as decode_png,
    encode_jpeg as encode_jpeg,
    encode_png as encode_png,
)

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    Name = str | None


class ResizeMethod:
    """Names of the methods of `resize`."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"
    BICUBIC = "bicubic"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"


# ----------------------------------------------------------------------------------- size, position


@op
def resize(
    images: ArrayLike,
    size: Any,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: Name = None,
) -> NDArray:
    """Images of another size as float32; "nearest" keeps their type.

    Args:
        size: (height, width).
        method: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        preserve_aspect_ratio: whether to take the largest size of the same shape within `size`.
        antialias: when shrinking, average all pixels that a new one covers.
    """
    images = check_images(images)
    check_choice(method, "method", INTERPOLATIONS)
    if np.shape(size) != (2,):
        raise ValueError(f"The argument `size` must be (height, width). Received size={size!r}.")
    height, width = (int(one) for one in np.asarray(size))
    if preserve_aspect_ratio:
        scale = min(height / images.shape[-3], width / images.shape[-2])
        height, width = (round(size * scale) for size in images.shape[-3:-1])
    y = resampled(images, (height, width), method, antialias)
    return y.astype(images.dtype if method == "nearest" else to_float(y).dtype)


@op
def resize_with_crop_or_pad(image: ArrayLike, target_height: int, target_width: int) -> NDArray:
    """Images cropped to, or padded with zeros around, their center."""
    image = check_images(image)
    for axis, target in ((-3, int(target_height)), (-2, int(target_width))):
        size = image.shape[axis]
        before = max(size - target, 0) // 2
        image = np.take(image, range(before, before + min(size, target)), axis)
        above = max(target - size, 0) // 2
        margins = [(0, 0)] * image.ndim
        margins[axis] = (above, max(target - size, 0) - above)
        image = np.pad(image, margins)
    return image


@op
def resize_with_pad(
    image: ArrayLike,
    target_height: int,
    target_width: int,
    method: str = "bilinear",
    antialias: bool = False,
) -> NDArray:
    """Images resized without distortion, padded with zeros around."""
    image = check_images(image)
    height, width = image.shape[-3:-1]
    ratio = max(width / target_width, height / target_height)
    high, wide = math.floor(height / ratio), math.floor(width / ratio)
    top = max(math.floor((target_height - height / ratio) / 2), 0)
    left = max(math.floor((target_width - width / ratio) / 2), 0)
    resized = np.asarray(resize(image, (high, wide), method, False, antialias))
    return _framed(resized, top, left, target_height, target_width)


def _framed(image: NDArray, top: int, left: int, height: int, width: int) -> NDArray:
    below, right = height - top - image.shape[-3], width - left - image.shape[-2]
    if min(top, left, below, right) < 0:
        raise ValueError(
            f"An image of shape {image.shape} at ({top}, {left}) does not fit into "
            f"{height} x {width}."
        )
    margins = [(0, 0)] * (image.ndim - 3) + [(top, below), (left, right), (0, 0)]
    return np.pad(image, margins)


@op
def pad_to_bounding_box(
    image: ArrayLike, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> NDArray:
    """Zeros of a size, with the images at an offset."""
    image = check_images(image)
    return _framed(image, offset_height, offset_width, target_height, target_width)


@op
def crop_to_bounding_box(
    image: ArrayLike, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> NDArray:
    """The part of a size at an offset.

    Raises:
        ValueError: it does not fit into the image.
    """
    image = check_images(image)
    bottom, right = offset_height + target_height, offset_width + target_width
    if min(offset_height, offset_width) < 0 or min(target_height, target_width) < 1:
        raise ValueError("Offsets must not be negative, and sizes must be positive.")
    if bottom > image.shape[-3] or right > image.shape[-2]:
        raise ValueError(
            f"A box that ends at ({bottom}, {right}) does not fit into shape {image.shape}."
        )
    return image[..., offset_height:bottom, offset_width:right, :]


@op
def central_crop(image: ArrayLike, central_fraction: float) -> NDArray:
    """The middle of images, a fraction of their height and width."""
    image = check_images(image)
    if not 0 < central_fraction <= 1:
        raise ValueError(
            f"The argument `central_fraction` must be in (0, 1]. Received {central_fraction}."
        )
    height, width = image.shape[-3:-1]
    top = int((height - height * central_fraction) / 2)
    left = int((width - width * central_fraction) / 2)
    return image[..., top : height - top, left : width - left, :]


@op
def flip_left_right(image: ArrayLike) -> NDArray:
    """Images mirrored at the vertical axis."""
    return check_images(image)[..., ::-1, :]


@op
def flip_up_down(image: ArrayLike) -> NDArray:
    """Images mirrored at the horizontal axis."""
    return check_images(image)[..., ::-1, :, :]


@op
def rot90(image: ArrayLike, k: int = 1, name: Name = None) -> NDArray:
    """Images rotated k times by 90 degrees, counterclockwise."""
    return np.rot90(check_images(image), k, (-3, -2))


@op
def transpose(image: ArrayLike, name: Name = None) -> NDArray:
    """Images with rows and columns exchanged."""
    return np.swapaxes(check_images(image), -3, -2)


# ------------------------------------------------------------------------------------ types, colors


@op
def convert_image_dtype(
    image: ArrayLike, dtype: Any, saturate: bool = False, name: Name = None
) -> NDArray:
    """Images of another type, scaled: floats are in [0, 1], integers go up to their maximum."""
    image, wanted = convert(image), standard_dtype(dtype)
    if image.dtype == wanted:
        return image
    if wanted.kind not in "iuf" or image.dtype.kind not in "iuf":
        raise TypeError(f"Images are integers or floats. Received {image.dtype} and {wanted}.")
    if image.dtype.kind == wanted.kind == "f":
        return image.astype(wanted)
    if wanted.kind == "f":
        return image.astype(wanted) * wanted.type(1 / np.iinfo(image.dtype).max)
    most = np.iinfo(wanted).max
    if image.dtype.kind == "f":
        scaled = image * image.dtype.type(most + 0.5)
        return np.asarray(ops.saturate_cast(scaled, wanted)) if saturate else scaled.astype(wanted)
    own = np.iinfo(image.dtype).max
    if own > most:
        scaled = image // ((own + 1) // (most + 1))
        return np.asarray(ops.saturate_cast(scaled, wanted)) if saturate else scaled.astype(wanted)
    image = np.maximum(image, 0) if saturate else image
    return image.astype(wanted) * wanted.type((most + 1) // (own + 1))


def as_float(image: Any) -> NDArray:
    """Images as floats, integers scaled to [0, 1]."""
    image = check_images(image)
    return image if image.dtype.kind == "f" else np.asarray(convert_image_dtype(image, "float32"))


def back(image: NDArray, like: Any) -> NDArray:
    """Floats in the type of other images, clipped to its range."""
    return np.asarray(convert_image_dtype(image, convert(like).dtype, saturate=True))


@op
def rgb_to_grayscale(images: ArrayLike, name: Name = None) -> NDArray:
    """0.2989 red + 0.587 green + 0.114 blue"""
    x = as_float(images)
    gray = (x @ np.array([0.2989, 0.5870, 0.1140], x.dtype))[..., None]
    return np.asarray(convert_image_dtype(gray, convert(images).dtype))


@op
def grayscale_to_rgb(images: ArrayLike, name: Name = None) -> NDArray:
    """Images of one channel with three equal ones."""
    images = check_images(images)
    if images.shape[-1] != 1:
        raise ValueError(f"Gray images have one channel. Received shape {images.shape}.")
    return np.repeat(images, 3, -1)


@op
def rgb_to_hsv(images: ArrayLike, name: Name = None) -> NDArray:
    """Red, green, blue in [0, 1] to hue, saturation, value in [0, 1]."""
    return ops.image.rgb_to_hsv(images)


@op
def hsv_to_rgb(images: ArrayLike, name: Name = None) -> NDArray:
    """Hue, saturation, value in [0, 1] to red, green, blue in [0, 1]."""
    return ops.image.hsv_to_rgb(images)


@op
def adjust_brightness(image: ArrayLike, delta: float) -> NDArray:
    """image + delta; integers are scaled to [0, 1] before."""
    x = as_float(image)
    return back(x + x.dtype.type(delta), image)


@op
def adjust_contrast(images: ArrayLike, contrast_factor: float) -> NDArray:
    """(x - mean) * contrast_factor + mean, with each channel's mean of each image."""
    x = as_float(images).astype(np.float32)
    mean = x.mean((-3, -2), keepdims=True)
    return back((x - mean) * np.float32(contrast_factor) + mean, images)


@op
def adjust_gamma(image: ArrayLike, gamma: float = 1, gain: float = 1) -> NDArray:
    """gain * image^gamma; integers are scaled to [0, 1] before.

    Raises:
        ValueError: a negative gamma.
    """
    if gamma < 0:
        raise ValueError(f"The argument `gamma` must not be negative. Received gamma={gamma}.")
    x = as_float(image)
    return back(x.dtype.type(gain) * x ** x.dtype.type(gamma), image)


@op
def adjust_hue(image: ArrayLike, delta: float, name: Name = None) -> NDArray:
    """Images with `delta`, in [-1, 1], added to their hues."""
    hsv = np.array(ops.image.rgb_to_hsv(as_float(image)))
    hsv[..., 0] = np.mod(hsv[..., 0] + hsv.dtype.type(delta), 1)
    return back(np.asarray(ops.image.hsv_to_rgb(hsv)), image)


@op
def adjust_saturation(image: ArrayLike, saturation_factor: float, name: Name = None) -> NDArray:
    """Images with their saturations multiplied by a factor."""
    hsv = np.array(ops.image.rgb_to_hsv(as_float(image)))
    hsv[..., 1] = np.clip(hsv[..., 1] * hsv.dtype.type(saturation_factor), 0, 1)
    return back(np.asarray(ops.image.hsv_to_rgb(hsv)), image)


@op
def per_image_standardization(image: ArrayLike) -> NDArray:
    """(x - mean) / max(deviation, 1 / sqrt(pixels)) of each image, float32."""
    x = check_images(image)
    x = x if x.dtype.kind == "f" else x.astype(np.float32)
    axes = (-3, -2, -1)
    least = x.dtype.type(1 / math.sqrt(math.prod(x.shape[-3:])))
    deviation = np.maximum(x.std(axes, keepdims=True), least)
    return (x - x.mean(axes, keepdims=True)) / deviation


# --------------------------------------------------------------------------------------- comparison


@op
def psnr(a: ArrayLike, b: ArrayLike, max_val: float, name: Name = None) -> NDArray:
    """20 log10(max_val) - 10 log10(mean((a - b)^2)) of each pair of images."""
    scale = np.float32(1) if convert(a).dtype.kind == "f" else np.iinfo(convert(a).dtype).max
    x, y = as_float(a).astype(np.float32), as_float(b).astype(np.float32)
    square = np.square(x - y).mean((-3, -2, -1))
    with np.errstate(divide="ignore"):
        return np.asarray(20 * np.log10(max_val / scale) - 10 * np.log10(square), np.float32)


@op
def ssim(
    img1: ArrayLike,
    img2: ArrayLike,
    max_val: float,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> NDArray:
    """The structural similarity of each pair of images."""
    scale = np.float32(1) if convert(img1).dtype.kind == "f" else np.iinfo(convert(img1).dtype).max
    x, y = as_float(img1), as_float(img2)
    return ops.image.ssim(x, y, max_val / float(scale), filter_size, filter_sigma, k1, k2)


@op
def total_variation(images: ArrayLike, name: Name = None) -> NDArray:
    """The sum of |differences| of neighbors, for each image."""
    x = to_float(check_images(images))
    axes = (-3, -2, -1)
    return np.abs(np.diff(x, axis=-3)).sum(axes) + np.abs(np.diff(x, axis=-2)).sum(axes)


@op
def image_gradients(image: ArrayLike) -> Any:
    """(differences down, differences to the right) of images (n, h, w, c), 0 at the end."""
    x = check_images(image)
    down, right = np.zeros_like(x), np.zeros_like(x)
    down[..., :-1, :, :] = np.diff(x, axis=-3)
    right[..., :-1, :] = np.diff(x, axis=-2)
    return down, right


@op
def sobel_edges(image: ArrayLike) -> NDArray:
    """(n, h, w, c, 2): the derivatives down and to the right."""
    return ops.image.sobel_edges(image)


@op
def extract_patches(
    images: ArrayLike, sizes: Any, strides: Any, rates: Any, padding: str, name: Name = None
) -> NDArray:
    """Patches (n, rows, columns, height * width * c): sizes, strides, rates are [1, h, w, 1]."""
    size, stride, rate = (tuple(np.asarray(v).tolist()[1:3]) for v in (sizes, strides, rates))
    return ops.image.extract_patches(images, size, stride, rate, padding.lower())


explain_missing(sys.modules[__name__])
