"""clone_model: a model of the same layers with new weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.arguments import refuse
from fastcnn.layers.core import InputLayer
from fastcnn.models.sequential import Sequential

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastcnn.layers.base import Layer
    from fastcnn.models.model import Model


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Sequential:
    """Create a model of the same layers with new weights; a compiled model's clone is compiled.

    Args:
        model: a `Sequential`.
        clone_function: function that takes a layer and returns its clone. The default clone has the
            same configuration.
        recursive: whether a nested model is cloned layer by layer. Otherwise `clone_function` gets
            the nested model as one layer.
        input_tensors, call_function: not supported; must be None.

    Example:

    >>> import fastcnn as keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> keras.models.clone_model(model).count_params()
    10
    """
    refuse(input_tensors, "input_tensors")
    refuse(call_function, "call_function")
    for name, value in kwargs.items():
        refuse(value, name)
    if not isinstance(model, Sequential):
        raise ValueError(f"The argument `model` must be a Sequential model. Received {model!r}.")

    def clone(layer):
        if isinstance(layer, Sequential) and (recursive or clone_function is None):
            return clone_model(layer, clone_function=clone_function, recursive=recursive)
        if clone_function is None or isinstance(layer, InputLayer):
            return type(layer).from_config(layer.get_config())
        return clone_function(layer)

    copy = type(model)([clone(layer) for layer in model._layers], model.trainable, model.name)
    if model.compiled:
        from fastcnn.saving import keras_file, serialization

        known = keras_file.custom_objects(model)
        deserializer = serialization.Deserializer("the compile configuration", known)
        copy.compile(**deserializer.make(model.get_compile_config()))
    return copy
