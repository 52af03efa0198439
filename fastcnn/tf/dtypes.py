"""TensorFlow's names of types: `tf.float32` is equal to, and usable as, NumPy's type."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcnn.ops.base import standard_dtype


class DType:
    """A type of numbers.

    Attributes:
        name: such as "float32".
        dtype: NumPy's type object.
        as_numpy_dtype: NumPy's scalar class.
        min, max: the limits of its values.
        size: bytes of one value.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.dtype = np.dtype(name)

    as_numpy_dtype = property(lambda self: self.dtype.type)
    is_bool = property(lambda self: self.dtype.kind == "b")
    is_floating = property(lambda self: self.dtype.kind == "f")
    is_integer = property(lambda self: self.dtype.kind in "iu")
    is_unsigned = property(lambda self: self.dtype.kind == "u")
    is_complex = property(lambda self: self.dtype.kind == "c")
    size = property(lambda self: self.dtype.itemsize)
    min = property(lambda self: _limits(self.dtype)[0])
    max = property(lambda self: _limits(self.dtype)[1])

    def __eq__(self, other: Any) -> Any:
        try:
            return self.dtype == np.dtype(getattr(other, "name", other))
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return f"tf.{self.name}"


class StringType:
    """The type of text: equal to NumPy's types of strings of any length, and to "string".

    It does not have an attribute `dtype`, which NumPy would compare instead.
    """

    name = "string"
    as_numpy_dtype = np.str_
    is_bool = is_floating = is_integer = is_unsigned = is_complex = False

    def __eq__(self, other: Any) -> Any:
        if isinstance(other, (StringType, str)):
            return getattr(other, "name", other) == self.name
        return getattr(other, "kind", "") in ("U", "S") or other in (str, np.str_)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return "tf.string"


def _limits(dtype):
    if dtype.kind == "b":
        return False, True
    limits = np.finfo(dtype) if dtype.kind in "fc" else np.iinfo(dtype)
    return limits.min, limits.max


float16, float32, float64 = DType("float16"), DType("float32"), DType("float64")
half, double = float16, float64
int8, int16, int32, int64 = DType("int8"), DType("int16"), DType("int32"), DType("int64")
uint8, uint16, uint32, uint64 = DType("uint8"), DType("uint16"), DType("uint32"), DType("uint64")
complex64, complex128 = DType("complex64"), DType("complex128")
bool = DType("bool")
string = StringType()


def as_dtype(type_value: Any) -> Any:
    """The type for a name, a type of NumPy's or a `DType`."""
    if string == type_value:
        return string
    return DType(standard_dtype(type_value).name)
