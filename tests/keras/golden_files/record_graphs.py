"""Record random graphs of real Keras: `python -m tests.keras.golden_files.record_graphs`.

Requires Keras with TensorFlow. Writes graphs.zip: for each of the seeds the model file that Keras
writes after ten steps, and what it then predicts and how it evaluates. `--cache`: see graph_trials.
"""

import argparse
import io
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from tests.keras.graph_trials import cached
from tests.support.random_graphs import Graph

PATH = Path(__file__).with_name("graphs.zip")
SEEDS = range(24)


def main():
    import keras

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", help="folder for what Keras does")
    cache = parser.parse_args().cache
    settings = {"compression": zipfile.ZIP_DEFLATED, "compresslevel": 9}
    with zipfile.ZipFile(PATH, "w", **settings) as archive:
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                found = cached(keras, Graph(seed), cache, folder)
            predictions = io.BytesIO()
            np.savez(predictions, *found["predict after"])
            members = {
                f"{seed}.keras": found["file"],
                f"{seed}.npz": predictions.getvalue(),
                f"{seed}.json": json.dumps(found["evaluate after"]).encode(),
            }
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    main()
