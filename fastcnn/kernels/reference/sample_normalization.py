"""Reference kernels of layer and group normalization."""

import numpy as np


def _mean(x):
    """The mean over a group (n,1,g,1); 0 without rows."""
    return x.sum((1, 3), keepdims=True) / max(x.shape[1] * x.shape[3], 1)


def group_norm_forward(x, gamma, beta, y, mean, inverse, *, epsilon):
    """y = (x - mean) * inverse * gamma + beta, inverse = 1 / sqrt(variance + epsilon)

    mean[n,g] and variance[n,g] are those over m and c of x[n,m,g,c] (Wu & He 2018). gamma[g,c] and
    beta[g,c] may be None, which means 1 and 0.
    """
    mean[...] = _mean(x)[:, 0, :, 0]
    deviation = x - mean[:, None, :, None]
    variance = _mean(np.square(deviation))[:, 0, :, 0]
    inverse[...] = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    result = deviation * inverse[:, None, :, None]
    if gamma is not None:
        result *= gamma
    if beta is not None:
        result += beta
    y[...] = result


def group_norm_backward(dy, x, gamma, mean, inverse, dx, dgamma, dbeta):
    """The gradients of group_norm_forward, with h = (x - mean) * inverse and d = dy * gamma:

    dbeta[g,c] = sum over n, m of dy; dgamma[g,c] = sum over n, m of dy h;
    dx = inverse (d - mean of d - h * mean of d h), with means over m and c as in the forward pass

    dx, dgamma and dbeta may be None where they are not wanted.
    """
    inverse = inverse[:, None, :, None]
    h = (x - mean[:, None, :, None]) * inverse
    if dgamma is not None:
        dgamma[...] = (dy * h).sum((0, 1))
    if dbeta is not None:
        dbeta[...] = dy.sum((0, 1))
    if dx is not None:
        d = dy if gamma is None else dy * gamma
        dx[...] = inverse * (d - _mean(d) - h * _mean(d * h))


def layer_norm_forward(x, gamma, beta, y, mean, inverse, *, epsilon):
    """group_norm_forward of rows x[m,c], each of which is a group (Ba, Kiros & Hinton 2016)"""
    rows = x[:, None, None], gamma, beta, y[:, None, None], mean[:, None], inverse[:, None]
    group_norm_forward(*rows, epsilon=epsilon)


def layer_norm_backward(dy, x, gamma, mean, inverse, dx, dgamma, dbeta):
    """group_norm_backward of rows x[m,c], each of which is a group; dgamma[c], dbeta[c]"""
    group_norm_backward(
        dy[:, None, None],
        x[:, None, None],
        gamma,
        mean[:, None],
        inverse[:, None],
        None if dx is None else dx[:, None, None],
        None if dgamma is None else dgamma[None],
        None if dbeta is None else dbeta[None],
    )


def rms_norm_forward(x, gamma, y, inverse, *, epsilon):
    """y = x * inverse * gamma, inverse[m] = 1 / sqrt(mean over c of x^2 + epsilon)

    gamma[c] may be None, which means 1 (Zhang & Sennrich 2019).
    """
    inverse[...] = 1 / np.sqrt(np.square(x).mean(1) + x.dtype.type(epsilon))
    result = x * inverse[:, None]
    y[...] = result if gamma is None else result * gamma


def rms_norm_backward(dy, x, gamma, inverse, dx, dgamma):
    """With h = x * inverse and d = dy * gamma: dgamma[c] = sum over m of dy h;

    dx = inverse (d - h * mean over c of d h). dx and dgamma may be None where they are not wanted.
    """
    inverse = inverse[:, None]
    h = x * inverse
    if dgamma is not None:
        dgamma[...] = (dy * h).sum(0)
    if dx is not None:
        d = dy if gamma is None else dy * gamma
        dx[...] = inverse * (d - h * (d * h).mean(1, keepdims=True))
