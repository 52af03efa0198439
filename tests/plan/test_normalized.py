"""A linear layer with its batch normalization: folded into one kernel outside of training."""

import itertools

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.plan.normalized import FoldedStep

LINEAR = {
    "conv": lambda **config: layers.Conv2D(16, 3, **config),
    "conv of groups": lambda **config: layers.Conv2D(6, 3, groups=3, **config),
    "depthwise conv": lambda **config: layers.DepthwiseConv2D(3, depth_multiplier=2, **config),
    "dense": lambda **config: layers.Dense(7, **config),
}
NORMS = {
    "all": {},
    "no center": {"center": False},
    "no scale": {"scale": False},
    "axis by number": {"axis": 3},
}


def net(linear, *behind):
    return keras.Sequential([keras.Input((8, 8, 3)), linear, *behind])


def whole_numbers(model, rng):
    """Weights for which folding rounds nothing: whole numbers, and powers of two as factors."""
    for weight in model.weights:
        values = rng.integers(-3, 4, weight.shape)
        if weight.name == "moving_variance":
            values = 4.0 ** rng.integers(-1, 2, weight.shape)
        elif weight.name == "gamma":
            values = rng.choice([-2, -1, 1, 2], weight.shape)
        weight.assign(values)


def steps_of(model):
    model.plan()
    return model._plan.inference.steps


@pytest.mark.parametrize("behind", ["nothing", "relu", "pool", "relu, pool"])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("linear", LINEAR)
def test_is_exact_on_integers(linear, bias, norm, behind):
    rng = np.random.default_rng(0)
    tail = {"relu": [layers.ReLU()], "pool": [layers.MaxPooling2D()]}
    tail = [part for name in behind.split(", ") for part in tail.get(name, ())]
    normalization = layers.BatchNormalization(epsilon=0, **NORMS[norm])
    model = net(LINEAR[linear](use_bias=bias), normalization, *tail)
    whole_numbers(model, rng)
    x = rng.integers(-3, 4, (5, 8, 8, 3)).astype(np.float32)
    steps = steps_of(model)
    assert isinstance(steps[0], FoldedStep)
    pooled = "pool" in behind and linear == "conv"
    assert len(steps) == (2 if "pool" in behind and not pooled else 1)
    np.testing.assert_array_equal(model(x), model.forward(x))


def test_follows_every_change_of_the_weights():
    rng = np.random.default_rng(0)
    model = net(layers.Conv2D(8, 3), layers.BatchNormalization(), layers.ReLU(), layers.Flatten())
    model.add(layers.Dense(2))
    model.compile("sgd", "mse")
    x = rng.normal(size=(4, 8, 8, 3)).astype(np.float32)

    def check():
        shown = model(x).numpy()
        apart = keras.models.clone_model(model)
        apart.set_weights(model.get_weights())
        np.testing.assert_allclose(shown, apart.forward(x), rtol=1e-4, atol=1e-5)
        return shown

    results = [check()]
    model.fit(x, np.ones((4, 2)), epochs=2, verbose=0)
    results.append(check())
    model.layers[1].moving_mean.assign(np.full(8, 0.5))
    results.append(check())
    model.set_weights([weight + 0.25 for weight in model.get_weights()])
    results.append(check())
    model(x, training=True)  # moves the averages
    results.append(check())
    for before, after in itertools.pairwise(results):
        assert np.abs(before - after).max() > 1e-3


def test_training_with_frozen_layers():
    """A frozen convolution in front has no gradient, a frozen normalization no moving averages."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 8, 8, 3)).astype(np.float32)
    for frozen in (0, 1):
        model = net(layers.Conv2D(8, 3), layers.BatchNormalization(), layers.ReLU())
        model.layers[frozen].trainable = False
        model.compile("sgd", "mse")
        before = [layer.get_weights() for layer in model.layers]
        model.fit(x, np.ones((8, 6, 6, 8)), verbose=0)
        for place, layer in enumerate(model.layers[:2]):
            pairs = zip(before[place], layer.get_weights(), strict=True)
            assert all(np.array_equal(a, b) for a, b in pairs) == (place == frozen)


def test_which_layers_are_not_fused():
    """Another activation in between, another axis, a regularizer of the activity."""
    norm = layers.BatchNormalization
    for parts in (
        [layers.Conv2D(4, 3, activation="relu"), norm()],
        [layers.Conv2D(4, 3), norm(axis=1)],
        [layers.Conv2D(4, 3, activity_regularizer="l2"), norm()],
        [layers.Conv2DTranspose(4, 3), norm()],
    ):
        assert not any(isinstance(step, FoldedStep) for step in steps_of(net(*parts)))


def test_steps_stay_bound_when_training_and_predicting_alternate():
    model = net(layers.Conv2D(8, 3), layers.BatchNormalization(), layers.Flatten())
    model.add(layers.Dense(1))
    model.compile("sgd", "mse")
    x, y = np.zeros((4, 8, 8, 3), np.float32), np.zeros((4, 1))

    def calls():
        model.train_on_batch(x, y)
        model.test_on_batch(x, y)
        model(x)
        plan = model._plan
        programs = plan.inference, plan.evaluation, plan.training
        return [dict(step._calls) for program in programs for step in program.steps]

    assert calls() == calls()


def test_large_batch_is_read_without_copying_after_layers_were_bound_again():
    stack = [layers.Dense(7), layers.BatchNormalization(), layers.Dense(3)]
    model = keras.Sequential([keras.Input((4096,)), *stack])
    model.compile("sgd", "mse")
    x, other = np.random.default_rng(0).random((2, 9, 4096), np.float32)
    expected = model(other[:4]).copy()
    weights = model.get_weights()
    for n in (9, 4):  # the layers' buffers grow
        model.train_on_batch(x[:n], np.zeros((n, 3)))
    model.set_weights(weights)
    np.testing.assert_array_equal(model(other[:4]), expected)


def test_a_layer_shared_with_a_model_of_other_shapes():
    dense, norm = layers.Dense(7), layers.BatchNormalization(axis=1)
    model = keras.Sequential([keras.Input((7, 5)), dense, norm])
    keras.Sequential([keras.Input((5,)), dense])
    norm.moving_mean.assign(np.arange(7.0))
    x = np.ones((4, 7, 5), np.float32)
    np.testing.assert_array_equal(model(x), model.forward(x))


def test_diverged_weights_are_folded_without_warnings():
    model = net(layers.Conv2D(4, 3), layers.BatchNormalization())
    model.layers[1].gamma.assign(np.full(4, np.inf))
    with np.errstate(all="raise"):
        assert not np.isfinite(model(np.ones((1, 8, 8, 3)))).any()
