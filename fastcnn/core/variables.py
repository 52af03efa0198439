"""Weights: a `Variable` is a named array, a `Store` holds all variables of a model in one block.

One flat, 64-byte aligned array for the values and one for the gradients. Layers, optimizers and
checkpoints then work on views or on the whole block in one pass:

    values     [ kernel  | bias  | kernel | ... trainable ... || moving_mean | ... others ... ]
    gradients  [ kernel  | bias  | kernel | ... trainable ... ]

Each variable starts on a multiple of 64 bytes (16 floats); the padding stays zero. Kernels keep
re-laid copies of the weights, so everything that writes a weight goes through `Variable.assign`
or calls `Store.touch`: both change `Store.version`.
"""

import contextlib
import contextvars
import math
import sys

import numpy as np

from fastcnn.core.memory import ALIGNMENT, aligned

_shapes_only = contextvars.ContextVar("shapes_only", default=False)


@contextlib.contextmanager
def shapes_only():
    """Inside, new variables have a shape but no memory, and their values are zeros.

    What reads a model from a file compares the file with the shapes first; a `Store` then gives
    them memory.
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
    """What `initializer` gives for a new variable; within `shapes_only` an array without memory.

    Raises:
        ValueError: no memory could ever hold the shape.
    """
    if math.prod(shape) * np.dtype(dtype).itemsize > sys.maxsize:
        raise ValueError(f"No memory can hold a weight of shape {shape}.")
    if is_shapes_only():
        return np.broadcast_to(np.zeros((), dtype), shape)
    return np.asarray(initializer(shape, dtype=dtype), dtype)


class Variable:
    """A weight of a layer.

    Attributes:
        value: read-only ndarray, a view into the store.
        gradient: ndarray that `backward` writes, a view into the store; None if not trainable.
        name, path: "kernel", "sequential/conv2d/kernel".
        shape, dtype, trainable, initializer, regularizer, constraint: what they say.
    """

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
        self.trainable = trainable
        self.initializer = initializer
        self.regularizer = regularizer
        self.constraint = constraint
        self.store = None
        self._rebind(initial if is_shapes_only() else np.array(initial, order="C"), None, None)

    def _rebind(self, array, gradient, store):
        self._array = array
        self.value = array.view()
        self.value.flags.writeable = False
        self.gradient = gradient
        self.store = store

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
                f"The shape of the new value does not fit {self.path!r}. "
                f"Expected {self.shape}, received {value.shape}."
            )
        self._array[...] = value
        if self.store is not None:
            self.store.touch()
        return self

    def numpy(self):
        """A copy of the values."""
        return self._array.copy()

    def __array__(self, dtype=None, copy=None):
        return self._array.astype(dtype or self._array.dtype)

    def __repr__(self):
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"


class Store:
    """Adopts variables: copies them into one block and makes them views of it.

    Adopting takes the variables out of the store they lived in, which is then `stale`: whoever
    used it (another model with the same layers) adopts them back, values and all, at its next run.

    Attributes:
        values: flat array of all weights, trainable ones first. Write with `touch()` after.
        gradients: flat array of `trainable_size` gradients, laid out like `values`.
        slices: a list of (variable, slice of the flat arrays) in the order of the block.
        version: int that changes with every write.
    """

    def __init__(self, variables, dtype="float32"):
        variables = list(dict.fromkeys(variables))
        counters = [variable for variable in variables if variable.dtype == "int64"]
        variables = [variable for variable in variables if variable.dtype != "int64"]
        trainable = [variable for variable in variables if variable.trainable]
        others = [variable for variable in variables if not variable.trainable]
        dtype = np.dtype(dtype)
        for variable in variables:
            if variable.dtype != dtype.name:
                raise ValueError(
                    "All weights of a model must have one dtype. Expected "
                    f"{dtype.name}, received {variable.dtype} for {variable.path!r}."
                )
        step = ALIGNMENT // dtype.itemsize
        self.slices = []
        self.trainable_size = size = 0
        for group in (trainable, others):
            for variable in group:
                self.slices.append((variable, slice(size, size + variable.size)))
                size += -(-variable.size // step) * step
            if group is trainable:
                self.trainable_size = size
        self.values = aligned(size, dtype, zero=True)
        self.gradients = aligned(self.trainable_size, dtype, zero=True)
        self.version = 1
        self.stale = False
        for variable, place in self.slices:
            view = self.values[place].reshape(variable.shape)
            view[...] = variable.value
            gradient = self.gradients[place].reshape(variable.shape) if variable.trainable else None
            if variable.store is not None:
                variable.store.stale = True
            variable._rebind(view, gradient, self)
        for variable in counters:  # whole numbers that count something keep an array of their own
            variable._rebind(np.array(variable.value), None, self)

    def touch(self):
        """Say that `values` was written: kernels pack the weights anew."""
        self.version += 1
