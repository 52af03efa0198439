"""Operations over axes: sums, means, extremes, quantiles, cumulative sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.ops.base import convert, op, standard_dtype, to_float, together

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from fastcnn.core.types import Axes


def _axes(axis: Any) -> Any:
    """An axis, or a tuple of several."""
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


def _total_type(x: NDArray) -> np.dtype:
    """The type of sums: small integers and booleans are added in 32 bits."""
    if x.dtype == bool or (x.dtype.kind == "i" and x.dtype.itemsize < 4):
        return np.dtype(np.int32)
    if x.dtype.kind == "u" and x.dtype.itemsize < 4:
        return np.dtype(np.uint32)
    return x.dtype


@op
def sum(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """The sum over axes; integers below 32 bits are added in 32 bits."""
    x = convert(x)
    return np.sum(x, _axes(axis), dtype=_total_type(x), keepdims=keepdims)


@op
def prod(
    x: ArrayLike, axis: Axes | None = None, keepdims: bool = False, dtype: DTypeLike | None = None
) -> NDArray:
    """The product over axes; integers below 32 bits are multiplied in 32 bits."""
    x = convert(x)
    dtype = _total_type(x) if dtype is None else standard_dtype(dtype)
    return np.prod(x, _axes(axis), dtype=dtype, keepdims=keepdims)


@op
def mean(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """The mean over axes, a float."""
    return np.mean(to_float(x), _axes(axis), keepdims=keepdims)


@op
def average(x: ArrayLike, axis: Axes | None = None, weights: ArrayLike | None = None) -> NDArray:
    """sum(x * weights) / sum(weights) over axes."""
    if weights is None:
        return np.mean(to_float(x), _axes(axis))
    x, weights = together(x, weights, at_least=float)
    return np.average(x, _axes(axis), weights).astype(x.dtype)


@op
def var(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """mean((x - mean(x))^2) over axes"""
    return np.var(to_float(x), _axes(axis), keepdims=keepdims)


@op
def std(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """sqrt(var(x)) over axes"""
    return np.std(to_float(x), _axes(axis), keepdims=keepdims)


@op
def moments(x: ArrayLike, axes: Axes, keepdims: bool = False, synchronized: bool = False) -> Any:
    """(mean, variance) over axes. `synchronized` has no effect: there is one device."""
    x = convert(x)
    mean = np.mean(x, _axes(axes), keepdims=True, dtype=None)
    variance = np.mean(np.square(x - mean), _axes(axes), keepdims=keepdims)
    return (mean if keepdims else np.squeeze(mean, _axes(axes))), variance


def _extreme(function: Any, x: Any, axis: Any, keepdims: bool, initial: Any) -> NDArray:
    x = convert(x)
    initial = None if initial is None else x.dtype.type(initial)
    if initial is None:
        return function(x, _axes(axis), keepdims=keepdims)
    return function(x, _axes(axis), keepdims=keepdims, initial=initial)


@op
def max(
    x: ArrayLike, axis: Axes | None = None, keepdims: bool = False, initial: float | None = None
) -> NDArray:
    """The largest element over axes; NaN if one is. `initial` counts as another element."""
    return _extreme(np.max, x, axis, keepdims, initial)


@op
def min(
    x: ArrayLike, axis: Axes | None = None, keepdims: bool = False, initial: float | None = None
) -> NDArray:
    """The smallest element over axes; NaN if one is. `initial` counts as another element."""
    return _extreme(np.min, x, axis, keepdims, initial)


@op
def amax(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """The largest element over axes."""
    return _extreme(np.max, x, axis, keepdims, None)


@op
def amin(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """The smallest element over axes."""
    return _extreme(np.min, x, axis, keepdims, None)


@op
def ptp(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """max(x) - min(x) over axes"""
    x = convert(x)
    return np.max(x, _axes(axis), keepdims=keepdims) - np.min(x, _axes(axis), keepdims=keepdims)


@op
def all(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """Whether no element is 0."""
    return np.all(convert(x), _axes(axis), keepdims=keepdims)


@op
def any(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """Whether an element is not 0."""
    return np.any(convert(x), _axes(axis), keepdims=keepdims)


@op
def count_nonzero(x: ArrayLike, axis: Axes | None = None) -> NDArray:
    """The number of elements that are not 0, as int32."""
    return np.asarray(np.count_nonzero(convert(x), _axes(axis)), np.int32)


def _position(function: Any, x: Any, axis: Any, keepdims: bool) -> NDArray:
    return np.asarray(function(x, axis, keepdims=keepdims), np.int32)


def _below_zero(x: Any) -> NDArray:
    """-0.0 comes before 0.0 in Keras's order of positions."""
    x = convert(x)
    if x.dtype.kind != "f":
        return x
    return np.where((x == 0) & np.signbit(x), -np.finfo(x.dtype).tiny, x)


@op
def argmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> NDArray:
    """The position of the first largest element, int32; of the flat array without an axis."""
    return _position(np.argmax, _below_zero(x), axis, keepdims)


@op
def argmin(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> NDArray:
    """The position of the first smallest element, int32; of the flat array without an axis."""
    return _position(np.argmin, _below_zero(x), axis, keepdims)


@op
def median(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """The median over axes; NaN if an element is."""
    x = to_float(x)
    return np.median(x, _axes(axis), keepdims=keepdims)


METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(function: Any, x: Any, q: Any, axis: Any, method: str, keepdims: bool) -> NDArray:
    if method not in METHODS:
        raise ValueError(
            f"The argument `method` must be one of {METHODS}. Received method={method!r}."
        )
    x = to_float(x)
    q = np.asarray(q, np.float64)
    return np.asarray(function(x, q, _axes(axis), method=method, keepdims=keepdims), x.dtype)


@op
def quantile(
    x: ArrayLike,
    q: ArrayLike,
    axis: Axes | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> NDArray:
    """The value below which the fraction q of the elements is.

    Args:
        method: between two elements "linear", "lower", "higher", "midpoint" or "nearest".
    """
    return _quantile(np.quantile, x, q, axis, method, keepdims)


@op
def percentile(
    x: ArrayLike,
    q: ArrayLike,
    axis: Axes | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> NDArray:
    """`quantile` for q in percent."""
    return _quantile(np.quantile, x, np.asarray(q, np.float64) / 100, axis, method, keepdims)


def _accumulate(function, x, axis, dtype):
    """A running sum or product, by default in the type of x; of booleans in int32."""
    x = convert(x)
    dtype = (np.int32 if x.dtype == bool else x.dtype) if dtype is None else standard_dtype(dtype)
    return function(x, axis, dtype=dtype)


@op
def cumsum(x: ArrayLike, axis: int | None = None, dtype: DTypeLike | None = None) -> NDArray:
    """The sums of the elements so far; of the flat array without an axis."""
    return _accumulate(np.cumsum, x, axis, dtype)


@op
def cumprod(x: ArrayLike, axis: int | None = None, dtype: DTypeLike | None = None) -> NDArray:
    """The products of the elements so far; of the flat array without an axis."""
    return _accumulate(np.cumprod, x, axis, dtype)


@op
def logsumexp(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """log(sum(exp(x))) over axes, without overflow."""
    x = to_float(x)
    most = np.max(x, _axes(axis), keepdims=True)
    most = np.where(np.isfinite(most), most, x.dtype.type(0))
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(np.exp(x - most), _axes(axis), keepdims=True)) + most
    return total if keepdims else np.squeeze(total, _axes(axis))
