"""Which adjacent layers are fused into one kernel. Layers declare by attributes what they support.

See `layers.base.Layer` for the attributes: `takes_max_pool`, `is_max_pool`, `channel_axes`,
`is_batch_normalization`, `sole_activation`. A layer that overrides `forward` is never fused,
whatever it inherits.
"""

import math

from fastcnn import activations
from fastcnn.kernels import spec
from fastcnn.kernels.shapes import window_geometry
from fastcnn.plan.normalized import NormalizedStep
from fastcnn.plan.penalties import ActivityStep
from fastcnn.plan.steps import ConvMaxPoolStep


class Use:
    """A layer at one position of a model, with its shapes at that position."""

    def __init__(self, layer, input_shape, output_shape):
        self.layer = layer
        self.input_shape = input_shape
        self.output_shape = output_shape

    def declares(self, name):
        """The layer's attribute `name`, or None if the layer overrides `forward`."""
        return None if self.layer.is_opaque else getattr(self.layer, name)

    @property
    def is_penalized(self):
        """Whether a penalty needs the output of this layer."""
        return self.layer.activity_regularizer is not None

    def make_step(self, **settings):
        shapes = {"input_shape": self.input_shape, "output_shape": self.output_shape}
        return self.layer.make_step(**shapes, **settings)


def uses_of(layers, input_shape):
    """The uses of a chain of layers, given the first one's input shape."""
    uses = []
    for layer in layers:
        output_shape = tuple(layer.compute_output_shape(input_shape))
        uses.append(Use(layer, input_shape, output_shape))
        input_shape = output_shape
    return uses


def fuse(uses):
    """Steps for a chain of uses: one each, except for adjacent layers that one kernel runs faster.

    These are a convolution, relu and max-pool; batch normalization and relu; and a linear layer
    with batch normalization, relu and max-pool.
    """
    steps = []
    while uses:
        step, length = first_step(uses)
        steps.append(step)
        last, uses = uses[length - 1], uses[length:]
        if last.is_penalized:
            steps.append(ActivityStep(last))
    return steps


def first_step(uses):
    """(the step for the first uses, number of these uses)."""
    length, relu = pooled_convolution(uses)
    if length:
        return ConvMaxPoolStep(uses[0], relu, uses[length - 1]), length
    if is_normalized(uses):
        return normalized(uses)
    if is_normalization_with_relu(uses):
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
    image = conv.output_shape[1:3]
    if None in image:
        return False
    _, pads = window_geometry(image, layer.pool_size, layer.strides, layer.padding)
    return not any(pads)  # the kernels' pool has no padding


def is_normalized(uses):
    """Whether the first two uses are a linear layer and a normalization of its channels."""
    if len(uses) < 2 or not uses[0].declares("channel_axes"):
        return False
    linear, normalization = uses[:2]
    return (
        linear.layer.activation is activations.linear
        and not linear.is_penalized
        and bool(normalization.declares("is_batch_normalization"))
        and normalization.layer.axis in (-1, len(linear.output_shape) - 1)
    )


def normalized(uses):
    """(the step for an `is_normalized` pair and what follows, number of these uses)."""
    linear, normalization, *rest = uses
    relu = is_normalization_with_relu(uses[1:])
    rest = rest[1:] if relu else rest
    pool = None
    if rest and can_pool(linear, rest[0]) and not normalization.is_penalized:
        pool, *rest = rest
    steps = linear.make_step(), normalization.make_step(relu=relu), pool and pool.make_step()
    step = NormalizedStep(*steps)
    return step, len(uses) - len(rest)


def is_relu(use):
    """Whether the layer is relu and nothing else."""
    return use.declares("sole_activation") is activations.relu and not use.is_penalized


def is_normalization_with_relu(uses):
    """Whether the first two uses are batch normalization and relu."""
    first = uses[0]
    is_plain = first.declares("is_batch_normalization") and not first.is_penalized
    return bool(is_plain) and len(uses) > 1 and is_relu(uses[1])
