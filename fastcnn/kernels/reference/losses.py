"""Reference kernels of the losses and their gradients: rows of predictions p and targets t.

All write the loss of each row and `dp`, the gradient of the sum of scale * losses. An elementwise
loss is a function of t, p and its parameters that returns values and their derivatives by p.
"""

import numpy as np


def absolute(t, p):
    """|p - t|"""
    return np.abs(p - t), np.sign(p - t)


def binary(t, p, low, high):
    """-(t log(q) + (1 - t) log(1 - q)), q = p within [low, high]"""
    q = np.clip(p, low, high)
    slope = (q - t) / (q * (1 - q))
    return -(t * np.log(q) + (1 - t) * np.log(1 - q)), _inside(p, low, high, slope)


def binary_logits(t, p):
    """The same for q = sigmoid(p)"""
    value = np.maximum(p, 0) - p * t + np.log1p(np.exp(-np.abs(p)))
    return value, sigmoid(p) - t


def binary_focal(t, p, low, high, gamma, alpha):
    """r^gamma binary, r = 1 - (t p + (1 - t) (1 - p)); times t alpha + (1 - t) (1 - alpha)

    An alpha of NaN stands for none.
    """
    return _focal(t, p, 1, *binary(t, p, low, high), gamma, alpha)


def binary_focal_logits(t, p, low, high, gamma, alpha):
    """The same for the sigmoid of p, which is not clipped"""
    q = sigmoid(p)
    return _focal(t, q, q * (1 - q), *binary_logits(t, p), gamma, alpha)


def _focal(t, q, slope_of_q, entropy, slope, gamma, alpha):
    rest = np.maximum(1 - (t * q + (1 - t) * (1 - q)), 0)
    weight = t * alpha + (1 - t) * (1 - alpha) if alpha == alpha else 1
    slope = rest**gamma * slope
    if gamma:
        slope = slope + gamma * rest ** (gamma - 1) * (1 - 2 * t) * slope_of_q * entropy
    return weight * rest**gamma * entropy, weight * slope


def category(t, p, low, high):
    """-t log(q), q = p within [low, high]"""
    q = np.clip(p, low, high)
    return -t * np.log(q), _inside(p, low, high, -t / q)


def category_focal(t, p, low, high, gamma):
    """-t (1 - q)^gamma log(q), q = p within [low, high]"""
    q = np.clip(p, low, high)
    slope = (1 - q) ** gamma / q
    if gamma:
        slope = slope - gamma * (1 - q) ** (gamma - 1) * np.log(q)
    return -t * (1 - q) ** gamma * np.log(q), _inside(p, low, high, -t * slope)


def hinge(t, p):
    """max(1 - s p, 0), s = 2 t - 1 if all targets are 0 or 1, else t"""
    signs = _signs(t)
    margin = 1 - signs * p
    return np.maximum(margin, 0), np.where(margin < 0, 0, -signs)


def huber(t, p, delta):
    """e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2; e = p - t"""
    error = np.abs(p - t)
    line = delta * error - p.dtype.type(0.5) * delta * delta
    values = np.where(error > delta, line, 0.5 * np.square(error))
    return values, np.clip(p - t, -delta, delta)


def kl_divergence(t, p, epsilon):
    """t' log(t' / p'), both within [epsilon, 1]; summed"""
    ratio = np.clip(t, epsilon, 1) / np.clip(p, epsilon, 1)
    return np.clip(t, epsilon, 1) * np.log(ratio), _inside(p, epsilon, 1, -ratio)


def log_cosh(t, p):
    """log(cosh(p - t))"""
    error = np.abs(p - t)  # it is even; this form cannot overflow
    return error + np.log1p(np.exp(-2 * error)) - p.dtype.type(np.log(2)), np.tanh(p - t)


def logarithmic(t, p, epsilon):
    """(log(1 + p) - log(1 + t))^2, both at least epsilon"""
    error = np.log1p(np.maximum(p, epsilon)) - np.log1p(np.maximum(t, epsilon))
    return np.square(error), np.where(p < epsilon, 0, 2 * error / (1 + p))


def percentage(t, p, epsilon):
    """100 |p - t| / max(|t|, epsilon)"""
    size = np.maximum(np.abs(t), epsilon)
    return 100 * np.abs((p - t) / size), np.sign(p - t) * 100 / size


def poisson(t, p, epsilon):
    """p - t log(p + epsilon)"""
    return p - t * np.log(p + epsilon), 1 - t / (p + epsilon)


def squared(t, p):
    """(p - t)^2"""
    return np.square(p - t), 2 * (p - t)


def squared_hinge(t, p):
    """max(1 - s p, 0)^2, s as in hinge"""
    signs = _signs(t)
    margin = np.maximum(1 - signs * p, 0)
    return np.square(margin), -2 * margin * signs


def sigmoid(z):
    """1 / (1 + exp(-z))"""
    e = np.exp(-np.abs(z))
    return np.where(z < 0, e, 1) / (1 + e)


def _inside(p, low, high, slope):
    """The slope where p is within [low, high], or NaN; else 0."""
    return np.where((p < low) | (p > high), p.dtype.type(0), slope)


def _signs(t):
    return 2 * t - 1 if np.isin(t, (0, 1)).all() else t


