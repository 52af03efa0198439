"""Reference kernels of batch normalisation and dropout; see `reference`."""

import numpy as np


def batch_norm_forward(x, gamma, beta, mean, variance, y, *, epsilon, relu):
    """y[m,c] = (x[m,c] - mean[c]) gamma[c] / sqrt(variance[c] + epsilon) + beta[c], then relu

    x (m, c): rows of channels; an image's pixels are rows. gamma and beta may be None: 1 and 0.
    """
    scale = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    if gamma is not None:
        scale *= gamma
    y[...] = (x - mean) * scale
    if beta is not None:
        y += beta
    if relu:
        np.maximum(y, 0, out=y)


def batch_norm_forward_training(x, gamma, beta, mean, variance, y, *, epsilon, relu):
    """mean[c], variance[c] = those of the rows of x (variance: sum / m), then batch_norm_forward

    (Ioffe & Szegedy 2015.) Without rows they are 0.
    """
    rows = max(len(x), 1)
    mean[...] = x.sum(0) / rows
    variance[...] = np.square(x - mean).sum(0) / rows
    batch_norm_forward(x, gamma, beta, mean, variance, y, epsilon=epsilon, relu=relu)


def batch_norm_backward(x, dy, y, gamma, mean, variance, dx, dgamma, dbeta, *, epsilon):
    """The gradients of batch_norm_forward_training, with h = (x - mean) / sqrt(variance + epsilon):

    dbeta[c] = sum over m of dy; dgamma[c] = sum over m of dy h;
    dx = gamma / sqrt(variance + epsilon) (dy - dbeta / m - h dgamma / m)

    y: the output where relu was part of it (dy then counts as 0 where y <= 0), or None. dx,
    dgamma and dbeta may be None: not wanted.
    """
    if y is not None:
        dy = np.where(y <= 0, 0, dy)
    rows = max(len(x), 1)
    inverse = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    h = (x - mean) * inverse
    total, product = dy.sum(0), (dy * h).sum(0)
    if dbeta is not None:
        dbeta[...] = total
    if dgamma is not None:
        dgamma[...] = product
    if dx is not None:
        scale = inverse if gamma is None else inverse * gamma
        dx[...] = scale * (dy - total / rows - h * (product / rows))


def _mixed(h):
    h = (h ^ (h >> 16)) * np.uint32(0x21F0AAAD)
    h = (h ^ (h >> 15)) * np.uint32(0x735A2D97)
    return h ^ (h >> 15)


def dropout(x, key, y, *, rate):
    """y[i] = x[i] / (1 - rate) where u[i] >= rate, else 0; u[i] in [0, 1) is a hash of (key, i)

    key: two numbers in [0, 2^32), int64. The hash (see csrc/dropout.inc.h) has 23 bits and is the
    same for every backend. The map is linear: it is its own backward pass, with the same key.
    """
    h = np.arange(x.size, dtype=np.uint32)
    for half in key:
        h = _mixed(h ^ np.uint32(half))
    chance = ((h >> 9).astype(np.float32) / np.float32(2**23) + np.float32(1)).reshape(x.shape)
    scale = x.dtype.type(np.float32(1 / (1 - rate) if rate < 1 else 0))
    y[...] = np.where(chance >= np.float32(1) + np.float32(rate), x * scale, 0)
