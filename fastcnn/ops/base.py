"""What all operations share: conversion of arguments, the types of results, symbolic tensors.

Types follow Keras on TensorFlow: Python floats are float32 (`config.floatx()`), Python integers
int32, and arrays keep their types. Where types meet, floats win over integers of any size, Python
numbers adapt to the other operand, and otherwise the larger type is the result.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.tensor import Tensor, tensor
from fastcnn.layers.symbolic import KerasTensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ParamSpec

    P = ParamSpec("P")

PYTHON_TYPES = {bool: "bool", int: "int64", float: "float32", complex: "complex128"}
INT32 = np.iinfo(np.int32)


def standard_dtype(dtype: Any) -> np.dtype:
    """A type from its name, from NumPy, Python or TensorFlow; None is `config.floatx()`.

    Raises:
        ValueError: it is not a type of numbers that NumPy has.
    """
    if dtype is None:
        return np.dtype(config.floatx())
    name = PYTHON_TYPES.get(dtype) if isinstance(dtype, type) else None
    try:
        found = np.dtype(name or getattr(dtype, "name", dtype))
    except TypeError:
        found = None
    if found is None or found.kind not in "biufc" or found.itemsize > 16:
        raise ValueError(
            "The argument `dtype` must be a type of numbers that NumPy has, such as 'float32'. "
            f"Received dtype={dtype!r}."
        )
    return found


def convert(x: Any, dtype: Any = None) -> Any:
    """`x` as a plain array; Python numbers become float32 (`config.floatx()`) or int32.

    Raises:
        TypeError: it contains something else than numbers.
    """
    array = np.asarray(x)
    if array.dtype.kind not in "biufc":
        raise TypeError(
            f"Operations take arrays of numbers. Received {array.dtype} from {type(x).__name__}."
        )
    if dtype is not None:
        return array.astype(standard_dtype(dtype), copy=False)
    if array.dtype.itemsize >= 8 and isinstance(x, (int, float, list, tuple)):
        return array.astype(_type_of_list(x, array), copy=False)
    return array


def _type_of_list(x, array):
    """The type of Python numbers, or of a nested list of them and of arrays."""
    strong = {*_strong_types(x)}
    if strong:
        return result_type(*strong)
    if array.dtype.kind == "f":
        return np.dtype(config.floatx())
    is_small = array.dtype.kind == "i" and (
        array.size == 0 or INT32.min <= array.min() <= array.max() <= INT32.max
    )
    return np.dtype(np.int32) if is_small else array.dtype


def _strong_types(x):
    if isinstance(x, (list, tuple)):
        for item in x:
            if not isinstance(item, (int, float)) or isinstance(item, np.generic):
                yield from _strong_types(item)
    elif hasattr(x, "dtype"):
        yield np.asarray(x).dtype


def result_type(*values: Any) -> np.dtype:
    """The type that Keras's lattice gives for arrays, types and Python numbers (or their types)."""
    strong, weak = set(), set()
    for value in values:
        kind = value if isinstance(value, type) else type(value)
        if kind in (int, float):
            weak.add(kind)
        elif kind is bool:
            strong.add(np.dtype(bool))
        elif isinstance(value, type):
            strong.add(standard_dtype(value))
        else:
            strong.add(standard_dtype(getattr(value, "dtype", value)))
    floats = {dtype for dtype in strong if dtype.kind in "fc"}
    integers = {dtype for dtype in strong if dtype.kind in "iu"}
    if floats:
        found = functools.reduce(np.promote_types, sorted(floats, key=str))
    elif float in weak:
        found = np.dtype(config.floatx())
    elif integers:
        found = functools.reduce(np.promote_types, sorted(integers, key=str))
        found = np.dtype(config.floatx()) if found.kind == "f" else found  # uint64 with signed ones
    else:
        found = np.dtype(np.int32 if int in weak else bool)
    return {"uint64": np.dtype("u4"), "complex128": np.dtype("c8")}.get(found.name, found)


def to_float(x: Any) -> Any:
    """`x` as an array of floats: integers and booleans become `config.floatx()`."""
    x = convert(x)
    return x if x.dtype.kind in "fc" else x.astype(config.floatx())


def together(*values: Any, at_least: Any = None) -> list[Any]:
    """Arrays of the type in which these values meet; `at_least` is a further type."""
    kept = [value if type(value) in (bool, int, float) else convert(value) for value in values]
    dtype = result_type(*kept, *(() if at_least is None else (at_least,)))
    return [np.asarray(value, dtype) for value in kept]


def op(function: Callable[P, Any]) -> Callable[P, Any]:
    """Decorator: the arrays of the result become `Tensor`s; symbolic tensors are refused."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        if has_symbolic(args) or (kwargs and has_symbolic(kwargs.values())):
            refuse_symbolic(function.__name__)
        return as_tensors(function(*args, **kwargs))

    return call


def has_symbolic(values: Any) -> bool:
    """Whether one of these values is a symbolic tensor, or a list that starts with one."""
    for value in values:
        if isinstance(value, KerasTensor):
            return True
        if isinstance(value, (list, tuple)) and value and isinstance(value[0], KerasTensor):
            return True
    return False


def refuse_symbolic(name: str) -> None:
    """Raise the error about a symbolic tensor that an operation was called on."""
    raise NotImplementedError(
        f"`ops.{name}` computes on arrays; of the operations only `add`, `subtract` and `multiply` "
        "take symbolic tensors: use a layer of `layers`, or one of your own."
    )


def as_tensors(result: Any) -> Any:
    """A result with its arrays and NumPy scalars as `Tensor`s, in lists and tuples as well."""
    if isinstance(result, np.ndarray):
        return result.view(Tensor)
    if isinstance(result, np.generic):
        return tensor(result)
    if type(result) in (list, tuple):
        return type(result)(as_tensors(item) for item in result)
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return type(result)(*(as_tensors(item) for item in result))
    return result
