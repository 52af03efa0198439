"""Metrics that are the mean of a loss, and those built on squared errors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import losses
from fastcnn.core.arguments import check_count
from fastcnn.data.targets import same_rank
from fastcnn.losses import (  # noqa: F401 - Keras exports them from both modules
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from fastcnn.metrics.base import (
    MeanMetric,
    Metric,
    accumulated,
    registry,
    same_axes,
    weights_like,
)

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from fastcnn.core.types import Axes


class LossMetric(MeanMetric):
    """Base of the metrics that are the mean of a loss over the samples.

    Attributes:
        loss_class: the `Loss`.
    """

    loss_class: type[losses.Loss] | None = None
    direction = "down"

    def __init__(self, name=None, dtype=None, **settings):
        super().__init__(name, dtype)
        self._loss = self.loss_class(reduction=None, **settings)
        self._settings = {key: getattr(self._loss, key, value) for key, value in settings.items()}

    def values(self, y_true, y_pred):
        return self._loss(y_true, y_pred)

    def get_config(self):
        return {**super().get_config(), **self._settings}


@registry.register("mean_squared_error", "mse", "MSE")
class MeanSquaredError(LossMetric):
    """mean of (y_pred - y_true)^2"""

    loss_class = losses.MeanSquaredError

    def __init__(
        self, name: str | None = "mean_squared_error", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(name, dtype)


@registry.register("mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(LossMetric):
    """mean of |y_pred - y_true|"""

    loss_class = losses.MeanAbsoluteError

    def __init__(
        self, name: str | None = "mean_absolute_error", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(name, dtype)


@registry.register("mean_absolute_percentage_error", "mape", "MAPE")
class MeanAbsolutePercentageError(LossMetric):
    """100 * mean of |y_true - y_pred| / max(|y_true|, epsilon)"""

    loss_class = losses.MeanAbsolutePercentageError

    def __init__(
        self, name: str | None = "mean_absolute_percentage_error", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(name, dtype)


@registry.register("mean_squared_logarithmic_error", "msle", "MSLE")
class MeanSquaredLogarithmicError(LossMetric):
    """mean of (log(1 + y_true) - log(1 + y_pred))^2"""

    loss_class = losses.MeanSquaredLogarithmicError

    def __init__(
        self, name: str | None = "mean_squared_logarithmic_error", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(name, dtype)


@registry.register("logcosh", "log_cosh_error")
class LogCoshError(LossMetric):
    """mean of log(cosh(y_pred - y_true))"""

    loss_class = losses.LogCosh

    def __init__(self, name: str | None = "logcosh", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@registry.register("cosine_similarity")
class CosineSimilarity(LossMetric):
    """mean of the cosine of the angle between y_true and y_pred, the negated loss"""

    loss_class = losses.CosineSimilarity
    direction = "up"

    def __init__(
        self,
        name: str | None = "cosine_similarity",
        dtype: DTypeLike | None = None,
        axis: Axes = -1,
    ) -> None:
        super().__init__(name, dtype, **({} if axis == -1 else {"axis": axis}))

    def values(self, y_true, y_pred):
        return -super().values(y_true, y_pred)


@registry.register("kl_divergence", "kld", "KLD")
class KLDivergence(LossMetric):
    """mean of sum of y_true * log(y_true / y_pred)"""

    loss_class = losses.KLDivergence

    def __init__(self, name: str | None = "kl_divergence", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@registry.register("poisson")
class Poisson(LossMetric):
    """mean of y_pred - y_true * log(y_pred)"""

    loss_class = losses.Poisson

    def __init__(self, name: str | None = "poisson", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@registry.register("hinge")
class Hinge(LossMetric):
    """mean of max(1 - y_true * y_pred, 0)"""

    loss_class = losses.Hinge

    def __init__(self, name: str | None = "hinge", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@registry.register("squared_hinge")
class SquaredHinge(LossMetric):
    """mean of max(1 - y_true * y_pred, 0)^2"""

    loss_class = losses.SquaredHinge

    def __init__(self, name: str | None = "squared_hinge", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


@registry.register("categorical_hinge")
class CategoricalHinge(LossMetric):
    """mean of max(largest wrong prediction - correct prediction + 1, 0)"""

    loss_class = losses.CategoricalHinge

    def __init__(
        self, name: str | None = "categorical_hinge", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(name, dtype)


@registry.register("binary_crossentropy", "bce", "BCE")
class BinaryCrossentropy(LossMetric):
    """The mean of the loss of the same name.

    Args:
        name: a string.
        from_logits, label_smoothing: see the loss.
    """

    loss_class = losses.BinaryCrossentropy

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


@registry.register("categorical_crossentropy")
class CategoricalCrossentropy(LossMetric):
    """The mean of the loss of the same name.

    Args:
        name: a string.
        from_logits, label_smoothing, axis: see the loss.
    """

    loss_class = losses.CategoricalCrossentropy

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: Axes = -1,
    ) -> None:
        super().__init__(
            name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )


@registry.register("sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(LossMetric):
    """The mean of the loss of the same name.

    Args:
        name: a string.
        from_logits, ignore_class, axis: see the loss.
    """

    loss_class = losses.SparseCategoricalCrossentropy

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: Axes = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Accumulate samples. As in Keras, only with weights is the ignored class left out."""
        if sample_weight is not None and self._loss.ignores_labels:
            labels = np.asarray(y_true)
            labels = labels[..., 0] if labels.ndim == np.ndim(y_pred) else labels
            counted = self._loss.counted(labels)
            sample_weight = weights_like(counted, sample_weight) * counted
        super().update_state(y_true, y_pred, sample_weight)

    def values(self, y_true, y_pred):
        is_flat = y_true.ndim == y_pred.ndim - 1  # as one column, it does not change y_pred's rank
        return super().values(y_true[..., None] if is_flat else y_true, y_pred)


