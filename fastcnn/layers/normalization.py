"""BatchNormalization and its step."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import constraints, initializers, kernels, regularizers
from fastcnn.core.arguments import refuse
from fastcnn.core.steps import Call, Step
from fastcnn.layers.base import Layer
from fastcnn.layers.registry import register

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Axes, ConstraintLike, InitializerLike, RegularizerLike


class BatchNormalizationStep(Step):
    """BatchNormalization, also fused with relu.

    Args:
        relu_max: the upper bound of relu, which may be infinity; None without relu.
        frozen: whether it runs in inference mode during training as well.
    """

    owns_output = True
    has_residual = False  # whether a second input is added before relu

    def __init__(self, layer, relu_max=None, frozen=False, **shapes):
        super().__init__(layer, **shapes)
        self.relu = relu_max is not None
        self.relu_max = relu_max if self.relu else math.inf
        self.frozen = frozen
        self.name = " + ".join([layer.name, *relu_names(relu_max)])

    def forward(self, x, training=False):
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = self._bind(x)
        return self._normalize(call, training)

    def _normalize(self, call, training):
        """Run the forward kernel of a bound call."""
        for copy, original in call.before:
            np.copyto(copy, original)
        call.frozen = self.frozen or not (training and self.layer.trainable)
        if call.frozen:
            call.infer()
        else:
            call.train()
            self.block.touch()  # the kernel has updated the moving averages
        for copy, original in call.after:
            np.copyto(copy, original)
        self._kept = call if training else None
        return call.y

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._bind_backward(dy)
        for copy, original in call.before_backward:
            np.copyto(copy, original)
        (call.backward_frozen if call.frozen else call.backward)()
        for copy, original in call.after_backward:
            np.copyto(copy, original)
        return call.dx

    @property
    def owns_gradient(self):
        return not self.consume_gradient

    @property
    def needs_dx(self):
        """Whether the gradient of x is needed."""
        return self.input_gradient

    # ------------------------------------------------------------------------------------ binding

    def _rows(self, role, array):
        """`array` as rows of channels, and the pairs (moved array, rows) that must be copied."""
        axis = self.layer.axis
        if axis in (-1, array.ndim - 1):
            return array.reshape(math.prod(array.shape[:-1]), array.shape[-1]), ()
        moved = np.moveaxis(array, axis, -1)
        rows = self._buffer(role, moved.shape)
        return rows.reshape(math.prod(moved.shape[:-1]), moved.shape[-1]), ((moved, rows),)

    def _bind(self, x, residual=None):
        layer, call = self.layer, Call(x)
        call.y = self._buffer("y", x.shape)
        call.x_rows, copies = self._rows("x rows", x)
        call.before = tuple((rows, moved) for moved, rows in copies)
        call.y_rows, call.after = self._rows("y rows", call.y)
        call.mean, call.variance = np.zeros((2, layer.moving_mean.size), self.dtype)
        weights = (None if w is None else w.value for w in (layer.gamma, layer.beta))
        arrays = call.x_rows, *weights
        settings = {"epsilon": layer.epsilon, "relu": self.relu, "relu_max": self.relu_max}
        moments = layer.moving_mean.value, layer.moving_variance.value
        outputs = call.y_rows, residual
        call.infer = kernels.bind("batch_norm_forward", *arrays, *moments, *outputs, **settings)
        averages = layer.moving_mean.array, layer.moving_variance.array
        call.train = kernels.bind(
            "batch_norm_forward_training",
            *arrays, call.mean, call.variance, *outputs, *averages,
            momentum=layer.momentum, **settings,
        )  # fmt: skip
        return self._remember(call)

    def _bind_backward(self, dy, dresidual=None):
        layer, call = self.layer, self._last_call()
        call.dy = dy
        call.dx = dx_rows = None
        dy_rows, copies = self._rows("dy rows", dy)
        call.before_backward = tuple((rows, moved) for moved, rows in copies)
        call.after_backward = ()
        if self.needs_dx:
            call.dx = self._input_gradient_buffer(dy)
            dx_rows, call.after_backward = self._rows("dx rows", call.dx)
        y_rows = call.y_rows if self.relu else None
        weights = layer.gamma, layer.beta
        gamma, beta = (None if w is None else w.value for w in weights)
        call.backward = kernels.bind(
            "batch_norm_backward",
            call.x_rows, dy_rows, y_rows if self.has_residual else None,
            gamma, call.mean, call.variance, dx_rows,
            *(None if w is None else w.gradient for w in weights),
            dresidual, beta,
            epsilon=layer.epsilon, relu=self.relu, relu_max=self.relu_max,
        )  # fmt: skip
        call.backward_frozen = partial(
            self._backward_frozen, call.x_rows, dy_rows, y_rows, dx_rows, dresidual
        )
        return self._remember(call)

    def _input_gradient_buffer(self, dy):
        return dy if self.consume_gradient else self._buffer("dx", dy.shape)

    def _backward_frozen(self, x, dy, y, dx, dresidual):
        """The gradients if mean and variance are constants, the moving averages."""
        layer = self.layer
        if y is not None:
            dy = np.where((y <= 0) | ((y >= self.relu_max) & np.isfinite(y)), 0, dy)
        if dresidual is not None:
            dresidual[...] = dy
        if layer.gamma is not None and layer.gamma.trainable:
            centered = x - layer.moving_mean.value
            deviation = np.sqrt(
                layer.moving_variance.value + np.dtype(self.dtype).type(layer.epsilon)
            )
            layer.gamma.gradient[...] = (dy * centered).sum(axis=0) / deviation
        if layer.beta is not None and layer.beta.trainable:
            layer.beta.gradient[...] = dy.sum(axis=0)
        if dx is not None:
            np.multiply(dy, layer.as_affine()[0], out=dx)


def relu_names(relu_max):
    """The part of a step's name that shows a relu with this upper bound; [] if that is None."""
    return [] if relu_max is None else ["relu" if relu_max == math.inf else f"relu({relu_max:g})"]


