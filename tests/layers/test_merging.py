"""Merging layers: broadcasting, shapes, errors, ties as in TensorFlow, and the sum fused with relu.

What they share with other layers is tested by the rows of support/layer_cases.py.
"""

import itertools

import numpy as np
import pytest

import fastcnn as keras
from fastcnn import layers
from fastcnn.layers.merging_steps import AddStep, expansions
from fastcnn.plan.backward import Backward
from fastcnn.plan.graph import Graph
from fastcnn.plan.patterns import fuse
from fastcnn.plan.program import Program


@pytest.fixture(params=["native", "reference"])
def backend(request):
    keras.config.set_backend(request.param)


def ran(layer, *xs):
    """(y, gradients of sum(y))."""
    xs = [np.ascontiguousarray(x, np.float32) for x in xs]
    layer.build_once([(None, *x.shape[1:]) for x in xs])
    y = layer.forward(xs, training=True)
    return y.copy(), [np.array(dx) for dx in layer.backward(np.ones_like(y))]


# ---------------------------------------------------------------------------------- broadcasting

FUNCTIONS = {
    "Add": np.add,
    "Subtract": np.subtract,
    "Multiply": np.multiply,
    "Average": lambda a, b: (a + b) / 2,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_pattern_of_repeated_axes(name, backend):
    """All sizes of 1 of two inputs with up to four axes, against NumPy's broadcasting."""
    rng = np.random.default_rng(0)
    full = (3, 4, 2)
    for rank in (1, 2, 3):
        for ones in itertools.product((True, False), repeat=rank):
            shape = [1 if one else size for one, size in zip(ones, full[-rank:], strict=True)]
            a, b = rng.normal(size=(5, *full)), rng.normal(size=(5, *shape))
            layer = getattr(layers, name)()
            y, (da, db) = ran(layer, a, b)
            wide = b.reshape(5, *[1] * (3 - rank), *shape)
            np.testing.assert_allclose(y, FUNCTIONS[name](a, wide), rtol=1e-5, atol=1e-6)
            assert (da.shape, db.shape) == (a.shape, b.shape)
            layer = getattr(layers, name)()
            _, (_, dwide) = ran(layer, a, np.broadcast_to(wide, a.shape))
            summed = tuple(i + 1 for i, size in enumerate(wide.shape[1:]) if size == 1)
            expected = dwide.sum(summed, keepdims=True).reshape(b.shape)
            np.testing.assert_allclose(db, expected, rtol=1e-5, atol=1e-5)


def test_expansions_repeat_adjacent_axes_at_once():
    assert expansions((2, 4, 5, 3), (2, 4, 5, 3)) == []
    assert expansions((2, 1, 1, 3), (2, 4, 5, 3)) == [((2, 3), (2, 20, 3))]
    assert expansions((2, 3), (2, 4, 5, 3)) == [((2, 3), (2, 20, 3))]
    assert expansions((2, 4, 5, 1), (2, 4, 5, 3)) == [((40, 1), (40, 3, 1))]
    assert expansions((2, 1, 5, 1), (2, 4, 5, 3)) == [((10, 1), (10, 3, 1)), ((2, 15), (2, 4, 15))]


# ------------------------------------------------------------------------- what TensorFlow returns


def test_ties_and_nan_go_where_tensorflow_sends_them(backend):
    """Recorded from Keras 3.15.1; `Maximum` compares the result so far with the next input."""
    nan = np.nan
    x = [[1, 2, 1, nan, 1, nan, 3]]
    y = [[1, 1, 2, 1, nan, nan, 3]]
    z = [[1, 2, 2, 0, 0, 0, 3]]
    cases = (
        (layers.Maximum, (x, y), "1100001 0011110"),
        (layers.Maximum, (x, y, z), "1100001 0010000 0001110"),
        (layers.Maximum, (z, y, x), "1110001 0000000 0001110"),
        (layers.Minimum, (x, y), "1010001 0101110"),
        (layers.Minimum, (x, y, z), "1010001 0100000 0001110"),
        (layers.Minimum, (z, y, x), "1000001 0100000 0011110"),
    )
    for kind, inputs, expected in cases:
        _, dxs = ran(kind(), *inputs)
        found = " ".join("".join(str(int(value)) for value in dx[0]) for dx in dxs)
        assert found == expected, (kind, inputs)
    y, _ = ran(layers.Maximum(), x, y)
    np.testing.assert_array_equal(y, [[1, 2, 2, nan, nan, nan, 3]])


def test_average_divides_the_sum(backend):
    a, b, c = (np.float32(value) for value in (1.1, 2.7, 3.9))
    y, dxs = ran(layers.Average(), [[a]], [[b]], [[c]])
    assert y == (a + b + c) / np.float32(3)
    assert all(dx == np.float32(1) / np.float32(3) for dx in dxs)


def test_dot_of_a_zero_vector_is_finite(backend):
    y, dxs = ran(layers.Dot(1, normalize=True), np.zeros((2, 3)), np.ones((2, 3)))
    assert not y.any()
    assert all(np.isfinite(dx).all() for dx in dxs)


# ------------------------------------------------------------------------------ shapes and errors


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        (layers.Add(), [(None, 4, 1), (None, 3)], (None, 4, 3)),
        (layers.Add(), [(None, None, 3), (None, 5, 3)], (None, None, 3)),
        (layers.Add(), [(None, None, 3), (None, 1, 3)], (None, None, 3)),
        (layers.Add(), [(None,), (None, 3)], (None, 3)),
        (layers.Add(), [(7, 3), (None, 3)], (7, 3)),
        (layers.Concatenate(), [(None, 2, 3), (None, 2, None)], (None, 2, None)),
        (layers.Concatenate(1), [(None, 2, 3), (None, 5, 3), (None, 1, 3)], (None, 8, 3)),
        (layers.Dot(1), [(None, 3), (None, 3)], (None, 1)),
        (layers.Dot(-1), [(None, 3, 5), (None, 5)], (None, 3)),
        (layers.Dot((-1, -2)), [(None, 3, 4, 5), (None, 2, 5, 6)], (None, 3, 4, 2, 6)),
    ],
)
def test_shapes(layer, shapes, expected):
    """As those of Keras 3.15.1."""
    assert layer.compute_output_shape(shapes) == expected
    assert layer([keras.Input(shape[1:]) for shape in shapes]).shape[1:] == expected[1:]


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (layers.Add(), [(None, 2), (None, 2, 3)], "incompatible shapes"),
        (layers.Add(), [(2, 3), (3, 3)], "different batch sizes"),
        (layers.Add(), (None, 3), "must be called on a list"),
        (layers.Add(), [], "must be called on a list"),
        (layers.Subtract(), [(None, 3)] * 3, "exactly 2 inputs"),
        (layers.Concatenate(), [(None, 2, 3), (None, 3)], "equal shapes except along `axis`"),
        (layers.Concatenate(3), [(None, 2, 3)] * 2, "equal shapes except along `axis`"),
        (layers.Concatenate(1), [(None, 2, 3), (None, 2, 4)], "equal shapes except along `axis`"),
        (layers.Dot(0), [(None, 3), (None, 3)], "behind the batch axis"),
        (layers.Dot(3), [(None, 3), (None, 3)], "behind the batch axis"),
        (layers.Dot(1), [(None, 3, 5), (None, 5)], "the same size along `axes`"),
    ],
)
def test_unsuitable_shapes_are_refused(layer, shapes, message):
    with pytest.raises(ValueError, match=message) as error:
        layer.compute_output_shape(shapes)
    assert repr(layer.name) in str(error.value)
    assert str(shapes).strip("[]") in str(error.value)


