"""Every kernel again in plain NumPy: same names, same arguments, no cleverness.

This is the specification: the native kernels are tested against it, and a whole network can be
trained on it (`fastcnn.config.set_backend("reference")`). Arrays are float32 or float64; the sums
are formed in the arrays' own type. Images are (n, height, width, channels), filters
(kh, kw, ic, oc). Outputs are written in place, inputs are left alone, nothing is returned.

The letters: n image, oh/ow output row and column, oc output channel, kh/kw row and column of the
window, ic input channel; dx, dw, db, dy are gradients of the loss. pads = (top, bottom, left,
right). Shapes are checked by the door, `fastcnn.kernels`.
"""

import numpy as np

from fastcnn.kernels.shapes import output_sizes

CLOSED = 255  # argmax of a pooling window through which no gradient flows (relu closed it)


def _padded(x, pads, fill=0.0):
    top, bottom, left, right = pads
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)


def _unpadded(x, pads):
    top, bottom, left, right = pads
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def _taps(window, strides, dilation, out):
    """For each place of the window: its row, its column, and the pixels that it meets."""

    def places(first, axis):
        count, stride = out[axis], strides[axis]
        return slice(first, first + (count - 1) * stride + 1 if count else first, stride)

    for kh in range(window[0]):
        for kw in range(window[1]):
            rows, columns = places(kh * dilation[0], 0), places(kw * dilation[1], 1)
            yield kh, kw, (slice(None), rows, columns)


def conv2d_forward(x, w, b, y, *, strides, pads, dilation, relu):
    """y[n,oh,ow,oc] = b[oc] + sum over kh,kw,ic of x[n, oh*sh + kh*dh - top, ...] * w[kh,kw,ic,oc]

    x (n, h, w, ic), w (kh, kw, ic, oc), b (oc,) or None, y (n, oh, ow, oc). With `relu`,
    y = max(y, 0), and NaN stays NaN.
    """
    padded = _padded(x, pads)
    total = np.zeros_like(y)
    for kh, kw, pixels in _taps(w.shape[:2], strides, dilation, y.shape[1:3]):
        total += padded[pixels] @ w[kh, kw]
    y[...] = total if b is None else total + b
    if relu:
        np.maximum(y, 0, out=y)


def conv2d_backward_data(dy, w, dx, *, strides, pads, dilation):
    """dx[n, oh*sh + kh*dh - top, ..., ic] += sum over oc of dy[n,oh,ow,oc] * w[kh,kw,ic,oc]"""
    padded = _padded(np.zeros_like(dx), pads)
    for kh, kw, pixels in _taps(w.shape[:2], strides, dilation, dy.shape[1:3]):
        padded[pixels] += dy @ w[kh, kw].T
    dx[...] = _unpadded(padded, pads)


def conv2d_backward_weights(x, dy, dw, db, *, strides, pads, dilation):
    """dw[kh,kw,ic,oc] = sum over n,oh,ow of x[n, oh*sh + kh*dh - top, ..., ic] * dy[n,oh,ow,oc]

    db[oc] = sum over n,oh,ow of dy[n,oh,ow,oc]; db may be None.
    """
    padded = _padded(x, pads)
    for kh, kw, pixels in _taps(dw.shape[:2], strides, dilation, dy.shape[1:3]):
        dw[kh, kw] = np.tensordot(padded[pixels], dy, ((0, 1, 2), (0, 1, 2)))
    if db is not None:
        db[...] = dy.sum((0, 1, 2))


def max_pool2d_forward(x, y, argmax, *, pool_size, strides, pads):
    """y[n,oh,ow,c] = max over kh,kw of x[n, oh*sh + kh - top, ow*sw + kw - left, c]

    argmax[n,oh,ow,c] = kh * pool_width + kw of the first maximum in row-major order, uint8, or
    int32 where the window has more than 255 places; None where it is not wanted. The first NaN of
    a window is its maximum. Padding never wins.
    """
    padded = _padded(x, pads, -np.inf)
    inside = _padded(np.ones_like(x, bool), pads, False)
    best = np.full(y.shape, -np.inf, y.dtype)
    place = np.full(y.shape, -1)
    for kh, kw, pixels in _taps(pool_size, strides, (1, 1), y.shape[1:3]):
        value = padded[pixels]
        better = (value > best) | (np.isnan(value) & ~np.isnan(best)) | (place < 0)
        better &= inside[pixels]
        best = np.where(better, value, best)
        place = np.where(better, kh * pool_size[1] + kw, place)
    y[...] = best
    if argmax is not None:
        argmax[...] = place


def max_pool2d_backward(dy, argmax, dx, *, pool_size, strides, pads):
    """dx at each window's maximum += dy of that window; 0 elsewhere and where argmax is CLOSED."""
    padded = _padded(np.zeros_like(dx), pads)
    for kh, kw, pixels in _taps(pool_size, strides, (1, 1), dy.shape[1:3]):
        padded[pixels] += np.where(argmax == kh * pool_size[1] + kw, dy, 0)
    dx[...] = _unpadded(padded, pads)


def average_pool2d_forward(x, y, *, pool_size, strides, pads):
    """y[n,oh,ow,c] = mean of the window's places that lie inside the image"""
    padded = _padded(x, pads)
    inside = _padded(np.ones((1, *x.shape[1:3], 1), x.dtype), pads)
    total, places = np.zeros_like(y), 0
    for _, _, pixels in _taps(pool_size, strides, (1, 1), y.shape[1:3]):
        total += padded[pixels]
        places = places + inside[pixels]
    y[...] = total / places


