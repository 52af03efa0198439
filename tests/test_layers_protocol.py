"""Every layer of layer_cases.py: gradients by finite differences, configs, buffers, batch sizes.

What test_layers.py does for the layers of the first hour, here in training mode as well: layers
that draw random numbers start from the same state before each forward pass.
"""

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.layers.registry import deserialize, registry, serialize
from tests import test_layers
from tests.layer_cases import CASES

backend = test_layers.backend
float64 = test_layers.float64
numeric_gradient = test_layers.numeric_gradient


def made(name):
    """The layer, built with weights that are no round numbers, and its input shape."""
    make, shape = CASES[name]
    layer = make()
    layer.build_once((None, *shape))
    rng = np.random.default_rng(7)
    layer.set_weights([w + 0.3 * rng.random(w.shape).astype(w.dtype) for w in layer.get_weights()])
    return layer, shape


def batch(shape, size=2, seed=0, dtype=np.float32):
    """Distinct values far from each other and from 0: no kink within eps."""
    count = size * int(np.prod(shape))
    spread = np.linspace(-1.03, 1, count if count % 2 == 0 else count + 1)[:count]
    return np.random.default_rng(seed).permutation(spread).reshape(size, *shape).astype(dtype)


def trained(layer, x, state, step=None):
    """A copy of the training forward pass, from the same random state each time."""
    if state is not None:
        layer.set_random_state(state)
    return np.array((step or layer).forward(x, training=True))


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_finite_differences(name, float64):
    layer, shape = made(name)
    x = batch(shape, dtype=np.float64)
    state = layer.get_random_state() if hasattr(layer, "seed") else None
    y = trained(layer, x, state)
    dy = np.random.default_rng(1).normal(size=y.shape)
    weights = [w.copy() for w in layer.get_weights()]
    dx = np.array(layer.backward(dy))
    gradients = [variable.gradient.copy() for variable in layer.trainable_weights]
    slope = numeric_gradient(lambda: trained(layer, x, state), x, dy)
    np.testing.assert_allclose(dx, slope, atol=1e-5, rtol=1e-3)
    layer.set_weights(weights)
    for variable, gradient in zip(layer.trainable_weights, gradients, strict=True):
        values = variable.numpy()

        def run(variable=variable, values=values):
            variable.assign(values)
            return trained(layer, x, state)

        slope = numeric_gradient(run, values, dy)
        np.testing.assert_allclose(gradient, slope, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("name", CASES)
def test_native_and_reference_agree(name):
    layer, shape = made(name)
    x = batch(shape, 6)
    state = layer.get_random_state() if hasattr(layer, "seed") else None
    weights = layer.get_weights()
    results = []
    for backend_name in ("native", "reference"):
        keras.config.set_backend(backend_name)
        layer.release()
        layer.set_weights(weights)
        inference = np.array(layer.forward(x))
        y = trained(layer, x, state)
        dx = np.array(layer.backward(np.cos(y)))
        gradients = [variable.gradient.copy() for variable in layer.trainable_weights]
        results.append([inference, y, dx, *gradients, *layer.get_weights()])
    for native, reference in zip(*results, strict=True):
        np.testing.assert_allclose(native, reference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_a_layer_comes_back_from_its_config(name):
    layer, shape = made(name)
    x = batch(shape)
    config = serialize(layer)
    assert config["module"] == "keras.layers"
    again = deserialize(config)
    assert again.get_config() == layer.get_config()
    assert again(x).shape == layer(x).shape
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), layer(x))


@pytest.mark.parametrize("name", CASES)
def test_output_shape_is_computed_as_it_comes_out(name):
    layer, shape = made(name)
    for training in (False, True):
        y = layer(batch(shape, 3), training)
        assert (
            y.shape[1:] == layer.compute_output_shape((None, *shape))[1:] == layer.output_shape[1:]
        )


@pytest.mark.parametrize("name", CASES)
def test_repeated_calls_return_the_same_arrays(name, backend):
    layer, shape = made(name)
    x = batch(shape, 4)
    first = layer.forward(x, training=True)
    dy = batch(first.shape[1:], 4, seed=1)
    dx = layer.backward(dy)
    x_before, dy_before = x.copy(), dy.copy()
    assert layer.forward(x, training=True) is first
    assert layer.backward(dy) is dx
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(dy, dy_before)


@pytest.mark.parametrize("name", CASES)
def test_batches_of_changing_size(name, backend):
    layer, shape = made(name)
    x = batch(shape, 7)
    whole = layer(x, training=False)
    for size in (2, 7, 1, 5, 3, 6, 4, 2):
        part = layer(x[:size], training=False)
        np.testing.assert_allclose(part, whole[:size], rtol=1e-5, atol=1e-6)
        part = np.ascontiguousarray(x[:size])
        weights = layer.get_weights()
        y = layer.forward(part, training=True)
        assert layer.backward(np.ones_like(y)).shape == part.shape
        layer.set_weights(weights)


@pytest.mark.parametrize("name", CASES)
def test_a_batch_without_samples(name, backend):
    layer, shape = made(name)
    x = np.empty((0, *shape), np.float32)
    for training in (False, True):
        y = layer.forward(x, training)
        assert y.shape == (0, *layer.output_shape[1:])
    assert layer.backward(np.empty_like(y)).shape == x.shape
    for variable in layer.trainable_weights:
        assert np.isfinite(variable.gradient).all()


@pytest.mark.parametrize("name", CASES)
def test_backward_before_forward(name):
    layer, shape = made(name)
    layer.forward(batch(shape))
    with pytest.raises(RuntimeError, match=r"needs a forward\(x, training=True\) before it"):
        layer.backward(np.zeros((2, *layer.output_shape[1:]), np.float32))


@pytest.mark.parametrize("name", CASES)
def test_no_input_gradient_where_nobody_reads_it(name):
    layer, shape = made(name)
    x = batch(shape)
    state = layer.get_random_state() if hasattr(layer, "seed") else None
    dy = np.ones_like(trained(layer, x, state))
    layer.backward(dy)
    wanted = [variable.gradient.copy() for variable in layer.trainable_weights]
    step = layer.make_step()
    step.expect_gradient(read=False, consume=False)
    trained(layer, x, state, step)
    step.backward(dy)
    for variable, gradient in zip(layer.trainable_weights, wanted, strict=True):
        np.testing.assert_array_equal(variable.gradient, gradient)


@pytest.mark.parametrize("name", CASES)
def test_consuming_the_gradient_changes_nothing(name, backend):
    layer, shape = made(name)
    x = batch(shape)
    state = layer.get_random_state() if hasattr(layer, "seed") else None
    dy = batch(trained(layer, x, state).shape[1:], seed=1)
    wanted = np.array(layer.backward(dy))
    step = layer.make_step()
    step.expect_gradient(read=True, consume=True)
    trained(layer, x, state, step)
    np.testing.assert_array_equal(step.backward(dy.copy()), wanted)


def test_every_registered_layer_is_tested():
    tables = (CASES, test_layers.CONFIGURATIONS)
    tested = {type(make()).__name__ for table in tables for make, _ in table.values()}
    assert set(registry.names()) - tested == {"InputLayer", "Sequential"}
