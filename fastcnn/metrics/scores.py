"""AUC and F scores: the quality of a classifier as a single value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import activations, config
from fastcnn.core.arguments import check_count, check_list, check_number, check_optional_count
from fastcnn.data.targets import same_rank
from fastcnn.metrics.base import Metric, accumulated, registry, weights_like
from fastcnn.metrics.confusion import ConfusionMetric, even_thresholds, fraction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

CURVES = ("ROC", "PR")
SUMMATIONS = ("interpolation", "majoring", "minoring")


@registry.register("auc")
class AUC(ConfusionMetric):
    """Area under the ROC or precision-recall curve, approximated at a number of thresholds.

    Args:
        num_thresholds: number of thresholds, evenly spaced from 0 to 1.
        curve: "ROC" (true positive rate over false positive rate) or "PR" (precision over recall).
        summation_method: "interpolation" (trapezoids; for PR as in Davis & Goadrich 2006),
            "minoring" or "majoring".
        name: a string.
        thresholds: list of floats in [0, 1] instead of `num_thresholds`.
        multi_label: whether to average the areas of one curve per column of (n, labels).
        num_labels: the expected number of columns.
        label_weights: list of one weight per column.
        from_logits: whether predictions are logits (before sigmoid).
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: DTypeLike | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: ArrayLike | None = None,
        from_logits: bool = False,
    ) -> None:
        for value, valid, argument in (
            (curve, (*CURVES, "roc", "pr"), "curve"),
            (summation_method, SUMMATIONS, "summation_method"),
        ):
            if value not in valid:
                raise ValueError(
                    f"The argument `{argument}` must be in {valid}. Received {argument}={value!r}."
                )
        if num_labels and not multi_label:
            raise ValueError("The argument `num_labels` is only for multi_label=True.")
        if thresholds is None:
            check_count(num_thresholds, "num_thresholds", 2)
            inner = even_thresholds(num_thresholds)[1:-1]
        else:
            check_list(thresholds, "thresholds")
            inner = sorted(check_number(threshold, "thresholds") for threshold in thresholds)
        ends = -config.epsilon(), 1 + config.epsilon()  # so that 0 and 1 are strictly inside
        super().__init__([ends[0], *inner, ends[1]], name, dtype)
        self._from_thresholds = thresholds is not None
        self.num_thresholds = len(self.thresholds)
        self.curve = curve.upper()
        self.summation_method = summation_method
        self.multi_label = self.per_label = bool(multi_label)
        self.num_labels = check_optional_count(num_labels, "num_labels")
        self.label_weights = None
        if label_weights is not None:
            weights = check_list(label_weights, "label_weights")
            weights = [check_number(weight, "label_weights") for weight in weights]
            self.label_weights = np.array(weights, float)
        self.from_logits = bool(from_logits)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = same_rank(np.asarray(y_true), np.asarray(y_pred))
        if self.multi_label and (
            y_pred.ndim != 2 or self.num_labels not in (None, y_pred.shape[1])
        ):
            raise ValueError(
                f"AUC with multi_label takes predictions (n, {self.num_labels or 'labels'}). "
                f"Received shape {y_pred.shape}."
            )
        if self.from_logits:
            y_pred = activations.sigmoid(y_pred)
        super().update_state(y_true, y_pred, sample_weight)

    def result(self):
        if self.curve == "ROC":
            areas = self._areas(fraction(self.false_positives, self.true_negatives), self.recalls())
        elif self.summation_method == "interpolation":
            areas = self._interpolated_precision_recall()
        else:
            areas = self._areas(self.recalls(), self.precisions())
        if self.multi_label and self.label_weights is not None:
            return float((areas * self.label_weights).sum() / self.label_weights.sum())
        return float(areas.mean())

    def _areas(self, x, y):
        """(labels,): the area under each curve, whose x decreases from threshold to threshold."""
        combine = {
            "interpolation": lambda a, b: (a + b) / 2,
            "minoring": np.minimum,
            "majoring": np.maximum,
        }[self.summation_method]
        heights = combine(y[:, :-1], y[:, 1:])
        return ((x[:, :-1] - x[:, 1:]) * heights).sum(axis=1)

    def _interpolated_precision_recall(self):
        """Between two thresholds, true positives grow linearly with all positives.

        With p = all positives and t = a + s p = true positives, the area is the integral of t / p
        over t / (all true targets): s (dt + a log(p1 / p2)) / (all true targets).
        """
        true = self.true_positives
        positives = true + self.false_positives
        first, second = positives[:, :-1], positives[:, 1:]
        growth = true[:, :-1] - true[:, 1:]
        step = np.maximum(first - second, 0)
        slope = np.divide(growth, step, out=np.zeros(step.shape), where=step != 0)
        intercept = true[:, 1:] - slope * second
        both = (first > 0) & (second > 0)
        ratio = np.divide(first, second, out=np.ones(first.shape), where=both)
        targets = np.maximum(true[:, 1:] + self.false_negatives[:, 1:], 0)
        area = slope * (growth + intercept * np.log(ratio))
        return np.divide(area, targets, out=np.zeros(area.shape), where=targets != 0).sum(axis=1)

    def get_config(self):
        own = {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self.from_logits,
        }
        if self._from_thresholds:
            own["thresholds"] = self.thresholds[1:-1]
        return {**super().get_config(), **own}


