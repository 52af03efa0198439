"""Metrics built on the confusion matrix: precision, recall, and one rate at another.

All of them keep two histograms, one for true and one for false targets: how many predictions (or
how much sample weight) exceeded exactly 0, 1, 2, ... of the thresholds. Everything else is computed
from them. They are accumulated in float64, sample by sample, so results do not depend on how the
samples are split into batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config
from fastcnn.core.arguments import check_count, check_number, check_optional_count
from fastcnn.data.targets import same_rank
from fastcnn.metrics.base import Metric, check_same_classes, registry, weights_like

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import DTypeLike, NDArray

BELOW_ALL = -1e10  # rebins the predictions that are not in the top k


class ConfusionMetric(Metric):
    """Base class: the histograms over `thresholds`, and the four counts per threshold.

    Attributes:
        thresholds: list of floats in the user's order.
        counts: (2, labels, thresholds + 1) float64; [0] false targets, [1] true ones.
    """

    direction: str | None = "up"
    state_names = ("counts",)
    top_k: int | None = None
    class_id: int | None = None
    label_weights: NDArray | None = None
    per_label = False

    def __init__(self, thresholds, name=None, dtype=None):
        super().__init__(dtype, name)
        self.thresholds = thresholds
        self._sorted = np.sort(np.asarray(thresholds, np.float64))
        self._ranks = np.searchsorted(self._sorted, thresholds)
        self._is_even = is_evenly_distributed(thresholds)
        self.reset_state()

    def reset_state(self):
        self.counts = None

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = np.asarray(y_pred)
        is_double = "float64" in (y_pred.dtype.name, self.dtype)
        y_pred = y_pred.astype(np.float64 if is_double else np.float32, copy=False)
        y_true, y_pred = same_rank(np.asarray(y_true), y_pred)
        if y_true.shape != y_pred.shape:
            raise ValueError(
                f"{type(self).__name__} takes targets of the predictions' shape {y_pred.shape}. "
                f"Received shape {y_true.shape}."
            )
        if self.top_k is not None:
            y_pred = only_top_k(y_pred, self.top_k)
        if self.class_id is not None:
            y_true, y_pred = (array[..., self.class_id, None] for array in (y_true, y_pred))
        ones = np.ones(len(y_pred)) if sample_weight is None else sample_weight
        weights = weights_like(y_pred, ones)
        if self.label_weights is not None and not self.per_label:
            weights = weights * self.label_weights
        labels = y_pred.shape[-1] if self.per_label else 1
        exceeded = self._exceeded(y_pred).reshape(-1, labels)
        is_true = (y_true != 0).reshape(-1, labels)
        self._add(exceeded, is_true, weights.reshape(-1, labels))

    def _add(self, exceeded, is_true, weights):
        """Add each prediction to its bin of the histograms, sample by sample."""
        labels = exceeded.shape[1]
        shape = (2, labels, len(self.thresholds) + 1)
        if self.counts is None:
            self.counts = np.zeros(shape)
        check_same_classes(labels, self.counts.shape[1])
        bins = (is_true * labels + np.arange(labels)) * shape[2] + exceeded
        np.add.at(self.counts.reshape(-1), bins.reshape(-1), weights.reshape(-1))

    def _exceeded(self, y_pred):
        """How many thresholds each prediction is above."""
        if not self._is_even:
            return np.searchsorted(self._sorted.astype(y_pred.dtype), y_pred, side="left")
        steps = len(self.thresholds) - 1  # as in Keras, for identical rounding
        exceeded = np.ceil(np.clip(y_pred, 0, 1) * y_pred.dtype.type(steps))
        exceeded = np.where(np.isnan(exceeded), 0, exceeded).astype(np.int64)
        if self._sorted[0] < 0 or self._sorted[-1] > 1:
            exceeded = np.maximum(exceeded, 1)
        return exceeded

    def _positives(self, truth):
        """(labels, thresholds): predictions above each threshold, for true or false targets."""
        counts = np.zeros((1, len(self.thresholds) + 1)) if self.counts is None else self.counts
        counts = counts[truth] if self.counts is not None else counts
        return np.cumsum(counts[:, ::-1], axis=1)[:, ::-1][:, 1:][:, self._ranks]

    def _total(self, truth):
        """(labels, 1): the number of true or false targets."""
        return 0.0 if self.counts is None else self.counts[truth].sum(axis=1, keepdims=True)

    @property
    def true_positives(self):
        return self._positives(1)

    @property
    def false_positives(self):
        return self._positives(0)

    @property
    def true_negatives(self):
        return self._total(0) - self._positives(0)

    @property
    def false_negatives(self):
        return self._total(1) - self._positives(1)

    def precisions(self):
        return fraction(self.true_positives, self.false_positives)

    def recalls(self):
        return fraction(self.true_positives, self.false_negatives)

    def specificities(self):
        return fraction(self.true_negatives, self.false_positives)

    def _one_or_all(self, values):
        """A float for one threshold, else one value per threshold."""
        return float(values[0, 0]) if len(self.thresholds) == 1 else values[0]


class _Thresholds(ConfusionMetric):
    """Base of the metrics with an argument `thresholds`: a float, a list, or None for 0.5."""

    default = 0.5  # the threshold used for None

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        values: Any = self.default if thresholds is None else thresholds
        is_list = isinstance(values, (list, tuple, np.ndarray))
        values = [check_number(t, "thresholds") for t in (values if is_list else [values])]
        for threshold in values:
            if not (0 <= threshold <= 1 or threshold == BELOW_ALL):
                raise ValueError(
                    "The argument `thresholds` must be floats in [0, 1]. "
                    f"Received thresholds={thresholds!r}."
                )
        super().__init__(values, name, dtype)
        if thresholds is not None:
            thresholds = values if is_list else values[0]
        self.init_thresholds = thresholds

    def get_config(self):
        return {**super().get_config(), "thresholds": self.init_thresholds}


@registry.register("true_positives")
class TruePositives(_Thresholds):
    """Number of true targets with a prediction above the threshold.

    Args:
        thresholds: float or list of floats; None is 0.5.
        name: a string.
    """

    direction = None

    def result(self):
        return self._one_or_all(self.true_positives)


@registry.register("false_positives")
class FalsePositives(TruePositives):
    """Number of false targets with a prediction above the threshold. Args: see `TruePositives`."""

    def result(self):
        return self._one_or_all(self.false_positives)


@registry.register("true_negatives")
class TrueNegatives(TruePositives):
    """Number of false targets with no prediction above the threshold. Args: see `TruePositives`."""

    def result(self):
        return self._one_or_all(self.true_negatives)


@registry.register("false_negatives")
class FalseNegatives(TruePositives):
    """Number of true targets with no prediction above the threshold. Args: see `TruePositives`."""

    def result(self):
        return self._one_or_all(self.false_negatives)


@registry.register("precision")
class Precision(_Thresholds):
    """true positives / (true positives + false positives)

    Args:
        thresholds: float or list of floats above which a prediction is positive; None is 0.5, or
            no threshold with `top_k`.
        top_k: only the k largest predictions of a sample can be positive.
        class_id: use only this column.
        name: a string.
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if top_k is not None:
            self.default = BELOW_ALL
        super().__init__(thresholds, name, dtype)
        self.top_k = check_optional_count(top_k, "top_k")
        self.class_id = check_class(class_id)

    def result(self):
        return self._one_or_all(self.precisions())

    def get_config(self):
        return {**super().get_config(), "top_k": self.top_k, "class_id": self.class_id}


