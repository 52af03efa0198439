"""Weights: a `Variable` is a named array.

A variable starts with its own array. The first model that runs it, or its layer if that is called
on its own, assigns it a slice of a `Block` (see `core.store`); from then on it never moves. Kernels
cache the weights in other layouts, so all code that writes a weight must use `Variable.assign` or
call `touch` of its block or store: both change `Block.version`.
"""

import contextlib
import contextvars
import math
import sys

import numpy as np

from fastcnn.core.operators import Arithmetic

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


class Variable(Arithmetic):
    """A weight of a layer, or a state variable of a metric.

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

    def share(self, array):
        """Use `array`, which holds the same values, as the memory of this variable."""
        self._set_array(array)

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

    def assign_add(self, value):
        """Add `value`, of the same shape."""
        return self.assign(self._array + np.asarray(value))

    def assign_sub(self, value):
        """Subtract `value`, of the same shape."""
        return self.assign(self._array - np.asarray(value))

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
