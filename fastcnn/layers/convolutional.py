"""Conv2D, and the base classes of convolutions of images and sequences: see `sequences`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fastcnn import config
from fastcnn.core.arguments import check_count, check_data_format, hand_on
from fastcnn.kernels import choice, shapes
from fastcnn.layers import grouped
from fastcnn.layers.activated import ActivatedLayer, ActivatedStep
from fastcnn.layers.base import check_rank
from fastcnn.layers.registry import register
from fastcnn.layers.sequences import (
    as_filter,
    as_image,
    as_image_shape,
    as_pads,
    as_pair,
    bind,
)

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import (
        ActivationLike,
        ConstraintLike,
        InitializerLike,
        IntOrPair,
        RegularizerLike,
    )


class WindowedLayer(ActivatedLayer):
    """Base: a window of `kernel_size` slides over the image. See `Conv2D` for the arguments."""

    rank = 2  # the number of axes that the window slides along; 1 for sequences
    paddings: tuple[str, ...] = ("valid", "same")
    config_names: tuple[str, ...] = (
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
    )

    def __init__(self, *, kernel_size, strides, padding, data_format, dilation_rate, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = shapes.ints(kernel_size, self.rank, "kernel_size")
        self.strides = shapes.ints(strides, self.rank, "strides")
        self.padding = shapes.check_padding(padding, self.paddings)
        self.data_format = check_data_format(data_format)
        self.dilation_rate = shapes.ints(dilation_rate, self.rank, "dilation_rate")
        self.input_channels = None

    def output_channels(self, input_channels):
        """The number of output channels."""
        raise NotImplementedError

    def image_size(self, image):
        """The output's sizes along the axes of the window, for those of the input."""
        return window_output(
            self, image, self.kernel_size, self.strides, self.padding, self.dilation_rate
        )

    def compute_output_shape(self, input_shape):
        check_rank(self, input_shape, self.rank + 2)
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(f"Layer {self.name!r} needs a known number of channels.")
        if self.input_channels not in (None, channels):
            raise ValueError(
                f"Layer {self.name!r} was built for {self.input_channels} channels. "
                f"Received input shape {tuple(input_shape)}."
            )
        image = self.image_size(input_shape[1:-1])
        return (input_shape[0], *image, self.output_channels(channels))

    def geometry(self, x):
        """The kernels' keywords for a batch x."""
        _, pads = shapes.window_geometry(
            x.shape[1:-1], self.kernel_size, self.strides, self.padding, self.dilation_rate
        )
        return {
            "strides": as_pair(self.strides),
            "pads": as_pads(pads),
            "dilation": as_pair(self.dilation_rate),
        }

    def weights_to_bind(self):
        w, b = super().weights_to_bind()
        return as_filter(w), b

    def gradients_to_bind(self):
        dw, db = super().gradients_to_bind()
        return as_filter(dw), db


class ConvStep(ActivatedStep):
    """A convolution, which reports the algorithms of its kernels."""

    def algorithms(self):
        if self.layer.groups != 1:
            return ""
        return chosen_algorithms("conv2d_", self, self.output_shape)


def chosen_algorithms(prefix, step, output_shape, *pool):
    """ "forward: ..., backward_weights: ...": the algorithms of a convolution's kernels.

    pool: window and strides of the fused max-pool, if there is one.
    """
    if config.backend() != "native":
        return ""
    conv = step.layer
    w, _ = conv.weights_to_bind()
    images = map(as_image_shape, (step.input_shape, output_shape))
    shape = (w.shape, *images, as_pair(conv.strides), as_pair(conv.dilation_rate))
    passes = ["forward", "backward_weights", *["backward_data"] * step.input_gradient]
    return ", ".join(f"{name}: {choice.choose(prefix + name, *shape, *pool)}" for name in passes)


