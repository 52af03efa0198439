"""The graph of a model: uses of layers over numbered values, in the order in which they run.

A value is an array between two uses. The first values are the model's inputs. Nested models are
flattened: `Layer.trace` adds a use for a layer, and one for each layer of a model.
"""

from __future__ import annotations

from collections import Counter


class Use:
    """A layer at one position of a model.

    Args:
        layer: the layer.
        inputs: the number of the value it reads, or a tuple of numbers if it takes a list.
        output: the number of the value it writes.
        input_shape: a shape, or a list of shapes.
        output_shape: a shape.
        training: None, or the `training` argument that the layer was called with.
    """

    def __init__(self, layer, inputs, output, input_shape, output_shape, training=None):
        self.layer = layer
        self.inputs = inputs
        self.output = output
        self.input_shape = input_shape
        self.output_shape = output_shape
        self.training = training

    @property
    def reads(self):
        """The numbers of all values it reads."""
        return self.inputs if isinstance(self.inputs, tuple) else (self.inputs,)

    def declares(self, name):
        """The layer's attribute `name`, or None if the layer overrides `forward`."""
        return None if self.layer.is_opaque else getattr(self.layer, name)

    @property
    def is_penalized(self):
        """Whether a penalty needs the output of this layer."""
        return self.layer.activity_regularizer is not None

    def make_step(self, **settings):
        """The `Step` of this use alone."""
        shapes = {"input_shape": self.input_shape, "output_shape": self.output_shape}
        return self.layer.make_step(**shapes, **settings)


class Graph:
    """A model's uses and values.

    Args:
        input_shapes: the shapes of the model's inputs, with None for the batch.

    Attributes:
        shapes: the shape of each value.
        uses: the uses, each after those whose outputs it reads.
        inputs, outputs: the numbers of the model's inputs and outputs.
        calls: (layer or nested model, the list of the values that it returns) of each call.
    """

    def __init__(self, input_shapes):
        self.shapes = [tuple(shape) for shape in input_shapes]
        self.inputs = list(range(len(self.shapes)))
        self.outputs = []
        self.uses = []
        self.calls = []

    def add(self, layer, inputs, training=None):
        """Add a use of a layer, which is built if necessary; return the number of its output."""
        if isinstance(inputs, tuple):
            input_shape = [self.shapes[value] for value in inputs]
        else:
            input_shape = self.shapes[inputs]
        # another model may have built a shared layer for other shapes
        output_shape = layer.build_once(input_shape)
        output = self.add_value(output_shape)
        self.uses.append(Use(layer, inputs, output, input_shape, output_shape, training))
        return output

    def add_value(self, shape):
        """Add a value that no use writes yet; return its number."""
        self.shapes.append(shape)
        return len(self.shapes) - 1

    @property
    def layers(self):
        """The layers of all uses, each once."""
        return list(dict.fromkeys(use.layer for use in self.uses))

    def sole_readers(self):
        """{value: the only use that reads it}, for values that are not outputs of the model."""
        readers = self._readers()
        return {value: use for use in self.uses for value in use.reads if readers[value] == 1}

    def sole_outputs(self):
        """The values that are an output of the model once, and that no use reads."""
        readers = self._readers()
        return {value for value in self.outputs if readers[value] == 1}

    def _readers(self):
        """How many uses and outputs read each value."""
        readers = Counter(value for use in self.uses for value in use.reads)
        readers.update(self.outputs)
        return readers
