"""Resizing of images: each output pixel is a weighted sum of a few input pixels, axis by axis."""

import functools

import numpy as np

from fastcnn import config, kernels
from fastcnn.kernels import reference
from fastcnn.kernels.backends import FLOATS
from fastcnn.kernels.bind import ReferenceKernel

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


class Taps:
    """Weighted sums along an axis: output i is the sum of weights[i,k] * input[columns[i,k]]."""

    def __init__(self, columns, weights, dtype):
        self.columns = np.ascontiguousarray(columns, np.int32)
        self.weights = np.ascontiguousarray(weights, dtype)

    @classmethod
    def of(cls, matrix, dtype):
        """Those of a matrix (outputs, inputs) with few entries per row."""
        order = np.argsort(matrix == 0, axis=1, kind="stable")  # nonzero entries first
        count = max(np.count_nonzero(matrix, axis=1).max(initial=0), 1)
        columns = order[:, :count]
        weights = np.take_along_axis(matrix, columns, 1)
        return cls(np.where(weights == 0, columns[:, :1], columns), weights, dtype)

    @classmethod
    def identity(cls, size, dtype):
        """The input itself."""
        return cls(np.arange(size)[:, None], np.ones((size, 1)), dtype)

    def moved(self, offset):
        """For an input in which the old one begins at `offset`."""
        return Taps(self.columns + offset, self.weights, self.weights.dtype)


class AxisMaps:
    """Linear maps along the axes 1 and 2 of images (n, h, w, c), and their transpose.

    Args:
        taps: {axis: (`Taps` of the map, `Taps` of its transpose)}, for one axis or both.
        dtype: that of the results.
    """

    def __init__(self, taps, dtype):
        self._taps = taps
        self.dtype = np.dtype(dtype)

    def bind(self, x, y, corner=(0, 0)):
        """A callable that writes y from the part of x that begins at `corner`."""
        return self._bind(0, x, y, corner)

    def bind_transposed(self, dy, dx):
        """A callable that writes dx, the gradient at the images, from dy."""
        return self._bind(1, dy, dx)

    def __call__(self, images):
        """(n, h, w, c) -> (n, h', w', c); images of other types are converted."""
        sizes = [
            len(self._taps[axis][0].columns) if axis in self._taps else images.shape[axis]
            for axis in (1, 2)
        ]
        y = np.empty((len(images), *sizes, images.shape[3]), self.dtype)
        if images.dtype != np.uint8:
            images = images.astype(self.dtype, copy=False)
        self.bind(np.ascontiguousarray(images), y)()
        return y

    def _bind(self, which, x, y, corner=(0, 0)):
        arrays = []
        for axis, offset in zip((1, 2), corner, strict=True):
            pair = self._taps.get(axis)
            taps = Taps.identity(y.shape[axis], self.dtype) if pair is None else pair[which]
            taps = taps.moved(offset) if offset else taps
            arrays += [taps.columns, taps.weights]
        if self.dtype.name not in FLOATS[config.backend()]:
            return ReferenceKernel(reference.resample, x, *arrays, y)
        return kernels.bind("resample", x, *arrays, y)


@functools.lru_cache(maxsize=64)
class Resampling(AxisMaps):
    """The linear map that resizes images, and its transpose."""

    def __init__(self, size, new_size, interpolation, dtype, antialias=False):
        taps = {}
        for axis, old, new in zip((1, 2), size, new_size, strict=True):
            matrix = resize_matrix(old, new, interpolation, antialias)
            taps[axis] = Taps.of(matrix, dtype), Taps.of(matrix.T, dtype)
        super().__init__(taps, dtype)


@functools.lru_cache(maxsize=64)
class Repetition(AxisMaps):
    """Repeats each row and each column of images; its transpose sums what was repeated."""

    def __init__(self, size, factors, dtype):
        taps = {}
        for axis, length, factor in zip((1, 2), size, factors, strict=True):
            copies = np.arange(length * factor)
            forth = Taps(copies[:, None] // factor, np.ones((len(copies), 1)), dtype)
            back = Taps(copies.reshape(length, factor), np.ones((length, factor)), dtype)
            taps[axis] = forth, back
        super().__init__(taps, dtype)
