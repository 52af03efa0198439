"""Correlations of predictions and targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.data.targets import same_rank
from fastcnn.losses.base import check_axis
from fastcnn.metrics.base import MeanMetric, function_of, registry

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from fastcnn.core.types import Axes


class _Correlation(MeanMetric):
    """Base of both: the mean over the samples of a correlation over `axis`."""

    direction = "up"

    def __init__(self, name, dtype, axis):
        super().__init__(name, dtype)
        if isinstance(axis, (list, tuple)):
            self.axis = tuple(check_axis(item) for item in axis)
        else:
            self.axis = check_axis(axis)

    def _pair(self, y_true, y_pred):
        y_pred = y_pred if y_pred.dtype.kind == "f" else y_pred.astype(self.dtype)
        return same_rank(y_true.astype(y_pred.dtype), y_pred)

    def _mean(self, values):
        return values.mean(self.axis, keepdims=True)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


@registry.register("pearson_correlation")
class PearsonCorrelation(_Correlation):
    """The covariance of y_true and y_pred over the product of their standard deviations.

    Args:
        name: a string.
        axis: int or tuple, the axes that the correlation is computed over.

    Shapes: y_true and y_pred (n, ..., size). A sample of equal values has no correlation: NaN.
    """

    def __init__(
        self,
        name: str | None = "pearson_correlation",
        dtype: DTypeLike | None = None,
        axis: Axes = -1,
    ) -> None:
        super().__init__(name, dtype, axis)

    def values(self, y_true, y_pred):
        with np.errstate(all="ignore"):
            scaled = [
                (array - self._mean(array)) / array.std(self.axis, keepdims=True)
                for array in self._pair(y_true, y_pred)
            ]
            return (scaled[0] * scaled[1]).mean(self.axis)


@registry.register("concordance_correlation")
class ConcordanceCorrelation(_Correlation):
    """2 covariance / (variance of y_true + variance of y_pred + squared difference of the means)

    1 only if y_pred equals y_true: unlike Pearson's, it notices another scale or an offset.

    Args:
        name: a string.
        axis: int or tuple, the axes that the correlation is computed over.

    Shapes: y_true and y_pred (n, ..., size).
    """

    def __init__(
        self,
        name: str | None = "concordance_correlation",
        dtype: DTypeLike | None = None,
        axis: Axes = -1,
    ) -> None:
        super().__init__(name, dtype, axis)

    def values(self, y_true, y_pred):
        y_true, y_pred = self._pair(y_true, y_pred)
        true_mean, mean = self._mean(y_true), self._mean(y_pred)
        covariance = (y_true - mean) * (y_pred - mean)
        spread = y_true.var(self.axis, keepdims=True) + y_pred.var(self.axis, keepdims=True)
        spread += np.square(true_mean - mean) + config.epsilon()
        return (2 * covariance / spread).mean(self.axis)


pearson_correlation = function_of(PearsonCorrelation)
concordance_correlation = function_of(ConcordanceCorrelation)
