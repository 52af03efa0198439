"""Models: `Sequential`, a stack of layers that is trained and run as one.

>>> import numpy as np
>>> import fastcnn as keras
>>> model = keras.Sequential([
...     keras.Input((28, 28, 1)),
...     keras.layers.Conv2D(8, 3, activation="relu"),
...     keras.layers.MaxPooling2D(),
...     keras.layers.Flatten(),
...     keras.layers.Dense(10, activation="softmax"),
... ])
>>> model(np.zeros((1, 28, 28, 1))).shape
(1, 10)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.arguments import check_shape
from fastcnn.core.registry import scope, scoped, unique_name
from fastcnn.layers.base import Layer
from fastcnn.layers.core import InputLayer
from fastcnn.layers.registry import register
from fastcnn.layers.symbolic import KerasTensor
from fastcnn.models.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Self

    from numpy.typing import NDArray

    from fastcnn.core.types import Config, CustomObjects, Shape


@register
class Sequential(Model):
    """A stack of layers.

    Args:
        layers: list of layers; the first may be `Input(shape)`, have `input_shape=`, or be a built
            model. Without any of these, the first data build the model.
        trainable: whether `fit` changes the weights.
        name: a string.
    """

    _is_complete = True
    keras_module = "keras"  # where Keras has the class; its layers are in "keras.layers"
    config_keys = ("build_input_shape", "dtype")

    def __init__(
        self,
        layers: Iterable[Layer | KerasTensor] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        if isinstance(layers, Layer) or isinstance(trainable, Layer):
            raise ValueError(
                "Sequential takes one list of layers: Sequential([layer, layer, ...]). "
                f"Received {layers!r} instead of a list."
            )
        self._layers: list[Layer] = []
        self._takes_other_sizes = False  # whether the first data determined the shape
        self._tensor: Any = None  # the symbolic output, which keeps the calls of all layers
        self._path = ""  # of the weights that it builds: its name after the model that built it
        super().__init__(trainable=trainable, name=name)
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._take_name()

    # ------------------------------------------------------------------------------------ layers

    def add(self, layer: Layer | KerasTensor, rebuild: bool = True) -> None:
        """Append a layer, and build it if the input shape is known.

        Raises:
            ValueError: not a layer, a model that contains this one, a duplicate name, or a layer
                that cannot take the shape.
        """
        if isinstance(layer, KerasTensor) and layer.node.is_input:
            layer = layer.node.layer
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Only layers can be added to a Sequential model. Received {layer!r} "
                f"(of type {type(layer)})."
            )
        if _holds(layer, self):
            raise ValueError(
                f"The model {self.name!r} cannot be one of its own layers. Received {layer!r}."
            )
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                f"All layers of a Sequential model must have unique names. The name {layer.name!r} "
                "is taken: pass another `name`."
            )
        if isinstance(layer, InputLayer) and self._layers:
            raise ValueError(
                f"The model {self.name!r} already has a first layer: `Input` must come first."
            )
        before = list(self._layers)
        if not self._layers:
            shape = _batch_shape_of(layer)
            if shape is not None:
                self._layers.append(InputLayer(batch_shape=shape))
        self._layers.append(layer)
        try:
            self._connect(self._layers[len(before) :])
        except Exception:
            self._layers = before
            raise
        self._changed()
        if rebuild:
            self._take_name()

    def _take_name(self):
        """Use up a name: each time Keras builds a Sequential, it creates a Functional."""
        if self.built:
            unique_name("functional")

    def _connect(self, layers):
        """Call the last layers on the symbolic output, if the input shape is known."""
        if isinstance(self._layers[0], InputLayer):
            tensor = self._tensor
            self._path = self._path or scoped(self.name)
            with scope(self._path):
                for layer in layers:
                    tensor = layer.output if isinstance(layer, InputLayer) else layer(tensor)
                    if not isinstance(tensor, KerasTensor):
                        raise ValueError(
                            "All layers of a Sequential model must return one tensor. The model "
                            f"{layer.name!r} returns a {type(tensor).__name__}: use "
                            "`Model(inputs, outputs)`."
                        )
            self._tensor = tensor

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it."""
        if not self.layers:
            raise ValueError(f"The model {self.name!r} has no layers to pop.")
        layer = self._layers.pop()
        if self._tensor is not None:
            self._tensor = self._tensor.node.tensors[0]
        self._changed()
        if rebuild:
            self._take_name()
        return layer

    def _changed(self):
        super()._changed()
        self.built = len(self._layers) > 1 and isinstance(self._layers[0], InputLayer)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without an `Input`."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    # ---------------------------------------------------------------------------------- building

    def build(self, input_shape: Shape | None = None) -> None:
        """Create all weights for inputs of shape (None, ...)."""
        if not self.layers:
            raise ValueError(f"The model {self.name!r} has no layers: add some before building.")
        if isinstance(self._layers[0], InputLayer):
            shape = self._layers[0].batch_shape
            if input_shape is not None and tuple(input_shape)[1:] != shape[1:]:
                raise ValueError(
                    f"The model {self.name!r} takes inputs of shape {shape}. "
                    f"Received input_shape={tuple(input_shape)}."
                )
            return
        if input_shape is None:
            raise ValueError(f"The model {self.name!r} has no `Input`: pass an `input_shape`.")
        first = InputLayer(batch_shape=check_shape(input_shape, "input_shape"))
        self._layers.insert(0, first)
        try:
            self._connect(self._layers)
        except Exception:
            del self._layers[0]
            raise
        self._takes_other_sizes = True
        self._changed()
        self._take_name()

    def build_for(self, x: NDArray) -> None:
        super().build_for(x)
        if self._takes_other_sizes and x.ndim == len(self.input_shape):
            self._take_size_of(x)

    def _take_size_of(self, x):
        """Make the input shape unknown where x has another size, if the layers support that."""
        pairs = zip(self.input_shape[1:], x.shape[1:], strict=True)
        shape = (None, *(size if size in (None, new) else None for size, new in pairs))
        if shape[1:] == self.input_shape[1:]:
            return
        try:
            self.compute_output_shape((None, *x.shape[1:]))
            self.compute_output_shape(shape)
        except ValueError:
            return  # the caller raises the error about the shape of x
        if self._run is not None:
            raise ValueError(
                f"The model {self.name!r} is being trained on inputs of shape {self.input_shape} "
                f"and received an array of shape {x.shape}: for images of several sizes, start "
                f"it with Input(shape={shape[1:]})."
            )
        self._layers[0] = InputLayer(batch_shape=shape, name=self._layers[0].name)
        self._connect(self._layers)
        self._plan = None

    def build_once(self, input_shape: Shape) -> tuple[int | None, ...]:
        self.build(input_shape)
        return self.output_shape

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return tuple(input_shape)

    @property
    def input(self) -> KerasTensor:
        """The symbolic input."""
        return self.inputs[0]

    @property
    def output(self) -> KerasTensor:
        """The symbolic output."""
        return self.outputs[0]

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic input, in a list."""
        self._require_tensor("inputs")
        return [self._layers[0].output]

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic output, in a list."""
        self._require_tensor("outputs")
        return [self._tensor]

    def _require_tensor(self, name):
        if self._tensor is None:
            raise AttributeError(
                f"The model {self.name!r} has no `{name}` yet: it is not built. Give it an "
                "`Input`, or call it on data."
            )

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """(None, ...), once the model is built."""
        if not (self._layers and isinstance(self._layers[0], InputLayer)):
            raise AttributeError(
                f"The model {self.name!r} has no input shape yet: it is not built."
            )
        return self._layers[0].batch_shape

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """(None, ...), once the model is built."""
        if not self.built:
            raise AttributeError(
                f"The model {self.name!r} has no output shape yet: it is not built."
            )
        return self._tensor.shape

    @property
    def input_names(self) -> list[str]:
        """The name of the input, in a list."""
        layers = self._layers
        return [layers[0].name if layers and isinstance(layers[0], InputLayer) else "input"]

    @property
    def output_names(self) -> list[str]:
        """The name of the output, in a list."""
        return [self._layers[-1].name if self._layers else "output"]

    def trace(self, graph, inputs, training=None):
        """See `Layer.trace`."""
        value = inputs[0] if isinstance(inputs, tuple) else inputs
        for layer in self.layers:
            outputs = layer.trace(graph, value, training)
            graph.calls.append((layer, outputs))
            (value,) = outputs
        return [value]

    # ------------------------------------------------------------------------------------- config

    def get_config(self) -> Config:
        from fastcnn.saving.serialization import serialize_object

        layers = [serialize_object(layer) for layer in self._layers]
        config = {**super().get_config(), "layers": layers}
        if self.built:
            config["build_input_shape"] = self.input_shape
        return config

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        """A model with new weights from the result of `get_config`, of this package or Keras."""
        from fastcnn.models.graph_config import check_calls
        from fastcnn.saving.serialization import Deserializer

        if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
            raise ValueError(
                f"A Sequential config must contain a list `layers`. Received {config!r}."
            )
        reader = Deserializer.for_model("the Sequential config", custom_objects)
        layers = reader.make(config["layers"])
        check_calls([(layer, 1) for layer in layers])
        model = cls(layers, config.get("trainable", True), config.get("name"))
        shape = config.get("build_input_shape")
        if shape is not None and not model.built and model.layers:
            model.build(shape)
        return model

    def __repr__(self):
        return f"<Sequential name={self.name}, built={self.built}>"


def _holds(layer, model):
    """Whether the layer is the model or contains it."""
    return layer is model or any(_holds(inner, model) for inner in getattr(layer, "layers", ()))


def _batch_shape_of(layer):
    """The input shape that the first layer determines, with the batch, or None."""
    if isinstance(layer, InputLayer):
        return None
    if layer.batch_shape_argument is not None:
        return layer.batch_shape_argument
    if isinstance(layer, Model) and layer.built and len(layer.input_shapes) == 1:
        return (None, *layer.input_shapes[0][1:])
    return None
