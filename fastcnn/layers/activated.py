"""Base of the layers that apply a linear map and then an activation: Conv2D, Dense, ...

A subclass binds the kernels of the linear map and its gradients; `ActivatedStep` runs them and the
activation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn import activations, config, constraints, initializers, regularizers
from fastcnn.core.memory import aligned
from fastcnn.core.steps import Call, Step
from fastcnn.layers.base import Layer

if TYPE_CHECKING:
    from fastcnn.activations import ActivationFunction


class ActivatedStep(Step):
    """A linear map with its activation.

    relu is part of the forward kernel; other activations have their own buffer. `forward_linear`
    and `backward_linear` skip the activation, for a loss that includes it (softmax with
    cross-entropy).
    """

    owns_output = owns_gradient = True

    @property
    def adds_gradient(self):
        return self.layer.adds_input_gradient

    @property
    def ends_in_relu(self):
        return self.layer.activation is activations.relu

    @property
    def writes_columns(self):
        activation = self.layer.activation
        is_one_kernel = activation in (activations.linear, activations.relu)
        return self.layer.writes_columns and is_one_kernel

    def forward(self, x, training=False):
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = self._bind(x)
        call.linear(self.block.version)
        if call.activate is not None:
            call.activate()
        self._kept = call if training else None
        return call.y

    def forward_linear(self, x, training=False):
        """`forward` without the activation (not for relu, which is part of the kernel)."""
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = self._bind(x)
        call.linear(self.block.version)
        self._kept = call if training else None
        return call.z

    def backward(self, dy):
        return self.backward_linear(self._deactivated(dy))

    def backward_linear(self, dz):
        """`backward` from the gradient at the linear map's output."""
        call = self._kept
        if call is None or call.bound_dz is not dz:
            call = self._bind_gradients(dz)
        if call.weight_gradients is not None:
            call.weight_gradients()
        if call.input_gradient is not None:
            call.input_gradient(self.block.version)
        return call.dx

    def add_backward(self, dy, dx):
        dz = self._deactivated(dy)
        call = self._kept
        if call.added_dz is not dz or call.added_dx is not dx:
            call = self._bind_added_gradients(dz, dx)
        if call.weight_gradients is not None:
            call.weight_gradients()
        call.add_input_gradient(self.block.version)

    def _deactivated(self, dy):
        """The gradient at the linear map's output."""
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._bind_activation_gradient(dy)
        if call.deactivate is not None:
            call.deactivate()
        return call.dz

    # ------------------------------------------------------------------------------------ binding

    def bind_linear(self, call, relu):
        """The bound kernel from call.x to call.z."""
        bound = {} if call.relu_max is None else {"relu_max": call.relu_max}
        return self.layer.bind_linear(call.x, call.z, self.layer.weights_to_bind(), relu, **bound)

    def bind_gradients(self, call, dz):
        """Set call.weight_gradients if needed, and call.input_gradient if there is a call.dx."""
        if self.layer.trains_weights:
            call.weight_gradients = self.layer.bind_weight_gradients(call.x, dz)
        if call.dx is not None:
            call.input_gradient = self.layer.bind_input_gradient(dz, call.dx)

    def _bind(self, x):
        call = Call(x)
        call.bound_dz = call.added_dz = call.added_dx = None
        activation = self.layer.activation
        shape = self.layer.compute_output_shape(x.shape)
        relu = activation is activations.relu
        call.relu_max = activation.relu_max if self.layer.takes_relu_max and not relu else None
        relu |= call.relu_max is not None
        is_linear = relu or activation is activations.linear
        call.z = call.y = self._buffer("y" if is_linear else "z", shape)
        call.linear = self.bind_linear(call, relu)
        call.activate = None
        if not is_linear:
            call.y = self._buffer("y", shape)
            call.activate = activation.bind_forward(call.z, call.y)
        return self._remember(call)

    def _bind_activation_gradient(self, dy):
        call = self._last_call()
        call.dy = call.dz = dy
        call.deactivate = None
        if self.layer.activation is not activations.linear and not self.gradient_is_open:
            call.dz = dy if self.consume_gradient else self._buffer("dz", dy.shape)
            call.deactivate = self.layer.activation.bind_backward(dy, call.z, call.y, call.dz)
        return self._remember(call)

    def _bind_gradients(self, dz):
        call = self._last_call()
        call.bound_dz, call.added_dz = dz, None
        call.weight_gradients = call.input_gradient = call.dx = None
        if self.input_gradient:
            call.dx = self._buffer("dx", call.x.shape)
        self.bind_gradients(call, dz)
        return self._remember(call)

    def _bind_added_gradients(self, dz, dx):
        call = self._last_call()
        call.added_dz, call.added_dx, call.bound_dz = dz, dx, None
        call.weight_gradients = None
        if self.layer.trains_weights:
            call.weight_gradients = self.layer.bind_weight_gradients(call.x, dz)
        call.add_input_gradient = self.layer.bind_input_gradient(dz, dx, accumulate=True)
        return self._remember(call)


class HasActivation:
    """Mixin for a layer whose `activation` may be replaced after the layer has been used."""

    @property
    def activation(self) -> ActivationFunction:
        return self._activation

    @activation.setter
    def activation(self, value):
        self._activation = activations.get(value)
        if self.built:
            self.release()
            config.changed()  # models bind their kernels again


class ActivatedLayer(HasActivation, Layer):
    """A linear map with weights `kernel` and `bias`, then `activation`.

    A subclass lists all arguments in its signature and passes on by name those it does not use.
    """

    config_names: tuple[str, ...] = (
        "activation",
        "use_bias",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
    )

    step_class = ActivatedStep
    adds_input_gradient = False  # whether `bind_input_gradient` takes `accumulate`
    writes_columns = False  # whether the z of `bind_linear` may be columns of a wider array

    def __init__(
        self,
        *,
        activation,
        use_bias,
        kernel_initializer,
        bias_initializer,
        kernel_regularizer,
        bias_regularizer,
        kernel_constraint,
        bias_constraint,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.activation = activation
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer or "glorot_uniform")
        self.bias_initializer = initializers.get(bias_initializer or "zeros")
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.kernel = None
        self.bias = None

    def add_kernel_and_bias(self, kernel_shape, bias_size):
        """Create both weights."""
        self.kernel = self.add_weight(
            kernel_shape,
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.add_bias(bias_size)

    def add_bias(self, size):
        """Create the bias if the layer uses one."""
        if self.use_bias:
            self.bias = self.add_weight(
                (size,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    # A step binds these to its arrays; `weights` come from `weights_to_bind`, or are folded weights
    # (see plan/normalized.py).

    def bind_linear(self, x, z, weights, relu):
        """The bound forward kernel."""
        raise NotImplementedError

    def bind_weight_gradients(self, x, dz):
        """The bound kernel that writes the gradients of kernel and bias."""
        raise NotImplementedError

    def bind_input_gradient(self, dz, dx):
        """The bound kernel that writes dx."""
        raise NotImplementedError

    def weights_to_bind(self):
        return self.kernel.value, None if self.bias is None else self.bias.value

    @property
    def trains_weights(self) -> bool:
        """Whether kernel or bias is trainable."""
        return any(w is not None and w.trainable for w in (self.kernel, self.bias))

    def gradients_to_bind(self):
        dw, db = self.kernel.gradient, None if self.bias is None else self.bias.gradient
        if dw is None:  # only the kernel is frozen: the kernels write both gradients
            dw = aligned(self.kernel.shape, self.dtype)
        return dw, db
