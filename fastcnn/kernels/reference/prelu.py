"""Reference kernels of PReLU."""

import numpy as np


def prelu_forward(x, alpha, y):
    """y[m,c] = x[m,c] where x[m,c] > 0, else alpha[c] * x[m,c]"""
    y[...] = np.where(x > 0, x, alpha * x)


def prelu_backward(dy, x, alpha, dx, dalpha):
    """dx = dy where x > 0, else alpha * dy; dalpha[c] = sum over m of dy * x where x <= 0

    dx and dalpha may be None where they are not wanted.
    """
    is_open = x > 0
    if dalpha is not None:
        dalpha[...] = np.where(is_open, 0, dy * x).sum(0) + dalpha.dtype.type(0)  # not -0
    if dx is not None:
        dx[...] = np.where(is_open, dy, alpha * dy)
