"""`tf.io`: files and images. Images are decoded by Pillow: `pip install 'fastcnn[images]'`."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import refuse
from fastcnn.core.lazy import explain_missing
from fastcnn.ops.base import convert, op, standard_dtype
from fastcnn.utils.image_file import decode, open_regular, pillow

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    Name = str | None

FORMATS = ("JPEG", "PNG", "GIF", "BMP")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class Contents(bytes):
    """The bytes of a file, with the method `numpy()` of TensorFlow's strings."""

    def numpy(self) -> bytes:
        """The bytes."""
        return bytes(self)


def _path(filename: Any) -> str:
    """A path from a string, bytes, a path object or an array of one string."""
    if isinstance(filename, np.ndarray):
        filename = filename.item()
    return os.fsdecode(filename)


def read_file(filename: Any, name: Name = None) -> Contents:
    """The contents of a regular file.

    Raises:
        OSError: the file does not exist, or is not a regular file.
    """
    with open_regular(_path(filename)) as file:
        return Contents(file.read())


def write_file(filename: Any, contents: bytes, name: Name = None) -> None:
    """Write a file, and the folders in which it is."""
    path = _path(filename)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(contents)


def _bytes(contents: Any) -> bytes:
    contents = contents.item() if isinstance(contents, np.ndarray) else contents
    if not isinstance(contents, bytes):
        raise TypeError(
            "The argument `contents` must be the bytes of an image file, as `tf.io.read_file` "
            f"returns them. Received {type(contents).__name__}."
        )
    return contents


def _pixels(image: Any, channels: int) -> NDArray:
    from fastcnn.utils.image_file import convert as converted

    if channels not in (0, *MODES):
        raise ValueError(f"The argument `channels` must be 0, 1, 3 or 4. Received {channels}.")
    if channels == 0:
        bands = len(image.getbands())
        has_palette = image.mode in ("P", "CMYK", "YCbCr")
        mode = "RGB" if has_palette else MODES.get(bands, "RGBA")
        mode = "L" if image.mode in ("1", "I", "F") or image.mode.startswith("I;") else mode
    else:
        mode = MODES[channels]
    pixels = np.asarray(converted(image, mode))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _decoded(contents: Any, channels: int | None) -> NDArray:
    image = decode(io.BytesIO(_bytes(contents)), FORMATS)
    return _pixels(image, channels or 0)


@op
def decode_jpeg(
    contents: bytes,
    channels: int = 0,
    ratio: int = 1,
    fancy_upscaling: bool = True,
    try_recover_truncated: bool = False,
    acceptable_fraction: float = 1,
    dct_method: str = "",
    name: Name = None,
) -> NDArray:
    """The pixels (h, w, channels) of an image file as uint8.

    Args:
        contents: the bytes of a JPEG, PNG, GIF or BMP file.
        channels: 0 for those of the file, 1 for gray, 3 for RGB.
        dct_method: "INTEGER_ACCURATE", Pillow's, in any case; TensorFlow's default is less exact.

    Raises:
        OSError: not a valid image.
        ValueError: it has more pixels than Pillow considers safe.
    """
    refuse(ratio, "ratio", 1)
    refuse(fancy_upscaling, "fancy_upscaling", True)
    refuse(try_recover_truncated, "try_recover_truncated", False)
    refuse(acceptable_fraction, "acceptable_fraction", 1)
    if dct_method != "INTEGER_ACCURATE":
        refuse(dct_method, "dct_method", "")
    return _decoded(contents, channels)


@op
def decode_png(
    contents: bytes, channels: int = 0, dtype: Any = "uint8", name: Name = None
) -> NDArray:
    """The pixels (h, w, channels) of an image file as uint8, see `decode_jpeg`; 4 for RGBA."""
    if standard_dtype(dtype) != np.uint8:
        raise NotImplementedError(
            f"The argument `dtype` must be uint8: others are not supported yet. Received {dtype!r}."
        )
    return _decoded(contents, channels)


@op
def decode_bmp(contents: bytes, channels: int = 0, name: Name = None) -> NDArray:
    """The pixels (h, w, channels) of an image file as uint8, see `decode_jpeg`."""
    return _decoded(contents, channels)


@op
def decode_image(
    contents: bytes,
    channels: int | None = None,
    dtype: Any = "uint8",
    name: Name = None,
    expand_animations: bool = True,
) -> NDArray:
    """The pixels (h, w, channels) of an image file; those of a GIF (frames, h, w, 3).

    Args:
        contents: the bytes of a JPEG, PNG, GIF or BMP file.
        channels: None or 0 for those of the file, else 1, 3 or 4.
        dtype: uint8, or a float type for values in [0, 1].
        expand_animations: whether a GIF has an axis of frames; otherwise its first one is returned.
    """
    from fastcnn.tf.image import convert_image_dtype

    image = decode(io.BytesIO(_bytes(contents)), FORMATS)
    if image.format == "GIF" and expand_animations:
        frames = []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            frames.append(_pixels(image, channels or 3))
        pixels = np.stack(frames)
    else:
        pixels = _pixels(image, channels or 0)
    return convert_image_dtype(pixels, dtype)


def _encoded(image: Any, file_format: str, **options: Any) -> Contents:
    pixels = convert(image)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in MODES:
        raise ValueError(
            "The argument `image` must be uint8 of shape (h, w, 1, 3 or 4). "
            f"Received {pixels.dtype} of shape {pixels.shape}."
        )
    file = io.BytesIO()
    pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    pillow().fromarray(pixels).save(file, file_format, **options)
    return Contents(file.getvalue())


def encode_png(image: ArrayLike, name: Name = None) -> Contents:
    """The bytes of a PNG file of pixels (h, w, channels), uint8."""
    return _encoded(image, "PNG")


def encode_jpeg(image: ArrayLike, quality: int = 95, name: Name = None) -> Contents:
    """The bytes of a JPEG file of pixels (h, w, 1 or 3), uint8."""
    return _encoded(image, "JPEG", quality=int(quality))


explain_missing(sys.modules[__name__])
