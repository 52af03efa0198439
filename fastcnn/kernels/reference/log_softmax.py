"""Reference kernels of the logarithm of softmax."""

import numpy as np


def log_softmax_forward(x, y):
    """y[n,c] = x[n,c] - log(sum over k of exp(x[n,k]))"""
    shifted = x - x.max(1, keepdims=True)
    y[...] = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def log_softmax_backward(dy, y, dx):
    """dx[n,c] = dy[n,c] - exp(y[n,c]) * sum over k of dy[n,k]; y is log_softmax's output"""
    dx[...] = dy - np.exp(y) * dy.sum(1, keepdims=True)
