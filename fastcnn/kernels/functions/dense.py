"""Dense layers and their gradients, as functions."""

import numpy as np
from numpy.typing import ArrayLike

from fastcnn.kernels.bind import bind
from fastcnn.kernels.functions.arguments import FloatArray, floats, relu_settings

__all__ = ["dense_backward_data", "dense_backward_weights", "dense_forward"]


def dense_forward(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    relu: bool = False,
    relu_max: float = np.inf,
) -> FloatArray:
    """y[n,o] = b[o] + sum over i of x[n,i] * w[i,o]; with `relu`, y = min(max(y, 0), relu_max)

    Args:
        x: (n, i).
        w: weights (i, o).
        b: bias (o,) or None.

    Returns:
        y (n, o).

    Raises:
        ValueError: shapes do not match.
    """
    x, w, b = floats({"x": 2, "w": 2, "b": 1}, x=x, w=w, b=b)
    y = np.empty((len(x), w.shape[1]), x.dtype)
    bind("dense_forward", x, w, b, y, **relu_settings(relu, relu_max))()
    return y


def dense_backward_data(dy: ArrayLike, w: ArrayLike) -> FloatArray:
    """dx[n,i] = sum over o of dy[n,o] * w[i,o]

    The gradient of sum(dy * dense_forward(x, w)) with respect to x.

    Args:
        dy: (n, o).
        w: weights (i, o).

    Returns:
        dx (n, i).

    Raises:
        ValueError: shapes do not match.
    """
    dy, w = floats({"dy": 2, "w": 2}, dy=dy, w=w)
    dx = np.empty((len(dy), len(w)), dy.dtype)
    bind("dense_backward_data", dy, w, dx)()
    return dx


def dense_backward_weights(x: ArrayLike, dy: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """dw[i,o] = sum over n of x[n,i] * dy[n,o]; db[o] = sum over n of dy[n,o]

    The gradients of sum(dy * dense_forward(x, w, b)) with respect to w and b.

    Args:
        x: (n, i).
        dy: (n, o).

    Returns:
        dw (i, o) and db (o,).

    Raises:
        ValueError: shapes do not match.
    """
    x, dy = floats({"x": 2, "dy": 2}, x=x, dy=dy)
    dw = np.empty((x.shape[1], dy.shape[1]), x.dtype)
    db = np.empty(dy.shape[1], x.dtype)
    bind("dense_backward_weights", x, dy, dw, db)()
    return dw, db
