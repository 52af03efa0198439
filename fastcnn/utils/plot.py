"""A diagram of a model: one box per layer, from top to bottom, as text or drawn by matplotlib.

>>> import fastcnn as keras
>>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="dense")])
>>> print(keras.utils.plot_model(model, to_file=None, show_shapes=True, show_layer_names=True))
+---------------+
| dense (Dense) |
| (None, 4)     |
| -> (None, 2)  |
+---------------+
"""

from __future__ import annotations

import io
import os
from itertools import pairwise
from typing import TYPE_CHECKING

from fastcnn.core.arguments import refuse
from fastcnn.utils.diagram import Layout

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Path
    from fastcnn.models import Model

WIDTH, LINE, GAP = 3.2, 0.22, 0.3  # width and line height of a box, space below it, in inches
INK, PAPER = "#34495e", "#eef3fa"


class Diagram(str):
    """A diagram as text, which a notebook shows as a picture if matplotlib is installed."""

    boxes: list[list[str]]
    edges: list[tuple[int, int]]
    dpi: int

    def __repr__(self):
        return str(self)

    def _repr_png_(self):
        picture = io.BytesIO()
        try:
            draw(self.boxes, self.edges, picture, self.dpi, "png")
        except ImportError:
            return None  # the notebook then shows the text
        return picture.getvalue()


def plot_model(
    model: Model,
    to_file: Path | None = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> str:
    """Draw a model's layers and what they are connected to.

    Args:
        model: any model.
        to_file: an image file (.png, .svg, .pdf: requires matplotlib), a text file (.txt), or None.
        show_shapes: whether to show the input and output shapes.
        show_dtype, show_layer_names, show_layer_activations, show_trainable: likewise.
        rankdir: "TB", from top to bottom.
        expand_nested: whether to draw a nested model's layers instead of one box.
        dpi: of a .png.
        splines: "ortho", straight lines.

    Returns:
        The diagram as text. As the last value of a notebook's cell it is shown as a picture.

    Raises:
        ImportError: `to_file` is an image and matplotlib is not installed.
    """
    refuse(splines, "splines", "ortho")
    for name, value in kwargs.items():
        refuse(value, name)
    if rankdir != "TB":
        raise ValueError(f'The argument `rankdir` must be "TB". Received rankdir={rankdir!r}.')
    layers, edges = connections(model, expand_nested)
    boxes = []
    for layer in layers:
        kind = type(layer).__name__
        box = [f"{layer.name} ({kind})" if show_layer_names else kind]
        activation = getattr(getattr(layer, "activation", None), "name", None)
        if show_layer_activations and activation:
            box.append(f"activation: {activation}")
        if show_dtype:
            box.append(f"dtype: {layer.dtype}")
        if show_trainable and layer.weights:
            box.append("trainable" if layer.trainable else "not trainable")
        if show_shapes and layer.built:
            shapes = layer.input_shape
            shapes = shapes if isinstance(shapes, list) else [shapes]
            box += [*map(str, shapes), f"-> {layer.output_shape}"]
        boxes.append(box)
    names = [layer.name for layer in layers]
    text = Diagram(as_text(boxes, edges, names))
    text.boxes, text.edges, text.dpi = boxes, edges, dpi
    if to_file is not None:
        path = os.fspath(to_file)
        if path.endswith(".txt"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text + "\n")
        else:
            draw(boxes, edges, path, dpi)
    return text


def connections(model, expand_nested):
    """(the layers to draw, sorted pairs (from, to) of their positions)."""
    layer_graph = getattr(model, "layer_graph", None)
    if expand_nested and model.built:
        graph = model.make_graph()
        inputs = [tensor.node.layer for tensor in layer_graph.inputs] if layer_graph else []
        layers = [*inputs, *graph.layers]
        calls = [(use.layer, use.reads, use.output) for use in graph.uses]
        source = dict(zip(graph.inputs, inputs, strict=False))
        source |= {output: layer for layer, _, output in calls}
        pairs = [(source.get(value), layer) for layer, reads, _ in calls for value in reads]
    elif layer_graph:
        layers = layer_graph.layers
        pairs = [(t.node.layer, node.layer) for node in layer_graph.nodes for t in node.tensors]
    else:
        layers = model.leaves() if expand_nested else model.layers
        pairs = list(pairwise(layers))
    position = {layer: index for index, layer in enumerate(layers)}
    edges = {(position[a], position[b]) for a, b in pairs if a in position and a is not b}
    # a layer that is called several times may also depend on a later one
    return layers, sorted(edge for edge in edges if edge[0] < edge[1])


def as_text(boxes, edges=(), names=()):
    """Boxes, each a list of lines, as plain text. Each box of a graph lists what it reads."""
    chain = [(index, index + 1) for index in range(len(boxes) - 1)]
    is_chain = not edges or list(edges) == chain
    if not is_chain:
        boxes = [
            [*box, f"<- {', '.join(names[a] for a, b in edges if b == index)}"]
            if any(b == index for _, b in edges)
            else box
            for index, box in enumerate(boxes)
        ]
    width = max((len(line) for box in boxes for line in box), default=0)
    edge = f"+-{'-' * width}-+"
    lines = []
    for box in boxes:
        if lines and is_chain:
            lines.append(" " * (len(edge) // 2) + "|")
        lines += [edge, *(f"| {line:{width}} |" for line in box), edge]
    return "\n".join(lines)


def draw(boxes, edges, path, dpi, format=None):
    """Draw boxes, each a list of lines, and edges to an image file or a binary stream."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyBboxPatch
    except ImportError:
        raise ImportError(
            "Drawing requires matplotlib: pip install 'fastcnn[plot]'. A .txt file or "
            "`to_file=None` works without it."
        ) from None
    layout = Layout(len(boxes), edges)
    heights = [0.0] * (max(layout.rows, default=-1) + 1)
    for box, row in zip(boxes, layout.rows, strict=True):
        heights[row] = max(heights[row], LINE * (len(box) + 1))
    tops = [-sum(heights[:row]) - GAP * row for row in range(len(heights) + 1)]
    width = max(layout.width, 1) * (WIDTH + LINE)
    bottom = tops[-1] + (GAP if boxes else 0)
    figure = Figure((width + LINE, -bottom + 2 * LINE), dpi=dpi)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-LINE, width)
    axes.set_ylim(bottom - LINE, LINE)
    axes.set_axis_off()
    for points in layout.paths.values():
        line = []
        for index, (row, column) in enumerate(points):
            x = column * (WIDTH + LINE) + WIDTH / 2
            box_bottom = tops[row] - heights[row]
            line += [(x, tops[row])] if index else []
            line += [(x, box_bottom)] if index < len(points) - 1 else []
        *before, last = line
        axes.plot(*zip(*before, strict=True), color=INK, linewidth=1, zorder=0)
        arrow = {"arrowstyle": "->", "color": INK, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", last, before[-1], arrowprops=arrow)
    for box, row, column in zip(boxes, layout.rows, layout.columns, strict=True):
        left, height = column * (WIDTH + LINE), heights[row]
        style = {"boxstyle": "round,pad=0,rounding_size=0.05", "facecolor": PAPER}
        shape = FancyBboxPatch((left, tops[row] - height), WIDTH, height, edgecolor=INK, **style)
        axes.add_patch(shape)
        for index, text in enumerate(box):
            weight = "bold" if index == 0 else "normal"
            y = tops[row] - LINE * (index + 1)
            style = {"ha": "center", "va": "center", "fontsize": 9, "weight": weight}
            axes.text(left + WIDTH / 2, y, text, **style)
    figure.savefig(path, format=format)
