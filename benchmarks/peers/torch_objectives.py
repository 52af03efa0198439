"""PyTorch's losses and optimizers for `benchmarks.layers`, as functions like `serve.Peer.row`."""

import numpy as np
import torch
from torch.nn import functional
from torch.optim import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, RMSprop

from benchmarks.layer_data import loss_problem, optimizer_problem
from benchmarks.peers.serve import AbsentError

# Functions of y_pred and y_true that return the mean over all samples.
LOSSES = {
    "binary_crossentropy": functional.binary_cross_entropy_with_logits,
    "categorical_crossentropy": functional.cross_entropy,
    "cosine_similarity": lambda p, y: -functional.cosine_similarity(p, y, dim=-1).mean(),
    "huber": functional.huber_loss,
    "kl_divergence": lambda p, y: functional.kl_div(p.log(), y, reduction="batchmean"),
    "mean_absolute_error": functional.l1_loss,
    "mean_squared_error": functional.mse_loss,
    "poisson": lambda p, y: functional.poisson_nll_loss(p, y, log_input=False, eps=1e-7),
    "sparse_categorical_crossentropy": functional.cross_entropy,
}
# Titles: functions of the parameters, with Keras's defaults.
OPTIMIZERS = {
    "sgd": lambda p: SGD(p, 0.01, fused=True),
    "sgd, momentum": lambda p: SGD(p, 0.01, 0.9, fused=True),
    "sgd, nesterov": lambda p: SGD(p, 0.01, 0.9, nesterov=True, fused=True),
    "adam": lambda p: Adam(p, 0.01, eps=1e-7, fused=True),
    "adam, amsgrad": lambda p: Adam(p, 0.01, eps=1e-7, amsgrad=True, fused=True),
    "adamw": lambda p: AdamW(p, 0.01, eps=1e-7, weight_decay=0.004, fused=True),
    "nadam": lambda p: NAdam(p, 0.01, eps=1e-7, momentum_decay=1.0),
    "adamax": lambda p: Adamax(p, 0.01, eps=1e-7),
    "adadelta": lambda p: Adadelta(p, 1.0, rho=0.95, eps=1e-7),
    "adagrad": lambda p: Adagrad(p, 0.01, initial_accumulator_value=0.1, eps=1e-7, fused=True),
    "rmsprop": lambda p: RMSprop(p, 0.01, alpha=0.9, eps=1e-7),
    "rmsprop, momentum": lambda p: RMSprop(p, 0.01, alpha=0.9, eps=1e-7, momentum=0.9),
}


def loss(row, size, phase):
    """A loss, or a loss and its gradient."""
    if row.name not in LOSSES:
        raise AbsentError("not in PyTorch")
    function, latest = LOSSES[row.name], []
    y_true, y_pred = map(torch.from_numpy, loss_problem(row, size))
    if phase == "forward":

        def call():
            with torch.inference_mode():
                latest[:] = [function(y_pred, y_true)]

    else:
        y_pred.requires_grad_()

        def call():
            value = function(y_pred, y_true)
            latest[:] = [value, *torch.autograd.grad(value, y_pred)]

    return call, lambda: [tensor.detach().numpy() for tensor in latest]


def optimizer(row, size, phase):
    """An update of parameters that keep their gradients."""
    if row.title not in OPTIMIZERS:
        raise AbsentError("not in PyTorch")
    initial, gradients = optimizer_problem(row, size)
    parameters = [torch.nn.Parameter(torch.from_numpy(array.copy())) for array in initial]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.from_numpy(gradient)
    update = OPTIMIZERS[row.title](parameters).step

    def results():
        pairs = zip(parameters, initial, strict=True)
        return [np.subtract(parameter.detach().numpy(), array) for parameter, array in pairs]

    return update, results
