"""The protocol of all layers, tested on the rows of support/layer_cases.py.

Gradients by finite differences, configs, shapes, buffers, batch sizes, and both backends alike.
Layers that draw random numbers start from the same state before each forward pass.
"""

import copy
import pickle

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.core import steps
from fastcnn.layers.registry import deserialize, registry, serialize
from tests.support.layer_cases import CASES, each, layers_of, rows, with_batch

every_row = pytest.mark.parametrize("name", rows("protocol"))


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
    """d sum(function() * dy) / d array by central differences; `array` is restored."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + eps
        above = (function() * dy).sum()
        array[index] = value - eps
        below = (function() * dy).sum()
        array[index] = value
        gradient[index] = (above - below) / (2 * eps)
    return gradient


def made(name):
    """The layer, built with weights that are not integers, and its input shape."""
    shape = CASES[name].shape
    layer = CASES[name].make(keras)
    layer.build_once(with_batch(shape))
    rng = np.random.default_rng(7)
    layer.set_weights([w + 0.3 * rng.random(w.shape).astype(w.dtype) for w in layer.get_weights()])
    return layer, shape


def batch(shape, size=2, seed=0, dtype=np.float32):
    """Distinct values far from each other and from 0: no kink within eps. A list for a list."""
    counts = [size * int(np.prod(one)) for one in (shape if type(shape) is list else [shape])]
    count = sum(counts)
    spread = np.linspace(-1.03, 1, count if count % 2 == 0 else count + 1)[:count]
    values = np.random.default_rng(seed).permutation(spread).astype(dtype)
    parts = iter(np.split(values, np.cumsum(counts)[:-1]))
    return each(lambda one: next(parts).reshape(size, *one), shape)


def arrays(value):
    """The arrays of a list or tuple, or the only one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def copied_arrays(value):
    """Copies of `arrays`."""
    return [np.array(array) for array in arrays(value)]


def trained(layer, x, state, step=None):
    """A copy of the training forward pass, from the same random state each time."""
    if state is not None:
        layer.set_random_state(state)
    return np.array((step or layer).forward(x, training=True))


@every_row
def test_gradients_match_finite_differences(name, float64):
    layer, shape = made(name)
    x = batch(shape, dtype=np.float64)
    state = layer.get_random_state() if hasattr(layer, "seed") else None
    y = trained(layer, x, state)
    dy = np.random.default_rng(1).normal(size=y.shape)
    weights = [w.copy() for w in layer.get_weights()]
    dxs = copied_arrays(layer.backward(dy))
    gradients = [variable.gradient.copy() for variable in layer.trainable_weights]
    for array, dx in zip(arrays(x), dxs, strict=True):
        slope = numeric_gradient(lambda: trained(layer, x, state), array, dy)
        np.testing.assert_allclose(dx, slope, atol=1e-5, rtol=1e-3)
    layer.set_weights(weights)
    for variable, gradient in zip(layer.trainable_weights, gradients, strict=True):
        values = variable.numpy()

        def run(variable=variable, values=values):
            variable.assign(values)
            return trained(layer, x, state)

        slope = numeric_gradient(run, values, dy)
        np.testing.assert_allclose(gradient, slope, atol=1e-5, rtol=1e-3)


@every_row
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
        dxs = copied_arrays(layer.backward(np.cos(y)))
        gradients = [variable.gradient.copy() for variable in layer.trainable_weights]
        results.append([inference, y, *dxs, *gradients, *layer.get_weights()])
    for native, reference in zip(*results, strict=True):
        np.testing.assert_allclose(native, reference, rtol=1e-4, atol=1e-5)


@every_row
def test_layer_is_recreated_from_its_config(name):
    layer, shape = made(name)
    x = batch(shape)
    config = serialize(layer)
    assert config["module"] == "keras.layers"
    assert config["build_config"]["input_shape"] == with_batch(shape)
    again = deserialize(config)
    assert again.get_config() == layer.get_config()
    assert again(x).shape == layer(x).shape
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), layer(x))


@every_row
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_and_pickles_compute_the_same(name, copied):
    layer, shape = made(name)
    x = batch(shape)
    expected = np.array(layer.forward(x))
    other = copied(layer)
    np.testing.assert_array_equal(other.forward(x), expected)
    other.set_weights([w + 1 for w in other.get_weights()])
    np.testing.assert_array_equal(layer.forward(x), expected)


@every_row
def test_output_shape_matches_compute_output_shape(name):
    layer, shape = made(name)
    for training in (False, True):
        y = layer(batch(shape, 3), training)
        assert (
            y.shape[1:]
            == layer.compute_output_shape(with_batch(shape))[1:]
            == layer.output_shape[1:]
        )


