"""Reference kernels of depthwise convolution and its gradients."""

import numpy as np

from fastcnn.kernels.reference.activations import relu_forward
from fastcnn.kernels.reference.windows import padded, taps, unpadded


def _by_channel(y, w_shape):
    """y (n, oh, ow, ic * m) viewed as (n, oh, ow, ic, m)."""
    return y.reshape(*y.shape[:3], w_shape[2], w_shape[3])


def depthwise_conv2d_forward(x, w, b, y, *, strides, pads, dilation, relu, relu_max=np.inf):
    """y[n,oh,ow,ic*m+j] = b + sum over kh,kw of x[n, oh*sh + kh*dh - top, ..., ic] * w[kh,kw,ic,j]

    x (n, h, w, ic), w (kh, kw, ic, m), b (ic * m,) or None, y (n, oh, ow, ic * m). With `relu`,
    y = min(max(y, 0), relu_max), and NaN stays NaN.
    """
    image = padded(x, pads)
    total = np.zeros_like(_by_channel(y, w.shape))
    for kh, kw, pixels in taps(w.shape[:2], strides, dilation, y.shape[1:3]):
        total += image[pixels][..., None] * w[kh, kw]
    y[...] = total.reshape(y.shape)
    if b is not None:
        y += b
    if relu:
        relu_forward(y, y, relu_max=relu_max)


def depthwise_conv2d_backward_data(dy, w, dx, *, strides, pads, dilation):
    """dx[n, oh*sh + kh*dh - top, ..., ic] += sum over j of dy[n,oh,ow,ic*m+j] * w[kh,kw,ic,j]"""
    image = padded(np.zeros_like(dx), pads)
    gradient = _by_channel(dy, w.shape)
    for kh, kw, pixels in taps(w.shape[:2], strides, dilation, dy.shape[1:3]):
        image[pixels] += (gradient * w[kh, kw]).sum(-1)
    dx[...] = unpadded(image, pads)


def depthwise_conv2d_backward_weights(x, dy, dw, db, *, strides, pads, dilation):
    """dw[kh,kw,ic,j] = sum over n,oh,ow of x[n, oh*sh + kh*dh - top, ..., ic] * dy[n,oh,ow,ic*m+j]

    db = sum over n,oh,ow of dy; db may be None.
    """
    image = padded(x, pads)
    gradient = _by_channel(dy, dw.shape)
    for kh, kw, pixels in taps(dw.shape[:2], strides, dilation, dy.shape[1:3]):
        dw[kh, kw] = (image[pixels][..., None] * gradient).sum((0, 1, 2))
    if db is not None:
        db[...] = dy.sum((0, 1, 2))
