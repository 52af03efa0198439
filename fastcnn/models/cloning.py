"""clone_model: the same layers again, with new weights."""

from fastcnn.core.arguments import refuse
from fastcnn.layers.core import InputLayer
from fastcnn.models.sequential import Sequential


def clone_model(model, input_tensors=None, clone_function=None, **kwargs):
    """A model of the same layers with new weights, not compiled.

    Args:
        model: a `Sequential`.
        clone_function: function of a layer that returns the new one; by default one with the same
            configuration.
        input_tensors: None.

    Example:

    >>> import fastcnn as keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> keras.models.clone_model(model).count_params()
    10
    """
    refuse(input_tensors, "input_tensors")
    for name, value in kwargs.items():
        refuse(value, name)
    if not isinstance(model, Sequential):
        raise ValueError(f"The argument `model` must be a Sequential model. Received {model!r}.")

    def clone(layer):
        if isinstance(layer, Sequential):
            return clone_model(layer, clone_function=clone_function)
        if clone_function is not None and not isinstance(layer, InputLayer):
            return clone_function(layer)
        return type(layer).from_config(layer.get_config())

    return type(model)([clone(layer) for layer in model._layers], model.trainable, model.name)
