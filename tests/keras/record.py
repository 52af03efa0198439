"""Record what real Keras does with every layer: `python -m tests.keras.record`.

With `--new` only the rows of tests/support/layer_cases.py that have no record yet. Needs Keras with
TensorFlow. Writes two files in oracle/:

layers.json     of each row with `keras`: the layer's result outside of training and in it, the
                gradients of sum(y * dy) for the input and each weight, the non-trainable weights
                after that one pass, and the loss of ten steps of gradient descent with the weights
                after them; of arrays only the `fingerprint`
files.zip       of each row with `file`: a model of that layer alone, saved as <name>.keras
"""

import json
import os
import re
import sys
import tempfile
import zipfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf

from tests.keras.oracle import runs
from tests.support.layer_cases import CASES, each, rows, with_batch

RESULTS = Path(__file__).with_name("oracle") / "layers.json"
FILES = RESULTS.with_name("files.zip")


def rounded(values, digits=8):
    return [float(f"{value:.{digits}g}") for value in values]


def marks(arrays):
    return [rounded(runs.fingerprint(array)) for array in arrays]


def results(name):
    """What layers.json says of a row."""
    case = CASES[name]
    layer = case.make(keras)
    x = each(tf.constant, runs.inputs(name))
    layer.build(with_batch(case.shape))
    runs.set_weights(layer, name)
    inference = layer(x, training=False)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        dy = runs.values(name, "dy", tuple(y.shape))
        loss = tf.reduce_sum(y * dy)
    variables = [variable.value for variable in layer.trainable_weights]
    dx, *gradients = tape.gradient(loss, [x, *variables])
    if type(layer).__name__ in ("RandomTranslation", "RandomRotation", "RandomZoom"):
        dx = None  # TensorFlow's is not the gradient: it maps dy back by the inverse matrix
    losses, after = runs.train(keras, name)
    return {
        "shape": list(y.shape),
        "inference": marks([inference])[0],
        "training": marks([y])[0],
        "dx": None if dx is None else each(lambda array: marks([array])[0], dx),
        "gradients": marks(gradients),
        "state": marks(layer.non_trainable_weights),
        "losses": rounded(losses),
        "after": marks(after),
    }


def file(name):
    """The bytes of the row's model file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        runs.model_in_a_file(keras, name).save(path)
        return path.read_bytes()


def given_transformations():
    """Augmentations with the random part given."""
    x = 100 * runs.values("images", "x", (4, 5, 6, 3)) + 120
    flips = np.array([True, False, True, False])[:, None, None, None]
    found = {}
    for mode in ("horizontal", "vertical", "horizontal_and_vertical"):
        layer = keras.layers.RandomFlip(mode)
        found[f"flip {mode}"] = layer.transform_images(tf.constant(x), {"flips": flips})
    factor = np.array([0.5, 1.5, 3.0, 1.0], np.float32)[:, None, None, None]
    layer = keras.layers.RandomContrast(0.5)
    found["contrast"] = layer.transform_images(tf.constant(x), {"contrast_factor": factor})
    layer = keras.layers.RandomBrightness(0.5)
    found["brightness"] = layer.transform_images(tf.constant(x), {"rgb_delta": 100 * factor})
    for height, width in ((3, 4), (5, 4), (4, 7)):
        layer = keras.layers.RandomCrop(height, width)
        top, left = (1, 2) if height < 4 else layer.get_random_transformation(tf.constant(x))
        found[f"crop {height} {width}"] = layer.transform_images(tf.constant(x), (top, left))
    return {name: marks([y])[0] for name, y in found.items()}


def write_results(kept):
    golden = {
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "transformations": kept.get("transformations") or given_transformations(),
        "cases": {name: kept.get("cases", {}).get(name) or results(name) for name in rows("keras")},
    }
    text = json.dumps(golden, separators=(",", ":"))
    text = re.sub(r'("[^"]+":\{"shape"|"transformations"|"cases")', r"\n\1", text)
    RESULTS.write_text(text + "\n", encoding="utf-8")


def write_files(kept):
    contents = {name: kept.get(f"{name}.keras") or file(name) for name in rows("file")}
    with zipfile.ZipFile(FILES, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.keras"), content, zipfile.ZIP_DEFLATED)


def recorded_files():
    """{name: bytes} of files.zip."""
    with zipfile.ZipFile(FILES) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def main():
    only_new = "--new" in sys.argv[1:]
    write_results(json.loads(RESULTS.read_text("utf-8")) if only_new else {})
    write_files(recorded_files() if only_new and FILES.exists() else {})


if __name__ == "__main__":
    main()
