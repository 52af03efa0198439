"""Kuzushiji-MNIST: 70,000 gray 28x28 images of ten Japanese characters (Clanuwat 2018)."""

from fastcnn.datasets import idx_set

FILES = (
    *("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    *("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)


def load_data(path=None):
    """Kuzushiji-MNIST as `(x_train, y_train), (x_test, y_test)`.

    Args:
        path: a folder that contains its four IDX files, gzipped or not. See `idx_set` for where
            else they are looked for; they are not downloaded.

    Returns:
        uint8 arrays of shapes (60000, 28, 28), (60000,), (10000, 28, 28), (10000,).

    Raises:
        FileNotFoundError: they were not found; the message lists every location.
        ValueError: the files are damaged.
    """
    source = "codh.rois.ac.jp/kmnist"
    x_train, y_train, x_test, y_test = idx_set.load(
        "kmnist", FILES, path, "data/KMNIST/raw", source
    )
    return (x_train, y_train), (x_test, y_test)
