"""Activations: values, gradients by finite differences, names."""

import math

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import activations

VALUES = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.minimum(np.maximum(x, 0), 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "tanh": np.tanh,
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "exponential": np.exp,
    "celu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "sparsemax": lambda x: np.maximum(x - sparsemax_shift(x), 0),
    "log_sigmoid": lambda x: -np.log(1 + np.exp(-x)),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)),
    "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2,
    "soft_shrink": lambda x: np.sign(x) * np.maximum(abs(x) - 0.5, 0),
    "hard_shrink": lambda x: np.where(abs(x) > 0.5, x, 0),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "gelu": lambda x: 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
}


def sparsemax_shift(x):
    """The tau with sum(max(x - tau, 0)) = 1, by bisection."""
    low, high = x.min(-1, keepdims=True) - 1, x.max(-1, keepdims=True)
    for _ in range(60):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return high


def test_every_registered_activation_is_tested_here():
    assert activations.registry.names() == sorted(VALUES)


@pytest.mark.parametrize("name", VALUES)
def test_values_are_those_of_the_formula(name):
    x = np.linspace(-8, 8, 60).reshape(10, 6)
    np.testing.assert_allclose(
        activations.get(name)(x.astype(np.float32)), VALUES[name](x), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("name", VALUES)
def test_gradients_are_those_of_finite_differences(name):
    keras.config.set_backend("reference")
    activation = activations.get(name)
    x = np.linspace(-7.03, 7.04, 24).reshape(4, 6)
    dy = np.random.default_rng(0).normal(size=x.shape)
    y, dx = activation(x), np.empty_like(x)
    activation.bind_backward(dy, x, y, dx)()
    eps = 1e-6
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = eps
        slope = ((activation(x + step) - activation(x - step)) * dy).sum() / (2 * eps)
        np.testing.assert_allclose(dx[index], slope, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("name", VALUES)
def test_backward_may_write_over_dy(name):
    activation = activations.get(name)
    x = np.linspace(-3, 3, 12, dtype=np.float32).reshape(3, 4)
    y, dy = activation(x), np.linspace(1, 2, 12, dtype=np.float32).reshape(3, 4)
    apart = np.empty_like(dy)
    activation.bind_backward(dy, x, y, apart)()
    activation.bind_backward(dy, x, y, dy)()
    np.testing.assert_array_equal(dy, apart)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "tanh", "softmax", "log_softmax", "elu"])
def test_large_inputs_stay_finite(name):
    y = activations.get(name)(np.array([[-1e4, 0, 1e4]], np.float32))
    assert np.isfinite(y).all()


@pytest.mark.parametrize("name", ["relu", "tanh", "softmax", "elu", "sigmoid", "leaky_relu"])
def test_nan_stays_nan(name):
    assert np.isnan(activations.get(name)(np.array([[np.nan, 1]], np.float32))[0, 0])


def test_lookup():
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu
    assert activations.get(activations.relu) is activations.relu
    assert activations.deserialize(activations.serialize(activations.tanh)) is activations.tanh
    with pytest.raises(ValueError, match=r"Unknown activation: 'rleu'. Did you mean 'relu'"):
        activations.get("rleu")
    with pytest.raises(ValueError, match="An activation needs a gradient"):
        activations.get(np.tanh)


PARAMETERS = {
    "relu": ({"negative_slope": 0.1, "max_value": 3, "threshold": 0.5}, "ReLU"),
    "leaky_relu": ({"negative_slope": 0.1}, "LeakyReLU"),
    "elu": ({"alpha": 0.3}, "ELU"),
    "celu": ({"alpha": 0.3}, None),
    "softmax": ({"axis": 0}, "Softmax"),
    "log_softmax": ({"axis": 0}, None),
    "sparsemax": ({"axis": 0}, None),
    "squareplus": ({"b": 1}, None),
    "soft_shrink": ({"threshold": 1.5}, None),
    "hard_shrink": ({"threshold": 1.5}, None),
    "gelu": ({"approximate": True}, None),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name):
    keras.config.set_backend("reference")
    parameters, layer = PARAMETERS[name]
    default = activations.get(name)
    activation = type(default)(**parameters)
    x = np.linspace(-7.03, 7.04, 24).reshape(4, 6)
    np.testing.assert_array_equal(default(x, **parameters), activation(x))
    assert not np.array_equal(default(x), activation(x))
    dy, dx = np.cos(x), np.empty_like(x)
    activation.bind_backward(dy, x, activation(x), dx)()
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-6
        slope = ((activation(x + step) - activation(x - step)) * dy).sum() / 2e-6
        np.testing.assert_allclose(dx[index], slope, atol=1e-5, rtol=1e-3)
    if layer is None:
        with pytest.raises(ValueError, match="cannot be put into a config"):
            activations.serialize(activation)
    else:
        config = activations.serialize(activation)
        assert config["class_name"] == layer
        np.testing.assert_array_equal(activations.deserialize(config)(x), activation(x))


def test_layers_are_taken_as_activations():
    assert activations.get(keras.layers.ReLU()) is activations.relu
    leaky = activations.get(keras.layers.LeakyReLU(0.5))
    assert leaky(np.array([-2.0])) == -1
    assert repr(leaky) == "<activation leaky_relu(negative_slope=0.5)>"
    with pytest.raises(ValueError, match="An activation needs a gradient"):
        activations.get(keras.layers.Dense(3))


def test_threshold_is_a_function_only():
    assert activations.threshold([-1.0, 2.0], 0, 5).tolist() == [5, 2]


def test_an_activation_of_your_own():
    class Cube(activations.ActivationFunction):
        name = "cube"

        def forward(self, x, y):
            y[...] = x**3

        def backward(self, dy, x, y, dx):
            dx[...] = 3 * x**2 * dy

    layer = keras.layers.Dense(1, activation=Cube(), kernel_initializer="ones")
    x = np.full((1, 2), 2, np.float32)
    assert layer(x).item() == 64
    layer.forward(x, training=True)
    np.testing.assert_array_equal(layer.backward(np.ones((1, 1), np.float32)), [[48, 48]])
