"""From layers to steps: which neighbours one kernel does better, and the step that ends in a loss.

A step has `forward(x, training)` and `backward(dy)` like a layer, and the attributes
`input_gradient`, `consume_gradient` and `trainable_weights`. Training is a plain loop over steps.
`plan` is the one place that chooses; `Plan.describe()` tells what it chose.
"""

import copy
import math
from functools import partial

import numpy as np

from fastcnn import activations, config, kernels
from fastcnn.core.arguments import warn
from fastcnn.core.variables import aligned
from fastcnn.kernels import checks, choice
from fastcnn.kernels.shapes import window_geometry
from fastcnn.layers.activation import ReLU
from fastcnn.layers.base import MAX_CALLS, Buffers, Call
from fastcnn.layers.convolutional import Conv2D
from fastcnn.layers.core import Activation
from fastcnn.layers.normalization import BatchNormalization
from fastcnn.layers.pooling import MaxPooling2D
from fastcnn.plan.normalized import CHANNEL_AXES, NormalizedStep
from fastcnn.plan.penalties import ActivityStep, penalties_of


class Plan:
    """What runs for a list of layers.

    Attributes:
        inference: steps from input to output.
        training: steps from input to what `head` takes.
        head: the `LossHead`, or None without a loss.
        backward: the training steps whose gradients somebody reads, last one first.
        penalties: what regularizers add, or None.
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
                if loss is on_logits:
                    warn(
                        f"The loss {loss.name!r} has from_logits=True, but the model ends in "
                        f"{activation.name}: the loss is taken of what goes into it, as in Keras."
                    )
                loss = on_logits
            self.head = LossHead(loss, activation)
        trainable = [place for place, step in enumerate(self.training) if step.trainable_weights]
        first = trainable[0] if trainable else len(self.training)
        for place, step in enumerate(self.training):
            step.input_gradient = place != first
            step.consume_gradient = True
        self.backward = self.training[first:][::-1]
        self.penalties = penalties_of(layers, self.training)

    def describe(self):
        """What computes, then a line per training step: shapes, and which way its kernels go."""
        if config.backend() == "native":
            where = f"native, {kernels.instruction_set()}, {config.num_threads()} threads"
        else:
            where = "reference (NumPy)"
        rows = [(step.name, shapes_of(step), ways_of(step)) for step in self.training]
        if self.head:
            rows.append((repr(self.head), "", ""))
        wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
        lines = [f"{name:<{wide[0]}}  {shape:<{wide[1]}}  {ways}" for name, shape, ways in rows]
        return "\n".join([where, *(line.rstrip() for line in lines)])


def shapes_of(step):
    """ "input -> output" of a step."""
    if isinstance(step, (ConvMaxPoolStep, NormalizedStep)):
        first, last = step.layers[0], step.layers[-1]
    else:
        first = last = getattr(step, "layer", step)
    return f"{first.input_shape} -> {last.output_shape}"


def ways_of(step):
    """Which way a convolution's kernels go (see kernels/choice.py), "" for other steps."""
    if isinstance(step, NormalizedStep):
        return ways_of(step.linear)
    pooled = isinstance(step, ConvMaxPoolStep)
    conv = step.conv if pooled else getattr(step, "layer", step)
    if type(conv) is not Conv2D or conv.groups != 1 or config.backend() != "native":
        return ""
    name = "conv2d_max_pool2d_" if pooled else "conv2d_"
    last = step.pool if pooled else conv
    shape = [conv.kernel.shape, conv.input_shape, last.output_shape]
    shape += [conv.strides, conv.dilation_rate]
    if pooled:
        shape += [step.pool.pool_size, step.pool.strides]
    passes = ["forward", "backward_weights", *["backward_data"] * step.input_gradient]
    return ", ".join(f"{way}: {choice.choose(name + way, *shape)}" for way in passes)


def plan(layers, loss=None):
    """The `Plan` for a list of layers (nested models already taken apart) and a loss."""
    return Plan(layers, loss)


def fuse(layers):
    """Steps for `layers`: one each, but for neighbours that one kernel does better.

    These are a convolution, relu and max-pool; a batch normalization and relu; and a linear layer,
    its batch normalization and what follows.
    """
    steps, place = [], 0
    while place < len(layers):
        layer = layers[place]
        length, relu = pooled_convolution(layers[place:])
        if length:
            steps.append(ConvMaxPoolStep(layer, relu, layers[place + length - 1]))
        elif is_normalized(layers[place:]):
            step, length = normalized(layers[place:])
            steps.append(step)
        elif normalization_with_relu(layers[place:]):
            length = 2
            steps.append(with_relu(layer))
        else:
            length = 1
            steps.append(layer if keeps_buffers(layer) else BufferedStep(layer))
        place += length
        if layers[place - 1].activity_regularizer is not None:
            steps.append(ActivityStep(layers[place - 1]))
    return steps


def pooled_convolution(layers):
    """(how many of the first layers are one convolution with max-pool, whether relu is in it).

    (0, False) where they are not. relu may be the convolution's own activation or a layer.
    """
    conv, *rest = layers
    if type(conv) is not Conv2D or conv.activity_regularizer or not rest:
        return 0, False
    relu = conv.activation is activations.relu
    if conv.activation is activations.linear and is_relu(rest[0]):
        relu, rest = True, rest[1:]
    elif not relu and conv.activation is not activations.linear:
        return 0, False
    if not rest or not can_pool(conv, rest[0]):
        return 0, False
    return len(layers) - len(rest) + 1, relu


