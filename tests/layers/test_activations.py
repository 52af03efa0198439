"""Activations: values, gradients by finite differences, names."""

import copy
import math
import pickle

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
def test_values_match_the_formula(name):
    x = np.linspace(-8, 8, 60).reshape(10, 6)
    np.testing.assert_allclose(
        activations.get(name)(x.astype(np.float32)), VALUES[name](x), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("name", VALUES)
def test_gradients_match_finite_differences(name):
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
def test_backward_may_overwrite_dy(name):
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


def gradient(activation, x):
    """dx for dy = 1, float32."""
    x = np.asarray(x, np.float32)
    y, dx = np.empty_like(x), np.empty_like(x)
    activation.bind_forward(x, y)()
    activation.bind_backward(np.ones_like(x), x, y, dx)()
    return dx


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_elu_with_negative_alpha_has_the_gradient_of_keras(backend):
    keras.config.set_backend(backend)
    elu = type(activations.elu)(alpha=-0.5)
    x = [-20, -1, -1e-7, 0, 1e-7, 1, 20]
    np.testing.assert_allclose(
        gradient(elu, x), [0, -0.18393973, -0.49999994, -0.5, 1, 1, 1], rtol=1e-6
    )


@pytest.mark.parametrize("x", [3e7, -3e7, 3e38, np.inf, -np.inf])
def test_tanh_shrink_has_slope_one_far_from_zero(x):
    assert gradient(activations.tanh_shrink, [x]) == 1


EXTREMES = [0, 1e-30, -1e-30, 1e-7, -1e-7, 20, -20, 3e7, -3e7, 3e38, -3e38]


@pytest.mark.parametrize("name", sorted(VALUES))
@pytest.mark.parametrize("backend", ["native", "reference"])
def test_gradients_of_extreme_inputs_are_finite(backend, name):
    keras.config.set_backend(backend)
    with np.errstate(all="ignore"):  # squareplus and gelu square x
        slopes = gradient(activations.get(name), [[x, 0] for x in EXTREMES])
    if name == "exponential":
        slopes = slopes[np.array(EXTREMES) < 88]
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize("parameters", [{"max_value": -1}, {"threshold": -1, "max_value": 2}])
def test_relu_clips_between_zero_and_max_value(parameters):
    x = np.array([-3, -0.5, 0.5, 3], np.float32)
    relu = type(activations.relu)(**parameters)
    top = max(parameters["max_value"], 0)
    np.testing.assert_array_equal(relu(x), np.clip(x, 0, top))
    np.testing.assert_array_equal(gradient(relu, x), (x > 0) & (x < top))


def test_soft_shrink_with_negative_threshold_matches_keras():
    shrink = type(activations.soft_shrink)(threshold=-1)
    assert shrink([-2, -1, -0.5, 2]).tolist() == [-3, -2, 0.5, 3]


def test_sparsemax_does_not_depend_on_a_common_offset():
    x = np.array([[0, 1, 0.5]], np.float32)
    for offset in (0, 1e3, 3e6):
        np.testing.assert_array_equal(
            activations.sparsemax(x + np.float32(offset)), [[0, 0.75, 0.25]]
        )
    np.testing.assert_allclose(activations.sparsemax([[3e7] * 4]), [[0.25] * 4])


def test_sparsemax_ends_where_an_element_is_as_large_as_the_rounded_threshold():
    """Without the last element the threshold is one ulp smaller than with it, so it is above it."""
    second = float.fromhex("-0x1.9999b4p-4")
    x = np.array([[0, second, float.fromhex("-0x1.19999ap-1")]], np.float32)
    expected = [[0.5 - second / 2, 0.5 + second / 2, 0]]
    np.testing.assert_allclose(activations.sparsemax(x), expected, atol=1e-7)
    layer = keras.layers.Activation("sparsemax")
    np.testing.assert_allclose(layer(x), expected, atol=1e-7)


@pytest.mark.parametrize("index", range(3))
def test_sparsemax_of_a_row_with_nan_is_nan(index):
    x = np.array([[0.5, 0.25, 0.125], [0.5, 0.25, 0.125]], np.float32)
    expected = activations.sparsemax(x)
    expected[0] = x[0, index] = np.nan
    np.testing.assert_array_equal(activations.sparsemax(x), expected)
    np.testing.assert_array_equal(keras.layers.Activation("sparsemax")(x), expected)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "sparsemax"])
