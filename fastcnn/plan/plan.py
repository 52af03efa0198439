"""The execution plan of a model: the programs that run its graph, and its losses.

A `Plan` is created from the graph of a model (nested models flattened) and its losses. It owns its
steps and their buffers; nothing is written into the layers, which other models may use. Only the
plan knows in which order steps run and what one passes to the next: models and training call
`forward`, `compute_loss` and `backpropagate`.
"""

from functools import cached_property

from fastcnn import config, kernels
from fastcnn.plan.head import make_heads
from fastcnn.plan.memory import share_memory, write_into_concatenations
from fastcnn.plan.patterns import fuse, open_gradients
from fastcnn.plan.program import Program


class Plan:
    """The execution plan of a graph.

    Args:
        graph: the `Graph` of the model.
        losses: for each output a `Loss` or None; empty if the model is not compiled.
        loss_weights: the factor of each loss.

    Attributes:
        inference: the `Program` of predictions; its steps share memory.
        evaluation, training: the programs that end in the losses.
        backward: the `Backward` pass of `training`.
    """

    def __init__(self, graph, losses=(), loss_weights=()):
        self.graph = graph
        steps = fuse(graph, training=False)
        write_into_concatenations(steps, graph.outputs, training=False)
        share_memory(steps, graph)
        self.inference = Program(steps, graph)
        self._training_steps = fuse(graph, training=True)
        open_gradients(self._training_steps, graph.outputs)
        write_into_concatenations(self._training_steps, graph.outputs, training=True)
        self._last = self.inference  # the program that ran last
        self.backward = None
        if any(losses):
            heads, steps = make_heads(losses, loss_weights, steps, graph)
            self.evaluation = Program(steps, graph, heads)
            heads, steps = make_heads(losses, loss_weights, self._training_steps, graph)
            self.training = Program(steps, graph, heads)
            self.backward = self.training.backward()
            weights = {weight for layer in graph.layers for weight in layer.trainable_weights}
            self._without_gradient = list(weights - self.backward.weights)
            if self.training.penalties is not None:  # one pass over the weights for both
                self.training.penalties.by_gradients = bool(self.backward.steps)

    @cached_property
    def _training_outputs(self):
        """The program of `forward` with training=True, which returns the outputs."""
        return Program(self._training_steps, self.graph)

    @cached_property
    def unfused(self):
        """The `Unfused` steps, for calls by hand."""
        from fastcnn.plan.unfused import Unfused

        return Unfused(self.graph)

    # ------------------------------------------------------------------------------------ running

    def forward(self, inputs, training=None):
        """The list of outputs for a list of inputs, in buffers of the plan."""
        program = self._last = self._training_outputs if training else self.inference
        return program.forward(inputs, training)

    def predict(self, batch):
        """`forward` of a loaded batch outside of training."""
        return self.forward(batch.inputs, False)

    def forward_one(self, x, training=None):
        """`forward` of a model with one input and one output: a buffer for an array."""
        program = self._last = self._training_outputs if training else self.inference
        if program.chain is None:
            return program.forward((x,), training)[0]
        for forward in program.chain:
            x = forward(x, training)
        return x

    def forward_in_place(self, x, training=None):
        """`forward` for the only input; see `Program.forward_in_place`."""
        return self.inference.forward_in_place(x, training)

    def compute_loss(self, batch, training, penalties=True):
        """Run a loaded batch through all steps and heads; return the program that did."""
        program = self._last = self.training if training else self.evaluation
        self._gradients = program.compute_loss(batch, training, penalties)
        return program

    def backpropagate(self, penalties=True):
        """Compute the gradients of all trainable weights, after `compute_loss` in training."""
        self.backward.run(self._gradients)
        for weight in self._without_gradient:  # no loss depends on it; another model may have one
            weight.gradient[...] = 0
        if penalties and self.training.penalties is not None:
            self.training.penalties.add_gradients()

    @property
    def output_penalties(self):
        """The penalty of each regularized output of the last batch."""
        penalties = self._last.penalties
        return [] if penalties is None else penalties.of_outputs()

    # ------------------------------------------------------------------------------------- showing

    def describe(self):
        """The backend, then a line per training step: its shapes and its kernels' algorithms.

        If the model is not a chain, a line begins with the values that the step reads and writes.
        """
        if config.backend() == "native":
            where = f"native, {kernels.instruction_set()}, {config.num_threads()} threads"
        else:
            where = "reference (NumPy)"
        program = self.training if self.backward else self._training_outputs
        is_chain = len(program.segments) == 1 and len(program.outputs) == 1
        rows = [(step.edges(), *step.describe()) for step in program.steps]
        for head, value in zip(program.heads, program.outputs, strict=False):
            if head is not None:
                rows.append((f"{value} ->", repr(head), "", ""))
        if is_chain:
            rows = [row[1:] for row in rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
            for row in rows
        ]
        return "\n".join([where, *(line.rstrip() for line in lines)])
