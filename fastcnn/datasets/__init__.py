"""Data sets that tutorials use: located on this machine or downloaded, and always verified.

    from fastcnn.datasets import fashion_mnist
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()

Each has a function `load_data`; `fetch.py` documents where it looks. `emnist` and `kmnist` read
files that you bring, and `read_idx` any file in MNIST's format. Everything is imported on first
use, so that `import fastcnn` stays fast.
"""

import importlib
from typing import TYPE_CHECKING

from fastcnn.core.lazy import missing

if TYPE_CHECKING:
    from fastcnn.datasets import (
        boston_housing as boston_housing,
        california_housing as california_housing,
        cifar10 as cifar10,
        cifar100 as cifar100,
        emnist as emnist,
        fashion_mnist as fashion_mnist,
        imdb as imdb,
        kmnist as kmnist,
        mnist as mnist,
        reuters as reuters,
    )
    from fastcnn.datasets.idx import read_idx as read_idx

_MODULES = (
    *("boston_housing", "california_housing", "cifar10", "cifar100", "emnist", "fashion_mnist"),
    *("imdb", "kmnist", "mnist", "reuters"),
)

__all__ = [*_MODULES, "read_idx"]


if not TYPE_CHECKING:  # to a type checker only the names above exist

    def __getattr__(name):
        if name in _MODULES:
            return importlib.import_module(f"{__name__}.{name}")
        if name == "read_idx":
            from fastcnn.datasets.idx import read_idx

            return read_idx
        raise missing(__name__, name)


def __dir__():
    return sorted({*globals(), *__all__})
