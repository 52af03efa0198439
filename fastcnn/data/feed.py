"""Batches of arrays.

A `Feed` iterates over `Samples` in batches: it owns the order and, for each batch size, one `Batch`
of buffers at fixed addresses, so that kernels can be bound to them. A kernel gathers the images,
also from uint8, so a data set is never copied to float as a whole.
"""

import numpy as np

from fastcnn import kernels, random
from fastcnn.core import ranks
from fastcnn.core.memory import aligned


class Order:
    """The order of the samples in one pass over the data: the same for all inputs and outputs.

    Attributes:
        indices: int64 array of all samples.
        labels: for each output its labels in this order (other targets as they are), or None.
        weights: for each output its weights in this order, or None.
    """

    def __init__(self, samples):
        self._samples = samples
        self.indices = np.arange(len(samples))
        self.labels, self.weights = list(samples.targets), list(samples.weights)

    def set(self, indices):
        self.indices = indices
        for index, y in enumerate(self._samples.targets):
            if y is not None and y.dtype == np.int64:
                self.labels[index] = y[indices]
        for index, weights in enumerate(self._samples.weights):
            if weights is not None:
                self.weights[index] = weights[indices]


class Batch:
    """The buffers of one batch size: `load` fills them, steps read them.

    A batch does not refer to its `Feed`, which refers to its batches: without a reference cycle the
    user's arrays are freed as soon as a `fit` has ended.

    Attributes:
        inputs: list of (size, ...) float arrays, the model's own input buffers.
        targets: list of int64 labels or float targets, or None, one for each output.
        weights: list of float (size,) sample weights, or None, one for each output.
        begin: position of the batch's first sample in this epoch's order.
    """

    def __init__(self, samples, order, size, inputs):
        self._order = order
        self.size = size
        self.begin = 0
        self.inputs = inputs
        self._indices = np.empty(size, np.int64)
        self._gathers = [
            kernels.bind("gather", array, self._indices, buffer)
            for array, buffer in zip(samples.inputs, inputs, strict=True)
        ]
        self._slices = []  # (buffer, list in `order`, index in it) of what is copied from there
        self.targets, self.weights = [], []
        dtype = inputs[0].dtype
        for index, (y, weights) in enumerate(zip(samples.targets, samples.weights, strict=True)):
            self.targets.append(self._target_buffer(index, y, dtype))
            buffer = None if weights is None else np.empty(size, dtype)
            self.weights.append(buffer)
            if buffer is not None:
                self._slices.append((buffer, order.weights, index))

    def _target_buffer(self, index, y, dtype):
        if y is None:
            return None
        if y.dtype == np.int64:
            buffer = np.empty((self.size, *y.shape[1:]), np.int64)
            self._slices.append((buffer, self._order.labels, index))
        else:
            buffer = aligned((self.size, *y.shape[1:]), dtype)
            self._gathers.append(kernels.bind("gather", y, self._indices, buffer))
        return buffer

    def load(self):
        """Fill the buffers with the batch that starts at `begin`."""
        positions = slice(self.begin, self.begin + self.size)
        self._indices[...] = self._order.indices[positions]
        for gather in self._gathers:
            gather()
        for buffer, arrays, index in self._slices:
            buffer[...] = arrays[index][positions]


def batch_of(samples, order, size, input_buffer, full_size=None):
    """A `Batch`, or this rank's part of one (see `core.ranks`).

    Args:
        samples, order, size: as of the `Batch`.
        input_buffer: as of a `Feed`.
        full_size: the batch size, which the last batch may not reach; None if orders may differ
            between ranks, which are then compared.
    """
    if ranks.current is not None:
        return ranks.current.batch(samples, order, size, input_buffer, full_size)
    inputs = [
        input_buffer(size, array.shape[1:], index) for index, array in enumerate(samples.inputs)
    ]
    return Batch(samples, order, size, inputs)


class Feed:
    """Batches of `samples`; each iteration is one pass.

    Args:
        samples: prepared `Samples`.
        batch_size: positive int.
        input_buffer: function of (batch size, sample's shape, index of the input) that returns the
            model's buffer.
        shuffle: whether each pass has a new order, drawn from the package's generator.

    Attributes:
        steps: number of batches in a pass.
        restarts, exhausted: True and False: another pass can always begin.
        target_shapes: for each output the shape of all targets, or None.
    """

    restarts = True
    exhausted = False

    def __init__(self, samples, batch_size, input_buffer, shuffle=False):
        self.samples = samples
        self.batch_size = min(batch_size, len(samples))
        self.steps = -(-len(samples) // batch_size)
        self.target_shapes = [None if y is None else y.shape for y in samples.targets]
        self._first = 0
        self._batch_now = None
        self.shuffle = shuffle
        self._order = Order(samples)
        self._input_buffer = input_buffer
        self._batches = {}

    def __iter__(self):
        """Yield each `Batch`, not loaded yet."""
        first, self._first = self._first, 0
        if self.shuffle and not first:
            self._order.set(random.generator().permutation(len(self.samples)))
        full = len(self.samples) // self.batch_size
        batch = self._batch_now = self._batch(self.batch_size)
        for step in range(first, full):
            batch.begin = step * self.batch_size
            yield batch
        rest = len(self.samples) - full * self.batch_size
        if rest:
            batch = self._batch_now = self._batch(rest)
            batch.begin = full * self.batch_size
            yield batch

    @property
    def position(self):
        """Number of batches consumed in this pass."""
        batch = self._batch_now
        return 0 if batch is None else -(-(batch.begin + batch.size) // self.batch_size)

    def get_state(self):
        """Plain values and arrays from which `set_state` resumes after this batch."""
        return {"position": self.position, "order": self._order.indices if self.shuffle else None}

    def set_state(self, state):
        """Start the next pass where `get_state` was called.

        Raises:
            ValueError: the state belongs to other data.
        """
        order, position = state["order"], state["position"]
        if (order is None) == self.shuffle or not 0 <= position <= self.steps:
            raise ValueError("The state belongs to other data.")
        if order is not None:
            if not np.array_equal(np.sort(order), np.arange(len(self.samples))):
                raise ValueError("The state belongs to other data.")
            self._order.set(order)
        self._first = position

    def _batch(self, size):
        batch = self._batches.get(size)
        if batch is None:
            batch = self._batches[size] = batch_of(
                self.samples, self._order, size, self._input_buffer, self.batch_size
            )
        return batch
