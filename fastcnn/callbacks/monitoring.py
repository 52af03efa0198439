"""Callbacks that monitor one value: EarlyStopping, ModelCheckpoint, ReduceLROnPlateau."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.callbacks.base import Callback
from fastcnn.core.arguments import check_number, warn

if TYPE_CHECKING:
    from fastcnn.core.types import Path

MODES = ("auto", "min", "max")


class MonitorCallback(Callback):
    """Base class: which value to monitor, and whether larger or smaller is better.

    Args:
        monitor: a key of the logs.
        mode: "min", "max", or "auto": losses and errors should decrease, accuracies increase.
        min_delta: smallest change that counts as an improvement.

    Attributes:
        best: the best value so far, or None; NaN is never an improvement.
        monitor_op: `np.less` or `np.greater`.
    """

    def __init__(self, monitor="val_loss", mode="auto", min_delta=0):
        super().__init__()
        if mode not in MODES:
            warn(
                f"{type(self).__name__}: the mode {mode!r} is not one of {MODES}: using 'auto'.",
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(check_number(min_delta, "min_delta"))
        self.best = None
        self._sign = {"min": -1, "max": 1}.get(mode)

    def is_improvement(self, value, reference):
        """Whether `value` is better than `reference` by more than `min_delta`."""
        if self._sign is None:
            self._sign = self._direction()
        if np.isnan(value):  # the first one would be the best for ever, as in Keras
            return False
        if reference is None:
            return True
        return self._sign * value - self.min_delta > self._sign * reference

    @property
    def monitor_op(self):
        """`np.less` or `np.greater`, which of them is better; None before that is known."""
        return {-1: np.less, 1: np.greater}.get(self._sign)

    @monitor_op.setter
    def monitor_op(self, value):
        if value not in (np.less, np.greater):
            raise ValueError(
                f"The attribute `monitor_op` must be `np.less` or `np.greater`. Received {value!r}."
            )
        self._sign = -1 if value is np.less else 1

    def _direction(self):
        name = self.monitor.removeprefix("val_")
        direction = self.model.objectives.direction(name)
        if direction is not None:
            return 1 if direction == "up" else -1
        raise ValueError(
            f"{type(self).__name__} cannot infer whether {self.monitor!r} should increase or "
            "decrease: pass mode='max' or mode='min'."
        )


class EarlyStopping(MonitorCallback):
    """Stops training when a monitored value has stopped improving.

    Args:
        monitor: a key of the logs.
        min_delta: smallest change that counts as an improvement.
        patience: number of epochs without improvement to wait.
        verbose: 1 prints a message when training is stopped.
        mode: "min", "max" or "auto".
        baseline: value to beat: an improvement that does not reach it does not reset the wait.
        restore_best_weights: whether to restore the weights of the best epoch at the end.
        start_from_epoch: epochs before this one are ignored.

    Attributes:
        stopped_epoch, best_epoch, best, wait: the state of the callback.
    """

    state_names = ("wait", "stopped_epoch", "best", "best_weights", "best_epoch")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._start()

    def _start(self):
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_train_begin(self, logs=None):
        self._start()

    def on_epoch_end(self, epoch, logs=None):
        value = watched(self, logs, "Early stopping")
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.is_improvement(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.is_improvement(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping", flush=True)
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}.",
                    flush=True,
                )
            self.model.set_weights(self.best_weights)


class ReduceLROnPlateau(MonitorCallback):
    """Reduces the learning rate when a monitored value has stopped improving.

    Args:
        monitor: a key of the logs.
        factor: new rate = rate * factor, below 1.
        patience: number of epochs without improvement to wait.
        verbose: 1 prints each new rate.
        mode: "min", "max" or "auto".
        min_delta: smallest change that counts as an improvement.
        cooldown: number of epochs after a reduction before counting resumes.
        min_lr: lower bound on the rate.

    The rate is logged as `learning_rate`.
    """

    state_names = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not check_number(factor, "factor") < 1:
            raise ValueError(f"The argument `factor` must be below 1. Received factor={factor!r}.")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs=None):
        self.best = None
        self.wait = self.cooldown_counter = 0

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        logs["learning_rate"] = float(self.model.optimizer.learning_rate.numpy())
        value = watched(self, logs, "Learning rate reduction")
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_improvement(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch):
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        if np.float32(rate) <= np.float32(self.min_lr):
            return
        rate = max(rate * self.factor, self.min_lr)
        optimizer.learning_rate = rate
        self.cooldown_counter = self.cooldown
        self.wait = 0
        if self.verbose:
            print(
                f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.",
                flush=True,
            )


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, after each epoch or every few steps.

    Args:
        filepath: a path that ends in .keras, or with `save_weights_only` in .weights.h5 or .npz. It
            may contain `{epoch:02d}`, counted from 1, and keys of the logs like `{val_loss:.2f}`.
        monitor: a key of the logs, for `save_best_only`.
        verbose: 1 prints a message for each save.
        save_best_only: save only when the monitored value improved.
        save_weights_only: save weights instead of the whole model.
        mode: "min", "max" or "auto".
        save_freq: "epoch", or a number of steps.
        initial_value_threshold: value that the first save has to beat.
    """

    state_names = ("best", "_steps")

    def __init__(
        self,
        filepath: Path,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.best = initial_value_threshold
        self._steps = self._epoch = 0
        check_save_freq(save_freq)
        endings = (".weights.h5", ".npz") if save_weights_only else (".keras",)
        if not self.filepath.endswith(endings):
            raise ValueError(
                f"The argument `filepath` must end in {' or '.join(endings)} with "
                f"save_weights_only={save_weights_only}. Received filepath={self.filepath!r}."
            )
        if save_freq != "epoch":
            self.on_train_batch_end = (
                self._count_step
            )  # set only if needed, to save a call per step

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save(epoch, logs or {})

    def _count_step(self, batch, logs=None):
        self._steps += 1
        if self._steps >= self.save_freq:
            self._steps = 0
            self._save(self._epoch, logs or {}, batch=batch + 1)

    def _save(self, epoch, logs, **names):
        try:
            path = self.filepath.format(epoch=epoch + 1, **{**names, **logs})
        except KeyError as error:
            raise KeyError(
                f"The argument `filepath` contains the unknown key {error}: {self.filepath!r}. "
                f"The logs contain {list(logs)}."
            ) from None
        if not self._is_wanted(epoch, logs, path):
            return
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(path, overwrite=True)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: finished saving model to {path}", flush=True)

    def _is_wanted(self, epoch, logs, path):
        message = f"saving model to {path}"
        wanted = True
        if self.save_best_only:
            value = logs.get(self.monitor)
            if value is None or np.ndim(value):
                warn(
                    f"ModelCheckpoint needs a scalar {self.monitor!r} in the logs to find the best "
                    f"model. The logs contain {list(logs)}: saving every model.",
                )
                return True
            before = "None" if self.best is None else f"{self.best:.5f}"
            wanted = self.is_improvement(value, self.best)
            if wanted:
                self.best = value
                message = f"{self.monitor} improved from {before} to {value:.5f}, {message}"
            else:
                message = f"{self.monitor} did not improve from {before}"
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: {message}", flush=True)
        return wanted


def watched(callback, logs, what):
    """The value that the callback monitors; if it is missing, warn and return None."""
    value = (logs or {}).get(callback.monitor)
    if value is None:
        warn(
            f"{what} is conditioned on {callback.monitor!r}, which is not in the logs. "
            f"Available: {', '.join(logs or {})}.",
        )
    return value


def check_save_freq(save_freq):
    """Accept "epoch" and positive integers, else raise ValueError."""
    is_count = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq >= 1
    if save_freq != "epoch" and not is_count:
        raise ValueError(
            "The argument `save_freq` must be 'epoch' or a positive integer. "
            f"Received save_freq={save_freq!r}."
        )
