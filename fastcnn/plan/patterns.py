"""Which adjacent layers are fused into one kernel. Layers declare by attributes what they support.

See `layers.base.Layer` for the attributes: `takes_max_pool`, `is_max_pool`, `channel_axes`,
`is_batch_normalization`, `sole_activation`, `depends_on_training`. A layer that overrides `forward`
is never fused, whatever it inherits.
"""

import math

from fastcnn import activations
from fastcnn.kernels import spec
from fastcnn.plan.normalized import FoldedStep
from fastcnn.plan.penalties import ActivityStep
from fastcnn.plan.residual import Sum
from fastcnn.plan.steps import ConvMaxPoolStep, InferenceStep, TrainingStep

LONGEST_PATTERN = 4  # linear layer, batch normalization, relu, max-pool


def fuse(graph, training):
    """The steps of a graph: one for each use, or for adjacent uses that one kernel runs faster.

    These are a convolution, relu and max-pool; batch normalization and relu; in inference a linear
    layer with batch normalization, relu and max-pool; batch normalization, a sum and relu; in
    inference a convolution, a sum and relu; and a sum and relu. A pattern follows values that only
    one use reads.
    """
    readers = graph.sole_readers()
    readers = {value: use for value, use in readers.items() if not is_in_mode(use, training)}
    sums = find_sums(graph, readers, training)
    steps, done = [], {use for found in sums.values() for use in found.uses}
    for use in graph.uses:
        if use in sums:
            steps.append(sums[use].make_step())
            done.update(sums[use].uses_after)
        if use in done:
            continue
        chain = chain_from(use, readers)
        step, length = first_step(chain, training)
        last = chain[length - 1]
        done.update(chain[:length])
        step.reads, step.writes = use.reads, last.output
        steps.append(step)
        if last.is_penalized:
            penalty = ActivityStep(last)
            step.writes = graph.add_value(last.output_shape)
            penalty.reads, penalty.writes = (step.writes,), last.output
            steps.append(penalty)
    return steps


def single_steps(graph):
    """The steps of a graph, one for each use."""
    steps = []
    for use in graph.uses:
        step = in_mode(use) if is_in_mode(use, training=True) else use.make_step()
        step.reads, step.writes = use.reads, use.output
        steps.append(step)
    return steps


def open_gradients(steps, outputs):
    """Let the readers of relu's result apply its derivative, so that it needs no pass of its own.

    They do so as they write their gradients, if all of them can. What is set holds for every
    backward pass of these steps; the gradient of such a value is then that before relu.
    """
    readers = {}
    for step in steps:
        for value in step.reads:
            readers.setdefault(value, []).append(step)
    for step in steps:
        found = readers.get(step.writes, [])
        if not step.ends_in_relu or step.writes in outputs:
            continue
        if found and all(reader.can_open_gradients for reader in found):
            step.gradient_is_open = True
            for reader in found:
                reader.opens_gradients |= {step.writes}


def find_sums(graph, readers, training):
    """{the use of an addition: the `Sum` that runs in its place}"""
    writers = {use.output: use for use in graph.uses}
    sums = {}
    for add in graph.uses:
        if not is_plain_addition(add):
            continue
        relu = readers.get(add.output)
        relu = relu if relu and bound_of_relu(relu) is not None else None
        first, second = (summand(value, add, writers, readers, training) for value in add.inputs)
        uses, residual = first, add.inputs[1]
        if len(second) > len(first):
            uses, residual = second, add.inputs[0]
        if uses:
            sums[add] = Sum(uses, add, relu, residual)
    return sums


def is_plain_addition(use):
    """Whether the use adds two arrays of one shape."""
    if not use.declares("is_addition") or use.is_penalized or len(use.reads) != 2:
        return False
    a, b = use.input_shape
    return tuple(a) == tuple(b) and None not in a[1:]


def summand(value, add, writers, readers, training):
    """The uses that one kernel runs with `add`.

    [normalization], in inference also [linear layer] or [linear layer, normalization]; [] if there
    are none, or if the normalization is better folded into the layer before it.
    """
    normalization = writers.get(value)
    if normalization is None or readers.get(value) is not add:
        return []
    if not training and takes_residual(normalization):
        return [normalization]
    if not normalizes_channels(normalization) or normalization.is_penalized:
        return []
    if is_in_mode(normalization, training):
        return []
    linear = writers.get(normalization.inputs)
    if training or linear is None or readers.get(linear.output) is not normalization:
        return [normalization]
    if not is_normalized([linear, normalization]):
        return [normalization]
    return [linear, normalization] if takes_residual(linear) else []


def takes_residual(use):
    """Whether the layer's kernel can add an array: it has no activation, and no penalty."""
    return bool(use.declares("takes_residual")) and is_linear(use)


