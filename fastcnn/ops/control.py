"""Types and shapes of tensors, and control flow with Python functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.nested import flatten, replace
from fastcnn.core.tensor import Tensor
from fastcnn.layers.symbolic import KerasTensor
from fastcnn.ops.base import as_tensors, convert, op, standard_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike, NDArray


@op
def convert_to_tensor(
    x: ArrayLike,
    dtype: DTypeLike | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
) -> NDArray:
    """`x` as a tensor: Python floats become float32, Python integers int32.

    `sparse` and `ragged` have no effect: every tensor is dense.
    """
    return convert(x, dtype)


def convert_to_numpy(x: ArrayLike) -> NDArray:
    """`x` as a NumPy array that can be modified."""
    return np.array(convert(x))


def is_tensor(x: Any) -> bool:
    """Whether x is a `Tensor`."""
    return isinstance(x, (Tensor, KerasTensor))


@op
def cast(x: ArrayLike, dtype: DTypeLike) -> NDArray:
    """`x` in another type; floats are cut off to integers."""
    x, wanted = convert(x), standard_dtype(dtype)
    return x.astype(wanted)


def shape(x: Any) -> tuple[int | None, ...]:
    """The shape as a tuple, also of a symbolic tensor."""
    return x.shape if isinstance(x, KerasTensor) else np.shape(x)


def dtype(x: Any) -> str:
    """The name of the type, such as "float32"."""
    return x.dtype if isinstance(x, KerasTensor) else convert(x).dtype.name


def ndim(x: Any) -> int:
    """The number of axes."""
    return x.ndim if isinstance(x, KerasTensor) else np.ndim(x)


@op
def size(x: ArrayLike) -> NDArray:
    """The number of elements, int32."""
    return np.asarray(np.size(convert(x)), np.int32)


@op
def copy(x: ArrayLike) -> NDArray:
    """A copy of x."""
    return np.array(convert(x))


@op
def stop_gradient(variable: ArrayLike) -> NDArray:
    """`variable` itself: operations have no gradients."""
    return convert(variable)


# ------------------------------------------------------------------------------------- control flow


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """true_fn() if pred holds, else false_fn()."""
    return true_fn() if pred else false_fn()


def switch(index: Any, branches: Sequence[Callable], *operands: Any) -> Any:
    """The result of the branch with this index, which is clipped to the branches there are."""
    index = min(max(int(index), 0), len(branches) - 1)
    return branches[index](*operands)


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Replace the variables by body(*variables) while cond(*variables) holds."""
    is_list = isinstance(loop_vars, (tuple, list))
    values = tuple(loop_vars) if is_list else (loop_vars,)
    values = as_tensors(tuple(convert(value) for value in values))
    count = 0
    while cond(*values) and (maximum_iterations is None or count < maximum_iterations):
        result = body(*values)
        values = as_tensors(tuple(convert(value) for value in (result if is_list else (result,))))
        count += 1
    return values if is_list else values[0]


def fori_loop(lower: int, upper: int, body_fun: Callable[[int, Any], Any], init_val: Any) -> Any:
    """body_fun(upper - 1, ... body_fun(lower, init_val))"""
    value = init_val
    for index in range(int(lower), int(upper)):
        value = body_fun(index, value)
    return as_tensors(convert(value)) if np.isscalar(value) else value


def _stacked(results: list) -> Any:
    """Results of one nesting, stacked along a new first axis."""
    columns = zip(*(flatten(result) for result in results), strict=True)
    stacks = iter([as_tensors(np.stack([convert(item) for item in column])) for column in columns])
    return replace(results[0], lambda _: next(stacks))


def _at(xs: Any, index: int) -> Any:
    """The slices of nested arrays at an index of their first axes."""
    return replace(xs, lambda x: as_tensors(np.asarray(convert(x)[index])))


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """f of each slice along the first axis of (nested) arrays, stacked."""
    count = len(convert(flatten(xs)[0]))
    if not count:
        raise ValueError("`ops.map` needs at least one element along the first axis.")
    return _stacked([f(_at(xs, index)) for index in range(count)])


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """`map`: the function is called for each element."""
    return map(function, elements)


def vectorize(pyfunc: Callable, *, excluded: Any = None, signature: str | None = None) -> Callable:
    """A function that applies `pyfunc` to each element of its arguments, as in NumPy."""
    if not callable(pyfunc):
        raise ValueError(f"The argument `pyfunc` must be callable. Received pyfunc={pyfunc!r}.")
    vectorized = np.vectorize(pyfunc, excluded=excluded, signature=signature)

    def call(*args: Any, **kwargs: Any) -> Any:
        arrays = [convert(arg) for arg in args]
        result = vectorized(*arrays, **kwargs)
        return as_tensors(result)

    return call


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """(last carry, stacked ys) of `carry, y = f(carry, x)` along the first axis of xs.

    Args:
        length: the number of calls, if there are no xs.
        reverse: whether to go from the last slice to the first.
        unroll: has no effect.
    """
    if not callable(f):
        raise TypeError(f"The argument `f` must be callable. Received f={f!r}.")
    if xs is None and length is None:
        raise ValueError("`scan` needs `xs` or `length`.")
    count = int(length) if length is not None else len(convert(flatten(xs)[0]))
    carry, ys = replace(init, lambda x: as_tensors(convert(x))), []
    order = range(count)
    for index in reversed(order) if reverse else order:
        carry, y = f(carry, None if xs is None else _at(xs, index))
        ys.append(y)
    if reverse:
        ys.reverse()
    return carry, (_stacked(ys) if ys and ys[0] is not None else None)


def associative_scan(
    f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """The results of combining all slices so far with an associative f, from first to last."""
    if not callable(f):
        raise TypeError(f"The argument `f` must be callable. Received f={f!r}.")
    moved = replace(elems, lambda x: np.moveaxis(convert(x), axis, 0))
    count = len(flatten(moved)[0])
    order = list(range(count))[:: -1 if reverse else 1]
    results, total = [], None
    for index in order:
        part = replace(moved, lambda x: as_tensors(x[index : index + 1]))  # noqa: B023 - used now
        total = part if total is None else f(total, part)
        results.append(total)
    if reverse:
        results.reverse()
    columns = zip(*(flatten(result) for result in results), strict=True)
    joined = iter([np.moveaxis(np.concatenate(column), 0, axis) for column in columns])
    return replace(elems, lambda _: as_tensors(next(joined)))
