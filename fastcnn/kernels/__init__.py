"""The kernels' public interface: validates arguments, allocates outputs, dispatches to a backend.

Layers *bind* a kernel to arrays that stay where they are and call it every step:

    >>> import numpy as np
    >>> from fastcnn import kernels
    >>> x, w = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32)
    >>> y = np.empty((2, 4), np.float32)
    >>> dense = kernels.bind("dense_forward", x, w, None, y, relu=False)
    >>> dense(); y[0]
    array([3., 3., 3., 3.], dtype=float32)

Everything else calls the functions of `kernels.functions`, which accept what NumPy accepts and
return new arrays:

    >>> kernels.conv2d_forward(np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 1)))[0, :, :, 0]
    array([[9., 9.],
           [9., 9.]], dtype=float32)
"""

from typing import TYPE_CHECKING

from fastcnn.core.lazy import attach
from fastcnn.kernels.backends import (
    instruction_set,
    instruction_sets,
    native,
    set_instruction_set,
)
from fastcnn.kernels.bind import Copy, ReferenceKernel, Sequence, bind, bind_rows
from fastcnn.kernels.spec import FAMILIES

if TYPE_CHECKING:
    from fastcnn.kernels.functions import *  # noqa: F403

__all__ = [
    "Copy",
    "ReferenceKernel",
    "Sequence",
    "bind",
    "bind_rows",
    "instruction_set",
    "instruction_sets",
    "native",
    "set_instruction_set",
    *(name for names in FAMILIES.values() for name in names),
]

if not TYPE_CHECKING:  # to a type checker only the names above exist
    __getattr__, __dir__ = attach(
        __name__, {f"functions.{family}": names for family, names in FAMILIES.items()}
    )
