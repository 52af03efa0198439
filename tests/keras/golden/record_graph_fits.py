"""Record real Keras's runs of graph_fits.py: `python -m tests.keras.golden.record_graph_fits`.

Requires Keras with TensorFlow. Writes graph_fits.json next to this file, for test_graph_fits.py.
"""

import json
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras

from tests.keras.golden.record_pieces import rounded
from tests.support import graph_fits

RECORD = Path(__file__).with_name("graph_fits.json")


def run(name):
    with tempfile.TemporaryDirectory() as folder:
        return rounded(graph_fits.run(keras, name, Path(folder)), 7)


if __name__ == "__main__":
    results = {name: run(name) for name in graph_fits.FITS}
    RECORD.write_text(json.dumps({"keras": keras.__version__, "fits": results}, indent=None) + "\n")
