"""Record real Keras's runs of graph_fits.py: `python -m tests.keras.golden.record_graph_fits`.

With `--new` only the runs that have no record yet. Requires Keras with TensorFlow. Writes
graph_fits.json next to this file, for test_graph_fits.py.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras

from tests.keras.golden.record_pieces import rounded
from tests.support import graph_fits

RECORD = Path(__file__).with_name("graph_fits.json")


def write(results):
    """Write the file, with a line for each run."""
    lines = [f"{json.dumps(n)}:{json.dumps(r, separators=(',', ':'))}" for n, r in results.items()]
    text = ",\n".join(lines)
    RECORD.write_text(f'{{"keras":"{keras.__version__}","fits":{{\n{text}\n}}}}\n')


def main():
    results = json.loads(RECORD.read_text())["fits"] if "--new" in sys.argv else {}
    for name in graph_fits.FITS:
        if name in results:
            continue
        with tempfile.TemporaryDirectory() as folder:
            results[name] = rounded(graph_fits.FITS.run(keras, name, Path(folder)), 7)
        write({name: results[name] for name in graph_fits.FITS if name in results})


if __name__ == "__main__":
    main()
