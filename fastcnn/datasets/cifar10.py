"""CIFAR-10: 60,000 color 32x32 images in ten classes (Krizhevsky 2009).

The members of its archive are Python 2 pickles. Nothing here unpickles them: each member contains
its images as one byte string and its labels as one list of small integers. `find_arrays` locates
these two by their byte patterns and ignores everything else.
"""

import re
import struct

import numpy as np

from fastcnn.datasets import fetch

BATCHES = (*(f"data_batch_{index}" for index in range(1, 6)), "test_batch")
IMAGES_PER_BATCH = 10000
IMAGE_BYTES = 3 * 32 * 32
CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

# An entry of the pickled dictionary such as "labels": an empty list `]`, then one or more sequences
# of `( K label K label ... e`. `q` and a byte, or `r` and four, memoize a value.
_MEMO = rb"(?:q.|r....)?"
_SEQUENCE = rb"\(((?:K[\x00-\x63])+)e"


def find_arrays(batch, count, key=b"labels", classes=10):
    """Extract the images and labels from the bytes of one batch file.

    Args:
        batch: bytes of a member such as `data_batch_1`.
        count: the required number of images.
        key: the entry that contains the labels.
        classes: number of classes, at most 100.

    Returns:
        uint8 arrays of shapes (count, 32, 32, 3), a view of a channels-first array, and (count,).

    Raises:
        ValueError: the images or the labels are missing, or there are not `count` of them.
    """
    pattern = key + _MEMO + rb"\]" + _MEMO + rb"((?:" + _SEQUENCE + rb")+)"
    found = re.search(pattern, batch, re.DOTALL)
    pairs = re.findall(_SEQUENCE, found[1], re.DOTALL) if found else []
    labels = b"".join(pair[1::2] for pair in pairs)  # without the `K`s
    if len(labels) != count:
        raise ValueError(f"expected {count} labels, found {len(labels)}.")
    labels = np.frombuffer(labels, np.uint8)
    if labels.max() >= classes:
        raise ValueError(f"expected labels below {classes}, found {labels.max()}.")
    marker = b"T" + struct.pack("<i", count * IMAGE_BYTES)  # `T`: a string, its length, its bytes
    start = batch.find(marker) + len(marker)
    pixels = batch[start : start + count * IMAGE_BYTES] if start >= len(marker) else b""
    if len(pixels) != count * IMAGE_BYTES:
        raise ValueError(f"expected {count * IMAGE_BYTES} bytes of images, found {len(pixels)}.")
    images = np.frombuffer(pixels, np.uint8).reshape(count, 3, 32, 32)
    return images.transpose(0, 2, 3, 1), labels


def read(path, file):
    """Read the images and labels of all `BATCHES` in an archive, after verifying it."""
    import tarfile

    fetch.verify(path, file)
    count = IMAGES_PER_BATCH
    x = np.empty((len(BATCHES) * count, 32, 32, 3), np.uint8)
    y = np.empty((len(BATCHES) * count, 1), np.uint8)
    with tarfile.open(path, "r:gz") as archive:
        members = {member.name: member for member in archive}
        for index, name in enumerate(BATCHES):
            batch = archive.extractfile(members[f"cifar-10-batches-py/{name}"]).read()
            rows = slice(index * count, (index + 1) * count)
            x[rows], y[rows, 0] = find_arrays(batch, count)
    return x, y


DATASET = fetch.Dataset(
    name="cifar-10",
    files=(
        fetch.DataFile(
            "cifar-10-python.tar.gz",
            170498071,
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            aliases=("cifar-10-batches-py-target_archive",),
        ),
    ),
    read=read,
    elsewhere={"Keras's cache": "{keras}/datasets", "torchvision's folder": "data"},
    mirrors=("https://www.cs.toronto.edu/~kriz/",),
)


def load_data(path=None):
    """CIFAR-10 as `(x_train, y_train), (x_test, y_test)`.

    Args:
        path: a folder that contains `cifar-10-python.tar.gz`. If it is omitted or the file is not
            there, the search continues as documented in `fastcnn/datasets/fetch.py`, and ends
            with a download.

    Returns:
        uint8 arrays of shapes (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3), (10000, 1).
        `CLASS_NAMES[label]` is the name of the class.

    Raises:
        FileNotFoundError: the file was not found; the message lists every location and the reason.
    """
    x, y = fetch.load(DATASET, path)["cifar-10-python.tar.gz"]
    train = (len(BATCHES) - 1) * IMAGES_PER_BATCH
    return (x[:train], y[:train]), (x[train:], y[train:])
