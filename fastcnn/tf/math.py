"""`tf.math`, whose functions are mostly at the top of `tf` as well. `name` has no effect."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import ops
from fastcnn.core.lazy import explain_missing
from fastcnn.core.tensor import tensor
from fastcnn.ops import nn
from fastcnn.ops.base import convert, op, standard_dtype, to_float

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    Name = str | None


def _unary(name: str) -> Any:
    operation = getattr(ops, name)

    def call(x: ArrayLike, name: Name = None) -> Any:
        return operation(x)

    return _described(call, operation)


def _binary(name: str) -> Any:
    operation = getattr(ops, name)

    def call(x: ArrayLike, y: ArrayLike, name: Name = None) -> Any:
        return operation(x, y)

    return _described(call, operation)


def _comparison(name: str) -> Any:
    operation = getattr(ops, name)

    def call(x: ArrayLike, y: ArrayLike, name: Name = None) -> Any:
        from fastcnn.tf import strings

        if strings.is_text(x) and strings.is_text(y):
            same = strings.texts(x) == strings.texts(y)
            return tensor(same if operation is ops.equal else ~same)
        return operation(x, y)

    return _described(call, operation)


def _reduction(name: str) -> Any:
    operation = getattr(ops, name)

    def call(
        input_tensor: ArrayLike, axis: Any = None, keepdims: bool = False, name: Name = None
    ) -> Any:
        return operation(input_tensor, axis, keepdims)

    return _described(call, operation)


def _described(call: Any, operation: Any) -> Any:
    call.__name__ = call.__qualname__ = operation.__name__
    call.__doc__ = operation.__doc__
    return call


abs, negative, sign, square = map(_unary, ("abs", "negative", "sign", "square"))
sqrt, rsqrt, reciprocal, exp = map(_unary, ("sqrt", "rsqrt", "reciprocal", "exp"))
expm1, log, log1p, sin = map(_unary, ("expm1", "log", "log1p", "sin"))
cos, tan, asin, acos = map(_unary, ("cos", "tan", "arcsin", "arccos"))
atan, sinh, cosh, tanh = map(_unary, ("arctan", "sinh", "cosh", "tanh"))
asinh, acosh, atanh, erf = map(_unary, ("arcsinh", "arccosh", "arctanh", "erf"))
erfc, erfinv, floor, ceil = map(_unary, ("erfc", "erfinv", "floor", "ceil"))
round, rint, sigmoid, softplus = map(_unary, ("round", "round", "sigmoid", "softplus"))
log_sigmoid, is_nan, is_inf, is_finite = map(_unary, ("log_sigmoid", "isnan", "isinf", "isfinite"))
logical_not, real, imag, conj = map(_unary, ("logical_not", "real", "imag", "conj"))
angle = _unary("angle")

add, subtract, multiply, maximum = map(_binary, ("add", "subtract", "multiply", "maximum"))
minimum, pow, floormod, floordiv = map(_binary, ("minimum", "power", "mod", "floor_divide"))
mod = floormod
divide_no_nan, atan2 = map(_binary, ("divide_no_nan", "arctan2"))
equal, not_equal = map(_comparison, ("equal", "not_equal"))
greater, greater_equal, less, less_equal = map(
    _binary, ("greater", "greater_equal", "less", "less_equal")
)
logical_and, logical_or, logical_xor = map(_binary, ("logical_and", "logical_or", "logical_xor"))

reduce_max, reduce_min = map(_reduction, ("max", "min"))
reduce_all, reduce_any = map(_reduction, ("all", "any"))
reduce_logsumexp, reduce_std, reduce_variance = map(_reduction, ("logsumexp", "std", "var"))


def _axes(axis: Any) -> Any:
    if axis is None or np.ndim(axis) == 0:
        return axis if axis is None else int(axis)
    return tuple(int(one) for one in axis)


@op
def reduce_sum(
    input_tensor: ArrayLike, axis: Any = None, keepdims: bool = False, name: Name = None
) -> NDArray:
    """The sum over axes, in the type of the input."""
    x = convert(input_tensor)
    return np.sum(x, _axes(axis), dtype=x.dtype, keepdims=keepdims)


@op
def reduce_prod(
    input_tensor: ArrayLike, axis: Any = None, keepdims: bool = False, name: Name = None
) -> NDArray:
    """The product over axes, in the type of the input."""
    x = convert(input_tensor)
    return np.prod(x, _axes(axis), dtype=x.dtype, keepdims=keepdims)


@op
def reduce_mean(
    input_tensor: ArrayLike, axis: Any = None, keepdims: bool = False, name: Name = None
) -> NDArray:
    """The mean over axes in the type of the input, cut off for integers as in TensorFlow."""
    x = convert(input_tensor)
    if x.dtype.kind in "fc":
        return np.mean(x, _axes(axis), keepdims=keepdims)
    mean = np.mean(x, _axes(axis), dtype=np.float64, keepdims=keepdims)
    return np.trunc(mean).astype(x.dtype)


@op
def reduce_euclidean_norm(
    input_tensor: ArrayLike, axis: Any = None, keepdims: bool = False, name: Name = None
) -> NDArray:
    """sqrt(sum(x^2)) over axes"""
    x = to_float(input_tensor)
    return np.sqrt(np.sum(np.square(x), _axes(axis), keepdims=keepdims))


@op
def divide(x: ArrayLike, y: ArrayLike, name: Name = None) -> NDArray:
    """x / y; integers give float64, as in TensorFlow."""
    a, b = (value if type(value) in (int, float) else convert(value) for value in (x, y))
    whole = all(
        isinstance(v, int) or (hasattr(v, "dtype") and v.dtype.kind in "iu") for v in (a, b)
    )
    if whole:
        return np.divide(a, b, dtype=np.float64)
    return ops.divide(a, b)


truediv = divide


@op
def squared_difference(x: ArrayLike, y: ArrayLike, name: Name = None) -> NDArray:
    """(x - y)^2"""
    return ops.square(ops.subtract(x, y))


@op
def multiply_no_nan(x: ArrayLike, y: ArrayLike, name: Name = None) -> NDArray:
    """x * y, and 0 where y is 0 even if x is not finite."""
    y = convert(y)
    with np.errstate(invalid="ignore"):
        product = np.asarray(ops.multiply(x, y))
    return np.where(y == 0, product.dtype.type(0), product)


@op
def xlogy(x: ArrayLike, y: ArrayLike, name: Name = None) -> NDArray:
    """x log(y), and 0 where x is 0."""
    x, y = to_float(x), to_float(y)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x == 0, x.dtype.type(0), x * np.log(y))


@op
def add_n(inputs: Any, name: Name = None) -> NDArray:
    """The sum of several arrays."""
    total = convert(inputs[0])
    for value in inputs[1:]:
        total = total + convert(value)
    return total


@op
def scalar_mul(scalar: Any, x: ArrayLike, name: Name = None) -> NDArray:
    """scalar * x"""
    return ops.multiply(scalar, x)


@op
def argmax(
    input: ArrayLike, axis: int | None = None, output_type: Any = "int64", name: Name = None
) -> NDArray:
    """The position of the first largest element, by default along axis 0."""
    return np.argmax(convert(input), axis or 0).astype(standard_dtype(output_type))


@op
def argmin(
    input: ArrayLike, axis: int | None = None, output_type: Any = "int64", name: Name = None
) -> NDArray:
    """The position of the first smallest element, by default along axis 0."""
    return np.argmin(convert(input), axis or 0).astype(standard_dtype(output_type))


def _cumulated(function: Any, x: Any, axis: int, exclusive: bool, reverse: bool, first: int) -> Any:
    x = convert(x)
    x = np.flip(x, axis) if reverse else x
    if exclusive:
        start = np.full_like(np.take(x, [0], axis), first)
        x = np.concatenate([start, np.take(x, np.arange(x.shape[axis] - 1), axis)], axis)
    x = function(x, axis, dtype=x.dtype)
    return np.flip(x, axis) if reverse else x


@op
def cumsum(
    x: ArrayLike, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: Name = None
) -> NDArray:
    """The sums of the elements so far; `exclusive` without the element itself."""
    return _cumulated(np.cumsum, x, axis, exclusive, reverse, 0)


@op
def cumprod(
    x: ArrayLike, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: Name = None
) -> NDArray:
    """The products of the elements so far; `exclusive` without the element itself."""
    return _cumulated(np.cumprod, x, axis, exclusive, reverse, 1)


@op
def count_nonzero(
    input: ArrayLike, axis: Any = None, keepdims: bool | None = None, dtype: Any = "int64",
    name: Name = None,
) -> NDArray:  # fmt: skip
    """The number of elements that are not 0."""
    counts = np.count_nonzero(convert(input), _axes(axis), keepdims=bool(keepdims))
    return np.asarray(counts, standard_dtype(dtype))


@op
def zero_fraction(value: ArrayLike, name: Name = None) -> NDArray:
    """The fraction of elements that are 0, float32."""
    return np.asarray((convert(value) == 0).mean(), np.float32)


@op
def confusion_matrix(
    labels: ArrayLike,
    predictions: ArrayLike,
    num_classes: int | None = None,
    weights: ArrayLike | None = None,
    dtype: Any = "int32",
    name: Name = None,
) -> NDArray:
    """How often each class (row) was predicted as each class (column)."""
    labels, predictions = convert(labels).ravel(), convert(predictions).ravel()
    largest = max(int(labels.max(initial=-1)), int(predictions.max(initial=-1)))
    count = largest + 1 if num_classes is None else int(num_classes)
    if largest >= count or min(labels.min(initial=0), predictions.min(initial=0)) < 0:
        raise ValueError(
            f"The classes must be from 0 to {count - 1}. Received classes up to {largest}."
        )
    matrix = np.zeros((count, count), standard_dtype(dtype))
    np.add.at(matrix, (labels, predictions), 1 if weights is None else convert(weights).ravel())
    return matrix


@op
def bincount(
    arr: ArrayLike,
    weights: ArrayLike | None = None,
    minlength: int | None = None,
    maxlength: int | None = None,
    dtype: Any = "int32",
    name: Name = None,
) -> NDArray:
    """How often each integer occurs, or the sum of its weights."""
    flat = convert(arr).ravel()
    if weights is not None:
        weights = convert(weights)
        dtype = weights.dtype
        weights = weights.ravel()
    if maxlength is not None:
        kept = flat < maxlength
        flat, weights = flat[kept], None if weights is None else weights[kept]
    return np.bincount(flat, weights, minlength or 0).astype(standard_dtype(dtype))


@op
def l2_normalize(
    x: ArrayLike, axis: Any = None, epsilon: float = 1e-12, name: Name = None
) -> NDArray:
    """x / sqrt(max(sum(x^2), epsilon)) over axes"""
    x = to_float(x)
    total = np.square(x).sum(_axes(axis), keepdims=True)
    return x / np.sqrt(np.maximum(total, x.dtype.type(epsilon)))


@op
def softmax(logits: ArrayLike, axis: int | None = None, name: Name = None) -> NDArray:
    """exp(x) / sum(exp(x)) over an axis, by default the last."""
    return nn.softmax(logits, -1 if axis is None else axis)


@op
def log_softmax(logits: ArrayLike, axis: int | None = None, name: Name = None) -> NDArray:
    """x - log(sum(exp(x))) over an axis, by default the last."""
    return nn.log_softmax(logits, -1 if axis is None else axis)


@op
def top_k(
    input: ArrayLike, k: int = 1, sorted: bool = True, index_type: Any = "int32", name: Name = None
) -> Any:
    """(values, indices) of the k largest elements on the last axis."""
    found = ops.top_k(input, k, sorted)
    return found._replace(indices=np.asarray(found.indices, standard_dtype(index_type)))


@op
def in_top_k(targets: ArrayLike, predictions: ArrayLike, k: int, name: Name = None) -> NDArray:
    """Whether the target's prediction is among the k largest."""
    return ops.in_top_k(targets, predictions, k)


