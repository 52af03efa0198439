"""Base of the layers that are a linear map with an activation behind it: Conv2D, Dense, ...

A subclass binds the kernels of the linear map and of its gradients; this class puts the activation
behind them. relu happens inside the forward kernel; other activations have a buffer of their own.
`forward_linear` and `backward_linear` leave the activation out, for the steps of `fusion` that do
it better (softmax with cross-entropy).
"""

from fastcnn import activations, constraints, initializers, regularizers
from fastcnn.layers.base import Call, Layer


class ActivatedLayer(Layer):
    """A linear map with weights `kernel` and `bias`, then `activation`."""

    def __init__(
        self,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
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
        """Make the two weights."""
        self.kernel = self.add_weight(
            kernel_shape,
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.add_bias(bias_size)

    def add_bias(self, size):
        """Make the bias, if there is to be one."""
        if self.use_bias:
            self.bias = self.add_weight(
                (size,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def linear_output_shape(self, x_shape):
        """The shape of the linear map's result for a batch of shape `x_shape`."""
        raise NotImplementedError

    def bind_linear(self, x, z, relu):
        """The bound forward kernel."""
        raise NotImplementedError

    def bind_weight_gradients(self, x, dz):
        """The bound kernel that writes the gradients of kernel and bias."""
        raise NotImplementedError

    def bind_input_gradient(self, dz, dx):
        """The bound kernel that writes dx."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------- the protocol

    def forward(self, x, training=False):
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = self._bind(x)
        call.linear(self._store.version)
        if call.activate is not None:
            call.activate()
        self._kept = call if training else None
        return call.y

    def forward_linear(self, x, training=False):
        """`forward` without the activation (not for relu, which is part of the kernel)."""
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = self._bind(x)
        call.linear(self._store.version)
        self._kept = call if training else None
        return call.z

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._bind_activation_gradient(dy)
        if call.deactivate is not None:
            call.deactivate()
        return self.backward_linear(call.dz)

    def backward_linear(self, dz):
        """`backward` from the gradient at the linear map's result."""
        call = self._kept
        if call is None or call.bound_dz is not dz:
            call = self._bind_gradients(dz)
        if call.weight_gradients is not None:
            call.weight_gradients()
        if call.input_gradient is not None:
            call.input_gradient(self._store.version)
        return call.dx

    # ------------------------------------------------------------------------------------ binding

    def _bind(self, x):
        call = Call(x)
        call.bound_dz = None
        shape = self.linear_output_shape(x.shape)
        call.z = call.y = self._buffer("z", shape)
        relu = self.activation is activations.relu
        call.linear = self.bind_linear(x, call.z, relu)
        call.activate = None
        if not relu and self.activation is not activations.linear:
            call.y = self._buffer("y", shape)
            call.activate = self.activation.bind_forward(call.z, call.y)
        return self._remember(call)

    def _bind_activation_gradient(self, dy):
        call = self._last_call()
        call.dy = call.dz = dy
        call.deactivate = None
        if self.activation is not activations.linear:
            call.dz = dy if self.consume_gradient else self._buffer("dz", dy.shape)
            call.deactivate = self.activation.bind_backward(dy, call.z, call.y, call.dz)
        return self._remember(call)

    def _bind_gradients(self, dz):
        call = self._last_call()
        call.bound_dz = dz
        call.weight_gradients = call.input_gradient = call.dx = None
        if self.kernel.trainable:
            call.weight_gradients = self.bind_weight_gradients(call.x, dz)
        if self.input_gradient:
            call.dx = self._buffer("dx", call.x.shape)
            call.input_gradient = self.bind_input_gradient(dz, call.dx)
        return self._remember(call)

    def _weights_to_bind(self):
        return self.kernel.value, None if self.bias is None else self.bias.value

    def _gradients_to_bind(self):
        return self.kernel.gradient, None if self.bias is None else self.bias.gradient

    def get_config(self):
        return {
            **super().get_config(),
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
