"""Operations that make arrays: constants, ranges, grids, windows of signals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.ops.base import convert, op, result_type, standard_dtype

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    Size = int | Sequence[int]


@op
def array(x: ArrayLike, dtype: DTypeLike | None = None) -> NDArray:
    """`x` as a tensor: Python floats become float32, Python integers int32."""
    return convert(x, dtype)


@op
def zeros(shape: Size, dtype: DTypeLike | None = None) -> NDArray:
    """Zeros, by default float32."""
    return np.zeros(shape, standard_dtype(dtype))


@op
def ones(shape: Size, dtype: DTypeLike | None = None) -> NDArray:
    """Ones, by default float32."""
    return np.ones(shape, standard_dtype(dtype))


@op
def empty(shape: Size, dtype: DTypeLike | None = None) -> NDArray:
    """Zeros, by default float32: Keras does not leave memory undefined either."""
    return np.zeros(shape, standard_dtype(dtype))


@op
def full(shape: Size, fill_value: ArrayLike, dtype: DTypeLike | None = None) -> NDArray:
    """`fill_value` everywhere, by default float32."""
    return np.full(shape, fill_value, standard_dtype(dtype))


def _type_like(x: Any, dtype: Any) -> np.dtype:
    return convert(x).dtype if dtype is None else standard_dtype(dtype)


@op
def zeros_like(x: ArrayLike, dtype: DTypeLike | None = None) -> NDArray:
    """Zeros of the shape and type of x."""
    return np.zeros(np.shape(x), _type_like(x, dtype))


@op
def ones_like(x: ArrayLike, dtype: DTypeLike | None = None) -> NDArray:
    """Ones of the shape and type of x."""
    return np.ones(np.shape(x), _type_like(x, dtype))


@op
def empty_like(x: ArrayLike, dtype: DTypeLike | None = None) -> NDArray:
    """Zeros of the shape and type of x."""
    return np.zeros(np.shape(x), _type_like(x, dtype))


@op
def full_like(x: ArrayLike, fill_value: ArrayLike, dtype: DTypeLike | None = None) -> NDArray:
    """`fill_value` in the shape and type of x."""
    return np.full(np.shape(x), fill_value, _type_like(x, dtype))


@op
def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> NDArray:  # noqa: N803
    """(N, M) with ones on the diagonal k."""
    return np.eye(N, M, k, standard_dtype(dtype))


@op
def identity(n: int, dtype: DTypeLike | None = None) -> NDArray:
    """(n, n) with ones on the diagonal."""
    return np.eye(n, dtype=standard_dtype(dtype))


@op
def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> NDArray:  # noqa: N803
    """(N, M) with ones on and below the diagonal k."""
    return np.tri(N, M, k, standard_dtype(dtype))


@op
def arange(
    start: float,
    stop: float | None = None,
    step: float | None = None,
    dtype: DTypeLike | None = None,
) -> NDArray:
    """start, start + step, ... before stop; `arange(n)` is 0 to n - 1. int32 for integers."""
    given = [value for value in (start, stop, step) if value is not None]
    wanted = result_type(*given) if dtype is None else standard_dtype(dtype)
    first, last = (0, start) if stop is None else (start, stop)
    return np.arange(first, last, 1 if step is None else step).astype(wanted)


def _ends(start: Any, stop: Any, dtype: Any) -> tuple[np.dtype, NDArray, NDArray]:
    wanted = result_type(start, stop, float) if dtype is None else standard_dtype(dtype)
    return wanted, np.asarray(start), np.asarray(stop)


@op
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Any:
    """`num` equally spaced values; with `retstep` also the distance between them."""
    wanted, start, stop = _ends(start, stop, dtype)
    values, step = np.linspace(
        start, stop, num, endpoint=endpoint, retstep=True, dtype=np.float64, axis=axis
    )
    values = values.astype(wanted)
    return (values, np.asarray(step, wanted)) if retstep else values


@op
def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> NDArray:
    """base^linspace(start, stop)"""
    wanted, start, stop = _ends(start, stop, dtype)
    exponents = np.linspace(start, stop, num, endpoint, dtype=np.float64, axis=axis)
    return (float(base) ** exponents).astype(wanted)


@op
def geomspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> NDArray:
    """`num` values each of which is the same multiple of the one before."""
    wanted, start, stop = _ends(start, stop, dtype)
    return np.geomspace(start, stop, num, endpoint, np.float64, axis).astype(wanted)


@op
def meshgrid(*x: ArrayLike, indexing: str = "xy") -> list[NDArray]:
    """The coordinates of all points of a grid, one array for each axis."""
    make: Any = np.meshgrid
    return [np.array(grid) for grid in make(*map(convert, x), indexing=indexing)]


@op
def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> NDArray:  # noqa: N803
    """The powers of x as columns, the highest first."""
    x = convert(x)
    return np.vander(x, N, increasing).astype(x.dtype)


# ------------------------------------------------------------------ windows of signals, of x values


@op
def bartlett(x: int) -> NDArray:
    """A triangle that starts and ends with 0."""
    return np.bartlett(int(x)).astype(config.floatx())


@op
def blackman(x: int) -> NDArray:
    """0.42 - 0.5 cos(t) + 0.08 cos(2 t), t from 0 to 2 pi."""
    return np.blackman(int(x)).astype(config.floatx())


@op
def hamming(x: int) -> NDArray:
    """0.54 - 0.46 cos(t), t from 0 to 2 pi."""
    return np.hamming(int(x)).astype(config.floatx())


@op
def hanning(x: int) -> NDArray:
    """0.5 - 0.5 cos(t), t from 0 to 2 pi."""
    return np.hanning(int(x)).astype(config.floatx())


@op
def kaiser(x: int, beta: float) -> NDArray:
    """i0(beta sqrt(1 - t^2)) / i0(beta), t from -1 to 1."""
    return np.kaiser(int(x), float(np.asarray(beta))).astype(config.floatx())