FUNCTIONS = {
    function.__name__: function
    for function in (
        absolute,
        binary,
        binary_focal,
        binary_focal_logits,
        binary_logits,
        category,
        category_focal,
        hinge,
        huber,
        kl_divergence,
        log_cosh,
        logarithmic,
        percentage,
        poisson,
        squared,
        squared_hinge,
    )
}
SUMMED = ("kl_divergence",)  # over a row, instead of the mean


def of_elements(function, t, p, parameters=()):
    """(values, derivatives by p) of an elementwise loss, in the type of p."""
    return FUNCTIONS[function](t, p, *(p.dtype.type(value) for value in parameters))


def elementwise_loss(
    p, t, scale, losses, dp, probabilities, *, function, parameters=(), smoothing=0.0
):
    """losses[n] = mean over c of f(t', p), or its sum; t' = (1 - smoothing) t + smoothing / 2

    probabilities = sigmoid(p).
    """
    kind = p.dtype.type
    targets = t * kind(1 - smoothing) + kind(smoothing / 2) if smoothing else t
    values, slopes = of_elements(function, targets, p, parameters)
    share = kind(1 if function in SUMMED else 1 / p.shape[1])
    losses[...] = values.sum(1) * share
    dp[...] = slopes * share * scale[:, None]
    if probabilities is not None:
        probabilities[...] = sigmoid(p)


def categorical_loss(p, t, scale, alpha, losses, dp, *, function, parameters, smoothing=0.0):
    """losses[n] = sum over c of alpha[c] f(t', q), q = p / sum of p

    t' = (1 - smoothing) t + smoothing / c
    """
    total = p.sum(1, keepdims=True)
    q, targets = p / total, smooth(t, smoothing)
    if alpha is not None:
        targets = targets * alpha
    values, slopes = of_elements(function, targets, q, parameters)
    losses[...] = values.sum(1)
    dp[...] = (slopes - (slopes * q).sum(1, keepdims=True)) / total * scale[:, None]


def smooth(t, smoothing):
    """t (1 - smoothing) + smoothing / classes"""
    kind = t.dtype.type
    return t * kind(1 - smoothing) + kind(smoothing / t.shape[1]) if smoothing else t


def softmax_crossentropy(logits, t, scale, losses, probabilities, dlogits, *, smoothing=0.0):
    """losses[n] = -sum over c of t' log(softmax(logits)), t' = (1 - smoothing) t + smoothing / c

    probabilities = softmax(logits).
    """
    shifted = logits - logits.max(1, keepdims=True)
    e, targets = np.exp(shifted), smooth(t, smoothing)
    total = e.sum(1, keepdims=True)
    losses[...] = (targets * (np.log(total) - shifted)).sum(1)
    probabilities[...] = e / total
    dlogits[...] = (e / total * targets.sum(1, keepdims=True) - targets) * scale[:, None]


def sparse_crossentropy(p, labels, scale, losses, dp, *, epsilon):
    """losses[n] = -log(q[n, labels[n]] / sum of q), q = p within [epsilon, 1 - epsilon]

    Where the label is below 0 the loss and the gradient are 0.
    """
    low, high = p.dtype.type(epsilon), p.dtype.type(1 - epsilon)
    rows, q = np.arange(len(p)), np.clip(p, low, high)
    total, chosen = q.sum(1), q[rows, labels]
    losses[...] = -np.log(chosen / total)
    gradient = np.repeat(1 / total[:, None], p.shape[1], axis=1)
    gradient[rows, labels] -= 1 / chosen
    dp[...] = _inside(p, low, high, gradient) * scale[:, None]
    losses[labels < 0] = dp[labels < 0] = 0


def cosine_loss(p, t, scale, losses, dp, *, epsilon):
    """losses[n] = -cosine of the angle between p and t; lengths below epsilon count as epsilon"""
    (target, _), (unit, length) = unit_rows(t, epsilon), unit_rows(p, epsilon)
    along = (target * unit).sum(1, keepdims=True)
    losses[...] = -along[:, 0]
    dp[...] = (along * unit - target) / length * scale[:, None]


def unit_rows(rows, epsilon):
    """(rows scaled to unit length, their lengths, at least epsilon)"""
    length = np.sqrt(np.maximum(np.square(rows).sum(1, keepdims=True), epsilon**2))
    return rows / length, length


def categorical_hinge(p, t, scale, losses, dp):
    """losses[n] = max(largest of (1 - t) p - sum of t p + 1, 0); ties share the gradient"""
    others = (1 - t) * p
    most = others.max(1, keepdims=True)
    losses[...] = np.maximum(most[:, 0] - (t * p).sum(1) + 1, 0)
    largest = others == most
    fractions = largest / largest.sum(1, keepdims=True)
    gradient = np.where(losses[:, None] == 0, 0, (1 - t) * fractions - t)
    dp[...] = gradient * scale[:, None]


def overlap_sums(t, p, sums):
    """sums[m, :, q] = sums over k of t p, t and p; float64"""
    for index, terms in enumerate((t * p, t, p)):
        sums[:, index] = terms.sum(1, dtype=np.float64)


def overlap_gradient(t, slope, offset, dp):
    """dp = slope t + offset"""
    dp[...] = slope[:, None] * t + offset[:, None]