@registry.register("recall")
class Recall(Precision):
    """true positives / (true positives + false negatives). Args: see `Precision`."""

    def result(self):
        return self._one_or_all(self.recalls())


class _At(ConfusionMetric):
    """Base of the metrics that maximize one rate while another is at least `value`."""

    argument = ""

    def __init__(self, value, num_thresholds=200, class_id=None, name=None, dtype=None):
        value = check_number(value, self.argument)
        if not 0 <= value <= 1:
            raise ValueError(
                f"The argument `{self.argument}` must be in [0, 1]. "
                f"Received {self.argument}={value!r}."
            )
        super().__init__(even_thresholds(num_thresholds), name, dtype)
        self.value = value
        self.num_thresholds = len(self.thresholds)
        self.class_id = check_class(class_id)

    def best(self, rates, where):
        """The largest of `rates` over the thresholds at which `where` is at least the value."""
        return float(np.max(rates, where=where >= self.value, initial=0))

    def get_config(self):
        return {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
            self.argument: self.value,
        }


@registry.register("sensitivity_at_specificity")
class SensitivityAtSpecificity(_At):
    """The largest sensitivity (recall) at which the specificity is at least `specificity`.

    Args:
        specificity: in [0, 1].
        num_thresholds: number of thresholds, evenly spaced from 0 to 1.
        class_id: use only this column.
        name: a string.
    """

    argument = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def result(self):
        return self.best(self.recalls(), self.specificities())


@registry.register("specificity_at_sensitivity")
class SpecificityAtSensitivity(_At):
    """The largest specificity at which the sensitivity is at least `sensitivity`."""

    argument = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def result(self):
        return self.best(self.specificities(), self.recalls())


@registry.register("precision_at_recall")
class PrecisionAtRecall(_At):
    """The largest precision at which the recall is at least `recall`."""

    argument = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def result(self):
        return self.best(self.precisions(), self.recalls())


@registry.register("recall_at_precision")
class RecallAtPrecision(_At):
    """The largest recall at which the precision is at least `precision`."""

    argument = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def result(self):
        return self.best(self.recalls(), self.precisions())


def fraction(part, rest):
    """part / (part + rest), 0 where both are 0."""
    total = part + rest
    return np.divide(part, total, out=np.zeros(total.shape), where=total != 0)


def check_class(class_id):
    """`class_id` as None or an int."""
    return None if class_id is None else check_count(class_id, "class_id", minimum=0)


def even_thresholds(count):
    """`count` thresholds, evenly spaced from 0 to 1; [0.5] for a count of 1."""
    check_count(count, "num_thresholds")
    return [0.5] if count == 1 else [index / (count - 1) for index in range(count)]


def is_evenly_distributed(thresholds):
    """Whether these are evenly spaced from 0 to 1, up to rounding."""
    count = len(thresholds)
    even = np.linspace(0, 1, count, dtype=np.float32)
    return count >= 3 and np.allclose(thresholds, even, atol=config.epsilon())


def only_top_k(y_pred, k):
    """Predictions with all but the top k of each sample set far below every threshold."""
    order = np.argsort(-y_pred, axis=-1, kind="stable")
    kept = np.zeros(y_pred.shape, bool)
    np.put_along_axis(kept, order[..., :k], True, axis=-1)
    return np.where(kept, y_pred, y_pred.dtype.type(BELOW_ALL))
