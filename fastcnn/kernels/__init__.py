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

from importlib import import_module

from fastcnn.kernels.backends import (
    instruction_set,
    instruction_sets,
    native,
    set_instruction_set,
)
from fastcnn.kernels.bind import Copy, ReferenceKernel, Sequence, bind
from fastcnn.kernels.functions import *  # noqa: F403
from fastcnn.kernels.functions import __all__ as _functions

__all__ = [  # noqa: PLE0604
    "Copy",
    "ReferenceKernel",
    "Sequence",
    "bind",
    "instruction_set",
    "instruction_sets",
    "native",
    "set_instruction_set",
    *_functions,
]


def __getattr__(name):
    """The rarer functions, which are imported when first used."""
    more = import_module("fastcnn.kernels.more_functions")
    if name in more.__all__:
        return getattr(more, name)
    raise AttributeError(f"module 'fastcnn.kernels' has no attribute {name!r}")
