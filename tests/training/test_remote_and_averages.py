"""`SwapEMAWeights` and `RemoteMonitor`."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import fastcnn as keras
from tests.support import pieces


def trained(optimizer):
    keras.utils.clear_session()
    model = pieces.small_net(keras)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    x, y = pieces.small_data()
    for step in range(4):
        model.train_on_batch(x[step : step + 8], y[step : step + 8])
    return model, x, y


def average_of(model):
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return optimizer.slots["average"].copy()


@pytest.mark.parametrize("wrap", [lambda o: o, keras.optimizers.LossScaleOptimizer])
def test_evaluation_and_prediction_use_the_average(wrap):
    model, x, y = trained(wrap(keras.optimizers.SGD(0.3, use_ema=True, ema_momentum=0.7)))
    swap = keras.callbacks.SwapEMAWeights()
    weights, average = pieces.flat(model), average_of(model)
    plain = model.evaluate(x, y, verbose=0)
    averaged = model.evaluate(x, y, verbose=0, callbacks=[swap])
    predicted = model.predict(x, verbose=0, callbacks=[swap])
    assert averaged != plain
    np.testing.assert_array_equal(pieces.flat(model), weights)
    np.testing.assert_array_equal(average_of(model), average)
    model.optimizer.finalize_variable_values()
    assert model.evaluate(x, y, verbose=0) == averaged
    np.testing.assert_array_equal(model.predict(x, verbose=0), predicted)


def test_the_average_stays_for_callbacks_at_the_end_of_an_epoch():
    seen = []

    class Record(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(pieces.flat(self.model))

    def fit(callbacks):
        model = pieces.small_net(keras)
        optimizer = keras.optimizers.SGD(0.3, use_ema=True, ema_momentum=0.7)
        model.compile(optimizer, "sparse_categorical_crossentropy")
        x, y = pieces.small_data()
        logs = model.fit(
            x,
            y,
            epochs=3,
            shuffle=False,
            verbose=0,
            validation_data=(x, y),
            callbacks=callbacks,
        )
        return model, logs.history

    swapped, logs = fit([keras.callbacks.SwapEMAWeights(swap_on_epoch=True), Record()])
    plain, plain_logs = fit([])
    np.testing.assert_array_equal(pieces.flat(swapped), pieces.flat(plain))
    np.testing.assert_array_equal(seen[-1], pieces.flat(plain))
    assert logs["loss"] == plain_logs["loss"]
    assert logs["val_loss"] != plain_logs["val_loss"]


def test_several_optimizers_may_track_averages():
    optimizers = keras.optimizers
    multi = optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.SGD(0.3), {".*bias": optimizers.SGD(0.3, use_ema=True)})
    )
    model, _, _ = trained(multi)
    before = model.get_weights()
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(model)
    swap.on_test_begin()
    changed = [(a != b).any() for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, True, False, True]
    swap.on_test_end()
    for was, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


def test_an_average_is_required():
    model, x, y = trained(keras.optimizers.SGD(0.3))
    with pytest.raises(ValueError, match="SwapEMAWeights needs an optimizer with `use_ema=True`"):
        model.evaluate(x, y, verbose=0, callbacks=[keras.callbacks.SwapEMAWeights()])


class RequestError(Exception):
    pass


@pytest.fixture
def posts(monkeypatch):
    """What is posted, in place of the package `requests`; an address with "no" fails."""
    posts = []

    def post(address, **content):
        if "no" in address:
            raise RequestError
        posts.append((address, content))

    exceptions = SimpleNamespace(RequestException=RequestError)
    module = SimpleNamespace(post=post, exceptions=exceptions)
    monkeypatch.setitem(sys.modules, "requests", module)
    return posts


def test_logs_are_posted_after_each_epoch(posts):
    monitor = keras.callbacks.RemoteMonitor(headers={"a": "b"})
    monitor.on_epoch_end(2, {"loss": np.float32(0.5), "scores": np.ones(2)})
    as_json = keras.callbacks.RemoteMonitor("http://x", "/y", send_as_json=True)
    as_json.on_epoch_end(0, {"loss": 0.25})
    (address, content), second = posts
    assert address == "http://localhost:9000/publish/epoch/end/"
    assert content["headers"] == {"a": "b"}
    wanted = {"epoch": 2, "loss": 0.5, "scores": [1.0, 1.0]}
    assert json.loads(content["data"]["data"]) == wanted
    assert second == ("http://x/y", {"headers": None, "json": {"epoch": 0, "loss": 0.25}})


def test_a_server_that_cannot_be_reached_is_a_warning(posts):
    with pytest.warns(UserWarning, match="could not reach the server http://no"):
        keras.callbacks.RemoteMonitor("http://no").on_epoch_end(0, {})


def test_requests_is_required(monkeypatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(ImportError, match="requires the package `requests`"):
        keras.callbacks.RemoteMonitor().on_epoch_end(0, {})
