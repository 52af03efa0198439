"""The kernels as plain functions, continued: fused and depthwise convolutions, activations, batch
normalization, affine maps, dropout. What `functions` says of arguments and errors holds here, too.
"""

import numpy as np

from fastcnn.core.arguments import check_choice, check_fraction
from fastcnn.kernels.bind import bind
from fastcnn.kernels.functions import check_gradient, conv2d_geometry, floats
from fastcnn.kernels.shapes import pair, window_geometry

__all__ = [
    "affine_transform_backward",
    "affine_transform_forward",
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_forward_training",
    "conv2d_max_pool2d_backward_data",
    "conv2d_max_pool2d_backward_weights",
    "conv2d_max_pool2d_forward",
    "depthwise_conv2d_backward_data",
    "depthwise_conv2d_backward_weights",
    "depthwise_conv2d_forward",
    "dropout",
    "elu_backward",
    "elu_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "tanh_backward",
    "tanh_forward",
]

# ---------------------------------------------------------------- convolution and max-pool in one


def _pooled(image, w, strides, padding, dilation, pool_size, pool_strides):
    """(rows and columns behind the pool, the kernels' keywords)"""
    size, geometry = conv2d_geometry(image, w, strides, padding, dilation)
    pool_size = pair(pool_size, "pool_size")
    pool_strides = pool_size if pool_strides is None else pair(pool_strides, "pool_strides")
    size, _ = window_geometry(size, pool_size, pool_strides, "valid")
    return size, {**geometry, "pool_size": pool_size, "pool_strides": pool_strides}


def conv2d_max_pool2d_forward(
    x, w, b=None, *, strides=1, padding="valid", dilation=1, relu=False, pool_size=2,
    pool_strides=None,
):  # fmt: skip
    """y = max_pool2d(conv2d(x, w, b)), then relu: what the three give one after the other

    Args:
        x: images (n, h, w, ic). w: filters (kh, kw, ic, oc). b: (oc,) or None.
        pool_size: at most 255 places; the pool has no padding. pool_strides: `pool_size` where
            None.

    Returns:
        y (n, oh, ow, oc) and argmax of the same shape, uint8: as max_pool2d_forward's, and 255
        where relu closed the window.
    """
    x, w, b = floats({"x": 4, "w": 4, "b": 1}, x=x, w=w, b=b)
    size, settings = _pooled(
        x.shape[1:3], w.shape[:2], strides, padding, dilation, pool_size, pool_strides
    )
    y = np.empty((len(x), *size, w.shape[3]), x.dtype)
    argmax = np.empty(y.shape, np.uint8)
    bind("conv2d_max_pool2d_forward", x, w, b, y, argmax, relu=bool(relu), **settings)()
    return y, argmax


def conv2d_max_pool2d_backward_data(
    dy, argmax, w, image_size, *, strides=1, padding="valid", dilation=1, pool_size=2,
    pool_strides=None,
):  # fmt: skip
    """conv2d_backward_data of the gradient that dy and argmax stand for

    Args:
        dy, argmax: (n, oh, ow, oc), argmax as conv2d_max_pool2d_forward returns it.
        w: (kh, kw, ic, oc). image_size: (height, width) of x.

    Returns:
        dx (n, height, width, ic).
    """
    dy, w = floats({"dy": 4, "w": 4}, dy=dy, w=w)
    image_size = pair(image_size, "image_size")
    size, settings = _pooled(
        image_size, w.shape[:2], strides, padding, dilation, pool_size, pool_strides
    )
    check_gradient(dy, size)
    dx = np.empty((len(dy), *image_size, w.shape[2]), dy.dtype)
    argmax = np.ascontiguousarray(argmax)
    bind("conv2d_max_pool2d_backward_data", dy, argmax, w, dx, **settings)()
    return dx


def conv2d_max_pool2d_backward_weights(
    x, dy, argmax, kernel_size, *, strides=1, padding="valid", dilation=1, pool_size=2,
    pool_strides=None,
):  # fmt: skip
    """conv2d_backward_weights of the gradient that dy and argmax stand for

    Args:
        x: (n, h, w, ic). kernel_size: (kh, kw).
        dy, argmax: (n, oh, ow, oc), argmax as conv2d_max_pool2d_forward returns it.

    Returns:
        dw (kh, kw, ic, oc), db (oc,).
    """
    x, dy = floats({"x": 4, "dy": 4}, x=x, dy=dy)
    kernel_size = pair(kernel_size, "kernel_size")
    size, settings = _pooled(
        x.shape[1:3], kernel_size, strides, padding, dilation, pool_size, pool_strides
    )
    check_gradient(dy, size)
    dw = np.empty((*kernel_size, x.shape[3], dy.shape[3]), x.dtype)
    db = np.empty(dy.shape[3], x.dtype)
    argmax = np.ascontiguousarray(argmax)
    bind("conv2d_max_pool2d_backward_weights", x, dy, argmax, dw, db, **settings)()
    return dw, db


