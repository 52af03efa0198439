"""Batch normalization, its sum with a second input, and relu, as one step.

This is how a residual block ends: y = relu(normalization(x) + residual). One kernel writes y once,
and in the backward pass one kernel writes both gradients.
"""

from fastcnn.layers.core import rows
from fastcnn.layers.normalization import BatchNormalizationStep


class NormalizedSumStep(BatchNormalizationStep):
    """y = normalization(x) + residual, then relu if `relu` is true.

    Args:
        normalization: the use of a `BatchNormalization` of the last axis.
        add: the use of the layer that adds; both of its inputs have the same shape.
        relu: whether relu follows.

    `forward` takes (x, residual), `backward` returns the gradients of both.
    """

    def __init__(self, normalization, add, relu=False):
        super().__init__(
            normalization.layer,
            relu,
            input_shape=normalization.input_shape,
            output_shape=normalization.output_shape,
        )
        self.name = " + ".join([self.layer.name, add.layer.name, *["relu"] * relu])
        self.residual_gradient = True

    def expect_gradient(self, read, consume):
        """`read`: whether the gradients of x and of the residual are needed."""
        self.input_gradient, self.residual_gradient = read
        self.consume_gradient = consume

    def forward(self, inputs, training=False):
        x, residual = inputs
        call = self._calls.get(len(x))
        if call is None or call.x is not x or call.residual is not residual:
            call = self._bind(x, rows(residual))
            call.residual = residual
        return self._normalize(call, training)

    def backward(self, dy):
        call = self._kept
        if call is None or call.dy is not dy:
            call = self._bind_sum_backward(dy)
        (call.backward_frozen if call.frozen else call.backward)()
        return call.dx, call.dresidual

    def _bind_sum_backward(self, dy):
        """Without relu dy itself is the gradient of the residual."""
        dresidual = masked = None
        if self.residual_gradient:
            dresidual = dy
            if self.relu:
                dresidual = dy if self.consume_gradient else self._buffer("dresidual", dy.shape)
                masked = rows(dresidual)
        call = self._bind_backward(dy, masked)
        call.dresidual = dresidual
        return call
