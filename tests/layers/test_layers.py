"""Layers: results against simple formulas, and the behavior of individual layers.

Tests that apply to every layer are in test_layers_protocol.py.
"""

import json

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import constraints, layers, regularizers


@pytest.fixture(params=["native", "reference"])
def backend(request):
    keras.config.set_backend(request.param)
    return request.param


def test_gradients_are_overwritten_not_accumulated(backend):
    layer = layers.Dense(2, activation="relu")
    x = np.ones((3, 4), np.float32)
    layer(x)
    y = layer.forward(x, training=True)
    layer.backward(np.ones_like(y))
    once = layer.kernel.gradient.copy()
    layer.forward(x, training=True)
    layer.backward(np.ones_like(y))
    np.testing.assert_array_equal(layer.kernel.gradient, once)


def test_consume_gradient_works_in_place(backend):
    layer = layers.Dense(2, activation="relu")
    x = np.ones((1, 2), np.float32)
    layer(x)
    layer.set_weights([np.array([[1, -1], [1, -1]]), np.zeros(2)])
    step = layer.make_step()
    step.expect_gradient(read=True, consume=True)
    step.forward(x, training=True)
    dy = np.full((1, 2), 3, np.float32)
    step.backward(dy)
    np.testing.assert_array_equal(dy, [[3, 0]])


def test_conv2d_matches_the_formula(backend):
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 8, (2, 5, 6, 3)).astype(np.float32)
    layer = layers.Conv2D(4, (3, 2), strides=(2, 1), activation="relu")
    layer(x)
    w = rng.integers(-8, 8, (3, 2, 3, 4)).astype(np.float32)
    b = rng.integers(-8, 8, 4).astype(np.float32)
    layer.set_weights([w, b])
    wanted = np.zeros((2, 2, 5, 4), np.float32)
    for n, oh, ow, oc in np.ndindex(wanted.shape):
        window = x[n, 2 * oh : 2 * oh + 3, ow : ow + 2]
        wanted[n, oh, ow, oc] = max((window * w[..., oc]).sum() + b[oc], 0)
    np.testing.assert_array_equal(layer(x), wanted)


def test_same_padding_adds_the_odd_pixel_at_the_bottom_and_right(backend):
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    layer = layers.Conv2D(1, 2, padding="same", kernel_initializer="ones")
    y = layer(x)[0, :, :, 0]
    assert y[0, 0] == 0 + 1 + 4 + 5
    assert y[3, 3] == 15
    np.testing.assert_array_equal(
        layers.AveragePooling2D(2, 1, "same")(x)[0, :, :, 0][3], [12.5, 13.5, 14.5, 15]
    )


def test_max_pooling_sends_the_gradient_to_the_first_maximum(backend):
    x = np.zeros((1, 2, 2, 1), np.float32)
    layer = layers.MaxPooling2D(2, 2)
    layer(x)
    layer.forward(x, training=True)
    dx = layer.backward(np.full((1, 1, 1, 1), 5, np.float32))
    np.testing.assert_array_equal(dx[0, :, :, 0], [[5, 0], [0, 0]])


def test_pooling_strides_default_to_the_window():
    assert layers.MaxPooling2D(3).strides == (3, 3)
    assert layers.MaxPooling2D(2, 1).strides == (1, 1)
    assert layers.AveragePooling2D((2, 4)).strides == (2, 4)
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.AvgPool2D is layers.AveragePooling2D


def test_flatten_is_a_view():
    x = np.ones((2, 3, 4), np.float32)
    layer = layers.Flatten()
    assert np.shares_memory(layer.forward(x), x)
    assert layer.forward(x) is layer.forward(x)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64", "float16", "bool"])
def test_numeric_inputs_are_converted_to_float32(dtype):
    y = layers.Dense(2, kernel_initializer="ones")(np.ones((2, 3), dtype))
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, np.full((2, 2), 3))


def test_memory_layouts_give_the_same_result():
    layer = layers.Conv2D(2, 2)
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    wanted = layer(x)
    for other in (np.asfortranarray(x), x[::-1][::-1], x.astype(">f4"), np.repeat(x, 2, 1)[:, ::2]):
        np.testing.assert_array_equal(layer(other), wanted)


def test_call_returns_a_new_array():
    layer = layers.Dense(2)
    x = np.ones((1, 2))
    first = layer(x)
    kept = first.copy()
    layer(5 * x)
    np.testing.assert_array_equal(first, kept)


def test_default_names_are_numbered_in_snake_case():
    keras.utils.clear_session()
    names = [layers.Conv2D(1, 1).name, layers.Conv2D(1, 1).name, layers.MaxPooling2D().name]
    assert names == ["conv2d", "conv2d_1", "max_pooling2d"]
    assert layers.Dense(1, name="mine").name == "mine"


def test_inputs_can_be_named():
    x = np.ones((2, 3, 3, 1), np.float32)
    for layer in (layers.Flatten(), layers.RandomFlip(), keras.Sequential([layers.Flatten()])):
        assert layer(inputs=x, training=False).shape[0] == 2


