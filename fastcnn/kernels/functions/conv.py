"""Convolution and its gradients, as functions."""

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

__all__ = ["conv2d_backward_data", "conv2d_backward_weights", "conv2d_forward"]


def conv2d_forward(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    strides: Pair = 1,
    padding: str = "valid",
    dilation: Pair = 1,
    relu: bool = False,
    residual: ArrayLike | None = None,
    relu_max: float = np.inf,
) -> FloatArray:
    """y[n,oh,ow,oc] = b[oc] + sum over kh,kw,ic of x[n, oh*sh + kh*dh - top, ...] * w[kh,kw,ic,oc]

    A cross-correlation, as in Keras's Conv2D. `residual` is added to it. Then, with `relu`,
    y = min(max(y, 0), relu_max).

    Args:
        x: images (n, h, w, ic).
        w: filters (kh, kw, ic, oc).
        b: bias (oc,) or None.
        residual: (n, oh, ow, oc) or None.

    Returns:
        y (n, oh, ow, oc).

    Raises:
        ValueError: the filter does not fit into the padded image, or shapes do not match.
    """
    x, w, b, residual = floats(
        {"x": 4, "w": 4, "b": 1, "residual": 4}, x=x, w=w, b=b, residual=residual
    )
    out, geometry = conv2d_geometry(x.shape[1:3], w.shape[:2], strides, padding, dilation)
    y = np.empty((len(x), *out, w.shape[3]), x.dtype)
    bind("conv2d_forward", x, w, b, y, residual, **relu_settings(relu, relu_max), **geometry)()
    return y


def conv2d_backward_data(
    dy: ArrayLike,
    w: ArrayLike,
    image_size: Pair,
    *,
    strides: Pair = 1,
    padding: str = "valid",
    dilation: Pair = 1,
) -> FloatArray:
    """dx[n, oh*sh + kh*dh - top, ..., ic] = sum over kh,kw,oc of dy[n,oh,ow,oc] * w[kh,kw,ic,oc]

    The gradient of sum(dy * conv2d_forward(x, w)) with respect to x.

    Args:
        dy: (n, oh, ow, oc).
        w: filters (kh, kw, ic, oc).
        image_size: (height, width) of x.

    Returns:
        dx (n, height, width, ic).

    Raises:
        ValueError: dy is not of the output's size, or shapes do not match.
    """
    dy, w = floats({"dy": 4, "w": 4}, dy=dy, w=w)
    image_size = pair(image_size, "image_size")
    out, geometry = conv2d_geometry(image_size, w.shape[:2], strides, padding, dilation)
    check_gradient(dy, out)
    dx = np.empty((len(dy), *image_size, w.shape[2]), dy.dtype)
    bind("conv2d_backward_data", dy, w, dx, **geometry)()
    return dx


def conv2d_backward_weights(
    x: ArrayLike,
    dy: ArrayLike,
    kernel_size: Pair,
    *,
    strides: Pair = 1,
    padding: str = "valid",
    dilation: Pair = 1,
) -> tuple[FloatArray, FloatArray]:
    """dw[kh,kw,ic,oc] = sum over n,oh,ow of x[n, oh*sh + kh*dh - top, ..., ic] * dy[n,oh,ow,oc]

    The gradients of sum(dy * conv2d_forward(x, w, b)) with respect to w and b.

    Args:
        x: images (n, h, w, ic).
        dy: (n, oh, ow, oc).
        kernel_size: (kh, kw).

    Returns:
        dw (kh, kw, ic, oc) and db (oc,) = sum over n,oh,ow of dy.

    Raises:
        ValueError: dy is not of the output's size, or shapes do not match.
    """
    x, dy = floats({"x": 4, "dy": 4}, x=x, dy=dy)
    kernel_size = pair(kernel_size, "kernel_size")
    out, geometry = conv2d_geometry(x.shape[1:3], kernel_size, strides, padding, dilation)
    check_gradient(dy, out)
    dw = np.empty((*kernel_size, x.shape[3], dy.shape[3]), x.dtype)
    db = np.empty(dy.shape[3], x.dtype)
    bind("conv2d_backward_weights", x, dy, dw, db, **geometry)()
    return dw, db
