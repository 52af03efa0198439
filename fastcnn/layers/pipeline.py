"""Pipeline: several layers as one, such as a list of augmentations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.registry import scope, scoped
from fastcnn.core.steps import Step
from fastcnn.layers.base import Layer
from fastcnn.layers.registry import deserialize, register, serialize
from fastcnn.layers.symbolic import is_symbolic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self

    from fastcnn.core.types import Config


class PipelineStep(Step):
    """The steps of the layers inside, one after the other."""

    def __init__(self, layer, **shapes):
        self.steps = []
        shape = shapes.get("input_shape") or layer.input_shape
        for part in layer.layers:
            output_shape = part.build_once(shape)
            self.steps.append(part.make_step(input_shape=shape, output_shape=output_shape))
            shape = output_shape
        super().__init__(layer, **shapes)

    def release(self):
        super().release()
        for step in self.steps:
            step.release()

    def expect_gradient(self, read, consume):
        super().expect_gradient(read, consume)
        self.steps[0].expect_gradient(read, False)

    def forward(self, x, training=False):
        training = True if training is None else training
        for step in self.steps:
            x = step.forward(x, training)
        self._kept = training or None
        return x

    def backward(self, dy):
        self._last_call()
        for step in reversed(self.steps):
            dy = step.backward(dy)
        return dy


@register
class Pipeline(Layer):
    """Applies layers one after the other. As in Keras, calls without `training` are training.

    Args:
        layers: list of layers with one input and one output each.
        name: a string.

    Weights: those of the layers.

    Input shape: that of the first layer. Output shape: that of the last one.

    Raises:
        ValueError: not a list of layers, or a layer with an `activity_regularizer`.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> pipeline = layers.Pipeline([layers.AutoContrast(), layers.RandomZoom(0.2)])
    >>> pipeline(np.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)
    """

    step_class = PipelineStep
    depends_on_training = True
    default_training = True

    def __init__(self, layers: Sequence[Layer], name: str | None = None) -> None:
        super().__init__(name=name)
        is_list = isinstance(layers, (list, tuple)) and len(layers) > 0
        if not is_list or not all(isinstance(layer, Layer) for layer in layers):
            raise ValueError(
                f"The argument `layers` must be a list of layers. Received layers={layers!r}."
            )
        for leaf in (leaf for layer in layers for leaf in layer.leaves()):
            if leaf.activity_regularizer is not None:
                raise ValueError(
                    "The argument `layers` cannot contain a layer with an `activity_regularizer`: "
                    f"add it to the model, outside of Pipeline. Received {leaf!r}."
                )
        self._layers = list(layers)

    @property
    def layers(self) -> list[Layer]:
        """The layers."""
        return list(self._layers)

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        if is_symbolic(inputs):
            return super().__call__(inputs, training)
        with scope(scoped(self.name)):
            for layer in self._layers:
                inputs = layer(inputs, True if training is None else training)
        if not self.built:  # a dictionary or a single image has another shape than a batch
            self.build_once(self._layers[0].input_shape)
        return inputs

    def build(self, input_shape):
        self._variables = []
        with scope(scoped(self.name)):
            for layer in self._layers:
                input_shape = layer.build_once(input_shape)
                self._variables += layer.weights

    def compute_output_shape(self, input_shape):
        for layer in self._layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_random_state(self) -> list[Any]:
        """The states of the generators of the layers inside."""
        return [layer.get_random_state() for layer in self._seeded()]

    def set_random_state(self, state: list[Any]) -> None:
        """Restore the states that `get_random_state` returned."""
        for layer, own in zip(self._seeded(), state, strict=True):
            layer.set_random_state(own)

    def _seeded(self) -> list[Any]:
        return [layer for layer in self._layers if hasattr(layer, "get_random_state")]

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._layers:
            layer.trainable = value

    def release(self) -> None:
        super().release()
        for layer in self._layers:
            layer.release()

    def get_config(self):
        layers = [serialize(layer) for layer in self._layers]
        for layer in layers:
            layer.pop("build_config", None)
        return {"layers": layers, "name": self.name}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        layers: Any = config.get("layers")
        if isinstance(layers, (list, tuple)):
            layers = [deserialize(part) if isinstance(part, dict) else part for part in layers]
        return cls(layers, config.get("name"))
