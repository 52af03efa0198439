"""Data sets that consist of one file, as Keras serves them."""

import dataclasses
import os

import numpy as np

from fastcnn.datasets import fetch

MIRROR = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def describe(name, size, digest, read):
    """The `fetch.Dataset` of one file that Keras serves."""
    return fetch.Dataset(
        name=name.partition(".")[0],
        files=(fetch.DataFile(name, size, digest),),
        read=read,
        elsewhere={"Keras's cache": "{keras}/datasets"},
        mirrors=(MIRROR,),
    )


def load(dataset, path):
    """The content of the only file of `dataset`.

    Args:
        path: a folder, or the path or another name of the file. As in Keras, a name without a
            folder is looked up in the caches.
    """
    (file,) = dataset.files
    folder = None
    if path is not None and not isinstance(path, (str, os.PathLike)):
        folder = path  # refused below
    elif path is not None and os.path.isdir(path):
        folder = path
    elif path is not None:
        folder, name = os.path.split(os.fspath(path))
        file = dataclasses.replace(file, aliases=(*file.aliases, name))
        dataset = dataclasses.replace(dataset, files=(file,))
    return fetch.load(dataset, folder or None)[file.name]


def read_arrays(path, file):
    """The arrays x and y of a verified .npz file."""
    fetch.verify(path, file)
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["x"], arrays["y"]


def split(x, y, test_split, seed):
    """Shuffle the samples as Keras does, and split off the last ones."""
    if not 0 <= test_split < 1:
        raise ValueError(
            "The argument `test_split` must be at least 0 and less than 1. "
            f"Received test_split={test_split!r}."
        )
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    cut = int(len(x) * (1 - test_split))
    train, test = order[:cut], order[cut:]
    return (x[train], y[train]), (x[test], y[test])
