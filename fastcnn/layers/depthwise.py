"""Convolutions that filter each channel separately: DepthwiseConv2D and SeparableConv2D.

Their base classes are also those of the layers for sequences: see `sequences`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fastcnn import config, constraints, initializers, kernels, regularizers
from fastcnn.core.arguments import check_count, hand_on
from fastcnn.layers.activated import ActivatedStep
from fastcnn.layers.convolutional import WindowedLayer
from fastcnn.layers.registry import register
from fastcnn.layers.sequences import as_filter, bind

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import (
        ActivationLike,
        ConstraintLike,
        InitializerLike,
        IntOrPair,
        RegularizerLike,
    )


class DepthwiseLayer(WindowedLayer):
    """Base: `depth_multiplier` filters per channel, with Keras's argument names `depthwise_...`."""

    config_names = (
        "depthwise_initializer",
        "depthwise_regularizer",
        "depthwise_constraint",
        "depth_multiplier",
    )

    def __init__(
        self,
        *,
        depth_multiplier,
        depthwise_initializer,
        depthwise_regularizer,
        depthwise_constraint,
        **kwargs,
    ):
        super().__init__(
            kernel_initializer=depthwise_initializer,
            kernel_regularizer=depthwise_regularizer,
            kernel_constraint=depthwise_constraint,
            **kwargs,
        )
        self.depth_multiplier = check_count(depth_multiplier, "depth_multiplier")
        self.depthwise_initializer = self.kernel_initializer
        self.depthwise_regularizer = self.kernel_regularizer
        self.depthwise_constraint = self.kernel_constraint

    def depthwise_shape(self):
        """The shape of the depthwise kernel."""
        return (*self.kernel_size, self.input_channels, self.depth_multiplier)

    def get_config(self):
        config = super().get_config()
        for name in ("kernel_initializer", "kernel_regularizer", "kernel_constraint"):
            del config[name]  # written as depthwise_...
        return config


class DepthwiseConvolution(DepthwiseLayer):
    """Base of DepthwiseConv2D and DepthwiseConv1D."""

    channel_axes = 2
    takes_relu_max = True

    def build(self, input_shape):
        self.input_channels = input_shape[-1]
        self.add_kernel_and_bias(self.depthwise_shape(), self.output_channels(input_shape[-1]))

    def output_channels(self, input_channels):
        return input_channels * self.depth_multiplier

    def bind_linear(self, x, z, weights, relu, relu_max=math.inf):
        settings = {"relu": relu, "relu_max": relu_max, **self.geometry(x)}
        return bind("depthwise_conv2d_forward", x, *weights, z, **settings)

    def bind_weight_gradients(self, x, dz):
        dw, db = self.gradients_to_bind()
        return bind("depthwise_conv2d_backward_weights", x, dz, dw, db, **self.geometry(x))

    def bind_input_gradient(self, dz, dx):
        w, _ = self.weights_to_bind()
        return bind("depthwise_conv2d_backward_data", dz, w, dx, **self.geometry(dx))


@register
class DepthwiseConv2D(DepthwiseConvolution):
    """Convolves each channel with its own `depth_multiplier` filters.

        y[n,oh,ow,ic*m+j] = activation(bias[ic*m+j] + sum over kh,kw of
                                       x[n, oh*sh + kh*dh, ow*sw + kw*dw, ic] * kernel[kh,kw,ic,j])

    Args:
        kernel_size: int or two ints, (height, width) of the window.
        strides: int or two ints.
        padding: "valid" or "same", as in `Conv2D`.
        depth_multiplier: m, the number of filters per channel.
        data_format: None or "channels_last".
        dilation_rate: int or two ints, the distance between the window's elements.
        activation: a name or an `ActivationFunction`; None is linear.
        use_bias: whether to add `bias`.
        depthwise_initializer, bias_initializer: by default glorot_uniform and zeros.
        depthwise_regularizer, bias_regularizer, depthwise_constraint, bias_constraint: None.
        activity_regularizer: of the layer's output, None.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels), float32.
    Output shape: (n, height', width', channels * m).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.DepthwiseConv2D(3, depth_multiplier=2)(np.ones((1, 8, 8, 3))).shape
    (1, 6, 6, 6)
    """

    def __init__(
        self,
        kernel_size: IntOrPair,
        strides: IntOrPair = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: IntOrPair = (1, 1),
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**hand_on(locals()))


