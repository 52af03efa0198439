"""Losses for regression and distributions: squared and absolute errors, Huber, divergence, ...

All take y_true and y_pred of the same shape (n, ..., size) and average over the last axis, except
`CosineSimilarity` and `KLDivergence`, which sum over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn import config, kernels
from fastcnn.core.arguments import check_number
from fastcnn.kernels.reference.losses import unit_rows
from fastcnn.losses.base import check_axis, function_of, registry
from fastcnn.losses.elementwise import ElementwiseLoss, KernelLoss

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from fastcnn.core.types import Axes


@registry.register("mean_squared_error", "mse", "MSE")
class MeanSquaredError(ElementwiseLoss):
    """mean of (y_pred - y_true)^2"""

    function = "squared"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(ElementwiseLoss):
    """mean of |y_pred - y_true|"""

    function = "absolute"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("mean_absolute_percentage_error", "mape", "MAPE")
class MeanAbsolutePercentageError(ElementwiseLoss):
    """100 * mean of |y_true - y_pred| / max(|y_true|, epsilon)"""

    function = "percentage"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def parameters(self):
        return (config.epsilon(),)


@registry.register("mean_squared_logarithmic_error", "msle", "MSLE")
class MeanSquaredLogarithmicError(ElementwiseLoss):
    """mean of (log(1 + y_true) - log(1 + y_pred))^2, both at least epsilon"""

    function = "logarithmic"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def parameters(self):
        return (config.epsilon(),)


@registry.register("huber")
class Huber(ElementwiseLoss):
    """mean of e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2; e = y_pred - y_true

    Args:
        delta: float, the error at which the loss changes from quadratic to linear.
        reduction, name, dtype: see `Loss`.
    """

    function = "huber"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = float(check_number(delta, "delta", 0))

    def parameters(self):
        return (self.delta,)

    def get_config(self):
        return {**super().get_config(), "delta": self.delta}


@registry.register("log_cosh", "logcosh")
class LogCosh(ElementwiseLoss):
    """mean of log(cosh(y_pred - y_true))"""

    function = "log_cosh"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("cosine_similarity")
class CosineSimilarity(KernelLoss):
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
        epsilon = config.epsilon()
        return -(unit_rows(y_true, epsilon)[0] * unit_rows(y_pred, epsilon)[0]).sum(1)

    def gradient(self, y_true, y_pred):
        epsilon = config.epsilon()
        (target, _), (unit, length) = unit_rows(y_true, epsilon), unit_rows(y_pred, epsilon)
        along = (target * unit).sum(1, keepdims=True)
        return (along * unit - target) / length

    def bind_kernel(self, z, targets, scale, losses, dz, probabilities):
        return kernels.bind("cosine_loss", z, targets, scale, losses, dz, epsilon=config.epsilon())


@registry.register("kl_divergence", "kld", "KLD", "kullback_leibler_divergence")
class KLDivergence(ElementwiseLoss):
    """sum of y_true * log(y_true / y_pred), both clipped to [epsilon, 1]"""

    function = "kl_divergence"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def parameters(self):
        return (config.epsilon(),)


@registry.register("poisson")
class Poisson(ElementwiseLoss):
    """mean of y_pred - y_true * log(y_pred + epsilon)"""

    function = "poisson"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def parameters(self):
        return (config.epsilon(),)


mean_squared_error = function_of(MeanSquaredError)
mean_absolute_error = function_of(MeanAbsoluteError)
mean_absolute_percentage_error = function_of(MeanAbsolutePercentageError)
mean_squared_logarithmic_error = function_of(MeanSquaredLogarithmicError)
huber = function_of(Huber)
log_cosh = function_of(LogCosh)
cosine_similarity = function_of(CosineSimilarity)
kl_divergence = function_of(KLDivergence)
poisson = function_of(Poisson)