class Convolution(WindowedLayer):
    """Base of Conv2D and Conv1D. See `Conv2D` for the arguments."""

    step_class = ConvStep
    channel_axes = 1
    config_names = ("filters", "groups")

    def __init__(self, *, filters, groups, **kwargs):
        super().__init__(**kwargs)
        self.filters = check_count(filters, "filters")
        self.groups = check_count(groups, "groups")
        if self.filters % self.groups:
            raise ValueError(
                "The number of `filters` must be evenly divisible by `groups`. "
                f"Received filters={filters} and groups={groups}."
            )
        check_dilation(self)

    @property
    def takes_max_pool(self):
        return self.groups == 1

    @property
    def adds_input_gradient(self):
        return self.groups == 1

    @property
    def takes_residual(self):
        return self.groups == 1

    @property
    def takes_relu_max(self):
        return self.groups == 1

    @property
    def writes_columns(self):
        return self.groups == 1

    def build(self, input_shape):
        self.input_channels = input_shape[-1]
        shape = (*self.kernel_size, self.input_channels // self.groups, self.filters)
        self.add_kernel_and_bias(shape, self.filters)

    def output_channels(self, input_channels):
        if input_channels % self.groups:
            raise ValueError(
                f"Layer {self.name!r}: the number of input channels must be evenly divisible by "
                f"`groups`. Received {input_channels} channels and groups={self.groups}."
            )
        return self.filters

    def bind_linear(self, x, z, weights, relu, residual=None, relu_max=math.inf):
        w, b = weights
        settings = {"relu": relu, **self.geometry(x)}
        if self.groups > 1:
            return grouped.bind_forward(self.groups, as_image(x), w, b, as_image(z), **settings)
        return bind("conv2d_forward", x, w, b, z, residual, relu_max=relu_max, **settings)

    def bind_weight_gradients(self, x, dz):
        dw, db = self.gradients_to_bind()
        if self.groups > 1:
            images = as_image(x), as_image(dz)
            return grouped.bind_backward_weights(self.groups, *images, dw, db, **self.geometry(x))
        return bind("conv2d_backward_weights", x, dz, dw, db, **self.geometry(x))

    def bind_input_gradient(self, dz, dx, accumulate=False):
        w, _ = self.weights_to_bind()
        if self.groups > 1:
            images = as_image(dz), w, as_image(dx)
            return grouped.bind_backward_data(self.groups, *images, **self.geometry(dx))
        settings = {"accumulate": accumulate, **self.geometry(dx)}
        return bind("conv2d_backward_data", dz, w, dx, **settings)


@register
class Conv2D(Convolution):
    """2-D convolution (cross-correlation), bias and activation.

        y[n,oh,ow,oc] = activation(bias[oc] + sum over kh,kw,ic of
                                   x[n, oh*sh + kh*dh, ow*sw + kw*dw, ic] * kernel[kh,kw,ic,oc])

    Args:
        filters: number of output channels, a positive integer.
        kernel_size: int or two ints, (height, width) of the window.
        strides: int or two ints; cannot be combined with dilation.
        padding: "valid" (none) or "same" (output = ceil(input / stride), the odd extra pixel at
            the bottom and right).
        data_format: None or "channels_last".
        dilation_rate: int or two ints, the distance between the window's elements.
        groups: number of groups of input channels and filters that are convolved separately.
        activation: a name or an `ActivationFunction`; None is linear.
        use_bias: whether to add `bias`.
        kernel_initializer, bias_initializer: by default glorot_uniform and zeros.
        kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint: None.
        activity_regularizer: of the layer's output, None.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, height, width, channels), float32. Output shape: (n, height', width', filters).

    Raises:
        ValueError: a value out of range, or a window that does not fit into the image.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Conv2D(4, 3, activation="relu")(np.ones((2, 28, 28, 1))).shape
    (2, 26, 26, 4)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrPair,
        strides: IntOrPair = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: IntOrPair = (1, 1),
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


Convolution2D = Conv2D


def check_dilation(layer):
    """Raise ValueError where a layer has both strides and dilation, as Keras does."""
    if max(layer.strides) > 1 and max(layer.dilation_rate) > 1:
        raise ValueError(
            "`strides` > 1 cannot be combined with `dilation_rate` > 1. "
            f"Received strides={layer.strides} and dilation_rate={layer.dilation_rate}."
        )


def window_output(layer, image, window, strides, padding, dilation):
    """The sizes of a sliding window's output; an unknown size (None) stays unknown."""
    known = tuple(8192 if size is None else size for size in image)
    try:
        out, _ = shapes.window_geometry(known, window, strides, padding, dilation)
    except ValueError as error:
        raise ValueError(f"Layer {layer.name!r}: {error}") from None
    return tuple(None if size is None else length for size, length in zip(image, out, strict=True))
