"""Reference kernels of what works on weights: updates by optimizers, norms, constraints, penalties.

A rule is a function of the weights w, their gradients g, the arrays of state and its numbers.
"""

import numpy as np


def keep(w, g):
    """Changes nothing: for decays and averages alone."""


def copy_gradients(w, g, a):
    """a = g: the gradients as the other rules see them"""
    a[...] = g


def sgd(w, g, rate):
    """w -= rate g"""
    w -= rate * g


def momentum(w, g, a, rate, h):
    """a = h a - rate g;  w += a"""
    a[...] = a * h - rate * g
    w += a


def nesterov(w, g, a, rate, h):
    """a = h a - rate g;  w += h a - rate g"""
    change = rate * g
    a[...] = a * h - change
    w[...] = (w - change) + h * a


def rmsprop(w, g, a, rate, rho, rest, epsilon):
    """a = rho a + rest g^2;  w -= rate g / sqrt(a + epsilon), where rest = 1 - rho"""
    a[...] = a * rho + g * g * rest
    w -= g / np.sqrt(a + epsilon) * rate


def rmsprop_momentum(w, g, a, b, rate, rho, rest, epsilon, h):
    """a as in rmsprop;  b = h b + rate g / sqrt(a + epsilon);  w -= b"""
    a[...] = a * rho + g * g * rest
    b[...] = b * h + g / np.sqrt(a + epsilon) * rate
    w -= b


def rmsprop_centered(w, g, a, b, rate, rho, rest, epsilon):
    """a as in rmsprop;  b = rho b + rest g;  w -= rate g / sqrt(a - b^2 + epsilon)"""
    a[...] = a * rho + g * g * rest
    b[...] = b * rho + g * rest
    w -= g / np.sqrt(a - b * b + epsilon) * rate


def rmsprop_centered_momentum(w, g, a, b, c, rate, rho, rest, epsilon, h):
    """a, b as in rmsprop_centered;  c = h c + rate g / sqrt(a - b^2 + epsilon);  w -= c"""
    a[...] = a * rho + g * g * rest
    b[...] = b * rho + g * rest
    c[...] = c * h + g / np.sqrt(a - b * b + epsilon) * rate
    w -= c


def adagrad(w, g, a, rate, epsilon):
    """a += g^2;  w -= rate g / sqrt(a + epsilon)"""
    a += g * g
    w -= rate * (g / np.sqrt(a + epsilon))


def adadelta(w, g, a, b, rate, rho, rest, epsilon):
    """a = rho a + rest g^2;  u = g sqrt(b + epsilon) / sqrt(a + epsilon)

    b = rho b + rest u^2;  w -= rate u
    """
    a[...] = a * rho + g * g * rest
    change = g * np.sqrt(b + epsilon) / np.sqrt(a + epsilon)
    b[...] = b * rho + change * change * rest
    w -= rate * change


def moments(g, a, b, first, second):
    """a += (g - a) first;  b += (g^2 - b) second"""
    a += (g - a) * first
    b += (g * g - b) * second


def adam(w, g, a, b, alpha, first, second, epsilon):
    """The moments a and b, with first = 1 - beta_1;  w -= alpha a / (sqrt(b) + epsilon)

    alpha = rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) (Kingma & Ba 2014, epsilon outside the root's
    correction as in Keras). 1 - beta is taken before it is rounded: float32's 0.999 is off by 1e-5
    of 1 - 0.999.
    """
    moments(g, a, b, first, second)
    w -= alpha * a / (np.sqrt(b) + epsilon)


def amsgrad(w, g, a, b, c, alpha, first, second, epsilon):
    """a, b as in adam;  c = max(c, b);  w -= alpha a / (sqrt(c) + epsilon)"""
    moments(g, a, b, first, second)
    np.maximum(c, b, out=c)
    w -= alpha * a / (np.sqrt(c) + epsilon)


def lamb(w, g, a, b, c, h, first, second, epsilon, k):
    """a, b as in adam;  c = h a / (sqrt(k b) + epsilon);  w stays"""
    moments(g, a, b, first, second)
    c[...] = a * h / (np.sqrt(b * k) + epsilon)


def nadam(w, g, a, b, rate, first, second, epsilon, h, k):
    """a, b as in adam;  w -= rate (h a + g) / (sqrt(k b) + epsilon)"""
    moments(g, a, b, first, second)
    w -= rate * ((a * h + g) / (np.sqrt(b * k) + epsilon))


def adamax(w, g, a, b, rate, first, beta_2, epsilon):
    """a as in adam;  b = max(beta_2 b, |g|);  w -= rate a / (b + epsilon)"""
    a += (g - a) * first
    np.maximum(b * beta_2, np.abs(g), out=b)
    w -= rate * (a / (b + epsilon))


def schedule_free(w, g, a, b, rate, beta_1, second, epsilon, k, h):
    """x = (w - (1 - beta_1) a) / beta_1;  b as in adam;  a -= rate g / (sqrt(k b) + epsilon)

    x = (1 - h) x + h a;  w = (1 - beta_1) a + beta_1 x
    """
    x = (w - (1 - beta_1) * a) / beta_1
    b += (g * g - b) * second
    a -= rate * (g / (np.sqrt(b * k) + epsilon))
    x = x * (1 - h) + a * h
    w[...] = (1 - beta_1) * a + beta_1 * x


def lion(w, g, a, rate, beta_1, rest_1, beta_2, rest_2):
    """w -= rate sign(beta_1 a + rest_1 g);  a = beta_2 a + rest_2 g, where rest = 1 - beta"""
    w -= rate * np.sign(a * beta_1 + g * rest_1)
    a[...] = a * beta_2 + g * rest_2


