"""Reference kernels of noise, a hash of a key and each element's index."""

import math

import numpy as np

from fastcnn.kernels.reference.regularization import chances, hashes

# erfinv(1 - t) / (1 - t) as polynomials in w = -log(t (2 - t)): of w - 2.5 where w < 5, and of
# sqrt(w) - 3 elsewhere (M. Giles, Approximating the erfinv function, GPU Computing Gems, 2010).
NEAR = (
    *(2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087),
    *(-0.00125372503, -0.00417768164, 0.246640727, 1.50140941),
)
FAR = (
    *(-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773),
    *(-0.0076224613, 0.00943887047, 1.00167406, 2.83297682),
)


def normals(size, key, dtype):
    """`size` standard normal values, each a function of its index and the key.

    The hash is a sign and 31 bits, t in (0, 1); the value is where the normal distribution function
    is t / 2, or 1 - t / 2.
    """
    h = hashes(size, key)
    t = ((h & np.uint32(0x7FFFFFFF)) + 0.5) * 2.0**-31
    t = t.astype(dtype)
    w = -np.log(t * (2 - t))
    far = np.sqrt(np.maximum(w, 5)) - 3
    slope = np.where(w < 5, np.polyval(NEAR, w - dtype.type(2.5)), np.polyval(FAR, far))
    z = slope * (1 - t) * math.sqrt(2)
    return np.where(h >> 31, -z, z).astype(dtype)


def gaussian_noise(x, key, y, *, stddev, multiplies):
    """y[i] = x[i] + stddev z[i], or x[i] (1 + stddev z[i]) if it `multiplies`; z = normals of key

    key: two integers in [0, 2^32), int64. Multiplication is its own backward pass.
    """
    noise = normals(x.size, key, x.dtype).reshape(x.shape) * x.dtype.type(stddev)
    y[...] = x + x * noise if multiplies else x + noise


def alpha_dropout(x, key, y, *, rate, dropped, scale, offset):
    """y[i] = (x[i] - dropped) scale + offset where `dropout` keeps x[i], else offset; NaN stays"""
    dropped, scale, offset = (x.dtype.type(value) for value in (dropped, scale, offset))
    kept = (chances(x.size, key) >= np.float32(1) + np.float32(rate)).reshape(x.shape)
    y[...] = (x - dropped) * (kept * scale) + offset
