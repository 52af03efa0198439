"""`Tensor`: the result type of models, layers, activations and losses.

It is a NumPy array with one addition: the `numpy()` method that scripts call on Keras's tensors.
"""

import functools

import numpy as np


class Tensor(np.ndarray):
    """A NumPy array with Keras's `numpy()`. Reductions to a single value return a NumPy scalar.

    `x += 1` and the like change `x` alone, as in TensorFlow, and no array that shares its memory:
    tensors that a data set passes to a function are often views of the user's arrays.

    >>> import fastcnn as keras
    >>> y = keras.activations.softmax([[1.0, 1.0]])
    >>> y.numpy()
    array([[0.5, 0.5]], dtype=float32)
    >>> y.sum()
    np.float32(1.0)
    """

    def numpy(self):
        """The same values as a plain array, or as a NumPy scalar if there are no axes.

        Strings are returned as bytes, as in TensorFlow.
        """
        array = self.view(np.ndarray)
        if array.dtype.kind == "U":
            array = np.char.encode(array, "utf-8", "surrogateescape").astype(object)
        return array[()]

    def __array_wrap__(self, array, context=None, return_scalar=False):
        # a single value stays a tensor where all operands were: `ops.sum(x) + 1` has `numpy()`, too
        if array.ndim or (context and not any(map(np.ndim, context[1][: context[0].nin]))):
            return array.view(Tensor)
        return array[()]


def _on_a_copy(method):
    """An operator such as `+=` that leaves its left operand as it is, and returns the result."""

    @functools.wraps(method)
    def operator(self, other):
        return method(self.copy(), other)

    return operator


for _name in (
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow"),
    *("and", "or", "xor", "lshift", "rshift"),
):
    setattr(Tensor, f"__i{_name}__", _on_a_copy(getattr(np.ndarray, f"__i{_name}__")))


def tensor(array):
    """Convert an array (without a copy) or a single number to a `Tensor`."""
    return np.asarray(array).view(Tensor)
