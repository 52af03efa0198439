"""Reference kernels of batch normalization."""

import numpy as np

from fastcnn.kernels.reference.activations import relu_backward, relu_forward


def batch_norm_forward(
    x, gamma, beta, mean, variance, y, residual=None, *, epsilon, relu, relu_max=np.inf
):
    """y[m,c] = (x[m,c] - mean[c]) gamma[c] / sqrt(variance[c] + epsilon) + beta[c], then relu

    x (m, c): rows of channels; an image's pixels are rows. gamma and beta may be None, which
    means 1 and 0. `residual` (m, c) is added before relu, which is min(max(y, 0), relu_max); it may
    be y itself.
    """
    scale = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    if gamma is not None:
        scale *= gamma
    result = (x - mean) * scale
    if beta is not None:
        result += beta
    if residual is not None:
        result += residual
    if relu:
        relu_forward(result, result, relu_max=relu_max)
    y[...] = result


def batch_norm_forward_training(
    x, gamma, beta, mean, variance, y, residual=None, moving_mean=None, moving_variance=None, *,
    epsilon, relu, momentum=0.99, relu_max=np.inf,
):  # fmt: skip
    """mean[c], variance[c] over the rows of x (variance: sum / m), then batch_norm_forward

    (Ioffe & Szegedy 2015.) Both are 0 if there are no rows. The moving averages, which may be None,
    become momentum * average + (1 - momentum) * value.
    """
    rows = max(len(x), 1)
    mean[...] = x.sum(0) / rows
    variance[...] = np.square(x - mean).sum(0) / rows
    for average, value in ((moving_mean, mean), (moving_variance, variance)):
        if average is not None:
            average[...] = average * momentum + value * (1 - momentum)
    settings = {"epsilon": epsilon, "relu": relu, "relu_max": relu_max}
    batch_norm_forward(x, gamma, beta, mean, variance, y, residual, **settings)


def batch_norm_backward(
    x, dy, y, gamma, mean, variance, dx, dgamma, dbeta, dresidual=None, beta=None, *, epsilon,
    relu=False, relu_max=np.inf,
):  # fmt: skip
    """The gradients of batch_norm_forward_training, with h = (x - mean) / sqrt(variance + epsilon):

    dbeta[c] = sum over m of dy; dgamma[c] = sum over m of dy h;
    dx = gamma / sqrt(variance + epsilon) (dy - dbeta / m - h dgamma / m)

    y: the output where relu was part of it (dy then counts as 0 where it is not in (0, relu_max)),
    or None. With `relu` and without y, y is computed again from x, gamma and beta: there was no
    residual. dresidual is the gradient of the residual, this dy. dx, dgamma, dbeta and dresidual
    may be None where they are not wanted; dx or dresidual may be dy itself.
    """
    if relu and y is None:
        if dresidual is not None:
            raise ValueError(
                "`batch_norm_backward`: y is needed if relu followed the sum with a residual."
            )
        y = np.empty_like(x)
        settings = {"epsilon": epsilon, "relu": True, "relu_max": relu_max}
        batch_norm_forward(x, gamma, beta, mean, variance, y, **settings)
    if y is not None:
        given, dy = dy, np.empty_like(dy)
        relu_backward(given, y, dy, relu_max=relu_max)
    if dresidual is not None:
        dresidual[...] = dy
    rows = max(len(x), 1)
    inverse = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    h = (x - mean) * inverse
    total, product = dy.sum(0), (dy * h).sum(0)
    if dbeta is not None:
        dbeta[...] = total
    if dgamma is not None:
        dgamma[...] = product
    if dx is not None:
        scale = inverse if gamma is None else inverse * gamma
        dx[...] = scale * (dy - total / rows - h * (product / rows))
