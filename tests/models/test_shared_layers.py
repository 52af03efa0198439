"""Layers at several positions, in several models and in several threads.

Each use of a layer has buffers of its own, weights never move, and a lock belongs to the weights.
"""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import kernels, layers
from tests.support.threads import run_in_threads

SHAPE = (6, 6, 2)


def shared_convolutions():
    return [
        layers.Conv2D(8, 3, activation="relu", padding="same"),
        layers.BatchNormalization(),
        layers.Flatten(),
    ]


def with_head(shared, units=3):
    model = keras.Sequential([keras.Input(SHAPE), *shared, layers.Dense(units)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def images(n=16, seed=0):
    return np.random.default_rng(seed).random((n, *SHAPE), np.float32)


def chain(first, second, third):
    """Two nested models, so that one layer object can stand at two positions."""
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.Sequential([keras.Input((4,)), first, second], name="p"),
            keras.Sequential([keras.Input((4,)), third, layers.Dense(2)], name="q"),
        ]
    )


def test_models_that_share_layers_predict_in_two_threads():
    shared = shared_convolutions()
    models = [with_head(shared), with_head(shared)]
    inputs = [images(seed=seed) for seed in range(2)]
    expected = [model.predict(x, verbose=0).copy() for model, x in zip(models, inputs, strict=True)]
    wrong = []

    def predict(index):
        for _ in range(200):
            y = models[index].predict(inputs[index], verbose=0)
            if not np.array_equal(y, expected[index]):
                wrong.append(index)

    run_in_threads(predict)
    assert not wrong


def test_one_layer_is_called_in_two_threads():
    layer = layers.Dense(64, activation="tanh")
    inputs = [np.random.default_rng(seed).random((32, 64), np.float32) for seed in range(2)]
    expected = [layer(x) for x in inputs]
    wrong = []

    def call(index):
        for _ in range(200):
            if not np.array_equal(layer(inputs[index]), expected[index]):
                wrong.append(index)

    run_in_threads(call)
    assert not wrong


def test_submodel_in_a_callback_keeps_the_training():
    def weights(use_submodel):
        keras.utils.set_random_seed(1)
        model = with_head(shared_convolutions())
        submodel = keras.Sequential([keras.Input(SHAPE), *model.layers[:2]])
        outputs = []

        def look(batch, logs):
            if use_submodel:
                outputs.append(submodel.predict(images(2), verbose=0))

        callback = keras.callbacks.LambdaCallback(on_train_batch_end=look)
        model.fit(images(), np.ones((16, 3)), batch_size=4, shuffle=False, verbose=0, epochs=2,
                  callbacks=[callback])  # fmt: skip
        assert len(outputs) == (8 if use_submodel else 0)
        assert not use_submodel or not np.array_equal(outputs[0], outputs[1])  # it sees training
        return model.get_weights()

    for a, b in zip(weights(False), weights(True), strict=True):
        np.testing.assert_array_equal(a, b)


def test_models_that_share_layers_train_the_same_weights():
    shared = shared_convolutions()
    first, second = with_head(shared), with_head(shared, units=2)
    first(images())
    kernel = shared[0].kernel.value
    before = second(images())
    first.fit(images(), np.ones((16, 3)), verbose=0)
    assert shared[0].kernel.value is kernel
    assert (second(images()) != before).any()
    optimizer = keras.optimizers.SGD(0.1)
    second.compile(optimizer, "mse")
    before = first(images())
    second.fit(images(), np.ones((16, 2)), verbose=0)
    assert shared[0].kernel.value is kernel
    assert len(second.store.blocks) == 2
    assert (first(images()) != before).any()


def test_updating_two_blocks_equals_updating_one():
    """The same training, whether the weights are in one block of memory or in two."""
    results = []
    for is_shared in (False, True):
        keras.utils.set_random_seed(5)
        shared = shared_convolutions()
        if is_shared:
            keras.Sequential([keras.Input(SHAPE), *shared])(images())
        model = with_head(shared)
        model.set_weights([np.full(w.shape, 0.01, np.float32) for w in model.get_weights()])
        model.compile(keras.optimizers.Adam(0.01, clipnorm=0.5, use_ema=True), "mse")
        model.fit(images(), np.ones((16, 3)), batch_size=4, epochs=3, verbose=0, shuffle=False)
        assert len(model.store.blocks) == 1 + is_shared
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_alternating_models_do_not_bind_kernels_again(monkeypatch):
    shared = shared_convolutions()
    models = [with_head(shared), with_head(shared)]
    x = images()
    for model in models:
        model(x)
    bound = []
    bind = kernels.bind
    monkeypatch.setattr(kernels, "bind", lambda *a, **k: bound.append(a[0]) or bind(*a, **k))
    for _ in range(3):
        for model in models:
            model(x)
    assert not bound


@pytest.mark.parametrize("make", [layers.ReLU, lambda: layers.Dropout(0), layers.Identity])
def test_layer_without_weights_at_two_positions(make):
    def weights(share):
        keras.utils.set_random_seed(0)
        first = make()
        model = chain(layers.Dense(4), first, first if share else make())
        model.compile("sgd", "mse")
        x = np.random.default_rng(0).normal(size=(16, 4))
        model.fit(x, x[:, :2], batch_size=16, epochs=3, verbose=0)
        return model.get_weights()

    for a, b in zip(weights(True), weights(False), strict=True):
        np.testing.assert_array_equal(a, b)


def test_gradients_of_a_layer_at_two_positions_accumulate():
    """Those of two layers with equal weights, added."""
    x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    keras.utils.set_random_seed(0)
    shared = layers.Dense(4, activation="tanh", kernel_regularizer="l2")
    model = chain(shared, layers.ReLU(), shared)
    copies = [layers.Dense(4, activation="tanh") for _ in range(2)]
    apart = chain(copies[0], layers.ReLU(), copies[1])
    kernel, bias, *head = model.get_weights()
    assert [w.shape for w in head] == [(4, 2), (2,)]  # the shared weights come once
    assert model.count_params() == 30
    apart.set_weights([kernel, bias, kernel, bias, *head])
    for net in (model, apart):
        net.compile(keras.optimizers.SGD(0.0), "mse")
        net.train_on_batch(x, x[:, :2])
    expected = copies[0].kernel.gradient + copies[1].kernel.gradient + 0.02 * kernel
    np.testing.assert_allclose(shared.kernel.gradient, expected, rtol=1e-5, atol=1e-7)
    expected = copies[0].bias.gradient + copies[1].bias.gradient
    np.testing.assert_allclose(shared.bias.gradient, expected, rtol=1e-5, atol=1e-7)


def test_a_last_layer_that_another_model_calls_with_another_size():
    conv = layers.Conv2D(2, 3, padding="same")
    model, _ = (keras.Sequential([keras.Input((size, size, 1)), conv]) for size in (8, 6))
    assert model.output_shape == (None, 8, 8, 2)
    model.compile("sgd", "mse")
    x = np.ones((4, 8, 8, 1), np.float32)
    assert model.evaluate(x, model(x), verbose=0) == 0


def test_layer_that_overrides_forward_trains_at_one_position_only():
    class Own(layers.Layer):
        def forward(self, x, training=False):
            self.x = x
            return x * x

        def backward(self, dy):
            return 2 * dy * self.x

    own = Own(name="own")
    model = chain(layers.Dense(4), own, own)
    x = np.ones((2, 4))
    assert model.predict(x, verbose=0).shape == (2, 2)
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match="'own' overrides `forward` and is used at"):
        model.train_on_batch(x, np.ones((2, 2)))
