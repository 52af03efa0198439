"""Activations: elementwise functions (and softmax) with their gradients.

    >>> import numpy as np
    >>> from fastcnn import activations
    >>> activations.relu(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    >>> activations.get("tanh")
    <activation tanh>

Each is an instance of `ActivationFunction`: `forward(x, y)` writes y, `backward(dy, x, y, dx)`
writes dx, on arrays of one shape and float type. A layer binds them to its buffers once. To make
your own, subclass it and hand an instance to a layer: `Dense(8, activation=MyActivation())`.
"""

import functools

import numpy as np

from fastcnn import config, kernels
from fastcnn.registry import Registry

registry = Registry("activation", "keras.activations")


class ActivationFunction:
    """Base of all activations.

    Attributes:
        name: as in `activation="relu"`.
    """

    name = None

    def forward(self, x, y):
        """Write the activation of x to y."""
        raise NotImplementedError(f"{type(self).__name__} must implement forward(x, y).")

    def backward(self, dy, x, y, dx):
        """Write to dx the gradient at x, given the gradient dy at y = forward(x). dx may be dy."""
        raise NotImplementedError(f"{type(self).__name__} must implement backward(dy, x, y, dx).")

    def bind_forward(self, x, y):
        """A callable that runs `forward` on these arrays."""
        return functools.partial(self.forward, x, y)

    def bind_backward(self, dy, x, y, dx):
        """A callable that runs `backward` on these arrays."""
        return functools.partial(self.backward, dy, x, y, dx)

    def __call__(self, x):
        """The activation of an array, as a new array: float32, or float64 on the reference."""
        x = np.asarray(x)
        wide = x.dtype == np.float64 and config.backend() == "reference"
        x = np.ascontiguousarray(x, np.float64 if wide else np.float32)
        y = np.empty_like(x)
        self.bind_forward(x, y)()
        return y

    def __repr__(self):
        return f"<activation {self.name}>"


def _register(name, *aliases):
    """Class decorator: puts one instance in the registry and in its place in this module."""

    def add(cls):
        cls.name = name
        return registry.register(name, *aliases)(cls())

    return add


@_register("linear")
class linear(ActivationFunction):  # noqa: N801 - the module's names are Keras's functions
    """y = x"""

    def forward(self, x, y):
        y[...] = x

    def backward(self, dy, x, y, dx):
        dx[...] = dy


@_register("relu")
class relu(ActivationFunction):  # noqa: N801
    """y = max(x, 0); NaN stays NaN"""

    def bind_forward(self, x, y):
        return kernels.bind("relu_forward", x, y)

    def bind_backward(self, dy, x, y, dx):
        return kernels.bind("relu_backward", dy, y, dx)


@_register("softmax")
class softmax(ActivationFunction):  # noqa: N801
    """y = exp(x) / sum(exp(x)) over the last axis"""

    def bind_forward(self, x, y):
        if x.ndim < 2:
            raise ValueError(
                f"softmax needs an array of two or more axes. Received shape {x.shape}."
            )
        return kernels.bind("softmax_forward", _rows(x), _rows(y))

    def bind_backward(self, dy, x, y, dx):
        return kernels.bind("softmax_backward", _rows(dy), _rows(y), _rows(dx))


def _rows(array):
    return array.reshape(-1, array.shape[-1])


@_register("log_softmax")
class log_softmax(ActivationFunction):  # noqa: N801
    """y = x - log(sum(exp(x))) over the last axis"""

    def forward(self, x, y):
        np.subtract(x, x.max(-1, keepdims=True), out=y)
        y -= np.log(np.exp(y).sum(-1, keepdims=True))

    def backward(self, dy, x, y, dx):
        dx[...] = dy - np.exp(y) * dy.sum(-1, keepdims=True)


@_register("sigmoid")
class sigmoid(ActivationFunction):  # noqa: N801
    """y = 1 / (1 + exp(-x))"""

    def forward(self, x, y):
        y[...] = _sigmoid(x)

    def backward(self, dy, x, y, dx):
        dx[...] = dy * y * (1 - y)


