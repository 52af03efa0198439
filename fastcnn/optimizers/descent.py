"""SGD, RMSprop, Adagrad and Lion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.arguments import check_fraction, check_number, hand_on
from fastcnn.optimizers.base import registry
from fastcnn.optimizers.fused import FusedOptimizer

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import LearningRateLike


@registry.register("sgd")
class SGD(FusedOptimizer):
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

    @property
    def rule(self):
        if not self.momentum:
            return "sgd"
        return "nesterov" if self.nesterov else "momentum"

    def parameters(self):
        return (self.rate, self.momentum) if self.momentum else (self.rate,)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


@registry.register("rmsprop")
class RMSprop(FusedOptimizer):
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

    @property
    def rule(self):
        return f"rmsprop{'_centered' * self.centered}{'_momentum' * bool(self.momentum)}"

    @property
    def state_names(self):
        names = ("velocity", "average_gradient", "momentum")
        return tuple(name for name in names if name in self.slot_names)

    def parameters(self):
        numbers = self.rate, self.rho, 1 - self.rho, self.epsilon
        return (*numbers, self.momentum) if self.momentum else numbers

    def get_config(self):
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }


@registry.register("adagrad")
class Adagrad(FusedOptimizer):
    """Adagrad (Duchi et al. 2011).

        a += g^2;  w -= learning_rate * g / sqrt(a + epsilon)

    Args:
        learning_rate: float, schedule or function.
        initial_accumulator_value: float, the initial value of a.
        epsilon: float.
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    rule = "adagrad"
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

    def parameters(self):
        return self.rate, self.epsilon

    def get_config(self):
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }


@registry.register("lion")
class Lion(FusedOptimizer):
    """Lion (Chen et al. 2023): uses only the sign of a mean gradient.

        w -= learning_rate * sign(beta_1 m + (1 - beta_1) g);  m = beta_2 m + (1 - beta_2) g

    Args:
        learning_rate: float, schedule or function.
        beta_1: float in (0, 1].
        beta_2: float in [0, 1].
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    rule = "lion"
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

    def parameters(self):
        return self.rate, self.beta_1, 1 - self.beta_1, self.beta_2, 1 - self.beta_2

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
