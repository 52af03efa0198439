"""Normalization of groups of channels of each sample: GroupNormalization."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcnn import constraints, initializers, regularizers
from fastcnn.core.arguments import check_count, check_number
from fastcnn.layers.plain import PlainLayer
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import ConstraintLike, InitializerLike, RegularizerLike


@register
class GroupNormalization(PlainLayer):
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
        shape = call.x.shape
        axis = self._channel_axis(shape)
        members = self._channels // self.groups
        call.grouped = (*shape[:axis], self.groups, members, *shape[axis + 1 :])
        call.axes = tuple(a for a in range(1, len(call.grouped)) if a != axis)
        call.others = tuple(a for a in range(len(shape)) if a != axis)
        call.against = [-1 if a == axis else 1 for a in range(len(shape))]
        call.normalized = np.empty(shape, self.dtype)

    def apply(self, call):
        x, normalized = call.x.reshape(call.grouped), call.normalized.reshape(call.grouped)
        np.subtract(x, x.mean(call.axes, keepdims=True), out=normalized)
        variance = np.square(normalized).mean(call.axes, keepdims=True)
        call.inverse = 1 / np.sqrt(variance + normalized.dtype.type(self.epsilon))
        normalized *= call.inverse
        call.y[...] = call.normalized
        if self.gamma is not None:
            call.y *= self.gamma.value.reshape(call.against)
        if self.beta is not None:
            call.y += self.beta.value.reshape(call.against)

    def apply_backward(self, call):
        dy = call.dy
        if self.gamma is not None and self.gamma.trainable:
            (dy * call.normalized).sum(call.others, out=self.gamma.gradient)
        if self.beta is not None and self.beta.trainable:
            dy.sum(call.others, out=self.beta.gradient)
        if call.dx is None:
            return
        if self.gamma is not None:
            dy = dy * self.gamma.value.reshape(call.against)
        dy, dx, normalized = (a.reshape(call.grouped) for a in (dy, call.dx, call.normalized))
        along = (dy * normalized).mean(call.axes, keepdims=True)
        np.multiply(normalized, along, out=dx)
        np.subtract(dy - dy.mean(call.axes, keepdims=True), dx, out=dx)
        dx *= call.inverse

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
