"""The loops: fit, evaluate, predict, and what they need to know from `compile`.

A training step is: load a batch into its buffers, run the steps of the plan forward, let the head
compute losses and the gradient, run the steps backward, update all weights in one pass. Nothing is
allocated in a repeated step; what it costs outside the kernels is written in CONTRIBUTING.md.
"""

import time
import warnings
from contextlib import contextmanager

import numpy as np

from fastcnn import callbacks as callbacks_module
from fastcnn import losses, metrics, optimizers
from fastcnn.arguments import check_count, check_verbose, refuse
from fastcnn.data import Feed, Samples, as_array, fit_images, unpack
from fastcnn.interrupt import Interrupt
from fastcnn.metrics import check_metrics
from fastcnn.progress import ProgressBar
from fastcnn.tracking import Tracker


class Trainer:
    """The training half of a model. `compile` comes first."""

    optimizer = None
    loss = None
    loss_object = None
    compiled = False
    stop_training = False
    stop_evaluating = False
    stop_predicting = False
    history = None
    _metric_arguments = ()
    _weighted_metric_arguments = ()
    _training = False

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Say how the model is trained.

        Args:
            optimizer: a name such as "adam", or an `Optimizer`.
            loss: a name such as "sparse_categorical_crossentropy", or a `Loss`.
            metrics: list of names such as "accuracy", `Metric`s, or functions of (y_true, y_pred).
            weighted_metrics: the same, for metrics that take sample and class weights into account.
            run_eagerly, steps_per_execution, jit_compile, auto_scale_loss: accepted and ignored.

        Raises:
            ValueError: an unknown name; the error lists the valid ones.
        """
        if loss_weights not in (None, 1, 1.0):
            raise NotImplementedError("The argument `loss_weights` is not supported.")
        optimizer = optimizers.get(optimizer)
        loss_object = losses.get(loss)
        lists = [check_metrics(metrics), check_metrics(weighted_metrics)]
        self.optimizer = optimizer
        self.loss = loss
        self.loss_object = loss_object
        self._metric_arguments, self._weighted_metric_arguments = lists
        self.compiled = True
        self._plan = None

    # ---------------------------------------------------------------------------------------- fit

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Train for some epochs.

        Args:
            x: array (n, ...) of the model's input shape: uint8, float32 and float64 are read batch
                by batch, other types are converted to float32 first.
            y: targets (n,), (n, 1) or (n, ...), as the loss wants them.
            batch_size: samples per step; None is 32.
            epochs: number of the last epoch.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 one line per epoch.
            callbacks: list of `Callback`.
            validation_split: the last part of the samples, before shuffling, that is kept for
                validation instead of training.
            validation_data: (x, y) or (x, y, sample_weight); overrides `validation_split`.
            shuffle: whether each epoch has a new order.
            class_weight: dictionary from class to weight; a missing class counts 1.
            sample_weight: array (n,).
            initial_epoch: number of the first epoch, to go on where another `fit` ended.
            validation_batch_size: None is `batch_size`.
            validation_freq: validate every so many epochs, or a list of epochs, counted from 1.

        Returns:
            `History`: its `history` is a dictionary of lists, one value per epoch.

        Ctrl-C ends it after a whole step: the model is usable and the next fit goes on from there.
        """
        self._require_compiled("fit")
        refuse(steps_per_epoch, "steps_per_epoch")
        refuse(validation_steps, "validation_steps")
        batch_size = check_count(batch_size or 32, "batch_size")
        epochs = check_count(epochs, "epochs", minimum=0)
        if not isinstance(validation_freq, (list, tuple, set)):
            check_count(validation_freq, "validation_freq")
        verbose = check_verbose(verbose)
        samples = Samples(x, y, sample_weight)
        held_back = None
        if validation_data is not None:
            held_back = Samples(*unpack(validation_data))
        elif validation_split:
            samples, held_back = samples.split(validation_split)
        samples.weigh_classes(class_weight)  # for training only: validation is not weighed

        with self._only_training():
            feed = self._feed(samples, batch_size, shuffle)
            validation = None
            if held_back is not None:
                size = check_count(validation_batch_size or batch_size, "validation_batch_size")
                feed_held_back = self._feed(held_back, size)
                validation = feed_held_back, self._tracker(feed_held_back)
            history = callbacks_module.History()
            params = {"verbose": verbose, "epochs": epochs, "steps": feed.steps}
            hooks = callbacks_module.CallbackList(callbacks, self, params)
            history.set_model(self)
            history.set_params(params)
            self.stop_training = False
            self.history = history
            history.on_train_begin()
            hooks.call("on_train_begin", None)
            tracker = self._tracker(feed)
            logs = {}
            for epoch in range(initial_epoch, epochs):
                hooks.call("on_epoch_begin", epoch, {})
                if verbose and epochs > 1:
                    print(f"Epoch {epoch + 1}/{epochs}", flush=True)
                progress = ProgressBar(feed.steps, verbose)
                try:
                    logs = self._train_epoch(feed, tracker, hooks, progress)
                    if validation is not None and _is_due(epoch + 1, validation_freq):
                        values = self._evaluate(*validation, hooks)
                        logs.update({f"val_{name}": value for name, value in values.items()})
                    hooks.call("on_epoch_end", epoch, logs)
                except BaseException:
                    progress.close()
                    raise
                progress.finish(self._steps_done, logs)
                history.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
            hooks.call("on_train_end", logs)
            return history

    def _train_epoch(self, feed, tracker, hooks, progress):
        """One pass over the training samples; the logs of the whole epoch."""
        tracker.reset()
        step = self._train_step(tracker)
        begin_hooks = hooks.wants["on_train_batch_begin"]
        end_hooks = hooks.wants["on_train_batch_end"]
        now = time.perf_counter
        done = 0
        self._steps_done = 0
        with Interrupt() as interrupt:
            for batch in feed:
                if begin_hooks:
                    hooks.call_batch("on_train_batch_begin", done, {})
                interrupt.busy = True
                step(batch)
                interrupt.busy = False
                if interrupt.pending:
                    raise KeyboardInterrupt
                done += 1
                if now() >= progress.due:
                    progress.update(done, now(), tracker.logs)
                if end_hooks:
                    hooks.call_batch("on_train_batch_end", done - 1, tracker.logs())
                    if self.stop_training:
                        break
        self._steps_done = done
        progress.stop_clock(done)
        return tracker.logs()

    def _train_step(self, tracker):
        """A function that trains on one batch and adds its results to `tracker`."""
        self._require_current_optimizer()
        plan = self._plan
        lock, head = self._lock, plan.head
        forwards = [step.forward for step in plan.training]
        backwards = [step.backward for step in plan.backward]
        update = self.optimizer.update if backwards else None
        compute, add = head.step, tracker.add
        if update is None:
            warnings.warn("The model does not have any trainable weights.", stacklevel=4)
        if plan.penalties is not None:
            compute, update, add = _with_penalties(plan.penalties, compute, update, add)

        def step(batch):
            with lock:
                if self._plan is not plan:  # a callback changed the model
                    raise RuntimeError("The model was compiled or changed while it was training.")
                batch.load()
                y = batch.x
                for forward in forwards:
                    y = forward(y, True)
                dy = compute(y, batch)
                for backward in backwards:
                    dy = backward(dy)
                if update is not None:
                    update()
                add(head, batch)

        return step

    # ------------------------------------------------------------------------ evaluate and predict

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
    ):
        """Loss and metrics on some samples.

        Returns:
            The loss as a float, or [loss, metric, ...], or a dictionary with `return_dict`.
        """
        self._require_compiled("evaluate")
        refuse(steps, "steps")
        verbose = check_verbose(verbose)
        feed = self._feed(Samples(x, y, sample_weight), check_count(batch_size or 32, "batch_size"))
        params = {"verbose": verbose, "epochs": 1, "steps": feed.steps}
        hooks = callbacks_module.CallbackList(callbacks, self, params)
        progress = ProgressBar(feed.steps, verbose)
        try:
            logs = self._evaluate(feed, self._tracker(feed), hooks, progress)
        except BaseException:
            progress.close()
            raise
        progress.finish(feed.steps, logs)
        return logs if return_dict else self._flat(logs)

    def _evaluate(self, feed, tracker, hooks, progress=None):
        """Loss and metrics of one pass over `feed`, as a dictionary."""
        tracker.reset()
        self.stop_evaluating = False
        hooks.call("on_test_begin", None)
        step = self._test_step(tracker)
        begin_hooks = hooks.wants["on_test_batch_begin"]
        end_hooks = hooks.wants["on_test_batch_end"]
        now = time.perf_counter
        for done, batch in enumerate(feed):
            if begin_hooks:
                hooks.call_batch("on_test_batch_begin", done, {})
            step(batch)
            if end_hooks:
                hooks.call_batch("on_test_batch_end", done, tracker.logs())
                if self.stop_evaluating:
                    break
            if progress is not None and now() >= progress.due:
                progress.update(done + 1, now(), tracker.logs)
        if progress is not None:
            progress.stop_clock(feed.steps)
        logs = tracker.logs()
        hooks.call("on_test_end", logs)
        return logs

    def _test_step(self, tracker):
        """A function that runs one batch forward and adds its results to `tracker`."""
        with self._lock:
            self._assemble_if_changed()
            plan = self._plan
        head, lock = plan.head, self._lock
        forwards = [step.forward for step in plan.training]
        compute, add = head.step, tracker.add
        if plan.penalties is not None:
            compute, _, add = _with_penalties(plan.penalties, compute, None, add)

        def step(batch):
            with lock:
                batch.load()
                y = batch.x
                for forward in forwards:
                    y = forward(y, False)
                compute(y, batch)
                add(head, batch)

        return step

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """The model's output for an array of inputs, batch by batch, as a new array."""
        refuse(steps, "steps")
        verbose = check_verbose(verbose)
        samples = Samples(x)
        self._build_for(samples.x)
        if not len(samples):
            fit_images(samples.x, self.input_shape)
            return np.empty((0, *self.output_shape[1:]), self.dtype)
        with self._lock:
            self._assemble_if_changed()
        feed = Feed(
            samples.prepare(self.input_shape),
            check_count(batch_size or 32, "batch_size"),
            self._input_buffer,
        )
        params = {"verbose": verbose, "epochs": 1, "steps": feed.steps}
        hooks = callbacks_module.CallbackList(callbacks, self, params)
        progress = ProgressBar(feed.steps, verbose)
        self.stop_predicting = False
        outputs = None
        done = 0
        hooks.call("on_predict_begin", None)
        for batch in feed:
            hooks.call_batch("on_predict_batch_begin", done, {})
            with self._lock:
                self._assemble_if_changed()
                batch.load()
                y = batch.x
                for forward in self._forwards:
                    y = forward(y, False)
                if outputs is None:
                    outputs = np.empty((len(samples), *y.shape[1:]), y.dtype)
                output = outputs[batch.begin : batch.begin + batch.size]
                output[...] = y
            done += 1
            if hooks.wants["on_predict_batch_end"]:
                hooks.call_batch("on_predict_batch_end", done - 1, {"outputs": output})
            if self.stop_predicting:
                outputs = outputs[: batch.begin + batch.size]
                break
            if time.perf_counter() >= progress.due:
                progress.update(done, time.perf_counter(), dict)
        progress.stop_clock(done)
        progress.finish(done, {})
        hooks.call("on_predict_end", None)
        return outputs

    # ------------------------------------------------------------------------------ single batches

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One step on one batch; returns loss and metrics of this batch before the step."""
        self._require_compiled("train_on_batch")
        with self._only_training():
            feed, tracker = self._single(Samples(x, y, sample_weight).weigh_classes(class_weight))
            step = self._train_step(tracker)
            for batch in feed:
                step(batch)
        logs = tracker.logs()
        return logs if return_dict else self._flat(logs)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Loss and metrics of one batch."""
        self._require_compiled("test_on_batch")
        feed, tracker = self._single(Samples(x, y, sample_weight))
        step = self._test_step(tracker)
        for batch in feed:
            step(batch)
        logs = tracker.logs()
        return logs if return_dict else self._flat(logs)

    def predict_on_batch(self, x):
        """The model's output for one batch, as a new array."""
        return self(as_array(x, "x"))

    # ----------------------------------------------------------------------------------- the rest

    @property
    def metrics_names(self):
        """The loss and the metrics by name, in the order of `evaluate`'s list."""
        arguments = (*self._metric_arguments, *self._weighted_metric_arguments)
        return ["loss", *(a if isinstance(a, str) else metrics.get(a).name for a in arguments)]

    def _single(self, samples):
        feed = self._feed(samples, len(samples))
        return feed, self._tracker(feed)

    def _feed(self, samples, batch_size, shuffle=False):
        """Batches of samples, checked against the built model and its loss."""
        if self.loss_object is None:
            raise ValueError("The model was compiled without a `loss`: pass one to `compile`.")
        if not len(samples):
            raise ValueError("There are no samples: x is empty.")
        self._build_for(samples.x)
        samples.prepare(self.input_shape, self.loss_object, self.output_shape)
        with self._lock:
            self._assemble_if_changed()
        return Feed(samples, batch_size, self._input_buffer, shuffle)

    def _tracker(self, feed):
        shapes = (feed.samples.y.shape, self.output_shape)
        lists = (self._metric_arguments, self._weighted_metric_arguments)
        unweighted, weighted = (
            [metrics.resolve(metric, *shapes) for metric in arguments] for arguments in lists
        )
        return Tracker(unweighted, weighted, self.loss_object.reduction == "sum")

    def _flat(self, logs):
        values = [logs["loss"], *(value for name, value in logs.items() if name != "loss")]
        return values[0] if len(values) == 1 else values

    def _require_compiled(self, method):
        if not self.compiled:
            raise ValueError(f"Call `compile()` before `{method}()`.")

    def _require_current_optimizer(self):
        with self._lock:
            self._assemble_if_changed()
            self.optimizer.build(self._store)

    @contextmanager
    def _only_training(self):
        """One training at a time: a second one would mix its steps in."""
        with self._lock:
            if self._training:
                raise RuntimeError(f"The model {self.name!r} is being trained already.")
            self._training = True
        try:
            yield
        finally:
            self._training = False


def _with_penalties(penalties, compute, update, add):
    """The three parts of a step, with what regularizers do before, in and after them."""

    def compute_and_measure(y, batch):
        dy = compute(y, batch)
        penalties.measure()
        return dy

    def add_gradients_and_update():
        penalties.add_gradients()
        update()

    def add_with_penalty(head, batch):
        add(head, batch, penalties.value)

    return compute_and_measure, update and add_gradients_and_update, add_with_penalty


def _is_due(epoch, frequency):
    """Whether the epoch, counted from 1, is one to validate after."""
    if isinstance(frequency, (list, tuple, set)):
        return epoch in frequency
    return epoch % frequency == 0
