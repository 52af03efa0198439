"""Record real Keras's `preprocessing.image`: `python -m tests.keras.record_generator`.

Needs Keras with TensorFlow, SciPy, Pillow and pandas. Writes oracle/generator.npz with the results
of oracle/generator_runs.py.
"""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np
import pandas
from keras._tf_keras.keras.preprocessing import image, sequence

from tests.keras.oracle import generator_runs as runs

RESULTS = Path(__file__).with_name("oracle") / "generator.npz"


def main():
    found = {}
    for run in (runs.flows, runs.fits, runs.functions, runs.parameters):
        found.update(run(image))
    found.update(runs.sequences(sequence.pad_sequences))
    with tempfile.TemporaryDirectory() as folder:
        runs.write_files(folder)
        found.update(runs.files(image, folder))
        found.update(runs.frames(image, folder, pandas))
    packed = {name: np.asarray(array) for name, array in found.items()}
    for name, array in packed.items():  # smaller, without a loss
        if array.dtype == np.float32 and (array == array.astype(np.uint8)).all():
            packed[name] = array.astype(np.uint8)
    np.savez_compressed(RESULTS, **packed)


if __name__ == "__main__":
    main()
