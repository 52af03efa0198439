"""AlphaDropout: Keras's values, moments, gradients, NaN; what the protocol tests do not cover."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.layers.alpha_dropout import DROPPED

# what Keras 3.15.1 returns with rate=0.5 for the inputs 0, 1, 2 if they are kept, and if dropped
KEPT, REPLACED = [0.77919394, 1.6655989, 2.5520036], -0.7791938


def test_values_are_those_of_keras():
    layer = layers.AlphaDropout(0.5, noise_shape=(None, 1), seed=1)
    y = layer(np.tile(np.arange(3.0, dtype=np.float32), (100, 1)), training=True)
    is_kept = y[:, 0] > 0
    assert 30 < is_kept.sum() < 70
    np.testing.assert_allclose(y[is_kept], np.tile(KEPT, (is_kept.sum(), 1)), rtol=1e-6)
    np.testing.assert_allclose(y[~is_kept], REPLACED, rtol=1e-6)


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_mean_and_variance_are_kept(rate):
    x = np.random.default_rng(0).normal(size=(1000, 100)).astype(np.float32)
    y = layers.AlphaDropout(rate, seed=0)(x, training=True)
    assert abs(y.mean()) < 0.02
    assert abs(y.var() - 1) < 0.03


def test_inference_returns_the_input():
    x = np.ones((2, 3), np.float32)
    layer = layers.AlphaDropout(0.9)
    layer(x)
    assert layer.forward(x) is x


def test_only_kept_values_have_a_gradient():
    x = np.ones((4, 50), np.float32)
    layer = layers.AlphaDropout(0.3, seed=0)
    layer(x)
    for _ in range(3):
        y = np.array(layer.forward(x, training=True))
        dx = layer.backward(x)
        np.testing.assert_allclose(dx * (1 - DROPPED), y - y.min(), atol=1e-6)


def test_nan_stays_nan_also_where_it_is_dropped():
    y = layers.AlphaDropout(0.5, seed=0)(np.full((1, 50), np.nan), training=True)
    assert np.isnan(y).all()


def test_training_needs_a_rate_below_one():
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(layers.AlphaDropout(1.0)(x), x)
    with pytest.raises(ValueError, match="drops everything: training needs a `rate` below 1"):
        layers.AlphaDropout(1.0)(x, training=True)
    with pytest.raises(ValueError, match=r"`rate` must be in \[0, 1\]"):
        layers.AlphaDropout(1.5)


def test_it_is_not_a_dropout_layer():
    assert not isinstance(layers.AlphaDropout(0.1), layers.Dropout)


def test_network_with_selu_learns():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    dense = {"activation": "selu", "kernel_initializer": "lecun_normal"}
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(16, **dense),
            layers.AlphaDropout(0.1),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    losses = model.fit(x, x[:, :1], epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
