"""Focal cross-entropies, which count easy samples less, and a cross-entropy for noisy labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_list, check_number
from fastcnn.core.tensor import tensor
from fastcnn.data.targets import prepare_labels
from fastcnn.losses.base import Loss, function_of, registry
from fastcnn.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    _clip,
    _inside,
    _log_softmax,
    _normalized,
    limits,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from fastcnn.core.types import Axes


@registry.register("binary_focal_crossentropy")
class BinaryFocalCrossentropy(BinaryCrossentropy):
    """(1 - q)^gamma * binary cross-entropy, mean over the last axis   (Lin et al. 2018)

    q is the probability of the target: p where it is 1, 1 - p where it is 0.

    Args:
        apply_class_balancing: whether targets of 1 are weighted by alpha, those of 0 by 1 - alpha.
        alpha: float in [0, 1].
        gamma: float; 0 gives the cross-entropy.
        from_logits: whether predictions are logits (before sigmoid) rather than probabilities.
        label_smoothing: in [0, 1]; targets become target * (1 - s) + s / 2.
        axis: that of the mean; a model trains with the last one only.
        reduction, name, dtype: see `Loss`.

    Shapes: y_true and y_pred (n, ..., size); y_true may omit a last axis of 1.
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: Axes = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.apply_class_balancing = bool(apply_class_balancing)
        self.alpha = check_number(alpha, "alpha")
        self.gamma = check_number(gamma, "gamma")

    def on_logits(self):
        # For `from_logits` Keras applies a sigmoid, also to the output of another sigmoid.
        return None if self.from_logits else super().on_logits()

    @property
    def function(self):
        return "binary_focal_logits" if self.from_logits else "binary_focal"

    def parameters(self):
        alpha = self.alpha if self.apply_class_balancing else math.nan
        return (*limits(), self.gamma, alpha)

    def get_config(self):
        return {
            **super().get_config(),
            "apply_class_balancing": self.apply_class_balancing,
            "alpha": self.alpha,
            "gamma": self.gamma,
        }


@registry.register("categorical_focal_crossentropy")
class CategoricalFocalCrossentropy(CategoricalCrossentropy):
    """-sum over classes of alpha * (1 - p)^gamma * target * log(p)   (Lin et al. 2018)

    Probabilities are divided by their sum and then clipped to [epsilon, 1 - epsilon].

    Args:
        alpha: float, or a list of one for each class.
        gamma: float; 0 and an alpha of 1 give the cross-entropy.
        from_logits: whether predictions are logits (before softmax) rather than probabilities.
        label_smoothing: in [0, 1]; targets become target * (1 - s) + s / classes.
        axis: that of the classes; a model trains with the last one only.
        reduction, name, dtype: see `Loss`.

    Shapes: y_true and y_pred (n, ..., classes).
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: Axes = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        if np.ndim(alpha):
            self.alpha = [check_number(value, "alpha") for value in check_list(alpha, "alpha")]
        else:
            self.alpha = check_number(alpha, "alpha")
        self.gamma = check_number(gamma, "gamma")

    def on_logits(self):
        return None  # Keras computes it from the probabilities

    def bind_kernel(self, z, targets, scale, losses, dz, probabilities):
        alpha = np.empty(z.shape[1], z.dtype)
        alpha[:] = self.alpha
        p, dp = z, dz
        if self.from_logits:
            p = np.empty_like(z) if probabilities is None else probabilities
            dp = np.empty_like(z)
        kernel = kernels.bind(
            *("categorical_loss", p, targets, scale, alpha, losses, dp),
            function="category_focal",
            parameters=(*limits(), self.gamma),
            smoothing=self.label_smoothing,
        )
        if not self.from_logits:
            return kernel
        forward = kernels.bind("softmax_forward", z, p)
        return kernels.Sequence(forward, kernel, kernels.bind("softmax_backward", dp, p, dz))

    def prepare(self, y, output_shape):
        if isinstance(self.alpha, list) and len(self.alpha) not in (1, output_shape[-1]):
            raise ValueError(
                f"The argument `alpha` of {self.name} must have one value for each of the "
                f"{output_shape[-1]} classes. Received alpha={self.alpha}."
            )
        return super().prepare(y, output_shape)

    def _weights(self, y_true):
        return -np.asarray(self.alpha, y_true.dtype) * self._smooth(y_true)

    def _probabilities(self, y_pred):
        return np.exp(_log_softmax(y_pred)) if self.from_logits else y_pred

    def values(self, y_true, y_pred):
        p = _clip(_normalized(self._probabilities(y_pred)))
        return (self._weights(y_true) * (1 - p) ** self.gamma * np.log(p)).sum(1)

    def gradient(self, y_true, y_pred):
        y_pred = self._probabilities(y_pred)
        total = y_pred.sum(1, keepdims=True)
        share = y_pred / total
        p = _clip(share)
        slope = (1 - p) ** self.gamma / p
        if self.gamma:
            slope -= self.gamma * (1 - p) ** (self.gamma - 1) * np.log(p)
        slope *= self._weights(y_true) * _inside(share)
        gradient = (slope - (slope * share).sum(1, keepdims=True)) / total
        if self.from_logits:
            gradient = y_pred * (gradient - (gradient * y_pred).sum(1, keepdims=True))
        return gradient

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha, "gamma": self.gamma}


@registry.register("categorical_generalized_cross_entropy")
class CategoricalGeneralizedCrossEntropy(Loss):
    """(1 - p^q) / q, p the probability of the label   (Zhang & Sabuncu 2018)

    It is between cross-entropy (q near 0) and mean absolute error (q near 1), and tolerates wrong
    labels.

    Args:
        q: float in (0, 1).
        reduction, name, dtype: see `Loss`.

    Shapes: y_true (n,) or (n, 1), integers in [0, classes); y_pred (n, classes); more axes in
    between are allowed.
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.q = check_number(q, "q")
        if not 0 < q < 1:
            raise ValueError(f"The argument `q` must be in (0, 1). Received q={q!r}.")

    def prepare(self, y, output_shape):
        return prepare_labels(y, output_shape, self.name)

    def values(self, y_true, y_pred):
        return (1 - y_pred[np.arange(len(y_pred)), y_true] ** self.q) / self.q

    def gradient(self, y_true, y_pred):
        rows = np.arange(len(y_pred))
        gradient = np.zeros_like(y_pred)
        gradient[rows, y_true] = -(y_pred[rows, y_true] ** (self.q - 1))
        return gradient

    def get_config(self):
        return {**super().get_config(), "q": self.q}


def categorical_generalized_cross_entropy(
    y_true: ArrayLike, y_pred: ArrayLike, q: float
) -> NDArray:
    """The loss of each sample. See `CategoricalGeneralizedCrossEntropy`."""
    return tensor(CategoricalGeneralizedCrossEntropy(q, reduction=None)(y_true, y_pred))


categorical_generalized_cross_entropy.loss_class = (  # type: ignore[attr-defined]
    CategoricalGeneralizedCrossEntropy
)
CategoricalGeneralizedCrossEntropy.as_function = staticmethod(categorical_generalized_cross_entropy)
binary_focal_crossentropy = function_of(BinaryFocalCrossentropy)
categorical_focal_crossentropy = function_of(CategoricalFocalCrossentropy)
