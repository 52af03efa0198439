"""Reductions that ignore NaN."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.ops.base import convert, op, to_float
from fastcnn.ops.reductions import _accumulate, _axes, _position, _quantile, _total_type

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from fastcnn.core.types import Axes


def _quiet(function: Any, *args: Any, **kwargs: Any) -> NDArray:
    """The result without NumPy's warning that everything is NaN."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        return function(*args, **kwargs)


@op
def nansum(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """`sum` without NaN."""
    x = convert(x)
    return np.nansum(x, _axes(axis), dtype=_total_type(x), keepdims=keepdims)


@op
def nanprod(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """`prod` without NaN."""
    x = convert(x)
    return np.nanprod(x, _axes(axis), dtype=_total_type(x), keepdims=keepdims)


@op
def nanmean(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """`mean` without NaN; NaN if there is nothing else."""
    return _quiet(np.nanmean, to_float(x), _axes(axis), keepdims=keepdims)


@op
def nanvar(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """`var` without NaN."""
    return _quiet(np.nanvar, to_float(x), _axes(axis), keepdims=keepdims)


@op
def nanstd(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """`std` without NaN."""
    return _quiet(np.nanstd, to_float(x), _axes(axis), keepdims=keepdims)


@op
def nanmax(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """`max` without NaN."""
    return _quiet(np.nanmax, convert(x), _axes(axis), keepdims=keepdims)


@op
def nanmin(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """`min` without NaN."""
    return _quiet(np.nanmin, convert(x), _axes(axis), keepdims=keepdims)


def _nan_position(function: Any, x: Any, worst: float, axis: Any, keepdims: bool) -> NDArray:
    """Where all elements are NaN the position is -1."""
    x = convert(x)
    if x.dtype.kind != "f":
        return _position(function, x, axis, keepdims)
    found = _position(function, np.where(np.isnan(x), worst, x), axis, keepdims)
    return np.where(np.all(np.isnan(x), axis, keepdims=keepdims), np.int32(-1), found)


@op
def nanargmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> NDArray:
    """`argmax` without NaN; -1 if there is nothing else."""
    return _nan_position(np.argmax, x, -np.inf, axis, keepdims)


@op
def nanargmin(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> NDArray:
    """`argmin` without NaN; -1 if there is nothing else."""
    return _nan_position(np.argmin, x, np.inf, axis, keepdims)


@op
def nanmedian(x: ArrayLike, axis: Axes | None = None, keepdims: bool = False) -> NDArray:
    """`median` without NaN."""
    return _quiet(np.nanmedian, to_float(x), _axes(axis), keepdims=keepdims)


@op
def nanquantile(
    x: ArrayLike,
    q: ArrayLike,
    axis: Axes | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> NDArray:
    """`quantile` without NaN."""
    return _quiet(_quantile, np.nanquantile, x, q, axis, method, keepdims)


@op
def nanpercentile(
    x: ArrayLike,
    q: ArrayLike,
    axis: Axes | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> NDArray:
    """`percentile` without NaN."""
    q = np.asarray(q, np.float64) / 100
    return _quiet(_quantile, np.nanquantile, x, q, axis, method, keepdims)


@op
def nancumsum(x: ArrayLike, axis: int | None = None, dtype: DTypeLike | None = None) -> NDArray:
    """`cumsum` with NaN as 0."""
    return _accumulate(np.nancumsum, x, axis, dtype)


@op
def nancumprod(x: ArrayLike, axis: int | None = None, dtype: DTypeLike | None = None) -> NDArray:
    """`cumprod` with NaN as 1."""
    return _accumulate(np.nancumprod, x, axis, dtype)
