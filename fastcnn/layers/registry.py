"""The registry of layers: the only classes that a config or a model file can name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.registry import Registry
from fastcnn.layers.base import Layer
from fastcnn.layers.lazy import PARTS

if TYPE_CHECKING:
    from fastcnn.core.types import Config, CustomObjects

_modules = [*(f"fastcnn.layers.{part}" for part in PARTS), "fastcnn.models.functional"]
registry = Registry("layer", "keras.layers", _modules)


def register(layer_class):
    """Class decorator: the layer can be named in configs by its class name."""
    return registry.register(layer_class.__name__)(layer_class)


def serialize(layer: Layer) -> Config | None:
    """The dictionary that Keras writes for a layer, with its input shape once built."""
    config = registry.serialize(layer)
    if layer.built:
        config["build_config"] = {"input_shape": layer.build_shape}
    return config


def deserialize(config: Config, custom_objects: CustomObjects = None) -> Layer:
    """A layer, without its weights, from what `serialize` wrote."""
    layer = registry.deserialize(config, custom_objects)
    if not isinstance(layer, Layer):
        raise registry.unknown(config.get("class_name"))
    return layer
