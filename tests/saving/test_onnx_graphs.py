"""Graphs exported to ONNX compute the same in ONNX Runtime and in ONNX's reference evaluator."""

import numpy as np
import pytest

import fastcnn
from fastcnn import layers
from fastcnn.core.nested import flatten
from tests.support.graph_cases import GRAPHS, as_given, inputs_for, randomize
from tests.support.random_graphs import Graph

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def session_of(path, runtime):
    if runtime == "reference":
        from onnx.reference import ReferenceEvaluator

        session = ReferenceEvaluator(str(path))
        return session, session.input_names, session.output_names
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = (
        [value.name for value in values()] for values in (session.get_inputs, session.get_outputs)
    )
    return session, *names


def check(model, xs, path, runtime):
    """Compare the exported model on a batch and on its first sample."""
    model.export(path)
    session, input_names, output_names = session_of(path, runtime)
    assert input_names == [f"input_{name}" for name in model.input_names]
    assert output_names == [f"output_{index}" for index in range(len(model.outputs))]
    for arrays in (xs, [x[:1] for x in xs]):
        found = session.run(None, dict(zip(input_names, arrays, strict=True)))
        wanted = flatten(model(as_given(model, arrays)))
        for output, expected in zip(found, wanted, strict=True):
            np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4)


both = pytest.mark.parametrize("runtime", ["reference", "onnxruntime"])


@both
@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name, runtime, tmp_path):
    fastcnn.utils.clear_session()
    model = randomize(GRAPHS[name](fastcnn))
    if name == "graph_in_sequential":
        model = fastcnn.Model(model.input, model.output)
    check(model, inputs_for(model), tmp_path / "model.onnx", runtime)


@both
@pytest.mark.parametrize("seed", range(20))
def test_random_graphs(seed, runtime, tmp_path):
    graph = Graph(seed)
    fastcnn.utils.clear_session()
    model = graph.build(fastcnn)
    model.set_weights(graph.weights(model))
    x, _, _ = graph.data()
    check(model, model.arrays_of(x), tmp_path / "model.onnx", runtime)


def test_shared_layer_with_inputs_of_two_sizes(tmp_path):
    """Its padding depends on the size; its weights are stored once."""
    conv = layers.Conv2D(3, 3, strides=2, padding="same")
    inputs = [fastcnn.Input((7, 7, 2)), fastcnn.Input((8, 8, 2))]
    model = fastcnn.Model(inputs, [conv(x) for x in inputs])
    path = tmp_path / "model.onnx"
    check(model, inputs_for(model), path, "onnxruntime")
    shapes = [tuple(array.dims) for array in onnx.load(path).graph.initializer]
    assert sorted(shapes) == [(3,), (3, 2, 3, 3)]


def test_unused_output_of_the_last_part(tmp_path):
    x, y = fastcnn.Input((4,)), fastcnn.Input((4,))
    inner = fastcnn.Model(x, [layers.Dense(3)(x), layers.Dense(2)(x)])
    outer = fastcnn.Sequential([fastcnn.Input((4,)), fastcnn.Model(y, inner(y)[0])])
    path = tmp_path / "model.onnx"
    outer.export(path)
    session, names, _ = session_of(path, "onnxruntime")
    (x,) = inputs_for(outer)
    np.testing.assert_allclose(session.run(None, {names[0]: x})[0], outer(x), atol=1e-5)


def test_layers_called_with_training_true_are_refused(tmp_path):
    x = fastcnn.Input((4,))
    norm = layers.BatchNormalization(name="norm")
    model = fastcnn.Model(x, norm(layers.Dense(4)(x, training=True), training=True))
    with pytest.raises(ValueError, match="'norm' is called with training=True"):
        model.export(tmp_path / "model.onnx")
    norm.trainable = False  # always in inference mode
    check(randomize(model), inputs_for(model), tmp_path / "model.onnx", "reference")


class Add(layers.Add):
    """Not this package's layer, in spite of its name."""


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_own_layers_with_several_inputs_are_refused(tmp_path):
    x = fastcnn.Input((4,))
    with pytest.raises(ValueError, match="of type Add cannot be exported to ONNX"):
        fastcnn.Model(x, Add()([x, x])).export(tmp_path / "model.onnx")
