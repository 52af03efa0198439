"""ScheduleFreeAdamW: averages of the weights instead of a learning-rate schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.arguments import check_count, check_fraction, check_number, hand_on
from fastcnn.optimizers.base import registry
from fastcnn.optimizers.fused import FusedOptimizer

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import LearningRateLike
    from fastcnn.core.variables import Variable


@registry.register("schedulefreeadamw", "schedule_free_adam_w")
class ScheduleFreeAdamW(FusedOptimizer):
    """Schedule-free Adam (Defazio et al. 2024). The weights are y, the momentum is z.

        rate = learning_rate * min(1, t / warmup_steps)
        x = (y - (1 - beta_1) z) / beta_1                           the average so far
        v += (g^2 - v) (1 - beta_2)
        z -= rate * g / (sqrt(v / (1 - beta_2^t)) + epsilon)
        x = (1 - 1 / t) x + z / t
        y = (1 - beta_1) z + beta_1 x

    Keras on TensorFlow computes something else: `fit` starts with z = 0 instead of the weights, and
    x is taken from y and the new z. This is what Keras documents, and computes on JAX.

    Args:
        learning_rate: float, schedule or function.
        beta_1: float in (0, 1).
        beta_2: float in [0, 1).
        epsilon: float.
        warmup_steps: number of updates in which the rate rises to `learning_rate`.
        weight_decay, clipnorm, ..., name: see `Optimizer`.
    """

    rule = "schedule_free"
    slot_names = interleaved = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
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
        super().__init__(**hand_on(locals(), "beta_1", "beta_2", "epsilon", "warmup_steps"))
        self.beta_1 = check_fraction(beta_1, "beta_1")
        if not beta_1:
            raise ValueError("The argument `beta_1` must be above 0. Received beta_1=0.")
        self.beta_2 = check_fraction(beta_2, "beta_2")
        self.epsilon = check_number(epsilon, "epsilon", 0)
        self.warmup_steps = check_count(warmup_steps, "warmup_steps", 0)

    def start(self, variable: Variable, part: slice) -> None:
        self.slots["momentum"][part] = variable.value.ravel()  # z starts at the weights

    def parameters(self):
        t = self._iterations
        rate = self.rate * (min(1.0, t / self.warmup_steps) if self.warmup_steps else 1.0)
        velocity = 1 / (1 - self.beta_2**t)
        return rate, self.beta_1, 1 - self.beta_2, self.epsilon, velocity, 1 / t

    def get_config(self):
        names = ("beta_1", "beta_2", "epsilon", "warmup_steps")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
