"""The training loop: compile, fit and train_on_batch.

A training step is: load a batch into its buffers, run the steps of the plan forward, let the head
compute losses and the gradient, run the steps backward, update all weights in one pass. Nothing is
allocated in a repeated step; CONTRIBUTING.md says what it costs outside the kernels.
"""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastcnn import callbacks as callbacks_module, optimizers
from fastcnn.core import ranks
from fastcnn.core.arguments import check_count, check_optional_count, check_verbose, warn
from fastcnn.data.arrays import unpack
from fastcnn.data.streams import Epochs, makes_batches
from fastcnn.training.evaluator import Evaluator, batch_size_of, runner_of
from fastcnn.training.loop import BatchLoop
from fastcnn.training.objectives import Objectives
from fastcnn.training.progress import ProgressBar
from fastcnn.training.run_state import Run

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from fastcnn.callbacks import History
    from fastcnn.core.types import (
        Arrays,
        CallbacksLike,
        Data,
        LossLike,
        LossWeights,
        Metrics,
        OptimizerLike,
        Verbose,
    )


class Trainer(Evaluator):
    """The methods that train a model. Call `compile` first."""

    stop_training = False
    history: Any = None  # the `History` of the last `fit`
    _training = False
    _run: Run | None = None  # the `Run` of the running `fit`

    def compile(
        self,
        optimizer: OptimizerLike = "rmsprop",
        loss: LossLike = None,
        loss_weights: LossWeights = None,
        metrics: Metrics = None,
        weighted_metrics: Metrics = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Configure the model for training.

        Args:
            optimizer: a name such as "adam", or an `Optimizer`.
            loss: a name such as "sparse_categorical_crossentropy", or a `Loss`. With several
                outputs it applies to all of them, or pass one for each as a list, or a dictionary
                by the outputs' names; None for an output that is not trained.
            loss_weights: the factor of each output's loss in the sum that is minimized: a list or
                dictionary as for `loss`, or a number if there is one output.
            metrics: list of names such as "accuracy", `Metric`s, or functions of (y_true, y_pred).
                With several outputs, a list or dictionary of what each output has: one or a list.
            weighted_metrics: the same, for metrics that take sample and class weights into account.
            run_eagerly, steps_per_execution, jit_compile, auto_scale_loss: accepted and ignored.

        Raises:
            ValueError: an unknown name (the error lists the valid ones), or losses, weights or
                metrics that do not correspond to the outputs.
        """
        optimizer = optimizers.get(optimizer)
        objectives = Objectives(
            self._structure("output"), loss, loss_weights, metrics, weighted_metrics
        )
        for item in objectives.losses:
            if item is not None and item.trains_in not in (None, self.dtype):
                raise ValueError(
                    f"A loss trains in the dtype of its model, {self.dtype}. "
                    f"Received loss={item!r} with dtype={item.dtype!r}."
                )
        self.optimizer = optimizer
        self.loss = loss
        self.loss_weights = loss_weights
        self.objectives = objectives
        self.compiled = True
        self._plan = self._singles = self._tracker_now = None

    # ---------------------------------------------------------------------------------------- fit

    def fit(
        self,
        x: Data = None,
        y: Arrays = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Verbose = "auto",
        callbacks: CallbacksLike = None,
        validation_split: float = 0.0,
        validation_data: Data = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Arrays = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
    ) -> History:
        """Train for some epochs.

        Args:
            x: array (n, ...) of the model's input shape: uint8, float32 and float64 are read batch
                by batch, other types are converted to float32 first. A model with several inputs
                takes a list of arrays, or a dictionary by the inputs' names. Or batches, (x, y) or
                (x, y, sample_weight): a `data.Dataset`, a generator, a `utils.PyDataset`, or
                another iterable.
            y: targets (n,), (n, 1) or (n, ...), depending on the loss. Those of several outputs are
                a list, or a dictionary by name; outputs without a loss may be left out.
            batch_size: samples per step; None is 32, or follows from `steps_per_epoch`.
            epochs: index of the epoch to stop before, as in Keras.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 one line per epoch.
            callbacks: list of `Callback`.
            validation_split: fraction of the samples to use for validation instead of training: the
                last ones, before shuffling.
            validation_data: (x, y) or (x, y, sample_weight), or batches; overrides
                `validation_split`.
            shuffle: whether to draw a new order for each epoch.
            class_weight: dictionary {class: weight}; the default weight is 1. For models with one
                output.
            sample_weight: array (n,), for all outputs, or nested like `y`, with None for an output
                without weights.
            initial_epoch: index of the first epoch, to continue an earlier `fit`.
            steps_per_epoch: number of steps per epoch; None is one pass over the data.
            validation_steps: number of steps of a validation; None is one pass.
            validation_batch_size: None is `batch_size`.
            validation_freq: validate every so many epochs, or a list of epochs, counted from 1.

        Returns:
            `History`: its `history` is a dictionary of lists, one value per epoch.

        Ctrl-C stops it after a complete step: the model stays usable, and the next `fit` continues.
        """
        self._require_compiled("fit")
        number = check_count(epochs, "epochs", minimum=0)
        check_count(initial_epoch, "initial_epoch", minimum=0)
        check_optional_count(steps_per_epoch, "steps_per_epoch")
        check_optional_count(validation_steps, "validation_steps")
        if not isinstance(validation_freq, (list, tuple, set)):
            check_count(validation_freq, "validation_freq")
        shown = check_verbose(verbose)
        with self._only_training(), ranks.together("fit"):
            split = validation_split if validation_data is None else 0
            epochs, held_back = self._epochs_to_train(
                x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight, split
            )
            validation = self._validation(
                validation_data, held_back, validation_batch_size or batch_size, validation_steps
            )
            params = {"verbose": verbose, "epochs": number, "steps": epochs.steps}
            hooks = callbacks_module.CallbackList(callbacks, add_history=True, model=self, **params)
            self.history = hooks.history
            self.stop_training = False
            if ranks.current is not None:
                ranks.current.start(self, epochs, validation)
            epochs.reset()
            tracker = self._tracker_now = self._tracker(epochs.feed.target_shapes)
            run = self._run = Run(self, epochs, tracker, hooks, initial_epoch)
            try:
                logs = self._train(run, number, shown, validation, validation_freq)
            finally:
                self._run = None
                for used in (epochs, *(validation or ())[:1]):
                    used.close()
                tracker.release()
                if self._tracker_now is not None:  # as after a `compile` in a callback
                    self._tracker_now.release()  # the validation's, if that was interrupted
            if number:
                self.optimizer.finalize_variable_values(self.trainable_weights)
            hooks.call("on_train_end", logs)
            return self.history

    def _epochs_to_train(
        self, x, y, sample_weight, batch_size, steps, shuffle, class_weight, split
    ):
        """(batches to train on, samples held back for validation or None)."""
        if makes_batches(x):
            if split:
                raise ValueError(
                    "The argument `validation_split` is only for arrays: pass `validation_data`. "
                    f"Received x of type {type(x)}."
                )
            stream = self._stream(x, y, sample_weight, shuffle, class_weight, trains=True)
            return Epochs(stream, steps, "steps_per_epoch"), None
        samples, held_back = self.samples(x, y, sample_weight), None
        if split:
            samples, held_back = samples.split(split)
        samples.weigh_classes(class_weight)  # for training only: validation is not weighted
        size = batch_size_of(batch_size, len(samples), steps)
        return Epochs(self._feed(samples, size, shuffle), steps), held_back

    def _validation(self, data, held_back, batch_size, steps):
        """(batches to validate on, their `Tracker`), or None."""
        if data is not None:
            if not isinstance(data, (list, tuple)) and not makes_batches(data):
                raise ValueError(
                    "`validation_data` must be (x, y), (x, y, sample_weight) or an iterable of "
                    f"batches. Received an object of type {type(data)}."
                )
            x, y, sample_weight = unpack(data, "`validation_data`")
            epochs = self._epochs(x, y, sample_weight, batch_size, steps)
        elif held_back is not None:
            size = batch_size_of(batch_size, len(held_back), steps)
            epochs = Epochs(self._feed(held_back, size), steps)
        else:
            return None
        return epochs, self._tracker(epochs.feed.target_shapes)

    def _train(self, run, number, verbose, validation, validation_freq):
        """Run the epochs; return the logs of the last one."""
        hooks, logs = run.hooks, {}
        hooks.call("on_train_begin", {})
        run.restore()
        while run.epoch < number and not self.stop_training:
            epoch = run.epoch
            if run.epochs.feed.exhausted:
                if not run.epochs.is_cut:  # else it warned when the data ran out
                    warn(f"There are no data left for epoch {epoch + 1}: training stops.")
                break
            hooks.call("on_epoch_begin", epoch, {})
            run.restore_once_more()
            if verbose and number > 1:
                print(f"Epoch {epoch + 1}/{number}", flush=True)
            with ProgressBar(run.epochs.steps, verbose) as progress:
                logs = self._train_epoch(run, progress)
                if not run.done:
                    warn(f"There are no data for epoch {epoch + 1}: training stops.")
                    return {}
                if validation is not None and _is_due(epoch + 1, validation_freq):
                    values = self._evaluate(*validation, hooks)
                    logs |= {f"val_{name}": value for name, value in values.items()}
                    logs = dict(sorted(logs.items()))
                done, run.epoch, run.done = run.done, epoch + 1, 0
                hooks.call("on_epoch_end", epoch, logs)
                progress.finish(done, logs)
            if ranks.current is not None:
                ranks.current.end_epoch(self)
        return logs

    def _train_epoch(self, run, progress):
        """Run the remaining steps of an epoch; return the logs of the whole epoch."""
        tracker = run.tracker
        self._tracker_now = tracker
        if not run.done:
            tracker.reset()
        step = self._train_step(tracker)
        loop = BatchLoop(
            run.epochs.epoch(run.done),
            run.hooks,
            "train",
            ranks.agreed(self, run.hooks, "train"),
            tracker.logs,
            progress,
            run.done,
        )
        from fastcnn.training.interrupt import Interrupt  # `signal` is slow to import

        with Interrupt() as interrupt:
            for batch in loop:
                interrupt.busy = True
                step(batch)
                interrupt.busy = False
                if interrupt.pending:
                    raise KeyboardInterrupt
                run.done += 1
        return tracker.logs()

    def _train_step(self, tracker):
        """A function that trains on one batch and adds its results to `tracker`."""
        self._require_current_optimizer()
        compiled = self.optimizer, self.objectives, self._leaves
        model = weakref.proxy(self)  # the model keeps the function, for `train_on_batch`
        lock, add = self._lock, tracker.add

        def bound():
            plan = model._plan
            update = model.optimizer.update if plan.backward.steps else None
            return plan, runner_of(model), model._store.lock, update

        plan, runner, weights_lock, update = bound()
        if update is None:
            warn("The model does not have any trainable weights.")

        def step(batch):
            nonlocal plan, runner, weights_lock, update
            with lock:
                if model._plan is not plan:  # a callback changed the model, or only a setting
                    model._require_current_optimizer()
                    if (model.optimizer, model.objectives, model._leaves) != compiled:
                        raise RuntimeError("The model was compiled or changed during training.")
                    plan, runner, weights_lock, update = bound()
                with weights_lock:
                    batch.load()
                    program = runner.compute_loss(batch, True)
                    if update is not None:
                        runner.backpropagate()
                        update()
                    add(program, batch)

        return step

    # ------------------------------------------------------------------------------ single batches

    def train_on_batch(
        self,
        x: Arrays,
        y: Arrays = None,
        sample_weight: Arrays = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Train on one batch; returns the loss and metrics of this batch before the update."""
        self._require_compiled("train_on_batch")
        samples = self.samples(x, y, sample_weight).weigh_classes(class_weight)
        with self._only_training():
            logs = self._run_single(samples, self._train_step)
        return logs if return_dict else self._flat(logs)

    # ----------------------------------------------------------------------------------- the rest

    def _require_current_optimizer(self):
        with self._lock:
            self.assemble_if_changed()
            self.optimizer.build(self._store)

    @contextmanager
    def _only_training(self):
        """Allow only one training at a time: steps of a second one would interleave."""
        with self._lock:
            if self._training:
                raise RuntimeError(f"The model {self.name!r} is already being trained.")
            self._training = True
        try:
            yield
        finally:
            self._training = False


def _is_due(epoch, frequency):
    """Whether to validate after this epoch, counted from 1."""
    if isinstance(frequency, (list, tuple, set)):
        return epoch in frequency
    return epoch % frequency == 0
