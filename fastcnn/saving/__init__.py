"""Files: what is written is written whole or not at all, what is read is checked before use.

atomic.py           writing a file so that the old one stays whole until the new one is complete
limits.py           what a file may hold at most
window.py           a part of an open file, never read beyond its end
zip_file.py         strict reader of zip files
hdf5.py             strict reader of HDF5 files
serialization.py    objects to and from Keras's dictionaries
weights.py          what weights are called in a file, whether they fit
h5_weights.py       .weights.h5
npz.py              .npz
keras_file.py       .keras
onnx.py             .onnx, writing only
saveable.py         the methods of a model that use these
"""

from importlib import import_module

PLACES = {  # Keras's names and the modules that have them, imported when first used
    "CustomObjectScope": "fastcnn.saving.serialization",
    "custom_object_scope": "fastcnn.saving.serialization",
    "deserialize_keras_object": "fastcnn.saving.serialization",
    "get_custom_objects": "fastcnn.saving.serialization",
    "get_registered_name": "fastcnn.saving.serialization",
    "get_registered_object": "fastcnn.saving.serialization",
    "load_model": "fastcnn.models",
    "load_weights": "fastcnn.saving.saveable",
    "register_keras_serializable": "fastcnn.saving.serialization",
    "save_model": "fastcnn.models",
    "save_weights": "fastcnn.saving.saveable",
    "serialize_keras_object": "fastcnn.saving.serialization",
}

__all__ = list(PLACES)


def __getattr__(name):
    if name in PLACES:
        return getattr(import_module(PLACES[name]), name)
    raise AttributeError(f"module 'fastcnn.saving' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *PLACES})
