"""What runs when a model computes: its steps in order, forward and backward, and the loss.

A `Plan` is made from the layers of a model (nested models already taken apart) and its loss. It
owns its steps and their buffers; nothing is written into the layers, which other models may use.
Only the plan knows in which order steps run and what one hands to the next: models and training
call `forward`, `compute_loss` and `backpropagate`.
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
    """What runs for a list of layers.

    Args:
        layers: the layers, in order.
        input_shape: that of the first one's input, with the batch as None.
        loss: a `Loss`, or None.

    Attributes:
        inference: steps from input to output.
        training: steps from input to what `head` takes.
        head: the `LossHead`, or None without a loss.
        backward: the training steps whose gradients somebody reads, last one first.
        penalties: what regularizers add, or None.
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
                    f"The layer {layer.name!r} has a `forward` of its own and stands at {count} "
                    "positions of the model. Its `backward` knows only the last `forward`: use "
                    "a layer object for each position to train it."
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
        place; then nothing has been computed.
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
        """Run a loaded batch through to the head, which then has its losses; the gradient there."""
        y = batch.x
        for forward in self._training_forwards:
            y = forward(y, training)
        dy = self.head.step(y, batch)
        if self.penalties is not None:
            self.penalties.measure()
        return dy

    def backpropagate(self, dy):
        """Write the gradients of all trainable weights."""
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
        """What computes, then a line per training step: shapes, and its kernels' algorithms."""
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
    """The steps of a backward pass; where a layer comes again, its gradients are added up."""
    written = set()
    for step in steps:
        weights = step.trainable_weights
        again = [weight for weight in weights if weight in written]
        yield AccumulatingStep(step, again) if again else step
        written.update(weights)
