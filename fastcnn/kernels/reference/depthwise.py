"""Reference kernels of depthwise convolution; see `reference`."""

import numpy as np


def _patches(padded, w_shape, strides, dilation, out):
    """For each tap: its row and column, and the pixels that it meets, as a slice of the image."""
    for kh in range(w_shape[0]):
        for kw in range(w_shape[1]):
            top, left = kh * dilation[0], kw * dilation[1]
            rows = slice(top, top + out[0] * strides[0], strides[0])
            columns = slice(left, left + out[1] * strides[1], strides[1])
            yield kh, kw, padded[:, rows, columns]


def _pad(x, pads):
    top, bottom, left, right = pads
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))


def _by_channel(y, w_shape):
    """y (n, oh, ow, ic * depth) seen as (n, oh, ow, ic, depth)."""
    return y.reshape(*y.shape[:3], w_shape[2], w_shape[3])


def depthwise_conv2d_forward(x, w, b, y, *, strides, pads, dilation, relu):
    """y[n,oh,ow,ic*m+j] = b + sum over kh,kw of x[n, oh*sh + kh*dh - top, ..., ic] * w[kh,kw,ic,j]

    x (n, h, w, ic), w (kh, kw, ic, m), b (ic * m,) or None, y (n, oh, ow, ic * m). With `relu`,
    y = max(y, 0), and NaN stays NaN.
    """
    total = np.zeros_like(_by_channel(y, w.shape))
    for kh, kw, pixels in _patches(_pad(x, pads), w.shape, strides, dilation, y.shape[1:3]):
        total += pixels[..., None] * w[kh, kw]
    y[...] = total.reshape(y.shape)
    if b is not None:
        y += b
    if relu:
        np.maximum(y, 0, out=y)


def depthwise_conv2d_backward_data(dy, w, dx, *, strides, pads, dilation):
    """dx[n, oh*sh + kh*dh - top, ..., ic] += sum over j of dy[n,oh,ow,ic*m+j] * w[kh,kw,ic,j]"""
    padded = _pad(np.zeros_like(dx), pads)
    gradient = _by_channel(dy, w.shape)
    for kh, kw, pixels in _patches(padded, w.shape, strides, dilation, dy.shape[1:3]):
        pixels += (gradient * w[kh, kw]).sum(-1)  # a view of `padded`
    dx[...] = padded[:, pads[0] : pads[0] + dx.shape[1], pads[2] : pads[2] + dx.shape[2]]


def depthwise_conv2d_backward_weights(x, dy, dw, db, *, strides, pads, dilation):
    """dw[kh,kw,ic,j] = sum over n,oh,ow of x[n, oh*sh + kh*dh - top, ..., ic] * dy[n,oh,ow,ic*m+j]

    db = sum over n,oh,ow of dy; db may be None.
    """
    gradient = _by_channel(dy, dw.shape)
    for kh, kw, pixels in _patches(_pad(x, pads), dw.shape, strides, dilation, dy.shape[1:3]):
        dw[kh, kw] = (pixels[..., None] * gradient).sum((0, 1, 2))
    if db is not None:
        db[...] = dy.sum((0, 1, 2))
