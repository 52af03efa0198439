"""Functions that read and write whole models: load_model, save_model, model_from_json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.saving.saveable import save_model

if TYPE_CHECKING:
    from fastcnn.core.types import CustomObjects, Path
    from fastcnn.models.model import Model

__all__ = ["load_model", "model_from_json", "save_model"]


def load_model(
    filepath: Path,
    custom_objects: CustomObjects = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """The model in a .keras file of this package or of Keras; see `saving.keras_file`."""
    from fastcnn.saving import keras_file

    return keras_file.load_model(filepath, custom_objects, compile, safe_mode)


def model_from_json(json_string: str, custom_objects: CustomObjects = None) -> Model:
    """A model with new weights from the result of `to_json`, of this package or of Keras."""
    from fastcnn.saving import keras_file

    return keras_file.model_from_json(json_string, custom_objects)
