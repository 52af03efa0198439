"""EMNIST: gray 28x28 images of handwritten letters and digits, in six splits (Cohen 2017)."""

import numpy as np

from fastcnn.datasets import idx_set

SPLITS = ("balanced", "byclass", "bymerge", "digits", "letters", "mnist")


def load_data(path=None, split="balanced"):
    """EMNIST as `(x_train, y_train), (x_test, y_test)`.

    The files contain transposed images; they are returned upright. The labels of "letters" are
    those of the file, 1 to 26.

    Args:
        path: a folder that contains the four IDX files of the split, gzipped or not, such as
            `emnist-balanced-train-images-idx3-ubyte.gz`. See `idx_set` for where else they are
            looked for; they are not downloaded.
        split: "balanced", "byclass", "bymerge", "digits", "letters" or "mnist".

    Returns:
        uint8 arrays of shapes (n, 28, 28) and (n,) for training, and for the test.

    Raises:
        FileNotFoundError: they were not found; the message lists every location.
        ValueError: another split, or the files are damaged.
    """
    if split not in SPLITS:
        raise ValueError(f"The argument `split` must be one of {SPLITS}. Received split={split!r}.")
    names = [
        f"emnist-{split}-{part}-{kind}-ubyte"
        for part in ("train", "test")
        for kind in ("images-idx3", "labels-idx1")
    ]
    source = "nist.gov/itl/products-and-services/emnist-dataset"
    x_train, y_train, x_test, y_test = idx_set.load(
        "emnist", names, path, "data/EMNIST/raw", source
    )
    x_train, x_test = (np.ascontiguousarray(x.transpose(0, 2, 1)) for x in (x_train, x_test))
    return (x_train, y_train), (x_test, y_test)
