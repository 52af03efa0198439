"""fastcnn's side of `benchmarks.layers`: a layer's own step, a model's loss head, an update.

Each function returns (call, results), like `serve.Peer.row`.
"""

import numpy as np

import fastcnn
from benchmarks.layer_data import layer_problem, loss_problem, optimizer_problem
from fastcnn.core.memory import aligned
from fastcnn.core.store import Store
from fastcnn.core.variables import Variable
from fastcnn.plan.head import HeadCall


def prepare(row, size, phase):
    """(call, results) of a row."""
    if row.kind == "losses":
        return _loss(row, size, phase)
    if row.kind == "optimizers":
        return _optimizer(row, size)
    return _layer(row, size, phase)


def _aligned(array):
    """A copy of an array in memory like that of a plan's buffers."""
    copy = aligned(array.shape, array.dtype)
    copy[...] = array
    return copy


def _layer(row, size, phase):
    """The layer's step, called as by a plan; in training its weights count as changed each time."""
    problem = layer_problem(row, size)
    layer, dy = problem.layer, _aligned(problem.dy)
    x = tuple(map(_aligned, problem.inputs))
    x = x if isinstance(problem.x, list) else x[0]
    step, latest = layer.make_step(), []
    if phase == "forward":

        def call():
            latest[:] = [step.forward(x, row.random)]

        return call, lambda: latest

    def both():
        if layer.block is not None:
            layer.block.touch()
        y = step.forward(x, True)
        latest[:] = y, step.backward(dy)

    def results():
        y, dx = latest
        dx = dx if isinstance(dx, tuple) else (dx,)
        return [y, *dx, *(weight.gradient for weight in layer.trainable_weights)]

    return both, results


def _loss(row, size, phase):
    """Forward: the loss of two arrays. Both: the end of a training step."""
    y_true, y_pred = loss_problem(row, size)
    loss, latest = row.make(fastcnn, None), []
    if phase == "forward":

        def call():
            latest[:] = [loss(y_true, y_pred)]

        return call, lambda: latest
    targets = loss.prepare(y_true, (None, *y_pred.shape[1:]))
    if targets.ndim == y_pred.ndim:
        targets = targets.astype(y_pred.dtype)
    head = HeadCall(loss, None, _aligned(y_pred), targets, None)

    def both():
        head.run()
        latest[:] = [head.losses.mean()]

    return both, lambda: [*latest, head.dz]


def _optimizer(row, size):
    """An update of all weights, from the same gradients each time; results are the changes."""
    initial, gradients = optimizer_problem(row, size)
    optimizer = row.make(fastcnn, None)
    variables = [Variable(array) for array in initial]
    optimizer.build(Store(variables))
    for variable, gradient in zip(variables, gradients, strict=True):
        variable.gradient[...] = gradient

    def results():
        changes = zip(variables, initial, strict=True)
        return [np.subtract(variable.numpy(), array) for variable, array in changes]

    return optimizer.update, results
