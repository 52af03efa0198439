"""Symbolic tensors: what `Input` and layers called on symbolic tensors return.

A `KerasTensor` has a shape and no values. It refers to the `Node` that created it, one call of one
layer; nodes refer to the tensors they were called with. From a model's outputs one thus finds all
calls that lead to them. Layers know their nodes only weakly, so a graph that nobody uses any more
is freed at once. `SymbolicCalls` is the part of `Layer` that makes and lists them.
"""

from __future__ import annotations

import weakref
from operator import itemgetter
from typing import TYPE_CHECKING

from fastcnn.core.arguments import check_output_shape
from fastcnn.core.nested import flatten, replace
from fastcnn.core.registry import unique_name

if TYPE_CHECKING:
    from typing import Any, NoReturn

    from fastcnn.core.types import Shape


class History(tuple):  # a NamedTuple takes longer to import
    """Where a tensor comes from, with Keras's names: (layer, call, output)."""

    operation = property(itemgetter(0))
    node_index = property(itemgetter(1))
    tensor_index = property(itemgetter(2))


class KerasTensor:
    """A symbolic tensor: a shape and how it is computed, without values.

    Args:
        shape: with None for the batch.
        dtype: a name, "float32".
        name: a string; by default "keras_tensor" with a counter.

    Example:

    >>> import fastcnn as keras
    >>> x = keras.Input((4,))
    >>> keras.layers.Dense(2)(x).shape
    (None, 2)
    """

    __array_ufunc__ = None  # NumPy arrays leave operators to this class

    def __init__(self, shape: Shape, dtype: str = "float32", name: str | None = None) -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.name = name or unique_name("keras_tensor")
        self.node: Any = None  # the `Node` that computes it, and its position among the outputs
        self.index = 0

    @property
    def ndim(self) -> int:
        """Number of axes, including the batch."""
        return len(self.shape)

    rank = ndim

    @property
    def key(self) -> tuple[int, int]:
        """The same for two tensors exactly if they are the same output of one node."""
        return id(self.node), self.index

    @property
    def _keras_history(self) -> History:
        layer = self.node.layer
        return History((layer, layer.nodes.index(self.node), self.index))

    def __add__(self, other: Any) -> KerasTensor:
        return _operate("Add", self, other)

    def __radd__(self, other: Any) -> KerasTensor:
        return _operate("Add", other, self)

    def __sub__(self, other: Any) -> KerasTensor:
        return _operate("Subtract", self, other)

    def __rsub__(self, other: Any) -> KerasTensor:
        return _operate("Subtract", other, self)

    def __mul__(self, other: Any) -> KerasTensor:
        return _operate("Multiply", self, other)

    def __rmul__(self, other: Any) -> KerasTensor:
        return _operate("Multiply", other, self)

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ValueError(
            f"The symbolic tensor {self.name!r} has no values: it cannot be converted to an array. "
            "Create a model with it, `Model(inputs, outputs)`, and call that on arrays."
        )

    def __bool__(self) -> NoReturn:
        raise TypeError("A symbolic tensor has no values: it cannot be used as a boolean.")

    def __len__(self) -> NoReturn:
        raise TypeError("A symbolic tensor has no length. Use its `shape`.")

    def __iter__(self) -> NoReturn:
        raise TypeError("A symbolic tensor has no values: it cannot be iterated over.")

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


class Node:
    """One call of a layer.

    Args:
        layer: the layer or model.
        arguments: the nesting of tensors (and for operators numbers) that it was called with.
        tensors: the tensors in the order in which the layer reads them.
        output_shapes: the shapes of its outputs.
        training: the argument `training` of the call, or None.
        names: names of the outputs; by default new ones.
    """

    def __init__(self, layer, arguments, tensors, output_shapes, training=None, names=None):
        self.layer = layer
        self.arguments = arguments
        self.tensors = tensors
        self.training = training
        for shape in output_shapes:
            check_output_shape(shape, layer.name)
        names = names or [unique_name("keras_tensor") for _ in output_shapes]
        self._outputs = list(zip(output_shapes, names, strict=True))
        self._tensors = [None] * len(self._outputs)  # weak references to the tensors that exist
        layer.add_node(self)

    @property
    def is_input(self):
        """Whether it is the call of an `InputLayer`."""
        return not self.tensors

    @property
    def takes_list(self):
        """Whether the layer was called on a list."""
        return not isinstance(self.arguments, KerasTensor)

    @property
    def outputs(self):
        """The tensors that it returned."""
        return [self._output(index) for index in range(len(self._outputs))]

    def _output(self, index):
        reference = self._tensors[index]
        tensor = None if reference is None else reference()
        if tensor is None:
            shape, name = self._outputs[index]
            tensor = KerasTensor(shape, self.layer.dtype, name)
            tensor.node, tensor.index = self, index
            self._tensors[index] = weakref.ref(tensor)
        return tensor

    @property
    def output_shapes(self):
        """The shapes of `outputs`."""
        return [shape for shape, _ in self._outputs]


