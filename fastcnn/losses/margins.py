"""Hinge losses: a margin of 1 between correct and wrong.

`Hinge` and `SquaredHinge` take targets of -1 and 1. If all targets of a batch are 0 or 1, 0 counts
as -1, as in Keras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.losses.base import Loss, function_of, registry

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


@registry.register("hinge")
class Hinge(Loss):
    """mean over the last axis of max(1 - y_true * y_pred, 0)"""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "hinge",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def values(self, y_true, y_pred):
        return np.maximum(1 - _signs(y_true) * y_pred, 0).mean(1)

    def gradient(self, y_true, y_pred):
        signs = _signs(y_true)
        return np.where(1 - signs * y_pred < 0, 0, -signs) / y_pred.shape[1]


@registry.register("squared_hinge")
class SquaredHinge(Loss):
    """mean over the last axis of max(1 - y_true * y_pred, 0)^2"""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def values(self, y_true, y_pred):
        return np.square(np.maximum(1 - _signs(y_true) * y_pred, 0)).mean(1)

    def gradient(self, y_true, y_pred):
        signs = _signs(y_true)
        return np.maximum(1 - signs * y_pred, 0) * signs * (-2 / y_pred.shape[1])


@registry.register("categorical_hinge")
class CategoricalHinge(Loss):
    """max(max of (1 - y_true) * y_pred - sum of y_true * y_pred + 1, 0), y_true one-hot"""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def values(self, y_true, y_pred):
        correct = (y_true * y_pred).sum(1)
        wrong = ((1 - y_true) * y_pred).max(1)
        return np.maximum(wrong - correct + 1, 0)

    def gradient(self, y_true, y_pred):
        others = (1 - y_true) * y_pred
        largest = others == others.max(1, keepdims=True)
        fractions = largest / largest.sum(1, keepdims=True)  # ties share the gradient
        gradient = (1 - y_true) * fractions - y_true
        return np.where(self.values(y_true, y_pred)[:, None] == 0, 0, gradient)


def _signs(y_true):
    """Convert targets of 0 and 1 to -1 and 1."""
    if np.isin(y_true, (0, 1)).all():
        return 2 * y_true - 1
    return y_true


hinge = function_of(Hinge)
squared_hinge = function_of(SquaredHinge)
categorical_hinge = function_of(CategoricalHinge)