def test_softmax_functions_take_a_single_row(name):
    activation = activations.get(name)
    x = np.array([1, 2, 0.5], np.float32)
    np.testing.assert_array_equal(activation(x), activation(x[None])[0])


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), (1, 2), (-1, 0), (0, 1, 2)], ids=str)
def test_softmax_functions_over_any_axes(name, axis, instruction_set):
    """Of an array that is not changed; a gradient may overwrite dy."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((3, 5, 17)).astype(np.float32) for _ in range(2))
    activation, before = type(activations.get(name))(axis=axis), x.copy()
    powers = np.exp(x - x.max(axis, keepdims=True))
    p = powers / powers.sum(axis, keepdims=True)
    y = activation(x)
    np.testing.assert_allclose(y, np.log(p) if name == "log_softmax" else p, rtol=3e-6)
    if name == "softmax":
        slope = p * (dy - (dy * p).sum(axis, keepdims=True))
    else:
        slope = dy - p * dy.sum(axis, keepdims=True)
    np.testing.assert_array_equal(x, before)
    activation.bind_backward(dy, x, y, dy)()
    np.testing.assert_allclose(dy, slope, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", [3, -4, (0, 0), (1, -2)], ids=str)
def test_softmax_axes_must_exist_and_differ(axis):
    with pytest.raises(ValueError, match="must contain distinct axes of the input"):
        activations.softmax(np.zeros((2, 3, 4)), axis=axis)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_over_all_axes(name):
    x = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    function = getattr(keras.activations, name)
    np.testing.assert_array_equal(function(x, axis=None), function(x, axis=(0, 1)))
    with pytest.raises(ValueError, match=r"`axis` must be an integer, several, or None"):
        function(x, axis=1.5)


def test_a_scalar_stays_a_scalar():
    assert activations.relu(3).shape == ()
    assert activations.relu(3) == 3
    with pytest.raises(ValueError, match=r"one or more axes. Received a scalar"):
        activations.softmax(3.0)


@pytest.mark.parametrize("x", [None, "a", np.ones(2) * 1j, [[1, 2], None]])
def test_non_numeric_input_is_refused(x):
    with pytest.raises(ValueError, match=r"array of real numbers. Received dtype|inhomogeneous"):
        activations.relu(x)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])
def test_copies_and_pickles(copied):
    assert copied(activations.relu) is activations.relu
    elu = copied(type(activations.elu)(alpha=0.3))
    assert repr(elu) == "<activation elu(alpha=0.3)>"
    owned = copied(activations.get(keras.layers.LeakyReLU(0.1)))
    assert activations.serialize(owned)["config"]["negative_slope"] == 0.1


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
        with pytest.raises(ValueError, match="cannot be written to a config"):
            activations.serialize(activation)
    else:
        config = activations.serialize(activation)
        assert config["class_name"] == layer
        np.testing.assert_array_equal(activations.deserialize(config)(x), activation(x))


def test_layers_are_accepted_as_activations():
    assert activations.get(keras.layers.ReLU()) is activations.relu
    leaky = activations.get(keras.layers.LeakyReLU(0.5))
    assert leaky(np.array([-2.0])) == -1
    assert repr(leaky) == "<activation leaky_relu(negative_slope=0.5)>"
    with pytest.raises(ValueError, match="An activation needs a gradient"):
        activations.get(keras.layers.Dense(3))


def test_threshold_is_a_function_only():
    assert activations.threshold([-1.0, 2.0], 0, 5).tolist() == [5, 2]


def test_custom_activation():
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
