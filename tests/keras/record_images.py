"""Record what real Keras makes of images with given draws: `python -m tests.keras.record_images`.

Needs Keras with TensorFlow. Writes oracle/images.npz: the changed images of each case of
oracle/image_draws.py, and the labels of "<case> labels".
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf

from tests.keras.oracle.image_draws import CASES, images

RESULTS = Path(__file__).with_name("oracle") / "images.npz"


def main():
    found = {}
    draw = tf.random.stateless_normal
    for name, case in CASES.items():
        if case.noise is not None:
            noise = case.noise
            tf.random.stateless_normal = lambda *args, noise=noise, **kwargs: tf.constant(
                noise, tf.float32
            )
        layer = case.make(keras.layers)
        x = tf.constant(images(name, case))
        found[name] = np.asarray(layer.transform_images(x, case.keras, training=True), np.float32)
        if case.labels is not None:
            labels = layer.transform_labels(tf.constant(case.labels), case.keras)
            found[f"{name} labels"] = np.asarray(labels)
        tf.random.stateless_normal = draw
    np.savez_compressed(RESULTS, **found)


if __name__ == "__main__":
    main()
