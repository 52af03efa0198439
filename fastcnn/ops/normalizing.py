"""Normalizations, losses and attention as operations on arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.arguments import warn
from fastcnn.ops.base import convert, op, result_type, to_float, together

if TYPE_CHECKING:
    from fastcnn.core.types import Axes

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray


@op
def normalize(
    x: ArrayLike, axis: int = -1, order: Any = 2, epsilon: float | None = None
) -> NDArray:
    """x divided by its norm along an axis, or by epsilon (1e-7) where the norm is smaller."""
    if not isinstance(order, int) or order < 1:
        raise ValueError(
            f"The argument `order` must be an integer of at least 1. Received order={order!r}."
        )
    x = to_float(x)
    least = x.dtype.type(config.epsilon() if epsilon is None else epsilon)
    norm = np.linalg.norm(x, order, axis, True)
    return x / np.maximum(norm, least)


@op
def batch_normalization(
    x: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    axis: int,
    offset: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    epsilon: float = 0.001,
) -> NDArray:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, with one value for each channel."""
    x = to_float(x)
    shape = [1] * x.ndim
    shape[axis] = -1

    def channels(values: Any) -> NDArray:
        return convert(values, x.dtype).reshape(shape)

    factor = 1 / np.sqrt(channels(variance) + x.dtype.type(epsilon))
    if scale is not None:
        factor = factor * channels(scale)
    y = (x - channels(mean)) * factor
    return y if offset is None else y + channels(offset)


