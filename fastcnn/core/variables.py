"""Weights: a `Variable` is a named array, a `Block` the memory that several variables share.

A variable starts with its own array. The first model that runs it, or its layer if that is called
on its own, assigns it a slice of a `Block` (see `core.store`); from then on it never moves. Kernels
cache the weights in other layouts, so all code that writes a weight must use `Variable.assign` or
call `touch` of its block or store: both change `Block.version`.
"""

import contextlib
import contextvars
import itertools
import math
import sys
import threading
import weakref

import numpy as np

from fastcnn.core import forks
from fastcnn.core.memory import ALIGNMENT, aligned

_shapes_only = contextvars.ContextVar("shapes_only", default=False)


@contextlib.contextmanager
def shapes_only():
    """Context manager: new variables have a shape but no memory, and their values are zeros.

    Loading a model compares the file with these shapes first; a `Store` then allocates memory.
    """
    token = _shapes_only.set(True)
    try:
        yield
    finally:
        _shapes_only.reset(token)


def is_shapes_only():
    """Whether this thread is within `shapes_only`."""
    return _shapes_only.get()


def initial_values(initializer, shape, dtype):
    """The initial values of a new variable; within `shapes_only` an array without memory.

    Raises:
        ValueError: the shape exceeds the address space.
    """
    if math.prod(shape) * np.dtype(dtype).itemsize > sys.maxsize:
        raise ValueError(f"A weight of shape {shape} exceeds the address space.")
    if is_shapes_only():
        return np.broadcast_to(np.zeros((), dtype), shape)
    return np.asarray(initializer(shape, dtype=dtype), dtype)


class Variable:
    """A weight of a layer.

    Attributes:
        value: read-only ndarray, a view of the weight's memory.
        gradient: ndarray that `backward` writes; None if the variable is not trainable.
        name, path: such as "kernel" and "sequential/conv2d/kernel".
        shape, dtype, trainable, initializer, regularizer, constraint: as in Keras.
        block: the `Block` that contains it, or None.
    """

    wanted_trainable: bool  # what `add_weight` was given; `trainable` also depends on the layer

    def __init__(
        self,
        initial,
        *,
        name="variable",
        trainable=True,
        initializer=None,
        regularizer=None,
        constraint=None,
    ):
        self.name = name
        self.path = name
        self._trainable = trainable
        self.initializer = initializer
        self.regularizer = regularizer
        self.constraint = constraint
        self.block = None
        self._gradient = None
        self._set_array(initial if is_shapes_only() else np.array(initial, order="C"))

    def _set_array(self, array):
        self._array = array
        self.value = array.view()
        self.value.flags.writeable = False

    def move_into(self, block, values, gradient):
        """Move into a block: copy the value to `values`; both arguments are views of the block."""
        values[...] = self._array
        self.block, self._gradient = block, gradient
        self._set_array(values)

    def change_type(self, dtype):
        """Switch to a separate array of another dtype."""
        self.block = self._gradient = None
        self._set_array(self._array.astype(dtype))

    @property
    def trainable(self):
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        changed = value != self._trainable
        self._trainable = value
        if changed and self.block is not None:
            self.block.outdate()

    @property
    def gradient(self):
        if self._trainable and self._gradient is None:
            self._gradient = np.zeros(self.shape, self.dtype)
        return self._gradient if self._trainable else None

    @gradient.setter
    def gradient(self, value):
        if value is not self._gradient:  # otherwise it was `+=`, which has already written it
            self.gradient[...] = value

    @property
    def array(self):
        """The values, writable in place; call `touch` of the block or store afterward."""
        return self._array

    @property
    def shape(self):
        return self._array.shape

    @property
    def dtype(self):
        return self._array.dtype.name

    @property
    def size(self):
        return self._array.size

    @property
    def ndim(self):
        return self._array.ndim

    def assign(self, value):
        """Write new values of the same shape.

        Raises:
            ValueError: another shape.
        """
        value = np.asarray(value)
        if value.shape != self.shape:
            raise ValueError(
                f"The shape of the new value does not match {self.path!r}. "
                f"Expected {self.shape}, received {value.shape}."
            )
        self._array[...] = value
        if self.block is not None:
            self.block.touch()
        return self

    def numpy(self):
        """A copy of the values."""
        return self._array.copy()

    def __array__(self, dtype=None, copy=None):
        return self._array.astype(dtype or self._array.dtype)

    def __getstate__(self):
        """A copy has its own array, like a new variable."""
        state = {name: value for name, value in vars(self).items() if name != "value"}
        return {**state, "_array": self.numpy(), "_gradient": None, "block": None}

    def __setstate__(self, state):
        vars(self).update(state)
        self._set_array(self._array)

    def __repr__(self):
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"


class Block:
    """The memory of variables that were built together: aligned arrays of values and gradients.

        values     [ kernel | bias | kernel | ... trainable ... | moving_mean | ... others ... ]
        gradients  [ the same layout; memory that is never written costs nothing               ]

    Each variable starts on a multiple of 64 bytes (16 floats); the padding stays zero.

    Attributes:
        version: int that changes with every write.
        stores: the `Store`s that are laid out for the variables that are trainable.
        lock: held while the variables' kernels run or their values are written.
        number: blocks are locked in ascending order of this number.
    """

    _numbers = itertools.count()

    def __init__(self, variables, dtype):
        dtype = np.dtype(dtype)
        counters = [variable for variable in variables if variable.dtype == "int64"]
        floats = [variable for variable in variables if variable.dtype != "int64"]
        for variable in floats:
            if variable.dtype != dtype.name:
                raise ValueError(
                    "All weights of a model must have one dtype. Expected "
                    f"{dtype.name}, received {variable.dtype} for {variable.path!r}."
                )
        self.slices = {}
        size = 0
        for variable in sorted(floats, key=lambda variable: not variable.trainable):
            self.slices[variable] = slice(size, size + variable.size)
            size += padded(variable.size, dtype)
        self.values = aligned(size, dtype, zero=True)
        self.gradients = aligned(size, dtype, zero=True)
        self.version = 1
        self.stores = weakref.WeakSet()
        self._stores_lock = forks.Lock()
        self.lock = threading.RLock()
        self.number = next(self._numbers)
        for variable, part in self.slices.items():
            views = (array[part].reshape(variable.shape) for array in (self.values, self.gradients))
            variable.move_into(self, *views)
        for variable in counters:  # integers keep separate arrays
            variable.move_into(self, np.empty(variable.shape, variable.dtype), None)

        forks.watch(self)

    def add_store(self, store):
        """Mark the store as outdated when a variable is frozen or made trainable."""
        with self._stores_lock:
            self.stores.add(store)

    def outdate(self):
        """Record that other variables are trainable: stores and plans are made again."""
        with self._stores_lock:
            for store in self.stores:
                store.is_current = False

    def touch(self):
        """Record that `values` was written: kernels prepare the weights again."""
        self.version += 1

    def after_fork(self):
        """In a child process: a kernel may have been preparing the weights."""
        forks.release(self.lock)
        self.touch()


def padded(size, dtype):
    """`size` rounded up, so that the next variable in a block is aligned."""
    step = ALIGNMENT // np.dtype(dtype).itemsize
    return -(-size // step) * step
