"""`preprocessing.image` does what real Keras 3.15.1 does, with the same random numbers.

oracle/generator.npz holds the results of oracle/generator_runs.py, recorded by
`python -m tests.keras.record_generator`. Transforms and their order of operations are Keras's, so
most results are equal; means, deviations and whitening are summed in another order.
"""

from pathlib import Path

import numpy as np
import pytest

from fastcnn import utils
from fastcnn.preprocessing import image, sequence
from tests.keras.oracle import generator_runs as runs
from tests.support.paths import ROOT

GOLDEN = np.load(Path(ROOT, "tests", "keras", "oracle", "generator.npz"))
SUMMED = ("samplewise", "featurewise", "whitening", "rescale", "fit", "smart resize")


def assert_as_recorded(found):
    found = dict(found)
    assert found
    for name, array in found.items():
        wanted = GOLDEN[name]
        array = np.asarray(array)
        assert array.shape == wanted.shape, name
        if array.dtype.kind == "U":
            assert array.tolist() == wanted.tolist()
            continue
        largest = np.nanmax(np.abs(wanted), initial=1)
        bound = 2e-5 * largest if name.startswith(SUMMED) else 0
        np.testing.assert_allclose(array, wanted, rtol=0, atol=bound, err_msg=name)


@pytest.mark.parametrize("run", [runs.flows, runs.fits, runs.functions, runs.parameters])
def test_results_are_those_of_keras(run):
    assert_as_recorded(run(image))


def test_padded_sequences_are_those_of_keras():
    assert_as_recorded(runs.sequences(sequence.pad_sequences))
    assert sequence.pad_sequences is utils.pad_sequences


def test_files_are_read_as_by_keras(tmp_path):
    pytest.importorskip("PIL")
    runs.write_files(tmp_path)
    assert_as_recorded(runs.files(image, tmp_path))


@pytest.mark.filterwarnings("ignore:1 names in the column")
def test_data_frames_are_read_as_by_keras(tmp_path):
    pytest.importorskip("PIL")
    pandas = pytest.importorskip("pandas")
    runs.write_files(tmp_path)
    assert_as_recorded(runs.frames(image, tmp_path, pandas))
