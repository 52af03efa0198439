"""Data sets in MNIST's format that you bring yourself: no mirror is known that could be verified.

`emnist` and `kmnist` look for their IDX files, gzipped or not, in the folder given as `path=`, in
FASTCNN_DATA, in fastcnn's cache and where torchvision keeps them.
"""

import os
from pathlib import Path

import numpy as np

from fastcnn.datasets import fetch
from fastcnn.datasets.idx import read_idx


def load(name, names, path, torchvision, source):
    """The arrays of four IDX files: images and labels for training, then those of the test.

    Args:
        name: of the set, and of its folder in the cache.
        names: of the four files.
        path: a folder, or None.
        torchvision: the folder in which torchvision keeps them.
        source: where to get them, for the error.

    Raises:
        FileNotFoundError: they were not found; the message lists every location.
        ValueError: a file is not IDX, or images and labels do not belong together.
    """
    folders = [path, os.environ.get("FASTCNN_DATA")]
    folders = [Path(folder).expanduser() for folder in folders if folder]
    folders += [folder / name for folder in folders]
    folders += [Path(fetch.cache_folder(name)).expanduser(), Path(torchvision)]
    for folder in folders:
        files = [_find(folder, file) for file in names]
        if all(files):
            break
    else:
        tried = "\n".join(f"  {index}. {folder}" for index, folder in enumerate(folders, 1))
        raise FileNotFoundError(
            f"The data set {name} was not found, and there is no mirror to download it from. Get "
            f"the files {', '.join(names)} from {source}, and pass their folder as `path`. "
            f"Locations tried:\n{tried}"
        )
    arrays = [read_idx(file) for file in files]
    for file, images, labels in zip(files[::2], arrays[::2], arrays[1::2], strict=True):
        is_valid = images.ndim == 3 and labels.shape == images.shape[:1]
        if not is_valid or images.dtype != np.uint8 or labels.dtype != np.uint8:
            raise ValueError(
                f"{file}: expected uint8 images and one label for each. Found {images.dtype} of "
                f"shape {images.shape}, and labels of {labels.dtype} and shape {labels.shape}."
            )
    return arrays


def _find(folder, name):
    """The path of a file, gzipped or not, or None."""
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    return None
