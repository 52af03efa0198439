"""Operations that take each pixel from another position: affine and perspective transforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_choice
from fastcnn.ops.base import convert, op, to_float
from fastcnn.ops.pixels import check_images, rounded_to

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = ("constant", "nearest", "wrap", "reflect")


@op
def affine_transform(
    images: ArrayLike,
    transform: ArrayLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> NDArray:
    """The pixel at (x, y) comes from ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k).

    k = c0 x + c1 y + 1. Positions outside follow `fill_mode`: "constant" (`fill_value`), "nearest",
    "wrap" or "reflect".

    Args:
        transform: [a0, a1, a2, b0, b1, b2, c0, c1], or one for each image (n, 8).
    """
    images = check_images(images, data_format)
    check_choice(interpolation, "interpolation", INTERPOLATIONS)
    check_choice(fill_mode, "fill_mode", FILL_MODES)
    x = images if images.ndim == 4 else images[None]
    matrices = np.atleast_2d(convert(transform, np.float32))
    if matrices.shape[-1] != 8 or len(matrices) not in (1, len(x)):
        raise ValueError(
            f"The argument `transform` must have shape (8,) or ({len(x)}, 8). "
            f"Received shape {np.shape(transform)}."
        )
    y = _projected(x, matrices, interpolation, fill_mode, fill_value)
    return y if images.ndim == 4 else y[0]


def _projected(
    images: NDArray, matrices: NDArray, interpolation: str, fill_mode: str, fill: float
) -> NDArray:
    n, height, width, _ = images.shape
    column, row = np.meshgrid(np.arange(width, dtype="f4"), np.arange(height, dtype="f4"))
    a0, a1, a2, b0, b1, b2, c0, c1 = (part[:, None, None] for part in matrices.T)
    with np.errstate(divide="ignore", invalid="ignore"):
        k = c0 * column + c1 * row + 1
        across = _mapped((a0 * column + a1 * row + a2) / k, width, fill_mode)
        down = _mapped((b0 * column + b1 * row + b2) / k, height, fill_mode)
    across, down = (np.broadcast_to(part, (n, height, width)) for part in (across, down))
    if interpolation == "nearest":
        y = _read(images, _half_up(down), _half_up(across), fill)
        return y.astype(images.dtype)
    top, left = np.floor(down), np.floor(across)
    below, right = (down - top)[..., None], (across - left)[..., None]
    x = to_float(images)
    upper = (1 - right) * _read(x, top, left, fill) + right * _read(x, top, left + 1, fill)
    lower = (1 - right) * _read(x, top + 1, left, fill) + right * _read(x, top + 1, left + 1, fill)
    y = (1 - below) * upper + below * lower
    return y.astype(images.dtype)


def _half_up(x: NDArray) -> NDArray:
    """Rounded, halves away from 0."""
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


def _mapped(position: NDArray, size: int, fill_mode: str) -> NDArray:
    """Positions outside of [0, size - 1] moved into it, but for "constant"."""
    if fill_mode == "constant":
        return position
    last = size - 1
    if fill_mode == "reflect":
        period = 2 * size
        position = np.mod(position, period)
        position = np.where(position >= size, period - position - 1, position)
        # between the last pixel and its reflection, and before the first, is the edge
    elif fill_mode == "wrap" and last:
        low = position + size * (np.floor(-position / last) + 1)
        high = position - size * np.floor(position / last)
        position = np.where(position < 0, low, np.where(position > last, high, position))
    return np.clip(position, 0, last)


def _read(images: NDArray, down: NDArray, across: NDArray, fill: float) -> NDArray:
    """The pixels at whole positions (n, h, w), `fill` outside."""
    n, height, width, _ = images.shape
    with np.errstate(invalid="ignore"):
        inside = (down >= 0) & (down < height) & (across >= 0) & (across < width)
        row = np.where(inside, down, 0).astype(int)
        column = np.where(inside, across, 0).astype(int)
    pixels = images[np.arange(n)[:, None, None], row, column]
    return np.where(inside[..., None], pixels, np.asarray(fill, images.dtype))


@op
def perspective_transform(
    images: ArrayLike,
    start_points: ArrayLike,
    end_points: ArrayLike,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> NDArray:
    """Move four points (x, y) of each image to four others; outside is `fill_value`.

    Args:
        start_points, end_points: (4, 2), or (n, 4, 2).
    """
    images = check_images(images, data_format)
    check_choice(interpolation, "interpolation", INTERPOLATIONS)
    start, end = convert(start_points, np.float32), convert(end_points, np.float32)
    if start.shape != end.shape or start.shape[-2:] != (4, 2) or start.ndim not in (2, 3):
        raise ValueError(
            "The arguments `start_points` and `end_points` must have shape (4, 2) or (n, 4, 2). "
            f"Received shapes {start.shape} and {end.shape}."
        )
    x = images if images.ndim == 4 else images[None]
    y = _projected(x, _homography(start, end), interpolation, "constant", fill_value)
    return y if images.ndim == 4 else y[0]


def _homography(start: NDArray, end: NDArray) -> NDArray:
    """The transforms (n, 8) that take the end points to the start points."""
    start, end = (points.reshape(-1, 4, 2) for points in (start, end))
    ones, zeros = np.ones_like(end[..., :1]), np.zeros_like(end)
    rows = []
    for axis in range(2):
        own = np.concatenate([end, ones], -1)
        other = np.concatenate([zeros, zeros[..., :1]], -1)
        halves = [own, other] if axis == 0 else [other, own]
        rows.append(np.concatenate([*halves, -start[..., axis : axis + 1] * end], -1))
    matrix = np.stack(rows, 2).reshape(-1, 8, 8)
    target = start.reshape(-1, 8, 1)
    return np.linalg.solve(matrix, target)[..., 0].astype(np.float32)


@op
def map_coordinates(
    inputs: ArrayLike,
    coordinates: Any,
    order: int,
    fill_mode: str = "constant",
    fill_value: float = 0,
) -> NDArray:
    """The values at positions (axes, ...) of an array with as many axes.

    Args:
        order: 0 for the nearest element, 1 for linear interpolation.
        fill_mode: "constant" (`fill_value`), "nearest", "wrap", "mirror" or "reflect".
    """
    x = convert(inputs)
    positions = [to_float(part) for part in coordinates]
    check_choice(fill_mode, "fill_mode", ("constant", "nearest", "wrap", "mirror", "reflect"))
    if order not in (0, 1):
        raise NotImplementedError(f"The argument `order` must be 0 or 1. Received order={order}.")
    if len(positions) != x.ndim or positions[0].ndim == 0:
        raise ValueError(
            f"The argument `coordinates` must have shape ({x.ndim}, ...). "
            f"Received shape {np.shape(coordinates)}."
        )
    nodes = []
    for position, size in zip(positions, x.shape, strict=True):
        low = np.round(position) if order == 0 else np.floor(position)
        weight = position - low
        pairs = [(low, np.ones_like(low))] if order == 0 else [(low, 1 - weight), (low + 1, weight)]
        nodes.append([(*_inside(index, size, fill_mode), weight) for index, weight in pairs])
    total: Any = 0
    for corner in np.ndindex(*[len(node) for node in nodes]):
        chosen = [node[i] for node, i in zip(nodes, corner, strict=True)]
        values = x[tuple(index for index, _, _ in chosen)].astype(positions[0].dtype)
        if fill_mode == "constant":
            values = np.where(
                np.logical_and.reduce([valid for _, valid, _ in chosen]), values, fill_value
            )
        for _, _, weight in chosen:
            values = values * weight
        total = total + values
    return (np.round(total) if x.dtype.kind in "iu" else total).astype(x.dtype)


def _inside(index: NDArray, size: int, fill_mode: str) -> tuple[NDArray, NDArray]:
    """(indices inside of the array, whether they were)."""
    valid = (index >= 0) & (index < size)
    if fill_mode == "wrap":
        index = np.mod(index, size)
    elif fill_mode in ("mirror", "reflect"):
        rest = np.mod(np.abs(index), 2 * size)
        index = np.where(rest < size, rest, 2 * size - rest - (fill_mode == "reflect"))
    return np.clip(index, 0, size - 1).astype(int), valid


METHODS = {
    **dict.fromkeys(("linear", "bilinear", "trilinear"), "linear"),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), "cubic"),
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}


@op
def scale_and_translate(
    images: ArrayLike,
    output_shape: Sequence[int],
    scale: ArrayLike,
    translation: ArrayLike,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> NDArray:
    """Each of the axes `spatial_dims` resampled: element i comes from (i + 0.5 - t) / s - 0.5.

    Args:
        method: "linear", "cubic", "lanczos3" or "lanczos5".
    """
    method = METHODS[check_choice(method, "method", tuple(METHODS))]
    images = convert(images)
    x = to_float(images)
    scales, translations = to_float(scale), to_float(translation)
    for axis, s, t in zip(spatial_dims, scales, translations, strict=True):
        axis = axis % x.ndim
        weights = _weights(x.shape[axis], output_shape[axis], s, t, method, antialias)
        x = np.moveaxis(np.tensordot(x, weights.astype(x.dtype), (axis, 0)), -1, axis)
    if images.dtype.kind in "iu":
        x = np.clip(np.round(x), images.min(), images.max())
    return rounded_to(x, images.dtype)


def _weights(size: int, new_size: int, s: Any, t: Any, method: str, antialias: bool) -> NDArray:
    """(size, new_size): column i holds the weights of the elements for the new element i."""
    position = (np.arange(new_size) + 0.5 - t) / s - 0.5
    distance = np.abs(position - np.arange(size)[:, None]) / (max(1 / s, 1) if antialias else 1)
    if method == "linear":
        weights = np.maximum(1 - distance, 0)
    elif method == "cubic":
        near = ((1.5 * distance - 2.5) * distance) * distance + 1
        far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
        weights = np.where(distance >= 2, 0, np.where(distance >= 1, far, near))
    else:
        radius = int(method[-1])
        weights = np.sinc(distance) * np.sinc(distance / radius)
        weights = np.where(distance > radius, 0, weights)
    total = weights.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.where(np.abs(total) > 1000 * np.finfo(np.float32).eps, weights / total, 0)
    return np.where((position >= -0.5) & (position <= size - 0.5), weights, 0)
