"""Constraints: functions that are applied to weights after each update.

    >>> import numpy as np
    >>> from fastcnn import constraints
    >>> constraints.NonNeg()(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]

Example: `Dense(10, kernel_constraint=constraints.MaxNorm(3))`. A custom constraint needs
`__call__(w)`, which returns an array of w's shape.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config, kernels
from fastcnn.core.arguments import check_number
from fastcnn.core.registry import Configurable, Registry, named
from fastcnn.kernels.shapes import around

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from fastcnn.core.types import Axes, Config, CustomObjects

registry = Registry("constraint", "keras.constraints")


@registry.register("constraint")
class Constraint(Configurable):
    """Base of all constraints. It returns weights unchanged, as in Keras."""

    def __call__(self, w: ArrayLike) -> NDArray:
        """The array that replaces the weight w."""
        return np.asarray(w)


@registry.register("non_neg")
class NonNeg(Constraint):
    """w = max(w, 0)"""

    def __call__(self, w):
        return np.maximum(w, 0)


@registry.register("min_max_norm")
class MinMaxNorm(Constraint):
    """Scales the weights so that their norms along `axis` are between two values.

    Args:
        min_value, max_value: floats.
        rate: 1 enforces the limits in each update; smaller values move toward them.
        axis: int or tuple of ints; (0, 1, 2) treats each filter of a Conv2D as one.
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axes = 0
    ) -> None:
        self.min_value = check_number(min_value, "min_value")
        self.max_value = check_number(max_value, "max_value")
        self.rate = check_number(rate, "rate")
        self.axis = _axes(axis)

    def __call__(self, w):
        norms = _norms(w, self.axis)
        wanted = self.rate * np.clip(norms, self.min_value, self.max_value)
        wanted += (1 - self.rate) * norms
        return w * (wanted / (config.epsilon() + norms))

    def get_config(self):
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


@registry.register("max_norm")
class MaxNorm(MinMaxNorm):
    """Scales the weights so that their norms along `axis` are at most `max_value`.

    Args:
        max_value: a float.
        axis: int or tuple of ints.
    """

    def __init__(self, max_value: float = 2, axis: Axes = 0) -> None:
        super().__init__(0.0, max_value, 1.0, axis)

    def get_config(self):
        return {"max_value": self.max_value, "axis": self.axis}


@registry.register("unit_norm")
class UnitNorm(Constraint):
    """Scales the weights so that their norms along `axis` are 1.

    Args:
        axis: int or tuple of ints.
    """

    def __init__(self, axis: Axes = 0) -> None:
        self.axis = _axes(axis)

    def __call__(self, w):
        return w / (config.epsilon() + _norms(w, self.axis))

    def get_config(self):
        return {"axis": self.axis}


non_neg = NonNeg
max_norm = MaxNorm
min_max_norm = MinMaxNorm
unit_norm = UnitNorm


def _axes(axis):
    """`axis` as an int or a tuple of ints."""
    return index(axis) if np.ndim(axis) == 0 else tuple(map(index, axis))


def _norms(w, axis):
    return np.sqrt(np.square(w).sum(axis=axis, keepdims=True))


def bind_constraint(constraint, w):
    """A callable that applies a constraint to the array w in place, by a kernel where one fits."""
    kind, is_norm = type(constraint), isinstance(constraint, (MinMaxNorm, UnitNorm))
    shape = None
    if is_norm:
        axes = np.atleast_1d(constraint.axis)
        shape = around(sorted(axis + w.ndim * (axis < 0) for axis in axes), w.shape)
    if kind is NonNeg:
        return kernels.bind("relu_forward", w, w)
    if kind is UnitNorm and shape:
        return _limit(w.reshape(shape), 1.0, 1.0, 1.0)
    if kind in (MinMaxNorm, MaxNorm) and shape:
        limits = constraint.min_value, constraint.max_value, constraint.rate
        return _limit(w.reshape(shape), *limits)

    def apply():
        w[...] = constraint(w)

    return apply


def _limit(w, least, most, rate):
    settings = {"least": least, "most": most, "rate": rate, "epsilon": config.epsilon()}
    return kernels.bind("limit_norms", w, **settings)


def get(identifier: Any) -> Constraint | None:
    """A constraint from a name, config, class, instance or function of w; None stays None.

    Raises:
        ValueError: an unknown name; the error lists the valid ones.
    """
    if callable(identifier) and not isinstance(identifier, type):
        return identifier
    return registry.get(identifier, Constraint)


def serialize(constraint: Constraint | None) -> Config | None:
    """The dictionary that Keras writes for a constraint."""
    return registry.serialize(constraint)


def deserialize(config: Config, custom_objects: CustomObjects = None) -> Constraint:
    """The constraint that `serialize` wrote, or one given by name."""
    return registry.deserialize(named(config), custom_objects)
