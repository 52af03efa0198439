"""`tf.nn`: activations, convolutions, pools and losses on arrays. `name` has no effect."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import ops
from fastcnn.core.arguments import refuse
from fastcnn.core.lazy import explain_missing
from fastcnn.ops.base import convert, op, to_float
from fastcnn.tf.math import (
    in_top_k as in_top_k,
    l2_normalize as l2_normalize,
    log_softmax as log_softmax,
    sigmoid as sigmoid,
    softmax as softmax,
    tanh as tanh,
    top_k as top_k,
    zero_fraction as zero_fraction,
)

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    Name = str | None


def _activation(name: str) -> Any:
    operation = getattr(ops, name)

    def call(features: ArrayLike, name: Name = None) -> Any:
        return operation(features)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = operation.__doc__
    return call


relu, relu6, elu, selu = map(_activation, ("relu", "relu6", "elu", "selu"))
softplus, softsign, silu, swish = map(_activation, ("softplus", "softsign", "silu", "swish"))


@op
def leaky_relu(features: ArrayLike, alpha: float = 0.2, name: Name = None) -> NDArray:
    """x where x > 0, else alpha * x"""
    return ops.leaky_relu(features, alpha)


@op
def gelu(features: ArrayLike, approximate: bool = False, name: Name = None) -> NDArray:
    """x times the normal distribution function of x"""
    return ops.gelu(features, approximate)


@op
def bias_add(
    value: ArrayLike, bias: ArrayLike, data_format: Any = None, name: Name = None
) -> NDArray:
    """value + bias, one for each channel."""
    _check_format(data_format)
    return ops.add(value, bias)


def _check_format(data_format: Any) -> None:
    if data_format not in (None, "NHWC", "NWC"):
        raise ValueError(
            'The argument `data_format` must be "NHWC" (batch, height, width, channels). '
            f"Received data_format={data_format!r}."
        )


def _sizes(value: Any, axes: int, name: str) -> Any:
    """One size, one for each axis of the image, or those of all four axes."""
    sizes = np.atleast_1d(np.asarray(1 if value is None else value)).tolist()
    if len(sizes) == axes + 2:
        if sizes[0] != 1 or sizes[-1] != 1:
            raise ValueError(f"The argument `{name}` must be 1 for batch and channels: {value!r}.")
        sizes = sizes[1:-1]
    return sizes[0] if len(sizes) == 1 else tuple(sizes)


def _padding(padding: Any) -> str:
    if not isinstance(padding, str) or padding.upper() not in ("SAME", "VALID"):
        raise ValueError(
            f'The argument `padding` must be "SAME" or "VALID". Received padding={padding!r}.'
        )
    return padding.lower()


@op
def conv2d(
    input: ArrayLike,
    filters: ArrayLike,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: Name = None,
) -> NDArray:
    """The convolution of (n, h, w, ic) with filters (kh, kw, ic, oc)."""
    _check_format(data_format)
    stride, dilation = _sizes(strides, 2, "strides"), _sizes(dilations, 2, "dilations")
    return ops.conv(input, filters, stride, _padding(padding), None, dilation)


@op
def conv1d(
    input: ArrayLike,
    filters: ArrayLike,
    stride: Any,
    padding: str,
    data_format: str = "NWC",
    dilations: Any = None,
    name: Name = None,
) -> NDArray:
    """The convolution of (n, t, ic) with filters (k, ic, oc)."""
    _check_format(data_format)
    step, dilation = _sizes(stride, 1, "stride"), _sizes(dilations, 1, "dilations")
    return ops.conv(input, filters, step, _padding(padding), None, dilation)


@op
def depthwise_conv2d(
    input: ArrayLike,
    filter: ArrayLike,
    strides: Any,
    padding: str,
    data_format: str | None = None,
    dilations: Any = None,
    name: Name = None,
) -> NDArray:
    """Each channel's convolution with filters (kh, kw, ic, m)."""
    _check_format(data_format)
    stride, dilation = _sizes(strides, 2, "strides"), _sizes(dilations, 2, "dilations")
    return ops.depthwise_conv(input, filter, stride, _padding(padding), None, dilation)


@op
def separable_conv2d(
    input: ArrayLike,
    depthwise_filter: ArrayLike,
    pointwise_filter: ArrayLike,
    strides: Any,
    padding: str,
    data_format: str | None = None,
    dilations: Any = None,
    name: Name = None,
) -> NDArray:
    """`depthwise_conv2d`, then a convolution with filters (1, 1, ic * m, oc)."""
    between = depthwise_conv2d(input, depthwise_filter, strides, padding, data_format, dilations)
    return ops.conv(between, pointwise_filter)


