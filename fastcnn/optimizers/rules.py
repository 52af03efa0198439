"""Rules of updates bound to arrays: what the optimizers call each step."""

from __future__ import annotations

import math

import numpy as np

from fastcnn import kernels


class Rule:
    """The kernel `update_weights` with a rule (see `kernels.reference.optimizer`).

    Args:
        name: that of the rule.
        weights, gradients, *state: flat arrays.
        average: a moving average of the weights, which the same pass updates; or None.
        segments, factors: see the kernel; they may change between calls.
        most: the gradients are clipped to [-most, most].

    Attributes:
        momentum: that of the moving average.
    """

    def __init__(
        self,
        name,
        weights,
        gradients,
        *state,
        average=None,
        segments=None,
        factors=None,
        most=math.inf,
    ):
        self._hyper = np.zeros(8)
        self._hyper[6] = most
        self._kernel = kernels.bind(
            "update_weights",
            *(weights, gradients, *state, *[None] * (3 - len(state)), average),
            *(segments, factors, self._hyper),
            rule=name,
        )

    @property
    def momentum(self):
        return self._hyper[7]

    @momentum.setter
    def momentum(self, value):
        self._hyper[7] = value

    def __call__(self, *numbers):
        """One update; `numbers` are those of the rule, in its order."""
        if numbers:
            self._hyper[: len(numbers)] = numbers
        self._kernel()
