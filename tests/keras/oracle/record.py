"""Record what real Keras does with the layers of cases.py: `python -m tests.keras.oracle.record`.

Needs Keras with TensorFlow. Writes layers.json beside this file. Of each case: the layer's result
outside of training and in it, the gradients of sum(y * dy) for the input and each weight, the
non-trainable weights after that one pass, and the loss of ten steps of gradient descent with the
weights after them; of arrays only the `fingerprint`. Of each layer: its configuration, and the
shapes of its weights.
"""

import json
import os
import re
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf

from tests.keras.oracle import cases

HERE = Path(__file__).resolve().parent


def rounded(numbers, digits=8):
    return [float(f"{number:.{digits}g}") for number in numbers]


def marks(arrays):
    return [rounded(cases.fingerprint(array)) for array in arrays]


def record(name):
    kind, _, shape = cases.CASES[name]
    layer = cases.make(keras, name)
    x = tf.constant(cases.values(name, "x", (cases.BATCH, *shape)))
    layer.build((None, *shape))
    cases.set_weights(layer, name)
    inference = layer(x, training=False)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        dy = cases.values(name, "dy", tuple(y.shape))
        loss = tf.reduce_sum(y * dy)
    variables = [variable.value for variable in layer.trainable_weights]
    dx, *gradients = tape.gradient(loss, [x, *variables])
    if kind in ("RandomTranslation", "RandomRotation", "RandomZoom"):
        dx = None  # TensorFlow's is not the gradient: it maps dy back by the inverse matrix
    losses, after = cases.train(keras, name)
    return {
        "shape": list(y.shape),
        "inference": marks([inference])[0],
        "training": marks([y])[0],
        "dx": None if dx is None else marks([dx])[0],
        "gradients": marks(gradients),
        "state": marks(layer.non_trainable_weights),
        "losses": rounded(losses),
        "after": marks(after),
    }


def configs():
    """{layer: configuration, without its name} of the first case of each layer, and CONFIGS."""
    layers = {}
    for name, (kind, _, _) in cases.CASES.items():
        layers.setdefault(kind, cases.make(keras, name))
    for kind, arguments in cases.CONFIGS.items():
        layers[kind] = getattr(keras.layers, kind)(**arguments)
    found = {}
    for kind, layer in layers.items():
        config = layer.get_config()
        del config["name"]
        config.pop("dtype")
        found[kind] = config
    return found


def given_transformations():
    """Augmentations with the random part given."""
    x = 100 * cases.values("images", "x", (4, 5, 6, 3)) + 120
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


def main():
    golden = {
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "configs": configs(),
        "transformations": given_transformations(),
        "cases": {name: record(name) for name in cases.CASES},
    }
    text = json.dumps(golden, separators=(",", ":"))
    text = re.sub(r'("(?:[A-Z]\w*\([^"]*|configs|transformations|cases)":)', r"\n\1", text)
    (HERE / "layers.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(golden['cases'])} cases, {len(text) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
