"""Dice and Tversky losses: 1 - the overlap of predicted and true regions.

Both sum over all elements of the batch, or over `axis`. Targets have the shape of the predictions,
which are in [0, 1].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.arguments import check_number
from fastcnn.losses.base import check_axis, function_of, registry
from fastcnn.losses.batch import BatchLoss

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from fastcnn.core.types import Axes


class OverlapLoss(BatchLoss):
    """Base of both: 1 - numerator / denominator, sums over `axis`."""

    def __init__(self, axis, reduction, name, dtype):
        super().__init__(name, reduction, dtype)
        if isinstance(axis, (tuple, list)):
            self.axis = tuple(check_axis(item) for item in axis)
        else:
            self.axis = None if axis is None else check_axis(axis)

    def check_output(self, output_shape):
        rank = len(output_shape)
        for axis in np.atleast_1d(() if self.axis is None else self.axis):
            if not -rank <= axis < rank:
                raise ValueError(
                    f"The argument `axis` of {self.name} exceeds the axes of the output "
                    f"{output_shape}. Received axis={self.axis}."
                )

    def is_by_sample(self, shape):
        axes = range(len(shape)) if self.axis is None else np.atleast_1d(self.axis)
        return not any(axis % len(shape) == 0 for axis in axes)

    def _terms(self, y_true, y_pred):
        """(numerator, denominator, their gradients with respect to y_pred), with all axes."""
        raise NotImplementedError

    def _sum(self, terms):
        return terms.sum(axis=self.axis, keepdims=True)

    def values(self, y_true, y_pred):
        numerator, denominator, *_ = self._terms(y_true, y_pred)
        return np.squeeze(1 - numerator / denominator, self.axis)

    def gradient(self, y_true, y_pred, scale):
        numerator, denominator, slope, slope_below = self._terms(y_true, y_pred)
        scale = scale.reshape(numerator.shape) / (denominator * denominator)
        return scale * (numerator * slope_below - slope * denominator)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


@registry.register("dice")
class Dice(OverlapLoss):
    """1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred) + epsilon)   (Milletari et al. 2016)

    Args:
        axis: int or tuple of those of the sums; None sums over everything, samples included.
        reduction, name, dtype: see `Loss`.

    Shapes: y_true and y_pred (n, ..., size).
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Axes | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(axis, reduction, name, dtype)

    def _terms(self, y_true, y_pred):
        common = 2 * self._sum(y_true * y_pred)
        total = self._sum(y_true) + self._sum(y_pred) + config.epsilon()
        return common, total, 2 * y_true, 1


@registry.register("tversky")
class Tversky(OverlapLoss):
    """1 - t / (t + alpha f + beta m + epsilon): Dice with weighted errors (Salehi et al. 2017)

    t is the sum of y_true y_pred, f that of y_true (1 - y_pred), m that of (1 - y_true) y_pred.
    With alpha = beta = 0.5 it is `Dice`.

    Args:
        alpha, beta: floats.
        axis: int or tuple of those of the sums; None sums over everything, samples included.
        reduction, name, dtype: see `Loss`.

    Shapes: y_true and y_pred (n, ..., size).
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Axes | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(axis, reduction, name, dtype)
        self.alpha = check_number(alpha, "alpha")
        self.beta = check_number(beta, "beta")

    def _terms(self, y_true, y_pred):
        common = self._sum(y_true * y_pred)
        missed = self._sum((1 - y_pred) * y_true)
        wrong = self._sum(y_pred * (1 - y_true))
        total = common + self.alpha * missed + self.beta * wrong + config.epsilon()
        return common, total, y_true, (1 - self.alpha) * y_true + self.beta * (1 - y_true)

    def get_config(self):
        config = super().get_config()
        return {**config, "alpha": self.alpha, "beta": self.beta, "axis": self.axis}


dice = function_of(Dice)
tversky = function_of(Tversky)
