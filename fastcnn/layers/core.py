"""Core layers: Input, InputLayer, Dense, Flatten, Activation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import activations, kernels
from fastcnn.core.arguments import (
    check_count,
    check_data_format,
    check_shape,
    hand_on,
    refuse,
    warn,
)
from fastcnn.layers.activated import ActivatedLayer, ActivatedStep, HasActivation
from fastcnn.layers.base import Layer, check_input_type
from fastcnn.layers.plain import ViewLayer
from fastcnn.layers.registry import register
from fastcnn.layers.steps import ElementwiseStep, IdentityStep
from fastcnn.layers.symbolic import KerasTensor, Node

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import DTypeLike

    from fastcnn.core.types import (
        ActivationLike,
        ConstraintLike,
        InitializerLike,
        RegularizerLike,
        Shape,
    )


@register
class InputLayer(Layer):
    """Declares the shape of one sample; computes nothing. See `Input`."""

    step_class = IdentityStep

    def __init__(
        self,
        shape: Shape | None = None,
        batch_size: int | None = None,
        dtype: DTypeLike | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Shape | None = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(shape, (int, np.integer)):
            raise ValueError(
                "The argument `shape` must be a tuple, as in Input(shape=(28, 28, 1)). "
                f"Received shape={shape}."
            )
        refuse(sparse or None, "sparse")
        refuse(ragged or None, "ragged")
        refuse(input_tensor, "input_tensor")
        refuse(optional or None, "optional")
        if "input_shape" in kwargs:
            warn("Argument `input_shape` is deprecated. Use `shape` instead.")
            shape = kwargs.pop("input_shape")
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        kwargs = {key: value for key, value in kwargs.items() if value not in (None, False)}
        check_input_type(dtype)  # all inputs are converted to the float type of the model
        super().__init__(name=name, **kwargs)
        if batch_shape is not None:
            if shape is not None or batch_size is not None:
                raise ValueError(
                    "`batch_shape` includes `shape` and `batch_size`: do not pass both. "
                    f"Received batch_shape={batch_shape}, shape={shape}, batch_size={batch_size}."
                )
            batch_size, *shape = batch_shape
        self.batch_size = None if batch_size is None else check_count(batch_size, "batch_size", 0)
        if shape is None:
            raise ValueError("`Input` needs the argument `shape`: the shape of one sample.")
        self.shape = check_shape(shape)
        self.batch_shape = (self.batch_size, *self.shape)
        self.build_once(self.batch_shape)

    def _first_node(self):
        for node in self.nodes:
            return node
        return Node(self, [], [], [self.batch_shape], names=[self.name])

    @property
    def build_shape(self):
        return self.batch_shape

    def get_config(self):
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


def Input(  # noqa: N802
    shape: Shape | None = None,
    batch_size: int | None = None,
    dtype: DTypeLike | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Shape | None = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor: an input of a model, with the shape of one sample without the batch axis.

    It is the first entry of a `Sequential`, or what the first layers of a graph are called on (see
    `Model`). `batch_size` appears in shapes and files, but the model takes batches of any size, as
    in Keras.

    >>> from fastcnn import Input, Sequential, layers
    >>> Sequential([Input(shape=(4,)), layers.Dense(2)]).output_shape
    (None, 2)
    """
    refuse(tensor, "tensor")
    return InputLayer(**hand_on(locals(), "tensor")).output


class DenseStep(ActivatedStep):
    """Dense, which can read an array in place."""

    def read_from(self, x):
        call = self._calls.get(len(x))
        return call and read_from(x, call.linear, call.x, self.forward)


def read_from(x, kernel, usual, forward):
    """Run forward(usual) with `kernel` reading x instead; None if the kernel cannot do that."""
    if not hasattr(kernel, "read"):
        return None
    try:
        kernel.read(x)
        return forward(usual)
    finally:  # also after Ctrl-C: the next batch is in `usual`
        kernel.read(rows(usual))


