"""Lamb and Adafactor, whose steps depend on the size of each weight array."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_fraction, check_number, hand_on
from fastcnn.optimizers.adam import update_moments
from fastcnn.optimizers.base import Optimizer, registry

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import LearningRateLike


@registry.register("lamb")
class Lamb(Optimizer):
    """Lamb (You et al. 2019): Adam's step, scaled to the norm of each weight array.

        m, v as in Adam
        u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)
        w -= learning_rate * norm(w) / norm(u) * u                  with a ratio of 1 if one is 0

    Args:
        learning_rate: float, schedule or function.
        beta_1, beta_2: floats in [0, 1).
        epsilon: float.
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    slot_names = interleaved = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**hand_on(locals(), "beta_1", "beta_2", "epsilon"))
        self.beta_1 = check_fraction(beta_1, "beta_1")
        self.beta_2 = check_fraction(beta_2, "beta_2")
        self.epsilon = check_number(epsilon, "epsilon", 0)

    def bind(self):
        self._change = np.empty_like(self.weights)
        parts = [part for _, part in self._slices]
        self._pairs = [(self.weights[part], self._change[part]) for part in parts]

    def step(self):
        update_moments(self)
        t, change, scratch = self._iterations, self._change, self.scratch
        np.multiply(self.slots["velocity"], 1 / (1 - self.beta_2**t), out=scratch)
        np.sqrt(scratch, out=scratch)
        scratch += self.epsilon
        np.multiply(self.slots["momentum"], 1 / (1 - self.beta_1**t), out=change)
        change /= scratch
        for weights, update in self._pairs:
            size, length = norm(weights), norm(update)
            update *= self.rate * (1.0 if size == 0 or length == 0 else size / length)
        self.weights -= change

    def get_config(self):
        names = ("beta_1", "beta_2", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@registry.register("adafactor")
class Adafactor(Optimizer):
    """Adafactor (Shazeer & Stern 2018): second moments as a product of rows and columns.

        b = 1 - t^beta_2_decay,  rate = min(learning_rate, 1 / sqrt(t))
        r, c = b r + (1 - b) mean of (g^2 + epsilon_1) over the last, the next to last axis
        v = r / mean(r) * c;  for arrays of one axis v = b v + (1 - b) (g^2 + epsilon_1)
        u = g / sqrt(v);  u /= max(1, rms(u) / clip_threshold)
        w -= max(epsilon_2, rms(w)) * rate * u

    Args:
        learning_rate: float, schedule or function.
        beta_2_decay: float, the exponent of t.
        epsilon_1: float, added to the squared gradients.
        epsilon_2: float, the smallest rms of weights that the step is scaled by.
        clip_threshold: float, the largest rms of u.
        relative_step: as in Keras, True and False compute the same.
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    slot_names = interleaved = ("r", "c", "velocity")

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        own = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        super().__init__(**hand_on(locals(), "own", *own))
        self.beta_2_decay = check_number(beta_2_decay, "beta_2_decay")
        self.epsilon_1 = check_number(epsilon_1, "epsilon_1", 0)
        self.epsilon_2 = check_number(epsilon_2, "epsilon_2", 0)
        self.clip_threshold = check_number(clip_threshold, "clip_threshold")
        self.relative_step = bool(relative_step)

    def bind(self):
        self._matrices = [  # the slots are views in the shapes that `slot_shape` gives
            (
                *(array[part].reshape(variable.shape) for array in (self.weights, self.gradients)),
                *(self.slot(name, variable) for name in self.slot_names),
                self.scratch[part].reshape(variable.shape),
            )
            for variable, part in self._slices
        ]

    def step(self):
        t = self._iterations
        rate = min(self.rate, 1 / math.sqrt(t))
        beta = 1 - t**self.beta_2_decay
        for weights, gradient, r, c, v, scratch in self._matrices:
            np.square(gradient, out=scratch)
            scratch += self.epsilon_1
            if weights.ndim < 2:
                v *= beta
                scratch *= 1 - beta
                v += scratch
            else:
                r *= beta
                r += (1 - beta) * scratch.mean(-1)
                c *= beta
                c += (1 - beta) * scratch.mean(-2)
                rows = r / r.mean(-1, keepdims=True)
                np.multiply(rows[..., None], c[..., None, :], out=v)
            np.sqrt(v, out=scratch)
            np.divide(gradient, scratch, out=scratch)
            largest = max(1.0, rms(scratch) / self.clip_threshold)
            scratch *= max(self.epsilon_2, rms(weights)) * rate / largest
            weights -= scratch

    def slot_shape(self, name, variable):
        shape = variable.shape
        if name == "velocity" or name not in self.slot_names:
            return shape
        if len(shape) < 2:  # Keras stores a 0 there
            return ()
        return shape[:-1] if name == "r" else (*shape[:-2], shape[-1])

    def slot(self, name, variable):
        shape = self.slot_shape(name, variable)
        if shape == () != variable.shape:
            return np.zeros((), np.int32)
        flat = self.slots[name][dict(self._slices)[variable]]
        return flat[: math.prod(shape)].reshape(shape)

    def get_config(self):
        names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def norm(array):
    """The Euclidean norm of an array, summed in float64; a float."""
    return math.sqrt(np.square(array).sum(dtype=np.float64))


def rms(array):
    """The root of the mean square of an array, summed in float64; a float."""
    return math.sqrt(np.square(array).mean(dtype=np.float64))
