"""Reference kernels of the elementwise activations, by the name of the function.

FUNCTIONS: y = f(x). GRADIENTS: dx = dy f'(x), from dy and what the forward pass keeps, which is y
for the functions in FROM_OUTPUT and x for all others. They return new arrays of x's type.
"""

import numpy as np

from fastcnn.kernels.reference.special import normal_cdf

SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772
GELU_ROOT = 0.7978845608028654  # sqrt(2 / pi)
FROM_OUTPUT = ("celu", "exponential", "selu")


def curve_forward(x, y, *, function, parameters=()):
    """y = f(x) for the function of that name"""
    y[...] = FUNCTIONS[function](x, *parameters)


def curve_backward(dy, kept, dx, *, function, parameters=()):
    """dx = dy f'(x); kept is y = f(x) for the functions in FROM_OUTPUT and x for all others"""
    dx[...] = GRADIENTS[function](dy, kept, *parameters)


def _sigmoid(x):
    small = np.exp(-np.abs(x))  # at most 1: nothing overflows
    return np.where(x < 0, small, 1) / (1 + small)


def _relu(x, slope, most, threshold):
    # a `most` of NaN is not a bound
    above = x if np.isnan(most) else np.maximum(np.minimum(x, x.dtype.type(most)), 0)
    below = slope * (x - threshold) if slope else 0
    return np.where(x <= threshold, below, above)


def _relu_gradient(dy, x, slope, most, threshold):
    # as in Keras the gradient at the bound is 0 if that is 6, but 1 if it is any other
    slopes = np.where(x <= threshold, x.dtype.type(slope), x.dtype.type(1))
    if not np.isnan(most):
        beyond = x >= most if most == 6 and not threshold else x > most
        slopes[beyond | ((x > threshold) & (x < 0))] = 0
    return dy * slopes


def _selu(x):
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0)))


def _selu_gradient(dy, y):
    return dy * np.where(y > 0, y.dtype.type(SELU_SCALE), y + SELU_SCALE * SELU_ALPHA)


def _celu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def _celu_gradient(dy, y, alpha):
    return dy * np.where(y > 0, 1, y / alpha + 1)


def _silu_gradient(dy, x):
    x = np.clip(x, -88, 88)  # the slope is 0 or 1 beyond
    gate = _sigmoid(x)
    return dy * (gate * (1 + x * _sigmoid(-x)))


def _gelu_gradient(dy, x):
    density = 0.5 * GELU_ROOT * np.exp(-0.5 * x * x)
    return dy * (normal_cdf(x) + np.clip(x, -40, 40) * density)


def _gelu_approximate(x):
    return x * _sigmoid(2 * GELU_ROOT * (x + 0.044715 * x**3))


def _gelu_approximate_gradient(dy, x):
    x = np.clip(x, -12, 12)  # the slope is 0 or 1 beyond
    gate = _sigmoid(2 * GELU_ROOT * (x + 0.044715 * x**3))
    rest = _sigmoid(-2 * GELU_ROOT * (x + 0.044715 * x**3))
    slope = 2 * GELU_ROOT * (1 + 3 * 0.044715 * x * x)
    return dy * (gate * (1 + x * slope * rest))


def _softplus(x):
    return np.logaddexp(x, x.dtype.type(0))


def _mish(x):
    return x * np.tanh(_softplus(x))


def _mish_gradient(dy, x):
    x = np.clip(x, -88, 20)  # the slope is 0 or 1 beyond
    gate = np.tanh(_softplus(x))
    return dy * (gate + x * (1 - gate * gate) * _sigmoid(x))


def _tanh_shrink_gradient(dy, x):
    return dy * np.square(np.tanh(x))  # not x - y, which is 0 for large x


def _squareplus_root(x, b):
    size = np.abs(x)
    return np.where(size > 1e18, size, np.sqrt(np.square(x) + b))  # the square may overflow


def _squareplus(x, b):
    root = _squareplus_root(x, b)
    return np.where(x < 0, 0.5 * b / (root - x), 0.5 * x + 0.5 * root)


def _squareplus_gradient(dy, x, b):
    root = _squareplus_root(x, b)
    return dy * np.where(x < 0, 0.5 * b / (root - x) / root, 0.5 + x / root * 0.5)


def _hard_gate(x):
    return np.clip(x / 6 + 0.5, 0, 1)


def _hard_silu_gradient(dy, x):
    return dy * (_hard_gate(x) + np.where(np.abs(x) < 3, x / 6, 0))


def _sparse_sigmoid(x):
    return np.clip(0.5 * (x + 1), 0, 1)


def _sparse_plus(x):
    return np.where(x < 1, 0.25 * np.square(np.maximum(x, -1) + 1), x)


def _is_shrunk(x, threshold):
    return (x <= threshold) & (x >= -threshold)


def _soft_shrink(x, threshold):
    outside = np.where(x > threshold, x - threshold, x + threshold)
    return np.where(_is_shrunk(x, threshold), 0, outside)


def _shrink_gradient(dy, x, threshold):
    return np.where(_is_shrunk(x, threshold), 0, dy)


FUNCTIONS = {
    "celu": _celu,
    "exponential": np.exp,
    "gelu": lambda x: x * normal_cdf(x),
    "gelu_approximate": _gelu_approximate,
    "hard_shrink": lambda x, threshold: np.where(_is_shrunk(x, threshold), 0, x),
    "hard_sigmoid": _hard_gate,
    "hard_silu": lambda x: x * _hard_gate(x),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "log_sigmoid": lambda x: -_softplus(-x),
    "mish": _mish,
    "relu": _relu,
    "selu": _selu,
    "silu": lambda x: x * _sigmoid(x),
    "soft_shrink": _soft_shrink,
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": _sparse_sigmoid,
    "squareplus": _squareplus,
    "tanh_shrink": lambda x: x - np.tanh(x),
}
GRADIENTS = {
    "celu": _celu_gradient,
    "exponential": lambda dy, y: dy * y,
    "gelu": _gelu_gradient,
    "gelu_approximate": _gelu_approximate_gradient,
    "hard_shrink": _shrink_gradient,
    "hard_sigmoid": lambda dy, x: np.where((x > -3) & (x < 3), dy / 6, 0),
    "hard_silu": _hard_silu_gradient,
    "hard_tanh": lambda dy, x: np.where(np.abs(x) > 1, 0, dy),
    "log_sigmoid": lambda dy, x: dy * _sigmoid(-x),
    "mish": _mish_gradient,
    "relu": _relu_gradient,
    "selu": _selu_gradient,
    "silu": _silu_gradient,
    "soft_shrink": _shrink_gradient,
    "softplus": lambda dy, x: dy * _sigmoid(x),
    "softsign": lambda dy, x: dy / np.square(1 + np.abs(x)),
    "sparse_plus": lambda dy, x: dy * _sparse_sigmoid(x),
    "sparse_sigmoid": lambda dy, x: np.where(np.abs(x) < 1, 0.5 * dy, 0),
    "squareplus": _squareplus_gradient,
    "tanh_shrink": _tanh_shrink_gradient,
}
