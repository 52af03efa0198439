"""Max- and average-pooling and their gradients, as functions."""

import numpy as np
from numpy.typing import ArrayLike

from fastcnn.kernels.bind import bind
from fastcnn.kernels.functions.arguments import (
    ArgmaxArray,
    FloatArray,
    Pair,
    check_gradient,
    floats,
)
from fastcnn.kernels.shapes import check_padding, pair, window_geometry
from fastcnn.kernels.spec import argmax_type

__all__ = [
    "average_pool2d_backward",
    "average_pool2d_forward",
    "max_pool2d_backward",
    "max_pool2d_forward",
]


def _geometry(image, pool_size, strides, padding):
    """(rows and columns of the output, the kernels' keywords)"""
    pool_size = pair(pool_size, "pool_size")
    strides = pool_size if strides is None else pair(strides, "strides")
    out, pads = window_geometry(image, pool_size, strides, check_padding(padding))
    return out, {"pool_size": pool_size, "strides": strides, "pads": pads}


def max_pool2d_forward(
    x: ArrayLike, pool_size: Pair = 2, *, strides: Pair | None = None, padding: str = "valid"
) -> tuple[FloatArray, ArgmaxArray]:
    """y[n,oh,ow,c] = max over kh,kw of x[n, oh*sh + kh - top, ow*sw + kw - left, c]

    Padding never wins. The first NaN of a window is its maximum.

    Args:
        x: images (n, h, w, c).
        strides: `pool_size` where None.

    Returns:
        y (n, oh, ow, c) and argmax of the same shape: kh * pool_width + kw of the first maximum
        in row-major order; uint8, or int32 where the window has more than 255 elements.

    Raises:
        ValueError: the window does not fit into the padded image.
    """
    (x,) = floats({"x": 4}, x=x)
    out, geometry = _geometry(x.shape[1:3], pool_size, strides, padding)
    y = np.empty((len(x), *out, x.shape[3]), x.dtype)
    argmax = np.empty(y.shape, argmax_type(geometry["pool_size"]))
    bind("max_pool2d_forward", x, y, argmax, **geometry)()
    return y, argmax


def max_pool2d_backward(
    dy: ArrayLike,
    argmax: ArrayLike,
    image_size: Pair,
    pool_size: Pair = 2,
    *,
    strides: Pair | None = None,
    padding: str = "valid",
) -> FloatArray:
    """dx at the pixel that argmax points to += dy, for every window; 0 elsewhere

    Args:
        dy: (n, oh, ow, c).
        argmax: (n, oh, ow, c), as max_pool2d_forward returns it.
        image_size: (height, width) of x.

    Returns:
        dx (n, height, width, c).

    Raises:
        ValueError: dy is not of the output's size, or argmax not of dy's.
        TypeError: argmax has another type than max_pool2d_forward returns.
    """
    (dy,) = floats({"dy": 4}, dy=dy)
    image_size = pair(image_size, "image_size")
    out, geometry = _geometry(image_size, pool_size, strides, padding)
    check_gradient(dy, out)
    dx = np.empty((len(dy), *image_size, dy.shape[3]), dy.dtype)
    bind("max_pool2d_backward", dy, np.ascontiguousarray(argmax), dx, **geometry)()
    return dx


def average_pool2d_forward(
    x: ArrayLike, pool_size: Pair = 2, *, strides: Pair | None = None, padding: str = "valid"
) -> FloatArray:
    """y[n,oh,ow,c] = mean of the window's pixels that lie inside the image

    Args:
        x: images (n, h, w, c).
        strides: `pool_size` where None.

    Returns:
        y (n, oh, ow, c).

    Raises:
        ValueError: the window does not fit into the padded image.
    """
    (x,) = floats({"x": 4}, x=x)
    out, geometry = _geometry(x.shape[1:3], pool_size, strides, padding)
    y = np.empty((len(x), *out, x.shape[3]), x.dtype)
    bind("average_pool2d_forward", x, y, **geometry)()
    return y


def average_pool2d_backward(
    dy: ArrayLike,
    image_size: Pair,
    pool_size: Pair = 2,
    *,
    strides: Pair | None = None,
    padding: str = "valid",
) -> FloatArray:
    """dx at each of a window's pixels inside the image += dy / number of those pixels

    Args:
        dy: (n, oh, ow, c).
        image_size: (height, width) of x.

    Returns:
        dx (n, height, width, c).

    Raises:
        ValueError: dy is not of the output's size.
    """
    (dy,) = floats({"dy": 4}, dy=dy)
    image_size = pair(image_size, "image_size")
    out, geometry = _geometry(image_size, pool_size, strides, padding)
    check_gradient(dy, out)
    dx = np.empty((len(dy), *image_size, dy.shape[3]), dy.dtype)
    bind("average_pool2d_backward", dy, dx, **geometry)()
    return dx
