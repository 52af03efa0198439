"""Dice and Tversky losses: 1 - the overlap of predicted and true regions.

Both sum over all elements of the batch, or over `axis`. Targets have the shape of the predictions,
which are in [0, 1].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config, kernels
from fastcnn.core.arguments import check_number
from fastcnn.kernels.shapes import around
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

    def of_sums(self, common, true, predicted):
        """The terms from the sums of y_true y_pred, y_true and y_pred.

        Returns (numerator, denominator, slope of the numerator, slope and constant of the
        denominator): their gradients are a slope times y_true, plus the constant.
        """
        raise NotImplementedError

    def bind_batch(self, z, targets, weights, loss_weight, losses, dz):
        axes = range(z.ndim) if self.axis is None else np.atleast_1d(self.axis) % z.ndim
        parts = around(sorted(axes), z.shape)
        is_own = type(self).values is OverlapLoss.values and type(self) in (Dice, Tversky)
        if not is_own or parts is None or targets.shape != z.shape or targets.dtype != z.dtype:
            return super().bind_batch(z, targets, weights, loss_weight, losses, dz)
        y_true, y_pred, gradient = (array.reshape(parts) for array in (targets, z, dz))
        sums = np.empty((parts[0], 3, parts[2]))
        slope, offset = (np.empty((parts[0], parts[2]), z.dtype) for _ in range(2))
        measure = kernels.bind("overlap_sums", y_true, y_pred, sums)
        derive = kernels.bind("overlap_gradient", y_true, slope, offset, gradient)
        shape = tuple(size for axis, size in enumerate(z.shape) if axis not in axes)
        scales = self._scales_of_samples if self.is_by_sample(z.shape) else self._scales_of_batch

        @np.errstate(all="ignore")  # NaN and infinity show up in the loss
        def run():
            measure()
            above, below, rise, fall, constant = self.of_sums(*sums.swapaxes(0, 1))
            values = (1 - above / below).reshape(shape)
            losses[...], scale = scales(values, weights, len(z))
            scale = np.broadcast_to(scale * loss_weight, shape).reshape(below.shape) / below**2
            slope[...] = scale * (above * fall - rise * below)
            offset[...] = scale * above * constant
            derive()

        return run

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

    def of_sums(self, common, true, predicted):
        return 2 * common, true + predicted + config.epsilon(), 2, 0, 1


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

    def of_sums(self, common, true, predicted):
        errors = self.alpha * (true - common) + self.beta * (predicted - common)
        total = common + errors + config.epsilon()
        return common, total, 1, 1 - self.alpha - self.beta, self.beta

    def get_config(self):
        config = super().get_config()
        return {**config, "alpha": self.alpha, "beta": self.beta, "axis": self.axis}


dice = function_of(Dice)
tversky = function_of(Tversky)
