"""train_on_batch and test_on_batch: bound once for a shape, and right when the model changes."""

import threading

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import kernels, layers
from tests.training.test_training import compiled, data, net


def copy_of(model):
    """A model of the same weights that nobody has called yet."""
    other = compiled()
    other.set_weights(model.get_weights())
    return other


def test_kernels_are_bound_once_for_a_shape(monkeypatch):
    x, y = data(32)
    model, binds, bind = compiled(), [], kernels.bind

    def counted(name, *arrays, **settings):
        binds.append(name)
        return bind(name, *arrays, **settings)

    monkeypatch.setattr(kernels, "bind", counted)
    for _ in range(2):
        model.train_on_batch(x, y)
        model.test_on_batch(x, y)
        model.train_on_batch(x[:8], y[:8])
    assert binds
    binds.clear()
    for _ in range(3):
        model.train_on_batch(x, y)
        model.test_on_batch(x, y)
        model.train_on_batch(x[:8], y[:8])
        model(x)
    assert not binds


def test_metrics_are_per_batch():
    x, y = data(24)
    model = compiled()
    for part in (slice(0, 8), slice(8, 16), slice(8, 16), slice(0, 24)):
        before = copy_of(model)
        assert model.test_on_batch(x[part], y[part]) == before.test_on_batch(x[part], y[part])
        wanted = before.train_on_batch(x[part], y[part])
        assert model.train_on_batch(x[part], y[part]) == wanted


def test_same_bits_as_fit():
    x, y = data(32)
    one, other = compiled(), compiled()
    for begin in range(0, 32, 8):
        one.train_on_batch(x[begin : begin + 8], y[begin : begin + 8])
    other.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    for weight, wanted in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, wanted)


def test_assigned_weights_take_effect():
    x, y = data(8)
    model = compiled()
    model.train_on_batch(x, y)
    model.set_weights([weight * 0 for weight in model.get_weights()])
    assert model.test_on_batch(x, y)[0] == pytest.approx(np.log(3))


def test_changed_optimizer_learning_rate_or_loss():
    x, y = data(8)
    model = compiled()
    model.train_on_batch(x, y)
    start = model.get_weights()
    model.optimizer.learning_rate = 0.0
    model.train_on_batch(x, y)
    for weight, wanted in zip(model.get_weights(), start, strict=True):
        np.testing.assert_array_equal(weight, wanted)
    model.optimizer = keras.optimizers.SGD(0.5)
    model.train_on_batch(x, y)
    assert model.optimizer.iterations == 1
    assert (model.get_weights()[0] != start[0]).any()
    model.compile("sgd", "mse", metrics=["mae"])
    logs = model.train_on_batch(x, np.eye(3)[y], return_dict=True)
    assert logs.keys() == {"loss", "mae"}
    assert logs["loss"] < 1


def test_frozen_and_added_layers():
    x, y = data(8)
    model = compiled()
    model.train_on_batch(x, y)
    model.layers[0].trainable = False
    kernel, dense = model.get_weights()[0], model.get_weights()[2]
    model.train_on_batch(x, y)
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    assert (model.get_weights()[2] != dense).any()
    model.add(layers.Dense(3, activation="softmax"))
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.train_on_batch(x, y)
    assert len(model.get_weights()) == 6


def test_sample_and_class_weights():
    x, y = data(8)
    model = compiled()
    plain = model.test_on_batch(x, y)[0]
    weighted = model.test_on_batch(x, y, sample_weight=2 * np.ones(8))[0]
    assert weighted == pytest.approx(2 * plain)
    assert model.test_on_batch(x, y)[0] == plain
    start = model.get_weights()
    losses = []
    for settings in ({}, {"class_weight": {0: 3.0, 1: 3.0, 2: 3.0}}, {}):
        model.set_weights(start)
        losses.append(model.train_on_batch(x, y, **settings)[0])
    assert losses[1] == pytest.approx(3 * losses[0])
    assert losses[2] == losses[0]


def test_changed_backend():
    x, y = data(8)
    model = compiled()
    native = model.test_on_batch(x, y)
    keras.config.set_backend("reference")
    np.testing.assert_allclose(model.test_on_batch(x, y), native, rtol=1e-5)


def test_many_shapes_keep_few_buffers():
    x, y = data(40)
    model = compiled()
    for size in range(1, 40):
        wanted = copy_of(model).test_on_batch(x[:size], y[:size])
        assert model.test_on_batch(x[:size], y[:size]) == wanted
    assert len(model._singles.buffers._batches) <= 4


def test_concurrent_calls_do_not_interfere():
    x, y = data(32)
    model = compiled()
    parts = [slice(begin, begin + 8) for begin in range(0, 32, 8)]
    wanted = [model.test_on_batch(x[part], y[part]) for part in parts]
    wrong = []

    def ask(place):
        for _ in range(50):
            found = model.test_on_batch(x[parts[place]], y[parts[place]])
            if found != wanted[place]:
                wrong.append((place, found))

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_metrics_of_the_model():
    x, y = data(16)
    model = net()
    assert model.metrics == []
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert [metric.name for metric in model.metrics] == ["loss"]
    for run in (
        lambda: model.train_on_batch(x, y, return_dict=True),
        lambda: model.evaluate(x, y, batch_size=5, verbose=0, return_dict=True),
    ):
        logs = run()
        assert {metric.name: metric.result() for metric in model.metrics} == pytest.approx(logs)
    model.fit(x, y, verbose=0)
    assert [metric.name for metric in model.metrics] == ["loss", "accuracy"]
    assert model.metrics[1].count == 16
    model.reset_metrics()
    assert [metric.result() for metric in model.metrics] == [0, 0]
    assert model.fit(x, y, verbose=0).history["accuracy"][0] == model.metrics[1].result()
