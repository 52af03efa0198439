"""Convolutions, pools and patches: operations on windows of sequences (n, t, c) and images.

Convolutions and pools run on the package's kernels, in float32; a sequence is an image of one row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_choice, check_data_format, refuse
from fastcnn.kernels import functions as kernels
from fastcnn.ops.base import convert, op, to_float

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    Sizes = int | Sequence[int]


def _images(x: Any, data_format: str | None, name: str = "inputs") -> NDArray:
    """Sequences (n, t, c) and images (n, h, w, c) as images."""
    check_data_format(data_format)
    x = to_float(x)
    if x.ndim not in (3, 4):
        raise ValueError(
            f"The argument `{name}` must be sequences (n, t, c) or images (n, h, w, c). "
            f"Received shape {x.shape}."
        )
    return x[:, None] if x.ndim == 3 else x


def _pair(value: Any, name: str, is_sequence: bool) -> tuple[int, int]:
    """A size of each image axis; those of a sequence belong to the second."""
    sizes = tuple(np.atleast_1d(value).tolist())
    wanted = 1 if is_sequence else 2
    if len(sizes) == 1:
        sizes = sizes * wanted
    if len(sizes) != wanted or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise ValueError(
            f"The argument `{name}` must be {wanted} positive integer(s). Received {value!r}."
        )
    return (1, *sizes) if is_sequence else sizes


def _padding(padding: str) -> str:
    return check_choice(str(padding).lower(), "padding", ("valid", "same"))


def _run(function: Callable, x: NDArray, is_sequence: bool, *args: Any, **settings: Any) -> NDArray:
    """A kernel's result as x's type, with the axes of a sequence."""
    y = np.asarray(function(x, *args, **settings))
    return (y[:, 0] if is_sequence else y).astype(x.dtype, copy=False)


@op
def conv(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> NDArray:
    """The convolution of (n, t, ic) or (n, h, w, ic) with kernels (..., ic, oc).

    Kernels with fewer input channels than the inputs make groups of channels.
    """
    x, is_sequence = _images(inputs, data_format), np.ndim(inputs) == 3
    kernel = to_float(kernel)
    w = kernel[None] if is_sequence else kernel
    settings: Any = {
        "strides": _pair(strides, "strides", is_sequence),
        "padding": _padding(padding),
        "dilation": _pair(dilation_rate, "dilation_rate", is_sequence),
    }
    groups = x.shape[3] // w.shape[2] if w.ndim == 4 and w.shape[2] else 0
    if groups < 1 or x.shape[3] % w.shape[2] or w.shape[3] % groups:
        raise ValueError(
            f"The argument `kernel` of shape {kernel.shape} does not fit inputs of shape "
            f"{np.shape(inputs)}."
        )
    if groups == 1:
        return _run(kernels.conv2d_forward, x, is_sequence, w, **settings)
    parts = zip(np.split(x, groups, 3), np.split(w, groups, 3), strict=True)
    results = [
        _run(kernels.conv2d_forward, np.ascontiguousarray(a), is_sequence, b, **settings)
        for a, b in parts
    ]
    return np.concatenate(results, -1)


@op
def depthwise_conv(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> NDArray:
    """Each channel's convolution with m kernels of its own: kernel (..., ic, m)."""
    x, is_sequence = _images(inputs, data_format), np.ndim(inputs) == 3
    kernel = to_float(kernel)
    return _run(
        kernels.depthwise_conv2d_forward,
        x,
        is_sequence,
        kernel[None] if is_sequence else kernel,
        strides=_pair(strides, "strides", is_sequence),
        padding=_padding(padding),
        dilation=_pair(dilation_rate, "dilation_rate", is_sequence),
    )


