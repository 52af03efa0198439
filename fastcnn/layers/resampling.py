"""Resizing of images: each output pixel is a weighted sum of a few input pixels, axis by axis."""

import functools

import numpy as np

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


CUBIC_STEPS = 1024  # per pixel: TensorFlow reads the cubic's values from a table


def resize_matrix(size, new_size, interpolation, antialias=False):
    """(new_size, size): row i contains the weights of the input pixels for output pixel i.

    Output pixel i is at position (i + 0.5) * size / new_size - 0.5. "bilinear" uses the two nearest
    pixels, "bicubic" four (Keys 1981, a = -0.5), "lanczos3" and "lanczos5" six and ten; `antialias`
    widens this by the factor of a reduction. Pixels outside of the image are omitted, and the
    remaining weights are normalized. As in TensorFlow, including its rounded positions.
    """
    if interpolation == "nearest":
        step = np.float32(size) / np.float32(new_size)
        nearest = np.floor((np.arange(new_size, dtype=np.float32) + np.float32(0.5)) * step)
        return np.equal.outer(np.minimum(nearest, size - 1), np.arange(size)).astype(float)
    position = (np.arange(new_size) + 0.5) * size / new_size - 0.5
    if interpolation == "bicubic" and not antialias:
        position = np.round(position * CUBIC_STEPS) / CUBIC_STEPS
    distance = np.abs(position[:, None] - np.arange(size))
    if antialias:
        distance /= max(size / new_size, 1)
    weights = _weights(distance, interpolation)
    weights[np.abs(weights) < 1e-12] = 0  # rounding errors of the sine
    return weights / weights.sum(1, keepdims=True)


def _weights(distance, interpolation):
    if interpolation == "bilinear":
        return np.maximum(1 - distance, 0)
    if interpolation == "bicubic":
        a = -0.5
        near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
        far = ((distance - 5) * distance + 8) * distance * a - 4 * a
        return np.where(distance <= 1, near, np.where(distance < 2, far, 0))
    radius = int(interpolation[-1])
    return np.where(distance < radius, np.sinc(distance) * np.sinc(distance / radius), 0)


class AxisMaps:
    """Linear maps along the axes 1 and 2 of images (n, h, w, c), and their transpose.

    Args:
        taps: {axis: (those of the map, those of its transpose)}. Taps are a list of (columns,
            values): output i is the sum over the list of value[i] * input[column[i]].
    """

    def __init__(self, taps):
        self._taps = taps

    def __call__(self, images):
        """(n, h, w, c) -> (n, h', w', c)"""
        for axis, (forth, _) in self._taps.items():
            images = _weighted(images, forth, axis)
        return images

    def transposed(self, dy):
        """(n, h', w', c) -> (n, h, w, c): the gradient at the images."""
        for axis, (_, back) in reversed(self._taps.items()):
            dy = _weighted(dy, back, axis)
        return dy


@functools.lru_cache(maxsize=64)
class Resampling(AxisMaps):
    """The linear map that resizes images, and its transpose."""

    def __init__(self, size, new_size, interpolation, dtype, antialias=False):
        taps = {}
        for axis, old, new in zip((1, 2), size, new_size, strict=True):
            matrix = resize_matrix(old, new, interpolation, antialias)
            taps[axis] = _taps(matrix, dtype), _taps(matrix.T, dtype)
        super().__init__(taps)


def _taps(matrix, dtype):
    """A matrix with few entries per row as [(column of each row's k-th entry, its value)]."""
    order = np.argsort(matrix == 0, axis=1, kind="stable")  # nonzero entries first
    count = max(np.count_nonzero(matrix, axis=1).max(initial=0), 1)
    columns = order[:, :count]
    values = np.take_along_axis(matrix, columns, 1).astype(dtype)
    return list(zip(columns.T, values.T, strict=True))


def _weighted(images, taps, axis):
    """The sum over taps of value * images[column], along an axis."""
    shape = [1, 1, 1, 1]
    shape[axis] = -1
    total = None
    for column, value in taps:
        part = images.take(column, axis)
        part *= value.reshape(shape)
        total = part if total is None else np.add(total, part, out=total)
    return total
