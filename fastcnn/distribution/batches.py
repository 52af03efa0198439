"""Batches of which this rank computes its slices.

All ranks have the same data and go through the same batches in the same order. A rank loads only
the inputs of its own slices; targets and weights, which metrics need, it has of the whole batch.
"""

from __future__ import annotations

import zlib

import numpy as np

from fastcnn.core.steps import MAX_CALLS
from fastcnn.data.feed import Batch
from fastcnn.data.streams import BatchBuffers


class SlicedBatch:
    """A batch of a `Feed` or an `IndexFeed`.

    Args:
        samples, order, input_buffer: see `feed.batch_of`.
        division: the `Division` of the batch.
        rank: of this process.
        compares: whether the ranks may have different orders.

    Attributes:
        size, begin, targets, weights: as of a `feed.Batch`, for the whole batch.
        division: its `Division`.
        dtype: of targets that are not labels; the model sets it.
        sample_shapes: the shape of one sample of each input.
        digest: a checksum of what the ranks must have in common, or None.
    """

    dtype = np.dtype("float32")

    def __init__(self, samples, order, input_buffer, division, rank, compares):
        self._samples, self._order = samples, order
        self._input_buffer, self._rank, self._compares = input_buffer, rank, compares
        self._parts = {}
        self.digest = None
        self.division, self.size = division, division.samples
        self.begin = 0
        self.sample_shapes = tuple(x.shape[1:] for x in samples.inputs)
        self.targets, self.weights = None, []

    def load(self):
        """Look up the targets and weights of the batch that starts at `begin`."""
        rows = slice(self.begin, self.begin + self.size)
        order = self._order
        arrays = [
            labels[rows] if labels is not None and labels.dtype == np.int64 else labels
            for labels in order.labels
        ]
        self.targets = Targets(arrays, order.indices[rows], self.dtype)
        self.weights = [None if w is None else w[rows] for w in order.weights]
        if self._compares:
            self.digest = zlib.crc32(np.ascontiguousarray(order.indices[rows]))

    def parts(self):
        """Yield (index, slice of the samples, loaded `Batch`) of each slice of this rank."""
        for index, rows in self.division.slices(self._rank):
            part = self._part_of(rows.stop - rows.start)
            part.begin = self.begin + rows.start
            part.load()
            yield index, rows, part

    def _part_of(self, size):
        """The `Batch` for slices of `size` samples."""
        part = self._parts.get(size)
        if part is None:
            inputs = [
                self._input_buffer(size, array.shape[1:], index)
                for index, array in enumerate(self._samples.inputs)
            ]
            part = self._parts[size] = Batch(self._samples, self._order, size, inputs)
        return part


class SlicedBuffers:
    """`BatchBuffers` for batches of which this rank computes its slices."""

    def __init__(self, divide, rank, model):
        self._divide, self._rank = divide, rank
        self._buffers = BatchBuffers(model)
        self._batches = {}

    def batch_of(self, samples):
        """The `SlicedStreamBatch` for these samples, not loaded yet."""
        kinds = [y is None or (y.shape[1:], y.dtype.kind == "i") for y in samples.targets]
        shapes = [x.shape[1:] for x in samples.inputs]
        key = (len(samples), *shapes, *kinds, *[weights is None for weights in samples.weights])
        batch = self._batches.get(key)
        if batch is None:
            if len(self._batches) >= MAX_CALLS:
                self._batches.clear()
            division = self._divide(len(samples), len(samples))
            batch = self._batches[key] = SlicedStreamBatch(division, self._rank, self._buffers)
        batch.pending = samples
        return batch


class SlicedStreamBatch:
    """A batch of a generator or data set, with the attributes of a `SlicedBatch`."""

    dtype = np.dtype("float32")

    def __init__(self, division, rank, buffers):
        self._rank, self._buffers = rank, buffers
        self.division, self.size = division, division.samples
        self.begin = 0
        self.targets, self.weights = None, []
        self.sample_shapes = ()
        self.digest = 0
        self.pending = self._samples = None
        self.runs = {}  # {name of the step: (tracker, step)}, see `Evaluator._run_single`

    def load(self):
        """Look at the targets and weights, and compute the digest of all samples."""
        samples, self.pending = self.pending, None
        self._samples = samples
        self.targets = Targets(samples.targets, None, self.dtype)
        self.weights = samples.weights
        self.sample_shapes = tuple(x.shape[1:] for x in samples.inputs)
        self.digest = digest_of(samples)

    def parts(self):
        """Yield (index, slice of the samples, loaded batch) of each slice of this rank."""
        samples, self._samples = self._samples, None  # the user's arrays may be freed
        for index, rows in self.division.slices(self._rank):
            part = self._buffers.batch_of(samples.part(rows))
            part.load()
            yield index, rows, part


class Targets:
    """The targets of a batch by output, converted where a metric reads them.

    Args:
        arrays: for each output an array, or None.
        indices: the rows of arrays other than labels, or None for all of them.
        dtype: of targets that are not labels.
    """

    def __init__(self, arrays, indices, dtype):
        self._arrays, self._indices, self._dtype = arrays, indices, dtype

    def __getitem__(self, index):
        y = self._arrays[index]
        if y.dtype == np.int64:
            return y
        rows = y if self._indices is None else y[self._indices]
        return rows.astype(self._dtype, copy=False)


SAMPLED = 1 << 26  # bytes of an array that a digest reads at most


def digest_of(samples):
    """A checksum of inputs, targets and weights; of large arrays, of rows at equal distances."""
    value = 0
    for array in (*samples.inputs, *samples.targets, *samples.weights):
        if array is not None:
            step = max(1, -(-array.nbytes // SAMPLED))
            value = zlib.crc32(repr((array.shape, array.dtype.str)).encode(), value)
            value = zlib.crc32(np.ascontiguousarray(array[::step]), value)
    return value
