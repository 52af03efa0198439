"""Shapes, axes, joining and splitting, selection and order: names at the top of `tf`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastcnn import ops
from fastcnn.core.arguments import refuse
from fastcnn.ops.base import convert, op, standard_dtype
from fastcnn.tf.core import shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    Name = str | None


@op
def reshape(tensor: ArrayLike, shape: Any, name: Name = None) -> NDArray:
    """The elements in another shape; a size of -1 follows from the others."""
    return np.reshape(convert(tensor), shape_of(shape) if np.size(shape) else ())


@op
def transpose(
    a: ArrayLike, perm: Sequence[int] | None = None, conjugate: bool = False, name: Name = None
) -> NDArray:
    """The axes in another order, by default reversed."""
    a = np.transpose(convert(a), perm)
    return np.conj(a) if conjugate else a


@op
def expand_dims(input: ArrayLike, axis: int, name: Name = None) -> NDArray:
    """A new axis of size 1."""
    return np.expand_dims(convert(input), axis)


@op
def squeeze(input: ArrayLike, axis: Any = None, name: Name = None) -> NDArray:
    """The input without axes of size 1."""
    return ops.squeeze(input, axis)


@op
def broadcast_to(input: ArrayLike, shape: Any, name: Name = None) -> NDArray:
    """The input repeated to a shape."""
    return ops.broadcast_to(input, shape_of(shape))


@op
def concat(values: Any, axis: int, name: Name = None) -> NDArray:
    """Arrays joined along an axis."""
    return ops.concatenate(values if isinstance(values, (list, tuple)) else [values], int(axis))


@op
def stack(values: Sequence[ArrayLike], axis: int = 0, name: Name = None) -> NDArray:
    """Arrays of one shape joined along a new axis."""
    return ops.stack(values, axis)


@op
def unstack(
    value: ArrayLike, num: int | None = None, axis: int = 0, name: Name = None
) -> list[NDArray]:
    """The slices along an axis, as a list."""
    return ops.unstack(value, num, axis)


@op
def split(
    value: ArrayLike, num_or_size_splits: Any, axis: int = 0, num: int | None = None,
    name: Name = None,
) -> list[NDArray]:  # fmt: skip
    """A number of equal parts, or parts of these sizes; one size may be -1."""
    value, sizes = convert(value), np.asarray(num_or_size_splits)
    if sizes.ndim == 0:
        return np.split(value, int(sizes), axis)
    sizes = np.where(sizes < 0, value.shape[axis] - sizes[sizes >= 0].sum(), sizes)
    return np.split(value, np.cumsum(sizes)[:-1], axis)


@op
def reverse(tensor: ArrayLike, axis: Any, name: Name = None) -> NDArray:
    """The elements in reverse order along axes."""
    return ops.flip(tensor, axis)


@op
def roll(input: ArrayLike, shift: Any, axis: Any, name: Name = None) -> NDArray:
    """The elements shifted along axes; what leaves at one end enters at the other."""
    return ops.roll(input, shift, axis)


@op
def pad(
    tensor: ArrayLike,
    paddings: Any,
    mode: str = "CONSTANT",
    constant_values: float = 0,
    name: Name = None,
) -> NDArray:
    """Elements added before and after on each axis: mode "CONSTANT", "REFLECT" or "SYMMETRIC"."""
    values = constant_values if mode.lower() == "constant" else None
    return ops.pad(tensor, paddings, mode.lower(), values)


@op
def tile(input: ArrayLike, multiples: Any, name: Name = None) -> NDArray:
    """The whole array several times along each axis."""
    return ops.tile(input, multiples)


@op
def repeat(input: ArrayLike, repeats: Any, axis: int | None = None, name: Name = None) -> NDArray:
    """Each element several times in a row."""
    return ops.repeat(input, repeats, axis)


@op
def meshgrid(*args: ArrayLike, indexing: str = "xy", name: Name = None) -> list[NDArray]:
    """The coordinates of all points of a grid."""
    return ops.meshgrid(*args, indexing=indexing)


class Unique(NamedTuple):
    """What `unique` returns."""

    y: Any
    idx: Any


@op
def where(
    condition: ArrayLike, x: ArrayLike | None = None, y: ArrayLike | None = None, name: Name = None
) -> NDArray:
    """x where the condition holds, else y; without both the positions (n, axes) as int64."""
    if x is None and y is None:
        return np.argwhere(convert(condition))
    return ops.where(condition, x, y)


@op
def gather(
    params: ArrayLike,
    indices: ArrayLike,
    validate_indices: Any = None,
    axis: int | None = None,
    batch_dims: int = 0,
    name: Name = None,
) -> NDArray:
    """The slices at indices along an axis."""
    params, indices = convert(params), convert(indices).astype(np.int64)
    axis = batch_dims if axis is None else int(axis)
    if not batch_dims:
        return np.take(params, indices, axis)
    flat = zip(
        params.reshape(-1, *params.shape[batch_dims:]),
        indices.reshape(-1, *indices.shape[batch_dims:]),
        strict=True,
    )
    parts = [np.take(part, index, axis - batch_dims) for part, index in flat]
    return np.stack(parts).reshape(*params.shape[:batch_dims], *parts[0].shape)


@op
def gather_nd(
    params: ArrayLike, indices: ArrayLike, batch_dims: int = 0, name: Name = None
) -> NDArray:
    """The elements or slices at positions (..., axes)."""
    refuse(batch_dims, "batch_dims", 0)
    return convert(params)[tuple(np.moveaxis(convert(indices).astype(np.int64), -1, 0))]


@op
def boolean_mask(
    tensor: ArrayLike, mask: ArrayLike, axis: int | None = None, name: Name = None
) -> NDArray:
    """The slices where a mask is True, along one axis of the result."""
    before = (np.s_[:],) * (axis or 0)
    return convert(tensor)[(*before, convert(mask).astype(bool))]


@op
def slice(input_: ArrayLike, begin: Any, size: Any, name: Name = None) -> NDArray:
    """The part of a size at a corner; a size of -1 goes to the end."""
    return ops.slice(input_, begin, size)


@op
def one_hot(
    indices: ArrayLike,
    depth: int,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: Name = None,
) -> NDArray:
    """`on_value` (1) at each index on a new axis, else `off_value` (0)."""
    hot = ops.one_hot(indices, int(depth), -1 if axis is None else axis, "bool")
    on, off = convert(1.0 if on_value is None else on_value), convert(off_value or 0)
    return np.where(hot, on, off).astype(on.dtype if dtype is None else standard_dtype(dtype))


@op
def sort(
    values: ArrayLike, axis: int = -1, direction: str = "ASCENDING", name: Name = None
) -> NDArray:
    """The elements in order along an axis: "ASCENDING" or "DESCENDING"."""
    values = np.sort(convert(values), axis)
    return np.flip(values, axis) if _descends(direction) else values


@op
def argsort(
    values: ArrayLike,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: Name = None,
) -> NDArray:
    """The positions int32 of the elements in order; equal ones keep their order."""
    values = convert(values)
    if not _descends(direction):
        return np.argsort(values, axis, kind="stable").astype(np.int32)
    order = np.argsort(np.flip(values, axis), axis, kind="stable")
    return (values.shape[axis] - 1 - np.flip(order, axis)).astype(np.int32)


def _descends(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(
            'The argument `direction` must be "ASCENDING" or "DESCENDING". '
            f"Received direction={direction!r}."
        )
    return direction == "DESCENDING"


@op
def unique(x: ArrayLike, out_idx: Any = "int32", name: Name = None) -> Unique:
    """(the distinct elements in the order of their first occurrence, where each element is)."""
    values, indices = ops.unique(x, sorted=False, return_inverse=True)
    return Unique(values, np.asarray(indices, standard_dtype(out_idx)))


@op
def searchsorted(
    sorted_sequence: ArrayLike,
    values: ArrayLike,
    side: str = "left",
    out_type: Any = "int32",
    name: Name = None,
) -> NDArray:
    """Positions at which values keep a sorted sequence in order."""
    return np.asarray(ops.searchsorted(sorted_sequence, values, side), standard_dtype(out_type))


@op
def scatter_nd(indices: ArrayLike, updates: ArrayLike, shape: Any, name: Name = None) -> NDArray:
    """Zeros of a shape, to which updates (n, ...) are added at indices (n, axes)."""
    return ops.scatter(indices, updates, shape_of(shape))


@op
def tensor_scatter_nd_update(
    tensor: ArrayLike, indices: ArrayLike, updates: ArrayLike, name: Name = None
) -> NDArray:
    """A copy with updates (n, ...) stored at indices (n, axes)."""
    return ops.scatter_update(tensor, indices, updates)


@op
def tensor_scatter_nd_add(
    tensor: ArrayLike, indices: ArrayLike, updates: ArrayLike, name: Name = None
) -> NDArray:
    """A copy with updates (n, ...) added at indices (n, axes)."""
    return ops.scatter_update(tensor, indices, updates, "add")
