"""Callbacks: which hook is called when and with what."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.callbacks import Callback, CallbackList
from fastcnn.callbacks.base import BATCH_HOOKS

HOOKS = [f"on_{of}_{at}" for of in ("epoch", "train", "test", "predict") for at in ("begin", "end")]


class Recorder(Callback):
    """Writes down the name of every hook that is called, and the keys of its logs."""

    def __init__(self):
        super().__init__()
        self.calls = []


def _record(hook):
    def method(self, *arguments, logs=None):
        *place, logs = (*arguments, logs) if logs is not None else arguments
        self.calls.append((hook, *place, sorted(logs or {})))

    return method


for _hook in (*HOOKS, *BATCH_HOOKS):
    setattr(Recorder, _hook, _record(_hook))


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


X, Y = np.arange(8.0).reshape(4, 2), np.arange(4.0)


def test_fit_calls_all_hooks_in_order(model):
    recorder = Recorder()
    model.fit(X, Y, batch_size=2, validation_data=(X, Y), verbose=0, callbacks=[recorder])
    logs, val_logs = ["loss", "mae"], ["val_loss", "val_mae"]
    assert recorder.calls == [
        ("on_train_begin", []),
        ("on_epoch_begin", 0, []),
        ("on_train_batch_begin", 0, []),
        ("on_train_batch_end", 0, logs),
        ("on_train_batch_begin", 1, []),
        ("on_train_batch_end", 1, logs),
        ("on_test_begin", []),
        ("on_test_batch_begin", 0, []),
        ("on_test_batch_end", 0, logs),
        ("on_test_batch_begin", 1, []),
        ("on_test_batch_end", 1, logs),
        ("on_test_end", logs),
        ("on_epoch_end", 0, logs + val_logs),
        ("on_train_end", logs + val_logs),
    ]
    assert recorder.model is model
    assert recorder.params == {"verbose": 0, "epochs": 1, "steps": 2}


def test_evaluate_and_predict_call_theirs(model):
    recorder = Recorder()
    model.evaluate(X, Y, verbose=0, callbacks=recorder)
    assert [call[0] for call in recorder.calls] == [
        "on_test_begin",
        "on_test_batch_begin",
        "on_test_batch_end",
        "on_test_end",
    ]
    recorder.calls.clear()
    model.predict(X, verbose=0, callbacks=[recorder])
    assert recorder.calls == [
        ("on_predict_begin", []),
        ("on_predict_batch_begin", 0, []),
        ("on_predict_batch_end", 0, ["outputs"]),
        ("on_predict_end", []),
    ]


def test_batch_logs_are_running_means(model):
    model.compile(keras.optimizers.SGD(0.0), "mse")
    seen = []

    class Watch(Callback):
        def on_batch_end(self, batch, logs=None):  # the old name works as well
            seen.append(logs["loss"])

    model.fit(X, Y, batch_size=1, shuffle=False, verbose=0, callbacks=[Watch()])
    losses = (model(X)[:, 0] - Y) ** 2
    np.testing.assert_allclose(seen, np.cumsum(losses) / np.arange(1, 5), rtol=1e-6)


def test_only_implemented_batch_hooks_are_called():
    class OnlyEpochs(Callback):
        def on_epoch_end(self, epoch, logs=None):
            pass

    class Batches(Callback):
        def on_batch_begin(self, batch, logs=None):
            pass

    single = OnlyEpochs()
    single.on_test_batch_end = lambda batch, logs=None: None
    hooks = CallbackList([OnlyEpochs(), Batches(), single])
    assert [type(callback) for callback in hooks.wants["on_train_batch_begin"]] == [Batches]
    assert hooks.wants["on_train_batch_end"] == []
    assert hooks.wants["on_test_batch_end"] == [single]


def test_stopping(model):
    class Stop(Callback):
        def __init__(self, hook):
            super().__init__()
            setattr(self, hook, self.stop)

        def stop(self, number, logs=None):
            self.model.stop_training = True

    assert model.fit(X, Y, epochs=9, verbose=0, callbacks=[Stop("on_epoch_end")]).epoch == [0]
    steps = model.optimizer.iterations
    model.fit(X, Y, batch_size=1, epochs=9, verbose=0, callbacks=[Stop("on_train_batch_end")])
    assert model.optimizer.iterations == steps + 1


def test_what_callbacks_add_to_the_logs_is_kept_in_history(model):
    class Add(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)

    history = model.fit(X, Y, verbose=0, callbacks=[Add()]).history
    assert history["learning_rate"] == [0.01]


def test_a_callback_may_use_the_model(model):
    class Use(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.predict(X, verbose=0, batch_size=3)
            self.model.evaluate(X, Y, verbose=0)
            self.model(X[:1])

    plain = keras.Sequential.from_config(model.get_config())
    plain.compile("sgd", "mse", metrics=["mae"])
    plain.set_weights(model.get_weights())
    wanted = plain.fit(X, Y, batch_size=1, epochs=2, shuffle=False, verbose=0).history
    history = model.fit(
        X, Y, batch_size=1, epochs=2, shuffle=False, verbose=0, callbacks=[Use()]
    ).history
    assert history == wanted


def test_learning_rate_set_in_a_callback_counts(model):
    class Freeze(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.0

    before = model.get_weights()
    model.fit(X, Y, verbose=0, callbacks=[Freeze()])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_not_a_callback(model):
    with pytest.raises(ValueError, match=r"must be an instance of `keras.callbacks.Callback`"):
        model.fit(X, Y, verbose=0, callbacks=[print])
