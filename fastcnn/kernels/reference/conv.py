"""Reference kernels of convolution and its gradients."""

import numpy as np

from fastcnn.kernels.reference.activations import relu_forward
from fastcnn.kernels.reference.windows import padded, taps, unpadded


def conv2d_forward(x, w, b, y, residual=None, *, strides, pads, dilation, relu, relu_max=np.inf):
    """y[n,oh,ow,oc] = b[oc] + sum over kh,kw,ic of x[n, oh*sh + kh*dh - top, ...] * w[kh,kw,ic,oc]

    x (n, h, w, ic), w (kh, kw, ic, oc), b (oc,) or None, y (n, oh, ow, oc). `residual`, of y's
    shape, is added; it may be y itself. Then, with `relu`, y = min(max(y, 0), relu_max), and NaN
    stays NaN.
    """
    image = padded(x, pads)
    total = np.zeros_like(y)
    for kh, kw, pixels in taps(w.shape[:2], strides, dilation, y.shape[1:3]):
        total += image[pixels] @ w[kh, kw]
    if b is not None:
        total += b
    y[...] = total if residual is None else total + residual
    if relu:
        relu_forward(y, y, relu_max=relu_max)


def conv2d_backward_data(
    dy, w, dx, b=None, *, strides, pads, dilation, accumulate=False, relu=False
):
    """dx[n, oh*sh + kh*dh - top, ..., ic] += sum over oc of dy[n,oh,ow,oc] * w[kh,kw,ic,oc]

    dx starts as b (ic,), or as zeros without it, unless `accumulate`. Then, with `relu`,
    dx = max(dx, 0), and NaN stays NaN.
    """
    start = np.zeros_like(dx) if b is None else np.broadcast_to(b, dx.shape)
    image = padded(dx if accumulate else start.copy(), pads)
    for kh, kw, pixels in taps(w.shape[:2], strides, dilation, dy.shape[1:3]):
        image[pixels] += dy @ w[kh, kw].T
    dx[...] = unpadded(image, pads)
    if relu:
        np.maximum(dx, 0, out=dx)


def conv2d_backward_weights(x, dy, dw, db, *, strides, pads, dilation):
    """dw[kh,kw,ic,oc] = sum over n,oh,ow of x[n, oh*sh + kh*dh - top, ..., ic] * dy[n,oh,ow,oc]

    db[oc] = sum over n,oh,ow of dy[n,oh,ow,oc]; db may be None.
    """
    image = padded(x, pads)
    for kh, kw, pixels in taps(dw.shape[:2], strides, dilation, dy.shape[1:3]):
        dw[kh, kw] = np.tensordot(image[pixels], dy, ((0, 1, 2), (0, 1, 2)))
    if db is not None:
        db[...] = dy.sum((0, 1, 2))
