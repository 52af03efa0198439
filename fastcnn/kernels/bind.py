"""Binds kernels to arrays: arguments are checked once, then the kernel is called every step."""

from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np

from fastcnn import config
from fastcnn.kernels import checks, reference
from fastcnn.kernels.backends import FLOATS, native


def bind(name: str, *arrays: np.ndarray | None, **settings) -> Callable:
    """The kernel `name` bound to these arrays: a callable that writes the outputs in place.

    The arrays and keywords are those of `reference`'s function of that name. They are checked now
    and never again, so they must stay as they are. Pass a `version` that changes whenever the
    weights do to the call, and weights that have not changed are not repacked.

    Raises:
        TypeError, ValueError: an array's type, layout or shape does not fit, in one sentence.
    """
    backend = config.backend()
    checks.check(name, arrays, settings, FLOATS[backend])
    # An empty array has no first element to point to, and leaves no work to distribute.
    is_empty = any(array is not None and array.size == 0 for array in arrays)
    if backend == "reference" or is_empty:
        return ReferenceKernel(getattr(reference, name), *arrays, **settings)
    return getattr(native, name)(*arrays, **settings)


class ReferenceKernel(partial):
    """A reference kernel bound to its arrays; takes and ignores the weights' version.

    Like the native kernels it does not warn: NaN and infinity show up in the loss.
    """

    def __call__(self, version=None):
        with np.errstate(all="ignore"):
            return super().__call__()


class Sequence:
    """Bound kernels and copies that run one after the other, called like one bound kernel."""

    def __init__(self, *calls: Callable):
        self.calls = calls

    def __call__(self, version=None):
        for call in self.calls:
            call(version)


class Copy:
    """Copies `source` into `target`, arrays of one shape; called like a bound kernel."""

    def __init__(self, target: np.ndarray, source: np.ndarray):
        self.target, self.source = target, source

    def __call__(self, version=None):
        np.copyto(self.target, self.source)


def bind_rows(
    bound: Callable,
    axes: tuple[int, ...],
    read: tuple[np.ndarray, ...],
    written: tuple[np.ndarray | None, ...],
) -> Callable:
    """A kernel of matrices (m, c) bound to arrays of one shape, whose `axes` become c.

    bound(*matrices) binds the kernel to the arrays, first those that are read, as matrices. They
    are views where `axes`, in ascending order, are the last ones, otherwise copies.
    """
    shape = read[0].shape
    order = [*(axis for axis in range(len(shape)) if axis not in axes), *axes]
    size = prod(shape[axis] for axis in axes)
    rows = prod(shape[axis] for axis in order[: len(shape) - len(axes)])
    before, after, matrices = [], [], []
    for i, array in enumerate((*read, *written)):
        if array is not None and order != sorted(order):
            moved = array.transpose(order)
            array = np.empty(moved.shape, moved.dtype)
            if i < len(read):
                before.append(bind("copy", moved, array))
            else:
                after.append(bind("copy", array, moved))
        matrices.append(None if array is None else array.reshape(rows, size))
    kernel = bound(*matrices)
    return Sequence(*before, kernel, *after) if before else kernel
