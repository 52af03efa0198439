"""Export to ONNX: a model's inference as a graph for other runtimes.

The graph has the model's inputs and outputs: images are (n, height, width, channels), sequences
(n, steps, channels). ONNX's convolutions and pooling operators expect channels first, so a
Transpose is inserted wherever the layout changes: typically one after the input, one before the
Flatten, none in between.
`onnx_layers` defines the nodes of each layer, `onnx_graph` walks through the model. A graph has the
inputs `input_NAME`, with the name of each `Input`, and the outputs `output_0`, `output_1`, ...
"""

from hashlib import sha256

import numpy as np

from fastcnn.saving.atomic import atomic_write

OPSET = 17  # released in 2022
# permutations of the axes, by their number
TO_CHANNELS_FIRST = {3: (0, 2, 1), 4: (0, 3, 1, 2)}
TO_CHANNELS_LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1)}


class Graph:
    """The nodes added so far, and the current tensor: the input of the next layer.

    Attributes:
        tensor: the name of the current tensor.
        channels_first: the number of its axes if it is an image or sequence in ONNX's layout
            instead of ours, otherwise 0.
    """

    def __init__(self, helper, numpy_helper, opset):
        self._helper = helper
        self._numpy_helper = numpy_helper
        self._counts = {}
        self._constants = {}  # their names
        self.opset = opset
        self.nodes = []
        self.initializers = []
        self.tensor = "input"
        self.channels_first = 0
        self.prefix = ""

    def name(self, kind):
        """A unique name."""
        name = f"{self.prefix}/{kind}" if self.prefix else kind
        count = self._counts.get(name, 0)
        self._counts[name] = count + 1
        return f"{name}_{count}" if count else name

    def op(self, kind, *inputs, **attributes):
        """Add a node whose inputs are names, arrays or numbers; return the name of its output."""
        names = [
            item if isinstance(item, str) else "" if item is None else self.constant(item)
            for item in inputs
        ]
        output = self.name(kind)
        self.nodes.append(self._helper.make_node(kind, names, [output], output, **attributes))
        return output

    def constant(self, value):
        """Add an array (floats become float32) and return its name; equal arrays are added once."""
        value = np.asarray(value)
        value = value.astype(np.float32) if value.dtype.kind == "f" else value
        data = value.tobytes()
        key = value.dtype, value.shape, sha256(data).digest()
        name = self._constants.get(key)
        if name is None:
            name = self._constants[key] = self.name("constant")
            array = np.frombuffer(data, value.dtype).reshape(value.shape)
            self.initializers.append(self._numpy_helper.from_array(array, name))
        return name

    def then(self, kind, *inputs, **attributes):
        """Add a node that takes the current tensor; its output becomes the current tensor."""
        self.tensor = self.op(kind, self.tensor, *inputs, **attributes)

    def to_channels_first(self, rank=4):
        """Transpose images, or sequences with rank=3, to ONNX's layout."""
        if not self.channels_first:
            self.then("Transpose", perm=TO_CHANNELS_FIRST[rank])
            self.channels_first = rank

    def to_channels_last(self):
        """Transpose images or sequences back to our layout; other tensors are unchanged."""
        if self.channels_first:
            self.then("Transpose", perm=TO_CHANNELS_LAST[self.channels_first])
            self.channels_first = 0


def export_model(path, model, opset_version=None):
    """Write a built model to an ONNX file, atomically.

    Raises:
        ImportError: the package `onnx` is not installed.
        ValueError: a layer or an activation cannot be exported to ONNX.
    """
    proto = to_onnx(model, opset_version)
    with atomic_write(path) as file:
        file.write(proto.SerializeToString())


def to_onnx(model, opset_version=None):
    """A built model as an `onnx.ModelProto`, checked by onnx.checker."""
    try:
        import onnx
        from onnx import TensorProto, checker, helper, numpy_helper
    except ImportError:
        raise ImportError(
            "Exporting needs the package `onnx`: pip install 'fastcnn[onnx]'."
        ) from None
    from fastcnn.saving.onnx_graph import add_model

    opset = OPSET if opset_version is None else opset_version
    if not isinstance(opset, int) or not OPSET <= opset <= onnx.defs.onnx_opset_version():
        raise ValueError(
            f"The argument `opset_version` must be an integer from {OPSET} to "
            f"{onnx.defs.onnx_opset_version()}. Received opset_version={opset_version!r}."
        )
    graph = Graph(helper, numpy_helper, opset)
    is_graph = hasattr(model, "layer_graph")
    inputs = [f"input_{name}" for name in model.input_names] if is_graph else ["input"]
    values = add_model(graph, model, [(name, 0) for name in inputs])
    graph.prefix = ""
    outputs = ["output"]
    if is_graph:
        outputs = [f"output_{index}" for index in range(len(values))]
    for (graph.tensor, graph.channels_first), name in zip(values, outputs, strict=True):
        graph.to_channels_last()
        if is_graph or not graph.nodes or graph.nodes[-1].output[0] != graph.tensor:
            graph.then("Identity")
        graph.nodes[-1].output[0] = name
    versions = [helper.make_opsetid("", opset)]
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            model.name,
            [
                _tensor(helper, TensorProto, name, shape)
                for name, shape in zip(inputs, model.input_shapes, strict=True)
            ],
            [
                _tensor(helper, TensorProto, name, shape)
                for name, shape in zip(outputs, model.output_shapes, strict=True)
            ],
            graph.initializers,
        ),
        producer_name="fastcnn",
        opset_imports=versions,
        ir_version=helper.find_min_ir_version_for(versions),  # so that older runtimes accept it
    )
    checker.check_model(proto, full_check=True)
    return proto


def _tensor(helper, types, name, shape):
    sizes = ["n" if axis == 0 else size for axis, size in enumerate(shape)]
    sizes = [f"{name}_{axis}" if size is None else size for axis, size in enumerate(sizes)]
    return helper.make_tensor_value_info(name, types.FLOAT, sizes)
