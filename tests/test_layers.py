"""Layers: results against plain formulas, gradients against finite differences, the protocol."""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.core import steps
from fastcnn.layers.registry import deserialize, serialize

CONFIGURATIONS = {
    "conv": (lambda: layers.Conv2D(3, 3), (5, 6, 2)),
    "conv relu": (lambda: layers.Conv2D(3, (2, 3), activation="relu"), (5, 6, 2)),
    "conv strided": (lambda: layers.Conv2D(2, 3, strides=(2, 1), padding="same"), (5, 4, 3)),
    "conv dilated": (lambda: layers.Conv2D(2, 2, dilation_rate=2, activation="tanh"), (5, 5, 1)),
    "conv without bias": (lambda: layers.Conv2D(2, 1, use_bias=False), (3, 3, 2)),
    "max pool": (lambda: layers.MaxPooling2D(2), (5, 4, 3)),
    "max pool overlapping": (lambda: layers.MaxPooling2D(3, 2, "same"), (5, 6, 2)),
    "max pool of many places": (lambda: layers.MaxPooling2D(16, 1), (17, 16, 1)),
    "average pool": (lambda: layers.AveragePooling2D((2, 3)), (4, 7, 2)),
    "average pool same": (lambda: layers.AveragePooling2D(2, 1, "same"), (3, 3, 2)),
    "dense": (lambda: layers.Dense(4), (5,)),
    "dense relu": (lambda: layers.Dense(4, activation="relu"), (5,)),
    "dense softmax": (lambda: layers.Dense(4, activation="softmax"), (5,)),
    "dense on images": (lambda: layers.Dense(2, activation="sigmoid"), (3, 2, 4)),
    "dense without bias": (lambda: layers.Dense(4, use_bias=False), (3,)),
    "flatten": (lambda: layers.Flatten(), (2, 3, 2)),
    "activation": (lambda: layers.Activation("elu"), (4, 3)),
    "rescaling": (lambda: layers.Rescaling(0.5, -1.0), (3, 2)),
}


@pytest.fixture(params=["native", "reference"])
def backend(request):
    keras.config.set_backend(request.param)
    return request.param


@pytest.fixture
def float64():
    """Everything in double precision, for finite differences."""
    keras.config.set_backend("reference")
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


