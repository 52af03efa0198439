"""The kernels as plain functions: arrays in, new arrays out.

Inputs are anything NumPy can turn into float arrays (other dtypes are converted to float32, other
layouts copied); complex numbers, strings and objects are refused. With the reference backend,
float64 stays float64. Images are (n, height, width, channels), filters (kh, kw, ic, oc).
`strides`, `dilation` and `pool_size` are an int or two ints (vertical, horizontal); `padding` is
"valid" or "same" as Keras defines them. Every function raises ValueError or TypeError, in one
sentence, where arguments do not fit each other.
"""

import numpy as np

from fastcnn import config
from fastcnn.kernels.bind import bind
from fastcnn.kernels.shapes import pair, window_geometry
from fastcnn.kernels.spec import argmax_type

__all__ = [
    "average_pool2d_backward",
    "average_pool2d_forward",
    "conv2d_backward_data",
    "conv2d_backward_weights",
    "conv2d_forward",
    "dense_backward_data",
    "dense_backward_weights",
    "dense_forward",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "relu_backward",
    "relu_forward",
    "softmax_backward",
    "softmax_forward",
    "softmax_sparse_crossentropy",
]

OPTIONAL = ("b", "scale", "gamma", "beta", "y")


def floats(axes=None, **arrays):
    """The arrays as C-contiguous floats of one type, with as many axes as asked for."""
    found = {
        name: np.asarray(array)
        for name, array in arrays.items()
        if array is not None or name not in OPTIONAL
    }
    for name, array in found.items():
        if array.dtype.kind not in "fiub":
            raise TypeError(f"The argument `{name}` must hold numbers. Received {array.dtype}.")
        wanted = (axes or {}).get(name)
        if wanted is not None and array.ndim != wanted:
            raise ValueError(
                f"The argument `{name}` must have {wanted} axes. Received shape {array.shape}."
            )
    wide = config.backend() == "reference" and any(a.dtype == np.float64 for a in found.values())
    dtype = np.float64 if wide else np.float32
    return [
        None if array is None else np.require(found[name], dtype, ["C", "A"])
        for name, array in arrays.items()
    ]


def conv2d_geometry(image, w, strides, padding, dilation):
    """(rows and columns of the output, the kernels' keywords)"""
    strides, dilation = pair(strides, "strides"), pair(dilation, "dilation")
    out, pads = window_geometry(image, w, strides, padding, dilation)
    return out, {"strides": strides, "pads": pads, "dilation": dilation}


def check_gradient(dy, size):
    """Before anything is allocated: dy must have as many rows and columns as the output."""
    if dy.shape[1:3] != size:
        raise ValueError(
            f"The argument `dy` must have {size[0]} rows and {size[1]} columns. "
            f"Received shape {dy.shape}."
        )


def _pool2d(image, pool_size, strides, padding):
    pool_size = pair(pool_size, "pool_size")
    strides = pool_size if strides is None else pair(strides, "strides")
    out, pads = window_geometry(image, pool_size, strides, padding)
    return out, {"pool_size": pool_size, "strides": strides, "pads": pads}


def conv2d_forward(x, w, b=None, *, strides=1, padding="valid", dilation=1, relu=False):
    """y[n,oh,ow,oc] = b[oc] + sum over kh,kw,ic of x[n, oh*sh + kh*dh - top, ...] * w[kh,kw,ic,oc]

    A cross-correlation, as in Keras's Conv2D. With `relu`, y = max(y, 0).

    Args:
        x: images (n, h, w, ic). w: filters (kh, kw, ic, oc). b: (oc,) or None.

    Returns:
        y (n, oh, ow, oc).
    """
    x, w, b = floats({"x": 4, "w": 4, "b": 1}, x=x, w=w, b=b)
    out, geometry = conv2d_geometry(x.shape[1:3], w.shape[:2], strides, padding, dilation)
    y = np.empty((len(x), *out, w.shape[3]), x.dtype)
    bind("conv2d_forward", x, w, b, y, relu=bool(relu), **geometry)()
    return y


