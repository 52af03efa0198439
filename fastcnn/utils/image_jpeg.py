"""JPEG files by Pillow's decoder alone, for folders of images.

`PIL.Image.open` and `load` spend a fifth of the time of a small JPEG file in Python, where threads
wait for each other, and on new memory for each image. Here the decoder is called directly, into
memory that a thread uses again. Whatever is not an ordinary, whole JPEG file is left to Pillow's
`open`: its pixels, or its error, are the same.
"""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

from fastcnn.utils.image_file import pillow
from fastcnn.utils.image_pixels import memory_of

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

MOST_PIXELS = 1 << 22  # of an image, which Pillow then keeps in one piece
MOST_BYTES = 1 << 25  # of a file that is read as a whole
COMPONENTS = {"L": (1, 3), "RGB": (3,)}  # from which the decoder makes the colors of a mode

_own = threading.local()  # `image`, `pixels`: what this thread decoded last


def jpeg_pixels(path: Any, mode: str) -> NDArray | None:
    """The pixels of a JPEG file, uint8 (height, width, channels) as of `pixels_of`, or None.

    The array is only to be read, until the next call in this thread. None stands for a file that
    Pillow should open: another format, a damaged file, a very large one, or another kind of JPEG.

    Args:
        mode: "L" or "RGB". "L" is the gray of the file itself.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
        return None
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        contents = os.read(descriptor, status.st_size + 1)
    finally:
        os.close(descriptor)
    found = frame_of(contents)
    if found is None:
        return None
    height, width, components = found
    image_module = pillow()
    most = min(MOST_PIXELS, image_module.MAX_IMAGE_PIXELS or MOST_PIXELS)
    if components not in COMPONENTS[mode] or not 0 < width * height <= most:
        return None
    try:
        if getattr(_own, "kind", None) != (mode, width, height):
            _own.kind = None
            _own.image = image_module.new(mode, (width, height))
            _own.pixels = memory_of(_own.image)
            _own.kind = mode, width, height
        if _own.pixels is None:
            return None
        decoder = image_module.core.jpeg_decoder(mode, mode, "", 1, 0)
        decoder.setimage(_own.image.im, (0, 0, width, height))
        consumed, error = decoder.decode(contents)
    except (AttributeError, TypeError, ValueError, OSError):  # of another Pillow
        return None
    return _own.pixels if consumed < 0 and not error else None


def frame_of(contents: bytes) -> tuple[int, int, int] | None:
    """(height, width, components) of a JPEG file with 8 bits; None if it is anything else."""
    if not contents.startswith(b"\xff\xd8"):
        return None
    position = 2
    while position + 10 <= len(contents) and contents[position] == 0xFF:
        marker = contents[position + 1]
        if marker in (0xC0, 0xC1, 0xC2):  # baseline, extended and progressive
            if contents[position + 4] != 8:
                return None
            height = contents[position + 5] << 8 | contents[position + 6]
            width = contents[position + 7] << 8 | contents[position + 8]
            return height, width, contents[position + 9]
        if not 0xC4 <= marker <= 0xFE or marker in (0xC5, 0xC6, 0xC7, 0xD8, 0xD9, 0xDA):
            return None
        position += 2 + (contents[position + 2] << 8 | contents[position + 3])
    return None
