"""The end of a training step: the loss of each sample and the gradient at the last layer."""

import math

import numpy as np

from fastcnn.core.arguments import warn
from fastcnn.core.memory import aligned
from fastcnn.core.steps import MAX_CALLS
from fastcnn.plan.steps import LinearStep


def make_heads(losses, weights, steps, graph):
    """(for each output a `LossHead` or None, the steps before the heads).

    A head takes over the activation of the step before it, if that makes the loss exact: softmax
    with cross-entropy, sigmoid with binary cross-entropy.
    """
    steps, heads = list(steps), []
    sole_outputs = graph.sole_outputs()
    for loss, weight, output in zip(losses, weights, graph.outputs, strict=True):
        if loss is None:
            heads.append(None)
            continue
        activation, on_logits = None, loss.on_logits()
        index = next((i for i, step in enumerate(steps) if step.writes == output), None)
        last = None if index is None or output not in sole_outputs else steps[index]
        if on_logits is not None and ends_in(last, loss.undoes):
            activation = last.layer.activation
            steps[index] = LinearStep(last)
            if loss is on_logits:
                warn(
                    f"The loss {loss.name!r} has from_logits=True, but the model ends in "
                    f"{activation.name}: the loss is computed from the input of "
                    f"{activation.name}, as in Keras."
                )
            loss = on_logits
        heads.append(LossHead(loss, activation, weight))
    return heads, steps


def ends_in(step, activation):
    """Whether the step ends in the activation called `activation`, and can leave it out."""
    return hasattr(step, "forward_linear") and step.layer.activation.name == activation


class LossHead:
    """The end of a training step: the loss of each sample and the gradient at the last layer.

    If the loss inverts the last layer's activation (softmax or sigmoid with cross-entropy), it is
    computed from the activation's input, as Keras does in graph mode: no logarithm of a rounded
    probability. `predictions` are what the model would have returned, for the metrics.

    Args:
        loss: the `Loss`.
        activation: the activation that the loss includes, or None.
        weight: the factor of this loss in the model's.

    Attributes:
        batch_size: the number of samples that a mean is over, if `step` gets a part of them.

    Attributes, after `step`:
        losses: (n,), unweighted.
        predictions: (n, ..., size).
    """

    def __init__(self, loss, activation=None, weight=1.0):
        self.loss = loss
        self.activation = activation
        self.weight = weight
        self.losses = self.predictions = None
        self.batch_size = None
        self._calls = {}

    def expect_batch(self, size):
        """Set `batch_size`."""
        if size != self.batch_size:
            self.batch_size = size
            for call in self._calls.values():
                call.targets = None  # binds it again: it scales the gradients for another size

    def step(self, z, targets, weights=None):
        """Compute losses and predictions; return the gradient at z."""
        call = self._calls.get(len(z))
        if call is None or call.z is not z or call.targets is not targets:
            call = self._bind(z, targets, weights)
        self.losses = call.losses
        self.predictions = call.predictions
        if call.prepare is not None:
            call.prepare()
        call.run()
        if call.finish is not None:
            call.finish()
        return call.dz

    def _bind(self, z, targets, weights):
        before = self._calls.get(len(z))
        # With the same dz for new targets, the steps' gradient kernels stay bound to it.
        dz = before.dz if before is not None and before.z is z else None
        if before is None and len(self._calls) >= MAX_CALLS:
            self._calls.clear()
        call = HeadCall(
            self.loss, self.activation, z, targets, weights, self.weight, dz, self.batch_size
        )
        self._calls[len(z)] = call
        return call

    def __repr__(self):
        taken = f" after {self.activation.name}" if self.activation else ""
        return f"{self.loss.name}{taken}"


class HeadCall:
    """A loss bound to the buffers of one batch. Axes between the first and the last are rows.

    If float targets lack the output's last axis, of size 1, the loss is that of the output without
    it, as in Keras. The gradient is written to `dz`, by default a new array.
    """

    def __init__(
        self, loss, activation, z, targets, weights, loss_weight=1.0, dz=None, batch_size=None
    ):
        self.z = z
        self.dz = aligned(z.shape, z.dtype) if dz is None else dz
        self.targets = targets
        size = len(z)
        is_sparse = targets.dtype.kind == "i"
        shape = z.shape if is_sparse else targets.shape
        positions = math.prod(shape[1:-1])
        self.losses = row_losses = np.empty(size, z.dtype)
        self.prepare = self.finish = None
        if loss.by_batch:
            self.predictions = z
            self.run = loss.bind_batch(z, targets, weights, loss_weight, self.losses, self.dz)
            return
        adds = loss.reduction in ("sum", "none", None)
        factor = loss_weight * (1 if adds else 1 / ((batch_size or size) * positions))
        scale = np.full(size * positions, factor, z.dtype)
        if weights is not None:

            def spread_weights():
                scale.reshape(size, positions)[...] = weights[:, None] * z.dtype.type(factor)

            self.prepare = spread_weights
        if positions != 1:
            row_losses = np.empty(size * positions, z.dtype)
            reduce = np.add.reduce if loss.reduction == "sum" else np.mean

            def reduce_positions():
                reduce(row_losses.reshape(size, positions), axis=1, out=self.losses)

            self.finish = reduce_positions
        if loss.ignores_labels or (
            loss.reduction == "mean_with_sample_weight" and weights is not None
        ):
            self._use_factors(loss, scale, factor, row_losses, weights)
        rows = (size * positions, shape[-1])
        row_targets = targets.reshape(-1) if is_sparse else targets.reshape(rows)
        probabilities = None
        self.predictions = z
        if activation is not None:
            self.predictions = np.empty_like(z)
            probabilities = self.predictions.reshape(rows)
        self.run = loss.bind(
            z.reshape(rows), row_targets, scale, row_losses, self.dz.reshape(rows), probabilities
        )

    def _use_factors(self, loss, scale, factor, losses, weights):
        """Scale losses and gradients by the factors that depend on a step's targets and weights."""
        spread_weights, reduce_positions = self.prepare, self.finish
        factors = np.empty_like(losses)

        def prepare():
            spread = None
            if weights is None:
                scale[...] = factor
            else:
                spread_weights()
                spread = np.repeat(weights, len(losses) // len(weights))
            counted = loss.counted(self.targets.reshape(-1)) if loss.ignores_labels else None
            factors[...] = loss.factors(counted, spread, losses.shape)
            np.multiply(scale, factors, out=scale)

        def finish():
            np.multiply(losses, factors, out=losses)
            if reduce_positions is not None:
                reduce_positions()

        self.prepare, self.finish = prepare, finish
