"""MNIST: 70,000 gray 28x28 images of handwritten digits, as the `mnist.npz` that Keras serves."""

import numpy as np

from fastcnn.datasets import fetch


def read(path, file):
    """The arrays of a verified `mnist.npz`, by name."""
    fetch.verify(path, file)
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")}


DATASET = fetch.Dataset(
    name="mnist",
    files=(
        fetch.DataFile(
            "mnist.npz",
            11490434,
            "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        ),
    ),
    read=read,
    elsewhere={"Keras's cache": "{keras}/datasets"},
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://s3.amazonaws.com/img-datasets/",
    ),
)


def load_data(path=None):
    """MNIST as `(x_train, y_train), (x_test, y_test)`.

    Args:
        path: a folder that contains `mnist.npz`. If it is omitted or the file is not there, the
            search continues as documented in `fastcnn/datasets/fetch.py`, and ends with a download.

    Returns:
        uint8 arrays of shapes (60000, 28, 28), (60000,), (10000, 28, 28), (10000,).

    Raises:
        FileNotFoundError: the file was not found; the message lists every location and the reason.
    """
    arrays = fetch.load(DATASET, path)["mnist.npz"]
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
