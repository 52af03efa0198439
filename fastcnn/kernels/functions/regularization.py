"""Dropout, as a function."""

import numpy as np
from numpy.typing import ArrayLike

from fastcnn.core.arguments import check_fraction
from fastcnn.kernels.bind import bind
from fastcnn.kernels.functions.arguments import FloatArray, floats

__all__ = ["dropout"]


def dropout(x: ArrayLike, key: ArrayLike, *, rate: float) -> FloatArray:
    """y[i] = x[i] / (1 - rate) where u[i] >= rate, else 0; u[i] in [0, 1) is a hash of (key, i)

    The same key drops the same elements, so this is its own backward pass. (Srivastava et al.
    2014.)

    Args:
        x: an array of any shape.
        key: two integers in [0, 2^32).
        rate: in [0, 1].

    Returns:
        y of x's shape.

    Raises:
        ValueError: `key` is not two integers, or `rate` lies outside of [0, 1].
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
