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
from typing import TYPE_CHECKING

from fastcnn.core.arguments import refuse

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Path
    from fastcnn.models import Model

WIDTH, LINE = 3.2, 0.22  # width and line height of a box, in inches


class Diagram(str):
    """A diagram as text, which a notebook shows as a picture if matplotlib is installed."""

    boxes: list[list[str]]
    dpi: int

    def __repr__(self):
        return str(self)

    def _repr_png_(self):
        picture = io.BytesIO()
        try:
            draw(self.boxes, picture, self.dpi, "png")
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
    """Draw a model's layers in their order.

    Args:
        model: a `Sequential`.
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
    layers = model.leaves() if expand_nested else model.layers
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
            box += [str(layer.input_shape), f"-> {layer.output_shape}"]
        boxes.append(box)
    text = Diagram(as_text(boxes))
    text.boxes, text.dpi = boxes, dpi
    if to_file is not None:
        path = os.fspath(to_file)
        if path.endswith(".txt"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text + "\n")
        else:
            draw(boxes, path, dpi)
    return text


def as_text(boxes):
    """Boxes, each a list of lines, as plain text."""
    width = max((len(line) for box in boxes for line in box), default=0)
    edge = f"+-{'-' * width}-+"
    lines = []
    for box in boxes:
        if lines:
            lines.append(" " * (len(edge) // 2) + "|")
        lines += [edge, *(f"| {line:{width}} |" for line in box), edge]
    return "\n".join(lines)


def draw(boxes, path, dpi, format=None):
    """Draw boxes, each a list of lines, to an image file or a binary stream."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyBboxPatch
    except ImportError:
        raise ImportError(
            "Drawing requires matplotlib: pip install 'fastcnn[plot]'. A .txt file or "
            "`to_file=None` works without it."
        ) from None
    heights = [LINE * (len(box) + 1) for box in boxes]
    total = sum(heights) + LINE * max(len(boxes) - 1, 0)
    figure = Figure((WIDTH + 2 * LINE, total + 2 * LINE), dpi=dpi)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-LINE, WIDTH + LINE)
    axes.set_ylim(-total - LINE, LINE)
    axes.set_axis_off()
    top = 0.0
    for box, height in zip(boxes, heights, strict=True):
        shape = FancyBboxPatch(
            (0, top - height),
            WIDTH,
            height,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor="#eef3fa",
            edgecolor="#34495e",
        )
        axes.add_patch(shape)
        for index, line in enumerate(box):
            weight = "bold" if index == 0 else "normal"
            y = top - LINE * (index + 1)
            axes.text(WIDTH / 2, y, line, ha="center", va="center", fontsize=9, weight=weight)
        if top < 0:
            arrow = {"arrowstyle": "->", "color": "#34495e"}
            axes.annotate("", (WIDTH / 2, top), (WIDTH / 2, top + LINE), arrowprops=arrow)
        top -= height + LINE
    figure.savefig(path, format=format)
