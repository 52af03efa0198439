"""Keras's side of `benchmarks.layers`: each row is one compiled function, with or without XLA.

Layers, losses and optimizers are made by the same constructor calls as fastcnn's. Each function
returns (call, results), like `serve.Peer.row`.
"""

import keras
import tensorflow as tf

from benchmarks.layer_data import layer_problem, loss_problem, optimizer_problem
from benchmarks.peers.serve import AbsentError


def prepare(row, size, phase, method):
    """(call, results) of a row."""
    kinds = {"losses": _loss, "optimizers": _optimizer}
    try:
        made = row.make(keras, row.shape(size))
    except (AttributeError, ValueError) as error:
        raise AbsentError(f"not in Keras: {error}") from None
    return kinds.get(row.kind, _layer)(row, made, size, phase, method == "XLA")


def _compiled(function, xla, *arguments):
    """(call, list of the latest results) of a function that returns tensors."""
    compiled, latest = tf.function(function, jit_compile=xla), []

    def call():
        latest[:] = tf.nest.flatten(compiled(*arguments))

    return call, lambda: [tensor.numpy() for tensor in latest]


def _layer(row, layer, size, phase, xla):
    problem = layer_problem(row, size)
    shapes = [(None, *array.shape[1:]) for array in problem.inputs]
    layer.build(shapes if isinstance(problem.x, list) else shapes[0])
    if problem.weights:
        layer.set_weights(problem.weights)
    x = tf.nest.map_structure(tf.constant, problem.x)
    if phase == "forward":
        return _compiled(lambda x: layer(x, training=row.random), xla, x)

    def both(x, dy):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        sources = [*tf.nest.flatten(x), *(weight.value for weight in layer.trainable_weights)]
        gradients = tape.gradient(y, sources, dy, unconnected_gradients="zero")
        return [y, *gradients]

    return _compiled(both, xla, x, tf.constant(problem.dy))


def _loss(row, loss, size, phase, xla):
    y_true, y_pred = map(tf.constant, loss_problem(row, size))
    if phase == "forward":
        return _compiled(loss, xla, y_true, y_pred)

    def both(y_true, y_pred):
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = loss(y_true, y_pred)
        return value, tape.gradient(value, y_pred)

    return _compiled(both, xla, y_true, y_pred)


def _optimizer(row, optimizer, size, phase, xla):
    initial, gradients = optimizer_problem(row, size)
    variables = [keras.Variable(array) for array in initial]
    optimizer.build(variables)

    def update(gradients):
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    compiled = tf.function(update, jit_compile=xla)
    tensors = [tf.constant(array) for array in gradients]

    def results():
        pairs = zip(variables, initial, strict=True)
        return [keras.ops.convert_to_numpy(variable) - array for variable, array in pairs]

    return lambda: compiled(tensors), results