@op
def layer_normalization(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    axis: Axes = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> NDArray:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, moments over `axis`; epsilon 1e-7.

    `rms_scaling=True` warns and returns x / sqrt(variance + epsilon) * gamma.
    """
    rms_scaling = kwargs.pop("rms_scaling", False)
    if rms_scaling:
        warn(
            "You passed `rms_scaling=True`, which is deprecated. This argument incorrectly scales "
            "the input by the variance, not the root mean square. To correctly use RMS "
            "Normalization, please use `keras.ops.rms_normalization` / "
            "`keras.ops.nn.rms_normalization` instead."
        )
    if kwargs:
        raise ValueError(f"Unknown arguments of `layer_normalization`: {', '.join(kwargs)}.")
    x = to_float(x)
    axes = _sorted_axes(axis, x.ndim)
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    factor = 1 / np.sqrt(variance + x.dtype.type(config.epsilon() if epsilon is None else epsilon))
    y = (x if rms_scaling else x - mean) * factor
    if gamma is not None:
        y = y * _along(gamma, axes, x)
    return y if beta is None or rms_scaling else y + _along(beta, axes, x)


@op
def rms_normalization(
    x: ArrayLike, scale: ArrayLike | None = None, axis: Axes = -1, epsilon: float | None = None
) -> NDArray:
    """x / sqrt(mean(x^2) + epsilon) * scale, the mean over `axis`; epsilon 1e-7 by default."""
    x = to_float(x)
    axes = _sorted_axes(axis, x.ndim)
    square = np.square(x).mean(axes, keepdims=True)
    y = x / np.sqrt(square + x.dtype.type(config.epsilon() if epsilon is None else epsilon))
    return y if scale is None else y * _along(scale, axes, x)


def _sorted_axes(axis: Any, rank: int) -> tuple[int, ...]:
    given = axis if isinstance(axis, (list, tuple)) else (axis,)
    return tuple(sorted(int(one) % rank for one in given))


def _along(values: Any, axes: tuple[int, ...], x: NDArray) -> NDArray:
    """Values of the shape of these axes of x, ready to be broadcast."""
    values = convert(values, x.dtype)
    return values.reshape([size if axis in axes else 1 for axis, size in enumerate(x.shape)])


# ------------------------------------------------------------------------------------------- losses


def _clipped(output: NDArray) -> NDArray:
    least = output.dtype.type(config.epsilon())
    return np.clip(output, least, 1 - least)


@op
def binary_crossentropy(target: ArrayLike, output: ArrayLike, from_logits: bool = False) -> NDArray:
    """-(t log(o) + (1 - t) log(1 - o)) for each element."""
    target, output = _targets(target, output)
    if from_logits:
        return np.maximum(output, 0) - output * target + np.log1p(np.exp(-np.abs(output)))
    output = _clipped(output)
    return -(target * np.log(output) + (1 - target) * np.log(1 - output))


@op
def categorical_crossentropy(
    target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> NDArray:
    """-sum(t log(o)) over the classes on `axis`; probabilities are divided by their sum."""
    target, output = _targets(target, output)
    return -(target * _log_probabilities(output, from_logits, axis)).sum(axis)


@op
def sparse_categorical_crossentropy(
    target: ArrayLike, output: ArrayLike, from_logits: bool = False, axis: int = -1
) -> NDArray:
    """-log(o) at the class of each target, an integer."""
    output = to_float(output)
    labels = convert(target).astype(np.int64)
    if labels.ndim == output.ndim and labels.shape[-1] == 1:
        labels = labels[..., 0]
    expected = tuple(np.delete(output.shape, axis))
    if labels.shape != expected:
        raise ValueError(
            f"The argument `target` must have shape {expected}. Received shape {labels.shape}."
        )
    count = output.shape[axis]
    if labels.size and (labels.min() < 0 or labels.max() >= count):
        raise ValueError(
            f"The classes of `target` must be from 0 to {count - 1}. "
            f"Received classes from {labels.min()} to {labels.max()}."
        )
    logs = _log_probabilities(output, from_logits, axis, divide=False)
    return -np.take_along_axis(logs, np.expand_dims(labels, axis), axis).squeeze(axis)


def _targets(target: Any, output: Any) -> tuple[NDArray, NDArray]:
    output = to_float(output)
    target = convert(target, output.dtype)
    if target.shape != output.shape:
        raise ValueError(
            "The arguments `target` and `output` must have the same shape. "
            f"Received shapes {target.shape} and {output.shape}."
        )
    return target, output


def _log_probabilities(
    output: NDArray, from_logits: bool, axis: int, divide: bool = True
) -> NDArray:
    if not from_logits and not divide:
        output = np.log(_clipped(output))  # Keras takes the softmax of these logarithms
    elif not from_logits:
        return np.log(_clipped(output / output.sum(axis, keepdims=True)))
    shifted = output - output.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


# ---------------------------------------------------------------------------------------- attention


@op
def dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    bias: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> NDArray:
    """softmax(scale q k^T + bias) v for each head.

    Args:
        query: (n, t, heads, d).
        key, value: (n, s, heads, d), or with fewer heads that divide those of the query.
        bias, mask: broadcast to (n, heads, t, s); a mask of False excludes a position.
        scale: by default 1 / sqrt(d).
        is_causal: whether positions after the query's are excluded.
        flash_attention: None or False.
        attn_logits_soft_cap: None, as on TensorFlow.
    """
    if flash_attention or attn_logits_soft_cap is not None:
        raise NotImplementedError(
            "The arguments `flash_attention` and `attn_logits_soft_cap` are not supported yet. "
            f"Received {flash_attention} and {attn_logits_soft_cap}."
        )
    query, key, value = together(convert(query), convert(key), convert(value), at_least=float)
    if query.ndim != 4:
        raise ValueError(f"The argument `query` must have 4 axes. Received shape {query.shape}.")
    if 1 < key.shape[2] < query.shape[2]:
        groups = query.shape[2] // key.shape[2]
        key, value = np.repeat(key, groups, 2), np.repeat(value, groups, 2)
    size = query.dtype.type(1 / math.sqrt(key.shape[-1]) if scale is None else scale)
    logits = np.einsum("btnh,bsnh->bnts", query, key, optimize=True) * size
    if bias is not None:
        logits = logits + convert(bias, logits.dtype)
    allowed = np.ones(logits.shape, bool)
    if mask is not None:
        allowed = allowed & convert(mask).astype(bool)
    if is_causal:
        allowed = allowed & np.tri(*logits.shape[2:]).astype(bool)
    logits = np.where(allowed, logits, logits.dtype.type(-0.7 * 3.38953e38))
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    weights = weights / weights.sum(-1, keepdims=True)
    return np.einsum("bnts,bsnh->btnh", weights, value, optimize=True)


@op
def psnr(x1: ArrayLike, x2: ArrayLike, max_val: float) -> NDArray:
    """The peak signal-to-noise ratio, 20 log10(max_val) - 10 log10(mean((x1 - x2)^2))"""
    x1, x2 = together(convert(x1), convert(x2), at_least=float)
    if x1.shape != x2.shape:
        raise ValueError(f"`psnr` takes arrays of one shape. Received {x1.shape} and {x2.shape}.")
    with np.errstate(divide="ignore"):
        ratio = 20 * np.log10(max_val) - 10 * np.log10(np.square(x1 - x2).mean())
    return np.asarray(ratio, x1.dtype)


@op
def polar(abs_: ArrayLike, angle: ArrayLike) -> NDArray:
    """The complex numbers with these absolute values and angles."""
    size, angle = together(convert(abs_), convert(angle), at_least=float)
    return (size * np.cos(angle) + 1j * (size * np.sin(angle))).astype(
        result_type(size, np.complex64)
    )
