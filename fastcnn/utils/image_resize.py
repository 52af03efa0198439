"""Resizing images as Keras does, for `image_dataset_from_directory`: one image, in one thread.

Threads resize several images at a time. Each reuses arrays of its own: for images of this size the
operating system takes longer to provide new memory than NumPy to compute.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_own = threading.local()  # `scratch`: {shape and dtype: arrays}


def resize(
    image: NDArray, size: tuple[int, int], nearest: bool = False, out: NDArray | None = None
) -> NDArray:
    """Resize an image (height, width, channels) like Keras's `image.resize`; returns float32.

    When m pixels are resized to n, pixel i is sampled at position (i + 0.5) m / n - 0.5. Bilinear
    weights the two neighboring pixels, in each direction, by their distance to it; nearest takes
    the pixel at floor((i + 0.5) m / n).

    Args:
        out: the array to write the result to.
    """
    if out is None:
        out = np.empty((*size, image.shape[2]), np.float32)
    for axis in range(2):
        count, wanted = image.shape[axis], size[axis]
        if count == wanted:
            continue
        if nearest:
            position = (np.arange(wanted) + 0.5) * (count / wanted)
            image = image.take(np.minimum(position.astype(int), count - 1), axis)
        elif axis == 0:
            image = _interpolate_rows(image, wanted)
        else:
            _interpolate_columns(image, wanted, out)
            return out
    out[...] = image
    return out


@functools.lru_cache(64)
def _taps(count, wanted):
    """(index of the lower neighbor, of the upper one, weight of the upper one) per pixel."""
    position = np.maximum((np.arange(wanted) + 0.5) * (count / wanted) - 0.5, 0)
    lower = np.minimum(position.astype(int), count - 1)
    upper = np.minimum(lower + 1, count - 1)
    return lower, upper, (position - lower).astype(np.float32)


@functools.lru_cache(64)
def _column_taps(count, wanted, channels):
    """`_taps` for each channel of each pixel of a row."""
    lower, upper, weight = _taps(count, wanted)
    lower, upper = (
        (index[:, None] * channels + np.arange(channels)).ravel() for index in (lower, upper)
    )
    return lower, upper, np.repeat(weight, channels)


def _interpolate_rows(image, wanted):
    """The image with `wanted` rows, in an array that this thread uses again."""
    height, width, channels = image.shape
    lower, upper, weight = _taps(height, wanted)
    weight = weight[:, None]
    pixels = image.reshape(height, width * channels)
    rows = _scratch("rows", (wanted, pixels.shape[1]), pixels.dtype)
    first, second = (_scratch(name, rows.shape, np.float32) for name in ("first row", "second row"))
    np.take(pixels, lower, 0, rows, "clip")
    first[...] = rows
    np.multiply(first, 1 - weight, first)
    np.take(pixels, upper, 0, rows, "clip")
    second[...] = rows
    np.multiply(second, weight, second)
    return np.add(first, second, first).reshape(wanted, width, channels)


def _interpolate_columns(image, wanted, out):
    """Write the image with `wanted` columns to `out`."""
    height, width, channels = image.shape
    lower, upper, weight = _column_taps(width, wanted, channels)
    pixels = image.reshape(height, width * channels)
    shape = (height, wanted * channels)
    columns = _scratch("columns", shape, pixels.dtype)
    first, second = (_scratch(name, shape, np.float32) for name in ("first", "second"))
    np.take(pixels, lower, 1, columns, "clip")
    np.multiply(columns, 1 - weight, first)
    np.take(pixels, upper, 1, columns, "clip")
    np.multiply(columns, weight, second)
    np.add(first.reshape(out.shape), second.reshape(out.shape), out)


def _scratch(name, shape, dtype):
    """An array of this thread, the same one for the same name; its content is arbitrary."""
    arrays = vars(_own)
    array = arrays.get(name)
    if array is None or array.shape != shape or array.dtype != dtype:
        array = arrays[name] = np.empty(shape, dtype)
    return array


def center_crop(image: NDArray, size: tuple[int, int]) -> NDArray:
    """The largest centered crop with the aspect ratio of `size`."""
    height, width = image.shape[:2]
    rows = min(height, max(1, int(width * size[0] / size[1])))
    columns = min(width, max(1, int(height * size[1] / size[0])))
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]
