"""The base of losses that are means, or sums, of a function of one target and one prediction."""

from __future__ import annotations

import numpy as np

from fastcnn import kernels
from fastcnn.kernels.reference.losses import SUMMED, of_elements
from fastcnn.losses.base import Loss


class KernelLoss(Loss):
    """A loss that a kernel computes with its gradient.

    `values` and `gradient` are the same in NumPy. A subclass that replaces one of them is computed
    by its own formulas.
    """

    def bind_kernel(self, z, targets, scale, losses, dz, probabilities):
        """The bound kernel for these arrays; it also writes `probabilities` unless it is None."""
        raise NotImplementedError(f"{type(self).__name__} must implement bind_kernel.")

    def bind_formulas(self, z, targets, scale, losses, dz, probabilities):
        """What `bind` returns where the kernel does not fit."""
        return super().bind(z, targets, scale, losses, dz, probabilities)

    def bind(self, z, targets, scale, losses, dz, probabilities=None):
        arrays = z, targets, scale, losses, dz, probabilities
        formulas = type(self).values, type(self).gradient
        is_own = all(formula.__module__.startswith("fastcnn.losses") for formula in formulas)
        if is_own and targets.dtype in (z.dtype, np.int64):
            return self.bind_kernel(*arrays)
        return self.bind_formulas(*arrays)


class ElementwiseLoss(KernelLoss):
    """The mean over a row of one of the functions in `kernels.reference.losses`, or the sum."""

    label_smoothing = 0.0

    @property
    def function(self) -> str:
        """The name of the function."""
        raise NotImplementedError(f"{type(self).__name__} must implement `function`.")

    def parameters(self) -> tuple[float, ...]:
        """Those of the function."""
        return ()

    def _smooth(self, y_true):
        smoothing = self.label_smoothing
        return y_true * (1 - smoothing) + 0.5 * smoothing if smoothing else y_true

    def _elements(self, y_true, y_pred):
        targets = self._smooth(y_true)
        return of_elements(self.function, targets, y_pred, self.parameters())

    def values(self, y_true, y_pred):
        values, _ = self._elements(y_true, y_pred)
        return values.sum(1) if self.function in SUMMED else values.mean(1)

    def gradient(self, y_true, y_pred):
        _, slopes = self._elements(y_true, y_pred)
        return slopes if self.function in SUMMED else slopes / y_pred.shape[1]

    def bind_kernel(self, z, targets, scale, losses, dz, probabilities):
        return kernels.bind(
            *("elementwise_loss", z, targets, scale, losses, dz, probabilities),
            function=self.function,
            parameters=self.parameters(),
            smoothing=self.label_smoothing,
        )
