"""clone_model: a model of the same layers with new weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fastcnn.core.arguments import refuse
from fastcnn.core.nested import flatten
from fastcnn.layers.core import InputLayer
from fastcnn.layers.symbolic import KerasTensor
from fastcnn.models.functional import Functional
from fastcnn.models.graph_config import copy_of
from fastcnn.models.model import Model
from fastcnn.models.sequential import Sequential

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastcnn.layers.base import Layer


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Model:
    """Create a model of the same layers with new weights; a compiled model's clone is compiled.

    Args:
        model: a `Sequential` or a `Model(inputs, outputs)`.
        input_tensors: for a graph, symbolic tensors to call the clone's layers on, one for each
            input; by default new inputs.
        clone_function: function that takes a layer and returns its clone. The default clone has the
            same configuration.
        recursive: whether a nested model is cloned layer by layer. Otherwise `clone_function` gets
            the nested model as one layer.
        call_function: not supported; must be None.

    Example:

    >>> import fastcnn as keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> keras.models.clone_model(model).count_params()
    10
    """
    refuse(call_function, "call_function")
    for name, value in kwargs.items():
        refuse(value, name)
    is_graph = isinstance(model, Functional)
    if not is_graph and not isinstance(model, Sequential):
        raise ValueError(
            "The argument `model` must be a Sequential model or a Model(inputs, outputs). "
            f"Received {model!r}."
        )

    def clone(layer):
        if isinstance(layer, Model) and (recursive or clone_function is None):
            return clone_model(layer, clone_function=clone_function, recursive=recursive)
        if clone_function is None or isinstance(layer, InputLayer) or layer.is_operation:
            return type(layer).from_config(layer.get_config())
        return clone_function(layer)

    copy: Model
    if is_graph:
        inputs, outputs = copy_of(model, clone, _as_tensors(input_tensors, model))
        copy = Functional(inputs, outputs, name=model.name, trainable=model.trainable)
    else:
        refuse(input_tensors, "input_tensors")
        chain = cast("Any", model)
        layers = [clone(layer) for layer in chain._layers]
        copy = type(chain)(layers, model.trainable, model.name)
    if model.compiled:
        from fastcnn.saving import keras_file, serialization

        known = keras_file.custom_objects(model)
        deserializer = serialization.Deserializer("the compile configuration", known)
        copy.compile(**deserializer.make(model.get_compile_config()))
    return copy


def _as_tensors(input_tensors, model):
    """The argument `input_tensors` as a flat list, checked."""
    if input_tensors is None:
        return None
    tensors = flatten(input_tensors)
    shapes = [tensor.shape for tensor in tensors if isinstance(tensor, KerasTensor)]
    if len(shapes) != len(tensors) or len(tensors) != len(model.inputs):
        raise ValueError(
            f"`input_tensors` must be {len(model.inputs)} symbolic tensors. "
            f"Received {input_tensors!r}."
        )
    return tensors
