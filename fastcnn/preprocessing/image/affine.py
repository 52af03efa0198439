"""Affine transforms of whole batches of images, as `scipy.ndimage.affine_transform` computes them.

An output pixel is read at a position of the input: of the nearest pixel (order 0), or between the
four around it (order 1), in double precision. Images differ in their matrices, not in their size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_choice

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

FILL_MODES = ("constant", "nearest", "reflect", "wrap")
PIXELS = 2**15  # that are transformed at a time, so that temporary arrays stay in the cache


def affine_transform(
    images: NDArray,
    matrices: ArrayLike,
    offsets: ArrayLike,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> NDArray:
    """y[n, i, j] = images[n] at matrices[n] @ (i, j) + offsets[n]

    Args:
        images: (n, h, w, c).
        matrices, offsets: (n, 2, 2) and (n, 2).
        fill_mode: what is outside of the image: "nearest" (a a a a | a b c d | d d d d),
            "reflect" (d c b a | a b c d | d c b a), "wrap", whose period is one pixel less than the
            size, as in SciPy, or "constant": `cval`.
        cval: a number.
        order: 0 or 1.

    Returns:
        y (n, h, w, c), of the images' dtype.
    """
    check_choice(fill_mode, "fill_mode", FILL_MODES)
    if order not in (0, 1):
        raise ValueError(
            "The order of interpolation must be 0 (nearest) or 1 (linear). "
            f"Received order={order!r}."
        )
    matrices, offsets = np.asarray(matrices, float), np.asarray(offsets, float)
    result = np.empty_like(images)
    n, height, width, _ = images.shape
    step = max(PIXELS // max(height * width, 1), 1)
    if images.size:
        for start in range(0, n, step):
            part = slice(start, start + step)
            result[part] = _transformed(
                images[part], matrices[part], offsets[part], fill_mode, cval, order
            )
    return result


def _transformed(images, matrices, offsets, fill_mode, cval, order):
    n, height, width, channels = images.shape
    row, column = np.arange(height)[:, None], np.arange(width)
    matrices = matrices[:, :, :, None, None]
    outside = np.zeros((n, height, width), bool)
    taps = []
    for axis, size in enumerate((height, width)):
        at = offsets[:, axis, None, None] + matrices[:, axis, 0] * row
        at = at + matrices[:, axis, 1] * column
        outside |= (at < 0) | (at > size - 1)
        taps.append(_taps(_inside(at, size, fill_mode), size, fill_mode, order))
    pixels = images.reshape(-1, channels)
    first = height * width * np.arange(n)[:, None, None]
    total = np.zeros(images.shape)
    for row_index, row_weight in taps[0]:
        for column_index, weight in taps[1]:
            found = pixels[first + row_index * width + column_index]
            total += found * (row_weight * weight)[..., None]
    if fill_mode == "constant":
        total[outside] = cval
    return total.astype(images.dtype)


def _inside(at, size, fill_mode):
    """Positions along an axis, mapped to the image; with "reflect" up to a pixel beside it."""
    if size == 1:
        return np.zeros_like(at)
    if fill_mode == "reflect":
        below = at + 2 * size * np.trunc(-at / (2 * size))
        below = np.where(below < -size, below + 2 * size, -np.minimum(below, -1e-15) - 1)
        above = at - 2 * size * np.trunc(at / (2 * size))
        above = np.where(above >= size, 2 * size - above - 1, above)
        return np.where(at < 0, below, np.where(at > size - 1, above, at))
    if fill_mode == "wrap":
        below = at + (size - 1) * (np.trunc(-at / (size - 1)) + 1)
        above = at - (size - 1) * np.trunc(at / (size - 1))
        return np.where(at < 0, below, np.where(at > size - 1, above, at))
    return np.clip(at, 0, size - 1)


def _taps(at, size, fill_mode, order):
    """The pixels along an axis that positions are made of: [(index, weight)]."""
    if order == 0:
        taps = [(np.floor(at + 0.5), np.ones_like(at))]
    else:
        low = np.floor(at)
        taps = [(low, 1 - (at - low)), (low + 1, at - low)]
    # beside the image: the pixel at its border, or one of weight 0
    return [(np.clip(index, 0, size - 1).astype(np.intp), weight) for index, weight in taps]


def transform_matrices(
    size: tuple[int, int],
    theta: Any = 0,
    tx: Any = 0,
    ty: Any = 0,
    shear: Any = 0,
    zx: Any = 1,
    zy: Any = 1,
    swapped: bool = True,
) -> tuple[NDArray, NDArray]:
    """(matrices (n, 2, 2), offsets (n, 2)) of a rotation, shift, shear and zoom of images.

    Args:
        size: (height, width); without a shift the center stays.
        theta, shear: angles in degrees, each (n,).
        tx, ty: shifts in pixels, along the rows and columns.
        zx, zy: factors of the zoom.
        swapped: whether the first coordinate is that of the columns, as in Keras for images whose
            rows come before their columns: there `tx` moves along a row. The center is swapped,
            too, so that images which are not square turn about another point.
    """
    arrays = np.broadcast_arrays(*(np.asarray(v, float) for v in (theta, tx, ty, shear, zx, zy)))
    theta, tx, ty, shear, zx, zy = (np.atleast_1d(values) for values in arrays)
    one, zero = np.ones_like(tx), np.zeros_like(tx)
    angle, slant = np.deg2rad(theta), np.deg2rad(shear)
    cos, sin = np.cos(angle), np.sin(angle)

    def matrix(*rows):
        return np.moveaxis(np.array(rows), -1, 0)

    rotation = matrix([cos, -sin, zero], [sin, cos, zero], [zero, zero, one])
    shift = matrix([one, zero, tx], [zero, one, ty], [zero, zero, one])
    shearing = matrix([one, -np.sin(slant), zero], [zero, np.cos(slant), zero], [zero, zero, one])
    zoom = matrix([zx, zero, zero], [zero, zy, zero], [zero, zero, one])
    height, width = size
    center = np.eye(3)
    center[:2, 2] = height / 2 - 0.5, width / 2 - 0.5
    back = np.eye(3)
    back[:2, 2] = -center[:2, 2]
    whole = center @ (rotation @ shift @ shearing @ zoom) @ back
    if swapped:
        whole = whole[:, [1, 0, 2]][:, :, [1, 0, 2]]
    return whole[:, :2, :2], whole[:, :2, 2]