@pytest.mark.parametrize(
    "layer", [layers.Dense(2, "relu", kernel_initializer="identity"), layers.Activation("relu")]
)
def test_activation_may_be_replaced_after_a_call(layer):
    x = np.array([[-1, 2]], np.float32)
    model = keras.Sequential([keras.Input((2,)), layer])
    for call in (layer, model, layer.forward):
        np.testing.assert_array_equal(call(x), [[0, 2]])
        layer.activation = None
        np.testing.assert_array_equal(call(x), x)
        layer.activation = "relu"
    assert layer.get_config()["activation"] == "relu"


def test_frozen_layer_has_no_gradient():
    layer = layers.Dense(2, trainable=False)
    x = np.ones((1, 3), np.float32)
    layer(x)
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 2
    assert layer.kernel.gradient is None
    layer.forward(x, training=True)
    assert layer.backward(np.ones((1, 2), np.float32)).shape == (1, 3)
    layer.trainable = True
    assert layer.trainable_weights == [layer.kernel, layer.bias]


def test_set_weights_assigns_all_or_nothing():
    layer = layers.Dense(2)
    layer(np.ones((1, 3)))
    before = layer.get_weights()
    with pytest.raises(ValueError, match="does not fit the given array of shape"):
        layer.set_weights([np.zeros((3, 2)), np.zeros(3)])
    with pytest.raises(ValueError, match="with a list of 1 arrays, but it has 2 weights"):
        layer.set_weights([np.zeros((3, 2))])
    for now, then in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_layer_built_by_hand_is_built_once():
    layer = layers.Dense(2)
    layer.build((None, 3))
    kernel = layer.kernel
    layer(np.ones((1, 3)))
    assert layer.kernel is kernel
    assert len(layer.weights) == 2


def test_rescaling_takes_uint8():
    x = np.array([[0, 255]], np.uint8)
    np.testing.assert_allclose(layers.Rescaling(1 / 127.5, -1)(x), [[-1, 1]], atol=1e-6)


def test_config_matches_keras():
    """Recorded from Keras 3.15: the keys of `get_config`."""
    common = {"name", "trainable", "dtype"}
    conv = (
        "filters kernel_size strides padding data_format dilation_rate groups activation use_bias "
        "kernel_initializer bias_initializer kernel_regularizer bias_regularizer "
        "activity_regularizer kernel_constraint bias_constraint"
    )
    dense = (
        "units activation use_bias kernel_initializer bias_initializer kernel_regularizer "
        "bias_regularizer kernel_constraint bias_constraint quantization_config"
    )
    assert set(layers.Conv2D(1, 1).get_config()) == common | set(conv.split())
    assert set(layers.Dense(1).get_config()) == common | set(dense.split())
    assert set(layers.MaxPooling2D().get_config()) == common | {
        "pool_size",
        "padding",
        "strides",
        "data_format",
    }
    assert layers.Conv2D(1, 1, activation="relu").get_config()["activation"] == "relu"
    assert layers.Dense(1).get_config()["kernel_initializer"]["class_name"] == "GlorotUniform"
    assert layers.InputLayer((3,), name="a").get_config() == {
        "batch_shape": (None, 3),
        "dtype": "float32",
        "sparse": False,
        "ragged": False,
        "name": "a",
        "optional": False,
    }


N, F = np.int64, np.float32
NUMPY_ARGUMENTS = {
    "noise shape": lambda: layers.Dropout(F(0.5), noise_shape=np.array([2, 1]), seed=N(3)),
    "dims": lambda: layers.Permute(np.array([2, 1])),
    "axis": lambda: layers.Softmax(axis=N(-1)),
    "axes": lambda: layers.Softmax(axis=(N(1), N(2))),
    "normalization": lambda: layers.BatchNormalization(axis=N(-1), momentum=F(0.9)),
    "shape": lambda: layers.Reshape(np.array([2, 3])),
    "factor": lambda: layers.RandomRotation(F(0.1), fill_value=F(0.5)),
    "factors": lambda: layers.RandomZoom(np.array([0.1, 0.2]), (F(0.1), F(0.2))),
    "value range": lambda: layers.RandomContrast(F(0.1), value_range=np.array([0.0, 1.0])),
    "slope": lambda: layers.LeakyReLU(F(0.25)),
    "units": lambda: layers.Dense(N(3), kernel_regularizer=regularizers.L2(F(0.25))),
    "constraint": lambda: layers.Dense(3, kernel_constraint=constraints.MaxNorm(F(2), axis=N(0))),
    "input": lambda: layers.InputLayer(shape=np.array([3, 3]), batch_size=N(4)),
}


@pytest.mark.parametrize("name", NUMPY_ARGUMENTS)
def test_configs_are_json_for_numpy_arguments(name):
    layer = NUMPY_ARGUMENTS[name]()
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config


def test_a_function_cannot_be_written_to_a_config():
    def ones(shape, dtype=None):
        return np.ones(shape, dtype)

    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, kernel_initializer=ones)])
    with pytest.raises(ValueError, match="A function cannot be written to a config"):
        model.to_json()
