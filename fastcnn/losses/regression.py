"""Losses for regression and distributions: squared and absolute errors, Huber, divergence, ...

All take y_true and y_pred of the same shape (n, ..., size) and average over the last axis, except
`CosineSimilarity` and `KLDivergence`, which sum over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.arguments import check_number
from fastcnn.losses.base import Loss, check_axis, function_of, registry

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from fastcnn.core.types import Axes


@registry.register("mean_squared_error", "mse", "MSE")
class MeanSquaredError(Loss):
    """mean of (y_pred - y_true)^2"""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def values(self, y_true, y_pred):
        return np.square(y_pred - y_true).mean(1)

    def gradient(self, y_true, y_pred):
        return (y_pred - y_true) * (2 / y_pred.shape[1])


@registry.register("mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(Loss):
    """mean of |y_pred - y_true|"""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def values(self, y_true, y_pred):
        return np.abs(y_pred - y_true).mean(1)

    def gradient(self, y_true, y_pred):
        return np.sign(y_pred - y_true) / y_pred.shape[1]


@registry.register("mean_absolute_percentage_error", "mape", "MAPE")
class MeanAbsolutePercentageError(Loss):
    """100 * mean of |y_true - y_pred| / max(|y_true|, epsilon)"""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def values(self, y_true, y_pred):
        return 100 * np.abs((y_true - y_pred) / _away_from_zero(y_true)).mean(1)

    def gradient(self, y_true, y_pred):
        return np.sign(y_pred - y_true) * (100 / y_pred.shape[1]) / _away_from_zero(y_true)


@registry.register("mean_squared_logarithmic_error", "msle", "MSLE")
class MeanSquaredLogarithmicError(Loss):
    """mean of (log(1 + y_true) - log(1 + y_pred))^2, both at least epsilon"""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def _differences(self, y_true, y_pred):
        epsilon = config.epsilon()
        return np.log1p(np.maximum(y_pred, epsilon)) - np.log1p(np.maximum(y_true, epsilon))

    def values(self, y_true, y_pred):
        return np.square(self._differences(y_true, y_pred)).mean(1)

    def gradient(self, y_true, y_pred):
        slope = np.where(y_pred < config.epsilon(), 0, 1 / (1 + y_pred))
        return self._differences(y_true, y_pred) * slope * (2 / y_pred.shape[1])


@registry.register("huber")
class Huber(Loss):
    """mean of e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2; e = y_pred - y_true

    Args:
        delta: float, the error at which the loss changes from quadratic to linear.
        reduction, name, dtype: see `Loss`.
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = float(check_number(delta, "delta", 0))

    def values(self, y_true, y_pred):
        error = np.abs(y_pred - y_true)
        line = self.delta * error - 0.5 * self.delta**2
        return np.where(error <= self.delta, 0.5 * np.square(error), line).mean(1)

    def gradient(self, y_true, y_pred):
        return np.clip(y_pred - y_true, -self.delta, self.delta) / y_pred.shape[1]

    def get_config(self):
        return {**super().get_config(), "delta": self.delta}


@registry.register("log_cosh", "logcosh")
class LogCosh(Loss):
    """mean of log(cosh(y_pred - y_true))"""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def values(self, y_true, y_pred):
        error = np.abs(y_pred - y_true)  # log(cosh(x)) is even; this form cannot overflow
        return (error + np.log1p(np.exp(-2 * error)) - np.log(2)).mean(1)

    def gradient(self, y_true, y_pred):
        return np.tanh(y_pred - y_true) / y_pred.shape[1]


@registry.register("cosine_similarity")
class CosineSimilarity(Loss):
    """-cosine of the angle between y_true and y_pred: -1 is best, 1 is worst

    Args:
        axis: that of the vectors; a model trains with the last one only.
        reduction, name, dtype: see `Loss`.
    """

    def __init__(
        self,
        axis: Axes = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: DTypeLike | None = None,
    ) -> None:
        self.axis = check_axis(axis)
        super().__init__(name, reduction, dtype)

    def get_config(self):
        config = super().get_config()  # without the default, as in Keras, which omits any axis
        return config if self.axis == -1 else {**config, "axis": self.axis}

    def values(self, y_true, y_pred):
        return -(_unit(y_true)[0] * _unit(y_pred)[0]).sum(1)

    def gradient(self, y_true, y_pred):
        (target, _), (unit, length) = _unit(y_true), _unit(y_pred)
        along = (target * unit).sum(1, keepdims=True)
        return (along * unit - target) / length


@registry.register("kl_divergence", "kld", "KLD", "kullback_leibler_divergence")
class KLDivergence(Loss):
    """sum of y_true * log(y_true / y_pred), both clipped to [epsilon, 1]"""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def values(self, y_true, y_pred):
        y_true, p = _clip(y_true), _clip(y_pred)
        return (y_true * np.log(y_true / p)).sum(1)

    def gradient(self, y_true, y_pred):
        outside = (y_pred < config.epsilon()) | (y_pred > 1)
        return np.where(outside, 0, -_clip(y_true) / _clip(y_pred))


@registry.register("poisson")
class Poisson(Loss):
    """mean of y_pred - y_true * log(y_pred + epsilon)"""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def values(self, y_true, y_pred):
        return (y_pred - y_true * np.log(y_pred + config.epsilon())).mean(1)

    def gradient(self, y_true, y_pred):
        return (1 - y_true / (y_pred + config.epsilon())) / y_pred.shape[1]


def _away_from_zero(y_true):
    return np.maximum(np.abs(y_true), config.epsilon())


def _clip(p):
    return np.clip(p, config.epsilon(), 1)


def _unit(rows):
    """(rows scaled to unit length, original lengths); a row of zeros is unchanged."""
    length = np.sqrt(np.maximum(np.square(rows).sum(1, keepdims=True), config.epsilon() ** 2))
    return rows / length, length


mean_squared_error = function_of(MeanSquaredError)
mean_absolute_error = function_of(MeanAbsoluteError)
mean_absolute_percentage_error = function_of(MeanAbsolutePercentageError)
mean_squared_logarithmic_error = function_of(MeanSquaredLogarithmicError)
huber = function_of(Huber)
log_cosh = function_of(LogCosh)
cosine_similarity = function_of(CosineSimilarity)
kl_divergence = function_of(KLDivergence)
poisson = function_of(Poisson)
