"""Products and sums of products: matmul, einsum, differences, correlations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.ops.base import convert, op, result_type, to_float, together

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray


def _pair(x1: Any, x2: Any) -> list[NDArray]:
    return together(convert(x1), convert(x2))


def _product(function: Any, x1: Any, x2: Any, *args: Any) -> NDArray:
    """A product in the common type; booleans are multiplied as integers."""
    x1, x2 = _pair(x1, x2)
    if x1.dtype == bool:
        return np.asarray(function(x1.astype(np.int32), x2.astype(np.int32), *args)).astype(bool)
    return np.asarray(function(x1, x2, *args))


@op
def matmul(x1: ArrayLike, x2: ArrayLike) -> NDArray:
    """The matrix product over the last axis of x1 and the last but one of x2.

    Two arrays of int8 give int32.
    """
    x1, x2 = convert(x1), convert(x2)
    if x1.dtype == x2.dtype == np.int8:
        x1, x2 = x1.astype(np.int32), x2.astype(np.int32)
    return _product(np.matmul, x1, x2)


@op
def dot(x1: ArrayLike, x2: ArrayLike) -> NDArray:
    """The product over the last axis of x1 and the last but one (or only one) of x2."""
    return _product(np.dot, x1, x2)


@op
def inner(x1: ArrayLike, x2: ArrayLike) -> NDArray:
    """The product over the last axes."""
    return _product(np.inner, x1, x2)


@op
def outer(x1: ArrayLike, x2: ArrayLike) -> NDArray:
    """All products of an element of x1 and one of x2."""
    return _product(np.outer, x1, x2)


@op
def vdot(x1: ArrayLike, x2: ArrayLike) -> NDArray:
    """The sum of the products of elements."""
    return _product(lambda a, b: np.dot(a.reshape(-1), b.reshape(-1)), x1, x2)


@op
def tensordot(x1: ArrayLike, x2: ArrayLike, axes: Any = 2) -> NDArray:
    """The product over the last `axes` axes of x1 and the first of x2, or two lists of axes."""
    return _product(np.tensordot, x1, x2, axes)


@op
def kron(x1: ArrayLike, x2: ArrayLike) -> NDArray:
    """The Kronecker product."""
    return _product(np.kron, x1, x2)


@op
def cross(
    x1: ArrayLike,
    x2: ArrayLike,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> NDArray:
    """The vector product of vectors of 3 elements; missing third elements are 0."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = _pair(x1, x2)
    x1, x2 = np.moveaxis(x1, axisa, -1), np.moveaxis(x2, axisb, -1)
    flat = x1.shape[-1] == x2.shape[-1] == 2
    x1, x2 = (np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, 3 - x.shape[-1])]) for x in (x1, x2))
    result = np.cross(x1, x2)
    return result[..., 2] if flat else np.moveaxis(result, -1, axisc)


@op
def einsum(subscripts: str, *operands: ArrayLike, **kwargs: Any) -> NDArray:
    """The sum of products by Einstein's convention: `einsum("ij,jk->ik", a, b)`."""
    kwargs.setdefault("optimize", len(operands) > 1)
    arrays = [convert(operand) for operand in operands]
    dtype = np.dtype(np.int32) if {a.dtype.name for a in arrays} == {"int8"} else None
    dtype = dtype or result_type(*arrays)
    return np.asarray(np.einsum(subscripts, *(a.astype(dtype) for a in arrays), **kwargs))


@op
def trace(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> NDArray:
    """The sums of the diagonals of the matrices in two axes."""
    x = convert(x)
    small = x.dtype.kind in "bi" and x.dtype.itemsize < 4
    wide = np.uint32 if x.dtype.kind == "u" and x.dtype.itemsize < 4 else x.dtype
    return np.asarray(np.trace(x, offset, axis1, axis2, np.int32 if small else wide))


@op
def diff(a: ArrayLike, n: int = 1, axis: int = -1) -> NDArray:
    """The n-th differences of neighbors along an axis."""
    return np.diff(convert(a), n, axis)


@op
def trapezoid(y: ArrayLike, x: ArrayLike | None = None, dx: float = 1.0, axis: int = -1) -> NDArray:
    """The integral along an axis by the trapezoidal rule."""
    y = np.moveaxis(to_float(y), axis, -1)
    steps = y.dtype.type(dx)
    if x is not None:
        x = convert(x).astype(y.dtype)
        steps = np.diff(x, axis=-1) if x.ndim == 1 else np.diff(np.moveaxis(x, axis, -1), axis=-1)
    return np.asarray((0.5 * (y[..., 1:] + y[..., :-1]) * steps).sum(-1), y.dtype)


@op
def corrcoef(x: ArrayLike) -> NDArray:
    """Pearson's correlations of the rows of x."""
    x = convert(x)
    x = x if x.dtype.kind in "fc" else x.astype(config.floatx())
    if x.ndim == 0:
        return np.asarray(np.nan, config.floatx())
    centered = x - x.mean(-1, keepdims=True)
    rows = np.atleast_2d(centered)
    products = rows @ rows.T
    sizes = np.sqrt(np.diag(products))
    with np.errstate(invalid="ignore", divide="ignore"):
        result = np.clip(products / np.outer(sizes, sizes), -1, 1)
    return result[0, 0] if x.ndim == 1 else result


@op
def correlate(x1: ArrayLike, x2: ArrayLike, mode: str = "valid") -> NDArray:
    """y[k] = sum over i of x1[k + i] x2[i], for one axis.

    Args:
        mode: "valid", "same" or "full".
    """
    if mode not in ("valid", "same", "full"):
        raise ValueError(
            f'The argument `mode` must be "valid", "same" or "full". Received mode={mode!r}.'
        )
    x1, x2 = _pair(x1, x2)
    wide = {"int64": "float64", "float64": "float64", "float16": "float16"}
    dtype = np.dtype(wide.get(x1.dtype.name, "float32"))
    full = np.correlate(x1.astype(dtype), x2.astype(dtype), "full")
    if mode == "full":
        return full
    n, m = len(x1), len(x2)
    size = max(n, m) if mode == "same" else n - m + 1
    start = (len(full) - size) // 2 if mode == "same" else m - 1
    return full[start : start + size]