def can_pool(conv, pool):
    """Whether the kernels can take the layer `pool` into the layer `conv` before it."""
    if type(conv) is not Conv2D or conv.groups != 1:
        return False
    if type(pool) is not MaxPooling2D or math.prod(pool.pool_size) > checks.MAX_POOL_BYTE:
        return False
    if pool.padding == "valid":
        return True
    image = conv.output_shape[1:3]
    if None in image:
        return False
    _, pads = window_geometry(image, pool.pool_size, pool.strides, pool.padding)
    return not any(pads)  # the kernels' pool has no padding


def is_normalized(layers):
    """Whether the first two layers are a linear layer and the normalization of its channels."""
    if len(layers) < 2 or type(layers[0]) not in CHANNEL_AXES:
        return False
    linear, normalization = layers[:2]
    return (
        linear.activation is activations.linear
        and linear.activity_regularizer is None
        and type(normalization) is BatchNormalization
        and normalization.axis in (-1, len(linear.output_shape) - 1)
    )


def normalized(layers):
    """(the step that the first layers, an `is_normalized` pair and more, become, their number)."""
    linear, normalization, *rest = layers
    if normalization_with_relu(layers[1:]):
        normalization, rest = with_relu(normalization), rest[1:]
    pool = None
    if rest and can_pool(linear, rest[0]) and normalization.activity_regularizer is None:
        pool, *rest = rest
    return NormalizedStep(linear, normalization, pool), len(layers) - len(rest)


def is_relu(layer):
    """Whether the layer is relu and nothing else."""
    is_plain = type(layer) in (Activation, ReLU) and layer.activity_regularizer is None
    return is_plain and layer.activation is activations.relu


def normalization_with_relu(layers):
    """Whether the first two layers are a batch normalization and relu."""
    is_plain = type(layers[0]) is BatchNormalization and layers[0].activity_regularizer is None
    return is_plain and len(layers) > 1 and is_relu(layers[1])


def with_relu(layer):
    """A step that is the batch normalization `layer` and relu, in one kernel.

    It shares the layer's weights and has buffers of its own, so the layer itself stays without.
    """
    step = copy.copy(layer)
    step.release()
    step.relu = True
    step.name = f"{layer.name} + relu"
    return step


def keeps_buffers(layer):
    """Whether the layer is one of this package's, which return the same arrays every time."""
    methods = (type(layer).forward, type(layer).backward)
    return all(method.__module__.startswith("fastcnn.layers.") for method in methods)


def ends_in(steps, activation):
    """Whether the last step ends in the activation called `activation`."""
    last = steps[-1] if steps else None
    return hasattr(last, "forward_linear") and last.activation.name == activation


class ConvMaxPoolStep(Buffers):
    """Conv2D, relu (or none) and MaxPooling2D as one kernel each way.

    Backward, only the places that won their window get a gradient: see kernels/native_max_pool.pxi.
    """

    input_gradient = True
    consume_gradient = False

    def __init__(self, conv, relu, pool):
        self.conv, self.relu, self.pool = conv, relu, pool
        self.layers = [conv, pool]
        self.name = " + ".join([conv.name, *["relu"] * relu, pool.name])
        self.dtype = conv.dtype
        self.release()

    @property
    def trainable_weights(self):
        return self.conv.trainable_weights

    def forward(self, x, training=False):
        call = self._calls.get(len(x))
        if call is None or call.x is not x:
            call = self._bind(x)
        (call.train if training else call.infer)(self.conv._store.version)
        self._kept = call if training else None
        return call.y

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._bind_gradients(dy)
        if call.weight_gradients is not None:
            call.weight_gradients()
        if call.input_gradient is not None:
            call.input_gradient(self.conv._store.version)
        return call.dx

    def _geometry(self, x):
        pool = {"pool_size": self.pool.pool_size, "pool_strides": self.pool.strides}
        return {**self.conv._geometry(x), **pool}

    def _bind(self, x):
        call = Call(x)
        shape = self.pool.compute_output_shape(self.conv.compute_output_shape(x.shape))
        call.y = self._buffer("y", shape)
        call.argmax = self._buffer("argmax", shape, np.uint8)
        w, b = self.conv._weights_to_bind()
        config = {"relu": self.relu, **self._geometry(x)}
        forward = partial(kernels.bind, "conv2d_max_pool2d_forward", x, w, b, call.y)
        call.train = forward(call.argmax, **config)
        call.infer = forward(None, **config)
        return self._remember(call)

    def _bind_gradients(self, dy):
        call = self._last_call()
        call.dy = dy
        call.weight_gradients = call.input_gradient = call.dx = None
        config = self._geometry(call.x)
        if self.conv.kernel.trainable:
            dw, db = self.conv._gradients_to_bind()
            call.weight_gradients = kernels.bind(
                "conv2d_max_pool2d_backward_weights", call.x, dy, call.argmax, dw, db, **config
            )
        if self.input_gradient:
            call.dx = self._buffer("dx", call.x.shape)
            w, _ = self.conv._weights_to_bind()
            call.input_gradient = kernels.bind(
                "conv2d_max_pool2d_backward_data", dy, call.argmax, w, call.dx, **config
            )
        return self._remember(call)


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