def average_pool2d_backward(dy, dx, *, pool_size, strides, pads):
    """dx at each of a window's places inside the image += dy / number of those places"""
    inside = _padded(np.ones((1, *dx.shape[1:3], 1), dx.dtype), pads)
    padded = _padded(np.zeros_like(dx), pads)
    places = 0
    for _, _, pixels in _taps(pool_size, strides, (1, 1), dy.shape[1:3]):
        places = places + inside[pixels]
    for _, _, pixels in _taps(pool_size, strides, (1, 1), dy.shape[1:3]):
        padded[pixels] += dy / places
    dx[...] = _unpadded(padded, pads)


def _expand_pool(dy, argmax, y_shape, pool_size, pool_strides):
    """The gradient of the convolution's output that a pooled gradient stands for."""
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
    """y = max_pool2d(conv2d(x, w, b)), then relu: the three layers in one step.

    The pool is "valid". argmax uint8 as max_pool2d_forward gives it, and CLOSED where relu closed
    the window (maximum <= 0); None where it is not wanted.
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
    """conv2d_backward_data of the gradient that dy and argmax stand for."""
    shape = _conv_output_shape(len(dx), dx.shape[1:3], w.shape, strides, pads, dilation)
    full = _expand_pool(dy, argmax, shape, pool_size, pool_strides)
    conv2d_backward_data(full, w, dx, strides=strides, pads=pads, dilation=dilation)


def conv2d_max_pool2d_backward_weights(
    x, dy, argmax, dw, db, *, strides, pads, dilation, pool_size, pool_strides
):
    """conv2d_backward_weights of the gradient that dy and argmax stand for; db may be None."""
    shape = _conv_output_shape(len(x), x.shape[1:3], dw.shape, strides, pads, dilation)
    full = _expand_pool(dy, argmax, shape, pool_size, pool_strides)
    conv2d_backward_weights(x, full, dw, db, strides=strides, pads=pads, dilation=dilation)


def dense_forward(x, w, b, y, *, relu):
    """y[n,o] = b[o] + sum over i of x[n,i] * w[i,o]; x (n, i), w (i, o), b (o,) or None"""
    y[...] = x @ w if b is None else x @ w + b
    if relu:
        np.maximum(y, 0, out=y)


def dense_backward_data(dy, w, dx):
    """dx[n,i] = sum over o of dy[n,o] * w[i,o]"""
    dx[...] = dy @ w.T


def dense_backward_weights(x, dy, dw, db):
    """dw[i,o] = sum over n of x[n,i] * dy[n,o]; db[o] = sum over n of dy[n,o]; db may be None"""
    dw[...] = x.T @ dy
    if db is not None:
        db[...] = dy.sum(0)


def relu_forward(x, y):
    """y = max(x, 0); NaN stays NaN"""
    y[...] = np.maximum(x, 0)


def relu_backward(dy, y, dx):
    """dx = dy where y > 0, else 0; y is relu's output, and its NaN passes the gradient on"""
    dx[...] = np.where(y <= 0, 0, dy)


def softmax_forward(x, y):
    """y[n,c] = exp(x[n,c] - max_c x[n]) / sum over c of exp(x[n,c] - max_c x[n])"""
    e = np.exp(x - x.max(1, keepdims=True))
    y[...] = e / e.sum(1, keepdims=True)


def softmax_backward(dy, y, dx):
    """dx[n,c] = y[n,c] * (dy[n,c] - sum over k of dy[n,k] * y[n,k])"""
    dx[...] = y * (dy - (dy * y).sum(1, keepdims=True))


def softmax_sparse_crossentropy(logits, labels, scale, losses, probabilities, dlogits):
    """losses[n] = log(sum over c of exp(logits[n,c] - m)) - (logits[n,labels[n]] - m), m = max_c

    probabilities = softmax(logits), dlogits[n,c] = (probabilities[n,c] - [c == labels[n]]) *
    scale[n]: the gradient of sum over n of scale[n] * losses[n]. labels int64 (n,), scale (n,).
    """
    shifted = logits - logits.max(1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(1, keepdims=True)
    rows = np.arange(len(labels))
    losses[...] = np.log(total[:, 0]) - shifted[rows, labels]
    probabilities[...] = e / total
    gradient = e / total
    gradient[rows, labels] -= 1
    dlogits[...] = gradient * scale[:, None]


def adam_update(w, g, m, v, hyper):
    """m += (g - m) (1 - beta_1); v += (g^2 - v) (1 - beta_2); w -= alpha m / (sqrt(v) + epsilon)

    hyper = [alpha, beta_1, beta_2, epsilon], float64, alpha = rate * sqrt(1 - beta_2^t) /
    (1 - beta_1^t) (Kingma & Ba 2014, epsilon outside the root's correction as in Keras). w, m and
    v are changed in place; all are flat.
    """
    # 1 - beta is taken before it is rounded: float32's 0.999 is off by 1e-5 of 1 - 0.999
    alpha, epsilon = w.dtype.type(hyper[0]), w.dtype.type(hyper[3])
    m += (g - m) * w.dtype.type(1 - hyper[1])
    v += (g * g - v) * w.dtype.type(1 - hyper[2])
    w -= alpha * m / (np.sqrt(v) + epsilon)


def gather(source, indices, out):
    """out[i] = source[indices[i]] as float; source uint8, float32 or float64, indices int64"""
    out[...] = source[indices]
