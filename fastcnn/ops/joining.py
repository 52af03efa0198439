"""Operations that join and split arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.ops.base import convert, op, result_type, together
from fastcnn.ops.shaping import _integers

if TYPE_CHECKING:
    from fastcnn.core.types import Axes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray


def _alike(xs: Any) -> list[NDArray]:
    return together(*xs)


@op
def concatenate(xs: Sequence[ArrayLike], axis: int = 0) -> NDArray:
    """Arrays joined along an axis, in their common type."""
    return np.concatenate(_alike([convert(x) for x in xs]), axis)


@op
def append(x1: ArrayLike, x2: ArrayLike, axis: int | None = None) -> NDArray:
    """x1 and x2 joined along an axis, or as flat arrays."""
    x1, x2 = together(convert(x1), convert(x2))
    return np.append(x1, x2, axis)


@op
def stack(x: Sequence[ArrayLike], axis: int = 0) -> NDArray:
    """Arrays of one shape joined along a new axis."""
    return np.stack([np.asarray(one, result_type(*map(convert, x))) for one in x], axis)


@op
def unstack(x: ArrayLike, num: int | None = None, axis: int = 0) -> list[NDArray]:
    """The slices of x along an axis, as a list."""
    x = convert(x)
    if num is not None and num != x.shape[axis]:
        raise ValueError(
            f"The argument `num` must be the size of the axis, {x.shape[axis]}. Received num={num}."
        )
    return list(np.moveaxis(x, axis, 0))


@op
def hstack(xs: Sequence[ArrayLike]) -> NDArray:
    """Arrays joined along axis 1, or axis 0 if they have one axis."""
    return np.hstack(_alike([convert(x) for x in xs]))


@op
def vstack(xs: Sequence[ArrayLike]) -> NDArray:
    """Arrays joined along axis 0; those with one axis are rows."""
    return np.vstack(_alike([convert(x) for x in xs]))


@op
def dstack(xs: Sequence[ArrayLike]) -> NDArray:
    """Arrays joined along axis 2."""
    return np.dstack(_alike([convert(x) for x in xs]))


def _cuts(indices_or_sections: Any) -> Any:
    return _integers(indices_or_sections)


@op
def split(x: ArrayLike, indices_or_sections: Axes, axis: int = 0) -> list[NDArray]:
    """Parts of x: a number of equal ones, or those between positions."""
    return np.split(convert(x), _cuts(indices_or_sections), axis)


@op
def array_split(x: ArrayLike, indices_or_sections: int, axis: int = 0) -> list[NDArray]:
    """A number of parts of x; the first ones are longer by one if they cannot be equal."""
    return np.array_split(convert(x), _cuts(indices_or_sections), axis)


@op
def hsplit(x: ArrayLike, indices_or_sections: Axes) -> list[NDArray]:
    """`split` along axis 1, or axis 0 if there is only one."""
    return np.hsplit(convert(x), _cuts(indices_or_sections))


@op
def vsplit(x: ArrayLike, indices_or_sections: Axes) -> list[NDArray]:
    """`split` along axis 0."""
    return np.vsplit(convert(x), _cuts(indices_or_sections))


@op
def dsplit(x: ArrayLike, indices_or_sections: Axes) -> list[NDArray]:
    """`split` along axis 2."""
    return np.dsplit(convert(x), _cuts(indices_or_sections))
