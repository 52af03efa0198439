"""Reference kernels of the merging layers: elementwise functions, concatenation, dot products."""

import numpy as np


def add(a, b, y, *, relu):
    """y = a + b, or max(a + b, 0) with `relu`; y may be a or b"""
    np.add(a, b, out=y)
    if relu:
        np.maximum(y, 0, out=y)


def subtract(a, b, y):
    """y = a - b; y may be a or b"""
    np.subtract(a, b, out=y)


def multiply(a, b, y):
    """y = a b; y may be a or b"""
    np.multiply(a, b, out=y)


def average(a, b, y, *, count):
    """y = (a + b) / count; y may be a or b"""
    y[...] = (a + b) / y.dtype.type(count)


def divide(x, y, *, divisor):
    """y = x / divisor; y may be x"""
    y[...] = x / y.dtype.type(divisor)


def maximum_forward(a, b, y):
    """y = b where b > a, else a; NaN where either is NaN. y may be a or b"""
    y[...] = np.where((b > a) | np.isnan(b), b, a)


def maximum_backward(dy, a, b, da, db):
    """da = dy where a >= b, else 0; db = the rest of dy. Either may be None, or dy itself"""
    _split(dy, a >= b, da, db)


def minimum_forward(a, b, y):
    """y = b where b < a, else a; NaN where either is NaN. y may be a or b"""
    y[...] = np.where((b < a) | np.isnan(b), b, a)


def minimum_backward(dy, a, b, da, db):
    """da = dy where a <= b, else 0; db = the rest of dy. Either may be None, or dy itself"""
    _split(dy, a <= b, da, db)


def _split(dy, to_first, da, db):
    first, second = np.where(to_first, dy, 0), np.where(to_first, 0, dy)
    if da is not None:
        da[...] = first
    if db is not None:
        db[...] = second


def concatenate_forward(x, y, *, start):
    """y[n,start+c] = x[n,c]; the other columns of y (n, o) do not change"""
    y[:, start : start + x.shape[1]] = x


def concatenate_backward(dy, dx, result=None, *, start):
    """dx[n,c] = dy[n,start+c], or 0 where result[n,start+c] <= 0: the gradient before a relu"""
    columns = slice(start, start + dx.shape[1])
    dx[...] = dy[:, columns]
    if result is not None:
        dx[result[:, columns] <= 0] = 0


def repeat_forward(x, y):
    """y[n,h,c] = x[n,c]"""
    y[...] = x[:, None]


def repeat_backward(dy, dx):
    """dx[n,c] = sum over h of dy[n,h,c]"""
    np.sum(dy, axis=1, out=dx)


def dot_forward(a, b, y):
    """y[n,p,q,r,s] = sum over k of a[n,p,k,q] * b[n,r,k,s]"""
    y[...] = _sum_of_products("npkq,nrks->npqrs", a, b)


def dot_backward(dy, a, b, da, db):
    """da[n,p,k,q] = sum over r, s of dy[n,p,q,r,s] * b[n,r,k,s]; db likewise; either may be None"""
    if da is not None:
        da[...] = _sum_of_products("npqrs,nrks->npkq", dy, b)
    if db is not None:
        db[...] = _sum_of_products("npqrs,npkq->nrks", dy, a)


def _sum_of_products(axes, a, b):
    return np.einsum(axes, a, b, optimize=True) + a.dtype.type(0)  # sums start at 0, not at -0


def unit_norm_forward(x, y, factor, *, most):
    """factor[n,q] = min(1 / sqrt(sum over k of x[n,k,q]^2), most); y = x * factor"""
    squares = np.square(x).sum(1)
    factor[...] = np.minimum(1 / np.sqrt(squares), factor.dtype.type(most))
    np.multiply(x, factor[:, None], out=y)


def unit_norm_backward(dy, y, factor, dx, *, most):
    """dx[n,k,q] = factor * (dy - y * sum over k of dy * y); the sum counts as 0 at factor = most"""
    along = np.where(factor == factor.dtype.type(most), 0, (dy * y).sum(1))
    dx[...] = (dy - y * along[:, None]) * factor[:, None]
