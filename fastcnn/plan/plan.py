"""The execution plan of a model: its steps in order, forward and backward, and the loss.

A `Plan` is created from the layers of a model (nested models flattened) and its loss. It owns its
steps and their buffers; nothing is written into the layers, which other models may use. Only the
plan knows in which order steps run and what one passes to the next: models and training call
`forward`, `compute_loss` and `backpropagate`.
"""

from collections import Counter

import numpy as np

from fastcnn import config, kernels
from fastcnn.layers.steps import UserStep
from fastcnn.plan.head import make_head
from fastcnn.plan.patterns import fuse, uses_of
from fastcnn.plan.penalties import penalties_of
from fastcnn.plan.steps import AccumulatingStep


class Plan:
    """The execution plan of a list of layers.

    Args:
        layers: the layers, in order.
        input_shape: shape of the first layer's input, with None for the batch.
        loss: a `Loss`, or None.

    Attributes:
        inference: steps from input to output.
        training: steps from the input to the input of `head`.
        head: the `LossHead`, or None without a loss.
        backward: the training steps whose gradients are needed, in reverse order.
        penalties: the `Penalties` of the regularizers, or None.
    """

    def __init__(self, layers, input_shape, loss=None):
        self.inference = fuse(uses_of(layers, input_shape))
        self.training = list(self.inference)
        self.head = None if loss is None else make_head(loss, self.training)
        trainable = [index for index, step in enumerate(self.training) if step.trainable_weights]
        first = trainable[0] if trainable else len(self.training)
        for index, step in enumerate(self.training):
            step.expect_gradient(read=index != first, consume=True)
        self.backward = self.training[first:][::-1]
        if self.head:
            self._refuse_own_layers_at_several_positions()
        self.penalties = penalties_of(layers, self.training)
        self._forwards = [step.forward for step in self.inference]
        self._training_forwards = [step.forward for step in self.training]
        self._backwards = [step.backward for step in accumulated(self.backward)]
        self._entry = next((i for i, step in enumerate(self.inference) if not step.is_view), None)

    def _refuse_own_layers_at_several_positions(self):
        own = Counter(step.layer for step in self.backward if isinstance(step, UserStep))
        for layer, count in own.items():
            if count > 1:
                raise NotImplementedError(
                    f"The layer {layer.name!r} overrides `forward` and is used at {count} "
                    "positions of the model. Its `backward` knows only the last `forward`: to "
                    "train it, create a layer for each position."
                )

    # ------------------------------------------------------------------------------------ running

    def forward(self, x, training=None):
        """The model's output for a batch x, in a buffer of the plan."""
        for forward in self._forwards:
            x = forward(x, training)
        return x

    def forward_in_place(self, x, training=None):
        """`forward` that reads x where it is, without copying it first; not for training.

        Runs the first step that is not a view directly on x. Returns None if x cannot be used in
        place; nothing has been computed then.
        """
        flags = x.flags
        if x.dtype != np.float32 or not (flags.c_contiguous and flags.aligned):
            return None
        if self._entry is None:
            return None
        y = self.inference[self._entry].read_from(x.reshape(len(x), -1))
        if y is not None:
            for forward in self._forwards[self._entry + 1 :]:
                y = forward(y, training)
        return y

    def compute_loss(self, batch, training):
        """Run a loaded batch through all steps and the head; return the gradient at the head."""
        y = batch.x
        for forward in self._training_forwards:
            y = forward(y, training)
        dy = self.head.step(y, batch)
        if self.penalties is not None:
            self.penalties.measure()
        return dy

    def backpropagate(self, dy):
        """Compute the gradients of all trainable weights."""
        for backward in self._backwards:
            dy = backward(dy)
        if self.penalties is not None:
            self.penalties.add_gradients()

    @property
    def penalty(self):
        """What the regularizers add to the loss of the last batch, or None."""
        return None if self.penalties is None else self.penalties.value

    # ------------------------------------------------------------------------------------- showing

    def describe(self):
        """The backend, then a line per training step: its shapes and its kernels' algorithms."""
        if config.backend() == "native":
            where = f"native, {kernels.instruction_set()}, {config.num_threads()} threads"
        else:
            where = "reference (NumPy)"
        rows = [step.describe() for step in self.training]
        if self.head:
            rows.append((repr(self.head), "", ""))
        wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
        lines = [f"{name:<{wide[0]}}  {shape:<{wide[1]}}  {chosen}" for name, shape, chosen in rows]
        return "\n".join([where, *(line.rstrip() for line in lines)])


def accumulated(steps):
    """The steps of a backward pass; the gradients of a repeated layer are accumulated."""
    written = set()
    for step in steps:
        weights = step.trainable_weights
        again = [weight for weight in weights if weight in written]
        yield AccumulatingStep(step, again) if again else step
        written.update(weights)