@op
def clip_by_value(
    t: ArrayLike, clip_value_min: ArrayLike, clip_value_max: ArrayLike, name: Name = None
) -> NDArray:
    """min(max(t, clip_value_min), clip_value_max)"""
    return ops.clip(t, clip_value_min, clip_value_max)


@op
def clip_by_norm(t: ArrayLike, clip_norm: float, axes: Any = None, name: Name = None) -> NDArray:
    """t scaled down to a norm of at most `clip_norm`."""
    t = to_float(t)
    norm = np.sqrt(np.square(t).sum(_axes(axes), keepdims=True))
    limit = t.dtype.type(clip_norm)
    return t * limit / np.maximum(norm, limit)


@op
def saturate_cast(value: ArrayLike, dtype: Any, name: Name = None) -> NDArray:
    """A cast to the nearest value that the type has."""
    return ops.saturate_cast(value, dtype)


def _segment(name: str, is_sorted: bool) -> Any:
    operation = getattr(ops, name)

    def ordered(data: ArrayLike, segment_ids: ArrayLike, name: Name = None) -> Any:
        return operation(data, segment_ids)

    def unordered(
        data: ArrayLike, segment_ids: ArrayLike, num_segments: int, name: Name = None
    ) -> Any:
        return operation(data, segment_ids, int(num_segments))

    return _described(ordered if is_sorted else unordered, operation)


segment_sum, segment_max = _segment("segment_sum", True), _segment("segment_max", True)
segment_min, segment_prod = _segment("segment_min", True), _segment("segment_prod", True)
unsorted_segment_sum = _segment("segment_sum", False)
unsorted_segment_max = _segment("segment_max", False)
unsorted_segment_min = _segment("segment_min", False)
unsorted_segment_prod = _segment("segment_prod", False)


explain_missing(sys.modules[__name__])
