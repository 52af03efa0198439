"""Pillow images to arrays and back. Requires Pillow (`pip install 'fastcnn[images]'`).

image = keras.utils.load_img("cat.jpg", target_size=(64, 64))
model.predict(keras.utils.img_to_array(image)[None])
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_data_format, warn
from fastcnn.utils.image_file import MODES, convert, decode, pillow

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # decoded without other programs
JPEG = ("jpg", "jpeg")  # as file formats or extensions
GRAY = ("L", "I;16", "I;16B", "I")

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from fastcnn.core.types import Path


def load_img(
    path: Path,
    color_mode: str = "rgb",
    target_size: Sequence[int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Load a BMP, GIF, JPEG, PNG, PPM, TIFF or WebP file as a Pillow image.

    Args:
        path: a path, or an open binary file.
        color_mode: "rgb", "rgba" or "grayscale", which keeps 16 and 32 bits per pixel.
        target_size: None or (height, width).
        interpolation: a name of Pillow's, such as "nearest", "bilinear", "bicubic" or "lanczos".
        keep_aspect_ratio: whether to cut the middle out of the image rather than to distort it.

    Raises:
        OSError: the file cannot be read or is not a valid image of these formats.
        ValueError: an unknown mode or interpolation, or the image has more than
            `PIL.Image.MAX_IMAGE_PIXELS` pixels.
    """
    image_module = pillow()
    if color_mode not in MODES:
        raise ValueError(
            f"The argument `color_mode` must be one of {tuple(MODES)}. "
            f"Received color_mode={color_mode!r}."
        )
    resampling = {
        name.lower(): value for name, value in image_module.Resampling.__members__.items()
    }
    if interpolation not in resampling:
        raise ValueError(
            f"The argument `interpolation` must be one of {tuple(resampling)}. "
            f"Received interpolation={interpolation!r}."
        )
    image = decode(path, FORMATS)
    if color_mode != "grayscale" or image.mode not in GRAY:
        image = convert(image, MODES[color_mode])
    if target_size is not None:
        height, width = target_size
        box = _middle(image.size, width, height) if keep_aspect_ratio else None
        image = image.resize((width, height), resampling[interpolation], box)
    return image


def _middle(size, width, height):
    """The largest box of the shape of (width, height) in the middle of an image of `size`."""
    box_width = min(size[0], size[1] * width // height)
    box_height = min(size[1], size[0] * height // width)
    left, top = (size[0] - box_width) // 2, (size[1] - box_height) // 2
    return left, top, left + box_width, top + box_height


def img_to_array(
    img: Any, data_format: str | None = None, dtype: DTypeLike | None = None
) -> NDArray:
    """Convert a Pillow image to an array (height, width, channels), by default float32."""
    check_data_format(data_format)
    array = np.array(img, dtype or np.float32)
    return array[..., None] if array.ndim == 2 else array


def array_to_img(
    x: ArrayLike, data_format: str | None = None, scale: bool = True, dtype: DTypeLike | None = None
) -> Any:
    """Convert an array (height, width, channels) to a Pillow image.

    `scale` rescales its values to the range 0 to 255. Without it, gray values above 255 are kept in
    an image of 32 bits per pixel.
    """
    check_data_format(data_format)
    x = np.asarray(x, dtype or np.float32)
    if x.ndim != 3 or x.shape[2] not in (1, 3, 4):
        raise ValueError(
            "The argument `x` must have shape (height, width, 1, 3 or 4). "
            f"Received shape {x.shape}."
        )
    if scale:
        x = x - x.min()
        x = x / (x.max() or 1) * 255
    if x.shape[2] == 1:
        dtype = np.int32 if x.max(initial=0) > 255 else np.uint8
        return pillow().fromarray(x[..., 0].astype(dtype))
    return pillow().fromarray(x.astype(np.uint8))


def save_img(
    path: Path,
    x: ArrayLike,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array (height, width, channels) to an image file.

    Args:
        path: a path, or an open binary file.
        x: the array, see `array_to_img`. JPEG has no transparency: a fourth channel is dropped with
            a warning.
        file_format: the name of a format; by default that of the path's extension.
        scale: whether to rescale the values to the range 0 to 255.
        kwargs: passed to Pillow.
    """
    image = array_to_img(x, data_format, scale)
    if file_format is not None and file_format.lower() in JPEG:
        file_format = "jpeg"
    name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else ""
    if image.mode == "RGBA" and (file_format or os.path.splitext(name)[1][1:].lower()) in JPEG:
        warn("The JPEG format does not support RGBA images: the fourth channel is dropped.")
        image = image.convert("RGB")
    image.save(path, format=file_format, **kwargs)
