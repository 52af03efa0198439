"""Files of graphs exchanged with real Keras in both directions, where it is installed."""

import json
import warnings

import numpy as np
import pytest

import fastcnn
from fastcnn.core.nested import flatten
from tests.support.graph_cases import GRAPHS, as_given, inputs_for, randomize
from tests.support.keras_files import assert_same_config, assert_same_file

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(params=GRAPHS)
def pair(request):
    """(our model, Keras's) of one graph, with the same weights."""
    return tuple(build(request.param, package) for package in (fastcnn, keras))


def build(name, package):
    package.backend.clear_session()
    return randomize(GRAPHS[name](package))


def assert_same_outputs(one, two):
    x = inputs_for(one)
    outputs = [flatten(model(as_given(model, x))) for model in (one, two)]
    for ours, theirs in zip(*outputs, strict=True):
        np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-4, atol=1e-4)


def test_same_architecture_and_files(pair, tmp_path):
    ours, theirs = pair
    configs = [json.loads(model.to_json()) for model in pair]
    assert_same_config(*configs, "config")
    for model, name in ((ours, "ours"), (theirs, "theirs")):
        model.save(tmp_path / f"{name}.keras")
    assert_same_file(tmp_path / "ours.keras", tmp_path / "theirs.keras")
    assert_same_outputs(ours, theirs)


def test_keras_reads_our_files(pair, tmp_path):
    ours, theirs = pair
    path = tmp_path / "ours.keras"
    ours.save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = keras.models.load_model(path)
    assert_same_outputs(ours, loaded)
    ours.save_weights(tmp_path / "ours.weights.h5")
    theirs.set_weights([np.zeros_like(weight) for weight in theirs.get_weights()])
    theirs.load_weights(tmp_path / "ours.weights.h5")
    assert_same_outputs(ours, theirs)
    again = keras.models.model_from_json(ours.to_json())
    assert again.count_params() == ours.count_params()


def test_we_read_keras_files(pair, tmp_path):
    ours, theirs = pair
    path = tmp_path / "theirs.keras"
    theirs.save(path)
    loaded = fastcnn.models.load_model(path)
    assert_same_outputs(loaded, theirs)
    assert_same_config(json.loads(loaded.to_json()), json.loads(theirs.to_json()), "config")
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.set_weights([np.zeros_like(weight) for weight in ours.get_weights()])
    ours.load_weights(tmp_path / "theirs.weights.h5")
    assert_same_outputs(ours, theirs)
    again = fastcnn.models.model_from_json(theirs.to_json())
    assert again.count_params() == theirs.count_params()
    trainable = [weight.shape for weight in loaded.trainable_weights]
    assert trainable == [tuple(weight.shape) for weight in theirs.trainable_weights]
