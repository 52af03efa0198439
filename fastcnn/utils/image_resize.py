"""Resizing images as Keras does, for `image_dataset_from_directory`: one image, in one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.kernels import bind

if TYPE_CHECKING:
    from numpy.typing import NDArray

INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


def resize(pixels: NDArray, out: NDArray, interpolation: str = "bilinear") -> None:
    """Write an image of bytes (height, width, channels) to a float32 array of another size.

    When m pixels are resized to n, pixel i is sampled at position (i + 0.5) m / n - 0.5. "bilinear"
    weights the two neighboring pixels, in each direction, by their distance to it; "nearest" takes
    the pixel at floor((i + 0.5) m / n). Both have the bits of TensorFlow's `tf.image.resize`. The
    others weight four, six or ten pixels.

    Args:
        out: the array to write to. It may have fewer channels: the first ones.
    """
    if interpolation in ("bilinear", "nearest"):
        pixels, y = np.ascontiguousarray(pixels), np.ascontiguousarray(out)
        bind("resize", pixels, y, nearest=interpolation == "nearest")()
    else:
        from fastcnn.layers.resampling import Resampling

        x = pixels[None, ..., : out.shape[2]].astype(np.float32)
        y = Resampling(pixels.shape[:2], out.shape[:2], interpolation, "float32")(x)[0]
    if y is not out:
        out[...] = y


def center_crop(pixels: NDArray, size: tuple[int, int]) -> NDArray:
    """The largest centered crop with the aspect ratio of `size`."""
    height, width = pixels.shape[:2]
    rows = min(height, max(1, _scaled(width, *size)))
    columns = min(width, max(1, _scaled(height, *reversed(size))))
    top, left = (height - rows) // 2, (width - columns) // 2
    return pixels[top : top + rows, left : left + columns]


def _scaled(side, wanted, other):
    """side * wanted / other, rounded down as in Keras: from float32."""
    return int(np.float32(side * wanted) / np.float32(other))


def padded(pixels: NDArray, out: NDArray) -> NDArray:
    """Fill `out` with zeros; return the part in its middle that has the aspect ratio of `pixels`.

    Its size and position are those of TensorFlow's `resize_with_pad`.
    """
    height, width = pixels.shape[:2]
    ratio = max(width / out.shape[1], height / out.shape[0])
    rows, columns = height / ratio, width / ratio
    top, left = int((out.shape[0] - rows) / 2), int((out.shape[1] - columns) / 2)
    out[...] = 0
    return out[top : top + max(int(rows), 1), left : left + max(int(columns), 1)]