def muon(w, g, a, b, momentum, h, k):
    """a = momentum a + g;  b = h g + k a;  w stays"""
    a[...] = a * momentum + g
    b[...] = g * h + a * k


def ftrl(w, g, a, b, over_rate, l1, shrinkage, l2, power=0.5):
    """a' = a + g^2;  b += g + shrinkage w - over_rate (a'^power - a^power) w

    w = (b within [-l1, l1] - b) / (over_rate a'^power + l2)
    """
    raised = np.sqrt if power == 0.5 else lambda x: x**power
    before, after = raised(a), raised(a + g * g)
    a += g * g
    b[...] = b + g + shrinkage * w - (after - before) * over_rate * w
    w[...] = (np.clip(b, -l1, l1) - b) / (after * over_rate + l2)


def adafactor(w, g, a, b, beta, rest, epsilon):
    """a = beta a + rest (g^2 + epsilon);  b = g / sqrt(a);  w stays"""
    a[...] = a * beta + (g * g + epsilon) * rest
    b[...] = g / np.sqrt(a)


# {rule: (function, how many arrays of state, how many numbers)}
RULES = {
    "adadelta": (adadelta, 2, 4),
    "adafactor": (adafactor, 2, 3),
    "adagrad": (adagrad, 1, 2),
    "adam": (adam, 2, 4),
    "adamax": (adamax, 2, 4),
    "amsgrad": (amsgrad, 3, 4),
    "copy": (copy_gradients, 1, 0),
    "ftrl": (ftrl, 2, 4),
    "ftrl_power": (ftrl, 2, 5),
    "keep": (keep, 0, 0),
    "lamb": (lamb, 3, 5),
    "lion": (lion, 1, 5),
    "momentum": (momentum, 1, 2),
    "muon": (muon, 2, 3),
    "nadam": (nadam, 2, 6),
    "nesterov": (nesterov, 1, 2),
    "rmsprop": (rmsprop, 1, 4),
    "rmsprop_centered": (rmsprop_centered, 2, 4),
    "rmsprop_centered_momentum": (rmsprop_centered_momentum, 3, 5),
    "rmsprop_momentum": (rmsprop_momentum, 2, 5),
    "schedule_free": (schedule_free, 2, 6),
    "sgd": (sgd, 0, 1),
}


def update_weights(w, g, a, b, c, averages, segments, factors, hyper, *, rule):
    """One update of flat weights by a rule, on all elements or on segments [start, size].

    factors: [scale, decay] of each segment. g' = scale g within [-hyper[6], hyper[6]];
    w -= decay w; then the rule, with g' and the first numbers of hyper; then
    averages = hyper[7] averages + (1 - hyper[7]) w. The gradients themselves stay.
    """
    function, _, numbers = RULES[rule]
    kind = w.dtype.type
    own = [kind(value) for value in hyper[:numbers]]
    most, momentum = hyper[6], hyper[7]
    for index, (start, size) in enumerate([(0, w.size)] if segments is None else segments):
        part = slice(start, start + size)
        scale, decay = (1.0, 0.0) if factors is None else factors[index]
        state = [array[part] for array in (a, b, c) if array is not None]
        gradient, weights = g[part], w[part]
        if scale != 1 or most < np.inf:
            gradient = np.clip(gradient * kind(scale), kind(-most), kind(most))
        if decay:
            weights -= weights * kind(decay)
        function(weights, gradient, *state, *own)
        if averages is not None:
            mean = averages[part]
            mean[...] = mean * kind(momentum) + weights * kind(1 - momentum)


def sum_squares(x, segments, sums):
    """sums[s] = sum of x^2 over segment s, [start, size]; float64"""
    for index, (start, size) in enumerate(segments):
        sums[index] = np.square(x[start : start + size]).sum(dtype=np.float64)


def factored_moments(g, r, c, v, change, hyper):
    """Adafactor's second moments of matrices (m, p, q): v = r / mean(r) * c;  change = g / sqrt(v)

    r, c = beta r, c + (1 - beta) mean of (g^2 + epsilon) over q, p; hyper = [beta, epsilon].
    """
    beta, epsilon = (g.dtype.type(value) for value in hyper)
    squares = g * g + epsilon
    r[...] = beta * r + (1 - beta) * squares.mean(2)
    c[...] = beta * c + (1 - beta) * squares.mean(1)
    v[...] = (r / r.mean(1, keepdims=True))[:, :, None] * c[:, None]
    change[...] = g / np.sqrt(v)


def limit_norms(w, *, least, most, rate, epsilon):
    """w *= (rate * (norm within [least, most]) + (1 - rate) norm) / (epsilon + norm), norms over k

    w is (m, k, q).
    """
    norms = np.sqrt(np.square(w).sum(1, keepdims=True))
    wanted = rate * np.clip(norms, least, most) + (1 - rate) * norms
    w *= wanted / (epsilon + norms)


def penalize(x, dx, total, *, l1, l2):
    """dx += 2 l2 x + l1 sign(x);  total = l1 * sum of |x| + l2 * sum of x^2, float64"""
    if dx is not None:
        dx += 2 * x.dtype.type(l2) * x + x.dtype.type(l1) * np.sign(x)
    if total is not None:
        total[0] = 0
        if l1:
            total[0] += l1 * np.abs(x).sum(dtype=np.float64)
        if l2:
            total[0] += l2 * np.square(x).sum(dtype=np.float64)
