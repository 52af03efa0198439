"""evaluate, predict and single batches: the part of `Trainer` that does not change weights."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import callbacks as callbacks_module, metrics
from fastcnn.core import ranks
from fastcnn.core.arguments import check_count, check_optional_count, check_verbose
from fastcnn.data.feed import Feed
from fastcnn.data.samples import Samples
from fastcnn.data.streams import Epochs, buffers_of, feed_of, makes_batches
from fastcnn.data.structure import Structure
from fastcnn.training.loop import BatchLoop
from fastcnn.training.objectives import Objectives
from fastcnn.training.progress import ProgressBar
from fastcnn.training.tracking import Tracker

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from fastcnn.core.types import Arrays, CallbacksLike, Data, LossLike, LossWeights, Verbose
    from fastcnn.core.variables import Variable
    from fastcnn.metrics import Metric


class Singles:
    """The state that `train_on_batch` and `test_on_batch` keep between calls."""

    def __init__(self, model):
        self.buffers = buffers_of(weakref.proxy(model))  # the model keeps this object
        self._plan, self._optimizer, self._ranks = model._plan, model.optimizer, ranks.current

    def is_for(self, model):
        """Whether the model still has the plan and optimizer that this was created for."""
        is_same = self._plan is model._plan and self._optimizer is model.optimizer
        return is_same and self._ranks is ranks.current


class Rows:
    """An output of `predict`, batch by batch.

    Args:
        whole: the total number of samples, or None.
    """

    def __init__(self, whole):
        self._whole = whole
        self._array = self.last = None
        self._parts = []
        self._count = 0

    def add(self, y):
        """Copy the output for the next batch, which is then `last`."""
        if self._array is None and self._whole is not None:
            self._array = np.empty((self._whole, *y.shape[1:]), y.dtype)
        if self._array is not None:
            self.last = self._array[self._count : self._count + len(y)]
            self.last[...] = y
        else:
            self.last = y.copy()
            self._parts.append(self.last)
        self._count += len(y)

    def array(self):
        """All outputs so far."""
        return np.concatenate(self._parts) if self._array is None else self._array[: self._count]


class Evaluator:
    """The methods of a compiled model that do not change its weights."""

    if TYPE_CHECKING:  # from the other bases of a model
        dtype: str

        input_structure: Any
        output_structure: Any

        @property
        def input_names(self) -> list[str]: ...
        @property
        def output_names(self) -> list[str]: ...
        @property
        def input_shapes(self) -> list[tuple[Any, ...]]: ...
        @property
        def output_shapes(self) -> list[tuple[Any, ...]]: ...
        @property
        def trainable_weights(self) -> list[Variable]: ...
        def build_for(self, x: NDArray) -> None: ...
        def input_buffer(self, size: int, shape: tuple[int, ...], index: int = 0) -> NDArray: ...
        def __call__(self, x: Any, training: bool | None = None) -> Any: ...

    optimizer: Any = None  # an `Optimizer`, after `compile`
    loss: LossLike = None
    loss_weights: LossWeights = None
    objectives = Objectives()  # what `compile` was told about each output
    compiled = False
    stop_evaluating = False
    stop_predicting = False
    _singles: Singles | None = None
    _tracker_now: Tracker | None = None
    _structures: tuple[Structure, ...] = ()  # of inputs and outputs, while there is a plan

    # ----------------------------------------------------------------------------------- evaluate

    def evaluate(
        self,
        x: Data = None,
        y: Arrays = None,
        batch_size: int | None = None,
        verbose: Verbose = "auto",
        sample_weight: Arrays = None,
        steps: int | None = None,
        callbacks: CallbacksLike = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Compute loss and metrics on some samples.

        Args:
            x, y, sample_weight: as in `fit`: arrays, or batches as x alone.
            batch_size: samples per step; None is 32.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 one line.
            steps: number of batches; None is all of them.
            callbacks: list of `Callback`.
            return_dict: whether the result is a dictionary.

        Returns:
            The loss as a float, or [loss, metric, ...], or a dictionary with `return_dict`.
        """
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to evaluate: {kwargs}")
        self._require_compiled("evaluate")
        check_optional_count(steps, "steps")
        shown = check_verbose(verbose)
        with ranks.together("evaluate"):
            epochs = self._epochs(x, y, sample_weight, batch_size, steps)
            params = {"verbose": verbose, "epochs": 1, "steps": epochs.steps}
            hooks = callbacks_module.CallbackList(callbacks, model=self, **params)
            if ranks.current is not None:
                ranks.current.check(self, epochs)
            progress, tracker = ProgressBar(epochs.steps, shown), self._tracker_of(epochs)
            with epochs, progress:
                logs = self._evaluate(epochs, tracker, hooks, progress)
        return logs if return_dict else self._flat(logs)

    def _evaluate(self, epochs, tracker, hooks, progress=None):
        """Loss and metrics of one epoch, as a dictionary."""
        self._tracker_now = tracker
        tracker.reset()
        epochs.reset()
        self.stop_evaluating = False
        hooks.call("on_test_begin", {})
        step = self._test_step(tracker)
        flags = ranks.agreed(self, hooks, "test")
        loop = BatchLoop(epochs.epoch(), hooks, "test", flags, tracker.logs, progress)
        for batch in loop:
            step(batch)
        logs = tracker.logs()
        hooks.call("on_test_end", logs)
        tracker.release()
        if progress is not None:
            progress.finish(loop.done, logs)
        return logs

    def _test_step(self, tracker):
        """A function that evaluates one batch and adds its results to `tracker`."""
        with self._lock:
            self.assemble_if_changed()
        model = weakref.proxy(self)  # the model keeps the function, for `test_on_batch`
        lock, add = self._lock, tracker.add

        def step(batch):
            with lock:
                if model._plan is None:  # changed by a callback, or for images of a second size
                    model.assemble_if_changed()
                if model._plan is not plan:
                    bind()
                with model._store.lock:
                    batch.load()
                    add(runner.compute_loss(batch, False), batch)

        def bind():
            nonlocal plan, runner
            plan, runner = model._plan, runner_of(model)

        plan = runner = None
        return step

    # ------------------------------------------------------------------------------------ predict

    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: Verbose = "auto",
        steps: int | None = None,
        callbacks: CallbacksLike = None,
    ) -> Any:
        """The model's output for some inputs, batch by batch, as a new array.

        A model with several outputs returns arrays, nested as the model's outputs are.

        Args:
            x: array, or an iterable of batches: x, (x,), (x, y) or (x, y, sample_weight).
            batch_size: samples per step; None is 32.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 one line.
            steps: number of batches; None is all of them.
            callbacks: list of `Callback`.
        """
        check_optional_count(steps, "steps")
        shown = check_verbose(verbose)
        with ranks.together("predict"):
            return self._predict_all(x, batch_size, verbose, shown, steps, callbacks)

    def _predict_all(self, x, batch_size, verbose, shown, steps, callbacks):
        if makes_batches(x):
            feed: Any = feed_of(x, self)
            whole = None
        else:
            samples = self.samples(x)
            self.build_for(samples.inputs[0])
            whole = len(samples)
            samples.prepare(self.input_shapes, gather=whole > 0)
            if not whole:
                return self._gives.pack(
                    [np.empty((0, *shape[1:]), self.dtype) for shape in self.output_shapes]
                )
            size = batch_size_of(batch_size, whole, steps)
            feed = Feed(samples, size, self.input_buffer)
        epochs = Epochs(feed, steps)
        params = {"verbose": verbose, "epochs": 1, "steps": epochs.steps}
        hooks = callbacks_module.CallbackList(callbacks, model=self, **params)
        if ranks.current is not None:
            ranks.current.check(self, epochs)
        progress = ProgressBar(epochs.steps, shown)
        with epochs, progress:
            return self._predict(epochs, whole, hooks, progress)

    def _predict(self, epochs, whole, hooks, progress):
        """The outputs of one epoch; `whole` is the total number of samples, if known."""
        self.stop_predicting = False
        gives = self._gives
        results = [Rows(whole) for _ in range(gives.size)]
        hooks.call("on_predict_begin", {})
        loop = BatchLoop(
            epochs.epoch(),
            hooks,
            "predict",
            ranks.agreed(self, hooks, "predict"),
            dict,
            progress,
            step_logs=lambda: {"outputs": gives.pack([rows.last for rows in results])},
        )
        plan = runner = None
        for batch in loop:
            with self._lock:
                self.assemble_if_changed()
                if self._plan is not plan:
                    plan, runner = self._plan, runner_of(self)
                batch.load()
                with self._store.lock:
                    for rows, y in zip(results, runner.predict(batch), strict=True):
                        rows.add(y)
        hooks.call("on_predict_end", {})
        progress.finish(loop.done, {})
        return gives.pack([rows.array() for rows in results])

    # ------------------------------------------------------------------------------ single batches

    def test_on_batch(
        self,
        x: Arrays,
        y: Arrays = None,
        sample_weight: Arrays = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics of one batch."""
        self._require_compiled("test_on_batch")
        logs = self._run_single(self.samples(x, y, sample_weight), self._test_step)
        return logs if return_dict else self._flat(logs)

    def predict_on_batch(self, x: Arrays) -> Any:
        """The model's output for one batch, as a new array."""
        gives = self._gives
        outputs = self(x, training=False)
        if gives.size == 1 and not isinstance(outputs, dict):
            return outputs.numpy()
        return gives.pack([y.numpy() for y in gives.flatten(outputs, "outputs")])

    # ----------------------------------------------------------------------------------- the rest

    @property
    def metrics(self) -> list[Metric]:
        """The mean losses and the metrics of the last epoch or batch, as `Metric`s.

        Before the first one, only the loss; before `compile`, an empty list.
        """
        tracker = self._tracker_now
        if tracker is not None:
            return [*tracker.loss_metrics(), *tracker.metrics]
        return [metrics.Mean("loss")] if self.compiled else []

    def reset_metrics(self) -> None:
        """Reset losses and metrics, as at the start of every epoch and batch."""
        if self._tracker_now is not None:
            self._tracker_now.reset()

    @property
    def metrics_names(self) -> list[str]:
        """The losses and the metrics by name, in the order of `evaluate`'s list."""
        return list(self.objectives.names)

    @property
    def _takes(self):
        return self._structure("input") if self._plan is None else self._structures[0]

    @property
    def _gives(self):
        return self._structure("output") if self._plan is None else self._structures[1]

    def _structure(self, kind):
        if kind == "input":
            return Structure(self.input_structure, self.input_names, kind)
        return Structure(self.output_structure, self.output_names, kind)

    def samples(self, x, y=None, sample_weight=None):
        """What `fit` and others got as `Samples`: one array for each input and output."""
        optional = self.objectives.without_loss
        return Samples(x, y, sample_weight, self._takes, self._gives, optional)

    def _run_single(self, samples, make_step):
        """Run the function that `make_step(tracker)` returns on one batch; return the logs.

        Batches of one shape share buffers, bound kernels and metrics until the model changes.
        """
        with self._lock, ranks.together(make_step.__name__.strip("_")):
            self._check(samples, gather=False)
            singles = self._singles
            if singles is None or not singles.is_for(self):
                singles = self._singles = Singles(self)
            batch = singles.buffers.batch_of(samples)
            kind = make_step.__name__
            if kind not in batch.runs:
                tracker = self._tracker([None if y is None else y.shape for y in samples.targets])
                batch.runs[kind] = tracker, make_step(tracker)
            tracker, step = batch.runs[kind]
            self._tracker_now = tracker
            tracker.reset()
            step(batch)
            return tracker.logs()

    def _epochs(self, x, y, sample_weight, batch_size, steps):
        """The batches of data to evaluate."""
        if makes_batches(x):
            return Epochs(self._stream(x, y, sample_weight), steps)
        samples = self.samples(x, y, sample_weight)
        return Epochs(self._feed(samples, batch_size_of(batch_size, len(samples), steps)), steps)

    def _stream(
        self, x, y=None, sample_weight=None, shuffle=False, class_weight=None, trains=False
    ):
        """The batches of an iterable, checked against the model and its loss."""
        self._require_loss()
        if y is not None or sample_weight is not None:
            raise ValueError(
                "If `x` is an iterable of batches, these include targets and sample weights: `y` "
                f"and `sample_weight` must be None. Received x of type {type(x)}."
            )
        stream = feed_of(x, self, self.objectives.of_outputs, shuffle, class_weight, trains)
        with self._lock:
            self.assemble_if_changed()
        return stream

    def _feed(self, samples, batch_size, shuffle=False):
        """The batches of some samples, checked against the model and its loss."""
        self._check(samples)
        return Feed(samples, batch_size, self.input_buffer, shuffle)

    def _check(self, samples, gather=True):
        """Build the model if needed, and check samples against it and its loss."""
        self._require_loss()
        if not len(samples):
            raise ValueError("There are no samples: x is empty.")
        self.build_for(samples.inputs[0])
        samples.prepare(self.input_shapes, gather)
        samples.prepare_targets(self.objectives.of_outputs, self.output_shapes)
        with self._lock:
            self.assemble_if_changed()

    def _tracker_of(self, epochs):
        return self._tracker(epochs.feed.target_shapes)

    def _tracker(self, target_shapes):
        return Tracker(self.objectives, target_shapes, self.output_shapes)

    def _flat(self, logs):
        """The logs as `evaluate` returns them, in the order of `metrics_names`."""
        names = [name for name in self.metrics_names if name in logs]
        names += [name for name in logs if name not in names]
        values = [logs[name] for name in names]
        return values[0] if len(values) == 1 else values

    def _require_compiled(self, method):
        if not self.compiled:
            raise ValueError(f"Call `compile()` before `{method}()`.")

    def _require_loss(self):
        if not self.objectives.losses:
            raise ValueError("The model was compiled without a `loss`: pass one to `compile`.")


def runner_of(model):
    """What runs the batches of an assembled model: its plan, here or together with other ranks."""
    return model._plan if ranks.current is None else ranks.current.runner(model)


def batch_size_of(batch_size, samples, steps=None):
    """Samples per step: `batch_size`, by default what leads to `steps` steps, or 32."""
    if batch_size is None:
        return -(-samples // steps) if steps and samples else 32
    return check_count(batch_size, "batch_size")
