"""Regularizers and constraints: gradients by finite differences, arguments, custom classes.

What they do to a training run is compared with Keras in test_pieces.py and test_fits.py.
"""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import constraints, regularizers

CASES = {
    "l1": regularizers.L1(0.3),
    "l2": regularizers.L2(0.2),
    "l1_l2": regularizers.L1L2(0.3, 0.2),
    "rows": regularizers.OrthogonalRegularizer(0.5),
    "columns": regularizers.OrthogonalRegularizer(0.5, mode="columns"),
}


def test_every_registered_regularizer_is_tested_here():
    registry = regularizers.registry
    assert {registry.lookup(name) for name in registry.names()} == {*map(type, CASES.values())}


@pytest.mark.parametrize("name", CASES)
def test_gradients_match_finite_differences(name):
    keras.config.set_backend("reference")  # float64
    regularizer = CASES[name]
    x = np.random.default_rng(0).normal(size=(4, 3))
    gradient = regularizer.gradient(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-6
        slope = (regularizer(x + step) - regularizer(x - step)) / 2e-6
        assert gradient[index] == pytest.approx(slope, abs=1e-6)


def test_known_values():
    x = np.array([[1.0, -2.0], [0.0, 3.0]])
    assert regularizers.l1(0.5)(x) == 3
    assert regularizers.l2(0.5)(x) == 7
    assert regularizers.l1_l2(0.5, 0.5)(x) == 10
    assert regularizers.L1(None).l1 == regularizers.L2(None).l2 == 0.01
    assert regularizers.orthogonal_regularizer(1.0)(np.eye(3)) == 0
    assert regularizers.OrthogonalRegularizer(1.0)(np.ones((1, 3))) == 0
    assert regularizers.OrthogonalRegularizer(1.0)(np.ones((3, 2))) == pytest.approx(1)


def test_lookup():
    for identifier in ("l2", "L2", regularizers.L2, regularizers.L2()):
        assert isinstance(regularizers.get(identifier), regularizers.L2)
    assert regularizers.get(None) is None
    with pytest.raises(ValueError, match=r"Unknown regularizer: 'l3'.* names are: l1, l1_l2, l2"):
        keras.layers.Dense(1, kernel_regularizer="l3")
    with pytest.raises(ValueError, match="A regularizer needs a gradient: subclass"):
        keras.layers.Dense(1, kernel_regularizer=lambda x: 0.0)
    with pytest.raises(ValueError, match=r"Unknown constraint: 'small'"):
        keras.layers.Dense(1, bias_constraint="small")


@pytest.mark.parametrize("value", [-1, np.nan, np.inf, "x", True])
def test_factors(value):
    with pytest.raises(ValueError, match="`l2` must be a float >= 0"):
        regularizers.L2(value)


def test_orthogonal_arguments():
    with pytest.raises(ValueError, match="`mode` must be"):
        regularizers.OrthogonalRegularizer(mode="all")
    with pytest.raises(ValueError, match=r"an array with two axes. Received shape \(2, 2, 2\)"):
        CASES["rows"](np.zeros((2, 2, 2)))


def test_penalties_of_a_layer_and_a_model():
    dense = keras.layers.Dense(2, kernel_regularizer="l2", bias_regularizer="l1")
    model = keras.Sequential([keras.Input((3,)), dense])
    assert dense.losses == [pytest.approx(0.01 * (dense.kernel.numpy() ** 2).sum()), 0]
    assert model.losses == dense.losses
    dense.trainable = False
    assert dense.losses == []


def test_frozen_layers_have_no_penalty():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(3, kernel_regularizer=regularizers.L2(100.0)),
            keras.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    x, y = np.zeros((4, 3)), np.zeros((4, 1))
    assert model.evaluate(x, y, verbose=0) > 1
    model.layers[0].trainable = False
    assert model.evaluate(x, y, verbose=0) == 0


def test_custom_regularizer_and_constraint():
    class Pull(regularizers.Regularizer):
        """Pulls all weights toward 1."""

        def __call__(self, x):
            return 0.5 * float(((x - 1) ** 2).sum())

        def gradient(self, x):
            return x - 1

    def small(w):
        return np.clip(w, -0.5, 0.5)

    class Scale(keras.layers.Layer):
        def build(self, input_shape):
            self.a = self.add_weight((3,), "zeros", regularizer=Pull())
            self.b = self.add_weight((3,), "ones", constraint=small)

        def forward(self, x, training=False):
            return x * 0

        def backward(self, dy):
            self.a.gradient[...] = self.b.gradient[...] = 0
            return dy * 0

    model = keras.Sequential([keras.Input((3,)), Scale()])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    history = model.fit(np.ones((4, 3)), np.zeros((4, 3)), epochs=2, verbose=0).history
    assert history["loss"] == [1.5, 1.5 / 4]
    a, b = model.get_weights()
    np.testing.assert_array_equal(a, 0.75)
    np.testing.assert_array_equal(b, 0.5)
    with pytest.raises(NotImplementedError, match="must implement __call__"):
        regularizers.Regularizer()(a)
    with pytest.raises(NotImplementedError, match="must implement gradient"):
        regularizers.Regularizer().gradient(a)


def test_losses_include_the_penalties_of_the_last_outputs():
    l1 = regularizers.L1(0.1)
    dense = keras.layers.Dense(
        2, kernel_regularizer="l2", kernel_initializer="ones", activity_regularizer=l1
    )
    model = keras.Sequential([keras.Input((3,)), dense])
    assert model.losses == dense.losses == [pytest.approx(0.06)]
    for call in (dense, model, lambda x: model.predict(x, verbose=0)):
        for size in (1, 2):
            call(np.full((4, 3), size))
            of_output = (dense if call is dense else model).losses[0]
            assert of_output == pytest.approx(0.1 * size * 6)
    assert model.losses == [pytest.approx(1.2), pytest.approx(0.06)]


def test_names_that_keras_accepts():
    assert isinstance(constraints.get("Constraint"), constraints.Constraint)
    assert constraints.deserialize("max_norm").max_value == 2
    assert regularizers.deserialize("l2").l2 == 0.01
    assert constraints.UnitNorm(np.int64(0)).get_config() == {"axis": 0}


def test_constraints():
    np.testing.assert_array_equal(constraints.Constraint()([1, -2]), [1, -2])
    w = np.array([[3.0, 0.1], [4.0, 0.0]])
    np.testing.assert_allclose(constraints.max_norm(1)(w), [[0.6, 0.1], [0.8, 0]], atol=1e-6)
    np.testing.assert_allclose(constraints.unit_norm()(w), [[0.6, 1], [0.8, 0]], atol=1e-5)
    np.testing.assert_allclose(constraints.min_max_norm(1, 2)(w), [[1.2, 1], [1.6, 0]], atol=1e-5)
    assert constraints.non_neg()(-w).max() == 0
    assert constraints.MaxNorm(axis=[0, 1]).get_config()["axis"] == (0, 1)
