"""fit, evaluate, predict and callbacks against recorded Keras: history, order, names, files.

tests/keras/golden/record_pieces.py recorded Keras's results for the runs of tests/support/fits.py.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import fastcnn as keras
from tests.support import fits

GOLDEN = json.loads((Path(__file__).parent / "golden/pieces.json").read_text())["fits"]


def assert_same(result, wanted, path=""):
    """Same structure and strings; floats within float32's rounding over a few dozen steps."""
    if isinstance(wanted, dict):
        assert list(result) == list(wanted), path
        for key, value in wanted.items():
            assert_same(result[key], value, f"{path}[{key!r}]")
    elif isinstance(wanted, list) and all(isinstance(v, (int, float)) for v in wanted):
        # rounding errors spread over all weights: the bound is relative to the largest
        bound = max(2e-5 * np.abs(wanted).max(initial=0), 3e-6)
        np.testing.assert_allclose(result, wanted, rtol=0, atol=bound, err_msg=path)
    elif isinstance(wanted, list):
        assert len(result) == len(wanted), f"{path}: {result} instead of {wanted}"
        for index, value in enumerate(wanted):
            assert_same(result[index], value, f"{path}[{index}]")
    elif isinstance(wanted, float):
        assert result == pytest.approx(wanted, rel=2e-5, abs=3e-6), path
    else:
        assert result == wanted, path


@pytest.mark.parametrize("name", fits.FITS)
def test_runs_match_keras(name, tmp_path):
    assert_same(fits.run(keras, name, tmp_path), GOLDEN[name])
