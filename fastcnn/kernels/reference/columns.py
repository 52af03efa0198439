"""Reference kernels over an axis that is not the last: softmax, sparsemax, maximum's gradient."""

import numpy as np


def softmax_columns_forward(x, y, *, log):
    """y = exp(x) / sum over k of exp(x[n,k,q]), or with `log` its logarithm"""
    shifted = x - x.max(1, keepdims=True)
    exps = np.exp(shifted)
    total = exps.sum(1, keepdims=True)
    y[...] = shifted - np.log(total) if log else exps / total


def softmax_columns_backward(dy, y, dx, *, log):
    """dx = y (dy - sum over k of dy y), or with `log` dy - exp(y) * sum over k of dy"""
    total = (dy if log else dy * y).sum(1, keepdims=True)
    dx[...] = dy - np.exp(y) * total if log else y * (dy - total)


def sparsemax_forward(x, y):
    """y = max(x - tau, 0) with the tau[n,q] that makes the sum over k 1

    (Martins & Astudillo 2016)
    """
    x = x - x.max(1, keepdims=True)  # same result, without loss of precision
    ordered = -np.sort(-x, axis=1)
    sums = np.cumsum(ordered, axis=1)
    count = np.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]
    inside = (ordered * count > sums - 1).sum(1, keepdims=True)
    total = np.take_along_axis(sums, np.maximum(inside - 1, 0), 1)
    tau = (total - 1) / np.maximum(inside, 1).astype(x.dtype)
    np.maximum(x - tau, 0, out=y)


def sparsemax_backward(dy, y, dx):
    """dx = dy - its mean where y > 0, over k and where y > 0, else 0"""
    inside = y > 0
    count = np.maximum(inside.sum(1, keepdims=True), 1).astype(dy.dtype)
    mean = np.where(inside, dy, 0).sum(1, keepdims=True) / count
    dx[...] = np.where(inside, dy - mean, 0)


def global_max_backward(dy, x, y, dx):
    """dx[n,k,q] = dy[n,q] / count where x is y[n,q], as count elements over k are, else 0"""
    chosen = x == y[:, None]
    count = np.maximum(chosen.sum(1, keepdims=True), 1).astype(dy.dtype)
    np.multiply(chosen, dy[:, None] / count, out=dx)
