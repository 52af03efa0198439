"""Convolution, max-pooling and relu as one kernel, and its gradients, as functions."""

import numpy as np
from numpy.typing import ArrayLike

from fastcnn.kernels.bind import bind
from fastcnn.kernels.functions.arguments import (
    ArgmaxArray,
    FloatArray,
    Pair,
    check_gradient,
    conv2d_geometry,
    floats,
)
from fastcnn.kernels.shapes import pair, window_geometry

__all__ = [
    "conv2d_max_pool2d_backward_data",
    "conv2d_max_pool2d_backward_weights",
    "conv2d_max_pool2d_forward",
]


def _geometry(image, window, strides, padding, dilation, pool_size, pool_strides):
    """(rows and columns of the pool's output, the kernels' keywords)"""
    size, geometry = conv2d_geometry(image, window, strides, padding, dilation)
    pool_size = pair(pool_size, "pool_size")
    pool_strides = pool_size if pool_strides is None else pair(pool_strides, "pool_strides")
    size, _ = window_geometry(size, pool_size, pool_strides, "valid")
    return size, {**geometry, "pool_size": pool_size, "pool_strides": pool_strides}


def conv2d_max_pool2d_forward(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    strides: Pair = 1,
    padding: str = "valid",
    dilation: Pair = 1,
    relu: bool = False,
    pool_size: Pair = 2,
    pool_strides: Pair | None = None,
) -> tuple[FloatArray, ArgmaxArray]:
    """y = max_pool2d(conv2d(x, w, b)), then relu: the same as the three functions in turn

    Args:
        x: images (n, h, w, ic).
        w: filters (kh, kw, ic, oc).
        b: bias (oc,) or None.
        pool_size: at most 255 elements; the pool has no padding.
        pool_strides: `pool_size` where None.

    Returns:
        y (n, oh, ow, oc) and argmax of the same shape, uint8: that of max_pool2d_forward, but 255
        where relu makes the output 0.

    Raises:
        ValueError: filter or pool do not fit into the image, or shapes do not match.
        TypeError: the pool has more than 255 elements.
    """
    x, w, b = floats({"x": 4, "w": 4, "b": 1}, x=x, w=w, b=b)
    size, settings = _geometry(
        x.shape[1:3], w.shape[:2], strides, padding, dilation, pool_size, pool_strides
    )
    y = np.empty((len(x), *size, w.shape[3]), x.dtype)
    argmax = np.empty(y.shape, np.uint8)
    bind("conv2d_max_pool2d_forward", x, w, b, y, argmax, relu=bool(relu), **settings)()
    return y, argmax


def conv2d_max_pool2d_backward_data(
    dy: ArrayLike,
    argmax: ArrayLike,
    w: ArrayLike,
    image_size: Pair,
    *,
    strides: Pair = 1,
    padding: str = "valid",
    dilation: Pair = 1,
    pool_size: Pair = 2,
    pool_strides: Pair | None = None,
) -> FloatArray:
    """conv2d_backward_data of max_pool2d_backward(dy, argmax)

    Args:
        dy: (n, oh, ow, oc).
        argmax: (n, oh, ow, oc), as conv2d_max_pool2d_forward returns it.
        w: filters (kh, kw, ic, oc).
        image_size: (height, width) of x.

    Returns:
        dx (n, height, width, ic).

    Raises:
        ValueError: dy is not of the output's size, or shapes do not match.
        TypeError: argmax is not uint8.
    """
    dy, w = floats({"dy": 4, "w": 4}, dy=dy, w=w)
    image_size = pair(image_size, "image_size")
    size, settings = _geometry(
        image_size, w.shape[:2], strides, padding, dilation, pool_size, pool_strides
    )
    check_gradient(dy, size)
    dx = np.empty((len(dy), *image_size, w.shape[2]), dy.dtype)
    argmax = np.ascontiguousarray(argmax)
    bind("conv2d_max_pool2d_backward_data", dy, argmax, w, dx, **settings)()
    return dx


def conv2d_max_pool2d_backward_weights(
    x: ArrayLike,
    dy: ArrayLike,
    argmax: ArrayLike,
    kernel_size: Pair,
    *,
    strides: Pair = 1,
    padding: str = "valid",
    dilation: Pair = 1,
    pool_size: Pair = 2,
    pool_strides: Pair | None = None,
) -> tuple[FloatArray, FloatArray]:
    """conv2d_backward_weights of max_pool2d_backward(dy, argmax)

    Args:
        x: images (n, h, w, ic).
        dy: (n, oh, ow, oc).
        argmax: (n, oh, ow, oc), as conv2d_max_pool2d_forward returns it.
        kernel_size: (kh, kw).

    Returns:
        dw (kh, kw, ic, oc) and db (oc,).

    Raises:
        ValueError: dy is not of the output's size, or shapes do not match.
        TypeError: argmax is not uint8.
    """
    x, dy = floats({"x": 4, "dy": 4}, x=x, dy=dy)
    kernel_size = pair(kernel_size, "kernel_size")
    size, settings = _geometry(
        x.shape[1:3], kernel_size, strides, padding, dilation, pool_size, pool_strides
    )
    check_gradient(dy, size)
    dw = np.empty((*kernel_size, x.shape[3], dy.shape[3]), x.dtype)
    db = np.empty(dy.shape[3], x.dtype)
    argmax = np.ascontiguousarray(argmax)
    bind("conv2d_max_pool2d_backward_weights", x, dy, argmax, dw, db, **settings)()
    return dw, db
