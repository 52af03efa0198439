"""`history`: how loss and metrics change during training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import MaxNLocator

from fastcnn.plot.figures import colors, hide_frame, new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

PREFIX = "val_"


def history(
    history: Any, metrics: str | Sequence[str] | None = None, fig: Figure | None = None
) -> Any:
    """Draw loss and metrics over the epochs, each in axes of its own.

    Training is a solid line, validation a dashed one. Epochs count from 1.

    Args:
        history: what `fit` returns, or its dictionary `history`.
        metrics: a name or names to draw, without "val_"; None: the loss, then all others.
        fig: the Figure or SubFigure to draw into.

    Returns:
        The figure.

    Raises:
        ValueError: no epochs, an unknown name, or a validation that did not take place after every
            n-th epoch.

    Example:

    >>> from fastcnn import plot
    >>> figure = plot.history({"loss": [0.9, 0.5], "val_loss": [1.0, 0.7]})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['training', 'validation']
    """
    logs = history if isinstance(history, Mapping) else getattr(history, "history", None)
    if not isinstance(logs, Mapping):
        raise ValueError(f"`history` must be what `fit` returns. Received {history!r}.")
    known = list(dict.fromkeys(name.removeprefix(PREFIX) for name in logs))
    known.sort(key=lambda name: name != "loss")
    metrics = [metrics] if isinstance(metrics, str) else metrics
    names = known if metrics is None else list(metrics)
    count = max((len(values) for values in logs.values()), default=0)
    if not count or not names:
        raise ValueError("There is nothing to draw: `history` has no epochs.")
    for name in names:
        if name not in known:
            raise ValueError(f"`history` has no {name!r}. Its names are: {known}.")
    epochs = [epoch + 1 for epoch in getattr(history, "epoch", ())]
    if len(epochs) != count:  # a dictionary, or what several calls of `fit` have appended
        epochs = list(range(1, count + 1))
    if fig is None:
        fig = new_figure(3.2 * len(names), 2.6, constrained_layout=True)
    for ax, name in zip(fig.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        _draw(ax, name, logs, epochs)
    return fig


def _draw(ax, name, logs, epochs):
    palette = colors()
    lines = (
        (name, "training", {"color": palette.right, "linestyle": "-"}),
        (PREFIX + name, "validation", {"color": palette.wrong, "linestyle": "--"}),
    )
    drawn = [line for line in lines if line[0] in logs]
    for key, label, style in drawn:
        values = list(logs[key])
        ax.plot(_epochs_of(key, values, epochs), values, marker="o", ms=3, label=label, **style)
    ax.set_title(name.replace("_", " "))
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y", alpha=0.25, linewidth=0.6)
    ax.set_axisbelow(True)
    hide_frame(ax, "top", "right")
    if len(drawn) > 1:
        ax.legend(frameon=False)


def _epochs_of(name, values, epochs):
    """The epochs of values: with `validation_freq=n`, there is one after every n-th epoch."""
    step = len(epochs) // max(len(values), 1)
    found = epochs[step - 1 :: step] if step else []
    if len(found) != len(values):
        raise ValueError(
            f"{name!r} has {len(values)} values for {len(epochs)} epochs: it is not known for "
            "which ones."
        )
    return found
