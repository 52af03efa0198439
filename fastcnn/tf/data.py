"""`tf.data`: the data sets of `fastcnn.data`."""

from importlib import import_module

from fastcnn.core.lazy import missing

NAMES = ("AUTOTUNE", "Dataset", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY")


class _Experimental:
    """Old names of `tf.data`."""

    def __getattr__(self, name):
        if name in (*NAMES, "cardinality"):
            return getattr(import_module("fastcnn.data.dataset"), name)
        raise missing(f"{__name__}.experimental", name)


experimental = _Experimental()


def __getattr__(name):
    if name in NAMES:
        return getattr(import_module("fastcnn.data.dataset"), name)
    raise missing(__name__, name)


def __dir__():
    return sorted({*globals(), *NAMES})
