"""Record how real Keras reads image files: `python -m tests.keras.record_image_folder`.

Needs Keras with TensorFlow. Writes oracle/image_folder.npz: PNG and JPEG files, and the images of
each case of oracle/image_folders.py.
"""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf

from tests.keras.oracle.image_folders import CASES, read

RESULTS = Path(__file__).with_name("oracle") / "image_folder.npz"
SIZES = ((23, 31), (9, 7), (33, 16))


def pictures(rng, size, channels):
    """Blocks of 4 x 4 pixels with some noise."""
    height, width = size
    blocks = rng.integers(30, 225, (height // 4 + 1, width // 4 + 1, channels))
    pixels = np.kron(blocks, np.ones((4, 4, 1)))[:height, :width]
    return (pixels + rng.integers(-30, 31, pixels.shape)).astype(np.uint8)


def main():
    rng = np.random.default_rng(0)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for index, size in enumerate(SIZES):
            pixels = pictures(rng, size, 3)
            encoded = {
                "png": tf.io.encode_png(pixels),
                "jpg": tf.io.encode_jpeg(pixels, quality=75),
            }
            for kind, contents in encoded.items():
                contents = contents.numpy()
                path = Path(folder, kind, f"{index}.{kind}")
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(contents)
                found[f"{kind}/{path.name}"] = np.frombuffer(contents, np.uint8)
        for case in CASES:
            found[f"png {case}"] = read(keras, Path(folder, "png"), case)
        for case in ("bilinear", "gray"):
            found[f"jpg {case}"] = read(keras, Path(folder, "jpg"), case)
    np.savez_compressed(RESULTS, **found)


if __name__ == "__main__":
    main()
