"""The normal distribution function, which NumPy does not have."""

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
    from numpy.polynomial import chebyshev  # costs a tenth of `import fastcnn`; few use erfc

    lowest = 1 / (1 + 26 / 2)

    def exact(s):  # s in [-1, 1] corresponds to t in [lowest, 1]
        t = lowest + (1 - lowest) * (s + 1) / 2
        z = 2 / t - 2
        return np.array([math.log(math.erfc(a) / b) + a * a for a, b in zip(z, t, strict=True)])

    series = chebyshev.chebinterpolate(exact, TERMS[dtype]).astype(dtype)
    return lowest, lambda s: chebyshev.chebval(s, series)


def erfc(z):
    """2 / sqrt(pi) times the integral of exp(-u^2) from z on, elementwise; float32 or float64."""
    lowest, series = _series(z.dtype.name)
    a = np.minimum(np.abs(z), 26)
    t = 1 / (1 + a / 2)
    s = 2 * (t - lowest) / (1 - lowest) - 1
    tail = t * np.exp(series(s) - a * a)
    return np.where(z < 0, 2 - tail, tail)


def normal_cdf(x):
    """The probability that a normally distributed number is at most x."""
    return 0.5 * erfc(-x * np.sqrt(x.dtype.type(0.5)))
