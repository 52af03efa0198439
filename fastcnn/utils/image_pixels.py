"""The pixels of a Pillow image as an array.

Pillow keeps three colors in four bytes, and `numpy.asarray(image)` copies them twice while no other
thread of Python can run. Where Pillow shows its memory as an Arrow array (from version 11.2 on),
the array is a view of it.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray


class _ArrowArray(ctypes.Structure):
    """The beginning of the struct of Arrow's C data interface."""


_ArrowArray._fields_ = [
    *[(name, ctypes.c_int64) for name in ("length", "null_count", "offset")],
    *[(name, ctypes.c_int64) for name in ("n_buffers", "n_children")],
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_ArrowArray))),
]
_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
BYTES = {"L": 1, "RGB": 4, "RGBA": 4}  # per pixel, in Pillow's memory


def pixels_of(image: Any) -> NDArray:
    """The pixels of an image of mode "L", "RGB" or "RGBA": uint8 (height, width, channels).

    The array is only to be read. That of an RGB image may have a fourth channel without a meaning.
    """
    pixels = memory_of(image)
    if pixels is None:
        pixels = np.asarray(image)
        pixels = pixels.reshape(*pixels.shape[:2], -1)
    return pixels


def memory_of(image: Any) -> NDArray | None:
    """`pixels_of` as a view of Pillow's memory; None where Pillow does not show it as one piece."""
    size, count = BYTES[image.mode], image.width * image.height
    try:
        _, capsule = image.__arrow_c_array__()
    except (AttributeError, ValueError):  # an older Pillow; an image in several blocks of memory
        return None
    array = _ArrowArray.from_address(_pointer_of(capsule, b"arrow_array"))
    fits = array.length == count and array.offset == 0
    if size > 1 and array.n_children == 1:
        array = array.children[0].contents
    if not fits or array.length != size * count or array.offset or array.n_buffers != 2:
        return None
    return np.asarray(_Memory(capsule, array.buffers[1], (image.height, image.width, size)))


class _Memory:
    """Pillow's memory for NumPy; it is freed with the capsule."""

    def __init__(self, capsule, address, shape):
        self._capsule = capsule
        self.__array_interface__ = {
            "version": 3,
            "typestr": "|u1",
            "data": (address, True),
            "shape": shape,
        }
