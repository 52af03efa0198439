"""Muon: orthogonal steps for matrices, Adam for everything else."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_count, check_fraction, check_number, hand_on
from fastcnn.core.memory import aligned
from fastcnn.optimizers.base import Optimizer, Setting, registry
from fastcnn.optimizers.orthogonal import NewtonSchulz
from fastcnn.optimizers.patterns import check_patterns
from fastcnn.optimizers.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self

    from fastcnn.core.types import Config, CustomObjects, LearningRateLike

OWN = {  # arguments of Muon alone: name and check
    "adam_beta_1": check_fraction,
    "adam_beta_2": check_fraction,
    "epsilon": check_number,
    "muon_a": check_number,
    "muon_b": check_number,
    "muon_c": check_number,
    "adam_lr_ratio": check_number,
    "momentum": check_number,
}


@registry.register("muon")
class Muon(Optimizer):
    """Muon (Jordan 2024, Liu et al. 2025), for weights of two axes: the kernels of Dense layers.

        m = momentum * m + g;  G = g + momentum * m                 without nesterov: G = m
        X = G / norm(G), then ns_steps times: A = X X';  X = a X + (b A + c A A) X
        w -= learning_rate * rms_rate * sqrt(larger side of w) * X

    All other weights, such as biases and, without `filters`, those of convolutions, and what
    `exclude_layers` matches are updated as by AdamW, with a rate of learning_rate * adam_lr_ratio.

    Args:
        learning_rate: float, schedule or function.
        adam_beta_1, adam_beta_2, epsilon: see `Adam`.
        adam_weight_decay: float, the weight decay of what Adam updates.
        weight_decay: float, that of what Muon updates.
        clipnorm, ..., name: see `Optimizer`.
        exclude_layers: list of regular expressions; weights whose path contains one use Adam.
        exclude_embeddings: whether paths with "embedding" use Adam.
        muon_a, muon_b, muon_c: floats, the coefficients of the iteration (Newton-Schulz).
        adam_lr_ratio: float.
        momentum: float.
        ns_steps: number of iterations.
        nesterov: whether to use Nesterov momentum.
        rms_rate: float, or None for steps without the last two factors.
        filters: whether Muon also updates weights of three or more axes, such as the kernels of
            convolutions (height, width, in, out), as matrices (height * width * in, out). Keras has
            no such argument.
    """

    slot_names = interleaved = ("momentum", "velocity")
    adam_weight_decay: Any = Setting()
    in_numpy = False

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        *,
        filters: bool = False,
        **kwargs: Any,
    ) -> None:
        given = dict(locals())
        others = ("adam_weight_decay", "exclude_layers", "exclude_embeddings", "ns_steps")
        super().__init__(**hand_on(given, *OWN, *others, "nesterov", "rms_rate", "filters"))
        for argument, check in OWN.items():
            setattr(self, argument, check(given[argument], argument))
        if adam_weight_decay is not None:
            adam_weight_decay = check_number(adam_weight_decay, "adam_weight_decay", 0)
        self.adam_weight_decay = adam_weight_decay
        if exclude_layers is not None and not isinstance(exclude_layers, (list, tuple)):
            raise ValueError(
                "The argument `exclude_layers` must be a list of strings. "
                f"Received exclude_layers={exclude_layers!r}."
            )
        self.exclude_layers = list(exclude_layers or ())
        self.exclude_embeddings = bool(exclude_embeddings)
        self.ns_steps = check_count(ns_steps, "ns_steps", 0)
        self.nesterov = bool(nesterov)
        self.rms_rate = None if rms_rate is None else check_number(rms_rate, "rms_rate")
        self.filters = bool(filters)

    def _uses_adam(self, variable):
        axes = len(variable.shape)
        if axes < 2 or (axes > 2 and not self.filters):
            return True
        if self.exclude_embeddings and "embedding" in variable.path.lower():
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def decay_of(self, variable):
        return self.adam_weight_decay if self._uses_adam(variable) else self.weight_decay

    def has_slot(self, name, variable):
        return name != "velocity" or self._uses_adam(variable)

    def bind(self):
        self._change = aligned(self.weights.shape, self.weights.dtype, zero=True)
        momentum, velocity = (self.slots[name] for name in self.slot_names)
        arrays = self.weights, self.gradients, momentum

        def segments(uses_adam):
            chosen = [self._uses_adam(variable) == uses_adam for variable, _ in self._slices]
            return self._segments[np.array(chosen, bool)]

        self._by_adam = Rule("adam", *arrays, velocity, segments=segments(True))
        self._by_muon = Rule("muon", *arrays, self._change, segments=segments(False))
        self._apply = Rule("sgd", self.weights, self._change, segments=segments(False))
        self._matrices = []
        for variable, part in self._slices:
            if not self._uses_adam(variable):
                matrix = self._change[part].reshape(-1, variable.shape[-1])
                self._matrices.append((matrix, self._iteration(matrix)))

    def _iteration(self, matrix):
        """What makes the steps of a weight orthogonal."""
        coefficients = self.muon_a, self.muon_b, self.muon_c
        return NewtonSchulz(matrix.shape, matrix.dtype.name, *coefficients, self.ns_steps)

    @np.errstate(all="ignore")  # NaN and infinity show up in the loss
    def step(self):
        of_gradient, of_momentum = (1.0, self.momentum) if self.nesterov else (0.0, 1.0)
        self._by_muon(self.momentum, of_gradient, of_momentum)
        for change, orthogonal in self._matrices:
            scale = 1.0
            if self.rms_rate is not None:
                scale *= math.sqrt(max(change.shape)) * self.rms_rate
            np.multiply(orthogonal(change), scale, out=change)
        self._apply(self.rate)
        t = self._iterations
        alpha = self.rate * self.adam_lr_ratio
        alpha *= math.sqrt(1 - self.adam_beta_2**t) / (1 - self.adam_beta_1**t)
        self._by_adam(alpha, 1 - self.adam_beta_1, 1 - self.adam_beta_2, self.epsilon)

    def get_config(self):
        names = (*OWN, "exclude_layers", "ns_steps", "nesterov", "exclude_embeddings")
        own = {name: getattr(self, name) for name in (*names, "adam_weight_decay", "rms_rate")}
        config = {**super().get_config(), **own}
        return {**config, "filters": True} if self.filters else config

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        check_patterns(config.get("exclude_layers") or (), "exclude_layers")
        return super().from_config(config, custom_objects)
