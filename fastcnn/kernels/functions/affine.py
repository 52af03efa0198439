"""Affine transforms of images and their gradient, as functions."""

import numpy as np
from numpy.typing import ArrayLike

from fastcnn.core.arguments import check_choice
from fastcnn.kernels.bind import bind
from fastcnn.kernels.functions.arguments import FloatArray, floats

__all__ = ["affine_transform_backward", "affine_transform_forward"]


def affine_transform_forward(
    x: ArrayLike,
    transforms: ArrayLike,
    *,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
) -> FloatArray:
    """y[n,oh,ow] = x[n] at column (t0 ow + t1 oh + t2) / k and row (t3 ow + t4 oh + t5) / k

    with k = t6 ow + t7 oh + 1 and t = transforms[n], as in
    keras.ops.image.affine_transform.

    Args:
        x: images (n, h, w, c).
        transforms: (n, 8).
        interpolation: "bilinear" or "nearest".
        fill_mode: how coordinates outside of the image are mapped into it ("reflect", "wrap",
            "nearest"), or "constant": they read `fill_value`.

    Returns:
        y (n, h, w, c).

    Raises:
        ValueError: an unknown `interpolation` or `fill_mode`, or shapes do not match.
    """
    x, transforms = floats({"x": 4, "transforms": 2}, x=x, transforms=transforms)
    y = np.empty_like(x)
    settings = _settings(interpolation, fill_mode, fill_value)
    bind("affine_transform_forward", x, transforms, y, **settings)()
    return y


def affine_transform_backward(
    dy: ArrayLike,
    transforms: ArrayLike,
    *,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
) -> FloatArray:
    """dx, the gradient of sum(dy * affine_transform_forward(x, transforms)) with respect to x

    Args:
        dy: (n, h, w, c).
        transforms: (n, 8).

    Returns:
        dx (n, h, w, c).

    Raises:
        ValueError: an unknown `interpolation` or `fill_mode`, or shapes do not match.
    """
    dy, transforms = floats({"dy": 4, "transforms": 2}, dy=dy, transforms=transforms)
    dx = np.empty_like(dy)
    settings = _settings(interpolation, fill_mode, fill_value)
    bind("affine_transform_backward", dy, transforms, dx, **settings)()
    return dx


def _settings(interpolation, fill_mode, fill_value):
    check_choice(interpolation, "interpolation", ("bilinear", "nearest"))
    check_choice(fill_mode, "fill_mode", ("reflect", "wrap", "nearest", "constant"))
    return {
        "interpolation": interpolation,
        "fill_mode": fill_mode,
        "fill_value": float(fill_value),
    }
