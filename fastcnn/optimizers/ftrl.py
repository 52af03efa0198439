"""Ftrl: follow the regularized leader, for sparse weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fastcnn.core.arguments import check_number, hand_on
from fastcnn.optimizers.base import registry
from fastcnn.optimizers.fused import FusedOptimizer

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import LearningRateLike

STRENGTHS = (
    "l1_regularization_strength",
    "l2_regularization_strength",
    "l2_shrinkage_regularization_strength",
)


@registry.register("ftrl")
class Ftrl(FusedOptimizer):
    """Follow the regularized leader (McMahan et al. 2013), with l1, l2 and shrinkage.

        n' = n + g^2,  p = -learning_rate_power
        z += g + 2 l2_shrinkage w - (n'^p - n^p) / learning_rate * w
        w = (clip(z, -l1, l1) - z) / (n'^p / learning_rate + 2 l2 + beta / learning_rate)

    Args:
        learning_rate: float, schedule or function.
        learning_rate_power: float <= 0.
        initial_accumulator_value: float >= 0, the initial value of n.
        l1_regularization_strength, l2_regularization_strength,
            l2_shrinkage_regularization_strength: floats >= 0.
        beta: float.
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    slot_names = interleaved = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
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
        own = (*STRENGTHS, "learning_rate_power", "initial_accumulator_value", "beta", "own")
        super().__init__(**hand_on(locals(), *own))
        self.learning_rate_power = check_number(learning_rate_power, "learning_rate_power")
        if learning_rate_power > 0:
            raise ValueError(
                "The argument `learning_rate_power` must be <= 0. "
                f"Received learning_rate_power={learning_rate_power!r}."
            )
        start = check_number(initial_accumulator_value, "initial_accumulator_value", 0)
        self.initial_accumulator_value = start
        self.initial_slots = {"accumulator": start}
        strengths = (
            l1_regularization_strength,
            l2_regularization_strength,
            l2_shrinkage_regularization_strength,
        )
        for name, value in zip(STRENGTHS, strengths, strict=True):
            setattr(self, name, check_number(value, name, 0))
        self.beta = check_number(beta, "beta")

    @property
    def rule(self):
        return "ftrl" if self.learning_rate_power == -0.5 else "ftrl_power"

    def parameters(self):
        l1, l2, shrinkage = (getattr(self, name) for name in STRENGTHS)
        over_rate = 1 / self.rate if self.rate else math.inf
        numbers = over_rate, l1, 2 * shrinkage, 2 * l2 + self.beta * over_rate
        return numbers if self.rule == "ftrl" else (*numbers, -self.learning_rate_power)

    def get_config(self):
        names = ("learning_rate_power", "initial_accumulator_value", *STRENGTHS, "beta")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
