"""What regularizers add to the loss and to the gradients of a training step.

`Penalties` is made by `fusion` for a list of layers, and is None where no layer has a regularizer,
so that a step without them pays nothing.
"""


class ActivityStep:
    """The step behind a layer with an activity regularizer: passes y on and adds to dy."""

    consume_gradient = False
    input_gradient = True
    trainable_weights = ()

    def __init__(self, layer):
        self.regularizer = layer.activity_regularizer
        self.input_shape = self.output_shape = layer.output_shape
        self.name = f"{type(self.regularizer).__name__} of {layer.name}"
        self._y = None

    def forward(self, y, training=False):
        self._y = y
        return y

    def backward(self, dy):
        gradient = self.regularizer.gradient(self._y)
        gradient /= max(len(dy), 1)
        gradient += dy
        if not self.consume_gradient:
            return gradient
        dy[...] = gradient  # the layer before stays bound to this array
        return dy

    def value(self):
        """The penalty of the last batch, per sample."""
        return self.regularizer(self._y) / max(len(self._y), 1)


class Penalties:
    """All penalties of a model.

    Attributes:
        value: their sum for the last batch, a float.
    """

    def __init__(self, weights, steps):
        self._weights = weights
        self._steps = steps
        self.value = 0.0

    def measure(self):
        """Take the sum, with the weights and outputs as they are now."""
        self.value = sum(weight.regularizer(weight.value) for weight in self._weights)
        self.value += sum(step.value() for step in self._steps)

    def around(self, compute, update, add):
        """The three parts of a step, with what there is to do before, in and after them."""

        def compute_and_measure(y, batch):
            dy = compute(y, batch)
            self.measure()
            return dy

        def add_gradients_and_update():
            self.add_gradients()
            update()

        def add_with_penalty(head, batch):
            add(head, batch, self.value)

        return compute_and_measure, update and add_gradients_and_update, add_with_penalty

    def add_gradients(self):
        """Add the gradients to those of the weights; outputs have theirs from `ActivityStep`."""
        for weight in self._weights:
            weight.gradient += weight.regularizer.gradient(weight.value)


def penalties_of(layers, steps):
    """The `Penalties` of these layers and of the activity steps among `steps`, or None."""
    weights = [
        weight
        for layer in layers
        for weight in layer.trainable_weights
        if weight.regularizer is not None
    ]
    steps = [step for step in steps if isinstance(step, ActivityStep)]
    return Penalties(weights, steps) if weights or steps else None
