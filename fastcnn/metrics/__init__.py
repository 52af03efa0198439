"""Metrics: values reported alongside the loss.

    >>> import numpy as np
    >>> from fastcnn import metrics
    >>> accuracy = metrics.SparseCategoricalAccuracy()
    >>> accuracy.update_state(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]))
    >>> accuracy.result()
    0.5

A metric accumulates samples (`update_state`), returns the result so far (`result`) and can be reset
(`reset_state`). Sums are accumulated sample by sample in float64, so a result does not depend on
how the samples are split into batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.lazy import OLD_NAMES, attach
from fastcnn.metrics.accuracies import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from fastcnn.metrics.base import (
    FunctionMetric,
    Mean,
    Metric,
    Sum,
    is_function,
    registry,
    sequential_sum,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from fastcnn.core.types import Config, CustomObjects
    from fastcnn.metrics.confusion import (
        FalseNegatives as FalseNegatives,
        FalsePositives as FalsePositives,
        Precision as Precision,
        PrecisionAtRecall as PrecisionAtRecall,
        Recall as Recall,
        RecallAtPrecision as RecallAtPrecision,
        SensitivityAtSpecificity as SensitivityAtSpecificity,
        SpecificityAtSensitivity as SpecificityAtSensitivity,
        TrueNegatives as TrueNegatives,
        TruePositives as TruePositives,
    )
    from fastcnn.metrics.correlation import (
        ConcordanceCorrelation as ConcordanceCorrelation,
        PearsonCorrelation as PearsonCorrelation,
        concordance_correlation as concordance_correlation,
        pearson_correlation as pearson_correlation,
    )
    from fastcnn.metrics.errors import (
        BinaryCrossentropy as BinaryCrossentropy,
        CategoricalCrossentropy as CategoricalCrossentropy,
        CategoricalHinge as CategoricalHinge,
        CosineSimilarity as CosineSimilarity,
        Hinge as Hinge,
        KLDivergence as KLDivergence,
        LogCoshError as LogCoshError,
        MeanAbsoluteError as MeanAbsoluteError,
        MeanAbsolutePercentageError as MeanAbsolutePercentageError,
        MeanSquaredError as MeanSquaredError,
        MeanSquaredLogarithmicError as MeanSquaredLogarithmicError,
        Poisson as Poisson,
        R2Score as R2Score,
        RootMeanSquaredError as RootMeanSquaredError,
        SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
        SquaredHinge as SquaredHinge,
        binary_crossentropy as binary_crossentropy,
        binary_focal_crossentropy as binary_focal_crossentropy,
        categorical_crossentropy as categorical_crossentropy,
        categorical_focal_crossentropy as categorical_focal_crossentropy,
        categorical_hinge as categorical_hinge,
        hinge as hinge,
        huber as huber,
        kl_divergence as kl_divergence,
        log_cosh as log_cosh,
        mean_absolute_error as mean_absolute_error,
        mean_absolute_percentage_error as mean_absolute_percentage_error,
        mean_squared_error as mean_squared_error,
        mean_squared_logarithmic_error as mean_squared_logarithmic_error,
        poisson as poisson,
        sparse_categorical_crossentropy as sparse_categorical_crossentropy,
        squared_hinge as squared_hinge,
    )
    from fastcnn.metrics.iou import (
        BinaryIoU as BinaryIoU,
        IoU as IoU,
        MeanIoU as MeanIoU,
        OneHotIoU as OneHotIoU,
        OneHotMeanIoU as OneHotMeanIoU,
    )
    from fastcnn.metrics.scores import (
        AUC as AUC,
        F1Score as F1Score,
        FBetaScore as FBetaScore,
    )
    from fastcnn.metrics.wrapper import MeanMetricWrapper as MeanMetricWrapper

    # The names of `lazy.OLD_NAMES`.
    kld: Callable[..., NDArray]
    KLD: Callable[..., NDArray]
    kullback_leibler_divergence: Callable[..., NDArray]
    mae: Callable[..., NDArray]
    MAE: Callable[..., NDArray]
    mape: Callable[..., NDArray]
    MAPE: Callable[..., NDArray]
    mse: Callable[..., NDArray]
    MSE: Callable[..., NDArray]
    msle: Callable[..., NDArray]
    MSLE: Callable[..., NDArray]
    logcosh: Callable[..., NDArray]


PARTS = {
    "confusion": (
        "FalseNegatives",
        "FalsePositives",
        "Precision",
        "PrecisionAtRecall",
        "Recall",
        "RecallAtPrecision",
        "SensitivityAtSpecificity",
        "SpecificityAtSensitivity",
        "TrueNegatives",
        "TruePositives",
    ),
    "errors": (
        "BinaryCrossentropy",
        "CategoricalCrossentropy",
        "CategoricalHinge",
        "CosineSimilarity",
        "Hinge",
        "KLDivergence",
        "LogCoshError",
        "MeanAbsoluteError",
        "MeanAbsolutePercentageError",
        "MeanSquaredError",
        "MeanSquaredLogarithmicError",
        "Poisson",
        "R2Score",
        "RootMeanSquaredError",
        "SparseCategoricalCrossentropy",
        "SquaredHinge",
        "binary_crossentropy",
        "binary_focal_crossentropy",
        "categorical_crossentropy",
        "categorical_focal_crossentropy",
        "categorical_hinge",
        "hinge",
        "huber",
        "kl_divergence",
        "log_cosh",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_squared_error",
        "mean_squared_logarithmic_error",
        "poisson",
        "sparse_categorical_crossentropy",
        "squared_hinge",
    ),
    "correlation": (
        "ConcordanceCorrelation",
        "PearsonCorrelation",
        "concordance_correlation",
        "pearson_correlation",
    ),
    "iou": ("BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"),
    "wrapper": ("MeanMetricWrapper",),
    "scores": ("AUC", "F1Score", "FBetaScore"),
}
if not TYPE_CHECKING:  # to a type checker only the names above exist
    __getattr__, __dir__ = attach(__name__, PARTS, OLD_NAMES)

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "FunctionMetric",
    "Mean",
    "Metric",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "Sum",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "check_metrics",
    "deserialize",
    "get",
    "registry",
    "resolve",
    "sequential_sum",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def get(identifier: Any) -> Metric | None:
    """A metric from a name, config, class, instance or function of (y_true, y_pred).

    Raises:
        ValueError: an unknown name; the error lists the valid ones.
    """
    identifier = getattr(identifier, "metric_class", identifier)
    if is_function(identifier):
        return FunctionMetric(identifier)
    return registry.get(identifier, Metric)


def check_metrics(metrics):
    """The metrics of one output as a list: strings unchanged, everything else as a `Metric`.

    Raises:
        ValueError: an unknown metric; raised here rather than in `fit`.
    """
    if metrics is None:
        return []
    if isinstance(metrics, dict) and "class_name" not in metrics:
        raise ValueError(f"The metrics of an output must be a list. Received {metrics!r}.")
    metrics = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    for index, metric in enumerate(metrics):
        if metric is None:
            raise ValueError(f"A metric must not be None. Received metrics={metrics!r}.")
        if isinstance(metric, str):
            registry.lookup(metric)
        else:
            metrics[index] = get(metric)
    return metrics


def resolve(identifier, target_shape, output_shape):
    """The metric for `identifier`; the shapes of targets and output select the form of "accuracy".

    It is binary for an output of size 1, sparse for targets without the axis of the classes, and
    categorical otherwise. A string is also used as the name of the metric.
    """
    if not isinstance(identifier, str):
        return get(identifier)
    if identifier.lower() in ("accuracy", "acc"):
        if output_shape[-1] == 1:
            metric_class = BinaryAccuracy
        elif len(target_shape) < len(output_shape) or target_shape[-1] == 1:
            metric_class = SparseCategoricalAccuracy
        else:
            metric_class = CategoricalAccuracy
    else:
        metric_class = registry.lookup(identifier)
    return metric_class(name=identifier)


def direction(identifier):
    """Whether "up" or "down" is better for a metric as passed to `compile`, or None."""
    if isinstance(identifier, str):
        return registry.lookup(identifier).direction
    return identifier.direction


def serialize(metric: Metric) -> Config | None:
    """A metric as a dictionary in the format of Keras."""
    return registry.serialize(metric)


def deserialize(config: Config, custom_objects: CustomObjects = None) -> Metric:
    """The metric described by a dictionary from `serialize`."""
    return registry.deserialize(config, custom_objects)
