"""Normalization of each sample: LayerNormalization, UnitNormalization."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import constraints, initializers, kernels, regularizers
from fastcnn.core.arguments import check_number, warn
from fastcnn.kernels.shapes import around
from fastcnn.layers.plain import BoundPasses, PlainLayer
from fastcnn.layers.registry import register
from fastcnn.layers.root_mean_square import RootMeanSquare

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Axes, ConstraintLike, InitializerLike, RegularizerLike


def flat(weight):
    """The values of a weight as one row, or None without a weight."""
    return None if weight is None else weight.value.reshape(-1)


def flat_gradient(weight):
    """The gradient of a weight as one row, or None where it is not needed."""
    return None if weight is None or not weight.trainable else weight.gradient.reshape(-1)


class SampleNormalization(PlainLayer):
    """Base: has an `axis`, an integer or several, never the batch axis."""

    def __init__(self, axis: Axes = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        whole: Any = axis if isinstance(axis, (list, tuple)) else (axis,)
        if not whole or any(
            isinstance(one, bool) or not isinstance(one, (int, np.integer)) for one in whole
        ):
            raise ValueError(
                "The argument `axis` must be an integer or a list of integers. "
                f"Received axis={axis!r}."
            )
        axes = [int(one) for one in whole]
        self.axis = axes if isinstance(axis, (list, tuple)) else axes[0]

    def axes(self, shape):
        """`axis` counted from the front, in order."""
        given = self.axis if isinstance(self.axis, list) else [self.axis]
        rank = len(shape)
        axes = sorted({axis % rank for axis in given if -rank <= axis < rank})
        if len(axes) < len(given) or 0 in axes:
            raise ValueError(
                f"Layer {self.name!r}: `axis` must contain distinct axes after the batch axis. "
                f"Received axis={self.axis} and input shape {tuple(shape)}."
            )
        return tuple(axes)

    def sizes_to_build(self, input_shape):
        """The sizes along `axis`, for the shape of a weight; sorts `axis`."""
        self.axes(input_shape)
        # a sorted list as in Keras, for identical files: -1 comes before 1
        self.axis = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]
        self._shape = tuple(input_shape[axis] for axis in self.axis)
        if None in self._shape:
            raise ValueError(
                f"Layer {self.name!r} needs a known size on each axis in `axis`. "
                f"Received axis={self.axis} and input shape {tuple(input_shape)}."
            )
        return self._shape

    def check_sizes(self, input_shape):
        """Raise ValueError where a layer with weights cannot take the input shape."""
        self.axes(input_shape)
        if self._variables and tuple(input_shape[axis] for axis in self.axis) != self._shape:
            raise ValueError(
                f"Layer {self.name!r} was built for sizes {self._shape} on axis {self.axis}. "
                f"Received input shape {tuple(input_shape)}."
            )

    def compute_output_shape(self, input_shape):
        self.axes(input_shape)
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


@register
class LayerNormalization(BoundPasses, SampleNormalization):
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, with the moments of each sample

    Mean and variance are computed over `axis`; gamma and beta vary along it (Ba et al. 2016).

    Args:
        axis: an integer or a list of integers.
        epsilon: added to the variance.
        center, scale: whether to use `beta` and `gamma`.
        beta_initializer, gamma_initializer: zeros, ones.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: None.
        rms_scaling: deprecated; True: y = gamma * x / sqrt(variance + epsilon), whatever `center`
            and `scale` say.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Weights: gamma, beta, with the sizes of the input along `axis`.

    Input shape: any, with known sizes along `axis`. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.LayerNormalization(epsilon=0)(np.array([[1.0, 3.0], [5.0, 5.5]])).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: Axes = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        *,
        rms_scaling: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(axis, **kwargs)
        if rms_scaling:
            warn(
                "You passed `rms_scaling=True`, which is deprecated. This argument incorrectly "
                "scales the input by the variance, not the root mean square. To correctly use RMS "
                "Normalization, please use `keras.layers.RMSNormalization` instead."
            )
        self.rms_scaling = bool(rms_scaling)
        self.epsilon = check_number(epsilon, "epsilon", 0)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma = self.beta = None

    def build(self, input_shape):
        shape = self.sizes_to_build(input_shape)
        with_gamma = self.scale or self.rms_scaling
        with_beta = self.center and not self.rms_scaling
        for name, wanted in (("gamma", with_gamma), ("beta", with_beta)):
            if wanted:
                weight = self.add_weight(
                    shape,
                    getattr(self, f"{name}_initializer"),
                    regularizer=getattr(self, f"{name}_regularizer"),
                    constraint=getattr(self, f"{name}_constraint"),
                    name=name,
                )
                setattr(self, name, weight)

    def compute_output_shape(self, input_shape):
        self.check_sizes(input_shape)
        return tuple(input_shape)

    def prepare(self, call):
        super().prepare(call)
        call.axes = self.axes(call.x.shape)
        if self.rms_scaling:
            arrays = call.x, call.y, self.gamma.value, call.axes
            call.rms = RootMeanSquare(*arrays, self.epsilon, centered=True)
            call.forward = call.rms.forward
            return
        rows = math.prod(n for axis, n in enumerate(call.x.shape) if axis not in call.axes)
        call.moments = [np.empty(rows, self.dtype) for _ in range(2)]  # mean, 1 / deviation

        def bind(x, y):
            arrays = x, flat(self.gamma), flat(self.beta), y, *call.moments
            return kernels.bind("layer_norm_forward", *arrays, epsilon=self.epsilon)

        call.forward = kernels.bind_rows(bind, call.axes, (call.x,), (call.y,))

    def bind_gradients(self, call):
        if self.rms_scaling:
            dgamma = self.gamma.gradient if self.gamma.trainable else None
            return partial(call.rms.backward, call.dy, call.dx, dgamma)

        def bind(dy, x, dx):
            gradients = flat_gradient(self.gamma), flat_gradient(self.beta)
            arrays = dy, x, flat(self.gamma), *call.moments, dx, *gradients
            return kernels.bind("layer_norm_backward", *arrays)

        return kernels.bind_rows(bind, call.axes, (call.dy, call.x), (call.dx,))

    def get_config(self):
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "rms_scaling": self.rms_scaling,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }


@register
class UnitNormalization(BoundPasses, SampleNormalization):
    """y = x / sqrt(sum of x^2 over `axis`), which has norm 1; zeros stay zeros.

    Args:
        axis: an integer or a list of integers.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: any. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.UnitNormalization()(np.array([[0.0, 3.0]])).tolist()
    [[0.0, 1.0]]
    """

    LARGEST = 1e12  # factor, as in Keras

    def prepare(self, call):
        super().prepare(call)
        call.axes = self.axes(call.x.shape)
        rows = math.prod(n for axis, n in enumerate(call.x.shape) if axis not in call.axes)
        call.factor = np.empty(rows, self.dtype)
        call.forward = self._bind(call, "forward", (call.x,), (call.y,))

    def bind_gradients(self, call):
        return self._bind(call, "backward", (call.dy, call.y), (call.dx,))

    def _bind(self, call, which, read, written):
        def bind(*arrays):  # (n, k, q), normalized over k
            *inputs, out = arrays
            factor = call.factor.reshape(out.shape[0], out.shape[2])
            arrays = (*inputs, out, factor) if which == "forward" else (*inputs, factor, out)
            return kernels.bind(f"unit_norm_{which}", *arrays, most=self.LARGEST)

        shape = around(call.axes, call.x.shape)
        if shape is not None:
            return bind(*(array.reshape(shape) for array in (*read, *written)))

        def bind_matrices(*matrices):
            return bind(*(matrix[:, :, None] for matrix in matrices))

        return kernels.bind_rows(bind_matrices, call.axes, read, written)
