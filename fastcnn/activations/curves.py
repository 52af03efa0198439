"""Elementwise activations that are kernels, smooth or piecewise; see `activations`.

Their formulas and gradients are in `kernels/reference/curves.py`, the compiled ones in
`kernels/csrc/tiles/curves.inc.h`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fastcnn import kernels
from fastcnn.activations.base import ActivationFunction, parameterised, register

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "celu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "mish",
    "selu",
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


class Curve(ActivationFunction):
    """A function of the kernels `curve_forward` and `curve_backward`.

    Attributes:
        function: its name there.
        from_output: whether the gradient is computed from y instead of x.
        settings: the kernels' keywords.
    """

    function: str
    from_output = False
    settings: dict[str, Any]

    def __init__(self):
        self.set_parameters()

    def set_parameters(self, *parameters):
        self.settings = {"function": self.function, "parameters": parameters}

    def bind_forward(self, x, y):
        return kernels.bind("curve_forward", x, y, **self.settings)

    def bind_backward(self, dy, x, y, dx):
        kept = y if self.from_output else x
        return kernels.bind("curve_backward", dy, kept, dx, **self.settings)


@register("leaky_relu")
class leaky_relu(Curve):  # noqa: N801 - the module's names are Keras's functions
    """y = x where x > 0, else negative_slope * x"""

    function = "relu"
    layer = "LeakyReLU"

    @parameterised
    def __init__(self, negative_slope=0.2):
        self.slope = negative_slope
        self.set_parameters(negative_slope, math.nan, 0.0)


@register("celu")
class celu(Curve):  # noqa: N801
    """y = x where x > 0, else alpha (exp(x / alpha) - 1)"""

    function = "celu"
    from_output = True

    @parameterised
    def __init__(self, alpha=1.0):
        self.alpha = alpha
        self.set_parameters(alpha)


@register("selu")
class selu(Curve):  # noqa: N801
    """y = 1.0507 x where x > 0, else 1.0507 * 1.6733 (exp(x) - 1) (Klambauer et al. 2017)"""

    function = "selu"
    from_output = True


@register("exponential")
class exponential(Curve):  # noqa: N801
    """y = exp(x)"""

    function = "exponential"
    from_output = True


@register("hard_sigmoid")
class hard_sigmoid(Curve):  # noqa: N801
    """y = x / 6 + 0.5 within [0, 1]"""

    function = "hard_sigmoid"


@register("log_sigmoid")
class log_sigmoid(Curve):  # noqa: N801
    """y = -log(1 + exp(-x))"""

    function = "log_sigmoid"


@register("sparse_sigmoid")
class sparse_sigmoid(Curve):  # noqa: N801
    """y = (x + 1) / 2 within [0, 1]"""

    function = "sparse_sigmoid"


@register("softplus")
class softplus(Curve):  # noqa: N801
    """y = log(1 + exp(x))"""

    function = "softplus"


@register("sparse_plus")
class sparse_plus(Curve):  # noqa: N801
    """y = 0 where x <= -1, x where x >= 1, (x + 1)^2 / 4 between"""

    function = "sparse_plus"


@register("squareplus")
class squareplus(Curve):  # noqa: N801
    """y = (x + sqrt(x^2 + b)) / 2"""

    function = "squareplus"

    @parameterised
    def __init__(self, b=4):
        self.b = b
        self.set_parameters(b)


@register("softsign")
class softsign(Curve):  # noqa: N801
    """y = x / (1 + |x|)"""

    function = "softsign"


@register("soft_shrink")
class soft_shrink(Curve):  # noqa: N801
    """y = x - threshold where x > threshold, x + threshold where x < -threshold, else 0"""

    function = "soft_shrink"

    @parameterised
    def __init__(self, threshold=0.5):
        self.threshold = threshold
        self.set_parameters(threshold)


@register("hard_shrink")
class hard_shrink(Curve):  # noqa: N801
    """y = x where |x| > threshold, else 0"""

    function = "hard_shrink"

    @parameterised
    def __init__(self, threshold=0.5):
        self.threshold = threshold
        self.set_parameters(threshold)


@register("tanh_shrink")
class tanh_shrink(Curve):  # noqa: N801
    """y = x - tanh(x)"""

    function = "tanh_shrink"


@register("hard_tanh")
class hard_tanh(Curve):  # noqa: N801
    """y = x within [-1, 1]"""

    function = "hard_tanh"


@register("silu", "swish")
class silu(Curve):  # noqa: N801
    """y = x * sigmoid(x)"""

    function = "silu"


@register("hard_silu", "hard_swish")
class hard_silu(Curve):  # noqa: N801
    """y = x * hard_sigmoid(x)"""

    function = "hard_silu"


@register("gelu")
class gelu(Curve):  # noqa: N801
    """y = x Phi(x), with Phi the normal distribution function (Hendrycks & Gimpel 2016)

    approximate: Phi(x) = (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
    """

    @parameterised
    def __init__(self, approximate=False):
        self.approximate = approximate
        self.function = "gelu_approximate" if approximate else "gelu"
        self.set_parameters()


@register("mish")
class mish(Curve):  # noqa: N801
    """y = x tanh(softplus(x)) (Misra 2019)"""

    function = "mish"


swish = silu
hard_swish = hard_silu
