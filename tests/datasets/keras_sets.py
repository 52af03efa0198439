"""Small stand-ins for the data sets of one file, and what Keras's `load_data` makes of them.

`python tests/datasets/keras_sets.py` records that in keras_sets.json, with real Keras.
"""

import io
import json
from pathlib import Path

import numpy as np

RECORDS = Path(__file__).with_suffix(".json")


def texts(seed, count):
    rng = np.random.default_rng(seed)
    array = np.empty(count, object)
    array[:] = [rng.integers(1, 300, rng.integers(1, 12)).tolist() for _ in range(count)]
    return array, rng.integers(0, 2, count)


def npz(**arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def table(seed, count, columns):
    rng = np.random.default_rng(seed)
    return npz(x=rng.normal(size=(count, columns)).round(3), y=rng.normal(size=count).round(3))


(X_TRAIN, Y_TRAIN), (X_TEST, Y_TEST) = texts(0, 9), texts(1, 6)
NEWS, TOPICS = texts(2, 11)
CONTENTS = {
    "imdb": npz(x_train=X_TRAIN, y_train=Y_TRAIN, x_test=X_TEST, y_test=Y_TEST),
    "reuters": npz(x=NEWS, y=TOPICS),
    "boston_housing": table(3, 20, 13),
    "california_housing": table(4, 30, 8),
}
CALLS = [
    ("imdb", {}),
    ("imdb", {"num_words": 200, "skip_top": 20, "maxlen": 9}),
    ("imdb", {"num_words": 150, "oov_char": None, "seed": 5}),
    ("imdb", {"start_char": None, "index_from": 0}),
    ("imdb", {"start_char": None, "index_from": 7, "oov_char": 0}),
    ("reuters", {}),
    ("reuters", {"num_words": 200, "skip_top": 20, "maxlen": 9, "test_split": 0.4}),
    ("reuters", {"start_char": None, "index_from": None, "oov_char": None, "num_words": 100}),
    ("boston_housing", {}),
    ("boston_housing", {"test_split": 0.35, "seed": 1}),
    ("california_housing", {"version": "small"}),
    ("california_housing", {"test_split": 0.0}),
]


def plain(result):
    """((x, y), (x, y)) as lists."""
    return [[[np.asarray(row).tolist() for row in array] for array in part] for part in result]


def record():
    import tempfile

    import keras

    records = []
    for name, settings in CALLS:
        module = getattr(keras.src.datasets, name)
        with tempfile.NamedTemporaryFile(suffix=".npz") as file:
            file.write(CONTENTS[name])
            file.flush()
            module.get_file = lambda *_, path=file.name, **__: path
            records.append(plain(module.load_data(**settings)))
    RECORDS.write_text(json.dumps(records, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    record()
