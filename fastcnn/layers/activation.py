"""Activations with parameters as layers: ReLU, LeakyReLU, ELU, Softmax and PReLU, which learns."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import activations, constraints, initializers, kernels, regularizers
from fastcnn.core.arguments import matches, warn
from fastcnn.layers.core import Activation
from fastcnn.layers.plain import BoundPasses, PlainLayer
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Axes, ConstraintLike, InitializerLike, RegularizerLike


class ParameterisedActivation(Activation):
    """Base of layers for an activation with parameters, which are the layer's config."""

    def _parameters(self):
        """The parameters by name."""
        raise NotImplementedError

    def as_activation(self):
        if self.activation.parameters:  # otherwise it is the shared default instance
            self.activation.owner = self
        return self.activation

    def get_config(self):
        return {**super(Activation, self).get_config(), **self._parameters()}


@register
class ReLU(ParameterisedActivation):
    """y = min(x, max_value) where x > threshold, else negative_slope * (x - threshold)

    Args:
        max_value: largest output, >= 0; None: unbounded.
        negative_slope: slope below the threshold, >= 0.
        threshold: position of the bend, >= 0.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: any. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.ReLU(max_value=6)(np.array([[-1.0, 2.0, 9.0]])).tolist()
    [[0.0, 2.0, 6.0]]
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self.max_value = None if max_value is None else _not_negative(max_value, "max_value")
        self.negative_slope = _not_negative(negative_slope, "negative_slope")
        self.threshold = _not_negative(threshold, "threshold")
        plain = (self.max_value, self.negative_slope, self.threshold) == (None, 0, 0)
        relu = activations.relu
        if not plain:
            relu = type(relu)(self.negative_slope, self.max_value, self.threshold)
        super().__init__(relu, **kwargs)

    def _parameters(self):
        return {
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


@register
class LeakyReLU(ParameterisedActivation):
    """y = x where x > 0, else negative_slope * x

    Args:
        negative_slope: >= 0. (`alpha`, its former name, is accepted with a warning.)
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: any. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.LeakyReLU(0.5)(np.array([[-1.0, 2.0]])).tolist()
    [[-0.5, 2.0]]
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
            warn("Argument `alpha` is deprecated. Use `negative_slope` instead.")
        self.negative_slope = _not_negative(negative_slope, "negative_slope")
        super().__init__(type(activations.leaky_relu)(self.negative_slope), **kwargs)

    def _parameters(self):
        return {"negative_slope": self.negative_slope}


@register
class ELU(ParameterisedActivation):
    """y = x where x > 0, else alpha * (exp(x) - 1)

    Args:
        alpha: a number.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: any. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.ELU(0.5)(np.array([[-100.0, 2.0]])).tolist()
    [[-0.5, 2.0]]
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        self.alpha = float(alpha)
        super().__init__(type(activations.elu)(self.alpha), **kwargs)

    def _parameters(self):
        return {"alpha": self.alpha}


@register
class Softmax(ParameterisedActivation):
    """y = exp(x) / sum(exp(x)) over `axis`

    Args:
        axis: an axis or a list of axes.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: any. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Softmax()(np.zeros((1, 4))).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """

    takes_mask = True

    def __init__(self, axis: Axes = -1, **kwargs: Any) -> None:
        given: Any = axis
        is_list = isinstance(given, (tuple, list))
        self.axis = [index(entry) for entry in given] if is_list else index(given)
        softmax = activations.softmax
        if axis != -1:
            softmax = type(softmax)(axis)
        super().__init__(softmax, **kwargs)

    def _parameters(self):
        return {"axis": self.axis}


@register
class PReLU(BoundPasses, PlainLayer):
    """y = x where x > 0, else alpha * x, and alpha is learned (He et al. 2015)

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: by default zeros, None, None.
        shared_axes: axes along which alpha is shared; [1, 2] learns one value per channel.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Weights: alpha, of one sample's shape with 1 on the shared axes.

    Input shape: any. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.PReLU(alpha_initializer="ones")(np.array([[-1.0, 2.0]])).tolist()
    [[-1.0, 2.0]]
    """

    def __init__(
        self,
        alpha_initializer: InitializerLike = "Zeros",
        alpha_regularizer: RegularizerLike = None,
        alpha_constraint: ConstraintLike = None,
        shared_axes: Axes | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if shared_axes is not None:
            axes: Any = [shared_axes] if isinstance(shared_axes, int) else shared_axes
            shared_axes = [index(axis) for axis in axes]
        self.shared_axes = shared_axes
        self.alpha = None

    def build(self, input_shape):
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            if not 1 <= axis <= len(shape):
                raise ValueError(
                    f"Layer {self.name!r}: `shared_axes` must be input axes after the batch axis. "
                    f"Received shared_axes={self.shared_axes} and input shape "
                    f"{tuple(input_shape)}."
                )
            shape[axis - 1] = 1
        if None in shape:
            raise ValueError(
                f"Layer {self.name!r} needs a known size on each axis that is not shared. "
                f"Received input shape {tuple(input_shape)}."
            )
        self.alpha = self.add_weight(
            shape,
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )

    def compute_output_shape(self, input_shape):
        if self.alpha is not None:
            wanted = tuple(None if size == 1 else size for size in self.alpha.shape)
            if not matches(input_shape[1:], wanted):
                raise ValueError(
                    f"Layer {self.name!r} was built with a weight of shape {self.alpha.shape}. "
                    f"Received input shape {tuple(input_shape)}."
                )
        return tuple(input_shape)

    def prepare(self, call):
        super().prepare(call)
        # the axes along which alpha varies
        call.axes = tuple(axis for axis, size in enumerate(self.alpha.shape, 1) if size != 1)

        def bind(x, y):
            return kernels.bind("prelu_forward", x, self.alpha.value.reshape(-1), y)

        call.forward = kernels.bind_rows(bind, call.axes, (call.x,), (call.y,))

    def bind_gradients(self, call):
        dalpha = self.alpha.gradient.reshape(-1) if self.alpha.trainable else None

        def bind(dy, x, dx):
            alpha = self.alpha.value.reshape(-1)
            return kernels.bind("prelu_backward", dy, x, alpha, dx, dalpha)

        return kernels.bind_rows(bind, call.axes, (call.dy, call.x), (call.dx,))

    def get_config(self):
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }


def _not_negative(value, name):
    """`value`, a number >= 0."""
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not is_number or not value >= 0:
        raise ValueError(f"The argument `{name}` must be a number >= 0. Received {name}={value!r}.")
    return value.item() if isinstance(value, np.number) else value
