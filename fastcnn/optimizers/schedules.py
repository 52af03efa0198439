"""Learning-rate schedules: the rate as a function of the number of updates so far.

    >>> from fastcnn.optimizers import schedules
    >>> rate = schedules.ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)
    >>> rate(0), rate(200)
    (0.1, 0.025)

`Adam(learning_rate=rate)` calls `rate(step)` before each update; step counts from 0. A custom
schedule subclasses `LearningRateSchedule` and implements `__call__(step)`.
"""

from __future__ import annotations

import bisect
import math
import sys
from typing import TYPE_CHECKING

from fastcnn.core.arguments import check_list, check_number
from fastcnn.core.lazy import explain_missing
from fastcnn.optimizers.base import LearningRateSchedule, schedules as registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastcnn.core.types import Config, CustomObjects, Number


class _Decay(LearningRateSchedule):
    """Base of the schedules that decay from a rate over a number of steps."""

    def __init__(self, initial_learning_rate, decay_steps, name=None):
        self.initial_learning_rate = check_number(initial_learning_rate, "initial_learning_rate")
        self.decay_steps = _check_steps(decay_steps, "decay_steps")
        self.name = name or type(self).__name__

    def _decays(self, step, staircase=False):
        """step / decay_steps, rounded down with `staircase`."""
        decays = float(step) / self.decay_steps
        return math.floor(decays) if staircase else decays

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "name": self.name,
        }


@registry.register("ExponentialDecay")
class ExponentialDecay(_Decay):
    """initial_learning_rate * decay_rate^(step / decay_steps)

    Args:
        initial_learning_rate, decay_rate: floats.
        decay_steps: a positive number.
        staircase: whether to round step / decay_steps down, so that the rate falls in steps.
        name: a string.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: Number,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = "ExponentialDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        self.decay_rate = check_number(decay_rate, "decay_rate")
        self.staircase = bool(staircase)

    def __call__(self, step):
        return self.initial_learning_rate * self.decay_rate ** self._decays(step, self.staircase)

    def get_config(self):
        return {
            **super().get_config(),
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
        }


@registry.register("InverseTimeDecay")
class InverseTimeDecay(ExponentialDecay):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps)

    Args:
        initial_learning_rate, decay_rate: floats.
        decay_steps: a positive number.
        staircase: whether to round step / decay_steps down, so that the rate falls in steps.
        name: a string.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: Number,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = "InverseTimeDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step):
        decays = self._decays(step, self.staircase)
        return self.initial_learning_rate / (1 + self.decay_rate * decays)


@registry.register("PolynomialDecay")
class PolynomialDecay(_Decay):
    """(initial - end) * (1 - step / decay_steps)^power + end, then `end` after `decay_steps`.

    Args:
        initial_learning_rate, end_learning_rate, power: floats.
        decay_steps: a positive number.
        cycle: whether to start again over two, three, ... times the steps instead of ending.
        name: a string.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: Number,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str | None = "PolynomialDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        self.end_learning_rate = check_number(end_learning_rate, "end_learning_rate")
        self.power = check_number(power, "power")
        self.cycle = bool(cycle)

    def __call__(self, step):
        decays = self._decays(step)
        done = decays / max(1, math.ceil(decays)) if self.cycle else min(decays, 1.0)
        start, end = self.initial_learning_rate, self.end_learning_rate
        return (start - end) * (1 - done) ** self.power + end

    def get_config(self):
        return {
            **super().get_config(),
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
        }


