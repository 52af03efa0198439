"""Batch normalization and its gradients, as functions (Ioffe & Szegedy 2015).

Arrays are (m, c), rows of channels: an image's pixels are rows. gamma and beta are (c,) or None,
which means 1 and 0.
"""

import numpy as np
from numpy.typing import ArrayLike

from fastcnn.kernels.bind import bind
from fastcnn.kernels.functions.arguments import FloatArray, floats, relu_settings

__all__ = ["batch_norm_backward", "batch_norm_forward", "batch_norm_forward_training"]


def batch_norm_forward(
    x: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    mean: ArrayLike,
    variance: ArrayLike,
    *,
    epsilon: float = 1e-3,
    relu: bool = False,
    residual: ArrayLike | None = None,
    relu_max: float = np.inf,
) -> FloatArray:
    """y[m,c] = (x[m,c] - mean[c]) gamma[c] / sqrt(variance[c] + epsilon) + beta[c], then relu

    Args:
        x: (m, c).
        gamma, beta: (c,) or None.
        mean, variance: (c,).
        residual: (m, c), which is added before relu, or None.
        relu_max: upper bound of relu.

    Returns:
        y (m, c).

    Raises:
        ValueError: shapes do not match.
    """
    x, gamma, beta, mean, variance, residual = floats(
        {"x": 2}, x=x, gamma=gamma, beta=beta, mean=mean, variance=variance, residual=residual
    )
    y = np.empty_like(x)
    settings = {"epsilon": float(epsilon), **relu_settings(relu, relu_max)}
    bind("batch_norm_forward", x, gamma, beta, mean, variance, y, residual, **settings)()
    return y


def batch_norm_forward_training(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    epsilon: float = 1e-3,
    relu: bool = False,
    residual: ArrayLike | None = None,
    relu_max: float = np.inf,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """batch_norm_forward with the mean and variance (sum / m) of x's own rows

    Args:
        x: (m, c).
        gamma, beta: (c,) or None.
        residual: (m, c), which is added before relu, or None.
        relu_max: upper bound of relu.

    Returns:
        y (m, c), mean (c,) and variance (c,).

    Raises:
        ValueError: shapes do not match.
    """
    x, gamma, beta, residual = floats({"x": 2}, x=x, gamma=gamma, beta=beta, residual=residual)
    y = np.empty_like(x)
    mean, variance = np.empty((2, x.shape[1]), x.dtype)
    settings = {"epsilon": float(epsilon), **relu_settings(relu, relu_max)}
    bind("batch_norm_forward_training", x, gamma, beta, mean, variance, y, residual, **settings)()
    return y, mean, variance


def batch_norm_backward(
    x: ArrayLike,
    dy: ArrayLike,
    gamma: ArrayLike | None,
    mean: ArrayLike,
    variance: ArrayLike,
    *,
    y: ArrayLike | None = None,
    epsilon: float = 1e-3,
    relu_max: float = np.inf,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The gradients of batch_norm_forward_training, with h = (x - mean) / sqrt(variance + epsilon)

    dbeta[c] = sum over m of dy; dgamma[c] = sum over m of dy h;
    dx = gamma / sqrt(variance + epsilon) (dy - dbeta / m - h dgamma / m)

    Args:
        x, dy: (m, c).
        gamma: (c,) or None.
        mean, variance: (c,), as batch_norm_forward_training returned them.
        y: its output (m, c) where relu was part of it, else None.
        relu_max: upper bound of relu.

    Returns:
        dx (m, c), dgamma (c,) and dbeta (c,).

    Raises:
        ValueError: shapes do not match.
    """
    x, dy, y, gamma, mean, variance = floats(
        {"x": 2}, x=x, dy=dy, y=y, gamma=gamma, mean=mean, variance=variance
    )
    dx = np.empty_like(x)
    dgamma, dbeta = np.empty((2, x.shape[1]), x.dtype)
    arrays = (x, dy, y, gamma, mean, variance, dx, dgamma, dbeta)
    relu_max = relu_settings(True, relu_max)["relu_max"]
    bind("batch_norm_backward", *arrays, epsilon=float(epsilon), relu_max=relu_max)()
    return dx, dgamma, dbeta
