"""Reference kernels of dense layers."""

import numpy as np

from fastcnn.kernels.reference.activations import relu_forward


def dense_forward(x, w, b, y, *, relu, relu_max=np.inf):
    """y[n,o] = b[o] + sum over i of x[n,i] * w[i,o]; x (n, i), w (i, o), b (o,) or None

    With `relu`, y = min(max(y, 0), relu_max).
    """
    y[...] = x @ w if b is None else x @ w + b
    if relu:
        relu_forward(y, y, relu_max=relu_max)


def dense_backward_data(dy, w, dx, *, accumulate=False):
    """dx[n,i] = sum over o of dy[n,o] * w[i,o]; with `accumulate`, it is added to dx"""
    dx[...] = dx + dy @ w.T if accumulate else dy @ w.T


def dense_backward_weights(x, dy, dw, db):
    """dw[i,o] = sum over n of x[n,i] * dy[n,o]; db[o] = sum over n of dy[n,o]; db may be None"""
    dw[...] = x.T @ dy
    if db is not None:
        db[...] = dy.sum(0)
