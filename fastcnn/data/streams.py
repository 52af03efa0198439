"""Batches from generators, `utils.PyDataset`s and other iterables of batches.

`Stream` is for them what `Feed` is for arrays: it yields batches whose buffers never move. A batch
is x, (x,), (x, y) or (x, y, sample_weight); its size may differ from step to step.

- A generator or iterator is consumed once, over all epochs together.
- An object with `__getitem__` and a length (`PyDataset`, also Keras's) yields batch 0, 1, ...;
  with `shuffle`, in an order drawn from the package's generator.
- Any other iterable, such as a PyTorch DataLoader, is iterated over once per epoch.
"""

from __future__ import annotations

import itertools
from operator import is_
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import random
from fastcnn.core.arguments import warn
from fastcnn.core.memory import aligned
from fastcnn.core.steps import MAX_CALLS
from fastcnn.data.arrays import unpack

if TYPE_CHECKING:
    from typing import Any


class PyDataset:
    """Base class of data sets that create batches on demand; `Sequence` is its old name.

    Implement `__getitem__(index)`, which returns (x, y) or (x, y, sample_weight) of one batch, and
    `__len__()`, the number of batches. `on_epoch_begin` and `on_epoch_end` are called around every
    epoch.

    Args:
        workers, use_multiprocessing, max_queue_size: accepted and ignored: batches are created
            when they are needed.
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must implement __getitem__(index).")

    @property
    def num_batches(self):
        """Number of batches."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch, and once before the first, as in Keras."""


Sequence = PyDataset


def makes_batches(x):
    """Whether x yields batches, as opposed to an array.

    Raises:
        NotImplementedError: a `tf.data.Dataset`.
    """
    if hasattr(x, "element_spec"):
        raise NotImplementedError(
            "tf.data data sets are not supported: pass arrays, or the generator of batches "
            f"`dataset.as_numpy_iterator()`. Received {type(x)}."
        )
    if hasattr(x, "__array__") or isinstance(x, (list, tuple, str, bytes, dict)) or x is None:
        return False
    return hasattr(x, "__next__") or hasattr(x, "__iter__") or is_indexed(x)


def is_indexed(x):
    """Whether batches can be requested by index."""
    return hasattr(x, "__getitem__") and (hasattr(x, "num_batches") or hasattr(x, "__len__"))


class StreamBatch:
    """The buffers of one batch size. See `feed.Batch`, which has the same attributes."""

    def __init__(self, inputs, targets, weights):
        self.size = len(inputs[0])
        self.begin = 0
        self.inputs = inputs
        self.targets = targets
        self.weights = weights
        self._buffers = [*inputs, *targets, *weights]
        self.pending = None
        self.runs = {}  # {name of the step: (tracker, step)}, see `Evaluator._run_single`

    def load(self):
        """Fill the buffers with the pending samples."""
        samples, self.pending = self.pending, None  # the user's arrays may be freed
        arrays = (*samples.inputs, *samples.targets, *samples.weights)
        for buffer, array in zip(self._buffers, arrays, strict=True):
            if buffer is not None:
                buffer[...] = array


class BatchBuffers:
    """A model's buffers for batches given as `Samples`.

    There is one `StreamBatch` for each size and kind of targets, the same one each time.
    """

    def __init__(self, model):
        self._model = model
        self._batches = {}

    def batch_of(self, samples):
        """The `StreamBatch` for these samples, not loaded yet."""
        size, buffer_of = len(samples), self._model.input_buffer
        inputs = [buffer_of(size, x.shape[1:], index) for index, x in enumerate(samples.inputs)]
        kinds = [y is None or (y.shape, y.dtype.kind == "i") for y in samples.targets]
        key = (size, *kinds, *[weights is None for weights in samples.weights])
        batch = self._batches.get(key)
        if batch is None or not all(map(is_, batch.inputs, inputs)):
            if len(self._batches) >= MAX_CALLS:
                self._batches.clear()
            dtype = inputs[0].dtype
            targets = [
                None if y is None else aligned(y.shape, y.dtype if y.dtype == np.int64 else dtype)
                for y in samples.targets
            ]
            weights = [
                None if weights is None else np.empty(size, dtype) for weights in samples.weights
            ]
            batch = self._batches[key] = StreamBatch(inputs, targets, weights)
        batch.pending = samples
        return batch