def _pool(operation: Any, x: Any, ksize: Any, strides: Any, padding: str, data_format: Any) -> Any:
    _check_format(data_format)
    axes = np.ndim(x) - 2
    size, stride = _sizes(ksize, axes, "ksize"), _sizes(strides, axes, "strides")
    return operation(x, size, stride, _padding(padding))


@op
def max_pool(
    input: ArrayLike, ksize: Any, strides: Any, padding: str, data_format: str | None = None,
    name: Name = None,
) -> NDArray:  # fmt: skip
    """The largest element of each window."""
    return _pool(ops.max_pool, input, ksize, strides, padding, data_format)


@op
def avg_pool(
    input: ArrayLike, ksize: Any, strides: Any, padding: str, data_format: str | None = None,
    name: Name = None,
) -> NDArray:  # fmt: skip
    """The mean of each window's elements inside the image."""
    return _pool(ops.average_pool, input, ksize, strides, padding, data_format)


max_pool2d = max_pool1d = max_pool
avg_pool2d = avg_pool1d = avg_pool


@op
def depth_to_space(
    input: ArrayLike, block_size: int, data_format: str = "NHWC", name: Name = None
) -> NDArray:
    """Channels become blocks of pixels."""
    _check_format(data_format)
    return ops.depth_to_space(input, block_size)


@op
def space_to_depth(
    input: ArrayLike, block_size: int, data_format: str = "NHWC", name: Name = None
) -> NDArray:
    """Blocks of pixels become channels."""
    _check_format(data_format)
    return ops.space_to_depth(input, block_size)


@op
def moments(
    x: ArrayLike, axes: Any, shift: Any = None, keepdims: bool = False, name: Name = None
) -> Any:
    """(mean, variance) over axes."""
    return ops.moments(x, axes, keepdims)


@op
def batch_normalization(
    x: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    offset: ArrayLike | None,
    scale: ArrayLike | None,
    variance_epsilon: float,
    name: Name = None,
) -> NDArray:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset; all are broadcast."""
    x = to_float(x)
    factor = 1 / np.sqrt(convert(variance, x.dtype) + x.dtype.type(variance_epsilon))
    factor = factor if scale is None else factor * convert(scale, x.dtype)
    y = (x - convert(mean, x.dtype)) * factor
    return y if offset is None else y + convert(offset, x.dtype)


@op
def dropout(
    x: ArrayLike, rate: float, noise_shape: Any = None, seed: int | None = None, name: Name = None
) -> NDArray:
    """x / (1 - rate), but 0 with the probability `rate`."""
    from fastcnn.ops.random import dropout as drop
    from fastcnn.tf.random import seed_of

    return drop(x, rate, noise_shape, seed_of(seed))


@op
def l2_loss(t: ArrayLike, name: Name = None) -> NDArray:
    """sum(t^2) / 2"""
    t = to_float(t)
    return np.asarray(np.square(t).sum() / 2, t.dtype)


@op
def embedding_lookup(
    params: ArrayLike, ids: ArrayLike, max_norm: Any = None, name: Name = None
) -> NDArray:
    """The rows of params at ids."""
    refuse(max_norm, "max_norm")
    return ops.take(params, ids, 0)


@op
def softmax_cross_entropy_with_logits(
    labels: ArrayLike, logits: ArrayLike, axis: int = -1, name: Name = None
) -> NDArray:
    """-sum(labels * log_softmax(logits)) over the classes"""
    logits = to_float(logits)
    return -(convert(labels, logits.dtype) * np.asarray(ops.log_softmax(logits, axis))).sum(axis)


@op
def sparse_softmax_cross_entropy_with_logits(
    labels: ArrayLike, logits: ArrayLike, name: Name = None
) -> NDArray:
    """-log_softmax(logits) at each label"""
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


@op
def sigmoid_cross_entropy_with_logits(
    labels: ArrayLike, logits: ArrayLike, name: Name = None
) -> NDArray:
    """-(labels log(s) + (1 - labels) log(1 - s)), s = sigmoid(logits)"""
    return ops.binary_crossentropy(labels, logits, from_logits=True)


explain_missing(sys.modules[__name__])