def is_symbolic(value: Any) -> bool:
    """Whether value is a symbolic tensor, or a list, tuple or dictionary that contains one."""
    if isinstance(value, KerasTensor):
        return True
    if not isinstance(value, (list, tuple, dict)):
        return False
    return any(is_symbolic(item) for item in (value.values() if type(value) is dict else value))


def tensors_of(value, layer):
    """The flat list of the symbolic tensors that a layer is called on.

    Raises:
        ValueError: something that is not a symbolic tensor is among them.
    """
    flat = flatten(value)
    for item in flat:
        if not isinstance(item, KerasTensor):
            raise ValueError(
                f"Layer {layer.name!r} is called on symbolic tensors and other values together. "
                f"Received an object of type {type(item)} among the inputs."
            )
    return flat


def shapes_of(value):
    """The nesting of the tensors' shapes."""
    return replace(value, lambda tensor: tensor.shape)


def as_shapes(shape):
    """A shape as a tuple; the shapes of several inputs as a list of tuples."""
    if isinstance(shape, dict):
        shape = [shape[key] for key in sorted(shape)]
    if shape and any(isinstance(size, (list, tuple)) for size in shape):
        return [tuple(one) for one in shape]
    return tuple(shape)


class NodeList:
    """The calls of a layer, which are freed when no tensor needs them any more."""

    def __init__(self):
        self._references = {}  # {number of the call: weak reference to it}
        self._count = 0

    def add(self, node):
        self._references = {n: ref for n, ref in self._references.items() if ref() is not None}
        self._references[self._count] = weakref.ref(node)
        self._count += 1

    def __iter__(self):
        return iter([node for ref in self._references.values() if (node := ref()) is not None])

    def __len__(self):
        return sum(1 for _ in self)

    def index(self, node):
        """How many calls came before, including those that are freed, as Keras counts them."""
        return next(number for number, ref in self._references.items() if ref() is node)


class SymbolicCalls:
    """Base of `Layer`: its calls on symbolic tensors, and what they say about it."""

    if TYPE_CHECKING:
        name: str
        input_shape: Any
        _nodes: NodeList

    def _call_symbolically(self, inputs, training):
        tensors = tensors_of(inputs, self)
        output_shape = self.build_once(shapes_of(inputs))
        return Node(self, inputs, tensors, [output_shape], training).outputs[0]

    def add_node(self, node):
        """Record a call on symbolic tensors."""
        self._nodes.add(node)

    @property
    def nodes(self) -> NodeList:
        """The calls of the layer on symbolic tensors."""
        return self._nodes

    _inbound_nodes = nodes  # Keras's name

    @property
    def input(self) -> Any:
        """The symbolic tensors that the layer was first called on."""
        return self._first_node().arguments

    @property
    def output(self) -> Any:
        """The symbolic tensor that the first call of the layer returned."""
        outputs = self._first_node().outputs
        return outputs[0] if len(outputs) == 1 else outputs

    @property
    def build_shape(self) -> Any:
        """The input shape of the first call on symbolic tensors, otherwise of the last build."""
        for node in self._nodes:
            return as_shapes(shapes_of(node.arguments))
        return self.input_shape

    def _first_node(self):
        for node in self._nodes:
            return node
        raise AttributeError(
            f"The layer {self.name!r} has never been called on a symbolic tensor and thus has no "
            "`input` and `output`."
        )


def _operate(name, a, b):
    from fastcnn.layers import operations

    return getattr(operations, name)().apply(a, b)