# ------------------------------------------------------------------------- depthwise convolution


def depthwise_conv2d_forward(x, w, b=None, *, strides=1, padding="valid", dilation=1, relu=False):
    """y[n,oh,ow,ic*m+j] = b + sum over kh,kw of x[n, oh*sh + kh*dh - top, ..., ic] * w[kh,kw,ic,j]

    Args:
        x: images (n, h, w, ic). w: filters (kh, kw, ic, m). b: (ic * m,) or None.

    Returns:
        y (n, oh, ow, ic * m).
    """
    x, w, b = floats({"x": 4, "w": 4, "b": 1}, x=x, w=w, b=b)
    size, geometry = conv2d_geometry(x.shape[1:3], w.shape[:2], strides, padding, dilation)
    y = np.empty((len(x), *size, w.shape[2] * w.shape[3]), x.dtype)
    bind("depthwise_conv2d_forward", x, w, b, y, relu=bool(relu), **geometry)()
    return y


def depthwise_conv2d_backward_data(dy, w, image_size, *, strides=1, padding="valid", dilation=1):
    """dx, the gradient of sum(dy * depthwise_conv2d_forward(x, w)) for x

    Args:
        dy: (n, oh, ow, ic * m). w: (kh, kw, ic, m). image_size: (height, width) of x.

    Returns:
        dx (n, height, width, ic).
    """
    dy, w = floats({"dy": 4, "w": 4}, dy=dy, w=w)
    image_size = pair(image_size, "image_size")
    size, geometry = conv2d_geometry(image_size, w.shape[:2], strides, padding, dilation)
    check_gradient(dy, size)
    dx = np.empty((len(dy), *image_size, w.shape[2]), dy.dtype)
    bind("depthwise_conv2d_backward_data", dy, w, dx, **geometry)()
    return dx


