"""fit, evaluate, predict and callbacks against recorded Keras: history, order, names, files.

tests/keras/golden/record_pieces.py recorded Keras's results for the runs of tests/support/fits.py.
"""

import json
from pathlib import Path

import pytest

import fastcnn as keras
from tests.support.fits import FITS
from tests.support.runs import assert_same

GOLDEN = json.loads((Path(__file__).parent / "golden/pieces.json").read_text())["fits"]


@pytest.mark.parametrize("name", FITS)
def test_runs_match_keras(name, tmp_path):
    assert_same(FITS.run(keras, name, tmp_path), GOLDEN[name])
