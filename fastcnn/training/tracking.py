"""Running means of loss and metrics, at little cost per step.

A step only copies its losses, predictions and targets into a ring buffer. When the ring is full, or
when the logs are requested (by the progress bar, a few times a second), the metrics process all of
it at once. Metrics and loss are summed sample by sample in float64, so the logs depend neither on
when that happens nor on the batch size.
"""

import numpy as np

from fastcnn.metrics import Mean, sequential_sum
from fastcnn.training.run_state import get_state, set_state

RING_BYTES = 1 << 18
RING_STEPS = 64
MAX_RINGS = 8  # one per batch size


class Ring:
    """Buffers for the results of several steps of one batch size."""

    def __init__(self, batch, head, with_metrics):
        size = batch.size
        arrays = [head.losses]
        if with_metrics:
            arrays += [head.predictions, batch.targets[0]]
        row = sum(array.nbytes for array in arrays[1:])
        self.steps = max(1, min(RING_STEPS, RING_BYTES // max(row, 1)))
        if batch.weights[0] is not None:
            arrays.append(batch.weights[0])
        self.arrays = [
            np.empty((self.steps * size, *array.shape[1:]), array.dtype) for array in arrays
        ]
        self.slots = [
            [array[step * size : (step + 1) * size] for array in self.arrays]
            for step in range(self.steps)
        ]


class Tracker:
    """Running logs of a training or evaluation epoch.

    Args:
        metrics: list of `Metric`.
        weighted_metrics: list of `Metric` that take the sample weights into account.
        loss_is_sum: whether a batch's loss is the sum over its samples, not the mean.
    """

    def __init__(self, metrics=(), weighted_metrics=(), loss_is_sum=False):
        self.metrics = list(metrics)
        self.weighted_metrics = list(weighted_metrics)
        self._names = unique_names(self.metrics, self.weighted_metrics)
        self._with_metrics = bool(self._names)
        self._loss_is_sum = loss_is_sum
        self._batch = self._ring = None
        self._rings = {}
        self.reset()

    def reset(self):
        """Clear all sums and metrics."""
        self._total = self._penalties = 0.0
        self._count = 0
        self._filled = 0
        for metric in (*self.metrics, *self.weighted_metrics):
            metric.reset_state()

    def add(self, program, batch):
        """Record a step: losses and predictions of the program's head, the batch's targets."""
        (head,), penalty = program.heads, program.penalty
        if batch is not self._batch or self._filled == self._ring.steps:
            self._open(head, batch)
        slot = self._ring.slots[self._filled]
        self._filled += 1
        slot[0][...] = head.losses
        if self._with_metrics:
            slot[1][...] = head.predictions
            slot[2][...] = batch.targets[0]
        if batch.weights[0] is not None:
            slot[-1][...] = batch.weights[0]
        if penalty is not None:
            self._penalties += penalty * batch.size

    def _open(self, head, batch):
        self._flush()
        if batch is not self._batch:
            self._batch = batch
            self._ring = self._rings.get(batch)
            if self._ring is None:
                if len(self._rings) >= MAX_RINGS:
                    self._rings.clear()
                self._ring = self._rings[batch] = Ring(batch, head, self._with_metrics)

    def release(self):
        """Drop batches and rings; keep the sums."""
        self._flush()
        self._batch = self._ring = None
        self._rings = {}

    @np.errstate(all="ignore")  # NaN and infinity show up in the logs
    def _flush(self):
        steps, self._filled = self._filled, 0
        if not steps:
            return
        size = self._batch.size
        arrays = [array[: steps * size] for array in self._ring.arrays]
        weights = arrays[-1] if self._batch.weights[0] is not None else None
        losses = arrays[0] if weights is None else arrays[0] * weights
        self._total = sequential_sum(self._total, losses * size if self._loss_is_sum else losses)
        self._count += len(losses)
        if self._with_metrics:
            for metric in self.metrics:
                metric.update_state(arrays[2], arrays[1])
            for metric in self.weighted_metrics:
                metric.update_state(arrays[2], arrays[1], weights)

    def logs(self):
        """The results so far as a dictionary of floats, in alphabetical order."""
        self._flush()
        loss = (self._total + self._penalties) / self._count if self._count else 0.0
        logs = {"loss": loss}
        for name, metric in self._names:
            result = metric.result()
            if isinstance(result, dict):
                logs.update(result)
            else:
                logs[name] = float(result) if np.ndim(result) == 0 else np.array(result)
        return dict(sorted(logs.items()))

    def loss_metric(self):
        """The mean loss so far as a `Mean`."""
        loss = Mean("loss")
        loss.total, loss.count = self.logs()["loss"] * self._count, self._count
        return loss

    def get_state(self):
        """All sums, as plain values and arrays."""
        self._flush()
        return {
            "total": self._total,
            "penalties": self._penalties,
            "count": self._count,
            "metrics": [get_state(metric) for _, metric in self._names],
        }

    def set_state(self, state):
        """Restore what `get_state` returned."""
        self.reset()
        self._total, self._penalties = float(state["total"]), float(state["penalties"])
        self._count = int(state["count"])
        for (_, metric), kept in zip(self._names, state["metrics"], strict=True):
            set_state(metric, kept)


def unique_names(metrics, weighted_metrics):
    """[(key in the logs, metric)]; a repeated name gets a counter, or first "weighted_"."""
    names = {}
    for metric in metrics:
        names[_unused(metric.name, names)] = metric
    for metric in weighted_metrics:
        name = metric.name if metric.name not in names else f"weighted_{metric.name}"
        names[_unused(name, names)] = metric
    return list(names.items())


def _unused(name, names):
    key, count = name, 1
    while key in names:
        key, count = f"{name}_{count}", count + 1
    return key