def test_concatenation_along_the_batch_axis_is_not_supported():
    for axis in (0, -2):
        with pytest.raises(NotImplementedError, match="along the batch axis is not supported"):
            layers.Concatenate(axis).compute_output_shape([(None, 3), (None, 3)])


def test_unsuitable_axes_are_refused():
    with pytest.raises(ValueError, match="`axis` must be an integer"):
        layers.Concatenate("last")
    with pytest.raises(TypeError, match="`axes` must be an integer or two integers"):
        layers.Dot("last")
    for axes in ((1, 2, 3), (1, "2")):
        with pytest.raises(ValueError, match="`axes` must be an integer or two integers"):
            layers.Dot(axes)


def test_inputs_of_different_batch_sizes_are_refused():
    for layer in (layers.Add(), layers.Concatenate(), layers.Dot(1)):
        with pytest.raises(ValueError, match="different batch sizes"):
            layer([np.ones((2, 3)), np.ones((4, 3))])


def test_functions_apply_the_layers():
    a, b = np.full((2, 3), 6.0), np.full((2, 3), 3.0)
    expected = {"add": 9, "subtract": 3, "multiply": 18, "average": 4.5, "maximum": 6, "minimum": 3}
    for name, value in expected.items():
        y = getattr(layers, name)([a, b], name="merged")
        np.testing.assert_array_equal(y, np.full((2, 3), value))
    assert layers.concatenate([a, b]).shape == (2, 6)
    assert layers.concatenate([a[..., None], b[..., None]], 1).shape == (2, 6, 1)
    np.testing.assert_array_equal(layers.dot([a, b]), [[54], [54]])
    np.testing.assert_allclose(layers.dot([a, b], 1, normalize=True), [[1], [1]], rtol=1e-6)
    x = keras.Input((4,))
    assert layers.concatenate([x, x]).shape == (None, 8)