def chain_from(use, readers):
    """The use and those that follow it, each the only reader of the one before; at most four."""
    chain = [use]
    while len(chain) < LONGEST_PATTERN:
        following = readers.get(chain[-1].output)
        if following is None or isinstance(following.inputs, tuple):
            break
        chain.append(following)
    return chain


def first_step(uses, training):
    """(the step for the first uses, number of these uses)."""
    if is_in_mode(uses[0], training):
        return in_mode(uses[0]), 1
    length, relu = pooled_convolution(uses)
    if length:
        return ConvMaxPoolStep(uses[0], relu, uses[length - 1]), length
    if is_normalized(uses) and not training:
        return normalized(uses)
    relu_max = bound_of_relu_after(uses)
    if relu_max is not None:
        return uses[0].make_step(relu_max=relu_max), 2
    if is_addition_with_relu(uses):
        return uses[0].make_step(relu=True), 2
    return uses[0].make_step(), 1


def pooled_convolution(uses):
    """(number of leading uses that form a convolution with max-pool, whether relu is included).

    (0, False) if there are none. relu may be the convolution's own activation or a layer.
    """
    conv, *rest = uses
    if not conv.declares("takes_max_pool") or conv.is_penalized or not rest:
        return 0, False
    relu = conv.layer.activation is activations.relu
    if conv.layer.activation is activations.linear and is_relu(rest[0]):
        relu, rest = True, rest[1:]
    elif not relu and conv.layer.activation is not activations.linear:
        return 0, False
    if not rest or not can_pool(conv, rest[0]):
        return 0, False
    return len(uses) - len(rest) + 1, relu


def can_pool(conv, pool):
    """Whether the kernels of `conv` can also compute the layer `pool` that follows it."""
    if not conv.declares("takes_max_pool") or not pool.declares("is_max_pool"):
        return False
    layer = pool.layer
    if math.prod(layer.pool_size) > spec.MAX_POOL_BYTE:
        return False
    if layer.padding == "valid":
        return True
    image = conv.output_shape[1:-1]
    return None not in image and not any(layer.pads(image))  # the kernels' pool has no padding


def is_normalized(uses):
    """Whether the first two uses are a linear layer and a normalization of its channels."""
    if len(uses) < 2 or not uses[0].declares("channel_axes"):
        return False
    return is_linear(uses[0]) and normalizes_channels(uses[1])


def is_linear(use):
    """Whether a layer with a kernel has no activation, and no penalty needs its output."""
    return use.layer.activation is activations.linear and not use.is_penalized


def normalizes_channels(use):
    """Whether the layer is a batch normalization of the last axis."""
    if not use.declares("is_batch_normalization"):
        return False
    return use.layer.axis in (-1, len(use.output_shape) - 1)


def normalized(uses):
    """(the step for an `is_normalized` pair and what follows, number of these uses)."""
    linear, normalization, *rest = uses
    relu_max = bound_of_relu_after(uses[1:])
    if relu_max not in (None, math.inf) and not linear.declares("takes_relu_max"):
        relu_max = None
    rest = rest if relu_max is None else rest[1:]
    pool = None
    has_bound = relu_max not in (None, math.inf)
    if rest and not has_bound and can_pool(linear, rest[0]) and not normalization.is_penalized:
        pool, *rest = rest
    length = len(uses) - len(rest)
    return FoldedStep(linear, normalization, relu_max, pool, uses[length - 1].output_shape), length


def is_relu(use):
    """Whether the layer is relu and nothing else, without an upper bound."""
    return bound_of_relu(use) == math.inf


def bound_of_relu(use):
    """The upper bound of a layer that is relu and nothing else; None if it is not."""
    activation = use.declares("sole_activation")
    return None if activation is None or use.is_penalized else activation.relu_max


def is_in_mode(use, training):
    """Whether the layer was called with a `training` argument that changes what it does."""
    layer = use.layer
    if use.training is None or not (layer.is_opaque or layer.depends_on_training):
        return False
    return training or use.training or not use.declares("is_batch_normalization")


def in_mode(use):
    """The step of an `is_in_mode` use."""
    if use.declares("takes_frozen") and not use.training:
        return use.make_step(frozen=True)
    return (TrainingStep if use.training else InferenceStep)(use.make_step())


def bound_of_relu_after(uses):
    """The upper bound of relu if the first two uses are batch normalization and relu, or None."""
    first, *rest = uses
    is_plain = first.declares("is_batch_normalization") and not first.is_penalized
    return bound_of_relu(rest[0]) if is_plain and rest else None


def is_addition_with_relu(uses):
    """Whether the first two uses are the sum of several values and relu."""
    first, *rest = uses
    is_plain = first.declares("is_addition") and not first.is_penalized and len(first.reads) > 1
    return bool(is_plain and rest and is_relu(rest[0]))
