"""The circle loss: embeddings of one class together, those of other classes apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_number
from fastcnn.core.tensor import tensor
from fastcnn.losses.base import registry
from fastcnn.losses.batch import BatchLoss

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray


@registry.register("circle")
class Circle(BatchLoss):
    """log(1 + sum over others of exp(a) * sum over the same class of exp(b))   (Sun et al. 2020)

        d = 1 - cosine of two embeddings, at least 0
        a = gamma max(1 + margin - d, 0) (1 - margin - d)      for a sample of another class
        b = -gamma max(margin + d, 0) (margin - d)             for a sample of the same class

    Embeddings have unit length (`layers.UnitNormalization`). Samples with a loss of 0, such as
    those without another one of their class, do not count in the mean.

    Args:
        gamma: float, the scale.
        margin: float, in [0, 1].
        remove_diagonal: whether a sample is not compared with itself.
        reduction, name, dtype: see `Loss`.

    Shapes: y_true (n,) or (n, 1), integers; y_pred (n, size).
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.gamma = check_number(gamma, "gamma")
        self.margin = check_number(margin, "margin")
        self.remove_diagonal = bool(remove_diagonal)

    def is_by_sample(self, shape):
        return True

    def check_output(self, output_shape):
        if len(output_shape) != 2:
            raise ValueError(
                f"{self.name} takes embeddings of shape (n, size). Received the output shape "
                f"{output_shape}."
            )

    def prepare(self, y, output_shape):
        self.check_output(output_shape)
        y = np.asarray(y)
        labels = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        if labels.ndim != 1 or labels.dtype.kind not in "iubf":
            raise ValueError(
                f"{self.name} takes one integer label for each sample. Received targets of shape "
                f"{y.shape} and dtype {y.dtype}."
            )
        return labels.astype(np.int64)

    def counted_values(self, values):
        return values > 0

    def values(self, y_true, y_pred):
        return self.compare(y_true, y_pred, y_true, y_pred)

    def compare(self, labels, embeddings, other_labels, others):
        """The loss of each sample, compared with the `others`."""
        _, same, other, *_ = self._pairs(labels, embeddings, other_labels, others)
        return np.logaddexp(0, _log_sum(same) + _log_sum(other))

    def _pairs(self, labels, embeddings, other_labels, others):
        """(cosine is at most 1, b or -infinity, a or -infinity, the derivatives of b and a by d)"""
        raw = 1 - embeddings @ others.T
        d = np.maximum(raw, 0)
        is_same = labels[:, None] == other_labels[None]
        is_other = ~is_same
        if self.remove_diagonal:
            is_same &= ~np.eye(*is_same.shape, dtype=bool)
        same_weight = np.maximum(self.margin + d, 0)
        other_weight = np.maximum(1 + self.margin - d, 0)
        same = -self.gamma * same_weight * (self.margin - d)
        other = self.gamma * other_weight * (1 - self.margin - d)
        slope_same = -self.gamma * ((self.margin - d) * (self.margin + d >= 0) - same_weight)
        slope_other = -self.gamma * (
            (1 - self.margin - d) * (1 + self.margin - d >= 0) + other_weight
        )
        never = np.array(-np.inf, raw.dtype)
        same, other = np.where(is_same, same, never), np.where(is_other, other, never)
        return raw >= 0, same, other, slope_same, slope_other

    def gradient(self, y_true, y_pred, scale):
        is_open, same, other, slope_same, slope_other = self._pairs(y_true, y_pred, y_true, y_pred)
        total = _log_sum(same) + _log_sum(other)
        outer = scale * (0.5 * np.tanh(0.5 * total) + 0.5)
        by_distance = _softmax(same) * slope_same + _softmax(other) * slope_other
        by_cosine = np.where(is_open, -outer[:, None] * by_distance, 0).astype(y_pred.dtype)
        return by_cosine @ y_pred + by_cosine.T @ y_pred

    def get_config(self):
        return {
            **super().get_config(),
            "gamma": self.gamma,
            "margin": self.margin,
            "remove_diagonal": self.remove_diagonal,
        }


def circle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> NDArray:
    """The circle loss of each sample, also compared with other embeddings. See `Circle`.

    Args:
        y_true: integer labels (n,) or (n, 1).
        y_pred: embeddings (n, size).
        ref_labels, ref_embeddings: labels (m,) and embeddings (m, size) to compare with, by default
            the samples themselves.
        remove_diagonal, gamma, margin: see `Circle`.
    """
    loss = Circle(gamma, margin, remove_diagonal, reduction=None)
    embeddings = np.asarray(y_pred)
    if embeddings.dtype.kind != "f":
        embeddings = embeddings.astype(loss.dtype)
    labels = loss.prepare(y_true, embeddings.shape)
    others = embeddings if ref_embeddings is None else np.asarray(ref_embeddings, embeddings.dtype)
    other_labels = labels if ref_labels is None else loss.prepare(ref_labels, others.shape)
    with np.errstate(all="ignore"):
        return tensor(loss.compare(labels, embeddings, other_labels, others))


circle.loss_class = Circle  # type: ignore[attr-defined]
Circle.as_function = staticmethod(circle)


def _log_sum(terms):
    """log(sum of exp(terms)) of each row; -infinity for a row without terms."""
    largest = terms.max(1, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(terms - largest).sum(1)) + largest[:, 0]


def _softmax(terms):
    """The softmax of each row; 0 for a row without terms."""
    largest = terms.max(1, keepdims=True)
    powers = np.exp(terms - np.where(np.isfinite(largest), largest, 0))
    total = powers.sum(1, keepdims=True)
    return powers / np.where(total == 0, 1, total)
