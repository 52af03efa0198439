"""The base class of all callbacks, `History`, and the list that calls them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from fastcnn.core.arguments import refuse

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Config
    from fastcnn.models import Model

BATCH_HOOKS = tuple(
    f"on_{name}_batch_{when}" for name in ("train", "test", "predict") for when in ("begin", "end")
)


class Callback:
    """Base of all callbacks: every hook does nothing.

    Attributes:
        model: the model that runs.
        params: dictionary with `verbose`, `epochs` and `steps`.
        state_names: names of the attributes that `BackupAndRestore` keeps: plain values, arrays,
            and lists and dictionaries of them.
        runs_last: whether it is called after all others.
    """

    state_names: tuple[str, ...] = ()
    runs_last = False

    def __init__(self) -> None:
        self.params: Config | None = None
        self._model: Any = None

    @property
    def model(self) -> Any:
        return self._model

    def set_model(self, model: Model) -> None:
        self._model = model

    def set_params(self, params: Config) -> None:
        self.params = params

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Before each epoch of `fit`, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """After each epoch and its validation; `logs` holds loss, metrics and val_..."""

    def on_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Old name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Old name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before each step of `fit`."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After each step of `fit`; `logs` is the running mean of this epoch."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before each step of `evaluate`, also for validation within `fit`."""

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After each step of `evaluate`."""

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before each step of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After each step of `predict`; logs["outputs"] is the batch's result."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Once, at the start of `fit`."""

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Once, at the end of `fit`."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """At the start of `evaluate` or validation."""

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """At the end of `evaluate` or validation."""

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """At the start of `predict`."""

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """At the end of `predict`."""


class History(Callback):
    """What happened in each epoch; `fit` returns it.

    Attributes:
        history: dictionary of lists, one value per epoch: loss, metrics, val_...
        epoch: list of epoch indices.
        model: the model, or None if it does not exist any longer. The model keeps its history, so
            the history must not keep the model: the memory of both would stay occupied.
    """

    state_names = ("history", "epoch")

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list] = {}
        self.epoch: list[int] = []

    @property
    def model(self):
        return self._model and self._model()

    def set_model(self, model):
        self._model = model if model is None else weakref.ref(model)

    def __getstate__(self):
        return {**vars(self), "_model": None}

    def on_train_begin(self, logs=None):
        self.epoch = []

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self

    def _repr_html_(self):
        from fastcnn.training.history import history_table

        return history_table(self).html()


class CallbackList:
    """Calls a list of callbacks, hook by hook.

    Args:
        callbacks: a callback, a list of callbacks (may be nested), or another `CallbackList`.
        add_history: whether to append a `History`, unless there is one.
        add_progbar: False: `fit` draws its own progress bar.
        model, params: what the callbacks get by `set_model` and `set_params`.

    Attributes:
        history: the `History`, or None.
        wants: dictionary from each batch hook to the callbacks that really implement it.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        refuse(add_progbar, "add_progbar", False)
        self.callbacks = list(_flattened(callbacks))
        for callback in self.callbacks:
            if not (hasattr(callback, "set_model") and hasattr(callback, "on_epoch_end")):
                raise ValueError(
                    "Each callback must be an instance of `keras.callbacks.Callback`. "
                    f"Received {callback!r}."
                )
        self.history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if self.history is None and add_history:
            self.history = History()
            self.callbacks.append(self.history)
        self.callbacks.sort(key=lambda callback: getattr(callback, "runs_last", False))
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        self.wants = {hook: self._implementing(hook) for hook in BATCH_HOOKS}

    def _implementing(self, hook):
        names = {hook, hook.replace("_train", "")}  # on_batch_end is on_train_batch_end's old name
        return [
            callback
            for callback in self.callbacks
            if any(
                getattr(type(callback), name, None) is not getattr(Callback, name, None)
                or name in vars(callback)
                for name in names
            )
        ]

    def call(self, hook, *arguments):
        """Call `hook` of every callback."""
        for callback in self.callbacks:
            getattr(callback, hook)(*arguments)

    def call_batch(self, hook, batch, logs):
        """Call a batch hook of those that implement it."""
        for callback in self.wants[hook]:
            getattr(callback, hook)(batch, logs)


def _flattened(callbacks):
    if isinstance(callbacks, CallbackList):
        callbacks = callbacks.callbacks
    if isinstance(callbacks, (list, tuple)):
        for callback in callbacks:
            yield from _flattened(callback)
    elif callbacks is not None:
        yield callbacks
