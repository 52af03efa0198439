"""Elements of data sets: arrays, or nested tuples and dictionaries of arrays.

What users pass and what their functions return is converted as TensorFlow does it: lists become
arrays, Python's integers int32 and its floats float32; arrays keep their dtype. Strings are arrays
of NumPy's unicode type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.tensor import Tensor, tensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

INT32 = np.iinfo(np.int32)


class TensorSpec:
    """The shape and dtype of an array in the elements of a data set.

    Args:
        shape: tuple of sizes, None for an unknown one; None if the number of axes is unknown too.
        dtype: a dtype or its name; `str` for strings.
        name: accepted and kept.
    """

    def __init__(self, shape: Any, dtype: Any = np.float32, name: str | None = None) -> None:
        self.shape = None if shape is None else tuple(None if n is None else int(n) for n in shape)
        self.dtype = as_dtype(dtype)
        self.name = name

    def __repr__(self):
        dtype = "string" if self.dtype.kind in "UO" else self.dtype.name
        shape = "<unknown>" if self.shape is None else self.shape
        return f"TensorSpec(shape={shape}, dtype={dtype}, name={self.name!r})"

    def __eq__(self, other):
        return isinstance(other, TensorSpec) and repr(self) == repr(other)

    def __hash__(self):
        return hash(repr(self))


def as_dtype(dtype: Any) -> np.dtype:
    """A dtype from one of NumPy's, its name, "string", or an object with a `name` such as tf's."""
    dtype = getattr(dtype, "as_numpy_dtype", dtype)
    if not isinstance(dtype, (type, np.dtype)):
        dtype = getattr(dtype, "name", dtype)
    return np.dtype(np.str_ if dtype == "string" else dtype)


def is_leaf(value: Any) -> bool:
    return not isinstance(value, (tuple, dict))


def replace(function: Callable, first: Any, *others: Any) -> Any:
    """The nesting of `first` with `function` of the leaves at the same position of all arguments.

    Raises:
        ValueError: the others are nested in another way.
    """
    if isinstance(first, dict):
        if not all(isinstance(other, dict) and other.keys() == first.keys() for other in others):
            raise ValueError(_mismatch(first, others))
        return {key: replace(function, first[key], *[o[key] for o in others]) for key in first}
    if isinstance(first, tuple):
        if not all(isinstance(other, tuple) and len(other) == len(first) for other in others):
            raise ValueError(_mismatch(first, others))
        items = [replace(function, *items) for items in zip(first, *others, strict=True)]
        return type(first)(*items) if hasattr(first, "_fields") else tuple(items)
    return function(first, *others)


def _mismatch(first, others):
    found = [describe(first), *map(describe, others)]
    other = next((text for text in found if text != found[0]), found[-1])
    return (
        f"The elements of a data set must have the same structure. Received {found[0]} and {other}."
    )


def describe(element: Any) -> str:
    """The nesting of an element with the shape of each array, for error messages."""
    return repr(replace(lambda leaf: _Text(f"shape {np.shape(leaf)}"), element))


class _Text(str):
    __slots__ = ()

    def __repr__(self):
        return str(self)


def leaves(element: Any) -> list[Any]:
    """The arrays of an element, from first to last."""
    found: list[Any] = []
    replace(found.append, element)
    return found


def convert(value: Any, what: str) -> Any:
    """A user's value as an element; `what` is what the error says of it.

    Raises:
        ValueError: it contains something that is not an array.
    """
    return replace(lambda leaf: _convert_leaf(leaf, what), value)


def _convert_leaf(value, what):
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiubUc":
        return value.view(np.ndarray) if type(value) is Tensor else value
    if hasattr(value, "as_numpy_iterator"):  # a data set, as `window` makes them
        return value
    if isinstance(value, bytes):  # NumPy's own type drops zeros at the end
        return np.array(value, object)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{what} cannot be converted to an array: {error}.") from None
    if array.dtype.kind == "O" and array.size and all(isinstance(s, str) for s in array.flat):
        array = array.astype(np.str_)
    if array.dtype.kind == "O" and array.size and all(isinstance(s, bytes) for s in array.flat):
        return array
    if array.dtype.kind not in "fiubUSc":
        raise ValueError(
            f"{what} must be an array, or a tuple or dictionary of arrays. "
            f"Received {value!r} of type {type(value).__name__}."
        )
    if array.dtype.kind == "S":
        return array.astype(object)
    if not hasattr(value, "dtype") and not _holds_arrays(value):
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        elif array.dtype == np.int64 and (
            not array.size or (array.min() >= INT32.min and array.max() <= INT32.max)
        ):
            array = array.astype(np.int32)
    return array


def _holds_arrays(value):
    """Whether the first entry of nested lists is one of NumPy's values."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return hasattr(value, "dtype")


