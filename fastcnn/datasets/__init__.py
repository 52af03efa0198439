"""Data sets that tutorials use: located on this machine or downloaded, and always verified.

    from fastcnn.datasets import fashion_mnist
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()

`fashion_mnist`, `mnist` and `cifar10` each have `load_data(path=None)`; `fetch.py` documents where
they look. `read_idx` reads your own files in MNIST's format. Everything is imported on first use,
so that `import fastcnn` stays fast.
"""

import importlib
from typing import TYPE_CHECKING

from fastcnn.core.lazy import missing

if TYPE_CHECKING:
    from fastcnn.datasets import cifar10 as cifar10, fashion_mnist as fashion_mnist, mnist as mnist
    from fastcnn.datasets.idx import read_idx as read_idx

_MODULES = ("cifar10", "fashion_mnist", "mnist")

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
