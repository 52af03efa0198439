"""Hinge losses: a margin of 1 between correct and wrong.

`Hinge` and `SquaredHinge` take targets of -1 and 1. If all targets of a batch are 0 or 1, 0 counts
as -1, as in Keras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.losses.base import function_of, registry
from fastcnn.losses.elementwise import ElementwiseLoss, KernelLoss

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


@registry.register("hinge")
class Hinge(ElementwiseLoss):
    """mean over the last axis of max(1 - y_true * y_pred, 0)"""

    function = "hinge"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "hinge",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("squared_hinge")
class SquaredHinge(ElementwiseLoss):
    """mean over the last axis of max(1 - y_true * y_pred, 0)^2"""

    function = "squared_hinge"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("categorical_hinge")
class CategoricalHinge(KernelLoss):
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

    def bind_kernel(self, z, targets, scale, losses, dz, probabilities):
        return kernels.bind("categorical_hinge", z, targets, scale, losses, dz)


hinge = function_of(Hinge)
squared_hinge = function_of(SquaredHinge)
categorical_hinge = function_of(CategoricalHinge)
