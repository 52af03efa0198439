"""Batch normalization or a convolution, a sum and relu at the end of a residual block."""

import numpy as np
import pytest

import fastcnn
from fastcnn import layers
from fastcnn.plan.backward import Backward
from fastcnn.plan.graph import Graph
from fastcnn.plan.patterns import fuse
from fastcnn.plan.program import Program
from fastcnn.plan.residual import FoldedSumStep, LinearSumStep, NormalizedSumStep


def addition(fused):
    layer = layers.Add()
    layer.is_addition = fused
    return layer


def block(parts, fused=True, shape=(None, 6, 5, 16)):
    """A residual block, and what its addition reads.

    parts: "bn": a convolution and its normalization, "conv": without it, "x": the input; two of
    them, and "relu" if that follows.
    """
    graph = Graph([shape])

    def add(layer, inputs):
        return graph.add(layer, inputs)

    stem = add(layers.ReLU(), add(layers.BatchNormalization(), 0))
    ends = []
    for part in parts[:2]:
        value = stem
        if part != "x":
            value = add(layers.Conv2D(16, 3, padding="same"), value)
        if part == "bn":
            value = add(layers.BatchNormalization(momentum=0.5), value)
        ends.append(value)
    value = add(addition(fused), tuple(ends))
    if "relu" in parts:
        value = add(layers.ReLU(), value)
    graph.outputs = [add(layers.Conv2D(4, 3), value)]
    rng = np.random.default_rng(0)
    for layer in graph.layers:
        layer.allocate()
        layer.set_weights(
            [rng.uniform(0.5, 1, w.shape) - 0.6 * (w.ndim > 1) for w in layer.weights]
        )
    return graph


PARTS = {
    "identity": ("bn", "x", "relu"),
    "identity first": ("x", "bn", "relu"),
    "projection": ("bn", "bn", "relu"),
    "without relu": ("bn", "x"),
    "convolution": ("conv", "bn", "relu"),
}


def results(graph, training):
    """Outputs of two batches, then the gradients of x and of the weights of the second one."""
    rng = np.random.default_rng(1)
    program = Program(fuse(graph, training), graph)
    found, x = [], np.empty((4, 6, 5, 16), "f4")
    backward = Backward(program.segments, program.outputs, len(graph.shapes), wanted=[0])
    for _ in range(2):
        x[...] = rng.standard_normal(x.shape)
        (y,) = program.forward([x], training)
        found.append(y.copy())
        if training:
            backward.run([rng.standard_normal(y.shape).astype("f4")])
    if training:
        found.append(backward.gradient(0).copy())
        found += [w.gradient.copy() for layer in graph.layers for w in layer.trainable_weights]
    return found + [w.numpy() for layer in graph.layers for w in layer.weights]


def kinds(graph, training):
    return [type(step) for step in fuse(graph, training)]


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("name", PARTS)
def test_training_equals_that_of_separate_steps(name, backend, frozen):
    fastcnn.config.set_backend(backend)
    fused, separate = block(PARTS[name]), block(PARTS[name], fused=False)
    assert kinds(fused, True).count(NormalizedSumStep) == 1
    assert NormalizedSumStep not in kinds(separate, True)
    for graph in (fused, separate):
        for layer in graph.layers:
            if layer.is_batch_normalization and frozen:
                layer.trainable = False
    pairs = list(zip(results(fused, True), results(separate, True), strict=True))
    for found, expected in pairs[:2]:
        np.testing.assert_array_equal(found, expected)
    for found, expected in pairs[2:]:
        atol = 1e-5 * np.abs(expected).max(initial=0)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=atol)


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("name", PARTS)
def test_inference_folds_the_normalization_and_adds_in_the_convolution(name, backend):
    fastcnn.config.set_backend(backend)
    fused, separate = block(PARTS[name]), block(PARTS[name], fused=False)
    assert kinds(fused, False).count(FoldedSumStep) == 1
    expected = results(separate, False)
    for found, wanted in zip(results(fused, False), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize(
    "parts", [("conv", "x", "relu"), ("x", "conv"), ("conv", "conv", "relu")], ids=str
)
def test_in_inference_a_convolution_adds_the_residual(parts, backend):
    fastcnn.config.set_backend(backend)
    fused, separate = block(parts), block(parts, fused=False)
    assert kinds(fused, False).count(LinearSumStep) == 1
    assert LinearSumStep not in kinds(fused, True)
    expected = results(separate, False)
    for found, wanted in zip(results(fused, False), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("change", [None, "activation", "penalty", "reader"])
def test_a_convolution_adds_only_what_nothing_else_needs(change):
    graph = block(("conv", "x", "relu"))
    use = next(use for use in graph.uses if isinstance(use.layer, layers.Conv2D))
    if change == "activation":
        use.layer.activation = "tanh"
    elif change == "penalty":
        use.layer.activity_regularizer = fastcnn.regularizers.L2()
    elif change == "reader":
        graph.outputs.append(use.output)
    assert (LinearSumStep in kinds(graph, False)) == (change is None)


def test_pre_activation_in_inference():
    """A normalization with no convolution before it adds the residual itself."""
    graph = Graph([(None, 6, 5, 16)])
    normalized = graph.add(layers.BatchNormalization(), 0)
    graph.outputs = [graph.add(layers.Add(), (normalized, 0))]
    graph.layers[0].allocate()
    assert kinds(graph, False) == [NormalizedSumStep]
    x = np.random.default_rng(0).standard_normal((2, 6, 5, 16)).astype("f4")
    (y,) = Program(fuse(graph, False), graph).forward([x])
    np.testing.assert_allclose(y, x / np.sqrt(np.float32(1.001)) + x, rtol=1e-6)


def test_what_is_not_fused():
    def sums(graph):
        return {NormalizedSumStep, FoldedSumStep} & {*kinds(graph, True), *kinds(graph, False)}

    assert sums(block(PARTS["identity"]))
    assert not sums(block(("conv", "conv", "relu")))
    for change in (
        lambda graph, use: graph.outputs.append(use.output),  # something else reads it
        lambda graph, use: setattr(use.layer, "axis", 1),
        lambda graph, use: setattr(use.layer, "activity_regularizer", fastcnn.regularizers.L2()),
    ):
        graph = block(PARTS["identity"])
        change(graph, [use for use in graph.uses if use.layer.is_batch_normalization][1])
        assert not sums(graph)
    assert not sums(block(PARTS["identity"], shape=(None, None, None, 16)))


def test_a_normalization_behind_another_linear_layer_is_folded():
    """In inference that is faster than adding in the normalization's kernel."""
    graph = Graph([(None, 16)])
    value = graph.add(layers.BatchNormalization(), graph.add(layers.Dense(16), 0))
    graph.outputs = [graph.add(layers.Add(), (value, 0))]
    assert not {NormalizedSumStep, FoldedSumStep} & set(kinds(graph, False))
    assert NormalizedSumStep in kinds(graph, True)
