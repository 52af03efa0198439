"""Patches of images, blurs and edges, and how similar images are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_choice, check_data_format
from fastcnn.ops.base import convert, op, result_type, to_float, together
from fastcnn.ops.pixels import check_images
from fastcnn.ops.windows import depthwise_conv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray


@op
def extract_patches(
    images: ArrayLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> NDArray:
    """The patches (..., rows, columns, height * width * c) of images; strides are the size.

    A size of three integers takes patches of volumes, as `extract_patches_3d` does.
    """
    check_data_format(data_format)
    axes = 2 if isinstance(size, (int, np.integer)) else len(size)
    if axes not in (2, 3):
        raise ValueError(f"The argument `size` must be 2 or 3 integers. Received size={size!r}.")
    return _patches(convert(images), size, strides, dilation_rate, padding, axes)


@op
def extract_patches_3d(
    volumes: ArrayLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> NDArray:
    """The patches of volumes (depth, h, w, c) or (n, depth, h, w, c); strides are the size."""
    check_data_format(data_format)
    return _patches(convert(volumes), size, strides, dilation_rate, padding, 3)


def _patches(
    x: NDArray, size: Any, strides: Any, dilation_rate: Any, padding: str, axes: int
) -> NDArray:
    if x.ndim not in (axes + 1, axes + 2):
        raise ValueError(
            f"Patches of {axes} axes need arrays of {axes + 1} or {axes + 2} axes. "
            f"Received shape {x.shape}."
        )
    check_choice(padding, "padding", ("valid", "same"))
    strides = size if strides is None else strides
    sizes, steps, rates = (
        np.broadcast_to(np.asarray(value), axes).tolist()
        for value in (size, strides, dilation_rate)
    )
    if max(steps) > 1 and max(rates) > 1:
        raise ValueError("`strides` and `dilation_rate` of patches cannot both exceed 1.")
    first = x.ndim - axes - 1
    extents = [(n - 1) * rate + 1 for n, rate in zip(sizes, rates, strict=True)]
    if padding == "same":
        margins = [(0, 0)] * x.ndim
        for axis, (extent, step) in enumerate(zip(extents, steps, strict=True), first):
            missing = max((-(-x.shape[axis] // step) - 1) * step + extent - x.shape[axis], 0)
            margins[axis] = (missing // 2, missing - missing // 2)
        x = np.pad(x, margins)
    where = tuple(range(first, first + axes))
    windows = np.lib.stride_tricks.sliding_window_view(x, extents, where)
    cut = [np.s_[:]] * first + [np.s_[::step] for step in steps] + [np.s_[:]]
    windows = windows[(*cut, *(np.s_[::rate] for rate in rates))]
    windows = np.moveaxis(windows, first + axes, -1)  # the channels vary fastest
    return windows.reshape(*windows.shape[: first + axes], -1)


@op
def gaussian_blur(
    images: ArrayLike,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> NDArray:
    """Each channel convolved with the product of two Gaussian curves; zeros around the image.

    As in Keras, the first size and sigma are those of the columns of the kernel.
    """
    images = check_images(images, data_format)
    x = to_float(images)
    first, second = (_gaussian(n, s) for n, s in zip(kernel_size, sigma, strict=True))
    kernel = np.outer(second, first).reshape(*kernel_size, 1, 1)
    kernel = np.repeat(kernel, x.shape[-1], 2).astype(x.dtype)
    y = np.asarray(depthwise_conv(x if x.ndim == 4 else x[None], kernel, padding="same"))
    return y if x.ndim == 4 else y[0]


def _gaussian(size: int, sigma: float) -> NDArray:
    x = np.arange(size) - (size - 1) / 2
    values = np.exp(-0.5 * np.square(x / sigma))
    return values / values.sum()


@op
def sobel_edges(images: ArrayLike, data_format: str | None = None) -> NDArray:
    """(n, h, w, c, 2): the derivatives down and to the right, images extended by reflection."""
    images = check_images(images, data_format)
    x = to_float(images)
    if x.ndim != 4:
        raise ValueError(f"`sobel_edges` takes images (n, h, w, c). Received shape {x.shape}.")
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")

    def smooth(x: NDArray, axis: int) -> NDArray:
        n = x.shape[axis]
        parts = [np.take(x, range(i, n - 2 + i), axis) for i in range(3)]
        return parts[0] + 2 * parts[1] + parts[2]

    def slope(x: NDArray, axis: int) -> NDArray:
        n = x.shape[axis]
        return np.take(x, range(2, n), axis) - np.take(x, range(n - 2), axis)

    return np.stack([smooth(slope(x, 1), 2), smooth(slope(x, 2), 1)], -1)


@op
def ssim(
    image1: ArrayLike,
    image2: ArrayLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> NDArray:
    """The structural similarity of images (Wang et al. 2004): one number, or one for each of n."""
    first = check_images(image1, data_format, "image1")
    second = check_images(image2, data_format, "image2")
    a, b = together(first, second, at_least=float)
    if a.shape != b.shape:
        raise ValueError(f"`ssim` takes images of one shape. Received {a.shape} and {b.shape}.")
    one = a.ndim == 3
    a, b = (a[None], b[None]) if one else (a, b)
    curve = _gaussian(filter_size, filter_sigma)
    kernel = np.outer(curve, curve)[:, :, None, None].astype(a.dtype)
    kernel = np.repeat(kernel, a.shape[-1], 2)

    def mean(x: NDArray) -> NDArray:
        return np.asarray(depthwise_conv(x, kernel))

    c1, c2 = a.dtype.type((k1 * max_val) ** 2), a.dtype.type((k2 * max_val) ** 2)
    mean_a, mean_b = mean(a), mean(b)
    squares = mean_a * mean_a + mean_b * mean_b
    products = mean_a * mean_b
    spread = mean(a * a) + mean(b * b) - squares
    shared = mean(a * b) - products
    values = (2 * products + c1) * (2 * shared + c2) / ((squares + c1) * (spread + c2))
    dtype = result_type(first) if first.dtype.kind == "f" else a.dtype
    result = values.mean((1, 2, 3)).astype(dtype)
    return result[0] if one else result
