"""`Tensor`: what calls of models, layers, activations and losses return.

It is a NumPy array in every respect, and has the method that scripts call on Keras's tensors.
"""

import numpy as np


class Tensor(np.ndarray):
    """A NumPy array with Keras's `numpy()`. Functions of it that give one number give a scalar.

    >>> import fastcnn as keras
    >>> y = keras.activations.softmax([[1.0, 1.0]])
    >>> y.numpy()
    array([[0.5, 0.5]], dtype=float32)
    >>> y.sum()
    np.float32(1.0)
    """

    def numpy(self):
        """The same numbers as a plain array; a NumPy scalar where there is one number."""
        return self.view(np.ndarray)[()]

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return array.view(Tensor) if array.ndim else array[()]


def tensor(array):
    """An array, not copied, or a single number as a `Tensor`."""
    return np.asarray(array).view(Tensor)
