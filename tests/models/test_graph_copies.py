"""Copies of graphs: clone_model, pickle and deepcopy, configs, checkpoints of weights."""

import copy
import json
import pickle

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.core.nested import flatten
from tests.support.graph_cases import GRAPHS, as_given, inputs_for, randomize


def outputs_of(model):
    return flatten(model(as_given(model, inputs_for(model))))


def assert_same(one, two):
    for a, b in zip(outputs_of(one), outputs_of(two), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", GRAPHS)
def test_copies_compute_the_same(name, tmp_path):
    model = randomize(GRAPHS[name](keras))
    assert_same(pickle.loads(pickle.dumps(model)), model)
    clone = keras.models.clone_model(model)
    assert json.loads(clone.to_json()) == json.loads(model.to_json())
    clone.set_weights(model.get_weights())
    assert_same(clone, model)
    again = type(model).from_config(model.get_config())
    assert json.loads(again.to_json()) == json.loads(model.to_json())
    path = tmp_path / "w.npz"
    model.save_weights(path)
    again.load_weights(path)
    assert_same(again, model)


def test_a_deep_copy_keeps_a_layer_that_a_nested_model_shares():
    dense = keras.layers.Dense(4, name="dense")
    x = keras.Input((4,))
    inner = keras.Model(x, dense(x), name="inner")
    y = keras.Input((4,))
    model = keras.Model(y, keras.layers.add([inner(y), dense(y)]))
    other = copy.deepcopy(model)
    assert other.get_layer("inner").get_layer("dense") is other.get_layer("dense")
    assert len(other.weights) == len(model.weights) == 2
    assert_same(other, model)


def test_clone_function_sees_each_layer_once():
    seen = []

    def clone(layer):
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    model = GRAPHS["shared_between_branches"](keras)
    keras.models.clone_model(model, clone_function=clone)
    assert sorted(seen) == sorted(
        layer.name for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)
    )


def test_a_nested_model_is_cloned_layer_by_layer_if_asked_to():
    seen = []

    def clone(layer):
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    model = GRAPHS["nested_with_two_inputs"](keras)
    keras.models.clone_model(model, clone_function=clone)
    assert "inner" in seen
    seen.clear()
    keras.models.clone_model(model, clone_function=clone, recursive=True)
    assert "inner" not in seen
    assert len(seen) == 3


def test_clone_on_other_inputs():
    model = randomize(GRAPHS["siamese"](keras))
    a, b = keras.Input((6, 6, 1), name="c"), keras.Input((6, 6, 1), name="d")
    clone = keras.models.clone_model(model, input_tensors=[a, b])
    assert clone.input_names == ["c", "d"]
    clone.set_weights(model.get_weights())
    assert_same(clone, model)
    with pytest.raises(ValueError, match=r"must be 2 symbolic tensors"):
        keras.models.clone_model(model, input_tensors=[a])
