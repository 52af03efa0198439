"""Adam, AdamW and Nadam: the mean of the gradients over the root of their mean square."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_fraction, check_number, hand_on
from fastcnn.optimizers.base import registry
from fastcnn.optimizers.fused import FusedOptimizer

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import LearningRateLike


@registry.register("adam")
class Adam(FusedOptimizer):
    """Adam (Kingma & Ba 2014), with epsilon outside the square root's correction as in Keras.

        m += (g - m) (1 - beta_1)
        v += (g^2 - v) (1 - beta_2)
        w -= learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)

    Args:
        learning_rate: float, schedule or function.
        beta_1, beta_2: floats in [0, 1).
        epsilon: float.
        amsgrad: whether to use the largest v so far instead of v (Reddi et al. 2018).
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    slot_names: tuple[str, ...] = ("momentum", "velocity")
    interleaved = slot_names

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        super().__init__(**hand_on(locals(), "beta_1", "beta_2", "epsilon", "amsgrad"))
        self.beta_1 = check_fraction(beta_1, "beta_1")
        self.beta_2 = check_fraction(beta_2, "beta_2")
        self.epsilon = check_number(epsilon, "epsilon", 0)
        self.amsgrad = bool(amsgrad)
        if amsgrad:
            self.slot_names = (*self.interleaved, "velocity_hat")

    @property
    def rule(self):
        return "amsgrad" if self.amsgrad else "adam"

    def parameters(self):
        return self._alpha(), 1 - self.beta_1, 1 - self.beta_2, self.epsilon

    def _alpha(self):
        """rate * sqrt(1 - beta_2^t) / (1 - beta_1^t), rounded as in Keras.

        Keras computes the powers in the dtype of the weights: 0.999 in float32 makes alpha
        smaller by 7e-6 of its value.
        """
        dtype, t = self.weights.dtype.type, self._iterations
        left_1 = float(dtype(1 - float(dtype(float(dtype(self.beta_1)) ** t))))
        left_2 = float(dtype(1 - float(dtype(float(dtype(self.beta_2)) ** t))))
        unbiased = dtype(float(dtype(math.sqrt(left_2))) / left_1)
        return float(dtype(self.rate) * unbiased)

    def get_config(self):
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


@registry.register("adamw")
class AdamW(Adam):
    """Adam with weight decay (Loshchilov & Hutter 2019): w -= w * weight_decay * learning_rate.

    Args: see `Adam`; `weight_decay` is the second argument, 0.004 by default.
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        if weight_decay is None:
            raise ValueError("The argument `weight_decay` of AdamW must be a float. Received None.")
        super().__init__(**hand_on(locals()))


@registry.register("nadam")
class Nadam(FusedOptimizer):
    """Adam with Nesterov momentum (Dozat 2016).

        u_t = beta_1 (1 - 0.96^t / 2),  U_t = u_1 u_2 ... u_t
        m, v as in Adam;  m' = u_{t+1} m / (1 - U_{t+1}) + (1 - u_t) g / (1 - U_t)
        w -= learning_rate * m' / (sqrt(v / (1 - beta_2^t)) + epsilon)

    Args:
        learning_rate: float, schedule or function.
        beta_1, beta_2: floats in [0, 1).
        epsilon: float.
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    rule = "nadam"
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
        self._product = 1.0

    def _factor(self, t):
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def parameters(self):
        t = self._iterations
        factor, next_factor = self._factor(t), self._factor(t + 1)
        self._product *= factor
        for_momentum = next_factor / (1 - self._product * next_factor)
        for_gradient = (1 - factor) / (1 - self._product)
        for_velocity = 1 / (1 - self.beta_2**t)
        moments = 1 - self.beta_1, 1 - self.beta_2
        rate, share = self.rate * for_gradient, for_momentum / for_gradient
        return rate, *moments, self.epsilon, share, for_velocity

    def scalars(self):
        return {**super().scalars(), "u_product": np.float32(self._product)}

    def set_scalars(self, scalars):
        super().set_scalars(scalars)
        self._product = float(scalars["u_product"])

    def get_state(self):
        return {**super().get_state(), "product": self._product}

    def set_state(self, state):
        super().set_state(state)
        self._product = float(state["product"])

    def get_config(self):
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