def conv2d_backward_data(dy, w, image_size, *, strides=1, padding="valid", dilation=1):
    """dx[n, oh*sh + kh*dh - top, ..., ic] = sum over kh,kw,oc of dy[n,oh,ow,oc] * w[kh,kw,ic,oc]

    The gradient of sum(dy * conv2d_forward(x, w)) for x.

    Args:
        dy: (n, oh, ow, oc). w: (kh, kw, ic, oc). image_size: (height, width) of x.

    Returns:
        dx (n, height, width, ic).
    """
    dy, w = floats({"dy": 4, "w": 4}, dy=dy, w=w)
    image_size = pair(image_size, "image_size")
    out, geometry = conv2d_geometry(image_size, w.shape[:2], strides, padding, dilation)
    check_gradient(dy, out)
    dx = np.empty((len(dy), *image_size, w.shape[2]), dy.dtype)
    bind("conv2d_backward_data", dy, w, dx, **geometry)()
    return dx


def conv2d_backward_weights(x, dy, kernel_size, *, strides=1, padding="valid", dilation=1):
    """dw[kh,kw,ic,oc] = sum over n,oh,ow of x[n, oh*sh + kh*dh - top, ..., ic] * dy[n,oh,ow,oc]

    The gradients of sum(dy * conv2d_forward(x, w, b)) for w and b.

    Args:
        x: (n, h, w, ic). dy: (n, oh, ow, oc). kernel_size: (kh, kw).

    Returns:
        dw (kh, kw, ic, oc), db (oc,) = sum over n,oh,ow of dy.
    """
    x, dy = floats({"x": 4, "dy": 4}, x=x, dy=dy)
    kernel_size = pair(kernel_size, "kernel_size")
    out, geometry = conv2d_geometry(x.shape[1:3], kernel_size, strides, padding, dilation)
    check_gradient(dy, out)
    dw = np.empty((*kernel_size, x.shape[3], dy.shape[3]), x.dtype)
    db = np.empty(dy.shape[3], x.dtype)
    bind("conv2d_backward_weights", x, dy, dw, db, **geometry)()
    return dw, db


def max_pool2d_forward(x, pool_size=2, *, strides=None, padding="valid"):
    """y[n,oh,ow,c] = max over kh,kw of x[n, oh*sh + kh - top, ow*sw + kw - left, c]

    Padding never wins. The first NaN of a window is its maximum.

    Args:
        x: (n, h, w, c). strides: `pool_size` where None.

    Returns:
        y (n, oh, ow, c) and argmax of the same shape: kh * pool_width + kw of the first maximum
        in row-major order; uint8, or int32 where the window has more than 255 places.
    """
    (x,) = floats({"x": 4}, x=x)
    out, geometry = _pool2d(x.shape[1:3], pool_size, strides, padding)
    y = np.empty((len(x), *out, x.shape[3]), x.dtype)
    argmax = np.empty(y.shape, argmax_type(geometry["pool_size"]))
    bind("max_pool2d_forward", x, y, argmax, **geometry)()
    return y, argmax


def max_pool2d_backward(dy, argmax, image_size, pool_size=2, *, strides=None, padding="valid"):
    """dx at the place that argmax names += dy, for every window; 0 elsewhere

    Args:
        dy, argmax: (n, oh, ow, c), argmax as max_pool2d_forward returns it.
        image_size: (height, width) of x.

    Returns:
        dx (n, height, width, c).
    """
    (dy,) = floats({"dy": 4}, dy=dy)
    image_size = pair(image_size, "image_size")
    out, geometry = _pool2d(image_size, pool_size, strides, padding)
    check_gradient(dy, out)
    dx = np.empty((len(dy), *image_size, dy.shape[3]), dy.dtype)
    bind("max_pool2d_backward", dy, np.ascontiguousarray(argmax), dx, **geometry)()
    return dx


def average_pool2d_forward(x, pool_size=2, *, strides=None, padding="valid"):
    """y[n,oh,ow,c] = mean of the window's places that lie inside the image

    Args:
        x: (n, h, w, c). strides: `pool_size` where None.

    Returns:
        y (n, oh, ow, c).
    """
    (x,) = floats({"x": 4}, x=x)
    out, geometry = _pool2d(x.shape[1:3], pool_size, strides, padding)
    y = np.empty((len(x), *out, x.shape[3]), x.dtype)
    bind("average_pool2d_forward", x, y, **geometry)()
    return y


