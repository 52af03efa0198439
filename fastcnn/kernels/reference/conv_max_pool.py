"""Reference kernels of a convolution followed by max-pooling."""

import numpy as np

from fastcnn.kernels.reference.conv import (
    conv2d_backward_data,
    conv2d_backward_weights,
    conv2d_forward,
)
from fastcnn.kernels.reference.pool import max_pool2d_backward, max_pool2d_forward
from fastcnn.kernels.shapes import output_sizes

CLOSED = 255  # argmax of a window through which no gradient flows, because relu made it 0


def _expand_pool(dy, argmax, y_shape, pool_size, pool_strides):
    """The gradient of the convolution's output, given that of the pool's output."""
    full = np.zeros(y_shape, dy.dtype)
    max_pool2d_backward(
        dy, argmax, full, pool_size=pool_size, strides=pool_strides, pads=(0, 0, 0, 0)
    )
    return full


def _conv_output_shape(n, image, w_shape, strides, pads, dilation):
    return (n, *output_sizes(image, w_shape[:2], strides, pads, dilation), w_shape[3])


def conv2d_max_pool2d_forward(
    x, w, b, y, argmax, *, strides, pads, dilation, relu, pool_size, pool_strides
):
    """y = max_pool2d(conv2d(x, w, b)), then relu: the three layers in one kernel.

    The pool is "valid". argmax is that of max_pool2d_forward, uint8, and CLOSED where relu makes
    the output 0 (maximum <= 0); None where it is not wanted.
    """
    shape = _conv_output_shape(len(x), x.shape[1:3], w.shape, strides, pads, dilation)
    full = np.empty(shape, y.dtype)
    conv2d_forward(x, w, b, full, strides=strides, pads=pads, dilation=dilation, relu=False)
    max_pool2d_forward(
        full, y, argmax, pool_size=pool_size, strides=pool_strides, pads=(0, 0, 0, 0)
    )
    if relu:
        if argmax is not None:
            argmax[y <= 0] = CLOSED
        np.maximum(y, 0, out=y)


def conv2d_max_pool2d_backward_data(
    dy, argmax, w, dx, *, strides, pads, dilation, pool_size, pool_strides
):
    """conv2d_backward_data of max_pool2d_backward(dy, argmax)"""
    shape = _conv_output_shape(len(dx), dx.shape[1:3], w.shape, strides, pads, dilation)
    full = _expand_pool(dy, argmax, shape, pool_size, pool_strides)
    conv2d_backward_data(full, w, dx, strides=strides, pads=pads, dilation=dilation)


def conv2d_max_pool2d_backward_weights(
    x, dy, argmax, dw, db, *, strides, pads, dilation, pool_size, pool_strides
):
    """conv2d_backward_weights of max_pool2d_backward(dy, argmax); db may be None"""
    shape = _conv_output_shape(len(x), x.shape[1:3], dw.shape, strides, pads, dilation)
    full = _expand_pool(dy, argmax, shape, pool_size, pool_strides)
    conv2d_backward_weights(x, full, dw, db, strides=strides, pads=pads, dilation=dilation)
