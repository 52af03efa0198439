"""fit, evaluate, predict and the callbacks against recorded Keras: history, order, names, files.

tests/keras/golden/record_pieces.py wrote what Keras does with the runs of tests/support/fits.py.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import fastcnn as keras
from tests.support import fits

GOLDEN = json.loads((Path(__file__).parent / "golden/pieces.json").read_text())["fits"]


def assert_same(result, wanted, place=""):
    """Same structure, same texts, numbers within float32's rounding of a few dozen steps."""
    if isinstance(wanted, dict):
        assert list(result) == list(wanted), place
        for key, value in wanted.items():
            assert_same(result[key], value, f"{place}[{key!r}]")
    elif isinstance(wanted, list) and all(isinstance(v, (int, float)) for v in wanted):
        # weights share their rounding: what counts is the largest, not each by itself
        bound = max(2e-5 * np.abs(wanted).max(initial=0), 3e-6)
        np.testing.assert_allclose(result, wanted, rtol=0, atol=bound, err_msg=place)
    elif isinstance(wanted, list):
        assert len(result) == len(wanted), f"{place}: {result} instead of {wanted}"
        for number, value in enumerate(wanted):
            assert_same(result[number], value, f"{place}[{number}]")
    elif isinstance(wanted, float):
        assert result == pytest.approx(wanted, rel=2e-5, abs=3e-6), place
    else:
        assert result == wanted, place


@pytest.mark.parametrize("name", fits.FITS)
def test_runs_are_keras_s(name, tmp_path):
    assert_same(fits.run(keras, name, tmp_path), GOLDEN[name])
