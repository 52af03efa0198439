"""The layers of a model as nodes of an ONNX graph: calls of layers, merges and nested models.

A value is a pair: the name of a tensor, and whether it is an image in ONNX's layout.
"""

import numpy as np

from fastcnn.saving.onnx_layers import add_layer

ELEMENTWISE = {
    "Add": "Sum",
    "Average": "Mean",
    "Maximum": "Max",
    "Minimum": "Min",
    "Multiply": "Mul",
    "Subtract": "Sub",
}


def add_model(graph, model, values):
    """Add the layers of a model called on `values`; return the values of its outputs."""
    if hasattr(model, "layer_graph"):
        return model.layer_graph.run(values, lambda node, inputs: _add(graph, node.layer, inputs))
    for layer in model.layers:
        values = _add(graph, layer, values[0])
    return values


def _add(graph, layer, inputs):
    """Add one call of a layer or model on a value or a tuple of values."""
    is_list = isinstance(inputs[0], tuple)
    if hasattr(layer, "layers"):
        return add_model(graph, layer, list(inputs) if is_list else [inputs])
    graph.prefix = layer.name
    if is_list or layer.is_operation:
        _merge(graph, layer, inputs if is_list else (inputs,))
    else:
        graph.tensor, graph.channels_first = inputs
        add_layer(graph, layer)
    return [(graph.tensor, graph.channels_first)]


def _merge(graph, layer, inputs):
    """Add a layer with several inputs; images stay in ONNX's layout if all are in it."""
    kind = type(layer).__name__
    shapes = layer.input_shape
    if kind not in (*ELEMENTWISE, "Concatenate") or len({len(shape) for shape in shapes}) > 1:
        raise ValueError(
            f"The layer {layer.name!r} ({kind}) of inputs of shapes {shapes} cannot be exported to "
            "ONNX."
        )
    channels_first = all(first for _, first in inputs)
    names = []
    for graph.tensor, graph.channels_first in inputs:
        if not channels_first:
            graph.to_channels_last()
        names.append(graph.tensor)
    if kind == "Concatenate":
        axis = layer.axis % len(shapes[0])
        axis = (0, 2, 3, 1)[axis] if channels_first else axis
        graph.tensor = graph.op("Concat", *names, axis=axis)
    else:
        if layer.is_operation:
            number = None if layer.number is None else np.float32(layer.number)
            names = list(layer.operands(tuple(names), number))
        graph.tensor = _elementwise(graph, ELEMENTWISE[kind], names)
    graph.channels_first = channels_first


def _elementwise(graph, kind, names):
    if kind in ("Sum", "Mean", "Max", "Min"):
        return graph.op(kind, *names)
    result, *others = names
    for other in others:
        result = graph.op(kind, result, other)
    return result
