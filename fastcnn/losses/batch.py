"""The base of losses that are not a sum over rows: overlaps of regions, pairs of samples."""

from __future__ import annotations

import numpy as np

from fastcnn.losses.base import Loss


class BatchLoss(Loss):
    """A loss whose values may depend on several rows, or on all samples of a batch.

    `values(y_true, y_pred)` and `gradient` receive whole arrays instead of rows, and `values` may
    return an array of any shape. `gradient(y_true, y_pred, scale)` returns the gradient of the sum
    of `scale * values`.
    """

    by_batch = True

    def is_by_sample(self, shape):
        """Whether the first axis of values for predictions of this shape is that of the samples."""
        raise NotImplementedError(f"{type(self).__name__} must implement is_by_sample(shape).")

    def gradient(self, y_true, y_pred, scale):
        raise NotImplementedError(f"{type(self).__name__} must implement gradient.")

    def counted_values(self, values):
        """Which values the mean includes, an array of bool; None for all of them."""
        return None

    def _unreduced(self, y_true, y_pred):
        targets = self.prepare(y_true, (None, *y_pred.shape[1:]))
        if targets.dtype.kind != "i" or targets.shape == y_pred.shape:
            targets = targets.astype(y_pred.dtype)
        values = np.asarray(self.values(targets, y_pred), y_pred.dtype)
        return values, self.counted_values(values)

    def bind_batch(self, z, targets, weights, loss_weight, losses, dz):
        """A callable that writes losses (n,) and dz, the gradient of the reduced loss.

        The mean of losses * weights, or their sum with that reduction, is the loss of the batch.
        """
        scales = self._scales_of_samples if self.is_by_sample(z.shape) else self._scales_of_batch
        if targets.dtype.kind != "i" and targets.shape != z.shape:
            z, dz = (array.reshape(targets.shape) for array in (z, dz))

        @np.errstate(all="ignore")  # NaN and infinity show up in the loss
        def run():
            values = np.asarray(self.values(targets, z), z.dtype)
            losses[...], scale = scales(values, weights, len(z))
            scale = np.broadcast_to(scale * loss_weight, values.shape).astype(z.dtype)
            dz[...] = self.gradient(targets, z, scale)

        return run

    def _scales_of_samples(self, values, weights, size):
        """(losses of the samples, gradient of the reduced loss with respect to the values)"""
        if weights is not None:
            weights = weights.reshape(size, *(1,) * (values.ndim - 1))
        scale = np.broadcast_to(
            self.factors(self.counted_values(values), weights, values.shape), values.shape
        )
        rows = (values * scale).reshape(size, -1)
        losses = rows.sum(1) if self.reduction == "sum" else rows.mean(1)
        if self.reduction not in ("sum", "none", None):
            scale = scale / max(values.size, 1)
        return losses, scale if weights is None else scale * weights

    def _scales_of_batch(self, values, weights, size):
        """The same for values of the whole batch: weights multiply their sum or mean, as in Keras.

        All samples get the loss whose weighted mean or sum is that of the batch.
        """
        adds = self.reduction in ("sum", "none", None)
        total = values.sum() if adds else values.mean()
        scale = 1.0 if adds else 1 / max(values.size, 1)
        if weights is None:
            return total / size if self.reduction == "sum" else total, scale
        sum_of_weights = float(weights.sum())
        if self.reduction == "mean_with_sample_weight":
            share = size / sum_of_weights if sum_of_weights else 0.0
            return total * share, scale * bool(share)
        return total, scale * (sum_of_weights if adds else sum_of_weights / size)
