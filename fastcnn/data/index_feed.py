"""Batches of a `Dataset` that only selects rows of arrays, at the speed of `Feed`.

The arrays are checked once, as if they had been passed to `fit`. For each batch the kernel gathers
the rows whose indices the data set yields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.data.arrays import unpack
from fastcnn.data.elements import leaves
from fastcnn.data.feed import Batch, Order, batch_of
from fastcnn.data.passes import Passes
from fastcnn.data.readers import EMPTY

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.data.dataset import Dataset


def selects_rows(data: Dataset) -> bool:
    """Whether the elements are batches of rows of numeric arrays."""
    node = data._node
    source = node.source()
    return (
        source is not None
        and node.batched
        and source.size > 0
        and all(array.dtype.kind in "fiub" for array in leaves(source.arrays))
    )


class IndexFeed:
    """Batches of the rows that a data set selects. See `Feed`, which has the same interface.

    Args:
        data: a `Dataset` for which `selects_rows`.
        model: the model whose buffers receive the batches; it is built if needed.
        objectives: for each output what reads the targets (see `Samples`); None in `predict`.
        class_weight: dictionary {class: weight}, or None.
        trains: whether each pass counts as one of the data set.
    """

    restarts = True
    exhausted = False

    def __init__(
        self, data: Dataset, model: Any, objectives: Any, class_weight: Any, trains: bool
    ) -> None:
        x, y, weights = unpack(data._node.source().arrays)  # type: ignore[union-attr]
        if objectives is None:
            y = weights = None
        samples = model.samples(x, y, weights).weigh_classes(class_weight)
        model.build_for(samples.inputs[0])
        samples.prepare(model.input_shapes)
        if objectives is not None:
            samples.prepare_targets(objectives, model.output_shapes)
        self.samples = samples
        self.steps = None if data._node.count() < 0 else data._node.count()
        if self.steps == 0:
            raise ValueError(EMPTY)
        self.is_endless = self.steps is None
        self.target_shapes = [None if y is None else y.shape for y in samples.targets]
        self.position = 0
        self._passes = Passes(data, trains)
        self._input_buffer = model.input_buffer
        self._order = Order(samples)
        self._batches: dict[int, Batch] = {}

    def __iter__(self):
        """Yield each `Batch` of a pass, not loaded yet."""
        run, first = self._passes.begin()
        self.position, index = first, 0
        for chunk in self._passes.node.chunks(run):
            if first >= index + len(chunk):
                index += len(chunk)
                continue
            self._order.set(np.concatenate(chunk))
            begin = 0
            for indices in chunk:
                index += 1
                if index > first:
                    batch = self._batch(len(indices))
                    batch.begin = begin
                    self.position += 1
                    yield batch
                begin += len(indices)
        self.position = 0

    def get_state(self):
        """Plain values and arrays from which `set_state` resumes after this batch."""
        return {"position": self.position, "order": self._passes.get_state()}

    def set_state(self, state):
        """Start the next pass where `get_state` was called."""
        self._passes.set_state(state["order"], state["position"])

    def allow(self, steps):
        """See `Stream`; nothing is read ahead here."""

    def close(self):
        """See `Stream`."""

    def _batch(self, size):
        batch = self._batches.get(size)
        if batch is None:
            batch = self._batches[size] = batch_of(
                self.samples, self._order, size, self._input_buffer
            )
        return batch