def average_pool2d_backward(dy, image_size, pool_size=2, *, strides=None, padding="valid"):
    """dx at each of a window's places inside the image += dy / number of those places

    Args:
        dy: (n, oh, ow, c). image_size: (height, width) of x.

    Returns:
        dx (n, height, width, c).
    """
    (dy,) = floats({"dy": 4}, dy=dy)
    image_size = pair(image_size, "image_size")
    out, geometry = _pool2d(image_size, pool_size, strides, padding)
    check_gradient(dy, out)
    dx = np.empty((len(dy), *image_size, dy.shape[3]), dy.dtype)
    bind("average_pool2d_backward", dy, dx, **geometry)()
    return dx


def dense_forward(x, w, b=None, *, relu=False):
    """y[n,o] = b[o] + sum over i of x[n,i] * w[i,o]; with `relu`, y = max(y, 0)

    Args:
        x: (n, i). w: (i, o). b: (o,) or None.

    Returns:
        y (n, o).
    """
    x, w, b = floats({"x": 2, "w": 2, "b": 1}, x=x, w=w, b=b)
    y = np.empty((len(x), w.shape[1]), x.dtype)
    bind("dense_forward", x, w, b, y, relu=bool(relu))()
    return y


def dense_backward_data(dy, w):
    """dx[n,i] = sum over o of dy[n,o] * w[i,o]; dy (n, o), w (i, o). Returns dx (n, i)."""
    dy, w = floats({"dy": 2, "w": 2}, dy=dy, w=w)
    dx = np.empty((len(dy), len(w)), dy.dtype)
    bind("dense_backward_data", dy, w, dx)()
    return dx


def dense_backward_weights(x, dy):
    """dw[i,o] = sum over n of x[n,i] * dy[n,o]; db[o] = sum over n of dy[n,o]

    x (n, i), dy (n, o). Returns dw (i, o), db (o,).
    """
    x, dy = floats({"x": 2, "dy": 2}, x=x, dy=dy)
    dw = np.empty((x.shape[1], dy.shape[1]), x.dtype)
    db = np.empty(dy.shape[1], x.dtype)
    bind("dense_backward_weights", x, dy, dw, db)()
    return dw, db


def relu_forward(x):
    """y = max(x, 0), NaN stays NaN; x of any shape. Returns y."""
    (x,) = floats(x=x)
    y = np.empty_like(x)
    bind("relu_forward", x, y)()
    return y


def relu_backward(dy, y):
    """dx = 0 where y <= 0, else dy; y is relu's output, both of one shape. Returns dx."""
    dy, y = floats(dy=dy, y=y)
    dx = np.empty_like(dy)
    bind("relu_backward", dy, y, dx)()
    return dx


def softmax_forward(x):
    """y[n,c] = exp(x[n,c] - max_c x[n]) / sum over c of exp(x[n,c] - max_c x[n]); x (n, c)."""
    (x,) = floats({"x": 2}, x=x)
    y = np.empty_like(x)
    bind("softmax_forward", x, y)()
    return y


def softmax_backward(dy, y):
    """dx[n,c] = y[n,c] * (dy[n,c] - sum over k of dy[n,k] * y[n,k]); y is softmax's output."""
    dy, y = floats({"dy": 2, "y": 2}, dy=dy, y=y)
    dx = np.empty_like(dy)
    bind("softmax_backward", dy, y, dx)()
    return dx


def softmax_sparse_crossentropy(logits, labels, scale=None):
    """losses[n] = log(sum over c of exp(logits[n,c] - m)) - (logits[n,labels[n]] - m), m = max_c

    Args:
        logits: (n, c). labels: (n,) integers in [0, c). scale: (n,), 1 where None.

    Returns:
        losses (n,), probabilities (n, c) = softmax(logits), dlogits (n, c) = the gradient of
        sum over n of scale[n] * losses[n].
    """
    (logits, scale) = floats({"logits": 2, "scale": 1}, logits=logits, scale=scale)
    labels = np.ascontiguousarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"The argument `labels` must be {len(logits)} integers. "
            f"Received {labels.dtype} of shape {labels.shape}."
        )
    classes = logits.shape[1]
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"The argument `labels` must lie in [0, {classes}). "
            f"Received {labels.min()} to {labels.max()}."
        )
    if scale is None:
        scale = np.ones(len(logits), logits.dtype)
    losses = np.empty(len(logits), logits.dtype)
    probabilities, dlogits = np.empty_like(logits), np.empty_like(logits)
    bind(
        "softmax_sparse_crossentropy",
        logits, labels.astype(np.int64), scale, losses, probabilities, dlogits,
    )()  # fmt: skip
    return losses, probabilities, dlogits
