"""`Progbar`, Keras's progress bar for training loops of your own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.training.progress import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class Progbar:
    """A progress bar with values, drawn like that of `fit`.

    Values are averaged over the steps, except the metrics in `stateful_metrics`. In a terminal the
    bar is redrawn; on another stream only its last state is written.

    Args:
        target: number of steps, or None if it is not known.
        width: width of the bar in characters.
        verbose: 0 silent, 1 a bar, 2 one line at the end.
        interval: seconds between two updates.
        stateful_metrics: names of values to show as they are.
        stateless_metrics: names of values to average; all others are shown as they are.
        unit_name: what a step is called.

    Example:

    >>> bar = Progbar(2, verbose=2)
    >>> bar.update(1, [("loss", 2.0)])
    >>> bar.add(1, [("loss", 1.0)])  # doctest: +ELLIPSIS
    2/2 - 0s - ...s/step - loss: 1.0000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Pass either `stateful_metrics` or `stateless_metrics`, not both.")
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = None if stateful_metrics is None else set(stateful_metrics)
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._bar = ProgressBar(target, verbose)
        self._bar.width, self._bar.interval, self._bar.unit = width, interval, unit_name
        self._sums: dict[str, tuple[Any, float]] = {}
        self._seen = 0

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Show the state after `current` steps.

        Args:
            values: (name, value) of the steps since the last update.
            finalize: whether this is the last one; None is whether `target` is reached.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            if self._is_averaged(name) and not finalize:
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = total + np.mean(value) * steps, count + steps
            else:
                self._sums[name] = np.mean(value), 1
        self._seen = current
        now = time.perf_counter()
        if finalize:
            self._bar.update(current, now, self._logs)
            self._bar.finish(current, self._logs())
        elif now >= self._bar.due:
            self._bar.update(current, now, self._logs)

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """`update` after `n` more steps."""
        self.update(self._seen + n, values)

    def _is_averaged(self, name):
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in (self.stateful_metrics or ())

    def _logs(self):
        return {name: total / count for name, (total, count) in self._sums.items()}
