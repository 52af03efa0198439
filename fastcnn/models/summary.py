"""The table that `model.summary()` prints, as Keras draws it."""

import re
import shutil
from itertools import pairwise

from fastcnn.core.tables import Table

WIDTH, GRAPH_WIDTH = 88, 108
COLUMNS = (0.45, 0.80, 1.0)  # where the columns end, as fractions of the width
GRAPH_COLUMNS = (0.3, 0.56, 0.74, 1.0)
COUNT, NAME, UNKNOWN = "color(34)", "color(33)", "color(45)"  # styles of numbers, classes, None


def print_summary(
    model, line_length, positions, print_fn, expand_nested, show_trainable, layer_range
):
    """Print the model's layers, shapes and weight counts; the arguments are those of `summary`."""
    table = summary_table(model, line_length, positions, expand_nested, show_trainable, layer_range)
    if print_fn:
        print_fn(table.text(max(table.width, shutil.get_terminal_size().columns)))
    else:
        table.print()


def summary_table(
    model,
    line_length=None,
    positions=None,
    expand_nested=False,
    show_trainable=False,
    layer_range=None,
):
    """The `Table` of the model's layers, shapes and weight counts."""
    graph = getattr(model, "layer_graph", None)
    is_chain = graph is None or graph.is_chain
    wanted, columns = (WIDTH, COLUMNS) if is_chain else (GRAPH_WIDTH, GRAPH_COLUMNS)
    wanted += 12 if show_trainable else 0
    width = line_length or min(wanted, shutil.get_terminal_size().columns - 4)
    headers, justify = ["Layer (type)", "Output Shape", "Param #"], ["left", "left", "right"]
    if not is_chain:
        headers.append("Connected to")
        justify.append("left")
    ends = _column_ends(positions or columns, width, len(headers))
    if show_trainable:
        ends = [*(0.9 * end for end in ends), 1.0]
        headers.append("Trainable")
        justify.append("center")
    edges = [0, *(int(end * width) for end in ends)]
    widths = [end - begin for begin, end in pairwise(edges)]
    if min(widths) < 4:
        raise ValueError(f"A width of {width} characters is too small for the summary.")
    rows = []
    layers = model.layers if graph is None else graph.layers
    for layer, depth in _listed(_in_range(layers, layer_range), expand_nested):
        row = _row(layer, depth)
        if not is_chain:
            row.append(_connections(layer, graph))
        if show_trainable:
            row.append(("Y" if layer.trainable else "N") if layer.weights else "-")
        rows.append(row)
    notes = [
        [(f" {label}: ", "bold"), (f"{count:,}", COUNT), (f" ({readable_size(size)})", "")]
        for label, count, size in _totals(model)
    ]
    title = [(f'Model: "{model.name}"', "bold")]
    return Table(headers, justify, rows, title, notes, widths, width, lines=True)


def _column_ends(positions, width, count):
    """`positions` as increasing fractions of the width, validated."""
    ends = [end / width if positions[-1] > 1 else end for end in positions]
    if len(ends) != count or sorted(set(ends)) != ends or ends[-1] > 1:
        raise ValueError(
            f"The argument `positions` must be {count} increasing fractions of the width, or "
            f"columns up to the width of {width} characters. Received positions={positions}."
        )
    return ends


def _in_range(layers, layer_range):
    """The layers from the first that matches layer_range[0] to the last that matches the other."""
    if layer_range is None:
        return layers
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ValueError(
            f"The argument `layer_range` must be two names of layers. Received {layer_range!r}."
        )
    matches = [
        [index for index, layer in enumerate(layers) if re.match(name, layer.name)]
        for name in layer_range
    ]
    if not all(matches):
        names = [layer.name for layer in layers]
        raise ValueError(
            f"The argument `layer_range` matches no layers. Received {layer_range!r}. "
            f"The layers are: {names}."
        )
    first, last = matches
    if min(first) > max(last):
        first, last = last, first
    return layers[min(first) : max(last) + 1]


def _listed(layers, expand_nested, depth=0):
    """(layer, nesting depth), in the order of the rows."""
    for layer in layers:
        yield layer, depth
        if expand_nested:
            yield from _listed(getattr(layer, "layers", ()), expand_nested, depth + 1)


def _connections(layer, graph):
    """The outputs that the calls of a layer read: "name[call][output]", with Keras's counts."""
    parts = []
    for node in graph.nodes_of(layer):
        for source, call, output in (tensor._keras_history for tensor in node.tensors):
            parts.append((", " if parts else "", ""))
            parts += [(f"{source.name}[", ""), (str(call), COUNT)]
            parts += [("][", ""), (str(output), COUNT), ("]", "")]
    return parts or "-"


def _shape(layer):
    """The shape of the layer's output; of several outputs, the list of shapes."""
    nodes = list(layer.nodes)
    shapes = nodes[-1].output_shapes if nodes else [layer.output_shape]
    parts = []
    for shape in shapes:
        parts.append((", (" if parts else "(", ""))
        for index, size in enumerate(shape):
            parts.append((", " if index else "", ""))
            parts.append((str(size), UNKNOWN if size is None else COUNT))
        parts.append((")", ""))
    return parts if len(shapes) == 1 else [("[", ""), *parts, ("]", "")]


def _row(layer, depth):
    prefix = "   " * depth + "└ " if depth else ""
    name = [(f"{prefix}{layer.name} (", ""), (type(layer).__name__, NAME), (")", "")]
    if not layer.built:
        return [name, "?", "0 (unbuilt)"]
    return [name, _shape(layer), [(f"{layer.count_params():,}", COUNT)]]


def _totals(model):
    """(label, count, bytes) of the lines below the table."""
    trainable = sum(variable.size for variable in model.trainable_weights)
    others = sum(variable.size for variable in model.non_trainable_weights)
    size = 8 if model.dtype == "float64" else 4
    optimizer = getattr(model, "optimizer", None)
    state = optimizer.count_params() if optimizer is not None and optimizer.built else 0
    # Keras counts the step counter as an int64
    state_bytes = state * size + (4 if state else 0)
    yield "Total params", trainable + others + state, (trainable + others) * size + state_bytes
    yield "Trainable params", trainable, trainable * size
    yield "Non-trainable params", others, others * size
    if state:
        yield "Optimizer params", state, state_bytes


def readable_size(count):
    """Bytes as `952.29 KB`: a KB is 1024 bytes."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if count < 1024 or unit == "TB":
            return f"{count:.2f} {unit}"
        count /= 1024
    raise AssertionError
