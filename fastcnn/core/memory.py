"""Arrays aligned to cache lines, so that no vector load of an aligned row crosses two of them."""

import math

import numpy as np

ALIGNMENT = 64


def aligned(shape, dtype="float32", zero=False):
    """A new C-contiguous array whose address is a multiple of 64."""
    dtype = np.dtype(dtype)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    size = math.prod(shape) * dtype.itemsize
    raw = (np.zeros if zero else np.empty)(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)
