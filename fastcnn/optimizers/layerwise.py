"""Lamb and Adafactor, whose steps depend on the size of each weight array."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.core.arguments import check_fraction, check_number, hand_on
from fastcnn.core.memory import aligned
from fastcnn.optimizers.base import Optimizer, registry
from fastcnn.optimizers.rules import Rule

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import LearningRateLike


class LayerwiseOptimizer(Optimizer):
    """Base of both: computes a change of all weights, scales it for each array and subtracts it."""

    in_numpy = False

    def bind(self):
        self._change = aligned(self.weights.shape, self.weights.dtype, zero=True)
        self._scales = np.tile([1.0, 0.0], (len(self._segments), 1))
        pairs = [self.weights, self._change]
        self._squares_of = np.zeros((2, len(self._segments)))
        self._norms = [
            kernels.bind("sum_squares", array, self._segments, squares)
            for array, squares in zip(pairs, self._squares_of, strict=True)
        ]
        self._apply = Rule(
            *("sgd", self.weights, self._change), segments=self._segments, factors=self._scales
        )

    def norms(self):
        """(of each weight array, of each change), summed in float64."""
        for norm in self._norms:
            norm()
        return np.sqrt(self._squares_of)

    def apply_change(self, scales):
        """Subtract the change of each weight array times its scale."""
        self._scales[:, 0] = scales
        self._apply(1.0)


@registry.register("lamb")
class Lamb(LayerwiseOptimizer):
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
        super().bind()
        state = (self.slots["momentum"], self.slots["velocity"], self._change)
        self._update = Rule("lamb", self.weights, self.gradients, *state)

    @np.errstate(all="ignore")  # NaN and infinity show up in the loss
    def step(self):
        t = self._iterations
        for_momentum, for_velocity = 1 / (1 - self.beta_1**t), 1 / (1 - self.beta_2**t)
        moments = 1 - self.beta_1, 1 - self.beta_2
        self._update(for_momentum, *moments, self.epsilon, for_velocity)
        sizes, lengths = self.norms()
        is_zero = (sizes == 0) | (lengths == 0)
        self.apply_change(self.rate * np.where(is_zero, 1.0, sizes / lengths))

    def get_config(self):
        names = ("beta_1", "beta_2", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@registry.register("adafactor")
class Adafactor(LayerwiseOptimizer):
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
        super().bind()
        self._moments = np.zeros(2)  # beta and epsilon_1, as the matrices' kernels read them
        velocity, self._vectors, self._matrices = self.slots["velocity"], [], []
        for variable, part in self._slices:
            arrays = [self.gradients[part], velocity[part], self._change[part]]
            if len(variable.shape) < 2:
                gradient, *state = arrays
                self._vectors.append(Rule("adafactor", self.weights[part], gradient, *state))
                continue
            r, c = (self.slot(name, variable) for name in ("r", "c"))
            gradient, v, change = (array.reshape(-1, *variable.shape[-2:]) for array in arrays)
            r, c = r.reshape(-1, r.shape[-1]), c.reshape(-1, c.shape[-1])
            self._matrices.append(
                kernels.bind("factored_moments", gradient, r, c, v, change, self._moments)
            )
        self._counts = np.array([variable.size for variable, _ in self._slices], float)

    @np.errstate(all="ignore")  # NaN and infinity show up in the loss
    def step(self):
        t = self._iterations
        rate = min(self.rate, 1 / math.sqrt(t))
        beta = 1 - t**self.beta_2_decay
        for update in self._vectors:
            update(beta, 1 - beta, self.epsilon_1)
        self._moments[:] = beta, self.epsilon_1
        for update in self._matrices:
            update()
        sizes, lengths = self.norms() / np.sqrt(self._counts)
        largest = np.maximum(1.0, lengths / self.clip_threshold)
        self.apply_change(np.maximum(self.epsilon_2, sizes) * rate / largest)

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