def depthwise_conv2d_backward_weights(
    x, dy, kernel_size, *, strides=1, padding="valid", dilation=1
):
    """The gradients of sum(dy * depthwise_conv2d_forward(x, w, b)) for w and b

    Args:
        x: (n, h, w, ic). dy: (n, oh, ow, ic * m). kernel_size: (kh, kw).

    Returns:
        dw (kh, kw, ic, m), db (ic * m,).
    """
    x, dy = floats({"x": 4, "dy": 4}, x=x, dy=dy)
    kernel_size = pair(kernel_size, "kernel_size")
    size, geometry = conv2d_geometry(x.shape[1:3], kernel_size, strides, padding, dilation)
    check_gradient(dy, size)
    dw = np.empty((*kernel_size, x.shape[3], dy.shape[3] // max(x.shape[3], 1)), x.dtype)
    db = np.empty(dy.shape[3], x.dtype)
    bind("depthwise_conv2d_backward_weights", x, dy, dw, db, **geometry)()
    return dw, db


# ------------------------------------------------------------------------------------ activations


def _forward(name, x, **settings):
    (x,) = floats(x=x)
    y = np.empty_like(x)
    bind(name, x, y, **settings)()
    return y


def _backward(name, dy, y, **settings):
    dy, y = floats(dy=dy, y=y)
    dx = np.empty_like(dy)
    bind(name, dy, y, dx, **settings)()
    return dx


def tanh_forward(x):
    """y = tanh(x); x of any shape. Returns y."""
    return _forward("tanh_forward", x)


def tanh_backward(dy, y):
    """dx = dy (1 - y^2); y is tanh's output, both of one shape. Returns dx."""
    return _backward("tanh_backward", dy, y)


def sigmoid_forward(x):
    """y = 1 / (1 + exp(-x)); x of any shape. Returns y."""
    return _forward("sigmoid_forward", x)


def sigmoid_backward(dy, y):
    """dx = dy y (1 - y); y is sigmoid's output, both of one shape. Returns dx."""
    return _backward("sigmoid_backward", dy, y)


def elu_forward(x, *, alpha=1.0):
    """y = x where x > 0, else alpha (exp(x) - 1); x of any shape. Returns y."""
    return _forward("elu_forward", x, alpha=float(alpha))


def elu_backward(dy, y, *, alpha=1.0):
    """dx = dy where y > 0, else dy (y + alpha); y is elu's output, of dy's shape. Returns dx."""
    return _backward("elu_backward", dy, y, alpha=float(alpha))


# ---------------------------------------------------------------------------- batch normalization


def batch_norm_forward(x, gamma, beta, mean, variance, *, epsilon=1e-3, relu=False):
    """y[m,c] = (x[m,c] - mean[c]) gamma[c] / sqrt(variance[c] + epsilon) + beta[c], then relu

    x (m, c): rows of channels; an image's pixels are rows. gamma and beta: (c,) or None, which are
    1 and 0. mean, variance: (c,). Returns y (m, c).
    """
    x, gamma, beta, mean, variance = floats(
        {"x": 2}, x=x, gamma=gamma, beta=beta, mean=mean, variance=variance
    )
    y = np.empty_like(x)
    settings = {"epsilon": float(epsilon), "relu": bool(relu)}
    bind("batch_norm_forward", x, gamma, beta, mean, variance, y, **settings)()
    return y


def batch_norm_forward_training(x, gamma=None, beta=None, *, epsilon=1e-3, relu=False):
    """batch_norm_forward with the mean and variance (sum / m) of x's own rows

    x (m, c), gamma and beta (c,) or None. Returns y (m, c), mean (c,), variance (c,).
    """
    x, gamma, beta = floats({"x": 2}, x=x, gamma=gamma, beta=beta)
    y = np.empty_like(x)
    mean, variance = np.empty((2, x.shape[1]), x.dtype)
    settings = {"epsilon": float(epsilon), "relu": bool(relu)}
    bind("batch_norm_forward_training", x, gamma, beta, mean, variance, y, **settings)()
    return y, mean, variance


def batch_norm_backward(x, dy, gamma, mean, variance, *, y=None, epsilon=1e-3):
    """The gradients of batch_norm_forward_training, with h = (x - mean) / sqrt(variance + epsilon)

    dbeta[c] = sum over m of dy; dgamma[c] = sum over m of dy h;
    dx = gamma / sqrt(variance + epsilon) (dy - dbeta / m - h dgamma / m)

    Args:
        x, dy: (m, c). gamma: (c,) or None. mean, variance: (c,), as the forward pass found them.
        y: its output, where relu was part of it.

    Returns:
        dx (m, c), dgamma (c,), dbeta (c,).
    """
    x, dy, y, gamma, mean, variance = floats(
        {"x": 2}, x=x, dy=dy, y=y, gamma=gamma, mean=mean, variance=variance
    )
    dx = np.empty_like(x)
    dgamma, dbeta = np.empty((2, x.shape[1]), x.dtype)
    arrays = (x, dy, y, gamma, mean, variance, dx, dgamma, dbeta)
    bind("batch_norm_backward", *arrays, epsilon=float(epsilon))()
    return dx, dgamma, dbeta


# ------------------------------------------------------------------------ affine maps and dropout


def affine_transform_forward(
    x, transforms, *, interpolation="bilinear", fill_mode="reflect", fill_value=0.0
):
    """y[n,oh,ow] = x[n] at column (t0 ow + t1 oh + t2) / k and row (t3 ow + t4 oh + t5) / k

    with k = t6 ow + t7 oh + 1 and t = transforms[n].

    Args:
        x: images (n, h, w, c). transforms: (n, 8).
        interpolation: "bilinear" or "nearest".
        fill_mode: where places outside of the image lie: "reflect", "wrap", "nearest", or
            "constant": on `fill_value`.

    Returns:
        y (n, h, w, c).
    """
    x, transforms = floats({"x": 4, "transforms": 2}, x=x, transforms=transforms)
    y = np.empty_like(x)
    settings = _affine(interpolation, fill_mode, fill_value)
    bind("affine_transform_forward", x, transforms, y, **settings)()
    return y


def affine_transform_backward(
    dy, transforms, *, interpolation="bilinear", fill_mode="reflect", fill_value=0.0
):
    """dx, the gradient of sum(dy * affine_transform_forward(x, transforms)) for x

    dy (n, h, w, c), transforms (n, 8). Returns dx (n, h, w, c).
    """
    dy, transforms = floats({"dy": 4, "transforms": 2}, dy=dy, transforms=transforms)
    dx = np.empty_like(dy)
    settings = _affine(interpolation, fill_mode, fill_value)
    bind("affine_transform_backward", dy, transforms, dx, **settings)()
    return dx


def _affine(interpolation, fill_mode, fill_value):
    check_choice(interpolation, "interpolation", ("bilinear", "nearest"))
    check_choice(fill_mode, "fill_mode", ("reflect", "wrap", "nearest", "constant"))
    return {
        "interpolation": interpolation,
        "fill_mode": fill_mode,
        "fill_value": float(fill_value),
    }


def dropout(x, key, *, rate):
    """y[i] = x[i] / (1 - rate) where u[i] >= rate, else 0; u[i] in [0, 1) is a hash of (key, i)

    The same key drops the same numbers, so this is its own backward pass.

    Args:
        x: of any shape. key: two integers in [0, 2^32). rate: in [0, 1].

    Returns:
        y of x's shape.
    """
    (x,) = floats(x=x)
    key = np.ascontiguousarray(key)
    if key.dtype.kind not in "iu" or key.shape != (2,):
        raise ValueError(
            f"The argument `key` must be 2 integers. Received {key.dtype} of shape {key.shape}."
        )
    y = np.empty_like(x)
    rate = check_fraction(rate, "rate", including_one=True)
    bind("dropout", x, key.astype(np.int64), y, rate=rate)()
    return y
