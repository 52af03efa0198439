"""Running means of losses and metrics, at little cost per step.

A step only copies its losses, predictions and targets into ring buffers, one for each output. When
a ring is full, or when the logs are requested (by the progress bar, a few times a second), the
metrics process all of it at once. Metrics and losses are summed sample by sample in float64, so the
logs depend neither on when that happens nor on the batch size.
"""

import numpy as np

from fastcnn.metrics import Mean, resolve, sequential_sum
from fastcnn.training.run_state import get_state, set_state

RING_BYTES = 1 << 18
RING_STEPS = 64
MAX_RINGS = 8  # one per batch size


class Ring:
    """Buffers for the results of several steps of one batch size.

    Args:
        size: the batch size.
        losses, predictions, targets, weights: one step's arrays, or None for what is not kept.
    """

    def __init__(self, size, losses, predictions, targets, weights):
        with_metrics = predictions is not None
        row = predictions.nbytes + targets.nbytes if with_metrics else 0
        self.steps = max(1, min(RING_STEPS, RING_BYTES // max(row, 1)))
        self.arrays = [
            None if array is None else np.empty((self.steps * size, *array.shape[1:]), array.dtype)
            for array in (losses, predictions, targets, weights)
        ]
        self._size, self.slots = size, []

    def add_slot(self):
        """Append to `slots` the views of the arrays for one more step."""
        begin = len(self.slots) * self._size
        rows = slice(begin, begin + self._size)
        self.slots.append([None if array is None else array[rows] for array in self.arrays])


class OutputTracker:
    """The sums of the loss and metrics of one output.

    Args:
        index: the flat index of the output.
        objective: its `Objective`.
        target_shape, output_shape: the shapes that select the form of "accuracy".
    """

    def __init__(self, index, objective, target_shape=None, output_shape=None):
        self.index = index
        self.loss_weight = objective.loss_weight
        self.metrics, self.weighted_metrics = (
            [resolve(metric, target_shape, output_shape) for metric in metrics]
            for metrics in (objective.metrics, objective.weighted_metrics)
        )
        self._with_metrics = objective.has_metrics
        self._has_loss = objective.loss is not None
        self._loss_is_sum = self._has_loss and objective.loss.reduction == "sum"
        self._batch = self._ring = None
        self._rings = {}
        self.reset()

    def reset(self):
        """Clear all sums and metrics."""
        self.total = 0.0
        self._filled = 0
        for metric in (*self.metrics, *self.weighted_metrics):
            metric.reset_state()

    def add(self, program, batch):
        """Record a step: see `Tracker.add`."""
        if batch is not self._batch or self._filled == self._ring.steps:
            self._open(program, batch)
        ring = self._ring
        if self._filled == len(ring.slots):
            ring.add_slot()
        losses, predictions, targets, weights = ring.slots[self._filled]
        self._filled += 1
        index = self.index
        if losses is not None:
            losses[...] = program.heads[index].losses
        if predictions is not None:
            predictions[...] = program.predictions[index]
            targets[...] = batch.targets[index]
        if weights is not None:
            weights[...] = batch.weights[index]

    def _open(self, program, batch):
        self.flush()
        if batch is not self._batch:
            self._batch = batch
            self._ring = self._rings.get(batch)
            if self._ring is None:
                if len(self._rings) >= MAX_RINGS:
                    self._rings.clear()
                self._ring = self._rings[batch] = self._new_ring(program, batch)

    def _new_ring(self, program, batch):
        index = self.index
        losses = program.heads[index].losses if self._has_loss else None
        predictions = targets = None
        if self._with_metrics:
            predictions, targets = program.predictions[index], batch.targets[index]
        return Ring(batch.size, losses, predictions, targets, batch.weights[index])

    def release(self):
        """Drop batches and rings; keep the sums."""
        self.flush()
        self._batch = self._ring = None
        self._rings = {}

    @np.errstate(all="ignore")  # NaN and infinity show up in the logs
    def flush(self):
        """Add up what is in the ring."""
        steps, self._filled = self._filled, 0
        if not steps:
            return
        size = self._batch.size
        end = steps * size
        losses, predictions, targets, weights = [
            None if array is None else array[:end] for array in self._ring.arrays
        ]
        if losses is not None:
            losses = losses if weights is None else losses * weights
            self.total = sequential_sum(self.total, losses * size if self._loss_is_sum else losses)
        if predictions is not None:
            for metric in self.metrics:
                metric.update_state(targets, predictions)
            for metric in self.weighted_metrics:
                metric.update_state(targets, predictions, weights)


class Tracker:
    """Running logs of a training or evaluation epoch.

    Args:
        objectives: the `Objectives`.
        target_shapes, output_shapes: for each output the shapes of its targets and of itself.
    """

    def __init__(self, objectives, target_shapes, output_shapes):
        shapes = zip(target_shapes, output_shapes, strict=True)
        trackers = [
            OutputTracker(index, objective, *pair)
            for index, (objective, pair) in enumerate(
                zip(objectives.of_outputs, shapes, strict=True)
            )
        ]
        self._outputs = [
            tracker
            for tracker, objective in zip(trackers, objectives.of_outputs, strict=True)
            if objective.loss is not None or objective.has_metrics
        ]
        self._losses = [
            (name, trackers[index])
            for name, index in zip(objectives.loss_names[1:], objectives.loss_order, strict=False)
        ]
        self.metrics = [metric for tracker in trackers for metric in tracker.metrics]
        self.metrics += [metric for tracker in trackers for metric in tracker.weighted_metrics]
        names = [name for name, _ in objectives.all_metrics]
        self._metrics = list(zip(names, self.metrics, strict=True))
        self.reset()

    def reset(self):
        """Clear all sums and metrics."""
        self._penalties = 0.0
        self._count = 0
        for output in self._outputs:
            output.reset()

    def add(self, program, batch):
        """Record a step: losses and predictions of the program's heads, the batch's targets."""
        for output in self._outputs:
            output.add(program, batch)
        self._count += batch.size
        if program.penalties is not None:
            self._penalties += program.penalties.value * batch.size

    def release(self):
        """Drop batches and rings; keep the sums."""
        for output in self._outputs:
            output.release()

    def _flush(self):
        for output in self._outputs:
            output.flush()

    def logs(self):
        """The results so far as a dictionary of floats, in alphabetical order."""
        self._flush()
        total = 0.0
        for output in self._outputs:
            total += output.loss_weight * output.total
        logs = {"loss": self._mean(total + self._penalties)}
        for name, output in self._losses:
            logs[name] = self._mean(output.total)
        for name, metric in self._metrics:
            result = metric.result()
            results = result if isinstance(result, dict) else {name: result}
            for key, value in results.items():
                is_number = isinstance(value, float) or np.ndim(value) == 0
                logs[key] = float(value) if is_number else np.array(value)
        return dict(sorted(logs.items()))

    def _mean(self, total):
        return total / self._count if self._count else 0.0

    def loss_metrics(self):
        """The mean losses so far as `Mean`s: the model's, and those of several outputs."""
        logs, means = self.logs(), []
        for name in ("loss", *(name for name, _ in self._losses)):
            mean = Mean(name)
            mean.total, mean.count = logs[name] * self._count, self._count
            means.append(mean)
        return means

    def get_state(self):
        """All sums, as plain values and arrays."""
        self._flush()
        return {
            "totals": [output.total for output in self._outputs],
            "penalties": self._penalties,
            "count": self._count,
            "metrics": [get_state(metric) for metric in self.metrics],
        }

    def set_state(self, state):
        """Restore what `get_state` returned."""
        self.reset()
        for output, total in zip(self._outputs, state["totals"], strict=True):
            output.total = float(total)
        self._penalties = float(state["penalties"])
        self._count = int(state["count"])
        for metric, kept in zip(self.metrics, state["metrics"], strict=True):
            set_state(metric, kept)
