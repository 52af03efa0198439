"""Adadelta and Adamax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.arguments import check_fraction, check_number, hand_on
from fastcnn.optimizers.base import registry
from fastcnn.optimizers.fused import FusedOptimizer

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import LearningRateLike


@registry.register("adadelta")
class Adadelta(FusedOptimizer):
    """Adadelta (Zeiler 2012): steps scaled by the size of the previous ones.

        a = rho a + (1 - rho) g^2
        change = g * sqrt(d + epsilon) / sqrt(a + epsilon)
        d = rho d + (1 - rho) change^2;  w -= learning_rate * change

    Args:
        learning_rate: float, schedule or function; 1.0 in the paper.
        rho: float in [0, 1).
        epsilon: float.
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    rule = "adadelta"
    slot_names = interleaved = ("accumulated_grad", "accumulated_delta_var")

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        rho: float = 0.95,
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
        super().__init__(**hand_on(locals(), "rho", "epsilon"))
        self.rho = check_fraction(rho, "rho")
        self.epsilon = check_number(epsilon, "epsilon", 0)

    def parameters(self):
        return self.rate, self.rho, 1 - self.rho, self.epsilon

    def get_config(self):
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}


@registry.register("adamax")
class Adamax(FusedOptimizer):
    """Adamax: Adam with the infinity norm instead of the mean square (Kingma & Ba 2015).

        m += (1 - beta_1) (g - m);  u = max(beta_2 u, |g|)
        w -= learning_rate / (1 - beta_1^t) * m / (u + epsilon)

    Args:
        learning_rate: float, schedule or function.
        beta_1, beta_2: floats in [0, 1).
        epsilon: float.
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    rule = "adamax"
    slot_names = interleaved = ("momentum", "norm")

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

    def parameters(self):
        rate = self.rate / (1 - self.beta_1**self._iterations)
        return rate, 1 - self.beta_1, self.beta_2, self.epsilon

    def get_config(self):
        names = ("beta_1", "beta_2", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