@every_row
def test_repeated_calls_return_the_same_arrays(name, backend):
    layer, shape = made(name)
    x = batch(shape, 4)
    first = layer.forward(x, training=True)
    kept = first.copy()
    dy = batch(first.shape[1:], 4, seed=1)
    dx = layer.backward(dy)
    x_before, dy_before = copied_arrays(x), dy.copy()
    assert layer.forward(x, training=True) is first
    assert layer.backward(dy) is dx
    if not hasattr(layer, "seed"):
        np.testing.assert_array_equal(first, kept)
    for array, before in zip(arrays(x), x_before, strict=True):
        np.testing.assert_array_equal(array, before)
    np.testing.assert_array_equal(dy, dy_before)


@every_row
def test_batches_of_different_sizes(name, backend):
    layer, shape = made(name)
    x = batch(shape, 7)
    whole = layer(x, training=False)
    for size in (2, 7, 1, 5, 3, 6, 4, 2):
        part = each(lambda array, size=size: np.ascontiguousarray(array[:size]), x)
        y = layer(part, training=False)
        np.testing.assert_allclose(y, whole[:size], rtol=1e-5, atol=1e-6)
        weights = layer.get_weights()
        y = layer.forward(part, training=True)
        dxs = arrays(layer.backward(np.ones_like(y)))
        assert [dx.shape for dx in dxs] == [array.shape for array in arrays(part)]
        layer.set_weights(weights)
    assert len(layer._step._calls) <= steps.MAX_CALLS


@every_row
def test_batch_without_samples(name, backend):
    layer, shape = made(name)
    x = each(lambda one: np.empty(one, np.float32), with_batch(shape, 0))
    for training in (False, True):
        y = layer.forward(x, training)
        assert y.shape == (0, *layer.output_shape[1:])
    dxs = arrays(layer.backward(np.empty_like(y)))
    assert [dx.shape for dx in dxs] == [array.shape for array in arrays(x)]
    for variable in layer.trainable_weights:
        assert np.isfinite(variable.gradient).all()


@every_row
def test_backward_needs_a_training_forward(name):
    layer, shape = made(name)
    layer.forward(batch(shape))
    with pytest.raises(RuntimeError, match=r"needs a forward\(x, training=True\) before it"):
        layer.backward(np.zeros((2, *layer.output_shape[1:]), np.float32))


@every_row
def test_input_gradient_is_skipped_if_not_needed(name):
    layer, shape = made(name)
    x = batch(shape)
    state = layer.get_random_state() if hasattr(layer, "seed") else None
    dy = np.ones_like(trained(layer, x, state))
    layer.backward(dy)
    wanted = [variable.gradient.copy() for variable in layer.trainable_weights]
    step = layer.make_step()
    step.expect_gradient(read=each(lambda _: False, x), consume=False)
    trained(layer, x, state, step)
    for dx in arrays(step.backward(dy)):
        assert dx is None or np.shares_memory(dx, dy)
    for variable, gradient in zip(layer.trainable_weights, wanted, strict=True):
        np.testing.assert_array_equal(variable.gradient, gradient)


@every_row
def test_consuming_the_gradient_does_not_change_results(name, backend):
    layer, shape = made(name)
    x = batch(shape)
    state = layer.get_random_state() if hasattr(layer, "seed") else None
    dy = batch(trained(layer, x, state).shape[1:], seed=1)
    wanted = copied_arrays(layer.backward(dy))
    step = layer.make_step()
    step.expect_gradient(read=each(lambda _: True, x), consume=True)
    trained(layer, x, state, step)
    for dx, array in zip(arrays(step.backward(dy.copy())), wanted, strict=True):
        np.testing.assert_array_equal(dx, array)


NO_ROW = {"Functional", "InputLayer", "Sequential"}  # models and their parts, tested there
NOT_IN = {
    # its symbolic result in Keras is its argument: models skip it, and cannot end with it
    "keras": {"Equalization"},
    "file": {"Equalization"},
    "onnx": {"ContrastLimitedAdaptiveHistogramEqualization"},  # no operator of ONNX counts
}


@pytest.mark.parametrize("test", ["protocol", "file", "onnx"])
def test_every_registered_layer_has_a_row(test):
    assert set(registry.names()) - layers_of(test, keras) == NO_ROW | NOT_IN.get(test, set())


def test_every_registered_layer_is_recorded_unless_it_draws_random_numbers():
    made_layers = [CASES[name].make(keras) for name in rows("protocol")]
    seeded = {type(layer).__name__ for layer in made_layers if hasattr(layer, "seed")}
    assert set(registry.names()) - layers_of("keras", keras) <= NO_ROW | NOT_IN["keras"] | seeded
