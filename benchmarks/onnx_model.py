"""The networks of the benchmarks as ONNX graphs, built node by node from their weights.

An exported Keras model would start with a transposition from (n, h, w, c) to ONNX's (n, c, h, w).
These graphs take (n, c, h, w), and their batch size is fixed, which is what ONNX Runtime and
OpenVINO are fastest with. Requires the package `onnx`.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.support.shapes import pads_and_output, window_of

# The axes of a kernel, from Keras's layout to ONNX's and PyTorch's.
LAYOUTS = {
    "Conv2D": (3, 2, 0, 1),
    "Conv2DTranspose": (3, 2, 0, 1),
    "DepthwiseConv2D": (2, 3, 0, 1),
}
OPERATORS = {
    "Add": "Add",
    "AveragePooling2D": "AveragePool",
    "Conv2D": "Conv",
    "Conv2DTranspose": "ConvTranspose",
    "Dense": "Gemm",
    "DepthwiseConv2D": "Conv",
    "Dropout": "Identity",
    "Flatten": "Flatten",
    "MaxPooling2D": "MaxPool",
    "Multiply": "Mul",
    "Subtract": "Sub",
}


def channels_first_dense(kernel, image):
    """Reorder the rows of a Dense kernel after a Flatten from (h, w, c) to (c, h, w)."""
    rows = np.arange(len(kernel)).reshape(image).transpose(2, 0, 1).ravel()
    return kernel[rows]


def channels_first_images(images):
    """An array (n, h, w, c), or each of a list, as (n, c, h, w); always a list."""
    images = images if isinstance(images, list) else [images]
    return [np.ascontiguousarray(array.transpose(0, 3, 1, 2)) for array in images]


def channels_last_scores(scores):
    """Scores (n, classes), or (n, classes, h, w) as (n, h, w, classes)."""
    return np.moveaxis(np.asarray(scores), 1, -1)


class _Graph:
    """The nodes and initializers of a graph; an array that is used twice is kept once."""

    def __init__(self):
        self.nodes, self.initializers, self._constants = [], [], {}

    def constant(self, array):
        if id(array) not in self._constants:
            name = f"weight_{len(self.initializers)}"
            self.initializers.append(numpy_helper.from_array(np.array(array, order="C"), name))
            self._constants[id(array)] = name, array  # an id is only unique while the array lives
        return self._constants[id(array)][0]

    def add(self, operator, inputs, *arrays, **attributes):
        """Add a node that reads values by name and arrays; returns the name of its output."""
        inputs = [*inputs, *(self.constant(array) for array in arrays)]
        output = f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def activate(self, activation, value):
        if activation is None:
            return value
        if activation == "softmax":
            return self.add("Softmax", [value], axis=1)
        return self.add({"relu": "Relu", "tanh": "Tanh"}[activation], [value])


def channels_first_weights(net):
    """{layer's name: weights} in the layouts of ONNX and PyTorch, which agree."""
    weights, nodes = net.named_weights(), net.nodes()
    for node in {node.name: node for node in nodes}.values():  # once, if used twice
        arrays = weights.get(node.name, ())
        if node.kind == "Dense":
            before = nodes[node.inputs[0]]
            if before.kind == "Flatten" and len(nodes[before.inputs[0]].shape) == 3:
                arrays[0] = channels_first_dense(arrays[0], nodes[before.inputs[0]].shape)
            arrays[0] = arrays[0].T
        elif node.kind in LAYOUTS and arrays[0].ndim == 4:
            arrays[0] = arrays[0].transpose(LAYOUTS[node.kind])
    return weights


def onnx_model(net, n):
    """`net` with its weights for batches of `n`, as a checked ONNX ModelProto."""
    graph, weights, nodes, values = _Graph(), channels_first_weights(net), net.nodes(), []
    inputs = []
    for node in nodes:
        sources, arrays = [values[i] for i in node.inputs], weights.get(node.name, [])
        if node.kind == "Input":
            name = f"images_{len(inputs)}"
            inputs.append(helper.make_tensor_value_info(name, 1, _batch_shape(node, n)))
            values.append(name)
            continue
        value = _add(graph, node, sources, arrays, nodes)
        values.append(graph.activate(node.config.get("activation"), value))
    output = helper.make_tensor_value_info(values[-1], 1, _batch_shape(nodes[-1], n))
    body = helper.make_graph(graph.nodes, net.name, inputs, [output], graph.initializers)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def _batch_shape(node, n):
    """The shape of a node's output in (n, c, h, w)."""
    return (n, *node.shape[-1:], *node.shape[:-1])


def _add(graph, node, sources, arrays, nodes):
    """Add the ONNX nodes of one layer, without its activation."""
    kind, config = node.kind, node.config
    if kind == "Activation":
        return sources[0]
    if kind == "ReLU":
        return graph.add("Clip", sources, np.float32(0), np.float32(config["max_value"]))
    if kind == "GlobalAveragePooling2D":
        return graph.add("Flatten", [graph.add("GlobalAveragePool", sources)])
    if kind == "BatchNormalization":
        return graph.add("BatchNormalization", sources, *arrays, epsilon=1e-3)
    if kind == "Concatenate":
        return graph.add("Concat", sources, axis=1)
    attributes = {"transB": 1} if kind == "Dense" else {}
    if "Conv" in kind or "Pooling" in kind:
        size, strides, padding = window_of(kind, config)
        attributes = {"kernel_shape": size, "strides": strides}
        if kind != "Conv2DTranspose":  # its windows do not overlap: no padding
            x = nodes[node.inputs[0]].shape
            (top, bottom, left, right), _ = pads_and_output(x[:2], size, strides, padding)
            attributes["pads"] = (top, left, bottom, right)
        if kind == "DepthwiseConv2D":
            attributes["group"] = x[-1]
    return graph.add(OPERATORS[kind], sources, *arrays, **attributes)
