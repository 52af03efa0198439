"""Optimizers' states in files: training goes on from those of Keras, and ours are the same.

tests/keras/golden_files/record_optimizers.py recorded the files and the weights.
"""

import io
import json
import zipfile

import numpy as np
import pytest

import fastcnn
from tests.keras.golden_files.record_optimizers import FILES, five_steps, trained
from tests.support import pieces
from tests.support.keras_files import tree
from tests.support.paths import ROOT

HERE = ROOT / "tests/keras/golden_files"
WEIGHTS = json.loads((HERE / "optimizers.json").read_text())


def recorded(name):
    with zipfile.ZipFile(HERE / "optimizers.zip") as archive:
        return io.BytesIO(archive.read(f"{name}.keras"))


@pytest.mark.parametrize("name", FILES)
def test_training_goes_on_from_a_file_of_keras(name, tmp_path):
    path = tmp_path / "theirs.keras"
    path.write_bytes(recorded(name).getvalue())
    fastcnn.utils.clear_session()
    model = fastcnn.models.load_model(path)
    five_steps(model, 5)
    np.testing.assert_allclose(pieces.flat(model), WEIGHTS[name], rtol=2e-5, atol=5e-6)


@pytest.mark.parametrize("name", FILES)
def test_our_files_have_the_arrays_of_keras(name, tmp_path):
    path = tmp_path / "ours.keras"
    model = trained(fastcnn, name)
    model.save(path)
    with zipfile.ZipFile(path) as ours, zipfile.ZipFile(recorded(name)) as theirs:
        files = [archive.read("model.weights.h5") for archive in (ours, theirs)]
    ours, theirs = (tree(io.BytesIO(file)) for file in files)
    arrays = [
        {path: entry for path, entry in entries.items() if isinstance(entry, tuple)}
        for entries in (ours, theirs)
    ]
    assert arrays[0] == arrays[1]
    again = fastcnn.models.load_model(path)
    for continued in (model, again):
        five_steps(continued, 5)
        np.testing.assert_allclose(pieces.flat(continued), WEIGHTS[name], rtol=2e-5, atol=5e-6)
    np.testing.assert_array_equal(pieces.flat(again), pieces.flat(model))