@registry.register("CosineDecay")
class CosineDecay(_Decay):
    """Half a cosine from the rate down to `alpha` times it, after an optional linear warm-up.

        step < warmup_steps:  initial + (warmup_target - initial) * step / warmup_steps
        then, from 0 to decay_steps:  peak * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2
                                              + alpha)

    Args:
        initial_learning_rate: the start of the warm-up, or the peak if there is no warm-up.
        decay_steps: a positive number.
        alpha: float, the final rate as a fraction of the peak.
        name: a string.
        warmup_target: the peak reached by the warm-up, or None for no warm-up.
        warmup_steps: length of the warm-up.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: Number,
        alpha: float = 0.0,
        name: str | None = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        self.alpha = check_number(alpha, "alpha")
        if warmup_target is not None:
            warmup_target = check_number(warmup_target, "warmup_target")
        self.warmup_target = warmup_target
        self.warmup_steps = check_number(warmup_steps, "warmup_steps", 0)

    def __call__(self, step):
        peak = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return peak + (self.warmup_target - peak) * step / self.warmup_steps
            peak, step = self.warmup_target, step - self.warmup_steps
        cosine = 0.5 * (1 + math.cos(math.pi * min(self._decays(step), 1.0)))
        return peak * ((1 - self.alpha) * cosine + self.alpha)

    def get_config(self):
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


@registry.register("CosineDecayRestarts")
class CosineDecayRestarts(LearningRateSchedule):
    """A sequence of cosine decays (Loshchilov & Hutter 2016).

    Args:
        initial_learning_rate: float, the peak of the first decay.
        first_decay_steps: a positive number, the length of the first decay.
        t_mul: ratio of the length of each decay to that of the previous one.
        m_mul: ratio of each peak to the previous one.
        alpha: float, the final rate of a decay as a fraction of `initial_learning_rate`.
        name: a string.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: Number,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str | None = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = check_number(initial_learning_rate, "initial_learning_rate")
        self.first_decay_steps = _check_steps(first_decay_steps, "first_decay_steps")
        self.t_mul = check_number(t_mul, "t_mul")
        if self.t_mul < 1:
            raise ValueError(f"The argument `t_mul` must be >= 1. Received t_mul={t_mul!r}.")
        self.m_mul = check_number(m_mul, "m_mul")
        self.alpha = check_number(alpha, "alpha")
        self.name = name

    def __call__(self, step):
        restarts, done = self._position(float(step) / self.first_decay_steps)
        height = 0.5 * self.m_mul**restarts * (1 + math.cos(math.pi * done))
        return self.initial_learning_rate * ((1 - self.alpha) * height + self.alpha)

    def _position(self, at):
        """(index of the decay, completed fraction); `at` is in lengths of the first decay."""
        grows = self.t_mul > 1

        def start(restarts):
            return (self.t_mul**restarts - 1) / (self.t_mul - 1) if grows else restarts

        restarts = math.floor(
            math.log1p(at * (self.t_mul - 1)) / math.log(self.t_mul) if grows else at
        )
        restarts += start(restarts + 1) <= at  # corrects the rounding of the logarithms
        restarts -= start(restarts) > at
        return restarts, (at - start(restarts)) / self.t_mul**restarts

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }


@registry.register("PiecewiseConstantDecay")
class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to and including step boundaries[0], values[1] up to boundaries[1], ...

    Args:
        boundaries: step numbers in increasing order.
        values: list of floats, one more than boundaries.
        name: a string.
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str | None = "PiecewiseConstant",
    ) -> None:
        if len(check_list(values, "values")) != len(check_list(boundaries, "boundaries")) + 1:
            raise ValueError(
                "The argument `values` must have one more entry than `boundaries`. "
                f"Received boundaries={boundaries} and values={values}."
            )
        self.boundaries = [check_number(step, "boundaries") for step in boundaries]
        self.values = [check_number(rate, "values") for rate in values]
        self.name = name

    def __call__(self, step):
        return self.values[bisect.bisect_left(self.boundaries, step)]

    def get_config(self):
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


def _check_steps(value, name):
    value = check_number(value, name)
    if value <= 0:
        raise ValueError(f"The argument `{name}` must be > 0. Received {name}={value!r}.")
    return value


def get(identifier):
    """A schedule from a config or an instance."""
    return registry.get(identifier, LearningRateSchedule)


def serialize(learning_rate_schedule: LearningRateSchedule) -> Config | None:
    """A schedule as a dictionary in the format of Keras."""
    return registry.serialize(learning_rate_schedule)


def deserialize(config: Config, custom_objects: CustomObjects = None) -> LearningRateSchedule:
    """The schedule described by a dictionary from `serialize`."""
    return registry.deserialize(config, custom_objects)


explain_missing(sys.modules[__name__])
