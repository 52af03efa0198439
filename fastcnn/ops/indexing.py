"""Operations with indices: selecting, sorting, searching, counting, scattering."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastcnn.core.arguments import check_count
from fastcnn.ops.base import convert, op, result_type, standard_dtype, together

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike, NDArray


class TopK(NamedTuple):
    """What `top_k` returns."""

    values: Any
    indices: Any


@op
def get_item(x: ArrayLike, key: Any) -> NDArray:
    """x[key]"""
    return convert(x)[key]


@op
def take(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> NDArray:
    """The elements or slices at `indices` along an axis; negative ones count from the end.

    Raises:
        IndexError: an index is out of range.
    """
    return np.take(convert(x), convert(indices), axis)


@op
def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> NDArray:
    """One element for each index, at the same positions on the other axes."""
    return np.take_along_axis(convert(x), convert(indices).astype(np.int64), axis)


@op
def where(condition: ArrayLike, x1: ArrayLike | None = None, x2: ArrayLike | None = None) -> Any:
    """x1 where the condition holds, else x2; without both, the positions where it holds."""
    condition = convert(condition).astype(bool)
    if x1 is None and x2 is None:
        return [index.astype(np.int32) for index in np.nonzero(condition)]
    if x1 is None or x2 is None:
        raise ValueError("The arguments `x1` and `x2` of `where` must be given together.")
    return np.where(condition, *together(x1, x2))


@op
def nonzero(x: ArrayLike) -> list[NDArray]:
    """The positions of elements that are not 0, an int32 array for each axis."""
    return [index.astype(np.int32) for index in np.nonzero(convert(x))]


@op
def select(
    condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0
) -> NDArray:
    """The choice of the first condition that holds, else `default`."""
    choices = [convert(choice) for choice in choicelist]
    dtype = result_type(*choices, default if np.ndim(default) == 0 else convert(default))
    conditions = [convert(condition).astype(bool) for condition in condlist]
    default = np.asarray(default, dtype)
    return np.select(conditions, [choice.astype(dtype) for choice in choices], default)


@op
def sort(x: ArrayLike, axis: int | None = -1) -> NDArray:
    """x in ascending order along an axis, or flat."""
    return np.sort(convert(x), axis)


@op
def argsort(x: ArrayLike, axis: int | None = -1) -> NDArray:
    """The positions of the elements in ascending order, int32; equal ones keep their order."""
    x = convert(x)
    return np.argsort(x, axis if x.ndim else None, kind="stable").astype(np.int32)


@op
def argpartition(x: ArrayLike, kth: int, axis: int | None = -1) -> NDArray:
    """Positions int32 such that the element at `kth` is where sorting would put it.

    Smaller ones come before it. The order on both sides is not that of Keras, which is not defined.
    """
    return np.argpartition(convert(x), kth, axis).astype(np.int32)


@op
def top_k(x: ArrayLike, k: int, sorted: bool = True) -> TopK:
    """(values, indices) of the k largest elements on the last axis, the largest first."""
    x, k = convert(x), check_count(k, "k", minimum=0)
    if x.ndim == 0 or k > x.shape[-1]:
        raise ValueError(
            "The argument `k` must not be greater than the size of the last axis. "
            f"Received k={k} and shape {x.shape}."
        )
    flipped = x[..., ::-1]  # a stable sort from the end keeps the first of equal ones first
    order = np.argsort(flipped, -1, kind="stable")[..., ::-1][..., :k]
    indices = (x.shape[-1] - 1 - order).astype(np.int32)
    return TopK(np.take_along_axis(x, indices, -1), indices)


@op
def in_top_k(targets: ArrayLike, predictions: ArrayLike, k: int) -> NDArray:
    """Whether the target's prediction is among the k largest; equal ones all are.

    Args:
        targets: classes (n,).
        predictions: (n, classes). Rows whose target or prediction of it is not finite are False.
    """
    targets, predictions = convert(targets), convert(predictions)
    valid = (targets >= 0) & (targets < predictions.shape[1])
    own = np.take_along_axis(predictions, np.where(valid, targets, 0)[:, None], 1)
    return valid & np.isfinite(predictions).all(1) & ((predictions > own).sum(1) < k)


@op
def searchsorted(sorted_sequence: ArrayLike, values: ArrayLike, side: str = "left") -> NDArray:
    """Positions int32 at which values keep a sorted sequence in order."""
    sequence = convert(sorted_sequence)
    if sequence.ndim != 1:
        raise ValueError(
            f"The argument `sorted_sequence` must have one axis. Received shape {sequence.shape}."
        )
    left_or_right: Any = side
    return np.asarray(np.searchsorted(sequence, convert(values), left_or_right), np.int32)


@op
def digitize(x: ArrayLike, bins: ArrayLike) -> NDArray:
    """The number of edges that are <= x, int32."""
    edges = np.asarray(bins, np.float32)
    return np.asarray(np.searchsorted(edges, convert(x), "right"), np.int32)


@op
def bincount(
    x: ArrayLike, weights: ArrayLike | None = None, minlength: int = 0, sparse: bool = False
) -> NDArray:
    """How often each integer occurs on the last axis, or the sum of its weights."""
    if sparse:
        raise NotImplementedError("The argument `sparse` is not supported yet. Received True.")
    x = convert(x).astype(np.int64)
    dtype = np.dtype(np.int32)
    rows, each = x.reshape(-1, x.shape[-1]), [None] * max(x[..., 0].size, 1)
    if weights is not None:
        weights = convert(weights)
        dtype = result_type(np.int32, weights)
        each = list(weights.reshape(rows.shape))
    length = max(int(x.max(initial=-1)) + 1, int(minlength))
    counts = [np.bincount(row, w, length) for row, w in zip(rows, each, strict=True)]
    return np.array(counts).reshape(*x.shape[:-1], length).astype(dtype)


@op
def histogram(
    x: ArrayLike, bins: int = 10, range: tuple[float, float] | None = None
) -> tuple[NDArray, NDArray]:
    """(counts, edges) of equally wide bins, both in the type of x."""
    x = convert(x)
    if not isinstance(bins, (int, np.integer)) or bins < 1:
        raise ValueError(f"The argument `bins` must be a positive integer. Received bins={bins!r}.")
    low, high = (x.min(), x.max()) if range is None else range
    x = x[(x >= low) & (x <= high)]
    edges = np.linspace(low, high, bins + 1).astype(x.dtype)
    counts = np.bincount(np.searchsorted(edges[1:-1], x, "right"), minlength=bins)
    return counts.astype(x.dtype), edges


@op
def isin(
    x1: ArrayLike, x2: ArrayLike, assume_unique: bool = False, invert: bool = False
) -> NDArray:
    """Whether each element of x1 is in x2."""
    x1, x2 = together(convert(x1), convert(x2))
    return np.isin(x1, x2, assume_unique, invert)


@op
def unique(
    x: ArrayLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: float | None = None,
) -> Any:
    """The distinct elements in order, and with the options (values, index, inverse, counts).

    Args:
        size: the number of values: further ones are left out, missing ones are `fill_value`, by
            default the smallest value.
    """
    x = convert(x)
    values, *rest = np.unique(x, True, True, True, axis)
    index, inverse, counts = (np.asarray(part, np.int32) for part in rest)
    shape = x.shape if axis is None else (x.shape[axis],)
    inverse = inverse.reshape(shape)
    along = 0 if axis is None else axis
    if not sorted:
        order = np.argsort(index, kind="stable")
        values, index, counts = np.take(values, order, along), index[order], counts[order]
        inverse = np.argsort(order).astype(np.int32)[inverse]
    if size is not None:
        values = _resize(values, size, along, fill_value)
        index, counts = _resize(index, size, 0, None), _resize(counts, size, 0, 0)
    found = [values]
    for part, wanted in (
        (index, return_index),
        (inverse, return_inverse),
        (counts, return_counts),
    ):
        if wanted:
            found.append(part)
    return found[0] if len(found) == 1 else tuple(found)


def _resize(values: NDArray, size: int, axis: int, fill: Any) -> NDArray:
    values = np.moveaxis(values, axis, 0)[:size]
    fill = values[0] if fill is None else fill
    missing = np.broadcast_to(
        np.asarray(fill, values.dtype), (size - len(values), *values.shape[1:])
    )
    return np.moveaxis(np.concatenate([values, missing]), 0, axis)


@op
def unravel_index(indices: ArrayLike, shape: Sequence[int]) -> tuple[NDArray, ...]:
    """The position on each axis of elements that are counted in the flat array."""
    flat = convert(indices)
    return tuple(part.astype(flat.dtype) for part in np.unravel_index(flat, tuple(shape)))


@op
def one_hot(
    x: ArrayLike,
    num_classes: int,
    axis: int = -1,
    dtype: DTypeLike | None = None,
    sparse: bool = False,
) -> NDArray:
    """1 at each class on a new axis, else 0; a class outside [0, num_classes) has no 1."""
    if sparse:
        raise NotImplementedError("The argument `sparse` is not supported yet. Received True.")
    x = convert(x)
    hot = x[..., None] == np.arange(num_classes)
    return np.moveaxis(hot, -1, axis).astype(standard_dtype(dtype))


@op
def multi_hot(
    inputs: ArrayLike,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: DTypeLike | None = None,
    sparse: bool = False,
    **kwargs: Any,
) -> NDArray:
    """1 at each class that occurs on the last axis of integers, else 0."""
    if sparse:
        raise NotImplementedError("The argument `sparse` is not supported yet. Received True.")
    num_classes = kwargs.pop("num_tokens", num_classes)
    if kwargs:
        raise ValueError(f"Unknown arguments of `multi_hot`: {', '.join(kwargs)}.")
    if num_classes is None:
        raise ValueError("The argument `num_classes` of `multi_hot` must be given.")
    inputs = convert(inputs)
    hot = np.moveaxis(inputs[..., None] == np.arange(num_classes), -1, axis)
    return hot.any(1 if inputs.ndim > 1 else 0).astype(standard_dtype(dtype))