class SeparableStep(ActivatedStep):
    """Both convolutions, with a buffer between them.

    `weight_gradients` first computes the gradient of this buffer, which all others need.
    """

    def bind_linear(self, call, relu):
        layer = self.layer
        depthwise_kernel, pointwise_kernel = layer.filters_of("value")
        call.middle = self._buffer("middle", (*call.z.shape[:-1], pointwise_kernel.shape[2]))
        depthwise = bind(
            "depthwise_conv2d_forward", call.x, depthwise_kernel, None, call.middle,
            relu=False, **layer.geometry(call.x),
        )  # fmt: skip
        b = None if layer.bias is None else layer.bias.value
        arrays = call.middle, pointwise_kernel, b, call.z
        pointwise = bind_pointwise("conv2d_forward", *arrays, relu=relu)
        if config.backend() == "reference":
            return kernels.Sequence(depthwise, pointwise)
        return kernels.native.separable_conv2d_forward(depthwise, pointwise)

    def bind_gradients(self, call, dz):
        layer, geometry = self.layer, self.layer.geometry(call.x)
        depthwise_kernel, pointwise_kernel = layer.filters_of("value")
        d_middle = self._buffer("d middle", call.middle.shape)
        weights = [bind_pointwise("conv2d_backward_data", dz, pointwise_kernel, d_middle)]
        if layer.pointwise_kernel.trainable:
            d_depthwise, d_pointwise = layer.filters_of("gradient")
            db = None if layer.bias is None else layer.bias.gradient
            arrays = call.middle, dz, d_pointwise, db
            weights.append(bind_pointwise("conv2d_backward_weights", *arrays))
            arrays = call.x, d_middle, d_depthwise, None
            weights.append(bind("depthwise_conv2d_backward_weights", *arrays, **geometry))
        call.weight_gradients = kernels.Sequence(*weights)
        if call.dx is not None:
            arrays = d_middle, depthwise_kernel, call.dx
            call.input_gradient = bind("depthwise_conv2d_backward_data", *arrays, **geometry)


def bind_pointwise(name, *arrays, **settings):
    """A bound kernel of the 1x1 convolution."""
    one, no_pads = (1, 1), (0, 0, 0, 0)
    return bind(name, *arrays, strides=one, pads=no_pads, dilation=one, **settings)


class SeparableConvolution(DepthwiseLayer):
    """Base of SeparableConv2D and SeparableConv1D."""

    step_class = SeparableStep
    config_names = (
        "filters",
        "pointwise_initializer",
        "pointwise_regularizer",
        "pointwise_constraint",
    )

    def __init__(
        self,
        *,
        filters,
        pointwise_initializer,
        pointwise_regularizer,
        pointwise_constraint,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = check_count(filters, "filters")
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)
        self.depthwise_kernel = self.pointwise_kernel = None

    def build(self, input_shape):
        self.input_channels = input_shape[-1]
        self.depthwise_kernel = self.add_weight(
            self.depthwise_shape(),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="depthwise_kernel",
        )
        self.pointwise_kernel = self.add_weight(
            (*[1] * self.rank, self.input_channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        self.add_bias(self.filters)

    def output_channels(self, input_channels):
        return self.filters

    def filters_of(self, attribute):
        """That array of both kernels, as filters of images."""
        both = self.depthwise_kernel, self.pointwise_kernel
        return [as_filter(getattr(kernel, attribute)) for kernel in both]


@register
class SeparableConv2D(SeparableConvolution):
    """A depthwise convolution, then a 1x1 convolution that mixes the channels.

    Args:
        filters: number of output channels, a positive integer.
        kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier: of the
            depthwise convolution, see `DepthwiseConv2D`.
        activation: a name or an `ActivationFunction`, applied after the 1x1 convolution.
        use_bias: whether to add `bias` after the 1x1 convolution.
        depthwise_initializer, pointwise_initializer, bias_initializer: by default glorot_uniform,
            glorot_uniform and zeros.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer, depthwise_constraint,
            pointwise_constraint, bias_constraint: None.
        activity_regularizer: of the layer's output, None.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Weights: depthwise_kernel (kh, kw, ic, m), pointwise_kernel (1, 1, ic * m, filters), bias.

    Input shape: (n, height, width, channels), float32. Output shape: (n, height', width', filters).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.SeparableConv2D(8, 3)(np.ones((1, 8, 8, 3))).shape
    (1, 6, 6, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrPair,
        strides: IntOrPair = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: IntOrPair = (1, 1),
        depth_multiplier: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        pointwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        pointwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**hand_on(locals()))


SeparableConvolution2D = SeparableConv2D
