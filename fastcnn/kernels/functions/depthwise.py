"""Depthwise convolution and its gradients, as functions."""

import numpy as np
from numpy.typing import ArrayLike

from fastcnn.kernels.bind import bind
from fastcnn.kernels.functions.arguments import (
    FloatArray,
    Pair,
    check_gradient,
    conv2d_geometry,
    floats,
    relu_settings,
)
from fastcnn.kernels.shapes import pair

__all__ = [
    "depthwise_conv2d_backward_data",
    "depthwise_conv2d_backward_weights",
    "depthwise_conv2d_forward",
]


def depthwise_conv2d_forward(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    strides: Pair = 1,
    padding: str = "valid",
    dilation: Pair = 1,
    relu: bool = False,
    relu_max: float = np.inf,
) -> FloatArray:
    """y[n,oh,ow,ic*m+j] = b + sum over kh,kw of x[n, oh*sh + kh*dh - top, ..., ic] * w[kh,kw,ic,j]

    As in Keras's DepthwiseConv2D. With `relu`, y = min(max(y, 0), relu_max).

    Args:
        x: images (n, h, w, ic).
        w: filters (kh, kw, ic, m).
        b: bias (ic * m,) or None.

    Returns:
        y (n, oh, ow, ic * m).

    Raises:
        ValueError: the filter does not fit into the padded image, or shapes do not match.
    """
    x, w, b = floats({"x": 4, "w": 4, "b": 1}, x=x, w=w, b=b)
    size, geometry = conv2d_geometry(x.shape[1:3], w.shape[:2], strides, padding, dilation)
    y = np.empty((len(x), *size, w.shape[2] * w.shape[3]), x.dtype)
    settings = relu_settings(relu, relu_max)
    bind("depthwise_conv2d_forward", x, w, b, y, **settings, **geometry)()
    return y


def depthwise_conv2d_backward_data(
    dy: ArrayLike,
    w: ArrayLike,
    image_size: Pair,
    *,
    strides: Pair = 1,
    padding: str = "valid",
    dilation: Pair = 1,
) -> FloatArray:
    """dx, the gradient of sum(dy * depthwise_conv2d_forward(x, w)) with respect to x

    Args:
        dy: (n, oh, ow, ic * m).
        w: filters (kh, kw, ic, m).
        image_size: (height, width) of x.

    Returns:
        dx (n, height, width, ic).

    Raises:
        ValueError: dy is not of the output's size, or shapes do not match.
    """
    dy, w = floats({"dy": 4, "w": 4}, dy=dy, w=w)
    image_size = pair(image_size, "image_size")
    size, geometry = conv2d_geometry(image_size, w.shape[:2], strides, padding, dilation)
    check_gradient(dy, size)
    dx = np.empty((len(dy), *image_size, w.shape[2]), dy.dtype)
    bind("depthwise_conv2d_backward_data", dy, w, dx, **geometry)()
    return dx


def depthwise_conv2d_backward_weights(
    x: ArrayLike,
    dy: ArrayLike,
    kernel_size: Pair,
    *,
    strides: Pair = 1,
    padding: str = "valid",
    dilation: Pair = 1,
) -> tuple[FloatArray, FloatArray]:
    """The gradients of sum(dy * depthwise_conv2d_forward(x, w, b)) with respect to w and b

    Args:
        x: images (n, h, w, ic).
        dy: (n, oh, ow, ic * m).
        kernel_size: (kh, kw).

    Returns:
        dw (kh, kw, ic, m) and db (ic * m,).

    Raises:
        ValueError: dy is not of the output's size, or shapes do not match.
    """
    x, dy = floats({"x": 4, "dy": 4}, x=x, dy=dy)
    kernel_size = pair(kernel_size, "kernel_size")
    size, geometry = conv2d_geometry(x.shape[1:3], kernel_size, strides, padding, dilation)
    check_gradient(dy, size)
    dw = np.empty((*kernel_size, x.shape[3], dy.shape[3] // max(x.shape[3], 1)), x.dtype)
    db = np.empty(dy.shape[3], x.dtype)
    bind("depthwise_conv2d_backward_weights", x, dy, dw, db, **geometry)()
    return dw, db