def _sigmoid(x):
    """Stable for large |x|: 0.5 (1 + tanh(x / 2))."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


@_register("hard_sigmoid")
class hard_sigmoid(ActivationFunction):  # noqa: N801
    """y = x / 6 + 0.5 within [0, 1]"""

    def forward(self, x, y):
        np.clip(x / 6 + 0.5, 0, 1, out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = np.where((x > -3) & (x < 3), dy / 6, 0)


@_register("tanh")
class tanh(ActivationFunction):  # noqa: N801
    """y = tanh(x)"""

    def forward(self, x, y):
        np.tanh(x, out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = dy * (1 - y * y)


@_register("relu6")
class relu6(ActivationFunction):  # noqa: N801
    """y = min(max(x, 0), 6)"""

    def forward(self, x, y):
        np.clip(x, 0, 6, out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = np.where((y <= 0) | (y >= 6), 0, dy)


@_register("leaky_relu")
class leaky_relu(ActivationFunction):  # noqa: N801
    """y = x where x > 0, else 0.2 x"""

    def forward(self, x, y):
        y[...] = np.where(x > 0, x, 0.2 * x)

    def backward(self, dy, x, y, dx):
        dx[...] = np.where(x > 0, dy, 0.2 * dy)


@_register("elu")
class elu(ActivationFunction):  # noqa: N801
    """y = x where x > 0, else exp(x) - 1"""

    def forward(self, x, y):
        y[...] = np.where(x > 0, x, np.expm1(np.minimum(x, 0)))

    def backward(self, dy, x, y, dx):
        dx[...] = np.where(x > 0, dy, dy * (y + 1))


@_register("selu")
class selu(ActivationFunction):  # noqa: N801
    """y = 1.0507 x where x > 0, else 1.0507 * 1.6733 (exp(x) - 1) (Klambauer et al. 2017)"""

    SCALE = 1.0507009873554805
    ALPHA = 1.6732632423543772

    def forward(self, x, y):
        y[...] = self.SCALE * np.where(x > 0, x, self.ALPHA * np.expm1(np.minimum(x, 0)))

    def backward(self, dy, x, y, dx):
        dx[...] = dy * np.where(x > 0, self.SCALE, y + self.SCALE * self.ALPHA)


@_register("softplus")
class softplus(ActivationFunction):  # noqa: N801
    """y = log(1 + exp(x))"""

    def forward(self, x, y):
        np.logaddexp(x, 0, out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = dy * _sigmoid(x)


@_register("softsign")
class softsign(ActivationFunction):  # noqa: N801
    """y = x / (1 + |x|)"""

    def forward(self, x, y):
        np.divide(x, 1 + np.abs(x), out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = dy / np.square(1 + np.abs(x))


@_register("silu", "swish")
class silu(ActivationFunction):  # noqa: N801
    """y = x * sigmoid(x)"""

    def forward(self, x, y):
        np.multiply(x, _sigmoid(x), out=y)

    def backward(self, dy, x, y, dx):
        gate = _sigmoid(x)
        dx[...] = dy * (gate + y * (1 - gate))


@_register("exponential")
class exponential(ActivationFunction):  # noqa: N801
    """y = exp(x)"""

    def forward(self, x, y):
        np.exp(x, out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = dy * y


swish = silu


def get(identifier):
    """An activation from a name or an instance; None is `linear`.

    Raises:
        ValueError: an unknown name (the error lists the valid ones) or a bare function, which has
            no gradient here.
    """
    if identifier is None:
        return linear
    if callable(identifier) and not isinstance(identifier, (ActivationFunction, type)):
        raise ValueError(
            "An activation needs a gradient: subclass `fastcnn.activations.ActivationFunction` "
            f"instead of passing the function {identifier!r}."
        )
    return registry.get(identifier, ActivationFunction)


def serialize(activation):
    """The name of an activation, as Keras writes it."""
    return activation.name


def deserialize(config):
    """The activation that `serialize` wrote."""
    return get(config)
