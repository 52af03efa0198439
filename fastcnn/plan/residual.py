"""Batch normalization or a convolution, its sum with a second input, and relu, as one step.

This is how a residual block ends: y = relu(normalization(x) + residual). In training, one kernel
writes y and one writes both gradients. In inference the normalization is folded into the
convolution before it, whose kernel adds the residual.
"""

from fastcnn.core.steps import Call, Step
from fastcnn.layers.core import rows
from fastcnn.layers.normalization import BatchNormalizationStep, relu_names
from fastcnn.plan.normalized import FoldedStep


class WithResidual:
    """Mixin for a step whose inputs are (x, residual)."""

    def bound(self, inputs):
        """The `Call` of both arrays."""
        x, residual = inputs
        call = self._calls.get(len(x))
        if call is None or call.x is not x or call.residual is not residual:
            call = self._bind(x, residual)
            call.residual = residual
        return call


class NormalizedSumStep(WithResidual, BatchNormalizationStep):
    """y = normalization(x) + residual, and optionally relu.

    Args:
        normalization: the use of a `BatchNormalization` of the last axis.
        add: the use of the layer that adds; both of its inputs have the same shape.
        relu_max: the upper bound of the relu that follows (infinity: no bound); None without relu.

    `forward` takes (x, residual), `backward` returns the gradients of both.
    """

    has_residual = True

    def __init__(self, normalization, add, relu_max):
        shapes = [normalization.input_shape, add.output_shape]
        super().__init__(
            normalization.layer, relu_max, input_shape=shapes, output_shape=add.output_shape
        )
        self.layers = normalization.layer, add.layer
        self.name = " + ".join([self.layer.name, add.layer.name, *relu_names(relu_max)])
        self.input_gradient = True, True

    @property
    def owns_gradient(self):
        """Without relu, dy itself is the gradient of the residual."""
        return True, self.relu

    @property
    def needs_dx(self):
        return self.input_gradient[0]

    def forward(self, inputs, training=False):
        return self._normalize(self.bound(inputs), training)

    def _bind(self, x, residual=None):
        return super()._bind(x, rows(residual))

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._bind_both_gradients(dy)
        (call.backward_frozen if call.frozen else call.backward)()
        return call.dx, call.dresidual

    def _input_gradient_buffer(self, dy):
        return self._buffer("dx", dy.shape)  # dy may become the gradient of the residual

    def _bind_both_gradients(self, dy):
        dresidual = written = None
        if self.input_gradient[1]:
            dresidual = dy
            if self.relu:
                dresidual = dy if self.consume_gradient else self._buffer("dresidual", dy.shape)
                written = rows(dresidual)
        call = self._bind_backward(dy, written)
        call.dresidual = dresidual
        return call


class FoldedSumStep(WithResidual, FoldedStep):
    """A convolution with its batch normalization, the sum with a residual, and optionally relu.

    Args:
        linear: the use of a layer that `takes_residual`.
        normalization: the use of its `BatchNormalization`.
        add: the use of the layer that adds; both of its inputs have the same shape.
        relu_max: the upper bound of the relu that follows (infinity: no bound); None without relu.

    `forward` takes (x, residual).
    """

    def __init__(self, linear, normalization, add, relu_max):
        super().__init__(linear, normalization, relu_max, None, add.output_shape)
        names = linear.layer.name, normalization.layer.name, add.layer.name
        self.name = " + ".join([*names, *relu_names(relu_max)])
        self.input_shape, self.takes_list = [linear.input_shape, add.output_shape], True

    def read_from(self, x):
        return None


class LinearSumStep(WithResidual, Step):
    """A convolution, the sum with a residual, and optionally relu: a step of inference.

    Args:
        linear: the use of a layer that `takes_residual`.
        add: the use of the layer that adds; both of its inputs have the same shape.
        relu_max: the upper bound of the relu that follows (infinity: no bound); None without relu.

    `forward` takes (x, residual).
    """

    owns_output = True

    def __init__(self, linear, add, relu_max):
        shapes = [linear.input_shape, add.output_shape]
        super().__init__(linear.layer, input_shape=shapes, output_shape=add.output_shape)
        self.name = " + ".join([linear.layer.name, add.layer.name, *relu_names(relu_max)])
        self.linear, self.relu_max = linear.make_step(), relu_max

    def algorithms(self):
        return self.linear.algorithms()

    def forward(self, inputs, training=False):
        call = self.bound(inputs)
        call.infer(self.block.version)
        return call.y

    def _bind(self, x, residual):
        call, layer = Call(x), self.layer
        call.y = self._buffer("y", residual.shape)
        settings = {"residual": residual, "relu": self.relu_max is not None}
        if settings["relu"]:
            settings["relu_max"] = self.relu_max
        call.infer = layer.bind_linear(x, call.y, layer.weights_to_bind(), **settings)
        return self._remember(call)


class Sum:
    """The uses that one of these steps computes.

    Args:
        uses: [normalization], [linear layer] or [linear layer, normalization].
        add: the use of the layer that adds.
        relu: the use of relu, or None.
        residual: the number of the other value that is added.
    """

    def __init__(self, uses, add, relu, residual):
        self.uses = uses
        self.uses_after = [add, relu] if relu else [add]
        self._residual = residual

    def make_step(self):
        """The step. It runs where the addition was, as only then the residual is there."""
        add, *relu = self.uses_after
        if len(self.uses) == 2:
            kind = FoldedSumStep
        else:
            is_normalization = self.uses[0].declares("is_batch_normalization")
            kind = NormalizedSumStep if is_normalization else LinearSumStep
        step = kind(*self.uses, add, relu[0].layer.sole_activation.relu_max if relu else None)
        step.reads = self.uses[0].inputs, self._residual
        step.writes = self.uses_after[-1].output
        return step