def as_tensors(element: Any) -> Any:
    """The element with `Tensor`s for arrays, as users see it."""
    return replace(lambda leaf: leaf if is_data_set(leaf) else tensor(leaf), element)


def as_numpy(element: Any) -> Any:
    """The element as NumPy's arrays and scalars, strings as bytes: what TensorFlow's `numpy` is.

    As there, the arrays are read-only: they may be views of the user's.
    """
    return replace(_as_numpy_leaf, element)


def _as_numpy_leaf(leaf):
    if is_data_set(leaf):
        return leaf
    array = tensor(leaf).numpy()
    if isinstance(array, np.ndarray):
        array.flags.writeable = False
    return array


def is_data_set(value: Any) -> bool:
    return hasattr(value, "as_numpy_iterator")


def stack(elements: list[Any]) -> Any:
    """One element whose arrays stack those of all `elements`.

    Raises:
        ValueError: different structures or shapes.
    """
    count = iter(range(10**9))

    def join(*arrays):
        component, shape = next(count), np.shape(arrays[0])
        for index, array in enumerate(arrays):
            if np.shape(array) != shape:
                raise ValueError(
                    "Elements of different shapes cannot be batched. In component "
                    f"{component} the first element has shape {shape} and element {index} has "
                    f"shape {np.shape(array)}: use `padded_batch`, or give them one shape."
                )
        return np.stack(arrays)

    return replace(join, *elements)


def spec_of(element: Any) -> Any:
    """The `TensorSpec`s of an element."""
    return replace(
        lambda leaf: leaf if is_data_set(leaf) else TensorSpec(np.shape(leaf), leaf.dtype), element
    )


def concatenated_spec(first: Any, second: Any) -> Any:
    """The `TensorSpec`s of elements some of which have those of `first`, and others of `second`.

    Raises:
        TypeError: their structures or dtypes differ.
    """
    try:
        return replace(_common_spec, first, second)
    except (TypeError, ValueError):
        raise TypeError(
            "Data sets can only be concatenated if their elements have the same structure and "
            f"dtypes. Received {first} and {second}."
        ) from None


def _common_spec(first, second):
    if is_data_set(first) or is_data_set(second):
        return first
    are_strings = first.dtype.kind in "UO" and second.dtype.kind in "UO"
    if first.dtype != second.dtype and not are_strings:
        raise TypeError
    if first.shape is None or second.shape is None or len(first.shape) != len(second.shape):
        return TensorSpec(None, first.dtype)
    sizes = [a if a == b else None for a, b in zip(first.shape, second.shape, strict=True)]
    return TensorSpec(sizes, first.dtype)


def first_axis(element: Any) -> int:
    """The size of the first axis, which all arrays share.

    Raises:
        ValueError: they do not, or an array does not have axes.
    """
    arrays = leaves(element)
    if not arrays:
        raise ValueError("A data set needs at least one array. Received none.")
    sizes = []
    for array in arrays:
        if is_data_set(array) or not np.ndim(array):
            raise ValueError(
                f"Only arrays with at least one axis can be sliced. Received {describe(element)}."
            )
        sizes.append(len(array))
    if len(set(sizes)) > 1:
        raise ValueError(f"All arrays must have the same length. Received the lengths {sizes}.")
    return sizes[0]
