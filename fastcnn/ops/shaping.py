"""Operations that arrange elements: shapes, axes, joining and splitting, diagonals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.ops.base import convert, op, standard_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from fastcnn.core.types import Axes


def _integers(values: Any) -> Any:
    """An integer, or a tuple of integers from any sequence."""
    return int(values) if np.ndim(values) == 0 else tuple(int(value) for value in values)


@op
def reshape(x: ArrayLike, newshape: Axes) -> NDArray:
    """x in another shape; a size of -1 follows from the others."""
    return np.reshape(convert(x), _integers(newshape))


@op
def ravel(x: ArrayLike) -> NDArray:
    """x with one axis."""
    return convert(x).reshape(-1)


@op
def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> NDArray:
    """x with its axes in another order, by default reversed."""
    return np.transpose(convert(x), axes)


@op
def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> NDArray:
    """x with two axes exchanged."""
    return np.swapaxes(convert(x), axis1, axis2)


@op
def moveaxis(x: ArrayLike, source: Axes, destination: Axes) -> NDArray:
    """x with axes moved to other positions."""
    return np.moveaxis(convert(x), source, destination)


@op
def expand_dims(x: ArrayLike, axis: Axes) -> NDArray:
    """x with a new axis of size 1, or several."""
    return np.expand_dims(convert(x), _integers(axis))


@op
def squeeze(x: ArrayLike, axis: Axes | None = None) -> NDArray:
    """x without its axes of size 1, or without those named.

    Raises:
        ValueError: the size of a named axis is not 1.
    """
    return np.squeeze(convert(x), None if axis is None else _integers(axis))


@op
def broadcast_to(x: ArrayLike, shape: Axes) -> NDArray:
    """x repeated to a shape."""
    return np.array(np.broadcast_to(convert(x), _integers(shape)))


@op
def flip(x: ArrayLike, axis: Axes | None = None) -> NDArray:
    """x in reverse order along an axis, several, or all."""
    return np.flip(convert(x), None if axis is None else _integers(axis))


@op
def fliplr(x: ArrayLike) -> NDArray:
    """x in reverse order along axis 1."""
    return np.fliplr(convert(x))


@op
def flipud(x: ArrayLike) -> NDArray:
    """x in reverse order along axis 0."""
    return np.flipud(convert(x))


@op
def rot90(array: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> NDArray:
    """x rotated k times by 90 degrees from the first axis toward the second."""
    return np.rot90(convert(array), k, axes)


@op
def roll(x: ArrayLike, shift: Axes, axis: Axes | None = None) -> NDArray:
    """x shifted along axes; what leaves at one end enters at the other."""
    return np.roll(convert(x), shift, axis)


@op
def repeat(x: ArrayLike, repeats: ArrayLike, axis: int | None = None) -> NDArray:
    """Each element `repeats` times in a row."""
    return np.repeat(convert(x), np.asarray(repeats), axis)


@op
def tile(x: ArrayLike, repeats: Axes) -> NDArray:
    """The whole array `repeats` times along each axis."""
    return np.tile(convert(x), _integers(repeats))


@op
def pad(
    x: ArrayLike,
    pad_width: Any,
    mode: str = "constant",
    constant_values: float | None = None,
) -> NDArray:
    """x with elements added before and after it on each axis.

    Args:
        pad_width: ((before, after), ...), or one pair or integer for all axes.
        mode: "constant", "reflect" (without the edge) or "symmetric".
        constant_values: a number, by default 0.

    Raises:
        ValueError: another mode, or `constant_values` with a mode that does not use it.
    """
    x = convert(x)
    if mode not in ("constant", "reflect", "symmetric"):
        raise ValueError(
            'The argument `mode` must be "constant", "reflect" or "symmetric". '
            f"Received mode={mode!r}."
        )
    if constant_values is not None and mode != "constant":
        raise ValueError(
            f'The argument `constant_values` needs mode="constant". Received mode={mode!r}.'
        )
    given: Any = {} if mode != "constant" else {"constant_values": constant_values or 0}
    function: Any = np.pad
    return function(x, np.asarray(pad_width), mode, **given)


# ---------------------------------------------------------------------------------------- diagonals


@op
def diag(x: ArrayLike, k: int = 0) -> NDArray:
    """The matrix with diagonal x, or the diagonal of a matrix x."""
    x = convert(x)
    if x.ndim not in (1, 2):
        raise ValueError(f"The argument `x` must have 1 or 2 axes. Received shape {x.shape}.")
    return np.array(np.diag(x, k))


@op
def diagflat(x: ArrayLike, k: int = 0) -> NDArray:
    """The matrix whose diagonal is the flat x."""
    return np.diagflat(convert(x), k)


@op
def diagonal(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> NDArray:
    """The diagonals of the matrices in two axes."""
    return np.array(np.diagonal(convert(x), offset, axis1, axis2))


@op
def tril(x: ArrayLike, k: int = 0) -> NDArray:
    """x with zeros above the diagonal k."""
    return np.tril(convert(x), k)


@op
def triu(x: ArrayLike, k: int = 0) -> NDArray:
    """x with zeros below the diagonal k."""
    return np.triu(convert(x), k)


# --------------------------------------------------------------------------------- named axes, bits


@op
def rearrange(tensor: ArrayLike, pattern: str, **axes_lengths: int) -> NDArray:
    """Reshape and transpose by names: `rearrange(x, "b h (w c) -> b (h w) c", c=3)`.

    Raises:
        ValueError: the pattern does not fit the shape, or both sides have different names.
    """
    x = convert(tensor)
    sides = [re.findall(r"\(([^)]*)\)|(\w+)", side) for side in pattern.split("->")]
    if len(sides) != 2:
        raise ValueError(f"The argument `pattern` must contain one '->'. Received {pattern!r}.")
    left, right = ([(group or name).split() for group, name in side] for side in sides)
    before = [name for group in left for name in group]
    after = [name for group in right for name in group]
    if sorted(before) != sorted(after) or len({*before}) < len(before) or len(left) != x.ndim:
        raise ValueError(
            f"The argument `pattern` must have each axis once on both sides, {x.ndim} of them on "
            f"the left. Received {pattern!r}."
        )
    sizes = dict(axes_lengths)
    for group, size in zip(left, x.shape, strict=True):
        unknown = [name for name in group if name not in sizes]
        if len(unknown) > 1:
            raise ValueError(f"The lengths of {unknown} are unknown: pass all but one.")
        known = int(np.prod([sizes[name] for name in group if name in sizes], dtype=int))
        if unknown:
            sizes[unknown[0]] = size // known
    x = x.reshape([sizes[name] for name in before]).transpose([before.index(a) for a in after])
    return x.reshape([int(np.prod([sizes[name] for name in group], dtype=int)) for group in right])


@op
def view(x: ArrayLike, dtype: Any = None) -> NDArray:
    """The same bytes as another type; the last axis grows or shrinks with the size of a type."""
    x = np.ascontiguousarray(convert(x))
    return x.view(x.dtype if dtype is None else standard_dtype(dtype))


@op
def view_as_complex(x: ArrayLike) -> NDArray:
    """(..., 2) with real and imaginary parts as complex numbers (...)."""
    x = convert(x)
    if x.shape[-1:] != (2,):
        raise ValueError(f"The last axis of `x` must have size 2. Received shape {x.shape}.")
    return x[..., 0] + 1j * x[..., 1]


@op
def view_as_real(x: ArrayLike) -> NDArray:
    """Complex numbers (...) as real and imaginary parts (..., 2)."""
    x = convert(x)
    return np.stack([x.real, x.imag], -1)
