"""`confusion_matrix`: which classes are taken for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb

from fastcnn.plot.arguments import (
    as_labels,
    check_lengths,
    count_classes,
    name_of,
    predicted_labels,
)
from fastcnn.plot.figures import SMALL, hide_frame, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from fastcnn.plot.arguments import Names

# Transparent to 60 % blue: on light and on dark backgrounds the plain text color stays readable.
BLUE = to_rgb("#2f6fd6")
CELLS = LinearSegmentedColormap.from_list("confusion", [(*BLUE, 0.0), (*BLUE, 0.6)])


def count_pairs(
    y_true: ArrayLike, y_pred: ArrayLike, class_names: Names = None
) -> NDArray[np.int64]:
    """Counts (classes, classes): entry [i, j] is how many samples of class i were predicted as j.

    The arguments are those of `confusion_matrix`.
    """
    actual = as_labels(y_true, "y_true", class_names)
    predicted = predicted_labels(y_pred, "y_pred", class_names)
    check_lengths(y_true=actual, y_pred=predicted)
    classes = count_classes(class_names, actual, predicted)
    y_pred = np.asarray(y_pred)
    if y_pred.ndim == 2:  # also classes that never occur
        is_binary = y_pred.shape[1] == 1 and y_pred.dtype.kind == "f"
        classes = max(classes, 2 if is_binary else y_pred.shape[1])
    pairs = np.bincount(actual * classes + predicted, minlength=classes * classes)
    return pairs.reshape(classes, classes)


def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    class_names: Names = None,
    normalize: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often each class (a row) is predicted as each class (a column).

    Cells are colored by their share of the row, and blank where the count is 0.

    Args:
        y_true: labels (n,), one-hot rows (n, classes), or names.
        y_pred: predictions of the model (n, classes), or labels.
        class_names: a list, or a dictionary {index: name}; None: indices.
        normalize: whether to write percentages of the row instead of counts.
        ax: the Axes to draw into.

    Returns:
        The axes; the image in it holds the shares of the rows.

    Example:

    >>> from fastcnn import plot
    >>> ax = plot.confusion_matrix([0, 0, 1], [0, 1, 1], ["cat", "dog"])
    >>> ax.images[0].get_array().tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    counts = count_pairs(y_true, y_pred, class_names)
    classes = len(counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    if ax is None:
        size = min(max(1.4 + 0.34 * classes, 2.5), 12)
        ax = new_axes(size + 0.3, size)
    ax.imshow(shares, cmap=CELLS, vmin=0, vmax=1, interpolation="none")
    if classes <= 30:
        for row, column in np.argwhere(counts):
            text = f"{counts[row, column]}"
            if normalize:
                text = f"{100 * shares[row, column]:.0f}"
            weight = "bold" if row == column else "normal"
            ax.text(
                column, row, text, ha="center", va="center", fontsize=SMALL - 1, fontweight=weight
            )
    ticks = range(classes) if classes <= 30 else range(0, classes, -(-classes // 30))
    names = [name_of(label, class_names) for label in ticks]
    ax.set_xticks(list(ticks))
    ax.set_yticks(list(ticks))
    upright = all(len(name) <= 2 for name in names)
    ax.set_xticklabels(names, fontsize=SMALL, rotation=0 if upright else 90)
    ax.set_yticklabels(names, fontsize=SMALL)
    ax.tick_params(length=0)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    hide_frame(ax, "top", "right", "left", "bottom")
    return ax
