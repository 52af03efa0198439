"""The error function and its inverse, in NumPy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.kernels.reference.special import erfc

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALL = 1e-3  # below, 1 - erfc(x) would lose digits

# Giles (2012), "Approximating the erfinv function", to single precision: coefficients in w - 2.5
# for w < 5 and in sqrt(w) - 3 beyond, w = -log(1 - x^2). Newton steps add the missing digits.
CENTER = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
    -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
)  # fmt: skip
TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
    -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
)  # fmt: skip


def error_function(x: NDArray) -> NDArray:
    """erf(x), computed in float64."""
    return _erf(x.astype(np.float64)).astype(x.dtype)


def complementary_erf(x: NDArray) -> NDArray:
    """1 - erf(x), computed in float64."""
    return np.asarray(erfc(x.astype(np.float64)), x.dtype)


def inverse_erf(x: NDArray) -> NDArray:
    """y with erf(y) = x: infinite at -1 and 1, NaN beyond."""
    p = x.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        w = -np.log((1 - p) * (1 + p))
        y = np.where(w < 5, np.polyval(CENTER, w - 2.5), np.polyval(TAIL, np.sqrt(w) - 3)) * p
        for _ in range(2):
            slope = 2 / math.sqrt(math.pi) * np.exp(-np.minimum(np.square(y), 700))
            y = y - (_erf(y) - p) / slope
    y = np.where(np.abs(p) == 1, np.copysign(np.inf, p), np.where(np.abs(p) > 1, np.nan, y))
    return y.astype(x.dtype)


def _erf(x: NDArray) -> NDArray:
    series = 2 / math.sqrt(math.pi) * (x - x**3 / 3)
    return np.where(np.abs(x) < SMALL, series, 1 - erfc(x))