@register
class BatchNormalization(Layer):
    """Normalizes each channel to mean 0 and standard deviation 1, then scales and shifts it.

        training     y = gamma * (x - mean(x)) / sqrt(variance(x) + epsilon) + beta
        inference    the same with moving_mean and moving_variance

    Mean and variance (the biased estimate) are those of the batch, over all axes except `axis`.
    Each training step updates the moving averages:
    moving_mean = momentum * moving_mean + (1 - momentum) * mean(x), and likewise the variance. With
    `trainable = False` the layer always runs in inference mode (Ioffe & Szegedy 2015).

    Args:
        axis: the axis of the channels; any other than the last one costs two copies.
        momentum: of the moving averages; larger values change more slowly.
        epsilon: added to the variance.
        center, scale: whether to use `beta` and `gamma`.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer:
            zeros, ones, zeros, ones.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: None.
        synchronized: accepted without effect; there is only one replica.
        renorm, renorm_clipping, renorm_momentum: batch renormalization is not supported: False.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Weights: gamma, beta, moving_mean, moving_variance, each (channels,).

    Input shape: (n, ..., channels), float32. Output shape: the same.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layer = layers.BatchNormalization(epsilon=0)
    >>> layer(np.array([[1.0], [3.0]]), training=True).tolist()
    [[-1.0], [1.0]]
    """

    step_class = BatchNormalizationStep
    is_batch_normalization = True
    takes_frozen = True
    depends_on_training = True
    takes_mask = True

    def __init__(
        self,
        axis: Axes = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        renorm: bool = False,
        renorm_clipping: dict[str, Any] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        refuse(renorm or None, "renorm")
        self.axis = _one_axis(axis)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.renorm_clipping = renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = bool(synchronized)
        self.gamma = self.beta = self.moving_mean = self.moving_variance = None

    def build(self, input_shape):
        size = input_shape[self.axis]
        if size is None:
            raise ValueError(
                f"Layer {self.name!r} needs a known size on axis {self.axis}. "
                f"Received input shape {tuple(input_shape)}."
            )
        if self.scale:
            self.gamma = self.add_weight(
                (size,),
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                (size,),
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )
        self.moving_mean = self.add_weight(
            (size,), self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            (size,), self.moving_variance_initializer, trainable=False, name="moving_variance"
        )

    def compute_output_shape(self, input_shape):
        rank = len(input_shape)
        if not -rank <= self.axis < rank or self.axis % rank == 0:
            raise ValueError(
                f"Layer {self.name!r}: axis {self.axis} is out of bounds for the input shape "
                f"{tuple(input_shape)}."
            )
        size = input_shape[self.axis]
        if self.moving_mean is not None and size != self.moving_mean.size:
            raise ValueError(
                f"Layer {self.name!r} was built for {self.moving_mean.size} channels. "
                f"Received input shape {tuple(input_shape)}."
            )
        return tuple(input_shape)

    def as_affine(self):
        """(factor, offset), each (channels,): y = factor * x + offset in inference."""
        epsilon = np.dtype(self.dtype).type(self.epsilon)
        factor = 1 / np.sqrt(self.moving_variance.value + epsilon)
        if self.gamma is not None:
            factor *= self.gamma.value
        offset = -self.moving_mean.value * factor
        if self.beta is not None:
            offset += self.beta.value
        return factor, offset

    def get_config(self):
        names = ("beta", "gamma")
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            **{
                f"{name}_initializer": initializers.serialize(getattr(self, f"{name}_initializer"))
                for name in (*names, "moving_mean", "moving_variance")
            },
            **{
                f"{name}_regularizer": regularizers.serialize(getattr(self, f"{name}_regularizer"))
                for name in names
            },
            **{
                f"{name}_constraint": constraints.serialize(getattr(self, f"{name}_constraint"))
                for name in names
            },
            "synchronized": self.synchronized,
            "renorm": False,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
        }


def _one_axis(axis):
    """`axis` as an int; older files contain a list of one int."""
    if isinstance(axis, (list, tuple)) and len(axis) == 1:
        axis = axis[0]
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise ValueError(f"The argument `axis` must be an integer. Received axis={axis!r}.")
    return int(axis)