@register
class Dense(ActivatedLayer):
    """y = activation(x @ kernel + bias) over the last axis.

    Args:
        units: size of the output, a positive integer.
        activation: a name or an `ActivationFunction`; None is linear.
        use_bias: whether to add `bias`.
        kernel_initializer, bias_initializer: by default glorot_uniform and zeros.
        kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint: None.
        activity_regularizer: of the layer's output, None.
        lora_rank, lora_alpha, quantization_config: not supported, None.
        **kwargs: name, trainable, dtype, input_shape (see `Layer`).

    Input shape: (n, ..., inputs), float32. Output shape: (n, ..., units).

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Dense(3, activation="softmax")(np.ones((2, 5))).sum(axis=1).round(4).tolist()
    [1.0, 1.0]
    """

    step_class = DenseStep
    channel_axes = 1
    adds_input_gradient = takes_relu_max = True
    config_names = ("units",)

    def __init__(
        self,
        units: int,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        refuse(lora_rank, "lora_rank")
        refuse(lora_alpha, "lora_alpha")
        refuse(quantization_config, "quantization_config")
        super().__init__(
            **hand_on(locals(), "units", "lora_rank", "lora_alpha", "quantization_config")
        )
        self.units = check_count(units, "units")

    def build(self, input_shape):
        self.add_kernel_and_bias((input_shape[-1], self.units), self.units)

    def compute_output_shape(self, input_shape):
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"Layer {self.name!r} expects an input with two or more axes, the last of known "
                f"size. Received input shape {tuple(input_shape)}."
            )
        if self.kernel is not None and input_shape[-1] != self.kernel.shape[0]:
            raise ValueError(
                f"Layer {self.name!r} was built for a last axis of size {self.kernel.shape[0]}. "
                f"Received input shape {tuple(input_shape)}."
            )
        return (*input_shape[:-1], self.units)

    def bind_linear(self, x, z, weights, relu, relu_max=math.inf):
        settings = {"relu": relu, "relu_max": relu_max}
        return kernels.bind("dense_forward", rows(x), *weights, rows(z), **settings)

    def bind_weight_gradients(self, x, dz):
        return kernels.bind("dense_backward_weights", rows(x), rows(dz), *self.gradients_to_bind())

    def bind_input_gradient(self, dz, dx, accumulate=False):
        w, _ = self.weights_to_bind()
        return kernels.bind("dense_backward_data", rows(dz), w, rows(dx), accumulate=accumulate)

    def get_config(self):
        config = super().get_config()
        if self.activity_regularizer is None:
            del config["activity_regularizer"]
        return {**config, "quantization_config": None}


def rows(array):
    """`array` as a view with two axes: all but the last, and the last."""
    return array if array.ndim == 2 else array.reshape(-1, array.shape[-1])


@register
class Flatten(ViewLayer):
    """One row per sample: (n, a, b, ...) -> (n, a * b * ...). Returns a view.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Flatten()(np.ones((2, 5, 5, 64))).shape
    (2, 1600)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = check_data_format(data_format)

    def compute_output_shape(self, input_shape):
        sizes = input_shape[1:]
        return (input_shape[0], None if None in sizes else math.prod(sizes))

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class ActivationStep(ElementwiseStep):
    """An activation; if the loss includes it, this step does nothing."""

    def forward_linear(self, x, training=False):
        """x itself: there is nothing but the activation."""
        return x

    def backward_linear(self, dz):
        """dz itself."""
        return dz


@register
class Activation(HasActivation, Layer):
    """An activation as a separate layer.

    Args:
        activation: a name or an `ActivationFunction`.

    Example:

    >>> import numpy as np
    >>> from fastcnn import layers
    >>> layers.Activation("relu")(np.array([[-1.0, 2.0]])).tolist()
    [[0.0, 2.0]]
    """

    step_class = ActivationStep

    def __init__(self, activation: ActivationLike, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activation

    def as_activation(self):
        """The function to use if the layer is the argument `activation` of another one."""
        return self.activation

    @property
    def sole_activation(self):
        return self.activation

    def bind_forward(self, x, y):
        return self.activation.bind_forward(x, y)

    def bind_backward(self, dy, x, y, dx):
        return self.activation.bind_backward(dy, x, y, dx)

    def get_config(self):
        return {**super().get_config(), "activation": activations.serialize(self.activation)}
