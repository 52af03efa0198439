"""Functions that read and write whole models: load_model, save_model, model_from_json."""

from fastcnn.saving.saveable import save_model

__all__ = ["load_model", "model_from_json", "save_model"]


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """The model in a .keras file of this package or of Keras; see `saving.keras_file`."""
    from fastcnn.saving import keras_file

    return keras_file.load_model(filepath, custom_objects, compile, safe_mode)


def model_from_json(json_string, custom_objects=None):
    """A model with new weights from what `to_json`, here or in Keras, returned."""
    from fastcnn.saving import keras_file

    return keras_file.model_from_json(json_string, custom_objects)
