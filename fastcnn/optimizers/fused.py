"""The base of optimizers whose update is one pass over the weights, by a rule."""

from __future__ import annotations

from fastcnn.optimizers.base import Optimizer
from fastcnn.optimizers.rules import Rule


class FusedOptimizer(Optimizer):
    """Base of optimizers that a `Rule` describes.

    Clipping, weight decay and the moving average take place in the same pass, unless a subclass
    replaces `step`.
    """

    @property
    def rule(self) -> str:
        """The name of the rule."""
        raise NotImplementedError(f"{type(self).__name__} must implement `rule`.")

    @property
    def state_names(self) -> tuple[str, ...]:
        """The names of the slots, in the order of the rule."""
        return self.slot_names

    def parameters(self) -> tuple[float, ...]:
        """The numbers of the rule for the current step, in its order."""
        raise NotImplementedError(f"{type(self).__name__} must implement parameters().")

    @property
    def is_fused(self):
        return type(self).step is FusedOptimizer.step

    @property
    def in_numpy(self):
        return not self.is_fused

    def bind(self):
        state = [self.slots[name] for name in self.state_names]
        if self.is_fused:
            self._update = self.bind_rule(self.rule, *state)
        else:  # a `step` that calls this one: all else has taken place before it
            self._update = Rule(self.rule, self.weights, self.gradients, *state)

    def step(self):
        self._update(*self.parameters())
