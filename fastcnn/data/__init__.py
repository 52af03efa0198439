"""The input of a step: arrays, streams of batches, and targets. Public: `Dataset` and `AUTOTUNE`.

`Dataset` has the interface of TensorFlow's `tf.data.Dataset`. It is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from fastcnn.core.lazy import missing

if TYPE_CHECKING:
    from fastcnn.data.dataset import Dataset as Dataset
    from fastcnn.data.elements import TensorSpec as TensorSpec

AUTOTUNE = -1
INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = -1, -2
MODULES = {"Dataset": "fastcnn.data.dataset", "TensorSpec": "fastcnn.data.elements"}

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", *MODULES]


if not TYPE_CHECKING:  # to a type checker only the names above exist

    def __getattr__(name):
        if name in MODULES:
            return getattr(import_module(MODULES[name]), name)
        raise missing(__name__, name)


def __dir__():
    return sorted({*globals(), *MODULES})