# ------------------------------------------------------------------------------------------ plans


def sum_and_relu(count, activation):
    """A graph: so many sums of the same input and its rescaled copies, then an activation."""
    graph = Graph([(None, 5, 3)])
    values = [0, *(graph.add(layers.Rescaling(scale), 0) for scale in (-2, 0.5)[: count - 1])]
    value = graph.add(layers.Add(), tuple(values))
    graph.outputs = [graph.add(layers.Activation(activation), value)]
    return graph


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_relu_is_fused_with_the_sum(count, training, backend):
    graph = sum_and_relu(count, "relu")
    steps = fuse(graph, training)
    is_fused = [step.relu for step in steps if isinstance(step, AddStep)] == [True]
    assert is_fused == (count > 1)  # one input is returned as it is
    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype(np.float32)
    factor = np.float32((1, -1, -0.5)[count - 1])
    program = Program(steps, graph)
    (y,) = program.forward([x], training)
    np.testing.assert_allclose(y, np.maximum(factor * x, 0), rtol=1e-6)
    if training:
        backward = Backward(program.segments, program.outputs, len(graph.shapes), wanted=[0])
        backward.run([np.ones_like(y)])
        expected = np.where(factor * x > 0, factor, 0)
        np.testing.assert_allclose(backward.gradient(0), expected, rtol=1e-6)


def test_tanh_is_not_fused_with_the_sum():
    steps = fuse(sum_and_relu(2, "tanh"), training=True)
    assert [step.relu for step in steps if isinstance(step, AddStep)] == [False]


@pytest.mark.parametrize("name", [*FUNCTIONS, "Concatenate"])
def test_a_value_may_be_merged_with_itself(name, backend):
    """The gradients of a fork whose ends meet again: of x + f(x), and of f(x) twice."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    inputs = keras.Input((4, 4, 2))
    x = layers.Conv2D(2, 1, activation="tanh")(inputs)
    y = getattr(layers, name)()([x, layers.Conv2D(2, 1)(x)])
    y = getattr(layers, name)()([y, y])
    model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(y)))
    model.compile(keras.optimizers.SGD(1.0), "mean_squared_error")
    images, targets = rng.normal(size=(3, 4, 4, 2)), rng.normal(size=(3, 1))
    before = model.get_weights()
    model.train_on_batch(images, targets)
    steps = [a - b for a, b in zip(before, model.get_weights(), strict=True)]
    for position, step in enumerate(steps):
        losses = []
        for sign in (1, -1):
            weights = [w.copy() for w in before]
            weights[position] += sign * np.float32(5e-4) * np.sign(step)
            model.set_weights(weights)
            losses.append(model.evaluate(images, targets, verbose=0))
        slope = (losses[0] - losses[1]) / 1e-3
        np.testing.assert_allclose(np.abs(step).sum(), slope, rtol=0.05, atol=1e-3)
