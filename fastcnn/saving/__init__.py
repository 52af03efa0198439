"""Saving and loading: files are written completely or not at all, and checked before they are used.

atomic.py           replacing a file only once the new one is complete
limits.py           upper limits on what a file may contain
window.py           bounds-checked access to a section of an open file
zip_file.py         strict reader for zip files
hdf5.py             strict reader for HDF5 files
hdf5_strings.py     the same with the text in attributes
serialization.py    objects to and from Keras's config dictionaries
weights.py          names of weights in a file, and checks that they match the model
h5_weights.py       .weights.h5
npz.py              .npz
keras_file.py       .keras
h5_file.py          .h5, whole models in the format of Keras 2
old_config.py       configurations in the form of Keras 2
onnx.py             .onnx, export only
saveable.py         the methods of a model that use these modules
"""

from importlib import import_module
from typing import TYPE_CHECKING

from fastcnn.core.lazy import missing

if TYPE_CHECKING:
    from fastcnn.models import (
        load_model as load_model,
        save_model as save_model,
    )
    from fastcnn.saving.saveable import (
        load_weights as load_weights,
        save_weights as save_weights,
    )
    from fastcnn.saving.serialization import (
        CustomObjectScope as CustomObjectScope,
        custom_object_scope as custom_object_scope,
        deserialize_keras_object as deserialize_keras_object,
        get_custom_objects as get_custom_objects,
        get_registered_name as get_registered_name,
        get_registered_object as get_registered_object,
        register_keras_serializable as register_keras_serializable,
        serialize_keras_object as serialize_keras_object,
    )

MODULES = {  # public name -> module that defines it, imported on first use
    "CustomObjectScope": "fastcnn.saving.serialization",
    "custom_object_scope": "fastcnn.saving.serialization",
    "deserialize_keras_object": "fastcnn.saving.serialization",
    "get_custom_objects": "fastcnn.saving.serialization",
    "get_registered_name": "fastcnn.saving.serialization",
    "get_registered_object": "fastcnn.saving.serialization",
    "load_model": "fastcnn.saving.keras_file",
    "load_weights": "fastcnn.saving.saveable",
    "register_keras_serializable": "fastcnn.saving.serialization",
    "save_model": "fastcnn.saving.saveable",
    "save_weights": "fastcnn.saving.saveable",
    "serialize_keras_object": "fastcnn.saving.serialization",
}

__all__ = list(MODULES)


if not TYPE_CHECKING:  # to a type checker only the names above exist

    def __getattr__(name):
        if name in MODULES:
            return getattr(import_module(MODULES[name]), name)
        raise missing(__name__, name)


def __dir__():
    return sorted({*globals(), *MODULES})
