"""Models: `Sequential`, and the functions that load, save and clone models."""

from typing import TYPE_CHECKING

from fastcnn.core.lazy import attach
from fastcnn.models.sequential import Model, Sequential

if TYPE_CHECKING:
    from fastcnn.models.cloning import clone_model
    from fastcnn.models.functional import Functional
    from fastcnn.models.loading import load_model, model_from_json, save_model

PARTS = {  # imported when first used
    "functional": ("Functional",),
    "cloning": ("clone_model",),
    "loading": ("load_model", "model_from_json", "save_model"),
}

__getattr__, __dir__ = attach(__name__, PARTS)

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
