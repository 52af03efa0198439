"""`Model(inputs, outputs)`: a model of a graph of layers.

>>> import fastcnn as keras
>>> inputs = keras.Input((32, 32, 3))
>>> x = keras.layers.Conv2D(16, 3, activation="relu")(inputs)
>>> outputs = keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x))
>>> keras.Model(inputs, outputs).output_shape
(None, 10)
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fastcnn.core.arguments import check_output_shape, warn
from fastcnn.core.nested import flatten, replace
from fastcnn.layers.base import Layer
from fastcnn.layers.core import Input, InputLayer
from fastcnn.layers.registry import register
from fastcnn.layers.symbolic import KerasTensor, Node, as_shapes, tensors_of
from fastcnn.models.layer_graph import LayerGraph, copy_from
from fastcnn.models.model import Model

if TYPE_CHECKING:
    from typing import Any, Self

    from fastcnn.core.types import Config, CustomObjects, Shape


@register
class Functional(Model):
    """A graph of layers from some inputs to some outputs; created by `Model(inputs, outputs)`.

    Args:
        inputs: a symbolic tensor, or a list, tuple or dictionary of them: results of `Input`, or
            other tensors, which then become the inputs.
        outputs: the same for the results.
        name: a string.
        trainable: whether `fit` changes the weights; None leaves the layers as they are.

    Raises:
        ValueError: an output that does not depend on the inputs alone, two layers of one name, or
            something that is not a symbolic tensor.
    """

    _is_complete = True
    keras_module = "keras.src.models.functional"
    config_keys = ("layers", "input_layers", "output_layers")

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        trainable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        for kind, nested in (("inputs", inputs), ("outputs", outputs)):
            for tensor in flatten(nested):
                if not isinstance(tensor, KerasTensor):
                    raise ValueError(
                        f"All `{kind}` of a model must be symbolic tensors. Received "
                        f"{tensor!r} of type {type(tensor)}."
                    )
        if isinstance(inputs, dict):
            for key, tensor in inputs.items():
                if isinstance(tensor, KerasTensor) and key != tensor.name:
                    warn(
                        "The keys of the dictionary `inputs` should be the names of its tensors. "
                        f"Received the key {key!r} for the tensor {tensor.name!r}: pass "
                        f"`Input(..., name={key!r})`."
                    )
        if not flatten(outputs):
            raise ValueError("A model needs at least one output. Received no `outputs`.")
        inputs, outputs = _from_inputs(inputs, outputs)
        self.layer_graph = LayerGraph(flatten(inputs), flatten(outputs))
        self._input_nesting, self._output_nesting = inputs, outputs
        super().__init__(name=name, **kwargs)
        names = Counter(layer.name for layer in self.layer_graph.layers)
        for layer_name, count in names.items():
            if count > 1:
                raise ValueError(
                    f"The name {layer_name!r} is used {count} times in the model {self.name!r}. "
                    "All layers must have unique names."
                )
        self.built = True
        if trainable is not None and not trainable:
            self.trainable = False

    # -------------------------------------------------------------------------- inputs and outputs

    @property
    def input(self) -> Any:
        """The symbolic inputs, as they were given."""
        return self._input_nesting

    @property
    def output(self) -> Any:
        """The symbolic outputs, as they were given."""
        return self._output_nesting

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs as a list."""
        return list(self.layer_graph.inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs as a list."""
        return list(self.layer_graph.outputs)

    @property
    def input_names(self) -> list[str]:
        """The name of each input's `Input`."""
        return [tensor.name for tensor in self.layer_graph.inputs]

    @property
    def output_names(self) -> list[str]:
        """The name of the layer behind each output."""
        return [tensor.node.layer.name for tensor in self.layer_graph.outputs]

    @property
    def input_structure(self) -> Any:
        return _numbered(self._input_nesting)

    @property
    def output_structure(self) -> Any:
        return _numbered(self._output_nesting)

    @property
    def input_shapes(self) -> list[tuple[int | None, ...]]:
        return [tensor.shape for tensor in self.layer_graph.inputs]

    @property
    def output_shapes(self) -> list[tuple[int | None, ...]]:
        return [tensor.shape for tensor in self.layer_graph.outputs]

    @property
    def input_shape(self) -> Any:
        """The shapes, nested like the inputs; for one input, its shape."""
        return _unpacked(replace(self._input_nesting, lambda tensor: tensor.shape))

    @property
    def output_shape(self) -> Any:
        """The shapes, nested like the outputs; for one output, its shape."""
        return _unpacked(replace(self._output_nesting, lambda tensor: tensor.shape))

    # ------------------------------------------------------------------------------------- layers

    @property
    def layers(self) -> list[Layer]:
        """All layers, including the `InputLayer`s, from inputs to outputs in Keras's order."""
        return [layer for layer in self.layer_graph.layers if not layer.is_operation]

    @property
    def operations(self) -> list[Layer]:
        """`layers`, and the operations that `+`, `-` and `*` of symbolic tensors created."""
        return list(self.layer_graph.layers)

    def leaves(self) -> list[Layer]:
        leaves = [
            leaf
            for layer in self.layer_graph.layers
            if not isinstance(layer, InputLayer)
            for leaf in layer.leaves()
        ]
        return list(dict.fromkeys(leaves))

    def nodes_of(self, layer: Layer) -> list[Node]:
        """The calls of a layer that belong to this model, in the order in which they were made."""
        return self.layer_graph.nodes_of(layer)

    # ---------------------------------------------------------------------------------- building

    @property
    def build_shape(self) -> None:
        """None: the shapes of a graph are those of its inputs."""

    def build(self, input_shape: Shape | None = None) -> None:
        """Does nothing: a graph is built when its layers are called."""

    def build_once(self, input_shape):
        return self.compute_output_shape(input_shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shapes of the outputs for the shapes of the inputs, nested like the outputs."""
        shapes = as_shapes(input_shape)
        shapes = shapes if isinstance(shapes, list) else [shapes]
        if len(shapes) != len(self.layer_graph.inputs):
            raise ValueError(
                f"The model {self.name!r} takes {len(self.layer_graph.inputs)} inputs. Received "
                f"{len(shapes)} shapes: {shapes}."
            )
        results = iter(self.layer_graph.run(shapes, lambda node, args: _shapes_after(node, args)))
        return _unpacked(replace(self._output_nesting, lambda tensor: next(results)))

    def trace(self, graph, inputs, training=None):
        """See `Layer.trace`."""

        def call(node, arguments):
            mode = node.training if node.training is not None else training
            outputs = node.layer.trace(graph, arguments, mode)
            graph.calls.append((node.layer, outputs))
            return outputs

        return self.layer_graph.run(inputs if isinstance(inputs, tuple) else (inputs,), call)

    def _call_symbolically(self, inputs, training):
        is_dict = isinstance(inputs, dict)
        flat = self._takes.flatten(inputs, "inputs", extra=True) if is_dict else inputs
        tensors = tensors_of(flat, self)
        if len(tensors) != len(self.layer_graph.inputs):
            raise ValueError(
                f"The model {self.name!r} takes {len(self.layer_graph.inputs)} input(s): "
                f"{self.input_names}. Received {len(tensors)} tensor(s)."
            )
        for tensor, own in zip(tensors, self.layer_graph.inputs, strict=True):
            if not _fits(tensor.shape, own.shape):
                raise ValueError(
                    f"The model {self.name!r} takes an input {own.name!r} of shape {own.shape}. "
                    f"Received a symbolic tensor of shape {tensor.shape}."
                )
        shapes = self.compute_output_shape([tensor.shape for tensor in tensors])
        nesting = _unpacked(self._output_nesting)
        flat_shapes = (
            [shapes] if isinstance(nesting, KerasTensor) else _flat_shapes(shapes, nesting)
        )
        outputs = iter(Node(self, inputs, tensors, flat_shapes, training).outputs)
        return replace(nesting, lambda tensor: next(outputs))

    # ------------------------------------------------------------------------------------- config

    def get_config(self) -> Config:
        from fastcnn.models.graph_config import config_of

        return {"name": self.name, "trainable": self.trainable, **config_of(self)}

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        """A model with new weights from the result of `get_config`, of this package or Keras."""
        from fastcnn.models.graph_config import tensors_from

        inputs, outputs = tensors_from(config, custom_objects)
        return cls(inputs, outputs, name=config.get("name"), trainable=config.get("trainable"))

    def __repr__(self):
        return f"<Functional name={self.name}, built={self.built}>"


def _from_inputs(inputs, outputs):
    """Inputs and outputs such that all inputs are results of `Input`.

    Other tensors are replaced by new inputs, and the calls between them and the outputs repeated.
    """
    if all(tensor.node.is_input for tensor in flatten(inputs)):
        return inputs, outputs
    new = {
        tensor.key: Input(batch_shape=tensor.shape, name=f"{tensor.name}CLONE")
        for tensor in flatten(inputs)
        if not tensor.node.is_input
    }
    graph = LayerGraph(flatten(inputs), flatten(outputs))
    replaced = iter(copy_from(graph, new))
    inputs = replace(inputs, lambda tensor: new.get(tensor.key, tensor))
    return inputs, replace(outputs, lambda tensor: next(replaced))


def _shapes_after(node, arguments):
    shape = node.layer.compute_output_shape(
        list(arguments) if isinstance(arguments, tuple) else arguments
    )
    is_one = len(node.output_shapes) == 1
    shapes = [tuple(shape)] if is_one else _flat_shapes(shape, node.layer.output)
    for one in shapes:
        check_output_shape(one, node.layer.name)
    return shapes


def _flat_shapes(shapes, nesting):
    """The flat list of shapes that are nested like the tensors of `nesting`."""
    if isinstance(nesting, KerasTensor):
        return [tuple(shapes)]
    keys = sorted(nesting) if isinstance(nesting, dict) else range(len(nesting))
    return [shape for key in keys for shape in _flat_shapes(shapes[key], nesting[key])]


def _unpacked(nested):
    """The only entry of a list of one, as in Keras."""
    is_one = isinstance(nested, list) and len(nested) == 1
    return nested[0] if is_one else nested


def _numbered(nested):
    """The nesting with the position in the flat list as leaves."""
    count = iter(range(len(flatten(nested))))
    return replace(nested, lambda leaf: next(count))


def _fits(shape, wanted):
    """Whether a shape is one that the model was made for."""
    return len(shape) == len(wanted) and all(
        b is None or a is None or a == b for a, b in zip(shape[1:], wanted[1:], strict=True)
    )
