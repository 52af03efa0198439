"""The layers of a model as nodes of an ONNX graph: one layer after the other, and merges.

Nested models are flattened. A value is a pair: the name of a tensor, and `Graph.channels_first`.
"""

from string import ascii_lowercase

import numpy as np

from fastcnn import config
from fastcnn.layers import merging, operations
from fastcnn.saving.onnx import TO_CHANNELS_FIRST
from fastcnn.saving.onnx_layers import add_layer, unit_length

ELEMENTWISE = {
    merging.Add: "Sum",
    merging.Average: "Mean",
    merging.Maximum: "Max",
    merging.Minimum: "Min",
    merging.Multiply: "Mul",
    merging.Subtract: "Sub",
    operations.Add: "Sum",
    operations.Multiply: "Mul",
    operations.Subtract: "Sub",
}


def add_model(graph, model, inputs):
    """Add the layers of a model, given the values of its inputs; return those of its outputs."""
    found = model.make_graph()
    values = dict(zip(found.inputs, inputs, strict=True))
    for use in found.uses:
        layer = use.layer
        is_frozen = layer.is_batch_normalization and not layer.trainable
        if use.training and layer.depends_on_training and not is_frozen:
            raise ValueError(
                f"The layer {layer.name!r} is called with training=True: it cannot be exported to "
                "ONNX, which is for inference."
            )
        layer.build_once(use.input_shape)  # the shapes of this call, of several
        graph.prefix = layer.name
        if isinstance(use.inputs, tuple):
            _merge(graph, layer, [values[value] for value in use.inputs])
        else:
            graph.tensor, graph.channels_first = values[use.inputs]
            add_layer(graph, layer)
        values[use.output] = graph.tensor, graph.channels_first
    return [values[value] for value in found.outputs]


def _merge(graph, layer, inputs):
    """Add a layer with several inputs; they stay in ONNX's layout if all are in it."""
    kind, shapes = type(layer), layer.input_shape
    if kind not in (*ELEMENTWISE, merging.Concatenate, merging.Dot):
        raise ValueError(
            f"The layer {layer.name!r} of type {kind.__name__} cannot be exported to ONNX."
        )
    layouts = {first for _, first in inputs}
    channels_first = layouts.pop() if kind is not merging.Dot and len(layouts) == 1 else 0
    names = []
    for graph.tensor, graph.channels_first in inputs:
        if not channels_first:
            graph.to_channels_last()
        names.append(graph.tensor)
    if kind is merging.Dot:
        graph.tensor = _dot(graph, layer, names, shapes)
    elif kind is merging.Concatenate:
        axis = layer.axis % len(shapes[0])
        axis = TO_CHANNELS_FIRST[channels_first].index(axis) if channels_first else axis
        graph.tensor = graph.op("Concat", *names, axis=axis)
    else:
        names = _with_equal_ranks(graph, names, shapes)
        if layer.is_operation:
            number = None if layer.number is None else np.float32(layer.number)
            names = list(layer.operands(tuple(names), number))
        graph.tensor = _elementwise(graph, ELEMENTWISE[kind], names)
    graph.channels_first = channels_first


def _with_equal_ranks(graph, names, shapes):
    """The tensors; those with fewer axes get axes of size 1 behind that of the batch."""
    rank = max(map(len, shapes))
    missing = [np.arange(1, 1 + rank - len(shape)) for shape in shapes]
    return [
        graph.op("Unsqueeze", name, axes) if len(axes) else name
        for name, axes in zip(names, missing, strict=True)
    ]


def _elementwise(graph, kind, names):
    if kind in ("Sum", "Mean", "Max", "Min"):
        return graph.op(kind, *names)
    result, *others = names
    for other in others:
        result = graph.op(kind, result, other)
    return result


def _dot(graph, layer, names, shapes):
    """Einsum with a letter for each axis: "a" for the batch, "z" for the one to sum over."""
    axes = layer.axes_of(shapes)
    if layer.normalize:
        names = [
            unit_length(graph, name, [axis], config.epsilon())
            for name, axis in zip(names, axes, strict=True)
        ]
    letters = iter(ascii_lowercase[1:])
    terms = [
        "".join(
            "a" if axis == 0 else "z" if axis == summed else next(letters)
            for axis in range(len(shape))
        )
        for shape, summed in zip(shapes, axes, strict=True)
    ]
    rest = "".join(terms).replace("a", "").replace("z", "")
    product = graph.op("Einsum", *names, equation=f"{','.join(terms)}->a{rest}")
    return product if rest else graph.op("Unsqueeze", product, np.array([1]))
