"""`forward` and `backward` of a model, called by hand."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.testing import check_gradients

X = np.random.default_rng(0).normal(size=(4, 5, 5, 2)).astype(np.float32)


def residual():
    """A layer that is used twice, a normalization, a skip connection and an operator."""
    x = keras.Input((5, 5, 2))
    conv = layers.Conv2D(2, 3, padding="same", activation="tanh")
    y = layers.BatchNormalization()(conv(layers.Add()([x, conv(x)])))
    y = layers.Flatten()(layers.Add()([x, y * 2]))
    return keras.Model(x, layers.Dense(2)(layers.Dropout(0.5)(y, training=False)))


def test_finite_differences_of_a_graph():
    """Also of one within a Sequential; both are built in float32 before."""
    graph = residual()
    assert max(check_gradients(graph, (5, 5, 2)).values()) < 1e-6
    model = keras.Sequential([keras.Input((5, 5, 2)), graph, layers.Dense(2)])
    assert max(check_gradients(model, (5, 5, 2)).values()) < 1e-6
    assert all(weight.dtype == "float32" for weight in model.weights)


def test_layers_shared_by_nested_models_stay_shared():
    x = keras.Input((3,))
    shared = layers.Dense(3, activation="tanh")
    parts = [keras.Sequential([keras.Input((3,)), shared], name=name) for name in "ab"]
    errors = check_gradients(keras.Model(x, parts[1](parts[0](x))), (3,))
    assert sorted(errors) == ["bias", "kernel", "x"]


@pytest.mark.parametrize("training", [False, True])
def test_same_output_as_the_plan(training):
    model = residual()
    expected = model(X, training=training)
    np.testing.assert_allclose(model.forward(X, training), expected, rtol=1e-5, atol=1e-5)


def test_sequential_runs_one_layer_after_the_other():
    model = keras.Sequential([layers.Conv2D(3, 2), layers.ReLU(), layers.MaxPooling2D()])
    model.build((None, 5, 5, 2))
    y = X
    for layer in model.layers:
        y = layer.forward(y, training=True)
    np.testing.assert_array_equal(model.forward(X, training=True), y)
    dy = dx = np.ones_like(y)
    for layer in reversed(model.layers):
        dx = layer.backward(dx)
    gradient = model.layers[0].kernel.gradient.copy()
    model.layers[0].kernel.gradient[...] = np.nan
    np.testing.assert_array_equal(model.backward(dy), dx)
    np.testing.assert_array_equal(model.layers[0].kernel.gradient, gradient)


def test_several_inputs_and_outputs():
    """One output is given twice, one is an input, and one input is not used."""
    a, b, unused = (keras.Input((3,), name=name) for name in ("a", "b", "unused"))
    product = layers.Multiply()([a, b])
    model = keras.Model([a, b, unused], {"twice": [product, product], "a": a, "sum": a + product})
    rng = np.random.default_rng(0)
    x, y, z = (rng.integers(-4, 5, (2, 3)).astype(np.float32) for _ in range(3))
    found = model.forward({"a": x, "b": y, "unused": z}, training=True)
    assert sorted(found) == ["a", "sum", "twice"]
    np.testing.assert_array_equal(found["sum"], x + x * y)
    dy = {"a": 1 + x, "sum": 2 + x, "twice": [3 + x, 4 + x]}
    before = {name: np.array(value) for name, value in dy.items()}
    da, db, dunused = model.backward(dy)
    of_product = (2 + x) + (3 + x) + (4 + x)
    np.testing.assert_array_equal(da, (1 + x) + (2 + x) + of_product * y)
    np.testing.assert_array_equal(db, of_product * x)
    np.testing.assert_array_equal(dunused, np.zeros((2, 3)))
    for name, value in before.items():
        np.testing.assert_array_equal(dy[name], value)
    with pytest.raises(ValueError, match=r"`dy` has no entry for the output 'sum'"):
        model.backward({"a": x, "twice": [x, x]})


def test_own_layer_at_two_positions_has_no_gradient():
    class Own(layers.Layer):
        def forward(self, x, training=False):
            return x

        def backward(self, dy):
            return dy

    x, own = keras.Input((3,)), Own()
    model = keras.Model(x, own(own(x)))
    dy = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(model.forward(dy, training=True), dy)
    with pytest.raises(NotImplementedError, match="is used at 2 positions"):
        model.backward(dy)


def test_backward_without_forward():
    with pytest.raises(RuntimeError, match="needs a forward"):
        residual().backward(np.ones((4, 2)))


def test_gradients_of_a_sequential_of_ones_own_class():
    class Own(keras.Sequential):
        def __init__(self, layers=None):
            super().__init__(layers)

    check_gradients(Own([keras.Input((3,)), layers.Dense(2, activation="tanh")]), x=X[:2, 0, :3, 0])


def test_gradients_of_several_outputs_are_not_checked():
    x = keras.Input((3,))
    model = keras.Model(x, [layers.Dense(2)(x), layers.Dense(1)(x)], name="two")
    with pytest.raises(ValueError, match="'two' has 1 and 2"):
        check_gradients(model, (3,))
