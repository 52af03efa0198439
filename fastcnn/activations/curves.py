"""Elementwise activations in NumPy, smooth or piecewise; see `activations`."""

import numpy as np

from fastcnn import kernels
from fastcnn.activations.base import ActivationFunction, parameterised, register
from fastcnn.activations.special import erf

__all__ = [
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "log_sigmoid",
    "mish",
    "silu",
    "soft_shrink",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "swish",
    "tanh_shrink",
]


def _sigmoid(x):
    y = np.empty_like(x)
    kernels.bind("sigmoid_forward", x, y)()
    return y


@register("hard_sigmoid")
class hard_sigmoid(ActivationFunction):  # noqa: N801
    """y = x / 6 + 0.5 within [0, 1]"""

    def forward(self, x, y):
        np.clip(x / 6 + 0.5, 0, 1, out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = np.where((x > -3) & (x < 3), dy / 6, 0)


@register("log_sigmoid")
class log_sigmoid(ActivationFunction):  # noqa: N801
    """y = -log(1 + exp(-x))"""

    def forward(self, x, y):
        np.negative(np.logaddexp(-x, 0), out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = dy * _sigmoid(-x)


@register("sparse_sigmoid")
class sparse_sigmoid(ActivationFunction):  # noqa: N801
    """y = (x + 1) / 2 within [0, 1]"""

    def forward(self, x, y):
        np.clip(0.5 * (x + 1), 0, 1, out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = np.where(np.abs(x) < 1, 0.5 * dy, 0)


@register("softplus")
class softplus(ActivationFunction):  # noqa: N801
    """y = log(1 + exp(x))"""

    def forward(self, x, y):
        np.logaddexp(x, 0, out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = dy * _sigmoid(x)


@register("sparse_plus")
class sparse_plus(ActivationFunction):  # noqa: N801
    """y = 0 where x <= -1, x where x >= 1, (x + 1)^2 / 4 between"""

    def forward(self, x, y):
        y[...] = np.where(x < 1, 0.25 * np.square(np.maximum(x, -1) + 1), x)

    def backward(self, dy, x, y, dx):
        dx[...] = dy * np.clip(0.5 * (x + 1), 0, 1)


@register("squareplus")
class squareplus(ActivationFunction):  # noqa: N801
    """y = (x + sqrt(x^2 + b)) / 2"""

    @parameterised
    def __init__(self, b=4):
        self.b = b

    def forward(self, x, y):
        y[...] = (x + np.sqrt(np.square(x) + self.b)) / 2

    def backward(self, dy, x, y, dx):
        dx[...] = dy * (1 + x / np.sqrt(np.square(x) + self.b)) / 2


@register("softsign")
class softsign(ActivationFunction):  # noqa: N801
    """y = x / (1 + |x|)"""

    def forward(self, x, y):
        np.divide(x, 1 + np.abs(x), out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = dy / np.square(1 + np.abs(x))


@register("soft_shrink")
class soft_shrink(ActivationFunction):  # noqa: N801
    """y = x - threshold where x > threshold, x + threshold where x < -threshold, else 0"""

    @parameterised
    def __init__(self, threshold=0.5):
        self.threshold = threshold

    def forward(self, x, y):
        t = self.threshold
        shift = np.clip(x, -t, t) if t >= 0 else np.where(x > t, t, -t)
        np.subtract(x, shift, out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = np.where(np.abs(x) <= self.threshold, 0, dy)


@register("hard_shrink")
class hard_shrink(ActivationFunction):  # noqa: N801
    """y = x where |x| > threshold, else 0"""

    @parameterised
    def __init__(self, threshold=0.5):
        self.threshold = threshold

    def forward(self, x, y):
        y[...] = np.where(np.abs(x) <= self.threshold, 0, x)

    def backward(self, dy, x, y, dx):
        dx[...] = np.where(np.abs(x) <= self.threshold, 0, dy)


@register("tanh_shrink")
class tanh_shrink(ActivationFunction):  # noqa: N801
    """y = x - tanh(x)"""

    def forward(self, x, y):
        np.subtract(x, np.tanh(x), out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = dy * np.square(np.tanh(x))  # not x - y, which is 0 for large x


@register("hard_tanh")
class hard_tanh(ActivationFunction):  # noqa: N801
    """y = x within [-1, 1]"""

    def forward(self, x, y):
        np.clip(x, -1, 1, out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = np.where(np.abs(x) > 1, 0, dy)


@register("silu", "swish")
class silu(ActivationFunction):  # noqa: N801
    """y = x * sigmoid(x)"""

    def forward(self, x, y):
        np.multiply(x, _sigmoid(x), out=y)

    def backward(self, dy, x, y, dx):
        gate = _sigmoid(x)
        dx[...] = dy * (gate + y * (1 - gate))


@register("hard_silu", "hard_swish")
class hard_silu(ActivationFunction):  # noqa: N801
    """y = x * hard_sigmoid(x)"""

    def forward(self, x, y):
        y[...] = x * np.clip(x / 6 + 0.5, 0, 1)

    def backward(self, dy, x, y, dx):
        slope = np.where(np.abs(x) < 3, x / 6, 0)
        dx[...] = dy * (np.clip(x / 6 + 0.5, 0, 1) + slope)


@register("gelu")
class gelu(ActivationFunction):  # noqa: N801
    """y = x Phi(x), with Phi the normal distribution function (Hendrycks & Gimpel 2016)

    approximate: Phi(x) = (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
    """

    ROOT = 0.7978845608028654  # sqrt(2 / pi)

    @parameterised
    def __init__(self, approximate=False):
        self.approximate = approximate

    def _phi(self, x):
        if self.approximate:
            return 0.5 * (1 + np.tanh(self.ROOT * (x + 0.044715 * x**3)))
        return 0.5 * (1 + erf(x * np.sqrt(x.dtype.type(0.5))))

    def forward(self, x, y):
        np.multiply(x, self._phi(x), out=y)

    def backward(self, dy, x, y, dx):
        phi = self._phi(x)
        if self.approximate:
            slope = 2 * phi * (1 - phi) * self.ROOT * (1 + 3 * 0.044715 * x * x)
        else:
            slope = 0.5 * self.ROOT * np.exp(-0.5 * x * x)
        dx[...] = dy * (phi + x * slope)


@register("mish")
class mish(ActivationFunction):  # noqa: N801
    """y = x tanh(softplus(x)) (Misra 2019)"""

    def forward(self, x, y):
        np.multiply(x, np.tanh(np.logaddexp(x, 0)), out=y)

    def backward(self, dy, x, y, dx):
        gate = np.tanh(np.logaddexp(x, 0))
        dx[...] = dy * (gate + x * (1 - gate * gate) * _sigmoid(x))


@register("exponential")
class exponential(ActivationFunction):  # noqa: N801
    """y = exp(x)"""

    def forward(self, x, y):
        np.exp(x, out=y)

    def backward(self, dy, x, y, dx):
        dx[...] = dy * y


swish = silu
hard_swish = hard_silu