class Stream:
    """Batches of an iterable.

    Args:
        source: the iterable of batches.
        model: the built model whose buffers receive the batches.
        objectives: for each output what reads the targets (see `Samples`); None in `predict`.
        shuffle: whether each pass requests indexed batches in a new order.
        class_weight: dictionary {class: weight}, or None.

    Attributes:
        steps: number of batches in a pass, or None if unknown.
        restarts: whether another pass can begin.
        exhausted: whether there will be no more batches.
        target_shapes: for each output the shape of the first batch's targets, after `peek`.
    """

    def __init__(self, source, model, objectives=None, shuffle=False, class_weight=None):
        self._source = source
        self._model = model
        self._objectives = objectives
        self._class_weight = class_weight
        self._indexed = is_indexed(source)
        self._shuffle = shuffle and self._indexed
        self.restarts = self._indexed or not hasattr(source, "__next__")
        if class_weight is not None and not self.restarts:
            raise ValueError(
                "The argument `class_weight` is not supported for generators: yield "
                "(x, y, sample_weight) instead."
            )
        self.steps = self._count()
        self.exhausted = False
        self.target_shapes = []
        self.position = 0  # batches consumed in this pass
        self._resume_at = 0
        self._order = None
        self._iterator = None
        self._peeked = []
        self._buffers = BatchBuffers(model)

    def _count(self):
        if not self.restarts:
            return None
        count = getattr(self._source, "num_batches", None)
        if count is None and hasattr(self._source, "__len__"):
            count = len(self._source)
        return None if count is None else int(count)

    def peek(self):
        """Read the first batch without consuming it: it may build the model."""
        if self._indexed:
            samples = self._samples(self._source[0])
        else:
            iterator = self._next_iterator()
            for batch in iterator:
                self._peeked.append(batch)
                break
            else:
                raise ValueError("There are no batches: the iterable is empty.")
            samples = self._samples(self._peeked[0])
        self.target_shapes = [None if y is None else y.shape for y in samples.targets]
        return self

    def hook(self, name):
        """Call the data set's `on_epoch_begin` or `on_epoch_end`, if it has one."""
        hook = getattr(self._source, name, None)
        if hook is not None:
            hook()

    def _next_iterator(self):
        if self._iterator is None:
            self._iterator = iter(self._source)
        return self._iterator

    def __iter__(self):
        """Yield each `StreamBatch` of a pass, not loaded yet."""
        first, self._resume_at = self._resume_at, 0
        if self.restarts or first:
            self.position = first
        batches = self._indexed_batches(first) if self._indexed else self._iterated_batches(first)
        for batch in batches:
            self.position += 1
            yield self._buffers.batch_of(self._samples(batch))
        if self.restarts:
            self.steps, self.position = self.position, 0
            self._iterator = None
        else:
            self.exhausted = True

    def _indexed_batches(self, first):
        if not first:
            self._order = random.generator().permutation(self.steps) if self._shuffle else None
        for index in itertools.count(first) if self.steps is None else range(first, self.steps):
            yield self._source[index if self._order is None else int(self._order[index])]

    def _iterated_batches(self, first):
        batches = self._next_iterator()
        if self._peeked:
            batches = itertools.chain([self._peeked.pop()], batches)
        return itertools.islice(batches, first, None)  # regenerate, then discard

    def _samples(self, batch):
        """A batch as prepared `Samples`."""
        x, y, weights = unpack(batch)
        model = self._model
        if self._objectives is None:
            y = weights = None
        samples = model.samples(x, y, weights).weigh_classes(self._class_weight)
        model.build_for(samples.inputs[0])
        samples.prepare(model.input_shapes, gather=False)
        if self._objectives is not None:
            samples.prepare_targets(self._objectives, model.output_shapes)
        return samples

    # ------------------------------------------------------------------------------------ resuming

    def get_state(self):
        """Plain values and arrays from which `set_state` resumes after this batch."""
        return {"position": self.position, "order": self._order}

    def set_state(self, state):
        """Start the next pass where `get_state` was called.

        A generator, or another iterable without indices, regenerates the batches before it.
        """
        order = state["order"]
        if order is not None and (
            self.steps is None or not np.array_equal(np.sort(order), np.arange(self.steps))
        ):
            raise ValueError("The state belongs to other data.")
        self._resume_at = state["position"]
        self._order = order


class Epochs:
    """Divides passes over a feed or stream into epochs of a given number of steps.

    Args:
        feed: a `Feed` or a `Stream`.
        steps: number of steps per epoch; None is one pass over the data.

    Attributes:
        is_cut: whether the number of steps was given.
    """

    def __init__(self, feed, steps=None):
        self.feed = feed
        self.is_cut = steps is not None
        self._steps = steps
        self._pass = None

    @property
    def steps(self):
        """Number of steps per epoch, or None if it is not known (yet)."""
        return self._steps if self.is_cut else self.feed.steps

    def epoch(self, done=0):
        """The batches of one epoch that remain after `done` steps."""
        batches = self._cut(done) if self.is_cut else iter(self.feed)
        return self._with_hooks(batches) if isinstance(self.feed, Stream) else batches

    def restart(self):
        """Start the next epoch with the first batch, if the source supports that."""
        if self.feed.restarts:
            self._pass = None

    def reset(self):
        """`restart`, and notify a data set that an epoch has ended, as Keras does at the start."""
        self.restart()
        if isinstance(self.feed, Stream):
            self.feed.hook("on_epoch_end")

    def _cut(self, done):
        if self._pass is None:
            self._pass = iter(self.feed)
        for _ in range(done, self._steps):
            batch = next(self._pass, None)
            if batch is None:
                warn(
                    "The data ran out in the middle of an epoch, which ends here. Make sure that "
                    "there are `steps_per_epoch * epochs` batches, or use an endless generator."
                )
                self.restart()
                return
            yield batch
        if self.feed.steps is not None and self.feed.position >= self.feed.steps:
            self.restart()  # an epoch that ends with the data: the next one is a new pass

    def get_state(self, done):
        """What `set_state` needs to resume after `done` steps of an epoch.

        At the end of both pass and epoch it is the start of a new pass.
        """
        state = self.feed.get_state()
        at_end = self.feed.steps is not None and state["position"] >= self.feed.steps
        if not self.is_cut:
            is_over = not done
        else:  # at the end of the data, the epoch may not have noticed it yet
            is_over = self._pass is None or (at_end and done in (0, self._steps))
        if self.feed.restarts and is_over:
            state["position"] = 0
        return state

    def set_state(self, state):
        """Resume where `get_state` was called."""
        self.feed.set_state(state)
        self._pass = None

    def _with_hooks(self, batches):
        self.feed.hook("on_epoch_begin")
        yield from batches
        self.feed.hook("on_epoch_end")
