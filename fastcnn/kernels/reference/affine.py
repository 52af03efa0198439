"""Reference kernels of affine transforms of images."""

import numpy as np


def _inside(at, size, mode):
    """Coordinates `at` along an axis, mapped into [0, size - 1] according to the fill mode."""
    if mode == "constant":
        return at
    length = at.dtype.type(size)
    if mode == "reflect":  # d c b a | a b c d | d c b a
        below = at + 2 * length * np.trunc(-at / (2 * length))
        below = np.where(below < -length, below + 2 * length, -below - 1)
        above = at - 2 * length * np.trunc(at / (2 * length))
        above = np.where(above >= length, 2 * length - above - 1, above)
    elif mode == "wrap":  # a b c d | a b c d | a b c d
        last = max(length - 1, 1)
        below = at + length * (np.trunc(-at / last) + 1)
        above = at - length * np.trunc(at / last)
    else:
        below = above = at
    at = np.where(at < 0, below, np.where(at > length - 1, above, at))
    return np.clip(at, 0, length - 1)


def _taps(shape, transforms, interpolation, fill_mode):
    """For each output pixel its input pixels: (row, column, weight), each (n, h, w)."""
    _, height, width, _ = shape
    t = transforms.T[:, :, None, None]
    y = np.arange(height, dtype=transforms.dtype)[:, None]
    x = np.arange(width, dtype=transforms.dtype)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = t[6] * x + t[7] * y + 1
        columns = _inside((t[0] * x + t[1] * y + t[2]) / scale, width, fill_mode)
        rows = _inside((t[3] * x + t[4] * y + t[5]) / scale, height, fill_mode)
        known = (scale != 0) & (np.abs(rows) < 1e9) & (np.abs(columns) < 1e9)
    rows, columns = np.where(known, rows, -2), np.where(known, columns, -2)
    if interpolation == "nearest":
        whole = [np.trunc(at + np.copysign(0.5, at)).astype(np.int64) for at in (rows, columns)]
        yield *whole, np.ones_like(rows)
        return
    top, left = np.floor(rows), np.floor(columns)
    down, right = rows - top, columns - left
    top, left = top.astype(np.int64), left.astype(np.int64)
    yield top, left, (1 - down) * (1 - right)
    yield top, left + 1, (1 - down) * right
    yield top + 1, left, down * (1 - right)
    yield top + 1, left + 1, down * right


def affine_transform_forward(x, transforms, y, *, interpolation, fill_mode, fill_value):
    """y[n,oh,ow] = x[n] at column (t0 ow + t1 oh + t2) / k and row (t3 ow + t4 oh + t5) / k

    with k = t6 ow + t7 oh + 1 and t = transforms[n], 8 values. x and y (n, h, w, c).
    interpolation: "bilinear", or "nearest", halves away from zero. fill_mode: how
    coordinates outside of the image are mapped into it ("reflect", "wrap", "nearest"), or
    "constant": they read `fill_value`.
    """
    images = np.arange(len(x))[:, None, None]
    total = np.zeros_like(y)
    for rows, columns, weight in _taps(x.shape, transforms, interpolation, fill_mode):
        inside = (rows >= 0) & (rows < x.shape[1]) & (columns >= 0) & (columns < x.shape[2])
        found = x[images, np.where(inside, rows, 0), np.where(inside, columns, 0)]
        total += weight[..., None] * np.where(inside[..., None], found, x.dtype.type(fill_value))
    y[...] = total


def affine_transform_backward(dy, transforms, dx, *, interpolation, fill_mode, fill_value):
    """dx of affine_transform_forward: each pixel of dy is added where the output pixel came from"""
    images = np.broadcast_to(np.arange(len(dx))[:, None, None], dx.shape[:3])
    dx[...] = 0
    for rows, columns, weight in _taps(dx.shape, transforms, interpolation, fill_mode):
        inside = (rows >= 0) & (rows < dx.shape[1]) & (columns >= 0) & (columns < dx.shape[2])
        values = weight[inside][:, None] * dy[inside]
        np.add.at(dx, (images[inside], rows[inside], columns[inside]), values)
