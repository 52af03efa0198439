"""The error function, which NumPy does not have."""

import math
from functools import cache

import numpy as np

TERMS = {"float32": 14, "float64": 34}


@cache
def _series(dtype):
    """Chebyshev series of log(erfc(z) / t) + z^2 for t = 1 / (1 + z / 2), z in [0, 26].

    In the form erfc(z) = t exp(-z^2 + series(t)) the series is smooth (Numerical Recipes, 6.2.2).
    Returns the least t and a function of s, which is t scaled to [-1, 1].
    """
    from numpy.polynomial import chebyshev  # costs a tenth of `import fastcnn`; few use erf

    lowest = 1 / (1 + 26 / 2)

    def exact(s):  # s in [-1, 1] corresponds to t in [lowest, 1]
        t = lowest + (1 - lowest) * (s + 1) / 2
        z = 2 / t - 2
        return np.array([math.log(math.erfc(a) / b) + a * a for a, b in zip(z, t, strict=True)])

    series = chebyshev.chebinterpolate(exact, TERMS[dtype]).astype(dtype)
    return lowest, lambda s: chebyshev.chebval(s, series)


def erf(x):
    """2 / sqrt(pi) times the integral of exp(-u^2) from 0 to x, elementwise; float32 or float64."""
    lowest, series = _series(x.dtype.name)
    z = np.minimum(np.abs(x), 26)
    t = 1 / (1 + z / 2)
    s = 2 * (t - lowest) / (1 - lowest) - 1
    return np.copysign(1 - t * np.exp(series(s) - z * z), x)
