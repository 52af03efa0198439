"""evaluate, predict and single batches: the part of `Trainer` that does not change weights."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import callbacks as callbacks_module, metrics
from fastcnn.core.arguments import check_count, check_optional_count, check_verbose
from fastcnn.data.arrays import as_array, fit_images
from fastcnn.data.feed import Feed
from fastcnn.data.samples import Samples
from fastcnn.data.streams import BatchBuffers, Epochs, Stream, makes_batches
from fastcnn.training.loop import BatchLoop
from fastcnn.training.progress import ProgressBar
from fastcnn.training.tracking import Tracker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from fastcnn.core.tensor import Tensor
    from fastcnn.core.types import CallbacksLike, Data, LossLike, Verbose
    from fastcnn.core.variables import Variable
    from fastcnn.metrics import Metric


class Singles(BatchBuffers):
    """The state that `train_on_batch` and `test_on_batch` keep between calls."""

    def __init__(self, model):
        super().__init__(weakref.proxy(model))  # the model keeps this object
        self._plan, self._optimizer = model._plan, model.optimizer

    def is_for(self, model):
        """Whether the model still has the plan and optimizer that this was created for."""
        return self._plan is model._plan and self._optimizer is model.optimizer


class Evaluator:
    """The methods of a compiled model that do not change its weights."""

    if TYPE_CHECKING:  # from the other bases of a model
        dtype: str

        @property
        def input_shape(self) -> tuple[Any, ...]: ...
        @property
        def output_shape(self) -> tuple[Any, ...]: ...
        @property
        def trainable_weights(self) -> list[Variable]: ...
        def build_for(self, x: NDArray) -> None: ...
        def input_buffer(self, size: int, shape: tuple[int, ...]) -> NDArray: ...
        def __call__(self, x: ArrayLike, training: bool | None = None) -> Tensor: ...

    optimizer: Any = None  # an `Optimizer`, after `compile`
    loss: LossLike = None
    loss_object: Any = None  # a `Loss`, if `compile` got one
    compiled = False
    stop_evaluating = False
    stop_predicting = False
    _metric_arguments: Sequence[str | Metric] = ()
    _weighted_metric_arguments: Sequence[str | Metric] = ()
    _singles: Singles | None = None
    _tracker_now: Tracker | None = None

    # ----------------------------------------------------------------------------------- evaluate

    def evaluate(
        self,
        x: Data = None,
        y: ArrayLike | None = None,
        batch_size: int | None = None,
        verbose: Verbose = "auto",
        sample_weight: ArrayLike | None = None,
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
        epochs = self._epochs(x, y, sample_weight, batch_size, steps)
        params = {"verbose": verbose, "epochs": 1, "steps": epochs.steps}
        hooks = callbacks_module.CallbackList(callbacks, model=self, **params)
        progress = ProgressBar(epochs.steps, shown)
        with progress:
            logs = self._evaluate(epochs, self._tracker(epochs.feed.target_shape), hooks, progress)
        return logs if return_dict else self._flat(logs)

    def _evaluate(self, epochs, tracker, hooks, progress=None):
        """Loss and metrics of one epoch, as a dictionary."""
        self._tracker_now = tracker
        tracker.reset()
        epochs.reset()
        self.stop_evaluating = False
        hooks.call("on_test_begin", {})
        step = self._test_step(tracker)
        is_stopped = lambda: self.stop_evaluating  # noqa: E731
        loop = BatchLoop(epochs.epoch(), hooks, "test", is_stopped, tracker.logs, progress)
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
                plan = model._plan
                with model._store.lock:
                    batch.load()
                    add(plan.compute_loss(batch, False), batch)

        return step

    # ------------------------------------------------------------------------------------ predict

    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: Verbose = "auto",
        steps: int | None = None,
        callbacks: CallbacksLike = None,
    ) -> NDArray:
        """The model's output for some inputs, batch by batch, as a new array.

        Args:
            x: array, or an iterable of batches: x, (x,), (x, y) or (x, y, sample_weight).
            batch_size: samples per step; None is 32.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 one line.
            steps: number of batches; None is all of them.
            callbacks: list of `Callback`.
        """
        check_optional_count(steps, "steps")
        shown = check_verbose(verbose)
        if makes_batches(x):
            feed = Stream(x, self).peek()
            whole = None
        else:
            samples = Samples(x)
            self.build_for(samples.x)
            if not len(samples):
                fit_images(samples.x, self.input_shape)
                return np.empty((0, *self.output_shape[1:]), self.dtype)
            whole = len(samples)
            size = batch_size_of(batch_size, whole, steps)
            feed = Feed(samples.prepare(self.input_shape), size, self.input_buffer)
        epochs = Epochs(feed, steps)
        params = {"verbose": verbose, "epochs": 1, "steps": epochs.steps}
        hooks = callbacks_module.CallbackList(callbacks, model=self, **params)
        progress = ProgressBar(epochs.steps, shown)
        with progress:
            return self._predict(epochs, whole, hooks, progress)

    def _predict(self, epochs, whole, hooks, progress):
        """The outputs of one epoch; `whole` is the total number of samples, if known."""
        self.stop_predicting = False
        outputs, output, parts, rows = None, None, [], 0
        hooks.call("on_predict_begin", {})
        loop = BatchLoop(
            epochs.epoch(),
            hooks,
            "predict",
            lambda: self.stop_predicting,
            dict,
            progress,
            step_logs=lambda: {"outputs": output},
        )
        for batch in loop:
            with self._lock:
                self.assemble_if_changed()
                batch.load()
                with self._store.lock:
                    (y,) = self._plan.forward(batch.inputs, False)
                if outputs is None and whole is not None:
                    outputs = np.empty((whole, *y.shape[1:]), y.dtype)
                if outputs is not None:
                    output = outputs[rows : rows + batch.size]
                    output[...] = y
                else:
                    output = y.copy()
                    parts.append(output)
            rows += batch.size
        hooks.call("on_predict_end", {})
        progress.finish(loop.done, {})
        return np.concatenate(parts) if outputs is None else outputs[:rows]

    # ------------------------------------------------------------------------------ single batches

    def test_on_batch(
        self,
        x: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics of one batch."""
        self._require_compiled("test_on_batch")
        logs = self._run_single(Samples(x, y, sample_weight), self._test_step)
        return logs if return_dict else self._flat(logs)

    def predict_on_batch(self, x: ArrayLike) -> NDArray:
        """The model's output for one batch, as a new array."""
        return self(as_array(x, "x"), training=False).numpy()

    # ----------------------------------------------------------------------------------- the rest

    @property
    def metrics(self) -> list[Metric]:
        """The mean loss and the metrics of the last epoch or batch, as `Metric`s.

        Before the first one, only the loss; before `compile`, an empty list.
        """
        tracker = self._tracker_now
        if tracker is not None:
            return [tracker.loss_metric(), *tracker.metrics, *tracker.weighted_metrics]
        return [metrics.Mean("loss")] if self.compiled else []

    def reset_metrics(self) -> None:
        """Reset loss and metrics, as at the start of every epoch and batch."""
        if self._tracker_now is not None:
            self._tracker_now.reset()

    @property
    def metrics_names(self) -> list[str]:
        """The loss and the metrics by name, in the order of `evaluate`'s list."""
        arguments = (*self._metric_arguments, *self._weighted_metric_arguments)
        return ["loss", *(a if isinstance(a, str) else a.name for a in arguments)]

    def _run_single(self, samples, make_step):
        """Run the function that `make_step(tracker)` returns on one batch; return the logs.

        Batches of one shape share buffers, bound kernels and metrics until the model changes.
        """
        with self._lock:
            self._check(samples, gather=False)
            singles = self._singles
            if singles is None or not singles.is_for(self):
                singles = self._singles = Singles(self)
            batch = singles.batch_of(samples)
            kind = make_step.__name__
            if kind not in batch.runs:
                tracker = self._tracker(samples.y.shape)
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
        samples = Samples(x, y, sample_weight)
        return Epochs(self._feed(samples, batch_size_of(batch_size, len(samples), steps)), steps)

    def _stream(self, x, y=None, sample_weight=None, shuffle=False, class_weight=None):
        """The batches of an iterable, checked against the model and its loss."""
        self._require_loss()
        if y is not None or sample_weight is not None:
            raise ValueError(
                "If `x` is an iterable of batches, these include targets and sample weights: `y` "
                f"and `sample_weight` must be None. Received x of type {type(x)}."
            )
        stream = Stream(x, self, self.loss_object, shuffle, class_weight).peek()
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
        self.build_for(samples.x)
        samples.prepare(self.input_shape, self.loss_object, self.output_shape, gather)
        with self._lock:
            self.assemble_if_changed()

    def _tracker(self, target_shape):
        shapes = (target_shape, self.output_shape)
        lists = (self._metric_arguments, self._weighted_metric_arguments)
        unweighted, weighted = (
            [metrics.resolve(metric, *shapes) for metric in arguments] for arguments in lists
        )
        return Tracker(unweighted, weighted, self.loss_object.reduction == "sum")

    def _flat(self, logs):
        """The logs as `evaluate` returns them: in the order in which `compile` got the metrics."""
        names = [name for name in self.metrics_names if name in logs]
        names += [name for name in logs if name not in names]
        values = [logs[name] for name in names]
        return values[0] if len(values) == 1 else values

    def _require_compiled(self, method):
        if not self.compiled:
            raise ValueError(f"Call `compile()` before `{method}()`.")

    def _require_loss(self):
        if self.loss_object is None:
            raise ValueError("The model was compiled without a `loss`: pass one to `compile`.")


def batch_size_of(batch_size, samples, steps=None):
    """Samples per step: `batch_size`, by default what leads to `steps` steps, or 32."""
    if batch_size is None:
        return -(-samples // steps) if steps and samples else 32
    return check_count(batch_size, "batch_size")
