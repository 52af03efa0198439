"""The layers of a graph in steps of their own, run forward and backward by hand.

Nothing is fused, and no loss is at the end: for checks and experiments.
"""

from functools import cached_property

import numpy as np

from fastcnn.plan.backward import Backward
from fastcnn.plan.patterns import single_steps
from fastcnn.plan.program import Program


class Unfused:
    """The steps of a `Graph`, one for each use."""

    def __init__(self, graph):
        self._graph = graph
        self._program = Program(single_steps(graph), graph)
        self._inputs = []

    @cached_property
    def _backward(self):
        sources = list(dict.fromkeys(self._graph.outputs))
        size = len(self._graph.shapes)
        return Backward(self._program.segments, sources, size, wanted=self._graph.inputs)

    def forward(self, inputs, training=False):
        """The list of outputs for a list of inputs, in buffers of the steps."""
        self._inputs = inputs
        return self._program.forward(inputs, training)

    def backward(self, gradients):
        """The gradients of the inputs for those of the outputs; writes those of the weights."""
        totals = {}  # the backward pass overwrites them
        for value, dy in zip(self._graph.outputs, gradients, strict=True):
            totals[value] = totals[value] + dy if value in totals else dy.copy()
        self._backward.run(totals.values())
        found = [self._backward.gradient(value) for value in self._graph.inputs]
        return [
            np.zeros_like(x) if dx is None else dx
            for x, dx in zip(self._inputs, found, strict=True)
        ]
