"""`samples` and `mistakes`: pictures, what they show, and what the model takes them for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_count
from fastcnn.plot.arguments import (
    as_labels,
    as_pictures,
    as_probabilities,
    check_lengths,
    name_of,
)
from fastcnn.plot.figures import SMALL, colors, draw_image, new_figure

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    from fastcnn.plot.arguments import Names

CELL = (2.2, 1.2)  # width and height in inches of a picture with its bars


def samples(
    x: ArrayLike,
    y_true: ArrayLike | None,
    y_pred: ArrayLike,
    class_names: Names = None,
    count: int = 12,
    columns: int = 3,
    fig: Figure | None = None,
) -> Any:
    """Draw the first pictures with their names and a bar for the probability of each class.

    A right prediction is blue, a wrong one red, with the true name in parentheses and its bar blue.

    Args:
        x: pictures (n, height, width) or (n, height, width, channels), bytes or floats.
        y_true: labels (n,), one-hot rows (n, classes), or names; None if they are not known.
        y_pred: probabilities (n, classes), or (n, 1) for two classes.
        class_names: a list, or a dictionary {index: name}; None: indices.
        count: how many pictures to draw at most.
        columns: how many are side by side.
        fig: the Figure or SubFigure to draw into.

    Returns:
        The figure. Its axes are alternately those of a picture and of its bars.

    Raises:
        ValueError: arguments of other shapes or lengths, or logits instead of probabilities.

    Example:

    >>> import numpy as np
    >>> from fastcnn import plot
    >>> y_pred = np.array([[0.1, 0.9]])
    >>> figure = plot.samples(np.zeros((1, 8, 8)), [0], y_pred, ["cat", "dog"])
    >>> figure.axes[0].get_title(loc="left")
    'dog 90 % (cat)'
    """
    probabilities = as_probabilities(y_pred)
    labels = None if y_true is None else as_labels(y_true, "y_true", class_names)
    x = np.asarray(x)
    check_lengths(x=x, y_true=labels, y_pred=probabilities)
    chosen = np.arange(min(len(x), check_count(count, "count")))
    return _draw(x, labels, probabilities, chosen, class_names, columns, fig)


def mistakes(
    x: ArrayLike,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    class_names: Names = None,
    count: int = 12,
    columns: int = 3,
    fig: Figure | None = None,
) -> Any:
    """Draw the wrong predictions of which the model is most certain, as `samples` draws them.

    Ordered by the probability of the predicted class; without mistakes the figure says so. The
    arguments are those of `samples`, with `y_true` required.

    Returns:
        The figure.
    """
    probabilities = as_probabilities(y_pred)
    labels = as_labels(y_true, "y_true", class_names)
    x = np.asarray(x)
    check_lengths(x=x, y_true=labels, y_pred=probabilities)
    chosen = worst(labels, probabilities)[: check_count(count, "count")]
    return _draw(x, labels, probabilities, chosen, class_names, columns, fig)


def worst(labels: NDArray, probabilities: NDArray) -> NDArray:
    """The indices of the wrong predictions, the most certain first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]


def _draw(x, labels, probabilities, chosen, class_names, columns, fig):
    columns = min(check_count(columns, "columns"), max(len(chosen), 1))
    rows = max(-(-len(chosen) // columns), 1)
    if fig is None:
        fig = new_figure(columns * CELL[0], rows * CELL[1])
    if not len(chosen):
        fig.text(0.5, 0.5, "No mistakes" if len(x) else "No pictures", ha="center", va="center")
        return fig
    pictures = as_pictures(x[chosen])
    grid = fig.add_gridspec(
        rows, 2 * columns, left=0.01, right=0.99, top=1 - 0.22 / (rows * CELL[1]),
        bottom=0.06 / (rows * CELL[1]), hspace=0.3, wspace=0.12,
    )  # fmt: skip
    for position, index in enumerate(chosen):
        row, column = divmod(position, columns)
        label = None if labels is None else int(labels[index])
        axes = [fig.add_subplot(grid[row, 2 * column + side]) for side in (0, 1)]
        _draw_one(*axes, pictures[position], label, probabilities[index], class_names)
    return fig


def _draw_one(image_ax, bar_ax, picture, label, probabilities, class_names):
    palette, predicted = colors(), int(probabilities.argmax())
    color, text = None, f"{name_of(predicted, class_names)} {probabilities[predicted]:.0%}"
    text = text.replace("%", " %")
    if label is not None:
        color = palette.right if predicted == label else palette.wrong
    if label is not None and predicted != label:
        text += f" ({name_of(label, class_names)})"
    draw_image(image_ax, picture)
    image_ax.set_anchor("NW")
    options = {} if color is None else {"color": color}
    image_ax.set_title(text, loc="left", fontsize=SMALL, pad=3, y=1, **options)

    bars = bar_ax.bar(range(len(probabilities)), probabilities, color=palette.gray, width=0.8)
    bars[predicted].set_color(color or palette.gray)
    if label is not None and label < len(bars):
        bars[label].set_color(palette.right)
    bar_ax.axhline(0, color=palette.gray, linewidth=0.8)
    bar_ax.set_ylim(0, 1)
    bar_ax.set_axis_off()  # a label for each bar would be too small to read, and slow
