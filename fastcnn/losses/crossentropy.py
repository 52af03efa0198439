"""Cross-entropies: losses on probabilities, or on logits, the inputs of softmax or sigmoid."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config, kernels
from fastcnn.core.arguments import check_count, check_fraction, warn
from fastcnn.data.targets import prepare_labels
from fastcnn.kernels.reference.losses import sigmoid
from fastcnn.losses.base import check_axis, function_of, registry
from fastcnn.losses.elementwise import ElementwiseLoss, KernelLoss

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from fastcnn.core.types import Axes


class ProbabilityLoss(KernelLoss):
    """Base of the cross-entropies, on probabilities or, with `from_logits`, on logits."""

    def __init__(self, from_logits, reduction, name, dtype):
        super().__init__(name, reduction, dtype)
        self.from_logits = bool(from_logits)

    def on_logits(self):
        if self.from_logits:
            return self
        return type(self).from_config({**self.get_config(), "from_logits": True})

    def activation(self, z):
        """The activation named by `undoes`, applied to rows."""
        raise NotImplementedError

    def bind_formulas(self, z, targets, scale, losses, dz, probabilities):
        run = super().bind_formulas(z, targets, scale, losses, dz, None)
        if probabilities is None:
            return run

        def run_both():
            run()
            probabilities[...] = self.activation(z)

        return run_both

    def get_config(self):
        return {**super().get_config(), "from_logits": self.from_logits}


@registry.register("sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(ProbabilityLoss):
    """-log(probability of the label); labels are integers in [0, classes).

    Probabilities are clipped to [epsilon, 1 - epsilon] and then divided by their sum, as in Keras.

    Args:
        from_logits: whether predictions are logits (before softmax) rather than probabilities.
        ignore_class: a label, which need not be in [0, classes), whose loss is 0 and which the
            mean leaves out; or None.
        reduction, name, dtype: see `Loss`.
        label_smoothing: in [0, 1]; the loss is that of the target 1 - s + s / classes for the label
            and s / classes for the others, as in CategoricalCrossentropy. Keras has this argument
            only there, for one-hot targets.

    Shapes: y_true (n,) or (n, 1), y_pred (n, classes); more axes in between are allowed.
    """

    undoes = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: Axes = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: DTypeLike | None = None,
        *,
        label_smoothing: float = 0.0,
    ) -> None:
        self.axis = check_axis(axis)
        super().__init__(from_logits, reduction, name, dtype)
        self.label_smoothing = check_fraction(label_smoothing, "label_smoothing", True)
        self.ignore_class = ignore_class
        if ignore_class is not None:
            self.ignore_class = check_count(ignore_class, "ignore_class", -sys.maxsize)
        self.ignores_labels = ignore_class is not None

    def on_logits(self):
        # With ignored labels Keras does not replace probabilities by the logits behind them.
        return None if self.ignores_labels else super().on_logits()

    def with_axis_last(self, y_true, y_pred):
        raise ValueError(
            f"{self.name} takes the classes on the last axis only. Received axis={self.axis} and "
            f"predictions of shape {y_pred.shape}."
        )

    def prepare(self, y, output_shape):
        return prepare_labels(y, output_shape, self.name, self.ignore_class)

    def counted(self, y_true):
        return y_true != self.ignore_class

    def values(self, y_true, y_pred):
        if self.ignores_labels:
            counted = self.counted(y_true)
            return np.where(counted, self._values(np.where(counted, y_true, 0), y_pred), 0)
        return self._values(y_true, y_pred)

    def gradient(self, y_true, y_pred):
        if self.ignores_labels:
            counted = self.counted(y_true)
            gradient = self._gradient(np.where(counted, y_true, 0), y_pred)
            return np.where(counted[:, None], gradient, 0)
        return self._gradient(y_true, y_pred)

    def _values(self, y_true, y_pred):
        log_p = _log_softmax(y_pred) if self.from_logits else np.log(_normalized(_clip(y_pred)))
        values = -log_p[np.arange(len(y_pred)), y_true]
        if self.label_smoothing:
            values -= self.label_smoothing * (values + log_p.mean(1))
        return values

    def _gradient(self, y_true, y_pred):
        rows, smoothing = np.arange(len(y_pred)), self.label_smoothing
        others = y_pred.dtype.type(smoothing / y_pred.shape[1])
        if self.from_logits:
            gradient = np.exp(_log_softmax(y_pred)) - others
            gradient[rows, y_true] -= 1 - smoothing
            return gradient
        p = _clip(y_pred)
        gradient = 1 / p.sum(1, keepdims=True) - others / p
        gradient[rows, y_true] -= (1 - smoothing) / p[rows, y_true]
        return gradient * _inside(y_pred)

    def activation(self, z):
        return np.exp(_log_softmax(z))

    def bind_kernel(self, z, targets, scale, losses, dz, probabilities):
        labels = np.empty_like(targets) if self.ignores_labels else targets
        if self.from_logits:
            p = np.empty_like(z) if probabilities is None else probabilities
            kernel = kernels.bind("softmax_sparse_crossentropy", z, labels, scale, losses, p, dz)
            if self.label_smoothing:
                kernel = self._smoothed(kernel, z, labels, scale, losses, dz)
        elif self.label_smoothing:
            return self.bind_formulas(z, targets, scale, losses, dz, probabilities)
        else:
            kernel = kernels.bind(
                "sparse_crossentropy", z, labels, scale, losses, dz, epsilon=config.epsilon()
            )
        if not self.ignores_labels:
            return kernel

        def run():
            ignored = targets == self.ignore_class
            np.copyto(labels, targets)
            labels[ignored] = -1  # to the kernels: does not count
            kernel()
            if self.label_smoothing:
                losses[ignored] = 0
                dz[ignored] = 0

        return run

    def _smoothed(self, kernel, z, labels, scale, losses, dz):
        """`kernel`, and then the difference that smoothing makes: that of one row is linear in z"""
        rows, factor = np.arange(len(z)), z.dtype.type(self.label_smoothing)

        @np.errstate(all="ignore")
        def run():
            kernel()
            losses[...] += factor * (z[rows, labels] - z.mean(1))
            moved = factor * scale
            dz[...] -= moved[:, None] / dz.dtype.type(z.shape[1])
            dz[rows, labels] += moved

        return run

    def get_config(self):
        config = {**super().get_config(), "ignore_class": self.ignore_class}
        if self.label_smoothing:
            config["label_smoothing"] = self.label_smoothing
        return config if self.axis == -1 else {**config, "axis": self.axis}


@registry.register("categorical_crossentropy")
class CategoricalCrossentropy(ProbabilityLoss):
    """-sum over classes of target * log(probability); targets are one-hot or distributions.

    Probabilities are divided by their sum and then clipped to [epsilon, 1 - epsilon], as in Keras.

    Args:
        from_logits: whether predictions are logits (before softmax) rather than probabilities.
        label_smoothing: in [0, 1]; targets become target * (1 - s) + s / classes.
        axis: that of the classes; a model trains with the last one only.
        reduction, name, dtype: see `Loss`.

    Shapes: y_true and y_pred (n, ..., classes).
    """

    undoes = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: Axes = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        self.axis = check_axis(axis)
        super().__init__(from_logits, reduction, name, dtype)
        self.label_smoothing = check_fraction(label_smoothing, "label_smoothing", True)

    def prepare(self, y, output_shape):
        has_classes = output_shape[-1] > 1 or len(output_shape) > 2
        if np.ndim(y) == len(output_shape) - 1 and has_classes:
            raise ValueError(
                f"{self.name} takes one-hot targets of shape {('n', *output_shape[1:])}. Received "
                f"shape {np.shape(y)}: for integer labels use sparse_categorical_crossentropy or "
                "`utils.to_categorical`."
            )
        if output_shape[-1] == 1:
            warn(
                f"{self.name} of one class is always 0: for two classes and one output use "
                f"binary_crossentropy. Received predictions of shape {output_shape}."
            )
        return super().prepare(y, output_shape)

    def _smooth(self, y_true):
        smoothing = self.label_smoothing
        return y_true * (1 - smoothing) + smoothing / y_true.shape[1] if smoothing else y_true

    def values(self, y_true, y_pred):
        y_true = self._smooth(y_true)
        if self.from_logits:
            return -(y_true * _log_softmax(y_pred)).sum(1)
        return -(y_true * np.log(_clip(_normalized(y_pred)))).sum(1)

    def gradient(self, y_true, y_pred):
        y_true = self._smooth(y_true)
        if self.from_logits:
            return np.exp(_log_softmax(y_pred)) * y_true.sum(1, keepdims=True) - y_true
        total = y_pred.sum(1, keepdims=True)
        p = y_pred / total
        open_target = y_true * _inside(p)  # clipped elements have no gradient
        return (open_target.sum(1, keepdims=True) - open_target / _clip(p)) / total

    def activation(self, z):
        return np.exp(_log_softmax(z))

    def bind_kernel(self, z, targets, scale, losses, dz, probabilities):
        if self.from_logits:
            p = np.empty_like(z) if probabilities is None else probabilities
            return kernels.bind(
                *("softmax_crossentropy", z, targets, scale, losses, p, dz),
                smoothing=self.label_smoothing,
            )
        return kernels.bind(
            *("categorical_loss", z, targets, scale, None, losses, dz),
            function="category",
            parameters=limits(),
            smoothing=self.label_smoothing,
        )

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing, "axis": self.axis}


@registry.register("binary_crossentropy", "bce", "BCE")
class BinaryCrossentropy(ElementwiseLoss, ProbabilityLoss):
    """-(target * log(p) + (1 - target) * log(1 - p)), mean over the last axis.

    Args:
        from_logits: whether predictions are logits (before sigmoid) rather than probabilities.
        label_smoothing: in [0, 1]; targets become target * (1 - s) + s / 2.
        axis: that of the mean; a model trains with the last one only.
        reduction, name, dtype: see `Loss`.

    Shapes: y_true and y_pred (n, ..., size); y_true may omit a last axis of 1.
    """

    undoes = "sigmoid"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: Axes = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        self.axis = check_axis(axis)
        super().__init__(from_logits, reduction, name, dtype)
        self.label_smoothing = check_fraction(label_smoothing, "label_smoothing", True)

    @property
    def function(self):
        return "binary_logits" if self.from_logits else "binary"

    def parameters(self):
        return () if self.from_logits else limits()

    def activation(self, z):
        return sigmoid(z)

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing, "axis": self.axis}


def _log_softmax(z):
    shifted = z - z.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def _normalized(p):
    return p / p.sum(1, keepdims=True)


def limits():
    """The least and the largest probability that a logarithm is taken of."""
    return config.epsilon(), 1 - config.epsilon()


def _clip(p):
    return np.clip(p, *limits())


def _inside(p):
    """1 where `_clip` leaves p unchanged (including NaN), else 0."""
    outside = (p < config.epsilon()) | (p > 1 - config.epsilon())
    return np.where(outside, 0, 1).astype(p.dtype)


sparse_categorical_crossentropy = function_of(SparseCategoricalCrossentropy)
categorical_crossentropy = function_of(CategoricalCrossentropy)
binary_crossentropy = function_of(BinaryCrossentropy)
