"""Windows that slide over images: padding, and the pixels under each filter element."""

import numpy as np


def padded(x, pads, fill=0.0):
    """A copy of the images x (n, h, w, c) with pads (top, bottom, left, right) around each."""
    top, bottom, left, right = pads
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)


def unpadded(x, pads):
    """A view of x without its padding: the inverse of `padded`."""
    top, bottom, left, right = pads
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def taps(window, strides, dilation, out):
    """For each element of the window: its row, its column, and the index of the pixels under it.

    The index selects (n, oh, ow, c) from padded images.
    """

    def under(first, axis):
        count, stride = out[axis], strides[axis]
        return slice(first, first + (count - 1) * stride + 1 if count else first, stride)

    for kh in range(window[0]):
        for kw in range(window[1]):
            rows, columns = under(kh * dilation[0], 0), under(kw * dilation[1], 1)
            yield kh, kw, (slice(None), rows, columns)