@registry.register("fbeta_score")
class FBetaScore(Metric):
    """(1 + beta^2) precision * recall / (beta^2 precision + recall), for (n, classes).

    Args:
        average: None for one score per class, "micro" over all elements, "macro" for the mean over
            the classes, "weighted" for their mean weighted by class frequency.
        beta: a positive float.
        threshold: predictions above it are positive; None selects the largest of each sample.
        name: a string.
    """

    direction = "up"
    state_names = ("_sums",)
    AVERAGES = (None, "micro", "macro", "weighted")

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in self.AVERAGES:
            raise ValueError(
                f"The argument `average` must be in {self.AVERAGES}. Received average={average!r}."
            )
        beta = check_number(beta, "beta")
        if not beta > 0:
            raise ValueError(f"The argument `beta` must be > 0. Received beta={beta!r}.")
        threshold = threshold if threshold is None else check_number(threshold, "threshold")
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(
                "The argument `threshold` must be None or in (0, 1]. "
                f"Received threshold={threshold!r}."
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.reset_state()

    def reset_state(self):
        self._sums = None  # rows: true positives, false positives, false negatives

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = np.asarray(y_true, np.float64), np.asarray(y_pred)
        if y_pred.ndim != 2 or y_true.shape != y_pred.shape:
            raise ValueError(
                f"{type(self).__name__} takes targets and predictions of shape (n, classes). "
                f"Received shapes {y_true.shape} and {y_pred.shape}."
            )
        if self.threshold is None:
            positive = (y_pred >= y_pred.max(1, keepdims=True)) & (np.abs(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        ones = np.ones(len(y_pred)) if sample_weight is None else sample_weight
        weights = weights_like(y_pred, ones)
        terms = np.stack([positive * y_true, positive * (1 - y_true), (1 - positive) * y_true])
        self._sums = accumulated(self._sums, terms * weights)

    def result(self):
        if self._sums is None:
            return 0.0
        sums, epsilon = self._sums, config.epsilon()
        if self.average == "micro":
            sums = sums.sum(axis=1, keepdims=True)
        hits, false_alarms, misses = sums
        precision, recall = hits / (hits + false_alarms + epsilon), hits / (hits + misses + epsilon)
        factor = self.beta**2
        scores = (1 + factor) * precision * recall / (factor * precision + recall + epsilon)
        if self.average == "weighted":
            occurrences = hits + misses
            return float((scores * occurrences / (occurrences.sum() + epsilon)).sum())
        return scores if self.average is None else float(scores.mean())

    def get_config(self):
        return {
            **super().get_config(),
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
        }


@registry.register("f1_score")
class F1Score(FBetaScore):
    """`FBetaScore` with beta 1: the harmonic mean of precision and recall.

    Args:
        average, threshold: see `FBetaScore`.
        name: a string.
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return config