@registry.register("root_mean_squared_error")
class RootMeanSquaredError(MeanMetric):
    """square root of the mean of (y_pred - y_true)^2"""

    direction = "down"

    def __init__(
        self, name: str | None = "root_mean_squared_error", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(name, dtype)

    def values(self, y_true, y_pred):
        return np.square(y_pred - same_axes(y_true, y_pred))

    def result(self):
        return math.sqrt(super().result())


@registry.register("r2_score")
class R2Score(Metric):
    """1 - sum of (y_true - y_pred)^2 / sum of (y_true - mean of y_true)^2, for (n, outputs).

    Args:
        class_aggregation: "uniform_average" over the outputs, "variance_weighted_average", or None
            for one score per output.
        num_regressors: number of predictors, for the adjusted score; 0 for the unadjusted one.
        name: a string.
    """

    direction = "up"
    state_names = ("_sums",)
    AGGREGATIONS = ("uniform_average", "variance_weighted_average", None)

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in self.AGGREGATIONS:
            raise ValueError(
                f"The argument `class_aggregation` must be in {self.AGGREGATIONS}. "
                f"Received class_aggregation={class_aggregation!r}."
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = check_count(num_regressors, "num_regressors", minimum=0)
        self.reset_state()

    def reset_state(self):
        self._sums = None  # rows: weights, targets, squared targets, squared errors, counts

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = np.asarray(y_pred, np.float64)
        y_true, y_pred = same_rank(np.asarray(y_true, np.float64), y_pred)
        if y_pred.ndim != 2 or y_true.shape != y_pred.shape:
            raise ValueError(
                "R2Score takes targets and predictions of shape (n, outputs). "
                f"Received shapes {y_true.shape} and {y_pred.shape}."
            )
        ones = np.ones(len(y_pred)) if sample_weight is None else sample_weight
        weights = weights_like(y_pred, ones)
        terms = (weights, weights * y_true, weights * y_true**2, weights * (y_true - y_pred) ** 2)
        terms = np.stack([*terms, np.ones_like(weights)])
        self._sums = accumulated(self._sums, terms)

    def result(self):
        if self._sums is None:
            return 0.0
        weight, total, squares, errors, counts = self._sums
        spread = squares - total * total / weight
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = 1 - errors / spread
        scores[np.isinf(scores)] = 0
        if self.class_aggregation == "uniform_average":
            scores = float(scores.mean())
        elif self.class_aggregation == "variance_weighted_average":
            scores = float((scores * spread).sum() / spread.sum())
        degrees = counts.sum() - self.num_regressors - 1
        if self.num_regressors and degrees > 0:
            scores = 1 - (1 - scores) * (counts.sum() - 1) / degrees
        return scores

    def get_config(self):
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
