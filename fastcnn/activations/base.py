"""The base classes of activations, the registry, and their parameters.

The functions themselves are in `activations`.
"""

from __future__ import annotations

import copyreg
import functools
import inspect
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import config, kernels
from fastcnn.core.arguments import FunctionSignature
from fastcnn.core.registry import Registry
from fastcnn.core.tensor import tensor

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Config
    from fastcnn.layers import Layer

registry = Registry("activation", "keras.activations")


class ActivationFunction:
    """Base of all activations.

    A subclass implements `forward` and `backward` (or binds kernels). Its constructor's arguments
    are the function's parameters: `activations.elu(x, alpha=0.5)` is `type(elu)(alpha=0.5)(x)`.

    Attributes:
        name: as in `activation="relu"`; with parameters that are not the defaults "relu(...)".
        parameters: dictionary of the parameters that are not the defaults.
    """

    name: Any = None  # a string, once registered
    layer: str | None = None  # the Keras layer that represents it in configs with parameters
    relu_max: float | None = None  # the upper bound, if it is what the kernels call relu
    owner: Layer | None = None  # the layer that was passed as `activation`, if any
    parameters: dict[str, Any] = {}  # noqa: RUF012 - never modified, only replaced in instances

    def forward(self, x, y):
        """Write the activation of x to y."""
        raise NotImplementedError(f"{type(self).__name__} must implement forward(x, y).")

    def backward(self, dy, x, y, dx):
        """Write to dx the gradient at x, given the gradient dy at y = forward(x). dx may be dy."""
        raise NotImplementedError(f"{type(self).__name__} must implement backward(dy, x, y, dx).")

    def bind_forward(self, x, y):
        """A callable that runs `forward` on these arrays."""
        return functools.partial(self.forward, x, y)

    def bind_backward(self, dy, x, y, dx):
        """A callable that runs `backward` on these arrays."""
        return functools.partial(self.backward, dy, x, y, dx)

    def __call__(self, x, *args, **kwargs):
        """The activation of an array, as a new `Tensor`: float32, or float64 on the reference."""
        if args or kwargs:
            return type(self)(*args, **kwargs)(x)
        x = np.asarray(x)
        if x.dtype.kind not in "fiub":
            raise ValueError(
                f"An activation expects an array of real numbers. Received dtype {x.dtype}."
            )
        wide = x.dtype == np.float64 and config.backend() == "reference"
        x = np.asarray(x, np.float64 if wide else np.float32, order="C")
        y = np.empty_like(x)
        self.bind_forward(x, y)()
        return tensor(y)

    def __repr__(self):
        return f"<activation {self.name}>"


class KernelActivation(ActivationFunction):
    """An activation with its own kernels, whose gradient is computed from its output."""

    kernel: str | None = None
    settings: dict[str, Any] = {}  # noqa: RUF012 - never modified

    def bind_forward(self, x, y):
        return kernels.bind(f"{self.kernel}_forward", x, y, **self.settings)

    def bind_backward(self, dy, x, y, dx):
        return kernels.bind(f"{self.kernel}_backward", dy, y, dx, **self.settings)


def parameterised(init):
    """Decorator of `__init__`: stores the parameters that are not the defaults."""
    signature = inspect.signature(init)

    @functools.wraps(init)
    def wrapped(self, *args, **kwargs):
        given = signature.bind(self, *args, **kwargs).arguments
        defaults = {name: p.default for name, p in signature.parameters.items()}
        del given["self"]
        self.parameters = {name: value for name, value in given.items() if value != defaults[name]}
        if self.parameters:
            listed = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
            self.name = f"{type(self).name}({listed})"
        init(self, *args, **kwargs)

    return wrapped


def register(name, *aliases):
    """Class decorator: registers the instance with default parameters and returns it."""

    def add(cls):
        cls.name = name
        function = cls()
        function.__wrapped__ = FunctionSignature(cls, "x")
        copyreg.pickle(cls, _reduce)
        return registry.register(name, *aliases)(function)

    return add


def _reduce(activation):
    """How to pickle and copy a registered activation: by name, as its class is not in a module."""
    state = None if activation.owner is None else {"owner": activation.owner}
    return _restore, (type(activation).name, activation.parameters), state


def _restore(name, parameters):
    """The shared instance of that name, or a new one with these parameters."""
    function = registry.lookup(name)
    return type(function)(**parameters) if parameters else function


def serialize(activation: ActivationFunction) -> str | Config:
    """What Keras writes for an activation: its name, or the layer that represents it.

    Raises:
        ValueError: it has parameters that no layer of Keras has.
    """
    if activation.owner is not None:
        return Registry.of("layer").serialize(activation.owner)
    if not activation.parameters:
        return activation.name
    if activation.layer is None:
        raise ValueError(f"{activation!r} cannot be written to a config: only its default can.")
    return {
        "module": "keras.layers",
        "class_name": activation.layer,
        "config": dict(activation.parameters),
        "registered_name": None,
    }
