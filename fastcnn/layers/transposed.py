"""Conv2DTranspose, the gradient of a convolution as a layer, and its base, also for sequences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fastcnn import kernels
from fastcnn.core.arguments import check_count, hand_on
from fastcnn.core.memory import aligned
from fastcnn.kernels import shapes
from fastcnn.layers.convolutional import WindowedLayer, check_dilation
from fastcnn.layers.registry import register
from fastcnn.layers.sequences import as_pads, as_pair, bind

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import (
        ActivationLike,
        ConstraintLike,
        InitializerLike,
        IntOrPair,
        RegularizerLike,
    )


class TransposedConvolution(WindowedLayer):
    """Base of Conv2DTranspose and Conv1DTranspose."""

    adds_input_gradient = writes_columns = True
    config_names = ("filters", "output_padding")

    def __init__(self, *, filters, output_padding, **kwargs):
        super().__init__(**kwargs)
        self.filters = check_count(filters, "filters")
        self.output_padding: Any = output_padding
        if output_padding is not None:
            self.output_padding = shapes.ints(output_padding, self.rank, "output_padding", 0)
            if any(a >= b for a, b in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    "The argument `output_padding` must be smaller than `strides`. Received "
                    f"output_padding={output_padding} and strides={self.strides}."
                )
        check_dilation(self)

    def build(self, input_shape):
        self.input_channels = input_shape[-1]
        shape = (*self.kernel_size, self.filters, self.input_channels)
        self.add_kernel_and_bias(shape, self.filters)

    def output_channels(self, input_channels):
        return self.filters

    def image_size(self, image):
        out = tuple(
            None if size is None else self._size_and_pads(size, axis)[0]
            for axis, size in enumerate(image)
        )
        if any(size is not None and size < 1 for size in out):
            raise ValueError(
                f"Layer {self.name!r}: an image of size {tuple(image)} has an output of size {out}."
            )
        return out

    def _size_and_pads(self, size, axis):
        """(output size, (before, after)) along one axis, as in TensorFlow and Keras."""
        stride = self.strides[axis]
        reach = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
        extra = None if self.output_padding is None else self.output_padding[axis]
        if self.padding == "valid":
            extra = max(stride - reach, 0) if extra is None else extra
            return (size - 1) * stride + reach + extra, (0, 0)
        out = size * stride if extra is None else (size - 1) * stride + reach % 2 + extra
        cut = max((size - 1) * stride + reach - out, 0)
        return out, (cut // 2, cut - cut // 2)

    def geometry(self, x):
        """The geometry of the convolution from the layer's output to its input."""
        pads = [self._size_and_pads(size, axis)[1] for axis, size in enumerate(x.shape[1:-1])]
        return {
            "strides": as_pair(self.strides),
            "pads": as_pads(sum(pads, ())),
            "dilation": as_pair(self.dilation_rate),
        }

    def bind_linear(self, x, z, weights, relu):
        w, b = weights
        return bind("conv2d_backward_data", x, w, z, b, relu=relu, **self.geometry(x))

    def bind_weight_gradients(self, x, dz):
        dw, db = self.gradients_to_bind()
        weights = bind("conv2d_backward_weights", dz, x, dw, None, **self.geometry(x))
        if db is None:
            return weights
        n, *image, channels = dz.shape
        sums = aligned((n, channels), self.dtype)  # of each image
        return kernels.Sequence(
            weights,
            kernels.bind("repeat_backward", dz.reshape(n, math.prod(image), channels), sums),
            kernels.bind("repeat_backward", sums[None], db[None]),
        )

    def bind_input_gradient(self, dz, dx, accumulate=False):
        w, _ = self.weights_to_bind()
        settings = {"relu": False, **self.geometry(dx)}
        residual = dx if accumulate else None
        return bind("conv2d_forward", dz, w, None, dx, residual, **settings)


@register
class Conv2DTranspose(TransposedConvolution):
    """Transposed convolution: each input pixel adds a multiple of the kernel to the output.

        y[n, ih*sh + kh*dh - top, iw*sw + kw*dw - left, oc] +=
            sum over ic of x[n,ih,iw,ic] * kernel[kh,kw,oc,ic]

    then bias and activation. This is the gradient of Conv2D with respect to its input, so it
    enlarges images by the factors in `strides`.

    Args:
        filters: number of output channels, a positive integer.
        kernel_size: int or two ints, (height, width) of the window.
        strides: int or two ints.
        padding: "valid": output = (input - 1) * stride + max(kernel, stride); "same":
            input * stride.
        output_padding: None, or one or two ints smaller than the strides: then "valid" gives
            (input - 1) * stride + kernel + output_padding, "same"
            (input - 1) * stride + kernel % 2 + output_padding.
        data_format: None or "channels_last".
        dilation_rate: int or two ints, the distance between the kernel's elements.
        activation: a name or an `ActivationFunction`; None is linear.
        use_bias: whether to add `bias`.
        kernel_initializer, bias_initializer: by default glorot_uniform and zeros.
        kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint: None.
        activity_regularizer: of the layer's output, None.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Weights: kernel (kh, kw, filters, channels), bias (filters,).

    Input shape: (n, height, width, channels), float32. Output shape: (n, height', width', filters).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Conv2DTranspose(8, 3, strides=2, padding="same")(np.ones((1, 7, 7, 3))).shape
    (1, 14, 14, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrPair,
        strides: IntOrPair = (1, 1),
        padding: str = "valid",
        output_padding: IntOrPair | None = None,
        data_format: str | None = None,
        dilation_rate: IntOrPair = (1, 1),
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


Convolution2DTranspose = Conv2DTranspose
