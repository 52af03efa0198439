"""Files that Keras made (keras/golden_files/record.py) are read, and ours are what it would write.

What Keras predicted and how its training went on is in keras.json beside them. That Keras reads our
files follows from their having the same members, the same configuration and the same arrays;
test_saving_live.py lets it do so where Keras is installed.
"""

import json
import math
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import fastcnn
from tests.file_cases import CASES, data

HERE = Path(__file__).with_name("keras") / "golden_files"
GOLDEN = json.loads((HERE / "keras.json").read_text("utf-8"))
BATCH = 8
NEWER = ("delta",)  # Keras 3.15 forgets to write it for Huber, but takes it


def build(name):
    """The case's model, trained as Keras has trained it before it saved it."""
    fastcnn.utils.clear_session()
    try:
        return CASES[name].build(fastcnn)
    except (AttributeError, NotImplementedError) as error:
        pytest.skip(f"not there yet: {error}")


def load(name):
    build(name)  # skips what has layers that are not there yet
    return fastcnn.models.load_model(HERE / f"{name}.keras")


@pytest.mark.parametrize("name", CASES)
def test_predictions(name):
    model = load(name)
    x, _ = data(CASES[name])
    wanted = np.reshape(GOLDEN[name]["predictions"], (2, -1))
    np.testing.assert_allclose(model.predict(x[:2], verbose=0), wanted, atol=1e-5)
    assert model.optimizer.iterations == GOLDEN[name]["updates"]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.by_chance])
def test_training_goes_on(name):
    model = load(name)
    settings = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    losses = model.fit(*data(CASES[name]), epochs=2, **settings).history["loss"]
    np.testing.assert_allclose(losses, GOLDEN[name]["losses"], rtol=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_our_files_are_what_keras_would_write(name, tmp_path):
    model = build(name)
    x, y = data(CASES[name])
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
    path = tmp_path / "ours.keras"
    model.save(path)
    ours, theirs = (zipfile.ZipFile(place) for place in (path, HERE / f"{name}.keras"))
    assert ours.namelist() == theirs.namelist()
    assert all(member.compress_type == zipfile.ZIP_STORED for member in ours.infolist())
    assert json.loads(ours.read("metadata.json")).keys() == {"keras_version", "date_saved"}
    compare(*(json.loads(archive.read("config.json")) for archive in (ours, theirs)), "config")
    trees = [tree(archive.open("model.weights.h5")) for archive in (ours, theirs)]
    assert trees[0] == trees[1]


def compare(ours, theirs, place):
    """Every argument of Keras's is there with its value (a missing one is None), and no other."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), place
        ours, theirs = (
            {key: value for key, value in tree.items() if value is not None}
            for tree in (ours, theirs)
        )
        theirs.pop("shared_object_id", None)
        ours = {key: ours[key] for key in ours if key in theirs or key not in NEWER}
        theirs = {key: value for key, value in theirs.items() if value != {} or key in ours}
        if "layers" in place or place == "config":
            ours.pop("build_config", None), theirs.pop("build_config", None)
        if place == "config.compile_config":  # Keras writes what "auto" has become
            ours.pop("jit_compile"), theirs.pop("jit_compile")
        assert ours.keys() == theirs.keys(), place
        for key, value in theirs.items():
            compare(ours[key], value, f"{place}.{key}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list), place
        assert len(ours) == len(theirs), place
        for number, value in enumerate(theirs):
            compare(ours[number], value, f"{place}.{number}")
    elif isinstance(theirs, float):
        assert math.isclose(ours, theirs, rel_tol=1e-6), place
    else:
        assert ours == theirs, place


def tree(file):
    """{path: (shape, dtype)} of the arrays of an HDF5 file, and the names of its groups."""
    found = {}

    def visit(path, node):
        if isinstance(node, h5py.Dataset):
            found[path] = node.shape, node.dtype.name
        elif path != "optimizer/vars" and "/activation" not in path:
            found[path] = dict(node.attrs)

    with h5py.File(file) as hdf5:
        hdf5.visititems(visit)
    return found


def test_weights_alone():
    model, other = load("small"), build("small")
    before = other.get_weights()
    other.load_weights(HERE / "small.weights.h5")
    for weight, wanted, old in zip(other.get_weights(), model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, wanted)
        assert (weight != old).any() or not old.any()
    assert other.optimizer.iterations == GOLDEN["small"]["updates"]
    other.load_weights(HERE / "small.keras")
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_architecture_alone():
    text = (HERE / "small.json").read_text("utf-8")
    model = fastcnn.models.model_from_json(text)
    assert [layer.name for layer in model.layers] == [layer.name for layer in load("small").layers]
    assert model.compiled
    assert model.optimizer.iterations == 0
    assert json.loads(model.to_json())["config"]["layers"][2]["config"]["filters"] == 4
