"""The networks of tests/support/shapes.py as ONNX graphs, built node by node from their weights.

An exported Keras model would start with a transposition from (n, h, w, c) to ONNX's (n, c, h, w).
These graphs take (n, c, h, w), and their batch size is fixed, which is what ONNX Runtime and
OpenVINO are fastest with. Requires the package `onnx`.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.support.shapes import pads_and_output, pair


def channels_first_dense(kernel, image):
    """Reorder the rows of a Dense kernel after a Flatten from (h, w, c) to (c, h, w)."""
    rows = np.arange(len(kernel)).reshape(image).transpose(2, 0, 1).ravel()
    return kernel[rows]


class _Graph:
    """The nodes and initializers of a graph; `top` is the name of the last value."""

    def __init__(self):
        self.nodes, self.initializers, self.top = [], [], "images"

    def constant(self, array):
        name = f"weight_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, operator, *arrays, **attributes):
        inputs = [self.top, *(self.constant(array) for array in arrays)]
        self.top = f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [self.top], **attributes))

    def activate(self, activation):
        if activation == "softmax":
            self.add("Softmax", axis=-1)
        elif activation is not None:
            self.add({"relu": "Relu", "tanh": "Tanh"}[activation])


def onnx_model(net, weights, n):
    """`net` with `weights` (in Keras's order) for batches of `n`, as a checked ONNX ModelProto."""
    graph, weights, flattened = _Graph(), iter(weights), None
    for kind, config, x, _ in net.steps(n):
        if kind in ("Conv2D", "MaxPooling2D", "AveragePooling2D"):
            window = pair(config["kernel_size"] if kind == "Conv2D" else config["pool_size"])
            strides = pair(config.get("strides", 1 if kind == "Conv2D" else window))
            pads, _ = pads_and_output(x[1:3], window, strides, config.get("padding", "valid"))
            top, bottom, left, right = pads
            pads = (top, left, bottom, right)
            geometry = {"kernel_shape": window, "strides": strides, "pads": pads}
            if kind == "Conv2D":
                graph.add("Conv", next(weights).transpose(3, 2, 0, 1), next(weights), **geometry)
            else:
                graph.add({"M": "MaxPool", "A": "AveragePool"}[kind[0]], **geometry)
        elif kind == "BatchNormalization":
            graph.add("BatchNormalization", *(next(weights) for _ in range(4)), epsilon=1e-3)
        elif kind == "Flatten":
            graph.add("Flatten")
            flattened = x[1:]
        elif kind == "Dense":
            kernel, bias = next(weights), next(weights)
            if flattened is not None:
                kernel, flattened = channels_first_dense(kernel, flattened), None
            graph.add("Gemm", kernel, bias)
        graph.activate(config.get("activation"))

    height, width, channels = net.input_shape
    images = helper.make_tensor_value_info("images", 1, (n, channels, height, width))
    scores = helper.make_tensor_value_info(graph.top, 1, (n, net.classes))
    body = helper.make_graph(graph.nodes, net.name, [images], [scores], graph.initializers)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model
