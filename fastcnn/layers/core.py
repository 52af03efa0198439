"""Core layers: Input, InputLayer, Dense, Flatten, Activation."""

import math

from fastcnn import activations, kernels
from fastcnn.core.arguments import check_count, check_data_format, check_shape, refuse
from fastcnn.layers.activated import ActivatedLayer
from fastcnn.layers.base import Call, Layer
from fastcnn.layers.plain import ViewLayer
from fastcnn.layers.registry import register


@register
class InputLayer(Layer):
    """Says what one sample looks like; computes nothing. See `Input`."""

    def __init__(
        self, shape=None, batch_size=None, dtype=None, batch_shape=None, name=None, **kwargs
    ):
        kwargs = {key: value for key, value in kwargs.items() if value not in (None, False)}
        # the dtype of an input is only a remark here: whatever arrives becomes float
        super().__init__(name=name, **kwargs)
        if batch_shape is not None:
            batch_shape = tuple(batch_shape)
            shape, batch_size = batch_shape[1:], batch_shape[0]
        if shape is None:
            raise ValueError("`Input` needs the argument `shape`: the shape of one sample.")
        self.shape = check_shape(shape)
        self.batch_size = batch_size
        self.batch_shape = (None, *self.shape)
        self.build_once(self.batch_shape)

    def forward(self, x, training=False):
        return x

    def backward(self, dy):
        return dy

    def get_config(self):
        return {
            "batch_shape": (self.batch_size, *self.shape),
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


def Input(shape=None, batch_size=None, dtype=None, name=None, **kwargs):  # noqa: N802
    """The first entry of a `Sequential`: the shape of one sample, without the batch axis.

    >>> from fastcnn import Input, Sequential, layers
    >>> Sequential([Input(shape=(4,)), layers.Dense(2)]).output_shape
    (None, 2)
    """
    return InputLayer(shape=shape, batch_size=batch_size, dtype=dtype, name=name, **kwargs)


def forward_from(x, kernel, usual, forward):
    """forward(usual), in which `kernel` reads x instead; None where it cannot be led there."""
    if not hasattr(kernel, "read"):
        return None
    try:
        kernel.read(x)
        return forward(usual)
    finally:  # after Ctrl-C, too: the next batch lies in `usual`
        kernel.read(rows(usual))


@register
class Dense(ActivatedLayer):
    """y = activation(x @ kernel + bias) over the last axis.

    Args:
        units: size of the output, a positive integer.
        activation: a name or an `ActivationFunction`; None is linear.
        use_bias: whether to add `bias`.
        kernel_initializer, bias_initializer: by default glorot_uniform and zeros.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, ..., inputs), float32. Output shape: (n, ..., units).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Dense(3, activation="softmax")(np.ones((2, 5))).sum(axis=1).round(4).tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        refuse(kwargs.pop("quantization_config", None), "quantization_config")
        super().__init__(activation, use_bias, kernel_initializer, bias_initializer, **kwargs)
        self.units = check_count(units, "units")

    def build(self, input_shape):
        self.add_kernel_and_bias((input_shape[-1], self.units), self.units)

    def compute_output_shape(self, input_shape):
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"Layer {self.name!r} takes inputs of two or more axes, the last of fixed size. "
                f"Received input shape {tuple(input_shape)}."
            )
        if self.kernel is not None and input_shape[-1] != self.kernel.shape[0]:
            raise ValueError(
                f"Layer {self.name!r} is built for {self.kernel.shape[0]} inputs on the last axis. "
                f"Received input shape {tuple(input_shape)}."
            )
        return (*input_shape[:-1], self.units)

    def linear_output_shape(self, x_shape):
        return self.compute_output_shape(x_shape)

    def bind_linear(self, x, z, relu):
        w, b = self._weights_to_bind()
        return kernels.bind("dense_forward", rows(x), w, b, rows(z), relu=relu)

    def forward_from(self, x):
        """`forward` for an array (n, inputs) that is read where it lies, or None.

        None: n was not met yet, or the kernel cannot be led to another array.
        """
        call = self._calls.get(len(x))
        return call and forward_from(x, call.linear, call.x, self.forward)

    def bind_weight_gradients(self, x, dz):
        return kernels.bind("dense_backward_weights", rows(x), rows(dz), *self._gradients_to_bind())

    def bind_input_gradient(self, dz, dx):
        w, _ = self._weights_to_bind()
        return kernels.bind("dense_backward_data", rows(dz), w, rows(dx))

    def get_config(self):
        config = super().get_config()
        if self.activity_regularizer is None:
            del config["activity_regularizer"]
        return {**config, "units": self.units, "quantization_config": None}


def rows(array):
    """`array` seen as two axes: all but the last, and the last."""
    return array if array.ndim == 2 else array.reshape(-1, array.shape[-1])


@register
class Flatten(ViewLayer):
    """One row per sample: (n, a, b, ...) -> (n, a * b * ...). A view, nothing is copied.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Flatten()(np.ones((2, 5, 5, 64))).shape
    (2, 1600)
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format)

    def compute_output_shape(self, input_shape):
        sizes = input_shape[1:]
        return (input_shape[0], None if None in sizes else math.prod(sizes))

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


@register
class Activation(Layer):
    """An activation as a layer of its own.

    Args:
        activation: a name or an `ActivationFunction`.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Activation("relu")(np.array([[-1.0, 2.0]])).tolist()
    [[0.0, 2.0]]
    """

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def as_activation(self):
        """What the layer is as the argument `activation` of another one."""
        return self.activation

    def forward(self, x, training=False):
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = Call(x)
            call.y = self._buffer("y", x.shape)
            call.forward = self.activation.bind_forward(x, call.y)
            self._remember(call)
        call.forward()
        self._kept = call if training else None
        return call.y

    def forward_linear(self, x, training=False):
        """x itself: what is left without the activation."""
        return x

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._bind_backward(dy)
        if call.backward is not None:
            call.backward()
        return call.dx

    def backward_linear(self, dz):
        """dz itself."""
        return dz

    def _bind_backward(self, dy):
        call = self._last_call()
        call.dy = dy
        call.dx = call.backward = None
        if self.input_gradient:
            call.dx = dy if self.consume_gradient else self._buffer("dx", dy.shape)
            call.backward = self.activation.bind_backward(dy, call.x, call.y, call.dx)
        return self._remember(call)

    def get_config(self):
        return {**super().get_config(), "activation": activations.serialize(self.activation)}
