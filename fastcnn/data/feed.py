"""Batches of arrays.

A `Feed` iterates over `Samples` in batches: it owns the order and, for each batch size, one `Batch`
of buffers at fixed addresses, so that kernels can be bound to them. A kernel gathers the images,
also from uint8, so a data set is never copied to float as a whole.
"""

import numpy as np

from fastcnn import kernels, random
from fastcnn.core.memory import aligned


class Order:
    """The order of the samples in one pass over the data.

    Attributes:
        indices: int64 array of all samples.
        labels, weights: the samples' labels (or other targets) and weights in this order.
    """

    def __init__(self, samples):
        self._samples = samples
        self.indices = np.arange(len(samples))
        self.labels, self.weights = samples.y, samples.weights

    def set(self, indices):
        self.indices = indices
        samples = self._samples
        if samples.y is not None and samples.y.dtype == np.int64:
            self.labels = samples.y[indices]
        if samples.weights is not None:
            self.weights = samples.weights[indices]


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

    def __init__(self, samples, order, size, x):
        self._order = order
        self.size = size
        self.begin = 0
        self.inputs = [x]
        self._indices = np.empty(size, np.int64)
        self._gather = kernels.bind("gather", samples.x, self._indices, x)
        targets = self._gather_targets = weights = None
        y = samples.y
        if y is not None:
            if y.dtype == np.int64:
                targets = np.empty((size, *y.shape[1:]), np.int64)
            else:
                targets = aligned((size, *y.shape[1:]), x.dtype)
                self._gather_targets = kernels.bind("gather", y, self._indices, targets)
        if samples.weights is not None:
            weights = np.empty(size, x.dtype)
        self.targets, self.weights = [targets], [weights]

    def load(self):
        """Fill the buffers with the batch that starts at `begin`."""
        order = self._order
        positions = slice(self.begin, self.begin + self.size)
        self._indices[...] = order.indices[positions]
        self._gather()
        if self._gather_targets is not None:
            self._gather_targets()
        elif self.targets[0] is not None:
            self.targets[0][...] = order.labels[positions]
        if self.weights[0] is not None:
            self.weights[0][...] = order.weights[positions]


class Feed:
    """Batches of `samples`; each iteration is one pass.

    Args:
        samples: prepared `Samples`.
        batch_size: positive int.
        input_buffer: function of (batch size, sample's shape) that returns the model's buffer.
        shuffle: whether each pass has a new order, drawn from the package's generator.

    Attributes:
        steps: number of batches in a pass.
        restarts, exhausted: True and False: another pass can always begin.
        target_shape: shape of all targets.
    """

    restarts = True
    exhausted = False

    def __init__(self, samples, batch_size, input_buffer, shuffle=False):
        self.samples = samples
        self.batch_size = min(batch_size, len(samples))
        self.steps = -(-len(samples) // batch_size)
        self.target_shape = None if samples.y is None else samples.y.shape
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
            x = self._input_buffer(size, self.samples.x.shape[1:])
            batch = self._batches[size] = Batch(self.samples, self._order, size, x)
        return batch
