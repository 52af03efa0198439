"""Control flow, functions and scopes: names at the top of `tf`."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import ops
from fastcnn.ops.base import as_tensors, convert
from fastcnn.tf.core import convert_to_tensor, is_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Name = str | None


def function(func: Callable | None = None, **kwargs: Any) -> Any:
    """The function itself: everything runs as it is, without a graph.

    It is a decorator with and without arguments, all of which are about graphs.
    """
    return func if func is not None else lambda func: func


def cond(
    pred: Any, true_fn: Callable | None = None, false_fn: Callable | None = None, name: Name = None
) -> Any:
    """true_fn() if pred holds, else false_fn()."""
    chosen = true_fn if pred else false_fn
    return None if chosen is None else chosen()


def while_loop(
    cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Replace the variables by body(*variables) while cond(*variables) holds."""
    return ops.while_loop(cond, body, loop_vars, maximum_iterations)


def map_fn(fn: Callable, elems: Any, dtype: Any = None, name: Name = None, **kwargs: Any) -> Any:
    """fn of each slice along the first axis, stacked."""
    kwargs.pop("fn_output_signature", None)
    if kwargs:
        raise ValueError(f"Unknown arguments of `map_fn`: {', '.join(kwargs)}.")
    return ops.map(fn, elems)


def vectorized_map(fn: Callable, elems: Any) -> Any:
    """fn of each slice along the first axis, stacked."""
    return ops.map(fn, elems)


def numpy_function(func: Callable, inp: Sequence[Any], Tout: Any = None, name: Name = None) -> Any:  # noqa: N803
    """func(*inp) with plain arrays; `Tout` is the type of the result, or a list of types."""
    return _typed(func(*(np.asarray(value) for value in inp)), Tout)


def py_function(func: Callable, inp: Sequence[Any], Tout: Any = None, name: Name = None) -> Any:  # noqa: N803
    """func(*inp) with tensors; `Tout` is the type of the result, or a list of types."""
    return _typed(func(*(convert_to_tensor(value) for value in inp)), Tout)


def _typed(result, types):
    """A function's result as tensors of these types: one, or a list for a list."""
    if types is None:
        return as_tensors(result)
    if not isinstance(types, (list, tuple)):
        return as_tensors(convert(result, types))
    if not types:
        return []
    results = result if isinstance(result, (list, tuple)) else [result]
    if len(results) != len(types):
        raise ValueError(
            "The function must return a value for each type of `Tout`. "
            f"Received {len(results)} values and Tout={types!r}."
        )
    return [as_tensors(convert(value, dtype)) for value, dtype in zip(results, types, strict=True)]


def executing_eagerly() -> bool:
    """True: everything runs as it is."""
    return True


def print(*inputs: Any, output_stream: Any = None, sep: str = " ", end: str = "\n") -> None:
    """Print values, by default to the standard error, as TensorFlow does."""
    stream = sys.stderr if output_stream is None else output_stream
    texts = (str(np.asarray(x)) if is_tensor(x) else str(x) for x in inputs)
    stream.write(sep.join(texts) + end)


@contextlib.contextmanager
def device(device_name: str | None) -> Iterator[None]:
    """Context manager: everything runs on the CPU; other devices are refused.

    Raises:
        ValueError: `device_name` names something else.
    """
    if device_name is not None and "CPU" not in device_name.upper():
        raise ValueError(
            "The argument `device_name` must be a CPU: there are no other devices. "
            f"Received {device_name!r}."
        )
    yield


@contextlib.contextmanager
def name_scope(name: str) -> Iterator[None]:
    """Context manager without effect: operations have no names."""
    yield
