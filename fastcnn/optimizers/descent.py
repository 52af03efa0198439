"""SGD, RMSprop, Adagrad and Lion, in NumPy: in-place updates of the flat arrays of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_fraction, check_number, hand_on
from fastcnn.optimizers.base import Optimizer, registry

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import LearningRateLike


@registry.register("sgd")
class SGD(Optimizer):
    """Gradient descent with optional momentum (Polyak 1964, Nesterov 1983).

        w -= learning_rate * g                                       without momentum
        v = momentum * v - learning_rate * g;  w += v                with momentum
        v as above;  w += momentum * v - learning_rate * g           with nesterov

    Args:
        learning_rate: float, schedule or function.
        momentum: float in [0, 1].
        nesterov: whether to use Nesterov momentum.
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        super().__init__(**hand_on(locals(), "momentum", "nesterov"))
        self.momentum = check_fraction(momentum, "momentum", including_one=True)
        self.nesterov = bool(nesterov)
        self.slot_names = ("momentum",) if momentum else ()

    def step(self):
        change = np.multiply(self.gradients, -self.rate, out=self.scratch)
        if self.momentum:
            velocity = self.slots["momentum"]
            velocity *= self.momentum
            velocity += change
            if self.nesterov:
                self.weights += change
                np.multiply(velocity, self.momentum, out=change)
            else:
                change = velocity
        self.weights += change

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


@registry.register("rmsprop")
class RMSprop(Optimizer):
    """RMSprop (Tieleman & Hinton 2012), the default optimizer of `compile`.

        v = rho v + (1 - rho) g^2
        a = rho a + (1 - rho) g                                      if centered, else a = 0
        change = learning_rate * g / sqrt(v - a^2 + epsilon)
        m = momentum * m + change;  w -= m                           without momentum: w -= change

    Args:
        learning_rate: float, schedule or function.
        rho: float in [0, 1).
        momentum: float in [0, 1].
        epsilon: float.
        centered: whether to subtract the squared mean gradient.
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
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
        super().__init__(**hand_on(locals(), "rho", "momentum", "epsilon", "centered"))
        self.rho = check_fraction(rho, "rho")
        self.momentum = check_fraction(momentum, "momentum", including_one=True)
        self.epsilon = check_number(epsilon, "epsilon", 0)
        self.centered = bool(centered)
        self.slot_names = (
            "velocity",
            *(["momentum"] if momentum else []),
            *(["average_gradient"] if centered else []),
        )

    def step(self):
        velocity, change, gradients = self.slots["velocity"], self.scratch, self.gradients
        velocity *= self.rho
        np.square(gradients, out=change)
        change *= 1 - self.rho
        velocity += change
        if self.centered:
            mean = self.slots["average_gradient"]
            mean *= self.rho
            mean += np.multiply(gradients, 1 - self.rho, out=change)
            np.square(mean, out=change)
            np.subtract(velocity, change, out=change)
            change += self.epsilon
        else:
            np.add(velocity, self.epsilon, out=change)
        np.sqrt(change, out=change)
        np.divide(gradients, change, out=change)
        change *= self.rate
        if self.momentum:
            momentum = self.slots["momentum"]
            momentum *= self.momentum
            momentum += change
            change = momentum
        self.weights -= change

    def get_config(self):
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }


@registry.register("adagrad")
class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011).

        a += g^2;  w -= learning_rate * g / sqrt(a + epsilon)

    Args:
        learning_rate: float, schedule or function.
        initial_accumulator_value: float, the initial value of a.
        epsilon: float.
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    slot_names = ("accumulator",)

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        initial_accumulator_value: float = 0.1,
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
        super().__init__(**hand_on(locals(), "initial_accumulator_value", "epsilon"))
        start = check_number(initial_accumulator_value, "initial_accumulator_value", 0)
        self.initial_accumulator_value = start
        self.initial_slots = {"accumulator": start}
        self.epsilon = check_number(epsilon, "epsilon", 0)

    def step(self):
        accumulator, change, gradients = self.slots["accumulator"], self.scratch, self.gradients
        accumulator += np.square(gradients, out=change)
        np.add(accumulator, self.epsilon, out=change)
        np.sqrt(change, out=change)
        np.divide(gradients, change, out=change)
        change *= self.rate
        self.weights -= change

    def get_config(self):
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }


@registry.register("lion")
class Lion(Optimizer):
    """Lion (Chen et al. 2023): uses only the sign of a mean gradient.

        w -= learning_rate * sign(beta_1 m + (1 - beta_1) g);  m = beta_2 m + (1 - beta_2) g

    Args:
        learning_rate: float, schedule or function.
        beta_1: float in (0, 1].
        beta_2: float in [0, 1].
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    slot_names = ("momentum",)

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        super().__init__(**hand_on(locals(), "beta_1", "beta_2"))
        self.beta_1 = check_fraction(beta_1, "beta_1", including_one=True)
        self.beta_2 = check_fraction(beta_2, "beta_2", including_one=True)
        if not beta_1:
            raise ValueError("The argument `beta_1` must be above 0. Received beta_1=0.")

    def bind(self):
        self._change = np.empty_like(self.weights)

    def step(self):
        momentum, change, scratch = self.slots["momentum"], self._change, self.scratch
        np.multiply(momentum, self.beta_1, out=change)
        change += np.multiply(self.gradients, 1 - self.beta_1, out=scratch)
        np.sign(change, out=change)
        change *= self.rate
        self.weights -= change
        momentum *= self.beta_2
        momentum += np.multiply(self.gradients, 1 - self.beta_2, out=scratch)

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
