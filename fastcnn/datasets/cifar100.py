"""CIFAR-100: 60,000 color 32x32 images in 100 classes, or 20 coarse ones (Krizhevsky 2009).

As in `cifar10`, nothing here unpickles the members of its archive.
"""

import numpy as np

from fastcnn.datasets import fetch
from fastcnn.datasets.cifar10 import find_arrays

COUNTS = {"train": 50000, "test": 10000}
CLASSES = {"fine": 100, "coarse": 20}


def read(path, file):
    """{label mode: (x, y)} of all images in an archive, after verifying it."""
    import tarfile

    fetch.verify(path, file)
    parts = {mode: [] for mode in CLASSES}
    with tarfile.open(path, "r:gz") as archive:
        members = {member.name: member for member in archive}
        for name, count in COUNTS.items():
            batch = archive.extractfile(members[f"cifar-100-python/{name}"]).read()
            for mode, classes in CLASSES.items():
                x, y = find_arrays(batch, count, f"{mode}_labels".encode(), classes)
                parts[mode].append((x, y[:, None]))
    return parts


DATASET = fetch.Dataset(
    name="cifar-100",
    files=(
        fetch.DataFile(
            "cifar-100-python.tar.gz",
            169001437,
            "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
            aliases=("cifar-100-python-target_archive",),
        ),
    ),
    read=read,
    elsewhere={"Keras's cache": "{keras}/datasets", "torchvision's folder": "data"},
    mirrors=("https://www.cs.toronto.edu/~kriz/",),
)


def load_data(label_mode="fine", path=None):
    """CIFAR-100 as `(x_train, y_train), (x_test, y_test)`.

    Args:
        label_mode: "fine", 100 classes, or "coarse", 20 classes.
        path: a folder that contains `cifar-100-python.tar.gz`. If it is omitted or the file is not
            there, the search continues as documented in `fastcnn/datasets/fetch.py`, and ends
            with a download.

    Returns:
        uint8 arrays of shapes (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3), (10000, 1).

    Raises:
        ValueError: another label mode.
        FileNotFoundError: the file was not found; the message lists every location and the reason.
    """
    if label_mode not in CLASSES:
        raise ValueError(
            'The argument `label_mode` must be "fine" or "coarse". '
            f"Received label_mode={label_mode!r}."
        )
    train, test = fetch.load(DATASET, path)["cifar-100-python.tar.gz"][label_mode]
    (x_train, y_train), (x_test, y_test) = (
        (np.ascontiguousarray(x), np.array(y)) for x, y in (train, test)
    )
    return (x_train, y_train), (x_test, y_test)
