"""Activations and their gradients, as functions.

`..._forward(x)` returns y of x's shape; `..._backward(dy, y)` returns dx, given the forward
function's output y, and raises ValueError unless dy and y have one shape. x has any shape, but
softmax's is (n, c).
"""

import numpy as np
from numpy.typing import ArrayLike

from fastcnn.kernels.bind import bind
from fastcnn.kernels.functions.arguments import FloatArray, floats, relu_settings

__all__ = [
    "elu_backward",
    "elu_forward",
    "relu_backward",
    "relu_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
]


def relu_forward(x: ArrayLike, *, relu_max: float = np.inf) -> FloatArray:
    """y = min(max(x, 0), relu_max); NaN stays NaN."""
    return _forward("relu_forward", x, relu_max=relu_settings(True, relu_max)["relu_max"])


def relu_backward(dy: ArrayLike, y: ArrayLike, *, relu_max: float = np.inf) -> FloatArray:
    """dx = 0 where y <= 0 or y >= relu_max, else dy; so a NaN in y passes the gradient on."""
    return _backward("relu_backward", dy, y, relu_max=relu_settings(True, relu_max)["relu_max"])


def tanh_forward(x: ArrayLike) -> FloatArray:
    """y = tanh(x)"""
    return _forward("tanh_forward", x)


def tanh_backward(dy: ArrayLike, y: ArrayLike) -> FloatArray:
    """dx = dy (1 - y^2)"""
    return _backward("tanh_backward", dy, y)


def sigmoid_forward(x: ArrayLike) -> FloatArray:
    """y = 1 / (1 + exp(-x))"""
    return _forward("sigmoid_forward", x)


def sigmoid_backward(dy: ArrayLike, y: ArrayLike) -> FloatArray:
    """dx = dy y (1 - y)"""
    return _backward("sigmoid_backward", dy, y)


def elu_forward(x: ArrayLike, *, alpha: float = 1.0) -> FloatArray:
    """y = x where x > 0, else alpha (exp(x) - 1) (Clevert, Unterthiner & Hochreiter 2016)."""
    return _forward("elu_forward", x, alpha=float(alpha))


def elu_backward(dy: ArrayLike, y: ArrayLike, *, alpha: float = 1.0) -> FloatArray:
    """dx = dy where y > 0, else dy (y + alpha); alpha >= 0, or y > 0 would not mean x > 0"""
    if alpha < 0:
        raise ValueError(f"elu_backward takes an alpha >= 0. Received alpha={alpha!r}.")
    return _backward("elu_backward", dy, y, alpha=float(alpha))


def softmax_forward(x: ArrayLike) -> FloatArray:
    """y[n,c] = exp(x[n,c] - max_c x[n]) / sum over c of exp(x[n,c] - max_c x[n]); x is (n, c)."""
    return _forward("softmax_forward", x, axes=2)


def softmax_backward(dy: ArrayLike, y: ArrayLike) -> FloatArray:
    """dx[n,c] = y[n,c] * (dy[n,c] - sum over k of dy[n,k] * y[n,k]); dy and y are (n, c)."""
    return _backward("softmax_backward", dy, y, axes=2)


def _forward(name, x, axes=None, **settings):
    (x,) = floats({"x": axes}, x=x)
    y = np.empty_like(x)
    bind(name, x, y, **settings)()
    return y


def _backward(name, dy, y, axes=None, **settings):
    dy, y = floats({"dy": axes, "y": axes}, dy=dy, y=y)
    dx = np.empty_like(dy)
    bind(name, dy, y, dx, **settings)()
    return dx
