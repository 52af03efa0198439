"""Reference kernels of max- and average-pooling."""

import numpy as np

from fastcnn.kernels.reference.windows import padded, taps, unpadded


def max_pool2d_forward(x, y, argmax, *, pool_size, strides, pads, relu=False):
    """y[n,oh,ow,c] = max over kh,kw of x[n, oh*sh + kh - top, ow*sw + kw - left, c]

    argmax[n,oh,ow,c] = kh * pool_width + kw of the first maximum in row-major order, uint8, or
    int32 where the window has more than 255 elements; None where it is not wanted. The first NaN
    of a window is its maximum. Padding never wins. With `relu`, y = max(y, 0), and argmax is 255
    (CLOSED), or -1 as int32, where y is then 0.
    """
    image = padded(x, pads, -np.inf)
    inside = padded(np.ones_like(x, bool), pads, False)
    best = np.full(y.shape, -np.inf, y.dtype)
    position = np.full(y.shape, -1)
    for kh, kw, pixels in taps(pool_size, strides, (1, 1), y.shape[1:3]):
        value = image[pixels]
        better = (value > best) | (np.isnan(value) & ~np.isnan(best)) | (position < 0)
        better &= inside[pixels]
        best = np.where(better, value, best)
        position = np.where(better, kh * pool_size[1] + kw, position)
    if relu:
        closed = best <= 0
        best[closed] = 0
        position[closed] = -1 if argmax is None or argmax.dtype != np.uint8 else 255
    y[...] = best
    if argmax is not None:
        argmax[...] = position


def max_pool2d_backward(dy, argmax, dx, *, pool_size, strides, pads, accumulate=False):
    """dx at each window's maximum += dy of that window; dx starts as 0 unless `accumulate`

    argmax 255 (CLOSED), or -1 as int32, is not an element of the window: its dy goes nowhere.
    """
    image = padded(dx if accumulate else np.zeros_like(dx), pads)
    for kh, kw, pixels in taps(pool_size, strides, (1, 1), dy.shape[1:3]):
        image[pixels] += np.where(argmax == kh * pool_size[1] + kw, dy, 0)
    dx[...] = unpadded(image, pads)


def average_pool2d_forward(x, y, *, pool_size, strides, pads):
    """y[n,oh,ow,c] = mean of the window's pixels that lie inside the image"""
    image = padded(x, pads)
    inside = padded(np.ones((1, *x.shape[1:3], 1), x.dtype), pads)
    total, count = np.zeros_like(y), 0
    for _, _, pixels in taps(pool_size, strides, (1, 1), y.shape[1:3]):
        total += image[pixels]
        count = count + inside[pixels]
    y[...] = total / count


def average_pool2d_backward(dy, dx, *, pool_size, strides, pads):
    """dx at each of a window's pixels inside the image += dy / number of those pixels"""
    inside = padded(np.ones((1, *dx.shape[1:3], 1), dx.dtype), pads)
    image = padded(np.zeros_like(dx), pads)
    count = 0
    for _, _, pixels in taps(pool_size, strides, (1, 1), dy.shape[1:3]):
        count = count + inside[pixels]
    for _, _, pixels in taps(pool_size, strides, (1, 1), dy.shape[1:3]):
        image[pixels] += dy / count
    dx[...] = unpadded(image, pads)
