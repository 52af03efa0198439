"""Convolutions of sequences: Conv1D, Conv1DTranspose, DepthwiseConv1D and SeparableConv1D.

They run on the kernels of the 2D layers, without copies: see `sequences`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.arguments import hand_on
from fastcnn.layers.convolutional import Convolution
from fastcnn.layers.depthwise import DepthwiseConvolution, SeparableConvolution
from fastcnn.layers.registry import register
from fastcnn.layers.transposed import TransposedConvolution

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import (
        ActivationLike,
        ConstraintLike,
        InitializerLike,
        IntOrPair,
        RegularizerLike,
    )


@register
class Conv1D(Convolution):
    """1-D convolution (cross-correlation) of sequences, bias and activation.

        y[n,ot,oc] = activation(bias[oc] + sum over kt,ic of
                                x[n, ot*s + kt*d - before, ic] * kernel[kt,ic,oc])

    Args:
        filters: number of output channels, a positive integer.
        kernel_size: the number of steps of the window, an int or a tuple of one.
        strides: an int or a tuple of one; cannot be combined with dilation.
        padding: "valid" (none), "same" (output = ceil(steps / stride), the odd extra step at the
            end) or "causal" (of the same length, with all padding at the start: y[:, t] does not
            depend on x[:, t + 1:]).
        data_format: None or "channels_last".
        dilation_rate: the distance between the window's steps, an int or a tuple of one.
        groups: number of groups of input channels and filters that are convolved separately.
        activation: a name or an `ActivationFunction`; None is linear.
        use_bias: whether to add `bias`.
        kernel_initializer, bias_initializer: by default glorot_uniform and zeros.
        kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint: None.
        activity_regularizer: of the layer's output, None.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Weights: kernel (kernel_size, channels / groups, filters), bias (filters,).

    Input shape: (n, steps, channels), float32. Output shape: (n, steps', filters).

    Raises:
        ValueError: a value out of range, or a window that does not fit into the sequence.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Conv1D(4, 3, padding="causal", activation="relu")(np.ones((2, 10, 1))).shape
    (2, 10, 4)
    """

    rank = 1
    paddings = ("valid", "same", "causal")

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrPair,
        strides: IntOrPair = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: IntOrPair = 1,
        groups: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**hand_on(locals()))


@register
class Conv1DTranspose(TransposedConvolution):
    """Transposed convolution of sequences: see `Conv2DTranspose` for what it computes.

    Args:
        filters: number of output channels, a positive integer.
        kernel_size: the number of steps of the window, an int or a tuple of one.
        strides: an int or a tuple of one, the factor by which sequences become longer.
        padding: "valid": output = (steps - 1) * stride + max(kernel, stride); "same":
            steps * stride.
        output_padding: None, or an int (or a tuple of one) smaller than the stride: then "valid"
            gives (steps - 1) * stride + kernel + output_padding, "same"
            (steps - 1) * stride + kernel % 2 + output_padding.
        data_format: None or "channels_last".
        dilation_rate: the distance between the kernel's steps, an int or a tuple of one.
        activation: a name or an `ActivationFunction`; None is linear.
        use_bias: whether to add `bias`.
        kernel_initializer, bias_initializer: by default glorot_uniform and zeros.
        kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint: None.
        activity_regularizer: of the layer's output, None.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Weights: kernel (kernel_size, filters, channels), bias (filters,).

    Input shape: (n, steps, channels), float32. Output shape: (n, steps', filters).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Conv1DTranspose(8, 3, strides=2, padding="same")(np.ones((1, 7, 3))).shape
    (1, 14, 8)
    """

    rank = 1

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrPair,
        strides: IntOrPair = 1,
        padding: str = "valid",
        output_padding: IntOrPair | None = None,
        data_format: str | None = None,
        dilation_rate: IntOrPair = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**hand_on(locals()))


@register
class DepthwiseConv1D(DepthwiseConvolution):
    """Convolves each channel of a sequence with its own `depth_multiplier` filters.

        y[n,ot,ic*m+j] = activation(bias[ic*m+j] + sum over kt of
                                    x[n, ot*s + kt*d - before, ic] * kernel[kt,ic,j])

    Args:
        kernel_size: the number of steps of the window, an int or a tuple of one.
        strides: an int or a tuple of one.
        padding: "valid" or "same", as in `Conv1D`.
        depth_multiplier: m, the number of filters per channel.
        data_format: None or "channels_last".
        dilation_rate: the distance between the window's steps, an int or a tuple of one.
        activation: a name or an `ActivationFunction`; None is linear.
        use_bias: whether to add `bias`.
        depthwise_initializer, bias_initializer: by default glorot_uniform and zeros.
        depthwise_regularizer, bias_regularizer, depthwise_constraint, bias_constraint: None.
        activity_regularizer: of the layer's output, None.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Weights: kernel (kernel_size, channels, m), bias (channels * m,).

    Input shape: (n, steps, channels), float32. Output shape: (n, steps', channels * m).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.DepthwiseConv1D(3, depth_multiplier=2)(np.ones((1, 8, 3))).shape
    (1, 6, 6)
    """

    rank = 1

    def __init__(
        self,
        kernel_size: IntOrPair,
        strides: IntOrPair = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: IntOrPair = 1,
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


@register
class SeparableConv1D(SeparableConvolution):
    """A depthwise convolution of sequences, then one of a single step that mixes the channels.

    Args:
        filters: number of output channels, a positive integer.
        kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier: of the
            depthwise convolution, see `DepthwiseConv1D`.
        activation: a name or an `ActivationFunction`, applied after the second convolution.
        use_bias: whether to add `bias` after the second convolution.
        depthwise_initializer, pointwise_initializer, bias_initializer: by default glorot_uniform,
            glorot_uniform and zeros.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer, depthwise_constraint,
            pointwise_constraint, bias_constraint: None.
        activity_regularizer: of the layer's output, None.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Weights: depthwise_kernel (kernel_size, channels, m), pointwise_kernel
    (1, channels * m, filters), bias (filters,).

    Input shape: (n, steps, channels), float32. Output shape: (n, steps', filters).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.SeparableConv1D(8, 3)(np.ones((1, 8, 3))).shape
    (1, 6, 8)
    """

    rank = 1

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrPair,
        strides: IntOrPair = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: IntOrPair = 1,
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


Convolution1D = Conv1D
Convolution1DTranspose = Conv1DTranspose
SeparableConvolution1D = SeparableConv1D
