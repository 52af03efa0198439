"""Operations on symbolic tensors: `+`, `-` and `*` of two tensors, or of a tensor and a number.

Configs and files name them as Keras does (`keras.src.ops.numpy`). They are not among the `layers`
of a model, but its summary lists them.
"""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.registry import Registry
from fastcnn.core.steps import MAX_CALLS
from fastcnn.layers import merging, merging_steps
from fastcnn.layers.symbolic import KerasTensor, Node

if TYPE_CHECKING:
    from typing import Any

registry = Registry("operation", "keras.src.ops.numpy")


class WithNumber:
    """Mixin for the step of an operation: a number is the second operand in an array of its own."""

    def __init__(self, layer, **shapes):
        super().__init__(layer, **shapes)
        self._arrays = {}

    @property
    def owns_output(self):
        return True

    def expect_gradient(self, read, consume):
        super().expect_gradient(self.layer.operands(read, False), consume)

    def forward(self, xs, training=False):
        array = None
        if self.layer.number is not None:
            array = self._array_of(xs[0].shape)
        return super().forward(self.layer.operands(xs, array), training)

    def backward(self, dy):
        return self.layer.tensors(super().backward(dy))

    def _array_of(self, shape):
        array = self._arrays.get(shape)
        if array is None:
            if len(self._arrays) >= MAX_CALLS:
                self._arrays.clear()
            array = self._arrays[shape] = np.full(shape, self.layer.number, self.dtype)
        return array


class Operation:
    """Mixin for the layer of an operation."""

    is_operation = True
    keras_module = registry.module
    number: Any = None  # the operand that is a number
    _number_first = False

    def apply(self, a, b):
        """The symbolic result for two operands, at least one of them a symbolic tensor."""
        tensors = [operand for operand in (a, b) if isinstance(operand, KerasTensor)]
        for operand in (a, b):
            if isinstance(operand, KerasTensor):
                continue
            if not isinstance(operand, (Real, np.number)) or not tensors or len(tensors) > 1:
                raise TypeError(
                    f"Operators of symbolic tensors take symbolic tensors and numbers. Received "
                    f"an operand of type {type(operand)}: use a layer for other values."
                )
            self.number, self._number_first = float(operand), operand is a
        if len({tensor.ndim for tensor in tensors}) > 1:
            raise ValueError(
                "Operators of symbolic tensors take tensors with the same number of axes. Received "
                f"shapes {[tensor.shape for tensor in tensors]}."
            )
        output_shape = self.build_once([tensor.shape for tensor in tensors])
        return Node(self, (a, b), tensors, [output_shape]).outputs[0]

    def shapes_of(self, input_shape):
        """The shapes of both operands; a number has that of the other one."""
        shapes = list(input_shape)
        return super().shapes_of(shapes * 2 if len(shapes) == 1 else shapes)

    def operands(self, tensors, number):
        """Both operands: the tensors, or the tensor and the number in their order."""
        if self.number is None:
            return tensors
        return (number, *tensors) if self._number_first else (*tensors, number)

    def tensors(self, operands):
        """Those of both operands that are not numbers."""
        if self.number is None:
            return operands
        return (operands[1 if self._number_first else 0],)

    def get_config(self):
        return {"name": self.name}


class AddStep(WithNumber, merging_steps.AddStep):
    """a + b"""


class SubtractStep(WithNumber, merging_steps.SubtractStep):
    """a - b"""


class MultiplyStep(WithNumber, merging_steps.MultiplyStep):
    """a * b"""


@registry.register("Add")
class Add(Operation, merging.Add):
    """a + b"""

    step_class: Any = AddStep


@registry.register("Subtract")
class Subtract(Operation, merging.Subtract):
    """a - b"""

    step_class: Any = SubtractStep


@registry.register("Multiply")
class Multiply(Operation, merging.Multiply):
    """a * b"""

    step_class: Any = MultiplyStep
