"""Operations that store values at indices: scatter, slices and their updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.ops.base import convert, op

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray


def _index(indices: Any, name: str) -> tuple[NDArray, ...]:
    """Indices (..., axes) as one array for each axis."""
    indices = convert(indices)
    if indices.dtype.kind not in "iu" or indices.ndim == 0:
        raise ValueError(
            f"The argument `{name}` must be an array of integers (..., axes). Received "
            f"{indices.dtype} of shape {indices.shape}."
        )
    return tuple(np.moveaxis(indices, -1, 0))


@op
def scatter(indices: ArrayLike, values: ArrayLike, shape: Sequence[int]) -> NDArray:
    """Zeros of a shape, to which values (n, ...) are added at indices (n, axes)."""
    values = convert(values)
    result = np.zeros(tuple(shape), values.dtype)
    np.add.at(result, _index(indices, "indices"), values)
    return result


REDUCTIONS = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}


@op
def scatter_update(
    inputs: ArrayLike, indices: ArrayLike, updates: ArrayLike, reduction: str | None = None
) -> NDArray:
    """A copy of inputs with updates (n, ...) stored at indices (n, axes).

    Args:
        reduction: None stores; "add", "max", "min" or "mul" combines with what is there.
    """
    result = np.array(convert(inputs))
    index, updates = _index(indices, "indices"), convert(updates).astype(result.dtype)
    if reduction is None:
        result[index] = updates
    elif reduction in REDUCTIONS:
        REDUCTIONS[reduction].at(result, index, updates)
    else:
        raise ValueError(
            f"The argument `reduction` must be None or one of {tuple(REDUCTIONS)}. "
            f"Received reduction={reduction!r}."
        )
    return result


@op
def slice(inputs: ArrayLike, start_indices: ArrayLike, shape: Sequence[int]) -> NDArray:
    """The part of this shape at a corner; a size of -1 goes to the end.

    Raises:
        ValueError: it does not fit into the array.
    """
    inputs = convert(inputs)
    starts = [int(start) for start in np.asarray(start_indices).reshape(-1)]
    sizes = [int(size) for size in np.asarray(shape).reshape(-1)]
    if not len(starts) == len(sizes) == inputs.ndim:
        raise ValueError(
            f"`slice` needs a start and a size for each axis of shape {inputs.shape}. Received "
            f"start_indices={starts} and shape={sizes}."
        )
    cut = []
    for start, size, extent in zip(starts, sizes, inputs.shape, strict=True):
        stop = extent if size == -1 else start + size
        if start < 0 or not start <= stop <= extent:
            raise ValueError(
                f"The slice of shape {tuple(sizes)} at {tuple(starts)} does not fit into shape "
                f"{inputs.shape}."
            )
        cut.append(np.s_[start:stop])
    return inputs[tuple(cut)]


@op
def slice_update(inputs: ArrayLike, start_indices: ArrayLike, updates: ArrayLike) -> NDArray:
    """A copy of inputs with `updates` stored at a corner, moved into the array if need be."""
    result = np.array(convert(inputs))
    updates = convert(updates).astype(result.dtype)
    cut = []
    for start, size, extent in zip(
        np.asarray(start_indices).reshape(-1), updates.shape, result.shape, strict=True
    ):
        start = min(max(int(start), 0), extent - size)
        cut.append(np.s_[start : start + size])
    result[tuple(cut)] = updates
    return result
