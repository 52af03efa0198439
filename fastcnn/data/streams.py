"""Batches from generators, `utils.PyDataset`s and other iterables of batches.

`Stream` is for them what `Feed` is for arrays: it yields batches whose buffers never move. A batch
is x, (x,), (x, y) or (x, y, sample_weight); its size may differ from step to step.

- A generator or iterator is consumed once, over all epochs together.
- An object with `__getitem__` and a length (`PyDataset`, also Keras's) yields batch 0, 1, ...;
  with `shuffle`, in an order drawn from the package's generator.
- A `Dataset` begins a new pass in each epoch. One that selects rows of arrays gets an `IndexFeed`.
- Any other iterable, such as a PyTorch DataLoader, is iterated over once per epoch.

Batches are read ahead in threads: the next ones are made while the model trains on one. Nothing is
read beyond the end of an epoch whose number of steps is given, so that a generator loses no batch.
"""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core import ranks
from fastcnn.core.arguments import check_count, warn
from fastcnn.core.memory import aligned
from fastcnn.core.steps import MAX_CALLS
from fastcnn.data.arrays import is_dataset, is_indexed, unpack
from fastcnn.data.feed import Feed

if TYPE_CHECKING:
    from typing import Any


class PyDataset:
    """Base class of data sets that create batches on demand; `Sequence` is its old name.

    Implement `__getitem__(index)`, which returns (x, y) or (x, y, sample_weight) of one batch, and
    `__len__()`, the number of batches. `on_epoch_begin` and `on_epoch_end` are called around every
    epoch.

    Batches are created while the step before runs, in order. What `__getitem__` draws from this
    package's random numbers belongs to the batch: results do not depend on the number of workers.

    Args:
        workers: number of threads or processes that create batches; 0 is the thread that trains.
        use_multiprocessing: whether to use processes, if there is a worker. They get copies of the
            data set at the start of each epoch.
        max_queue_size: maximum number of batches that are created before they are needed.
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = check_count(workers, "workers", minimum=0)
        self.use_multiprocessing = bool(use_multiprocessing)
        self.max_queue_size = check_count(max_queue_size, "max_queue_size")

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
        NotImplementedError: TensorFlow's own `tf.data.Dataset`.
    """
    if is_dataset(x):
        return True
    if hasattr(type(x), "element_spec"):
        raise NotImplementedError(
            "tf.data data sets are not supported: pass arrays, or the generator of batches "
            f"`dataset.as_numpy_iterator()`. Received {type(x)}."
        )
    if hasattr(x, "__array__") or isinstance(x, (list, tuple, str, bytes, dict)) or x is None:
        return False
    return hasattr(x, "__next__") or hasattr(x, "__iter__") or is_indexed(x)


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


def buffers_of(model):
    """`BatchBuffers` of a model, or those for this rank's part of each batch."""
    return BatchBuffers(model) if ranks.current is None else ranks.current.buffers(model)


def feed_of(source, model, objectives=None, shuffle=False, class_weight=None, trains=False):
    """What yields the batches of an iterable: an `IndexFeed` if it selects rows, else a `Stream`.

    See `Stream` for the arguments. The first batch has been read, which may build the model.
    """
    if is_dataset(source):
        from fastcnn.data.index_feed import IndexFeed, selects_rows

        if selects_rows(source):
            return IndexFeed(source, model, objectives, class_weight, trains)
    stream = Stream(source, model, objectives, shuffle, class_weight, trains)
    try:
        return stream.peek()
    except ValueError as error:
        if stream.yields_samples:
            error.add_note("The data set yields single samples: call `.batch(batch_size)` on it.")
        raise


class Stream:
    """Batches of an iterable.

    Args:
        source: the iterable of batches.
        model: the built model whose buffers receive the batches.
        objectives: for each output what reads the targets (see `Samples`); None in `predict`.
        shuffle: whether each pass requests indexed batches in a new order.
        class_weight: dictionary {class: weight}, or None.
        trains: whether each pass counts as one of a `Dataset`, see `Passes`.

    Attributes:
        steps: number of batches in a pass, or None if unknown.
        restarts: whether another pass can begin.
        is_endless: whether a pass never ends.
        yields_samples: whether the source yields single samples, as far as that is known.
        exhausted: whether there will be no more batches.
        target_shapes: for each output the shape of the first batch's targets, after `peek`.
    """

    def __init__(
        self, source, model, objectives=None, shuffle=False, class_weight=None, trains=False
    ):
        from fastcnn.data.readers import reader_of  # not needed to import the package

        self._reader = reader_of(source, shuffle, trains)
        self._source = source
        self._model = model
        self._objectives = objectives
        self._class_weight = class_weight
        self.restarts = self._reader.restarts
        if class_weight is not None and not self.restarts:
            raise ValueError(
                "The argument `class_weight` is not supported for generators: yield "
                "(x, y, sample_weight) instead."
            )
        self.steps = self._reader.count()
        self.is_endless = self._reader.is_endless
        self.yields_samples = self._reader.yields_samples
        self.exhausted = False
        self.target_shapes = []
        self.position = 0  # batches consumed in this pass
        self._resume_at = 0
        self._buffers = buffers_of(model)

    def peek(self):
        """Read the first batch without consuming it: it may build the model."""
        samples = self._samples(self._reader.peek())
        self.target_shapes = [None if y is None else y.shape for y in samples.targets]
        return self

    def hook(self, name):
        """Call the data set's `on_epoch_begin` or `on_epoch_end`, if it has one."""
        hook = getattr(self._source, name, None)
        if hook is not None:
            hook()

    def allow(self, steps):
        """Let `steps` batches be read from here on; None is any number."""
        self._reader.allow(steps)

    def close(self):
        """Stop reading ahead. Batches that were already read are lost."""
        self._reader.close()

    def __iter__(self):
        """Yield each `StreamBatch` of a pass, not loaded yet."""
        first, self._resume_at = self._resume_at, 0
        if self.restarts or first:
            self.position = first
        for batch in self._reader.batches(first):
            self.position += 1
            yield self._buffers.batch_of(self._samples(batch))
        if self.restarts:
            self.steps, self.position = self.position, 0
        else:
            self.exhausted = True

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
        return {"position": self.position, "order": self._reader.get_state()}

    def set_state(self, state):
        """Start the next pass where `get_state` was called.

        A generator, or another iterable without indices, regenerates the batches before it.
        """
        self._reader.set_state(state["order"], state["position"])
        self._resume_at = state["position"]


class Epochs:
    """Divides passes over a feed or stream into epochs of a given number of steps.

    Args:
        feed: a `Feed`, an `IndexFeed` or a `Stream`.
        steps: number of steps per epoch; None is one pass over the data.
        argument: the name of the argument `steps`, for an error.

    Attributes:
        is_cut: whether the number of steps was given.
    """

    def __init__(self, feed, steps=None, argument="steps"):
        if steps is None and getattr(feed, "is_endless", False):
            feed.close()
            raise ValueError(f"The argument `{argument}` is needed: the data set is endless.")
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
        if isinstance(self.feed, Feed):
            return self._cut(done) if self.is_cut else iter(self.feed)
        self.feed.allow(self._steps - done if self.is_cut else None)
        batches = self._cut(done) if self.is_cut else iter(self.feed)
        return self._with_hooks(batches) if isinstance(self.feed, Stream) else batches

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """Stop the threads that read ahead."""
        self._pass = None
        if isinstance(self.feed, Stream):
            self.feed.close()

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
