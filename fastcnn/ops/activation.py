"""Activations as operations on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import activations
from fastcnn.activations.base import KernelActivation
from fastcnn.activations.curves import Curve
from fastcnn.kernels import reference
from fastcnn.ops.base import convert, op, to_float

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from fastcnn.core.types import Axes


def _activate(name: str, x: Any, *parameters: Any) -> NDArray:
    """An activation: the compiled kernel in float32, the reference in NumPy for other floats."""
    x = to_float(x)
    function = getattr(activations, name)
    if parameters:
        function = type(function)(*parameters)
    if x.dtype != np.float64:
        return np.asarray(function(x)).astype(x.dtype, copy=False)
    y = np.empty_like(x)
    if isinstance(function, Curve):
        reference.curve_forward(x, y, **function.settings)
    elif isinstance(function, KernelActivation) and not isinstance(function, activations.OverAxes):
        getattr(reference, f"{function.kernel}_forward")(x, y, **function.settings)
    else:
        function.forward(x, y)
    return y


@op
def relu(x: ArrayLike) -> NDArray:
    """max(x, 0)"""
    x = convert(x)
    return np.maximum(x, 0) if x.dtype.kind in "iu" else _activate("relu", x)


@op
def relu6(x: ArrayLike) -> NDArray:
    """min(max(x, 0), 6)"""
    x = convert(x)
    return np.clip(x, 0, 6) if x.dtype.kind in "iu" else _activate("relu6", x)


@op
def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> NDArray:
    """x where x > 0, else negative_slope * x"""
    return _activate("leaky_relu", x, negative_slope)


@op
def elu(x: ArrayLike, alpha: float = 1.0) -> NDArray:
    """x where x > 0, else alpha (exp(x) - 1)"""
    return _activate("elu", x, alpha)


@op
def celu(x: ArrayLike, alpha: float = 1.0) -> NDArray:
    """x where x > 0, else alpha (exp(x / alpha) - 1)"""
    return _activate("celu", x, alpha)


@op
def selu(x: ArrayLike) -> NDArray:
    """1.0507 x where x > 0, else 1.0507 * 1.6733 (exp(x) - 1)"""
    return _activate("selu", x)


@op
def gelu(x: ArrayLike, approximate: bool = True) -> NDArray:
    """x times the normal distribution function of x, or its approximation by tanh"""
    return _activate("gelu", x, bool(approximate))


@op
def glu(x: ArrayLike, axis: int = -1) -> NDArray:
    """The first half of x along an axis times the sigmoid of the second."""
    x = to_float(x)
    if x.shape[axis] % 2:
        raise ValueError(
            f"The size of the axis must be even. Received shape {x.shape}, axis={axis}."
        )
    first, second = np.split(x, 2, axis)
    return first * _activate("sigmoid", second)


@op
def sigmoid(x: ArrayLike) -> NDArray:
    """1 / (1 + exp(-x))"""
    return _activate("sigmoid", x)


@op
def log_sigmoid(x: ArrayLike) -> NDArray:
    """log(sigmoid(x))"""
    return _activate("log_sigmoid", x)


@op
def hard_sigmoid(x: ArrayLike) -> NDArray:
    """x / 6 + 0.5 within [0, 1]"""
    return _activate("hard_sigmoid", x)


@op
def sparse_sigmoid(x: ArrayLike) -> NDArray:
    """(x + 1) / 2 within [0, 1]"""
    return _activate("sparse_sigmoid", x)


@op
def silu(x: ArrayLike) -> NDArray:
    """x * sigmoid(x)"""
    return _activate("silu", x)


@op
def swish(x: ArrayLike) -> NDArray:
    """x * sigmoid(x)"""
    return _activate("silu", x)


@op
def hard_silu(x: ArrayLike) -> NDArray:
    """x * hard_sigmoid(x)"""
    return _activate("hard_silu", x)


@op
def hard_swish(x: ArrayLike) -> NDArray:
    """x * hard_sigmoid(x)"""
    return _activate("hard_silu", x)


@op
def softplus(x: ArrayLike) -> NDArray:
    """log(1 + exp(x))"""
    return _activate("softplus", x)


@op
def sparse_plus(x: ArrayLike) -> NDArray:
    """0 where x <= -1, x where x >= 1, (x + 1)^2 / 4 between"""
    return _activate("sparse_plus", x)


@op
def softsign(x: ArrayLike) -> NDArray:
    """x / (1 + |x|)"""
    return _activate("softsign", x)


@op
def squareplus(x: ArrayLike, b: float = 4) -> NDArray:
    """(x + sqrt(x^2 + b)) / 2"""
    return _activate("squareplus", x, b)


@op
def tanh_shrink(x: ArrayLike) -> NDArray:
    """x - tanh(x)"""
    return _activate("tanh_shrink", x)


@op
def soft_shrink(x: ArrayLike, threshold: float = 0.5) -> NDArray:
    """x moved toward 0 by `threshold`, and 0 within it"""
    return _activate("soft_shrink", x, threshold)


@op
def hard_shrink(x: ArrayLike, threshold: float = 0.5) -> NDArray:
    """x where |x| > threshold, else 0"""
    return _activate("hard_shrink", x, threshold)


@op
def hard_tanh(x: ArrayLike) -> NDArray:
    """x within [-1, 1]"""
    return _activate("hard_tanh", x)


@op
def threshold(x: ArrayLike, threshold: float, default_value: float) -> NDArray:
    """x where x > threshold, else default_value"""
    x = convert(x)
    return np.where(x > threshold, x, x.dtype.type(default_value))


@op
def softmax(x: ArrayLike, axis: Axes | None = -1) -> NDArray:
    """exp(x) / sum(exp(x)) over an axis, several, or all"""
    return _activate("softmax", x, axis)


@op
def log_softmax(x: ArrayLike, axis: Axes | None = -1) -> NDArray:
    """x - log(sum(exp(x))) over an axis, several, or all"""
    return _activate("log_softmax", x, axis)


@op
def sparsemax(x: ArrayLike, axis: int = -1) -> NDArray:
    """max(x - tau, 0) with the tau that makes the sum over an axis 1"""
    return _activate("sparsemax", x, axis)
