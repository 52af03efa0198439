"""Models: `Sequential`, and the functions that load, save and clone models."""

from fastcnn.models.cloning import clone_model
from fastcnn.models.loading import load_model, model_from_json, save_model
from fastcnn.models.sequential import Model, Sequential

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
