"""Files that Keras made (keras/golden_files/record.py) are read, and ours are what it would write.

What Keras predicted and how its training went on is in keras.json beside them. That Keras reads our
files follows from their having the same members, the same configuration and the same arrays;
test_saving_live.py lets it do so where Keras is installed.
"""

import io
import json

import numpy as np
import pytest

import fastcnn
from fastcnn.core.nested import flatten
from tests.support import graph_cases
from tests.support.keras_files import assert_same_file
from tests.support.model_cases import CASES, data
from tests.support.paths import TESTS

HERE = TESTS / "keras/golden_files"
GRAPHS = json.loads((HERE / "graphs.json").read_text("utf-8"))
GOLDEN = json.loads((HERE / "keras.json").read_text("utf-8"))
BATCH = 8


def build(name):
    """The case's model, as it was in Keras before training."""
    fastcnn.utils.clear_session()
    try:
        return CASES[name].build(fastcnn)
    except (AttributeError, NotImplementedError) as error:
        pytest.skip(f"not supported yet: {error}")


def load(name):
    build(name)  # skips models with layers that are not supported yet
    return fastcnn.models.load_model(HERE / f"{name}.keras")


@pytest.mark.parametrize("name", CASES)
def test_predictions(name):
    model = load(name)
    x, _ = data(CASES[name])
    wanted = np.reshape(GOLDEN[name]["predictions"], (2, -1))
    np.testing.assert_allclose(model.predict(x[:2], verbose=0), wanted, atol=1e-5)
    assert model.optimizer.iterations == GOLDEN[name]["updates"]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.by_chance])
def test_training_continues(name):
    model = load(name)
    settings = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    losses = model.fit(*data(CASES[name]), epochs=2, **settings).history["loss"]
    np.testing.assert_allclose(losses, GOLDEN[name]["losses"], rtol=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_our_files_match_those_of_keras(name, tmp_path):
    model = build(name)
    x, y = data(CASES[name])
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
    path = tmp_path / "ours.keras"
    model.save(path)
    assert_same_file(path, HERE / f"{name}.keras")


def test_only_weights():
    model, other = load("small"), build("small")
    before = other.get_weights()
    other.load_weights(HERE / "small.weights.h5")
    for weight, wanted, old in zip(other.get_weights(), model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, wanted)
        assert (weight != old).any() or not old.any()
    assert other.optimizer.iterations == GOLDEN["small"]["updates"]
    other.load_weights(HERE / "small.keras")
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_only_architecture():
    text = (HERE / "small.json").read_text("utf-8")
    model = fastcnn.models.model_from_json(text)
    assert [layer.name for layer in model.layers] == [layer.name for layer in load("small").layers]
    assert model.compiled
    assert model.optimizer.iterations == 0
    assert json.loads(model.to_json())["config"]["layers"][2]["config"]["filters"] == 4


@pytest.mark.parametrize("name", graph_cases.GOLDEN)
def test_graphs(name):
    path = HERE / f"graph_{name}.keras"
    fastcnn.utils.clear_session()
    ours = graph_cases.randomize(graph_cases.GRAPHS[name](fastcnn))
    for model in (fastcnn.models.load_model(path), ours):
        x = graph_cases.as_given(model, graph_cases.inputs_for(model))
        for output, wanted in zip(flatten(model(x)), GRAPHS[name], strict=True):
            np.testing.assert_allclose(np.ravel(output), wanted, rtol=1e-4, atol=1e-5)
    file = io.BytesIO()
    fastcnn.saving.keras_file.write_model(file, ours)
    assert_same_file(file, path)
