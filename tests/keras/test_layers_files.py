"""A file of every layer that real Keras wrote is read, and ours is what it would write.

keras/oracle/files.zip holds a model file for each row of support/layer_cases.py, recorded by
`python -m tests.keras.record`. Whole models with losses and optimizers: test_saving_golden.py.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from tests.keras.oracle import runs
from tests.support.keras_files import assert_same_file
from tests.support.layer_cases import rows

FILES = zipfile.ZipFile(Path(__file__).with_name("oracle") / "files.zip")

every_row = pytest.mark.parametrize("name", rows("file"))


@every_row
def test_file_of_keras_is_read(name, tmp_path):
    path = tmp_path / "theirs.keras"
    path.write_bytes(FILES.read(f"{name}.keras"))
    theirs, ours = fastcnn.models.load_model(path), runs.model_in_a_file(fastcnn, name)
    for weight, wanted in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, wanted)
    x = runs.inputs(name)
    np.testing.assert_array_equal(theirs.predict(x, verbose=0), ours.predict(x, verbose=0))
    assert theirs.get_config() == ours.get_config()


@every_row
def test_file_is_what_keras_would_write(name, tmp_path):
    path = tmp_path / "ours.keras"
    runs.model_in_a_file(fastcnn, name).save(path)
    assert_same_file(path, io.BytesIO(FILES.read(f"{name}.keras")))
