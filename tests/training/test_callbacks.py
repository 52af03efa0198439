"""Callbacks: when each hook is called and with which arguments."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import kernels, layers
from fastcnn.callbacks import Callback, CallbackList
from fastcnn.callbacks.base import BATCH_HOOKS
from tests.support.tiny import X, Y, make_model

model = pytest.fixture(make_model)

HOOKS = [f"on_{of}_{at}" for of in ("epoch", "train", "test", "predict") for at in ("begin", "end")]


class Recorder(Callback):
    """Records the name of every hook that is called, and the keys of its logs."""

    def __init__(self):
        super().__init__()
        self.calls = []


def _record(hook):
    def method(self, *arguments, logs=None):
        *index, logs = (*arguments, logs) if logs is not None else arguments
        self.calls.append((hook, *index, sorted(logs or {})))

    return method


for _hook in (*HOOKS, *BATCH_HOOKS):
    setattr(Recorder, _hook, _record(_hook))


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


def test_evaluate_and_predict_call_their_hooks(model):
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
        def on_batch_end(self, batch, logs=None):  # the old name still works
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


def test_stop_training_ends_fit(model):
    class Stop(Callback):
        def __init__(self, hook):
            super().__init__()
            setattr(self, hook, self.stop)

        def stop(self, index, logs=None):
            self.model.stop_training = True

    assert model.fit(X, Y, epochs=9, verbose=0, callbacks=[Stop("on_epoch_end")]).epoch == [0]
    steps = model.optimizer.iterations
    model.fit(X, Y, batch_size=1, epochs=9, verbose=0, callbacks=[Stop("on_train_batch_end")])
    assert model.optimizer.iterations == steps + 1


def test_values_added_to_the_logs_are_kept_in_history(model):
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


def test_learning_rate_set_in_a_callback_is_used(model):
    class Freeze(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.0

    before = model.get_weights()
    model.fit(X, Y, verbose=0, callbacks=[Freeze()])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_objects_that_are_not_callbacks_are_rejected(model):
    with pytest.raises(ValueError, match=r"must be an instance of `keras.callbacks.Callback`"):
        model.fit(X, Y, verbose=0, callbacks=[print])


def test_nested_lists_and_callback_lists():
    first, second = Callback(), keras.callbacks.History()
    hooks = CallbackList([first, [second]], add_history=True)
    assert hooks.callbacks == [first, second]
    assert hooks.history is second
    assert CallbackList(hooks).callbacks == [first, second]


def test_history_is_in_alphabetical_order(model):
    names = ["b", "weighted", "zz"]
    weighted = [keras.metrics.MeanAbsoluteError(name=name) for name in names]
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mae", *weighted])
    history = model.fit(X, Y, validation_data=(X, Y), verbose=0).history
    keys = ["b", "loss", "mae", *(f"val_{k}" for k in ("b", "loss", "mae", "weighted"))]
    assert list(history) == [*keys, "val_weighted_mae", "val_zz", "weighted", "weighted_mae", "zz"]


class TestControl:
    def test_schedule_may_take_the_epoch_only(self, model):
        schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
        scheduler = keras.callbacks.LearningRateScheduler(schedule)
        history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[scheduler]).history
        np.testing.assert_allclose(history["learning_rate"], [0.1, 0.05, 0.025])

    def test_a_schedule_that_fails_is_not_called_twice(self, model):
        def schedule(epoch, rate):
            raise TypeError("mine")

        scheduler = keras.callbacks.LearningRateScheduler(schedule)
        with pytest.raises(TypeError, match="mine"):
            model.fit(X, Y, verbose=0, callbacks=[scheduler])

    def test_a_schedule_must_return_a_float(self, model):
        scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: "fast")
        with pytest.raises(ValueError, match=r"must return a float. Received 'fast'"):
            model.fit(X, Y, verbose=0, callbacks=[scheduler])

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_nan_and_inf_terminate_training(self, model, value, capsys):
        x = X.copy()
        x[2, 0] = value
        terminate = keras.callbacks.TerminateOnNaN
        with np.errstate(all="ignore"):
            model.fit(
                x, Y, batch_size=1, shuffle=False, epochs=3, verbose=0, callbacks=[terminate()]
            )
        assert model.optimizer.iterations == 3
        assert capsys.readouterr().out == "Batch 2: Invalid loss, terminating training\n"
        with pytest.raises(RuntimeError, match=r"The loss is (nan|inf) at batch 0"):
            model.fit(x[2:], Y[2:], batch_size=1, verbose=0, callbacks=[terminate(True)])

    def test_lambda_callbacks_do_not_implement_other_hooks(self):
        callback = keras.callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: None)
        hooks = CallbackList([callback])
        assert hooks.wants["on_test_batch_end"] == [callback]
        assert hooks.wants["on_train_batch_end"] == []


class TestCSVLogger:
    def test_values_with_several_elements(self, model, tmp_path):
        path = tmp_path / "log.csv"
        model.compile("sgd", "mse", metrics=[keras.metrics.Precision([0.2, 0.4], name="p")])
        model.fit(X, Y, verbose=0, callbacks=[keras.callbacks.CSVLogger(path)])
        header, row = path.read_text().splitlines()
        assert header == "epoch,loss,p,val_loss,val_p"
        assert row.endswith('"""[0.0, 0.0]""",NA,NA') or '"""[' in row

    def test_append_creates_a_missing_file(self, model, tmp_path):
        path = tmp_path / "log.csv"
        for _ in range(2):
            model.fit(X, Y, verbose=0, callbacks=[keras.callbacks.CSVLogger(path, append=True)])
        assert [line[:2] for line in path.read_text().splitlines()] == ["ep", "0,", "0,"]


def changing(change):
    """A `fit` of two epochs during which `change(model)` is called after each step."""
    rng = np.random.default_rng(0)
    x, y = rng.random((64, 4), np.float32), rng.integers(0, 3, 64)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    hook = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: change(model, x))
    model.fit(x, y, 16, epochs=2, verbose=0, callbacks=[hook])
    return model.get_weights()


@pytest.fixture
def _settings():
    before = keras.config.num_threads()
    yield
    keras.config.set_num_threads(before)


SETTINGS = {
    "threads": lambda model: keras.config.set_num_threads(3 - keras.config.num_threads()),
    "instruction set": lambda model: kernels.set_instruction_set(kernels.instruction_set()),
    "frozen and trainable again": lambda model: [
        setattr(model.layers[0], "trainable", value) for value in (False, True)
    ],
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.usefixtures("_settings")
def test_callback_may_change_settings_and_predict(setting):
    """The run goes on with kernels bound again, and with the same results."""

    def change(model, x):
        SETTINGS[setting](model)
        model.predict(x[:4], verbose=0)

    keras.config.set_num_threads(1)
    expected = changing(lambda model, x: None)
    for found, wanted in zip(changing(change), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    "change",
    [
        lambda model, x: model.compile("sgd", "mse"),
        lambda model, x: model.compile(model.optimizer, "mse"),
        lambda model, x: model.add(layers.Activation("relu")),
    ],
)
def test_callback_that_compiles_or_changes_the_model_stops_it_with_an_error(change):
    with pytest.raises(RuntimeError, match="compiled or changed during training"):
        changing(change)
