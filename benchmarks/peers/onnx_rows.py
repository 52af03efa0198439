"""A row of `benchmarks.layers` as an ONNX model, for ONNX Runtime and OpenVINO.

The model is fastcnn's export, with a fixed batch size. Its transpositions between (n, h, w, c) and
ONNX's (n, c, h, w) at the inputs and at the output are removed where a network would not have them
between its layers: the arrays are transposed beforehand, in the runtimes' favor.
"""

import numpy as np

import fastcnn
from benchmarks.layer_data import layer_problem
from benchmarks.layer_rows import BATCH
from benchmarks.peers.serve import AbsentError
from fastcnn.saving.onnx import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, to_onnx


def exported(row, size, phase):
    """(serialized model, {input's name: array}, function of the output that returns ours)."""
    if phase != "forward" or row.kind not in ("layers", "activations") or row.random:
        raise AbsentError("only inference")
    problem = layer_problem(row, size)
    inputs = [fastcnn.Input(array.shape[1:]) for array in problem.inputs]
    output = problem.layer(inputs if isinstance(problem.x, list) else inputs[0])
    try:
        model = to_onnx(fastcnn.Model(inputs, output))
    except (NotImplementedError, ValueError) as error:
        raise AbsentError(f"no export: {error}") from None
    graph = model.graph
    feed = {}
    for value, array in zip(graph.input, problem.inputs, strict=True):
        if _drop_first(graph, value.name):
            array = np.ascontiguousarray(array.transpose(TO_CHANNELS_FIRST[array.ndim]))
        feed[value.name] = array
        _fix(value, array.shape)
    shape = (BATCH, *problem.dy.shape[1:])
    is_transposed = _drop_last(graph, graph.output[0].name)
    rank = len(shape)
    if is_transposed:
        shape = [shape[axis] for axis in TO_CHANNELS_FIRST[rank]]
    _fix(graph.output[0], shape)
    order = TO_CHANNELS_LAST[rank] if is_transposed else tuple(range(rank))
    return model.SerializeToString(), feed, lambda y: [np.asarray(y).transpose(order)]


def _fix(value, shape):
    """Give an input or output of the graph this shape."""
    axes = value.type.tensor_type.shape
    del axes.dim[:]
    for size in shape:
        axes.dim.add().dim_value = size


def _is_transposition(node, orders):
    """Whether the node is one of `orders`, {number of axes: permutation}."""
    return node.op_type == "Transpose" and tuple(node.attribute[0].ints) in orders.values()


def _drop_first(graph, name):
    """Remove the transposition of an input that only it reads; returns whether there is one."""
    readers = [node for node in graph.node if name in node.input]
    # If it is the whole model, such as a Permute, it is what is measured.
    if len(readers) != 1 or not _is_transposition(readers[0], TO_CHANNELS_FIRST):
        return False
    if all(node.op_type in ("Transpose", "Identity") for node in graph.node):
        return False
    (removed,) = readers
    for node in graph.node:
        for index, source in enumerate(node.input):
            if source == removed.output[0]:
                node.input[index] = name
    graph.node.remove(removed)
    return True


def _drop_last(graph, name):
    """Remove the transposition to the output, and an Identity after it; the same for the end."""
    writers = {node.output[0]: node for node in graph.node}
    last = writers[name]
    removed = [last]
    if last.op_type == "Identity" and last.input[0] in writers:
        last = writers[last.input[0]]
        removed.append(last)
    before = writers.get(last.input[0])
    if not _is_transposition(last, TO_CHANNELS_LAST) or before is None:
        return False
    for node in removed:
        graph.node.remove(node)
    before.output[0] = name
    return True
