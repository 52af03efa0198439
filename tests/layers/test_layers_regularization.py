"""Dropout, SpatialDropout2D, BatchNormalization: what the protocol tests do not cover."""

import math

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers


def test_dropout_scales_the_kept_values():
    y = layers.Dropout(0.2, seed=3)(np.ones((100, 100)), training=True)
    assert set(np.unique(y).tolist()) == {0.0, 1.25}
    assert abs((y == 0).mean() - 0.2) < 0.02


def test_dropout_returns_its_input_in_inference():
    x = np.ones((2, 3), np.float32)
    layer = layers.Dropout(0.9)
    assert layer.forward(x) is x
    np.testing.assert_array_equal(layer(x), x)


def test_dropout_with_rate_one_gives_zeros():
    assert not layers.Dropout(1.0)(np.ones((2, 3)), training=True).any()


def test_dropout_masks_the_gradient_like_the_values():
    layer = layers.Dropout(0.5)
    x = np.ones((4, 50), np.float32)
    layer(x)
    for _ in range(3):
        y = np.array(layer.forward(x, training=True))
        np.testing.assert_array_equal(layer.backward(3 * x), 3 * y)


def test_noise_shape_is_broadcast():
    y = layers.Dropout(0.5, noise_shape=(1, None, 1), seed=0)(np.ones((5, 40, 3)), training=True)
    np.testing.assert_array_equal(y, np.broadcast_to(y[:1, :, :1], y.shape))
    assert set(np.unique(y).tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("noise_shape", ["ab", 3, (0, 1), (1.5, 1)])
def test_noise_shape_must_contain_sizes(noise_shape):
    with pytest.raises(ValueError, match="`noise_shape` must be a tuple of positive integers"):
        layers.Dropout(0.5, noise_shape)


def test_noise_shape_must_fit_the_input():
    with pytest.raises(ValueError, match=r"`noise_shape` must have 2 axes like the input"):
        layers.Dropout(0.5, (None, 2))(np.ones((2, 3)))


@pytest.mark.parametrize("rate", [-0.1, 1.1, "a", None])
def test_rate_must_be_a_fraction(rate):
    with pytest.raises(ValueError, match=r"`rate` must be in \[0, 1\]"):
        layers.Dropout(rate)


def test_package_seed_determines_the_masks():
    x = np.ones((3, 100))
    runs = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        layer = layers.Dropout(0.5)
        runs.append([layer(x, training=True) for _ in range(3)])
    np.testing.assert_array_equal(*runs)
    assert not np.array_equal(runs[0][0], runs[0][1])


def test_a_layer_with_a_seed_has_its_own_generator():
    x = np.ones((3, 100))
    before = keras.random.get_state()
    first, second = (layers.Dropout(0.5, seed=8) for _ in range(2))
    np.testing.assert_array_equal(first(x, training=True), second(x, training=True))
    assert keras.random.get_state() == before
    state = first.get_random_state()
    wanted = first(x, training=True)
    first.set_random_state(state)
    np.testing.assert_array_equal(first(x, training=True), wanted)
    assert layers.Dropout(0.5).get_random_state() is None
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        layers.Dropout(0.5, seed="a")


def test_random_state_is_restored():
    layer, x = layers.Dropout(0.5), np.ones((3, 100))
    state = keras.random.get_state()
    wanted = layer(x, training=True)
    keras.random.set_state(state)
    np.testing.assert_array_equal(layer(x, training=True), wanted)


def test_spatial_dropout_drops_whole_channels():
    y = layers.SpatialDropout2D(0.5, seed=0)(np.ones((6, 5, 4, 30)), training=True)
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1], y.shape))
    assert not np.array_equal(y[0, 0, 0], y[1, 0, 0])
    with pytest.raises(ValueError, match="expects an input with 4 axes"):
        layers.SpatialDropout2D(0.5)(np.ones((2, 3)))


def test_batch_normalization_updates_its_moving_averages():
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, (50, 4)).astype(np.float32)
    layer = layers.BatchNormalization(momentum=0.9)
    layer(x)
    assert [w.name for w in layer.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert layer.moving_mean.numpy().tolist() == [0] * 4
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * x.var(0), rtol=1e-5)
    assert layer.non_trainable_weights == [layer.moving_mean, layer.moving_variance]


def test_frozen_batch_normalization_runs_in_inference_mode():
    x = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
    layer = layers.BatchNormalization(trainable=False)
    np.testing.assert_array_equal(layer(x, training=True), layer(x))
    assert layer.moving_mean.numpy().tolist() == [0] * 4
    assert len(layer.non_trainable_weights) == 4


def test_batch_normalization_in_a_model_follows_trainable():
    x = np.random.default_rng(0).normal(3, 2, (32, 4)).astype(np.float32)
    norm = layers.BatchNormalization()
    model = keras.Sequential([keras.Input((4,)), norm, layers.Dense(1)])
    norm.trainable = False
    model.compile("sgd", "mse")
    model.fit(x, x[:, :1], verbose=0)
    assert norm.moving_mean.numpy().tolist() == [0] * 4
    norm.trainable = True
    model.compile("sgd", "mse")
    model.fit(x, x[:, :1], verbose=0)
    assert norm.moving_mean.numpy().all()


def test_relu_can_be_part_of_batch_normalization():
    """As a fused step does it."""
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 30, 5)).astype(np.float32)
    plain, fused, relu = layers.BatchNormalization(), layers.BatchNormalization(), layers.ReLU()
    for layer in (plain, fused, relu):
        layer.build_once((None, 5))
    step = fused.make_step(relu_max=math.inf)
    y = relu.forward(plain.forward(x, training=True), training=True)
    np.testing.assert_array_equal(step.forward(x, training=True), y)
    np.testing.assert_array_equal(step.backward(dy), plain.backward(relu.backward(dy)))
    np.testing.assert_array_equal(fused.gamma.gradient, plain.gamma.gradient)


def test_batch_normalization_checks_its_axis():
    for axis in (0, 2, -2):
        with pytest.raises(ValueError, match=f"axis {axis} is out of bounds"):
            layers.BatchNormalization(axis=axis)(np.ones((2, 3)))
    with pytest.raises(ValueError, match="`axis` must be an integer"):
        layers.BatchNormalization(axis="channels")
    assert layers.BatchNormalization(axis=[3]).axis == 3
    with pytest.raises(NotImplementedError, match="`renorm` is not supported"):
        layers.BatchNormalization(renorm=True)
