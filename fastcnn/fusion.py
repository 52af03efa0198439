"""From layers to steps: which neighbours one kernel does better, and the step that ends in a loss.

A step has `forward(x, training)` and `backward(dy)` like a layer, and the attributes
`input_gradient`, `consume_gradient` and `trainable_weights`. Training is a plain loop over steps.
`plan` is the one place that chooses; `Plan.describe()` tells what it chose.
"""

import math

import numpy as np

from fastcnn.layers.base import MAX_CALLS
from fastcnn.variables import aligned


class Plan:
    """What runs for a list of layers.

    Attributes:
        inference: steps from input to output.
        training: steps from input to what `head` takes.
        head: the `LossHead`, or None without a loss.
        backward: the training steps whose gradients somebody reads, last one first.
    """

    def __init__(self, layers, loss=None):
        self.inference = fuse(layers)
        self.training = list(self.inference)
        self.head = None
        if loss is not None:
            activation = None
            on_logits = loss.on_logits()
            if on_logits is not None and ends_in(self.training, loss.undoes):
                last = self.training.pop()
                activation = last.activation
                if last.weights:
                    self.training.append(LinearStep(last))
                loss = on_logits
            self.head = LossHead(loss, activation)
        trainable = [place for place, step in enumerate(self.training) if step.trainable_weights]
        first = trainable[0] if trainable else len(self.training)
        for place, step in enumerate(self.training):
            step.input_gradient = place != first
            step.consume_gradient = True
        self.backward = self.training[first:][::-1]

    def describe(self):
        """One line per training step, and the loss."""
        names = [getattr(step, "name", type(step).__name__) for step in self.training]
        return "\n".join([*names, repr(self.head)] if self.head else names)


def plan(layers, loss=None):
    """The `Plan` for a list of layers (nested models already taken apart) and a loss."""
    return Plan(layers, loss)


def fuse(layers):
    """Steps for `layers`: each layer is its own step."""
    return [layer if keeps_buffers(layer) else BufferedStep(layer) for layer in layers]


def keeps_buffers(layer):
    """Whether the layer is one of this package's, which return the same arrays every time."""
    methods = (type(layer).forward, type(layer).backward)
    return all(method.__module__.startswith("fastcnn.layers.") for method in methods)


def ends_in(steps, activation):
    """Whether the last step ends in the activation called `activation`."""
    last = steps[-1] if steps else None
    return hasattr(last, "forward_linear") and last.activation.name == activation


class BufferedStep:
    """A user's layer. Its results are copied into arrays that stay, so its neighbours' kernels do.

    The copy also makes them C-contiguous and of the model's float type.
    """

    consume_gradient = False
    input_gradient = True

    def __init__(self, layer):
        self.layer = layer
        self.name = layer.name
        self._buffers = {}

    @property
    def trainable_weights(self):
        return self.layer.trainable_weights

    def forward(self, x, training=False):
        return self._copy("y", self.layer.forward(x, training))

    def backward(self, dy):
        dx = self.layer.backward(dy)
        return self._copy("dx", dx) if self.input_gradient else None

    def _copy(self, role, result):
        key = (role, *np.shape(result))
        buffer = self._buffers.get(key)
        if buffer is None:
            if len(self._buffers) >= 2 * MAX_CALLS:
                self._buffers.clear()
            buffer = self._buffers[key] = aligned(np.shape(result), self.layer.dtype)
        buffer[...] = result
        return buffer


class LinearStep:
    """A layer without its activation, which the loss takes over."""

    def __init__(self, layer):
        self.layer = layer
        self.name = f"{layer.name} without {layer.activation.name}"
        self.forward = layer.forward_linear
        self.backward = layer.backward_linear

    @property
    def trainable_weights(self):
        return self.layer.trainable_weights

    @property
    def input_gradient(self):
        return self.layer.input_gradient

    @input_gradient.setter
    def input_gradient(self, value):
        self.layer.input_gradient = value

    consume_gradient = False


class LossHead:
    """The end of a training step: the loss of each sample and the gradient at the last layer.

    Where the loss undoes the last layer's activation (softmax or sigmoid with cross-entropy) it
    works on what goes into the activation, as Keras does in graph mode: no logarithm of a rounded
    probability. `predictions` are what the model would have returned, for the metrics.

    Attributes, after `step`:
        losses: (n,), unweighted.
        predictions: (n, ..., size).
    """

    def __init__(self, loss, activation=None):
        self.loss = loss
        self.activation = activation
        self.losses = self.predictions = None
        self._calls = {}

    def step(self, z, batch):
        """Compute losses and predictions; return the gradient at z."""
        call = self._calls.get(batch.size)
        if call is None or call.z is not z or call.targets is not batch.targets:
            call = self._bind(z, batch)
        self.losses = call.losses
        self.predictions = call.predictions
        if call.prepare is not None:
            call.prepare()
        call.run()
        if call.finish is not None:
            call.finish()
        return call.dz

    def _bind(self, z, batch):
        if len(self._calls) >= MAX_CALLS:
            self._calls.clear()
        call = HeadCall(self.loss, self.activation, z, batch.targets, batch.weights)
        self._calls[batch.size] = call
        return call

    def __repr__(self):
        taken = f" after {self.activation.name}" if self.activation else ""
        return f"{self.loss.name}{taken}"


class HeadCall:
    """A loss bound to one batch's buffers. Output axes in the middle count as rows."""

    def __init__(self, loss, activation, z, targets, weights):
        self.z = z
        self.targets = targets
        size = len(z)
        places = math.prod(z.shape[1:-1])
        self.dz = aligned(z.shape, z.dtype)
        self.losses = row_losses = np.empty(size, z.dtype)
        self.prepare = self.finish = None
        factor = 1 / places if loss.reduction == "sum" else 1 / (size * places)
        scale = np.full(size * places, factor, z.dtype)
        if weights is not None:

            def spread_weights():
                scale.reshape(size, places)[...] = weights[:, None] * z.dtype.type(factor)

            self.prepare = spread_weights
        if places != 1:
            row_losses = np.empty(size * places, z.dtype)

            def mean_over_places():
                row_losses.reshape(size, places).mean(1, out=self.losses)

            self.finish = mean_over_places
        rows = z.reshape(size * places, z.shape[-1])
        is_sparse = targets.ndim == z.ndim - 1
        row_targets = targets.reshape(-1) if is_sparse else targets.reshape(rows.shape)
        probabilities = None
        self.predictions = z
        if activation is not None:
            self.predictions = np.empty_like(z)
            probabilities = self.predictions.reshape(rows.shape)
        self.run = loss.bind(
            rows, row_targets, scale, row_losses, self.dz.reshape(rows.shape), probabilities
        )