@op
def separable_conv(
    inputs: ArrayLike,
    depthwise_kernel: ArrayLike,
    pointwise_kernel: ArrayLike,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> NDArray:
    """`depthwise_conv`, then `conv` with a kernel of size 1."""
    between = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(between, pointwise_kernel)


@op
def conv_transpose(
    inputs: ArrayLike,
    kernel: ArrayLike,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> NDArray:
    """The gradient of a convolution with kernels (..., oc, ic) with respect to its input."""
    x, is_sequence = _images(inputs, data_format), np.ndim(inputs) == 3
    kernel = to_float(kernel)
    w = kernel[None] if is_sequence else kernel
    stride = _pair(strides, "strides", is_sequence)
    dilation = _pair(dilation_rate, "dilation_rate", is_sequence)
    padding = _padding(padding)
    if max(stride) > 1 and max(dilation) > 1:
        raise ValueError("`strides` and `dilation_rate` of `conv_transpose` cannot both exceed 1.")
    refuse(output_padding, "output_padding")
    size = tuple(
        n * s if padding == "same" else n * s + max(k - s, 0)
        for n, s, k in zip(
            x.shape[1:3],
            stride,
            ((k - 1) * d + 1 for k, d in zip(w.shape[:2], dilation, strict=True)),
            strict=True,
        )
    )
    return _run(
        kernels.conv2d_backward_data,
        x,
        is_sequence,
        np.ascontiguousarray(w),
        size,
        strides=stride,
        padding=padding,
        dilation=dilation,
    )


# -------------------------------------------------------------------------------------------- pools


@op
def max_pool(
    inputs: ArrayLike,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> NDArray:
    """The largest element of each window; `strides` are `pool_size` by default."""
    x, is_sequence = _images(inputs, data_format), np.ndim(inputs) == 3
    size = _pair(pool_size, "pool_size", is_sequence)
    stride = size if strides is None else _pair(strides, "strides", is_sequence)
    forward = lambda x, *args, **kwargs: kernels.max_pool2d_forward(x, *args, **kwargs)[0]  # noqa: E731
    return _run(forward, x, is_sequence, size, strides=stride, padding=_padding(padding))


@op
def average_pool(
    inputs: ArrayLike,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> NDArray:
    """The mean of each window's elements inside the image; `strides` are `pool_size` by default."""
    x, is_sequence = _images(inputs, data_format), np.ndim(inputs) == 3
    size = _pair(pool_size, "pool_size", is_sequence)
    stride = size if strides is None else _pair(strides, "strides", is_sequence)
    return _run(
        kernels.average_pool2d_forward,
        x,
        is_sequence,
        size,
        strides=stride,
        padding=_padding(padding),
    )


def _adaptive(function: Callable, inputs: Any, output_size: Any, data_format: Any) -> NDArray:
    """Pools of windows that divide each axis into `output_size` parts, which may overlap by one."""
    check_data_format(data_format)
    x = to_float(inputs)
    sizes = tuple(np.atleast_1d(output_size).tolist())
    sizes = sizes * (x.ndim - 2) if len(sizes) == 1 else sizes
    if len(sizes) != x.ndim - 2:
        raise ValueError(
            f"The argument `output_size` must be {x.ndim - 2} integer(s). Received {output_size!r}."
        )
    for axis, count in enumerate(sizes, 1):
        n = x.shape[axis]
        parts = [
            function(x.take(range(i * n // count, -(-(i + 1) * n // count)), axis), axis)
            for i in range(count)
        ]
        x = np.stack(parts, axis)
    return x


@op
def adaptive_average_pool(
    inputs: ArrayLike, output_size: Sizes, data_format: str | None = None
) -> NDArray:
    """Means of windows, as many as `output_size` says on each axis."""
    return _adaptive(np.mean, inputs, output_size, data_format)


@op
def adaptive_max_pool(
    inputs: ArrayLike, output_size: Sizes, data_format: str | None = None
) -> NDArray:
    """Largest elements of windows, as many as `output_size` says on each axis."""
    return _adaptive(np.max, inputs, output_size, data_format)


# ------------------------------------------------------------------------------------------ patches


@op
def depth_to_space(x: ArrayLike, block_size: int, data_format: str = "channels_last") -> NDArray:
    """(n, h, w, c b^2) to (n, h b, w b, c): channels become blocks of pixels."""
    check_data_format(data_format)
    x, b = convert(x), block_size
    n, h, w, c = x.shape
    blocks = x.reshape(n, h, w, b, b, c // b**2).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, h * b, w * b, c // b**2)


@op
def space_to_depth(x: ArrayLike, block_size: int, data_format: str = "channels_last") -> NDArray:
    """(n, h b, w b, c) to (n, h, w, c b^2): blocks of pixels become channels."""
    check_data_format(data_format)
    x, b = convert(x), block_size
    n, h, w, c = x.shape
    blocks = x.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, h // b, w // b, c * b**2)


def _two(value: Any) -> tuple[int, int]:
    first, second = np.broadcast_to(np.asarray(value), 2).tolist()
    return first, second


@op
def unfold(
    x: ArrayLike,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> NDArray:
    """The windows (n, c kh kw, count) of images (n, c, h, w), channels first as in Keras."""
    x = convert(x)
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = map(_two, (kernel_size, dilation, padding, stride))
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    high, wide = (kh - 1) * dh + 1, (kw - 1) * dw + 1
    windows = np.lib.stride_tricks.sliding_window_view(x, (high, wide), (2, 3))
    windows = windows[:, :, ::sh, ::sw, ::dh, ::dw].transpose(0, 1, 4, 5, 2, 3)
    return windows.reshape(len(x), x.shape[1] * kh * kw, -1)


@op
def fold(
    x: ArrayLike,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> NDArray:
    """The sums (n, c, h, w) of windows (n, c kh kw, count): the transpose of `unfold`."""
    x = convert(x)
    height, width = _two(output_size)
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = map(_two, (kernel_size, dilation, padding, stride))
    rows = (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    columns = (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    windows = x.reshape(len(x), -1, kh, kw, rows, columns)
    y = np.zeros((len(x), windows.shape[1], height + 2 * ph, width + 2 * pw), x.dtype)
    for i in range(kh):
        for j in range(kw):
            down = np.s_[i * dh : i * dh + rows * sh : sh]
            right = np.s_[j * dw : j * dw + columns * sw : sw]
            y[:, :, down, right] += windows[:, :, i, j]
    return y[:, :, ph : ph + height, pw : pw + width]
