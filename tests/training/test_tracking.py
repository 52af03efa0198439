"""Running logs: independent of when they are read."""

import numpy as np
import pytest

from fastcnn import losses, metrics
from fastcnn.training.objectives import Objectives
from fastcnn.training.tracking import RING_STEPS, Tracker


class Bag:
    """Replaces a head or a batch."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def program_of(head):
    """Replaces the program that ran, which has one output."""
    return Bag(heads=[head], penalties=None, predictions=[head.predictions])


def run(peek_every, loss_is_sum=False, weights=None):
    """Logs after 200 steps of 5 samples and one of 3, read every `peek_every` steps."""
    rng = np.random.default_rng(0)
    loss = losses.MeanSquaredError(reduction="sum" if loss_is_sum else "mean")
    objectives = Objectives(None, loss, None, [metrics.get("mse")], [metrics.get("mae")])
    tracker = Tracker(objectives, [(None, 2)], [(None, 2)])
    batches = {
        size: Bag(
            size=size,
            targets=[np.empty((size, 2), "f4")],
            weights=[None if weights is None else np.empty(size, "f4")],
        )
        for size in (5, 3)
    }
    seen = []
    for step in range(201):
        batch = batches[5 if step < 200 else 3]
        batch.targets[0][...] = rng.normal(size=(batch.size, 2))
        if weights is not None:
            batch.weights[0][...] = rng.uniform(size=batch.size)
        head = Bag(
            losses=rng.normal(size=batch.size).astype("f4"),
            predictions=rng.normal(size=(batch.size, 2)).astype("f4"),
        )
        tracker.add(program_of(head), batch)
        seen.append((head.losses, head.predictions, batch.targets[0].copy(), batch.weights[0]))
        if weights is not None:
            seen[-1] = (*seen[-1][:3], batch.weights[0].copy())
        if step % peek_every == 0:
            tracker.logs()
    return tracker.logs(), [
        None if parts[0] is None else np.concatenate(parts) for parts in zip(*seen, strict=True)
    ]


def test_logs_are_means_over_all_samples():
    logs, (losses, predictions, targets, _) = run(1000)
    assert list(logs) == ["loss", "mean_absolute_error", "mean_squared_error"]
    assert logs["loss"] == pytest.approx(losses.mean(dtype=float))
    assert logs["mean_squared_error"] == pytest.approx(np.square(predictions - targets).mean())


def test_reading_the_logs_does_not_change_them():
    assert run(1)[0] == run(7)[0] == run(RING_STEPS)[0] == run(1000)[0]


def test_sample_weights():
    logs, (losses, predictions, targets, weights) = run(9, weights=True)
    assert logs["loss"] == pytest.approx((losses * weights).mean(dtype=float))
    errors = np.abs(predictions - targets).mean(1)
    assert logs["mean_absolute_error"] == pytest.approx((errors * weights).sum() / weights.sum())
    assert logs["mean_squared_error"] == pytest.approx(np.square(predictions - targets).mean())


def test_sum_reduction_logs_the_weighted_mean_of_batch_sums():
    """With reduction "sum", Keras logs the mean of the batch sums, weighted by batch size."""
    logs, (losses, *_) = run(1000, loss_is_sum=True)
    sums = [losses[begin : begin + 5].sum() for begin in range(0, 1000, 5)]
    wanted = (sum(sums) * 5 + losses[1000:].sum() * 3) / 1003
    assert logs["loss"] == pytest.approx(wanted, rel=1e-5)


def test_reset():
    tracker = Tracker(Objectives(loss="mse"), [(None, 2)], [(None, 2)])
    batch = Bag(size=1, weights=[None])
    program = Bag(heads=[Bag(losses=np.ones(1))], penalties=None)
    tracker.add(program, batch)
    assert tracker.logs() == {"loss": 1.0}
    tracker.add(program, batch)
    tracker.reset()
    assert tracker.logs() == {"loss": 0.0}
