"""Tables of the report. A value shows four digits and carries all of them, for programs."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from fastcnn.report.training import Training


def data(value: float, text: str) -> str:
    """A number as `<data>`: `text` is shown, the value has all its digits."""
    return f'<data value="{value!r}">{escape(text)}</data>'


def decimal(value: float, digits: int = 4) -> str:
    """A float with some digits after the point."""
    return data(float(value), f"{float(value):.{digits}f}")


def count(value: int) -> str:
    """An integer with commas."""
    return data(int(value), f"{int(value):,}")


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]], kind: str = "scroll"
) -> str:
    """A table: the first cell of each row is its header, and cells are HTML.

    Where it is wider than the screen, it scrolls in a box of its own, also with the keyboard. The
    box has the class `kind`.
    """
    header = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "\n".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{cell}</th>' if index == 0 else f"<td>{cell}</td>"
            for index, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="{kind}" role="region" tabindex="0" aria-label="{escape(caption)}">\n<table>\n'
        f"<caption>{escape(caption)}</caption>\n"
        f"<thead><tr>{header}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def pairs(rows: Iterable[tuple[str, str]], kind: str) -> str:
    """A list of names and values, which are HTML; `kind` is its class."""
    entries = "\n".join(
        f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in rows
    )
    return f'<dl class="{kind}">\n{entries}\n</dl>'


def layers(training: Training) -> str:
    """The summary: layers, the shapes of their outputs, numbers of weights."""
    model = training.model
    rows = [
        (
            f"{escape(layer.name)} <small>{escape(type(layer).__name__)}</small>",
            escape(" x ".join("?" if n is None else str(n) for n in layer.output_shape[1:])),
            count(layer.count_params()),
        )
        for layer in model.layers
    ]
    rows.append(("all", "", count(model.count_params())))
    caption = "The shape of each layer's output for one image, and the number of its weights"
    return table(caption, ("layer", "output", "weights"), rows)


def epochs(training: Training) -> str:
    """Loss, accuracy and time of each epoch."""
    logs, timer = training.logs, training.timer
    names = sorted(logs, key=lambda name: name != "loss")
    rows = []
    for index, seconds in enumerate(timer.seconds):
        values = [decimal(logs[name][index]) for name in names]
        step = decimal(1e3 * seconds / timer.steps, 3) if timer.steps else "?"
        rows.append((count(index + 1), *values, decimal(seconds, 2), step))
    names = [escape(name.replace("_", " ")) for name in names]
    return table("Each epoch of training", ("epoch", *names, "seconds", "ms/step"), rows)


def precision_and_recall(pairs: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """(precision, recall, F1) of each class from the counts of (true, predicted); 0 for 0 / 0."""
    hits = np.diag(pairs).astype(np.float64)
    precision = hits / np.maximum(pairs.sum(axis=0), 1)
    recall = hits / np.maximum(pairs.sum(axis=1), 1)
    return precision, recall, 2 * precision * recall / np.maximum(precision + recall, 1e-30)


def classes(pairs: NDArray, names: Sequence[str]) -> str:
    """Precision, recall and F1 of each class."""
    columns = precision_and_recall(pairs)
    rows = [
        (escape(name), *(decimal(column[index]) for column in columns), count(pairs[index].sum()))
        for index, name in enumerate(names)
    ]
    return table(
        "Precision, recall and F1 of each class",
        ("class", "precision", "recall", "F1", "images"),
        rows,
    )


def confusion(pairs: NDArray, names: Sequence[str]) -> str:
    """The counts of the confusion matrix."""
    rows = [
        (escape(name), *(count(value) for value in pairs[index]))
        for index, name in enumerate(names)
    ]
    head = ("true / predicted", *(escape(name) for name in names))
    caption = "Confusion matrix: true classes in rows, predicted ones in columns"
    return table(caption, head, rows, "scroll wide")


def comparison(trainings: Sequence[Training]) -> str:
    """The results of several models side by side."""
    rows = [
        (
            escape(training.title) + (" (stopped)" if training.stopped else ""),
            decimal(training.accuracy),
            decimal(training.loss),
            count(training.model.count_params()),
            decimal(training.seconds, 2),
        )
        for training in trainings
    ]
    head = ("model", "accuracy", "loss", "weights", "seconds")
    return table("Results on the test images, and seconds of training", head, rows)
