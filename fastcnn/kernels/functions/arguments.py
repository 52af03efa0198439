"""Arguments that several families share: conversion, checks, and the types of the hints."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcnn import config
from fastcnn.kernels.shapes import check_padding, pair, window_geometry

FloatArray = NDArray[np.floating]  # float32, or float64 with the reference backend
ArgmaxArray = NDArray[np.integer]  # uint8, or int32 for windows of more than 255 elements
Pair = int | tuple[int, int]  # one int for both, or (vertical, horizontal)

OPTIONAL = ("b", "scale", "gamma", "beta", "y", "residual")


def floats(axes: dict[str, int] | None = None, **arrays: ArrayLike | None) -> list:
    """The arrays as C-contiguous floats of one type, each with the number of axes in `axes`.

    Arrays named in OPTIONAL may be None and stay None.
    """
    found = {
        name: np.asarray(array)
        for name, array in arrays.items()
        if array is not None or name not in OPTIONAL
    }
    for name, array in found.items():
        if array.dtype.kind not in "fiub":
            raise TypeError(f"The argument `{name}` must hold numbers. Received {array.dtype}.")
        wanted = (axes or {}).get(name)
        if wanted is not None and array.ndim != wanted:
            raise ValueError(
                f"The argument `{name}` must have {wanted} axes. Received shape {array.shape}."
            )
    wide = config.backend() == "reference" and any(a.dtype == np.float64 for a in found.values())
    dtype = np.float64 if wide else np.float32
    return [
        None if array is None else np.require(found[name], dtype, ["C", "A"])
        for name, array in arrays.items()
    ]


def relu_settings(relu: bool, relu_max: float) -> dict:
    """The kernels' keywords of relu."""
    relu_max = float(relu_max)
    if not relu_max >= 0:
        raise ValueError(f"The argument `relu_max` must be >= 0. Received relu_max={relu_max}.")
    return {"relu": bool(relu), "relu_max": relu_max}


def conv2d_geometry(image, window, strides, padding, dilation):
    """(rows and columns of the output, the kernels' keywords)"""
    strides, dilation = pair(strides, "strides"), pair(dilation, "dilation")
    out, pads = window_geometry(image, window, strides, check_padding(padding), dilation)
    return out, {"strides": strides, "pads": pads, "dilation": dilation}


def check_gradient(dy, size):
    """Raise ValueError, before anything is allocated, unless dy has the output's rows and columns.

    size: (rows, columns).
    """
    if dy.shape[1:3] != size:
        raise ValueError(
            f"The argument `dy` must have {size[0]} rows and {size[1]} columns. "
            f"Received shape {dy.shape}."
        )
