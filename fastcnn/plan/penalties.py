"""What regularizers add to the loss and to the gradients of a training step.

A plan creates `Penalties` for its layers, or None if no layer has a regularizer: a step without
them costs nothing extra.
"""

import numpy as np

from fastcnn.core.steps import Step


class ActivityStep(Step):
    """The step after a layer with an activity regularizer: returns y unchanged, and adds to dy."""

    keeps_input = True
    batch_size = None  # of the whole batch, if the step runs a part of it

    def __init__(self, use):
        shape = use.output_shape
        super().__init__(use.layer, input_shape=shape, output_shape=shape)
        self.regularizer = use.layer.activity_regularizer
        self.name = f"{type(self.regularizer).__name__} of {use.layer.name}"
        self._y = None

    @property
    def trainable_weights(self):
        return []

    @property
    def owns_gradient(self):
        return not self.consume_gradient

    def forward(self, y, training=False):
        self._y = y
        return y

    def backward(self, dy):
        """dy plus the gradient of the penalty; dy is None if no loss depends on the output."""
        gradient = self.regularizer.gradient(self._y)
        gradient /= self.batch_size or max(len(self._y), 1)
        if dy is None:
            return gradient
        gradient += dy
        if not self.consume_gradient:
            return gradient
        dy[...] = gradient  # the previous layer stays bound to this array
        return dy

    @property
    def has_run(self):
        return self._y is not None

    def value(self):
        """The penalty of the last batch, per sample."""
        return self.regularizer(self._y) / (self.batch_size or max(len(self._y), 1))


class WeightPenalty:
    """The penalty of a weight: a kernel bound to its arrays, or a regularizer's own formula."""

    def __init__(self, weight):
        self._weight = weight
        self._total = np.zeros(1)
        self._array = self._sum = self._sum_and_add = None

    def _bind(self):
        """Bind to the weight's array, which moves when a model is built from its layer."""
        regularizer, array = self._weight.regularizer, self._weight.value
        bind = getattr(regularizer, "bind", lambda *arrays: None)
        self._array = array
        self._sum = bind(array, None, self._total)
        self._sum_and_add = bind(array, self._weight.gradient, self._total)

    def measure(self):
        """The penalty."""
        if self._array is not self._weight.value:
            self._bind()
        if self._sum is None:
            return self._weight.regularizer(self._array)
        self._sum()
        return float(self._total[0])

    def add_gradient(self):
        """Add the gradient to that of the weight; return the penalty."""
        if self._array is not self._weight.value:
            self._bind()
        if self._sum_and_add is None:
            self._weight.gradient += self._weight.regularizer.gradient(self._array)
            return self.measure()
        self._sum_and_add()
        return float(self._total[0])


class Penalties:
    """All penalties of a model.

    Attributes:
        value: their sum for the last batch, a float.
        by_gradients: whether `add_gradients` follows each `measure` and adds those of the weights.
    """

    by_gradients = False

    def __init__(self, weights, steps):
        self._weights = [WeightPenalty(weight) for weight in weights]
        self._steps = steps
        self.value = self._of_outputs = 0.0

    def measure(self):
        """Compute the sum for the current weights and outputs."""
        self._of_outputs = sum(step.value() for step in self._steps)
        if not self.by_gradients:
            self.value = self.of_weights() + self._of_outputs

    def of_weights(self):
        """The penalties of the current weights."""
        return sum(weight.measure() for weight in self._weights)

    @property
    def has_outputs(self):
        """Whether there are penalties of outputs."""
        return bool(self._steps)

    def of_outputs(self):
        """The penalty of each regularized output of the last batch."""
        return [step.value() for step in self._steps if step.has_run]

    def add_gradients(self):
        """Add the gradients to those of the weights; `ActivityStep` adds those of the outputs."""
        of_weights = sum(weight.add_gradient() for weight in self._weights)
        self.value = of_weights + self._of_outputs


def penalties_of(layers, steps):
    """The `Penalties` of these layers and of the activity steps among `steps`, or None."""
    weights = dict.fromkeys(weight for layer in layers for weight in layer.trainable_weights)
    weights = [weight for weight in weights if weight.regularizer is not None]
    steps = [step for step in steps if isinstance(step, ActivityStep)]
    return Penalties(weights, steps) if weights or steps else None
