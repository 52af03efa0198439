"""Fashion-MNIST: 70,000 gray 28x28 images of clothes in ten classes (MIT license, Zalando SE)."""

import hashlib

from fastcnn.datasets import fetch
from fastcnn.datasets.idx import idx_header, read_idx

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def read(path, file):
    """Read the array in an IDX file; its unzipped bytes must have the pinned hash."""
    array = read_idx(path)
    header = idx_header(array)
    digest = hashlib.sha256(header)
    digest.update(array)
    fetch.check(path, file, len(header) + array.nbytes, digest.hexdigest())
    return array


DATASET = fetch.Dataset(
    name="fashion-mnist",
    files=(
        fetch.DataFile(
            "train-images-idx3-ubyte",
            47040016,
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            gzipped=True,
        ),
        fetch.DataFile(
            "train-labels-idx1-ubyte",
            60008,
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            gzipped=True,
        ),
        fetch.DataFile(
            "t10k-images-idx3-ubyte",
            7840016,
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            gzipped=True,
        ),
        fetch.DataFile(
            "t10k-labels-idx1-ubyte",
            10008,
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            gzipped=True,
        ),
    ),
    read=read,
    elsewhere={
        "Keras's cache": "{keras}/datasets/fashion-mnist",
        "torchvision's folder": "data/FashionMNIST/raw",
        "Debian's package": "/usr/share/datasets/fashion-mnist",  # Ubuntu's as well
    },
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        # Not served over https; as for all mirrors, the content must match the hashes above.
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    debian_package="dataset-fashion-mnist",
    debian_folder="/usr/share/datasets/fashion-mnist",
)


def load_data(path=None):
    """Fashion-MNIST as `(x_train, y_train), (x_test, y_test)`.

    Args:
        path: a folder that contains the four IDX files, gzipped or not. If it is omitted or they
            are not there, the search continues as documented in `fastcnn/datasets/fetch.py`, and
            ends with a download.

    Returns:
        uint8 arrays of shapes (60000, 28, 28), (60000,), (10000, 28, 28), (10000,).
        `CLASS_NAMES[label]` is the name of the class.

    Raises:
        FileNotFoundError: the set was not found; the message lists every location and the reason.
    """
    contents = fetch.load(DATASET, path)
    x_train, y_train, x_test, y_test = (contents[file.name] for file in DATASET.files)
    return (x_train, y_train), (x_test, y_test)
