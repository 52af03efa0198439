"""Tensors and variables, their shapes and elements: names at the top of `tf`.

They work like TensorFlow's in eager mode, on NumPy arrays. `name` has no effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import ops
from fastcnn.core import variables
from fastcnn.core.arguments import refuse
from fastcnn.core.tensor import Tensor
from fastcnn.ops.base import convert, op, standard_dtype
from fastcnn.tf.dtypes import DType

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    Name = str | None

newaxis = None


class Variable(variables.Variable):
    """An array that can be assigned to.

    Args:
        initial_value: an array or number, or a function that returns one.
        trainable: a boolean.
        name: a string.
        dtype: by default that of the value; float32 and int32 for Python numbers.
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        name: Name = None,
        dtype: Any = None,
        shape: Any = None,
        **kwargs: Any,
    ) -> None:
        for argument, value in kwargs.items():
            refuse(value, argument)
        if initial_value is None:
            raise ValueError("The argument `initial_value` of a `Variable` must be given.")
        value = convert(initial_value() if callable(initial_value) else initial_value, dtype)
        if shape is not None and tuple(shape) != value.shape:
            raise ValueError(
                f"The argument `shape` must be that of the value, {value.shape}. Received {shape}."
            )
        trainable = True if trainable is None else trainable
        super().__init__(value, name=name or "Variable", trainable=trainable)

    @property
    def dtype(self) -> Any:
        return DType(self._array.dtype.name)

    def assign(self, value: Any, use_locking: bool = False, name: Name = None) -> Variable:
        """Write new values of the same shape."""
        super().assign(convert(value).astype(self._array.dtype))
        return self

    def assign_add(self, delta: Any, use_locking: bool = False, name: Name = None) -> Variable:
        """Add `delta`, which may be a single number."""
        return self.assign(self._array + convert(delta).astype(self._array.dtype))

    def assign_sub(self, delta: Any, use_locking: bool = False, name: Name = None) -> Variable:
        """Subtract `delta`, which may be a single number."""
        return self.assign(self._array - convert(delta).astype(self._array.dtype))

    def read_value(self) -> Tensor:
        """A copy of the values."""
        return ops.copy(self)

    def __array__(self, dtype=None, copy=None):
        return self._array.astype(dtype or self._array.dtype).view(Tensor)

    def __repr__(self) -> str:
        return (
            f"<tf.Variable {self.name!r} shape={self.shape} dtype={self._array.dtype.name}, "
            f"numpy={self._array!r}>"
        )


# ------------------------------------------------------------------------------------------- making


@op
def constant(value: ArrayLike, dtype: Any = None, shape: Any = None, name: Name = None) -> NDArray:
    """A tensor of numbers or strings: Python floats become float32, integers int32."""
    array = np.array(_converted(value, dtype))
    if shape is None:
        return array
    shape = tuple(shape)
    return np.broadcast_to(array, shape).copy() if array.size == 1 else array.reshape(shape)


@op
def convert_to_tensor(
    value: ArrayLike, dtype: Any = None, dtype_hint: Any = None, name: Name = None
) -> NDArray:
    """`value` as a tensor."""
    return _converted(value, dtype)


def _converted(value: Any, dtype: Any) -> NDArray:
    from fastcnn.tf import dtypes, strings

    if dtype == dtypes.string or (dtype is None and strings.is_text(value)):
        return strings.texts(value)
    return convert(value, dtype)


@op
def zeros(shape: Any, dtype: Any = "float32", name: Name = None) -> NDArray:
    """Zeros, by default float32."""
    return np.zeros(shape_of(shape), standard_dtype(dtype))


@op
def ones(shape: Any, dtype: Any = "float32", name: Name = None) -> NDArray:
    """Ones, by default float32."""
    return np.ones(shape_of(shape), standard_dtype(dtype))


@op
def fill(dims: Any, value: ArrayLike, name: Name = None) -> NDArray:
    """`value` everywhere, in its own type."""
    return np.full(shape_of(dims), convert(value))


def shape_of(shape: Any) -> tuple[int, ...]:
    """A shape as a tuple of integers."""
    return tuple(int(size) for size in np.atleast_1d(np.asarray(shape, np.int64)))


@op
def zeros_like(input: ArrayLike, dtype: Any = None, name: Name = None) -> NDArray:
    """Zeros of the shape and type of the input."""
    return ops.zeros_like(input, dtype)


@op
def ones_like(input: ArrayLike, dtype: Any = None, name: Name = None) -> NDArray:
    """Ones of the shape and type of the input."""
    return ops.ones_like(input, dtype)


@op
def eye(
    num_rows: int,
    num_columns: int | None = None,
    batch_shape: Any = None,
    dtype: Any = "float32",
    name: Name = None,
) -> NDArray:
    """The identity matrix, one for each element of `batch_shape`."""
    matrix = np.eye(int(num_rows), num_columns, dtype=standard_dtype(dtype))
    return matrix if batch_shape is None else np.tile(matrix, (*shape_of(batch_shape), 1, 1))


@op
def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: Name = None
) -> NDArray:
    """start, start + delta, ... before limit; `tf.range(n)` is 0 to n - 1."""
    first, last = (0, start) if limit is None else (start, limit)
    return ops.arange(first, last, delta, dtype)


@op
def linspace(start: Any, stop: Any, num: int, name: Name = None, axis: int = 0) -> NDArray:
    """`num` equally spaced values; float64 for integers, as in TensorFlow."""
    first = convert(start)
    dtype = first.dtype if first.dtype.kind == "f" else np.float64
    return ops.linspace(start, stop, int(num), dtype=dtype, axis=axis)


# -------------------------------------------------------------------------------------------- types


@op
def cast(x: ArrayLike, dtype: Any, name: Name = None) -> NDArray:
    """`x` in another type; floats are cut off to integers."""
    return convert(x).astype(standard_dtype(dtype))


@op
def identity(input: ArrayLike, name: Name = None) -> NDArray:
    """A copy of the input."""
    return np.array(convert(input))


@op
def stop_gradient(input: ArrayLike, name: Name = None) -> NDArray:
    """The input itself: operations have no gradients."""
    return convert(input)


@op
def shape(input: ArrayLike, out_type: Any = "int32", name: Name = None) -> NDArray:
    """The shape as a tensor of integers."""
    return np.array(np.shape(input), standard_dtype(out_type))


@op
def size(input: ArrayLike, out_type: Any = "int32", name: Name = None) -> NDArray:
    """The number of elements."""
    return np.array(np.size(input), standard_dtype(out_type))


@op
def rank(input: ArrayLike, name: Name = None) -> NDArray:
    """The number of axes."""
    return np.array(np.ndim(input), np.int32)


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor or a variable."""
    return ops.is_tensor(x) or isinstance(x, variables.Variable)
