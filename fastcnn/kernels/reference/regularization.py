"""Reference kernel of dropout."""

import numpy as np


def _mixed(h):
    h = (h ^ (h >> 16)) * np.uint32(0x21F0AAAD)
    h = (h ^ (h >> 15)) * np.uint32(0x735A2D97)
    return h ^ (h >> 15)


def hashes(size, key):
    """32 random bits for each index, uint32."""
    h = np.arange(size, dtype=np.uint32)
    for half in key:
        h = _mixed(h ^ np.uint32(half))
    return h


def chances(size, key):
    """A random float32 in [1, 2) for each index."""
    return (hashes(size, key) >> 9).astype(np.float32) / np.float32(2**23) + np.float32(1)


def dropout(x, key, y, *, rate):
    """y[i] = x[i] / (1 - rate) where u[i] >= rate, else 0; u[i] in [0, 1) is a hash of (key, i)

    key: two integers in [0, 2^32), int64. The hash (see csrc/dropout.inc.h) has 23 bits and is the
    same for every backend. The map is linear: with the same key it is its own backward pass.
    """
    chance = chances(x.size, key).reshape(x.shape)
    scale = x.dtype.type(np.float32(1 / (1 - rate) if rate < 1 else 0))
    y[...] = np.where(chance >= np.float32(1) + np.float32(rate), x * scale, 0)
