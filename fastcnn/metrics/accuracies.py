"""Accuracies: how often a prediction is correct, or the label is among the top k."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_count, check_number, refuse
from fastcnn.metrics.base import CountMetric, MeanMetric, function_of, registry, same_axes

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


@registry.register("accuracy", "acc", "Accuracy")
class Accuracy(CountMetric):
    """How often y_pred equals y_true.

    The string in `metrics=["accuracy"]` selects the sparse, categorical or binary form that fits
    the model's output and the targets.
    """

    def __init__(self, name: str | None = "accuracy", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)

    def values(self, y_true, y_pred):
        return same_axes(y_true, y_pred) == y_pred


@registry.register("sparse_categorical_accuracy")
class SparseCategoricalAccuracy(CountMetric):
    """How often the argmax of y_pred (n, ..., classes) equals the label y_true (n, ...)."""

    def __init__(
        self, name: str | None = "sparse_categorical_accuracy", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(name, dtype)

    def values(self, y_true, y_pred):
        return y_pred.argmax(-1) == _labels(y_true, y_pred)


@registry.register("categorical_accuracy")
class CategoricalAccuracy(CountMetric):
    """How often the argmax of y_pred equals the argmax of y_true; both (n, ..., classes)."""

    def __init__(
        self, name: str | None = "categorical_accuracy", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(name, dtype)

    def values(self, y_true, y_pred):
        return y_pred.argmax(-1) == y_true.argmax(-1)


@registry.register("binary_accuracy")
class BinaryAccuracy(MeanMetric):
    """How often y_pred > threshold equals y_true; mean over the last axis."""

    direction = "up"

    def __init__(
        self,
        name: str | None = "binary_accuracy",
        dtype: DTypeLike | None = None,
        threshold: float = 0.5,
    ) -> None:
        threshold = threshold if threshold is None else check_number(threshold, "threshold")
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(
                f"The argument `threshold` must be in (0, 1). Received threshold={threshold!r}."
            )
        super().__init__(name, dtype)
        self.threshold = threshold

    def values(self, y_true, y_pred):
        return same_axes(y_true, y_pred) == (y_pred > self.threshold)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


class _TopK(CountMetric):
    """Base of both: a hit has fewer than k predictions above that of the label.

    A label outside [0, classes) never counts as a hit.
    """

    def __init__(self, k, name, dtype):
        super().__init__(name, dtype)
        self.k = check_count(k, "k")

    def get_config(self):
        return {**super().get_config(), "k": self.k}

    def _is_in_top_k(self, labels, y_pred):
        if labels.shape != y_pred.shape[:-1]:
            raise ValueError(
                f"{type(self).__name__} takes one label for each of the predictions, shape "
                f"{y_pred.shape[:-1]}. Received labels of shape {labels.shape}."
            )
        classes = y_pred.shape[-1]
        is_class = (labels >= 0) & (labels < classes)
        at_label = np.take_along_axis(y_pred, np.where(is_class, labels, 0)[..., None], -1)
        above = np.count_nonzero(y_pred > at_label, axis=-1)
        return (above < self.k) & np.isfinite(at_label[..., 0]) & is_class


@registry.register("top_k_categorical_accuracy")
class TopKCategoricalAccuracy(_TopK):
    """How often the argmax of y_true is among the top k of y_pred; both (n, ..., classes).

    Args:
        k: a positive integer.
        name: a string.
    """

    def __init__(
        self,
        k: int = 5,
        name: str | None = "top_k_categorical_accuracy",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(k, name, dtype)

    def values(self, y_true, y_pred):
        return self._is_in_top_k(y_true.argmax(-1), y_pred)


@registry.register("sparse_top_k_categorical_accuracy")
class SparseTopKCategoricalAccuracy(_TopK):
    """How often the label y_true (n, ...) is among the top k of y_pred (n, ..., classes).

    Args:
        k: a positive integer.
        name: a string.
        from_sorted_ids: must be False.
    """

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: DTypeLike | None = None,
        from_sorted_ids: bool = False,
    ) -> None:
        refuse(from_sorted_ids, "from_sorted_ids", False)
        super().__init__(k, name, dtype)

    def values(self, y_true, y_pred):
        return self._is_in_top_k(_labels(y_true, y_pred).astype(np.int64), y_pred)


def _labels(y_true, y_pred):
    return y_true[..., 0] if y_true.ndim == y_pred.ndim else y_true


binary_accuracy = function_of(BinaryAccuracy)
categorical_accuracy = function_of(CategoricalAccuracy)
sparse_categorical_accuracy = function_of(SparseCategoricalAccuracy)
top_k_categorical_accuracy = function_of(TopKCategoricalAccuracy)
sparse_top_k_categorical_accuracy = function_of(SparseTopKCategoricalAccuracy)
