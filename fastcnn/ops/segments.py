"""Sums and extremes of segments of the first axis, and distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.ops.base import convert, op, together

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray


def _segments(
    ufunc: Any, data: Any, segment_ids: Any, num_segments: int | None, is_sorted: bool, start: Any
) -> NDArray:
    """Combine the slices of data that have the same id; `start` is the result of an empty one."""
    if is_sorted and num_segments is not None:
        raise ValueError(
            "The argument `num_segments` cannot be used with `sorted=True`. "
            f"Received num_segments={num_segments}."
        )
    data, ids = convert(data), convert(segment_ids)
    if ids.ndim != 1 or len(ids) != len(data):
        raise ValueError(
            f"The argument `segment_ids` must have shape ({len(data)},). Received {ids.shape}."
        )
    count = int(ids.max(initial=-1)) + 1 if num_segments is None else int(num_segments)
    result = np.full((count, *data.shape[1:]), start(data.dtype), data.dtype)
    valid = (ids >= 0) & (ids < count)  # ids out of range are left out
    ufunc.at(result, ids[valid], data[valid])
    return result


def _lowest(dtype: np.dtype) -> Any:
    return np.finfo(dtype).min if dtype.kind == "f" else np.iinfo(dtype).min


def _highest(dtype: np.dtype) -> Any:
    return np.finfo(dtype).max if dtype.kind == "f" else np.iinfo(dtype).max


@op
def segment_sum(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> NDArray:
    """The sum of the slices data[i] for each value of segment_ids[i]."""
    return _segments(np.add, data, segment_ids, num_segments, sorted, lambda dtype: 0)


@op
def segment_prod(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> NDArray:
    """The product of the slices data[i] for each value of segment_ids[i]."""
    return _segments(np.multiply, data, segment_ids, num_segments, sorted, lambda dtype: 1)


@op
def segment_max(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> NDArray:
    """The largest of the slices data[i] for each value of segment_ids[i]."""
    return _segments(np.maximum, data, segment_ids, num_segments, sorted, _lowest)


@op
def segment_min(
    data: ArrayLike, segment_ids: ArrayLike, num_segments: int | None = None, sorted: bool = False
) -> NDArray:
    """The smallest of the slices data[i] for each value of segment_ids[i]."""
    return _segments(np.minimum, data, segment_ids, num_segments, sorted, _highest)


@op
def cdist(x: ArrayLike, y: ArrayLike) -> NDArray:
    """The Euclidean distances of all pairs of a row of x (..., n, d) and one of y (..., m, d)."""
    x, y = together(convert(x), convert(y))
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(
            "`cdist` takes arrays (..., n, d) and (..., m, d). "
            f"Received shapes {x.shape} and {y.shape}."
        )
    return np.sqrt(np.square(x[..., :, None, :] - y[..., None, :, :]).sum(-1))
