"""Runs the steps of a graph in order: forward, the losses, and backward.

The steps are grouped into segments, chains in which each result goes to the next step only. A
segment passes the results on directly; between segments they are kept in a list of values. A
model without forks and merges is one segment.
"""

from collections import Counter

import numpy as np

from fastcnn.layers.identity import Identity
from fastcnn.layers.steps import IdentityStep
from fastcnn.plan.backward import Backward
from fastcnn.plan.penalties import ActivityStep, penalties_of


class Program:
    """The steps of a graph, in one mode.

    Args:
        steps: the steps, each after those whose results it reads.
        graph: the `Graph`.
        heads: for each output a `LossHead` or None; empty without losses.

    Attributes:
        chain: the `forward` of each step, if a single segment leads from the input to the output;
            otherwise None. A chain runs without the list of values: in a small model that shows.
        outputs: the numbers of the values that `forward` returns, or that the heads read.
        predictions: what the model returned for each output in the last `compute_loss`.
        penalties: the `Penalties` of the regularizers with the last batch's `value`, or None.
    """

    def __init__(self, steps, graph, heads=()):
        self.heads = list(heads)
        self.inputs, self.outputs = graph.inputs, list(graph.outputs)
        self.steps = steps = list(steps)
        self._give_each_head_a_value(graph)
        readers = Counter(value for step in steps for value in step.reads)
        readers.update(self.outputs)
        self._values = [None] * len(graph.shapes)
        self.segments = []
        for step in steps:
            last = self.segments[-1][-1] if self.segments else None
            follows = last is not None and step.reads == (last.writes,) and not step.takes_list
            if follows and readers[last.writes] == 1:
                self.segments[-1].append(step)
            else:
                self.segments.append([step])
        self._forwards = [
            (
                segment[0].reads if segment[0].takes_list else segment[0].reads[0],
                [step.forward for step in segment],
                segment[-1].writes,
            )
            for segment in self.segments
        ]
        self.chain = self._find_chain()
        self._find_entry(readers)
        self._losses = [(i, head) for i, head in enumerate(self.heads) if head is not None]
        self.penalties = penalties_of(graph.layers, steps)

    def _give_each_head_a_value(self, graph):
        """Let a second head of one value, or one of an input, read the value's own copy."""
        seen = set(self.inputs)
        for index, head in enumerate(self.heads):
            if head is None:
                continue
            value = self.outputs[index]
            if value in seen:
                step = IdentityStep(Identity(name="copy"))
                step.reads, step.writes = (value,), graph.add_value(graph.shapes[value])
                self.steps.append(step)
                self.outputs[index] = step.writes
            seen.add(value)

    def _find_chain(self):
        if len(self._forwards) != 1 or len(self.inputs) != 1:
            return None
        ((source, forwards, target),) = self._forwards
        return forwards if source == self.inputs[0] and self.outputs == [target] else None

    def _find_entry(self, readers):
        """Find the step that can read an array of the user in place of the input's buffer."""
        self._entry = None
        if len(self.inputs) != 1 or readers[self.inputs[0]] != 1 or not self.segments:
            return
        first = self.segments[0]
        index = next((i for i, step in enumerate(first) if not step.is_view), None)
        if index is not None and not first[index].takes_list:
            self._entry = first[index].read_from, [s.forward for s in first[index + 1 :]]

    # ------------------------------------------------------------------------------------ running

    def forward(self, inputs, training=None):
        """The list of outputs for a list of input buffers; the outputs are buffers as well."""
        if self.chain is not None:
            (x,) = inputs
            for forward in self.chain:
                x = forward(x, training)
            return [x]
        values = self._values
        values[: len(inputs)] = inputs
        return self._run(self._forwards, training)

    def _run(self, segments, training):
        values = self._values
        for source, forwards, target in segments:
            if type(source) is int:
                x = values[source]
            else:
                x = tuple([values[value] for value in source])
            for forward in forwards:
                x = forward(x, training)
            values[target] = x
        return [values[value] for value in self.outputs]

    def forward_in_place(self, x, training=None):
        """`forward` that reads the only input x where it is, without copying it first.

        Runs the first step that is not a view directly on x. Returns None if x cannot be used in
        place; nothing has been computed then.
        """
        flags = x.flags
        if self._entry is None or x.dtype != np.float32:
            return None
        if not (flags.c_contiguous and flags.aligned):
            return None
        read_from, forwards = self._entry
        y = read_from(x.reshape(len(x), -1))
        if y is None:
            return None
        for forward in forwards:
            y = forward(y, training)
        _, _, target = self._forwards[0]
        self._values[target] = y
        return self._run(self._forwards[1:], training)[0]

    def compute_loss(self, batch, training, penalties=True):
        """Run a loaded batch through all steps and heads; return the gradient at each head.

        `penalties` is whether to measure those as well.
        """
        results = self.forward(batch.inputs, training)
        targets, weights = batch.targets, batch.weights
        gradients = []
        for index, head in self._losses:
            gradients.append(head.step(results[index], targets[index], weights[index]))
            results[index] = head.predictions
        self.predictions = results
        if penalties and self.penalties is not None:
            self.penalties.measure()
        return gradients

    def expect_batch(self, size):
        """Average over batches of `size` samples, of which each `compute_loss` gets a part."""
        for _, head in self._losses:
            head.expect_batch(size)
        for step in self.steps:
            if isinstance(step, ActivityStep):
                step.batch_size = size

    def backward(self):
        """The `Backward` pass from the heads."""
        sources = [self.outputs[index] for index, _ in self._losses]
        return Backward(self.segments, sources, len(self._values))
