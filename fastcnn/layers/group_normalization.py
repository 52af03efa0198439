"""Normalization of groups of channels of each sample: GroupNormalization."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import constraints, initializers, kernels, regularizers
from fastcnn.core.arguments import check_count, check_number
from fastcnn.layers.plain import BoundPasses, PlainLayer
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import ConstraintLike, InitializerLike, RegularizerLike


@register
class GroupNormalization(BoundPasses, PlainLayer):
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, with the moments of each group

    The channels of each sample are divided into `groups` of consecutive channels; mean and variance
    are computed over all elements of a group (Wu and He 2018).

    Args:
        groups: number of groups; -1 for one per channel, which is instance normalization.
        axis: the axis of the channels, an integer.
        epsilon: added to the variance.
        center, scale: whether to use `beta` and `gamma`.
        beta_initializer, gamma_initializer: zeros, ones.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: None.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Weights: gamma (channels,), beta (channels,).

    Input shape: any, with a known size along `axis`. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layer = layers.GroupNormalization(groups=2, epsilon=0)
    >>> layer(np.array([[1.0, 3.0, 5.0, 5.5]])).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
            raise ValueError(f"The argument `axis` must be an integer. Received axis={axis!r}.")
        self.groups = -1 if groups == -1 else check_count(groups, "groups")
        self.axis = int(axis)
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
        self._channels = None

    def _channel_axis(self, shape):
        """`axis` counted from the front."""
        rank = len(shape)
        if not -rank <= self.axis < rank or self.axis % rank == 0:
            raise ValueError(
                f"Layer {self.name!r}: `axis` must be an axis after the batch axis. "
                f"Received axis={self.axis} and input shape {tuple(shape)}."
            )
        return self.axis % rank

    def build(self, input_shape):
        channels = input_shape[self._channel_axis(input_shape)]
        groups = channels if self.groups == -1 else self.groups
        if channels is None or channels % groups:
            raise ValueError(
                f"Layer {self.name!r} needs a size along axis {self.axis} that is divisible by "
                f"`groups`. Received groups={self.groups} and input shape {tuple(input_shape)}."
            )
        self._channels, self.groups = channels, groups  # the count is in the config, as in Keras
        for name, wanted in (("gamma", self.scale), ("beta", self.center)):
            if wanted:
                weight = self.add_weight(
                    (channels,),
                    getattr(self, f"{name}_initializer"),
                    regularizer=getattr(self, f"{name}_regularizer"),
                    constraint=getattr(self, f"{name}_constraint"),
                    name=name,
                )
                setattr(self, name, weight)

    def compute_output_shape(self, input_shape):
        channels = input_shape[self._channel_axis(input_shape)]
        if self._channels not in (None, channels):
            raise ValueError(
                f"Layer {self.name!r} was built for {self._channels} channels on axis {self.axis}. "
                f"Received input shape {tuple(input_shape)}."
            )
        return tuple(input_shape)

    def prepare(self, call):
        super().prepare(call)
        samples, *sizes = call.x.shape
        axis = self._channel_axis(call.x.shape)
        call.axes = (axis,)
        rows = math.prod(sizes[: axis - 1] + sizes[axis:])
        call.grouped = samples, rows, self.groups, self._channels // self.groups
        # mean, 1 / deviation
        call.moments = [np.empty((samples, self.groups), self.dtype) for _ in range(2)]

        def bind(x, y):
            x, y = x.reshape(call.grouped), y.reshape(call.grouped)
            arrays = x, *self._by_group("value"), y, *call.moments
            return kernels.bind("group_norm_forward", *arrays, epsilon=self.epsilon)

        call.forward = kernels.bind_rows(bind, call.axes, (call.x,), (call.y,))

    def _by_group(self, attribute):
        """That array of gamma and of beta as (groups, channels), or None where it is not needed."""
        return [
            None
            if weight is None or (attribute == "gradient" and not weight.trainable)
            else getattr(weight, attribute).reshape(self.groups, -1)
            for weight in (self.gamma, self.beta)
        ]

    def bind_gradients(self, call):
        def bind(dy, x, dx):
            dy, x = dy.reshape(call.grouped), x.reshape(call.grouped)
            dx = None if dx is None else dx.reshape(call.grouped)
            gamma, _ = self._by_group("value")
            arrays = dy, x, gamma, *call.moments, dx, *self._by_group("gradient")
            return kernels.bind("group_norm_backward", *arrays)

        return kernels.bind_rows(bind, call.axes, (call.dy, call.x), (call.dx,))

    def get_config(self):
        return {
            **super().get_config(),
            "groups": self.groups,
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
