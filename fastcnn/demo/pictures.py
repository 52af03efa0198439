"""Picture files to images like those of Fashion-MNIST: small, gray, bright on black.

The data set was made from the photographs of a shop: edges of the color of the background were
trimmed, the longer side was reduced to 28 pixels, the values were inverted, and the rest was filled
with black (Xiao, Rasul and Vollgraf 2017). What is read here is treated in the same manner, so that
the network sees what it has learned from.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.utils.image_file import convert, decode, pillow

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

FORMATS = ("JPEG", "PNG", "WEBP")
LARGE = 1024  # pixels: a longer side is reduced to this before anything else
TOLERANCE = 0.05 * 255  # how far the background may be from one color, as in the data set


def read_picture(file: Any, size: tuple[int, int], most: int | None = None) -> NDArray:
    """Read a picture file as an image of bytes (height, width), bright on black.

    The orientation that a camera stored is applied. Transparent pixels become white or black,
    whichever differs more from the others. A picture whose corners are light is inverted, and so is
    one in which nothing is lighter than they are, but not one in which nothing is darker. If it has
    the wanted size, nothing else is changed; otherwise empty edges are trimmed, the rest is reduced
    or enlarged to the wanted size with its proportions kept, and black is added around it.

    Args:
        file: the path of a JPEG, PNG or WebP file, or an open binary file.
        size: (height, width) of the image.
        most: the number of pixels that the picture may have; None: as many as Pillow allows.

    Raises:
        ImportError: Pillow is not installed.
        OSError: the file cannot be read, or is not a valid picture of these formats.
        ValueError: it has too many pixels, or all of its pixels have one color.
    """
    image = decode(file, FORMATS, most)
    name = getattr(file, "name", file if isinstance(file, str) else "the image")
    gray = _gray(_upright(image))
    background = _background(gray)
    has_lighter = gray.max() - background > TOLERANCE
    has_darker = background - gray.min() > TOLERANCE
    if not has_lighter and not has_darker:
        raise ValueError(f"{name}: the picture is empty: all of its pixels have one color.")
    if has_darker and (background > 127 or not has_lighter):
        gray, background = 255 - gray, 255 - background
    if gray.shape == size:
        return np.rint(gray).astype(np.uint8)
    gray = np.clip((gray - background) * (255 / (255 - background)), 0, 255)
    return _fit(_trim(gray), size)


def _upright(image):
    """The image as the camera was held, if it says so and the statement can be read."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow's readers of metadata raise almost any type on damaged files
        return image


def _gray(image):
    """The gray values (height, width) as float32, at most `LARGE` pixels long and wide."""
    has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    image = convert(image, "RGBA" if has_alpha else "L")
    if max(image.size) > LARGE:
        image.thumbnail((LARGE, LARGE))
    gray = np.asarray(image.convert("L"), np.float32)
    if not has_alpha:
        return gray
    opacity = np.asarray(image, np.float32)[..., -1] / 255
    mean = float((gray * opacity).sum() / max(float(opacity.sum()), 1e-30))
    return gray * opacity + (0 if mean > 127 else 255) * (1 - opacity)


def _background(gray):
    """The median of the corners, squares of a fourteenth of the shorter side."""
    side = max(min(gray.shape) // 14, 1)
    corners = [gray[rows, columns] for rows in _ends(side) for columns in _ends(side)]
    return float(np.median(np.concatenate([corner.ravel() for corner in corners])))


def _ends(side):
    return slice(None, side), slice(-side, None)


def _trim(gray):
    """The image without rows and columns at its edges that are black."""
    bright = gray > TOLERANCE
    rows, columns = (np.flatnonzero(bright.any(axis=axis)) for axis in (1, 0))
    return gray[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fit(gray, size):
    """The image in the middle of a black one of `size`, as large as possible."""
    scale = min(wanted / given for wanted, given in zip(size, gray.shape, strict=True))
    height, width = (
        min(max(math.floor(given * scale + 0.5), 1), wanted)
        for wanted, given in zip(size, gray.shape, strict=True)
    )
    image_module = pillow()
    image = image_module.fromarray(np.ascontiguousarray(gray, np.float32))
    image = image.resize((width, height), image_module.Resampling.LANCZOS)
    found = np.zeros(size, np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    found[top : top + height, left : left + width] = np.clip(np.rint(np.asarray(image)), 0, 255)
    return found
