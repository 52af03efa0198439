"""Models with several inputs and outputs against recorded Keras: logs, names, order, results.

tests/keras/golden/record_graph_fits.py recorded Keras's results for the runs of
tests/support/graph_fits.py.
"""

import json
from pathlib import Path

import pytest

import fastcnn as keras
from tests.support.graph_fits import FITS
from tests.support.runs import assert_same

GOLDEN = json.loads((Path(__file__).parent / "golden/graph_fits.json").read_text())["fits"]


@pytest.mark.parametrize("name", FITS)
def test_runs_match_keras(name, tmp_path):
    assert_same(FITS.run(keras, name, tmp_path), GOLDEN[name])