def numeric_gradient(function, array, dy, eps=1e-6):
    """d sum(function() * dy) / d array by central differences; `array` is changed and put back."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + eps
        above = (function() * dy).sum()
        array[index] = kept - eps
        below = (function() * dy).sum()
        array[index] = kept
        gradient[index] = (above - below) / (2 * eps)
    return gradient


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_gradients_are_those_of_finite_differences(name, float64):
    make, shape = CONFIGURATIONS[name]
    rng = np.random.default_rng(0)
    layer = make()
    # distinct values far from each other and from 0: no kink within eps
    x = rng.permutation(np.linspace(-1, 1, 2 * int(np.prod(shape)))).reshape(2, *shape)
    dy = rng.normal(size=layer(x).shape)
    layer.forward(x, training=True)
    dx = np.array(layer.backward(dy))
    np.testing.assert_allclose(
        dx, numeric_gradient(lambda: np.array(layer.forward(x)), x, dy), atol=1e-5, rtol=1e-3
    )
    for variable in layer.trainable_weights:
        values = variable.numpy()

        def run(variable=variable, values=values):
            variable.assign(values)
            return np.array(layer.forward(x))

        layer.forward(x, training=True)
        layer.backward(dy)
        gradient = variable.gradient.copy()
        np.testing.assert_allclose(
            gradient, numeric_gradient(run, values, dy), atol=1e-5, rtol=1e-3
        )


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_layer_comes_back_from_its_config(name):
    make, shape = CONFIGURATIONS[name]
    layer = make()
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    y = layer(x)
    config = serialize(layer)
    assert config["module"] == "keras.layers"
    assert config["build_config"]["input_shape"] == (None, *shape)
    again = deserialize(config)
    assert again.get_config() == layer.get_config()
    assert again(x).shape == y.shape
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), y)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_output_shape_is_computed_as_it_comes_out(name):
    make, shape = CONFIGURATIONS[name]
    layer = make()
    assert layer(np.zeros((3, *shape))).shape[1:] == layer.compute_output_shape((None, *shape))[1:]
    assert layer.output_shape == layer.compute_output_shape((None, *shape))


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_repeated_calls_return_the_same_arrays(name, backend):
    make, shape = CONFIGURATIONS[name]
    layer = make()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, *shape)).astype(np.float32)
    layer(x)
    first = layer.forward(x, training=True)
    kept = first.copy()
    dy = rng.normal(size=first.shape).astype(np.float32)
    dx = layer.backward(dy)
    x_before, dy_before = x.copy(), dy.copy()
    assert layer.forward(x, training=True) is first
    assert layer.backward(dy) is dx
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(dy, dy_before)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_batches_of_changing_size(name, backend):
    make, shape = CONFIGURATIONS[name]
    layer = make()
    rng = np.random.default_rng(1)
    x = rng.normal(size=(7, *shape)).astype(np.float32)
    whole = layer(x)
    for size in (2, 7, 1, 5, 3, 6, 4, 2):
        np.testing.assert_allclose(layer(x[:size]), whole[:size], rtol=1e-5, atol=1e-6)
        part = np.ascontiguousarray(x[:size])
        y = layer.forward(part, training=True)
        assert layer.backward(np.ones_like(y)).shape == part.shape
    assert len(layer._step._calls) <= steps.MAX_CALLS


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_backward_needs_forward_in_training(name):
    make, shape = CONFIGURATIONS[name]
    layer = make()
    y = layer(np.zeros((2, *shape)))
    with pytest.raises(RuntimeError, match=r"needs a forward\(x, training=True\) before it"):
        layer.backward(y)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_no_input_gradient_where_nobody_reads_it(name):
    make, shape = CONFIGURATIONS[name]
    layer = make()
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    layer(x)
    y = layer.forward(x, training=True)
    layer.backward(np.ones_like(y))
    wanted = [variable.gradient.copy() for variable in layer.trainable_weights]
    step = layer.make_step()
    step.expect_gradient(read=False, consume=False)
    step.forward(x, training=True)
    result = step.backward(np.ones_like(y))
    assert result is None or name == "flatten"
    for variable, gradient in zip(layer.trainable_weights, wanted, strict=True):
        np.testing.assert_array_equal(variable.gradient, gradient)


def test_gradients_are_written_not_added(backend):
    layer = layers.Dense(2, activation="relu")
    x = np.ones((3, 4), np.float32)
    layer(x)
    y = layer.forward(x, training=True)
    layer.backward(np.ones_like(y))
    once = layer.kernel.gradient.copy()
    layer.forward(x, training=True)
    layer.backward(np.ones_like(y))
    np.testing.assert_array_equal(layer.kernel.gradient, once)


def test_consume_gradient_works_in_the_given_array(backend):
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


def test_conv2d_against_the_formula(backend):
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


def test_same_padding_puts_the_odd_pixel_at_the_bottom_and_right(backend):
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    layer = layers.Conv2D(1, 2, padding="same", kernel_initializer="ones")
    y = layer(x)[0, :, :, 0]
    assert y[0, 0] == 0 + 1 + 4 + 5
    assert y[3, 3] == 15
    np.testing.assert_array_equal(
        layers.AveragePooling2D(2, 1, "same")(x)[0, :, :, 0][3], [12.5, 13.5, 14.5, 15]
    )


def test_max_pooling_gives_its_gradient_to_the_first_maximum(backend):
    x = np.zeros((1, 2, 2, 1), np.float32)
    layer = layers.MaxPooling2D(2, 2)
    layer(x)
    layer.forward(x, training=True)
    dx = layer.backward(np.full((1, 1, 1, 1), 5, np.float32))
    np.testing.assert_array_equal(dx[0, :, :, 0], [[5, 0], [0, 0]])


def test_pooling_strides_are_the_window_unless_given():
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
def test_arrays_of_numbers_become_float32(dtype):
    y = layers.Dense(2, kernel_initializer="ones")(np.ones((2, 3), dtype))
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, np.full((2, 2), 3))


def test_memory_layouts_give_the_same_result():
    layer = layers.Conv2D(2, 2)
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    wanted = layer(x)
    for other in (np.asfortranarray(x), x[::-1][::-1], x.astype(">f4"), np.repeat(x, 2, 1)[:, ::2]):
        np.testing.assert_array_equal(layer(other), wanted)


def test_call_returns_a_fresh_array():
    layer = layers.Dense(2)
    x = np.ones((1, 2))
    first = layer(x)
    kept = first.copy()
    layer(5 * x)
    np.testing.assert_array_equal(first, kept)


def test_names_count_up_in_snake_case():
    keras.utils.clear_session()
    names = [layers.Conv2D(1, 1).name, layers.Conv2D(1, 1).name, layers.MaxPooling2D().name]
    assert names == ["conv2d", "conv2d_1", "max_pooling2d"]
    assert layers.Dense(1, name="mine").name == "mine"


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


def test_config_is_that_of_keras():
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
