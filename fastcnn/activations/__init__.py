"""Activations: elementwise functions, softmax and similar functions, with their gradients.

    >>> import numpy as np
    >>> from fastcnn import activations
    >>> activations.relu(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    >>> activations.get("tanh")
    <activation tanh>
    >>> activations.leaky_relu(np.array([-1.0, 2.0]), negative_slope=0.5).tolist()
    [-0.5, 2.0]

Each is an instance of `ActivationFunction`: `forward(x, y)` writes y, `backward(dy, x, y, dx)`
writes dx; all arrays have one shape and float type. A layer binds them to its buffers once. For a
custom activation, pass an instance of a subclass to a layer: `Dense(8, activation=MyActivation())`.

All are compiled kernels.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import kernels
from fastcnn.activations.base import (
    ActivationFunction,
    KernelActivation,
    parameterised,
    register,
    registry,
    serialize,
)
from fastcnn.activations.curves import *  # noqa: F403
from fastcnn.activations.curves import Curve
from fastcnn.core.registry import Registry
from fastcnn.kernels.shapes import around

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from fastcnn.core.types import Config, CustomObjects

__all__ = ["ActivationFunction", "deserialize", "get", "registry", "serialize", "threshold"]


@register("linear")
class linear(ActivationFunction):  # noqa: N801 - the module's names are Keras's functions
    """y = x"""

    def forward(self, x, y):
        y[...] = x

    def backward(self, dy, x, y, dx):
        dx[...] = dy


@register("tanh")
class tanh(KernelActivation):  # noqa: N801
    """y = tanh(x)"""

    kernel = "tanh"


@register("sigmoid")
class sigmoid(KernelActivation):  # noqa: N801
    """y = 1 / (1 + exp(-x))"""

    kernel = "sigmoid"


@register("elu")
class elu(KernelActivation):  # noqa: N801
    """y = x where x > 0, else alpha (exp(x) - 1)"""

    kernel = "elu"
    layer = "ELU"

    @parameterised
    def __init__(self, alpha=1.0):
        self.settings = {"alpha": float(alpha)}

    def bind_backward(self, dy, x, y, dx):
        if (
            self.settings["alpha"] < 0
        ):  # y > 0 for both signs of x, so the kernel cannot distinguish them
            return functools.partial(self.backward, dy, x, y, dx)
        return super().bind_backward(dy, x, y, dx)

    def backward(self, dy, x, y, dx):
        dx[...] = dy * np.where(x > 0, 1, y + self.settings["alpha"])


@register("relu")
class relu(Curve):  # noqa: N801
    """y = max(x, 0); NaN stays NaN

    With parameters: y = min(x, max_value) where x > threshold, else
    negative_slope (x - threshold).
    """

    function = "relu"
    layer = "ReLU"

    @parameterised
    def __init__(self, negative_slope=0.0, max_value=None, threshold=0.0):
        self.slope, self.most, self.threshold = negative_slope, max_value, threshold
        bound = math.nan if max_value is None else max_value
        self.set_parameters(negative_slope, bound, threshold)
        if not negative_slope and not threshold:
            if max_value is None:
                self.relu_max = math.inf
            elif max_value == 6:  # as in Keras the gradient at any other bound is 1, not 0
                self.relu_max = 6.0

    def bind_forward(self, x, y):
        if self.relu_max is None:
            return super().bind_forward(x, y)
        return kernels.bind("relu_forward", x, y, relu_max=self.relu_max)

    def bind_backward(self, dy, x, y, dx):
        if self.relu_max is None:
            return super().bind_backward(dy, x, y, dx)
        return kernels.bind("relu_backward", dy, y, dx, relu_max=self.relu_max)


@register("relu6")
class relu6(KernelActivation):  # noqa: N801
    """y = min(max(x, 0), 6)"""

    kernel = "relu"
    relu_max = 6.0
    settings = {"relu_max": relu_max}  # noqa: RUF012 - never modified


class OverAxes(KernelActivation):
    """A function over the axis (or axes) `axis`, None for all.

    `kernel` takes matrices (n, k), or is None; `columns` takes arrays (n, k, q).
    """

    columns = "softmax_columns"

    @parameterised
    def __init__(self, axis=-1):
        self.axis = tuple(axis) if isinstance(axis, (tuple, list)) else axis

    def _axes(self, rank):
        """`axis` counted from the front, in order."""
        if rank == 0:
            raise ValueError(f"{self.name} needs an array of one or more axes. Received a scalar.")
        if self.axis is None:
            return tuple(range(rank))
        given = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        if not all(isinstance(axis, (int, np.integer)) for axis in given):
            raise ValueError(
                f"The argument `axis` must be an integer, several, or None. Received {self.axis!r}."
            )
        axes = sorted({axis % rank for axis in given if -rank <= axis < rank})
        if len(axes) < len(given):
            raise ValueError(
                f"The argument `axis` must contain distinct axes of the input. "
                f"Received axis={self.axis} for an input of {rank} axes."
            )
        return tuple(axes)

    def bind_forward(self, x, y):
        return self._bind("forward", x, y)

    def bind_backward(self, dy, x, y, dx):
        return self._bind("backward", dy, y, dx)

    def _bind(self, which, *arrays):
        axes = self._axes(arrays[0].ndim)
        shape = around(axes, arrays[0].shape)  # (n, k, q)
        if shape is None:  # copies to rows
            bind = functools.partial(self.bind_rows, which)
            return kernels.bind_rows(bind, axes, arrays[:-1], arrays[-1:])
        if shape[2] == 1:
            return self.bind_rows(which, *(array.reshape(shape[:2]) for array in arrays))
        columns = [array.reshape(shape) for array in arrays]
        return kernels.bind(f"{self.columns}_{which}", *columns, **self.settings)

    def bind_rows(self, which, *arrays):
        """The kernel bound to matrices (n, k)."""
        if self.kernel is not None:
            return kernels.bind(f"{self.kernel}_{which}", *arrays)
        columns = [array[:, :, None] for array in arrays]
        return kernels.bind(f"{self.columns}_{which}", *columns, **self.settings)

    def forward(self, x, y):
        """In NumPy, of any float type."""
        axes = self._axes(x.ndim)
        order = [*(axis for axis in range(x.ndim) if axis not in axes), *axes]
        moved = x.transpose(order)
        rows = moved.reshape(-1, math.prod(x.shape[axis] for axis in axes), 1)
        result = np.empty_like(rows)
        getattr(kernels.reference, f"{self.columns}_forward")(rows, result, **self.settings)
        y.transpose(order)[...] = result.reshape(moved.shape)


@register("softmax")
class softmax(OverAxes):  # noqa: N801
    """y = exp(x) / sum(exp(x)) over the axis (or axes) `axis`, by default the last"""

    kernel = "softmax"
    settings = {"log": False}  # noqa: RUF012 - never modified
    layer = "Softmax"


@register("log_softmax")
class log_softmax(OverAxes):  # noqa: N801
    """y = x - log(sum(exp(x))) over `axis`"""

    kernel = "log_softmax"
    settings = {"log": True}  # noqa: RUF012


@register("sparsemax")
class sparsemax(OverAxes):  # noqa: N801
    """y = max(x - tau, 0) with the tau that makes sum(y) = 1 (Martins & Astudillo 2016)"""

    columns = "sparsemax"


def threshold(x: ArrayLike, threshold: float, default_value: float) -> NDArray:
    """x where x > threshold, else default_value, as a new array. It cannot be used by name."""
    x = np.asarray(x)
    return np.where(x > threshold, x, x.dtype.type(default_value))


def get(identifier: Any) -> ActivationFunction:
    """An activation from a name, an instance, a layer such as LeakyReLU or its config.

    None is `linear`.

    Raises:
        ValueError: an unknown name (the error lists the valid ones), or a plain function, whose
            gradient is unknown.
    """
    if identifier is None:
        identifier = "linear"
    if isinstance(identifier, dict) and identifier.get("module") == "keras.layers":
        identifier = Registry.of("layer").deserialize(identifier)
    if hasattr(identifier, "as_activation"):  # LeakyReLU() and other layers of one activation
        return identifier.as_activation()
    if callable(identifier) and not isinstance(identifier, (ActivationFunction, type)):
        raise ValueError(
            "An activation needs a gradient: subclass `fastcnn.activations.ActivationFunction` "
            f"instead of passing the function {identifier!r}."
        )
    return registry.get(identifier, ActivationFunction)


def deserialize(config: Config, custom_objects: CustomObjects = None) -> ActivationFunction:
    """The activation that `serialize` wrote: registered, or from `custom_objects`."""
    if custom_objects and isinstance(config, str):
        config = custom_objects.get(config, config)
    elif custom_objects and isinstance(config, dict):
        return registry.deserialize(config, custom_objects)
    return get(config)
