"""Reference kernels of the activations and their gradients."""

import numpy as np


def relu_forward(x, y, *, relu_max=np.inf):
    """y = min(max(x, 0), relu_max); NaN stays NaN"""
    y[...] = np.minimum(np.maximum(x, 0), x.dtype.type(relu_max))


def relu_backward(dy, y, dx, *, relu_max=np.inf):
    """dx = dy where 0 < y < relu_max, else 0; y is relu's output

    NaN passes the gradient on, and so does infinity where relu_max is not finite.
    """
    closed = y <= 0
    if relu_max < np.inf:
        closed |= y >= y.dtype.type(relu_max)
    dx[...] = np.where(closed, 0, dy)


def tanh_forward(x, y):
    """y = tanh(x)"""
    np.tanh(x, out=y)


def tanh_backward(dy, y, dx):
    """dx = dy (1 - y^2); y is tanh's output"""
    dx[...] = dy * (1 - y * y)


def sigmoid_forward(x, y):
    """y = 1 / (1 + exp(-x))"""
    small = np.exp(-np.abs(x))  # at most 1: nothing overflows
    y[...] = np.where(x < 0, small, 1) / (1 + small)


def sigmoid_backward(dy, y, dx):
    """dx = dy y (1 - y); y is sigmoid's output"""
    dx[...] = dy * (y * (1 - y))


def elu_forward(x, y, *, alpha):
    """y = x where x > 0, else alpha (exp(x) - 1)"""
    y[...] = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def elu_backward(dy, y, dx, *, alpha):
    """dx = dy where y > 0, else dy (y + alpha); y is elu's output, alpha >= 0"""
    dx[...] = np.where(y > 0, dy, dy * (y + dy.dtype.type(alpha)))


def softmax_forward(x, y):
    """y[n,c] = exp(x[n,c] - max_c x[n]) / sum over c of exp(x[n,c] - max_c x[n])"""
    e = np.exp(x - x.max(1, keepdims=True))
    y[...] = e / e.sum(1, keepdims=True)


def softmax_backward(dy, y, dx):
    """dx[n,c] = y[n,c] * (dy[n,c] - sum over k of dy[n,k] * y[n,k])"""
    dx[...] = y * (dy - (dy * y).sum(1, keepdims=True))
